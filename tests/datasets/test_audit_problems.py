"""Labels that cannot be right are named by file and line, and fine ones are left alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import label_corrections
from datasets.audit_problems import Problem, find_problems, iou, row_problems
from datasets.records import XyxyFraction
from datasets.sources import BY_NAME
from tests.datasets.streets import write_source

FINE = (0.2, 0.2, 0.4, 0.4)
SIZE_PX = (100.0, 100.0)
boxes = st.tuples(st.floats(0, 0.45), st.floats(0, 0.45), st.floats(0.55, 1), st.floats(0.55, 1))


def problems(*rows: tuple[str, XyxyFraction]) -> list[tuple[int | None, Problem]]:
    numbered = [(line, name, box) for line, (name, box) in enumerate(rows)]
    return [(line, problem) for line, problem, _ in row_problems(numbered, SIZE_PX)]


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ((-0.01, 0.2, 0.4, 0.4), Problem.OUTSIDE),
        ((0.2, 0.2, 0.4, 1.01), Problem.OUTSIDE),
        ((0.2, 0.2, 0.2, 0.4), Problem.DEGENERATE),
        ((0.4, 0.2, 0.2, 0.4), Problem.DEGENERATE),
        ((0.2, 0.2, 0.239, 0.4), Problem.TINY),
        ((0.0, 0.0, 1.0, 0.91), Problem.WHOLE_PICTURE),
    ],
)
def test_a_box_that_cannot_be_right_is_found(box: XyxyFraction, problem: Problem) -> None:
    assert problems(("garbage", box)) == [(0, problem)]


@pytest.mark.parametrize("box", [FINE, (0.0, 0.0, 1.0, 0.9), (0.2, 0.2, 0.241, 0.4), (-0.00005, 0.2, 0.4, 0.4)])
def test_a_fine_box_is_left_alone(box: XyxyFraction) -> None:
    assert problems(("garbage", box)) == []


def test_the_same_class_twice_on_one_place_is_found_at_the_second_row() -> None:
    assert problems(("garbage", FINE), ("garbage", (0.2, 0.2, 0.4, 0.401))) == [(1, Problem.DOUBLED)]
    assert problems(("garbage", FINE), ("garbage", (0.2, 0.2, 0.4, 0.42))) == []


def test_two_classes_on_one_place_are_found_at_the_second_row() -> None:
    assert problems(("garbage", FINE), ("sand_rubble", (0.2, 0.2, 0.4, 0.42))) == [(1, Problem.TWO_CLASSES)]
    assert problems(("garbage", FINE), ("sand_rubble", (0.2, 0.2, 0.4, 0.5))) == []


@given(first=boxes, second=boxes)
def test_overlap_is_between_none_and_all_and_the_same_both_ways(first: XyxyFraction, second: XyxyFraction) -> None:
    assert 0 <= iou(first, second) <= 1 + 1e-9
    assert iou(first, second) == iou(second, first)
    assert iou(first, first) == pytest.approx(1)


def test_files_that_do_not_belong_together_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tmp_path / "corrections"
    tables.mkdir()
    (tables / "leaks.csv").write_text("source,stem,reason\ngraffiti_athens,gone,x\n", encoding="utf-8")
    monkeypatch.setattr(label_corrections, "CORRECTIONS", tables)
    rows = {"a": ("g", "train", "0 0.5 0.5 0.2 0.2\n"), "b": ("g", "val", "")}
    folder = write_source(tmp_path, "graffiti_athens", ["Graffiti"], rows)
    (folder / "labels" / "a.txt").rename(folder / "labels" / "stranger.txt")
    (folder / "images" / "b.webp").unlink()
    found = list(find_problems(folder, BY_NAME["graffiti_athens"], {"a": (80, 40)}))
    assert {(finding.stem, finding.problem) for finding in found} == {
        ("a", Problem.NO_LABEL_FILE),
        ("b", Problem.NO_PICTURE),
        ("stranger", Problem.UNKNOWN_LABEL_FILE),
        ("gone", Problem.UNKNOWN_CORRECTED),
    }


def test_a_corrected_row_is_no_problem_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tmp_path / "corrections"
    (tables / "boxes").mkdir(parents=True)
    line = "stem,split,row,action,class_key,x0,y0,x1,y1,reason\na,train,0,remove,graffiti,,,,,the whole wall\n"
    (tables / "boxes" / "graffiti_athens.csv").write_text(line, encoding="utf-8")
    monkeypatch.setattr(label_corrections, "CORRECTIONS", tables)
    folder = write_source(tmp_path, "graffiti_athens", ["Graffiti"], {"a": ("g", "train", "0 0.5 0.5 1 1\n")})
    source = BY_NAME["graffiti_athens"]
    assert list(find_problems(folder, source, {})) == []
    assert [f.problem for f in find_problems(folder, source, {}, corrected=False)] == [Problem.WHOLE_PICTURE]
