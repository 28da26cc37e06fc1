"""`rasid data audit` on a tiny data folder: counts, leaks, reports and the exit code."""

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from datasets import label_corrections
from datasets.cli import data
from tests.datasets.streets import write_source
from tests.datasets.test_audit_alike import street


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sources; graffiti_athens/a (train) and b (test) show one street, c (train) and d (train) are one picture."""
    tables = tmp_path / "corrections"
    (tables / "boxes").mkdir(parents=True)
    monkeypatch.setattr(label_corrections, "CORRECTIONS", tables)
    box = "0 0.5 0.5 0.2 0.2\n"
    rows = {"a": ("1", "train", box), "b": ("2", "test", box), "c": ("3", "train", ""), "d": ("3", "train", "")}
    folder = write_source(tmp_path / "shared" / "data", "graffiti_athens", ["Graffiti"], rows)
    whole = street(1, (400, 520))
    pictures = {"a": whole[:300, :400], "b": whole[40:340, 60:460], "c": street(5), "d": street(5)}
    for stem, picture in pictures.items():
        cv2.imwrite(str(folder / "images" / f"{stem}.webp"), picture)
    write_source(tmp_path / "shared" / "data", "neg_udacity", ["none"], {"e": ("4", "val", "")}, size=(60, 90))
    return tmp_path / "shared"


def run(shared: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(data, ["audit", "--shared", str(shared), *more])
    return result.exit_code, result.stdout


def test_one_street_in_two_splits_is_a_leak_and_one_picture_twice_a_repeat(shared: Path, tmp_path: Path) -> None:
    assert run(shared, "--json", str(tmp_path / "audit.json"))[0] == 0
    found = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert [(p["first"]["stem"], p["second"]["stem"]) for p in found["leaks"]] == [("a", "b")]
    assert [(p["first"]["stem"], p["second"]["stem"], p["bits"]) for p in found["repeats"]] == [("c", "d", 0)]
    assert found["repeated_share"]["graffiti_athens/train"] == pytest.approx(2 / 3, abs=1e-4)


def test_strict_fails_until_the_leak_is_left_out(shared: Path, tmp_path: Path) -> None:
    assert run(shared, "--strict")[0] == 1
    leaks = "source,stem,reason\ngraffiti_athens,a,the street of b\n"
    (tmp_path / "corrections" / "leaks.csv").write_text(leaks, encoding="utf-8")
    assert run(shared, "--strict")[0] == 0


def test_a_pair_that_was_looked_at_and_differs_is_no_leak(shared: Path, tmp_path: Path) -> None:
    line = "source,stem,other_source,other_stem,reason\ngraffiti_athens,b,graffiti_athens,a,one logo\n"
    (tmp_path / "corrections" / "different_scenes.csv").write_text(line, encoding="utf-8")
    assert run(shared, "--strict")[0] == 0


def test_a_scene_group_in_two_splits_is_named(shared: Path, tmp_path: Path) -> None:
    groups = shared / "data" / "neg_udacity" / "groups.csv"
    groups.write_text("stem,group,split\ne,4,val\nf,4,test\n", encoding="utf-8")
    cv2.imwrite(str(groups.parent / "images" / "f.webp"), street(9))
    assert run(shared, "--json", str(tmp_path / "audit.json"))[0] == 0
    assert json.loads((tmp_path / "audit.json").read_text("utf-8"))["split_groups"] == ["neg_udacity/4"]


def test_counts_sizes_and_licences_are_those_of_the_folder(shared: Path, tmp_path: Path) -> None:
    run(shared, "--json", str(tmp_path / "audit.json"))
    found = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    train = next(c for c in found["classes"] if (c["source"], c["split"]) == ("graffiti_athens", "train"))
    assert (train["pictures_labelled"], train["pictures_with_box"], train["boxes"]) == (3, 1, 1)
    (sizes,) = found["box_sizes"]
    assert sizes["median_side_px"] == pytest.approx(69.3)  # root of (0.2 x 400) x (0.2 x 300)
    assert (sizes["small"], sizes["medium"], sizes["large"], sizes["median_share"]) == (0, 2, 0, 0.04)
    assert {(row["source"], row["pictures"]) for row in found["licences"]} == {
        ("graffiti_athens", 4),
        ("neg_udacity", 1),
    }
    assert ("neg_udacity", "90 x 60") in {(p["source"], p["usual_size_px"]) for p in found["pictures"]}


def test_corrections_are_counted_by_action_with_their_reasons(shared: Path, tmp_path: Path) -> None:
    lines = [
        "stem,split,row,action,class_key,x0,y0,x1,y1,reason",
        "a,train,0,ignore,graffiti,,,,,a shop sign",
        "c,train,,add,graffiti,0.1,0.1,0.3,0.3,missed",
        "d,train,,add,graffiti,0.1,0.1,0.3,0.3,missed",
    ]
    (tmp_path / "corrections" / "boxes" / "graffiti_athens.csv").write_text("\n".join(lines), encoding="utf-8")
    run(shared, "--json", str(tmp_path / "audit.json"))
    counted = json.loads((tmp_path / "audit.json").read_text("utf-8"))["corrections"]
    assert [(row["split"], row["action"], row["count"], row["reasons"]) for row in counted] == [
        ("train", "add", 2, {"missed": 2}),
        ("train", "ignore", 1, {"a shop sign": 1}),
    ]


def test_a_missing_picture_is_a_finding_and_stops_nothing(shared: Path, tmp_path: Path) -> None:
    (shared / "data" / "graffiti_athens" / "images" / "b.webp").unlink()
    assert run(shared, "--json", str(tmp_path / "audit.json"))[0] == 0
    findings = json.loads((tmp_path / "audit.json").read_text("utf-8"))["findings"]
    assert [(f["stem"], f["problem"]) for f in findings] == [("b", "picture file missing")]


def test_the_report_is_written_with_every_part(shared: Path, tmp_path: Path) -> None:
    assert run(shared, "--out", str(tmp_path / "out"))[0] == 0
    page = (tmp_path / "out" / "audit.md").read_text("utf-8")
    for part in ("Pictures", "Classes", "Box sizes", "Leaks across splits", "Repeats", "Label problems", "Licences"):
        assert f"## {part}" in page
    assert "| graffiti_athens/a | train | graffiti_athens/b | test |" in page
    assert json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))["leaks"]


def test_the_plots_are_written_where_matplotlib_is_installed(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run(shared, "--out", str(tmp_path / "out"))
    for name in ("boxes_by_source.png", "box_sides.png"):
        plot = cv2.imread(str(tmp_path / "out" / name))
        assert plot is not None
        assert plot.std() > 10
        assert f"({name})" in (tmp_path / "out" / "audit.md").read_text("utf-8")


def test_a_folder_without_sources_is_refused_without_a_traceback(tmp_path: Path) -> None:
    result = CliRunner().invoke(data, ["audit", "--shared", str(tmp_path)])
    assert result.exit_code == 2
    assert "check the path" in result.stderr
