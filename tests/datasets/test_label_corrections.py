"""Corrections change what was looked at, and are refused once the labels under them have changed."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import label_corrections
from datasets.errors import DataError
from datasets.label_corrections import LabelRow, correct_rows, read_box_corrections, read_leaks
from datasets.reading import read_source, read_sources
from datasets.records import LabelledImage, Split
from datasets.sources import BY_NAME, SOURCES, Source
from tests.datasets.streets import write_source

NAMES = ["GRAFFITI", "POTHOLES", "GARBAGE"]
TWO_HEAPS = "2 0.5 0.5 0.2 0.2\n2 0.2 0.2 0.1 0.1\n"
COLUMNS = ["stem", "split", "row", "action", "class_key", "x0", "y0", "x1", "y1", "reason"]


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty corrections folder in place of the project's own."""
    folder = tmp_path / "corrections"
    (folder / "boxes").mkdir(parents=True)
    monkeypatch.setattr(label_corrections, "CORRECTIONS", folder)
    return folder


def write_corrections(tables: Path, *lines: str, source: str = "smartathon") -> None:
    with (tables / "boxes" / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(line.split(",") for line in lines)])


def read_street(tmp_path: Path, labels: str, corrected: bool = True, split: str = "train") -> LabelledImage:
    folder = write_source(tmp_path / "data", "smartathon", NAMES, {"street": ("1", split, labels)})
    (folder.parent.parent / "corrections" / "smartathon.csv").write_text("stem,row,label,verdict\n", encoding="utf-8")
    (image,) = read_source(folder, BY_NAME["smartathon"], corrected)
    return image


def keys(image: LabelledImage) -> list[str]:
    return [box.class_key for box in image.boxes]


def test_a_removed_row_is_gone_and_the_others_stay(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,0,remove,garbage,,,,,a shadow")
    image = read_street(tmp_path, TWO_HEAPS)
    assert [box.xyxy_fraction for box in image.boxes] == [pytest.approx((0.15, 0.15, 0.25, 0.25))]
    assert "garbage" in image.labelled_classes


def test_a_renamed_row_keeps_its_box(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,1,rename,sand_rubble,,,,,soil")
    image = read_street(tmp_path, TWO_HEAPS)
    assert keys(image) == ["garbage", "sand_rubble"]
    assert image.boxes[1].xyxy_fraction == pytest.approx((0.15, 0.15, 0.25, 0.25))


def test_a_moved_row_keeps_its_class(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,0,move,garbage,0.1,0.2,0.3,0.4,too wide")
    image = read_street(tmp_path, TWO_HEAPS)
    assert keys(image) == ["garbage", "garbage"]
    assert image.boxes[0].xyxy_fraction == (0.1, 0.2, 0.3, 0.4)


def test_an_added_box_joins_the_labelled_ones(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,,add,graffiti,0.1,0.2,0.3,0.4,missed")
    assert keys(read_street(tmp_path, TWO_HEAPS)) == ["garbage", "garbage", "graffiti"]


@pytest.mark.parametrize("row", ["0", ""])
def test_an_ignored_class_is_unknown_in_its_picture(tmp_path: Path, tables: Path, row: str) -> None:
    write_corrections(tables, f"street,train,{row},ignore,garbage,,,,,unclear extent")
    image = read_street(tmp_path, TWO_HEAPS + "0 0.5 0.5 0.1 0.1\n")
    assert keys(image) == ["graffiti"]
    assert "garbage" not in image.labelled_classes


def test_without_corrections_labels_are_taken_at_their_word(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,0,remove,garbage,,,,,a shadow")
    assert keys(read_street(tmp_path, TWO_HEAPS, corrected=False)) == ["garbage", "garbage"]


def test_an_unclear_row_may_be_removed_as_any_class_it_could_be(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "street,train,0,remove,road_crack,,,,,a patch")
    image = read_street(tmp_path, "1 0.5 0.5 0.2 0.2\n")
    assert "pothole" in image.labelled_classes


def test_a_correction_on_the_survey_lane_is_in_fractions_of_the_whole_picture(tmp_path: Path, tables: Path) -> None:
    write_corrections(tables, "road,val,,add,pothole,0.5,0.25,0.75,0.75,missed", source="bianka_br_highway")
    folder = write_source(tmp_path / "data", "bianka_br_highway", ["crack", "pothole"], {"road": ("g", "val", "")})
    (folder / "lane_bbox.csv").write_text("stem,x0,y0,x1,y1\nroad,0.5,0.0,1.0,1.0\n", encoding="utf-8")
    (image,) = read_source(folder, BY_NAME["bianka_br_highway"])
    assert [box.xyxy_fraction for box in image.boxes] == [(0.0, 0.25, 0.5, 0.75)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("street,train,7,remove,garbage,,,,,x", "expected a label row 7, got none"),
        ("street,train,0,remove,graffiti,,,,,x", r"row 0, got \['garbage'\]; the labels have changed"),
        ("street,train,0,move,graffiti,0,0,1,1,x", "the labels have changed"),
        ("street,train,0,rename,garbage,,,,,x", "is that class already"),
        ("street,val,0,remove,garbage,,,,,x", "the splits changed"),
        ("street,train,,add,standing_water,0,0,1,1,x", r"got \['standing_water'\]"),
        ("street,train,0,rename,standing_water,,,,,x", r"got \['standing_water'\]"),
    ],
)
def test_a_correction_that_does_not_fit_the_labels_is_refused(
    tmp_path: Path, tables: Path, line: str, said: str
) -> None:
    write_corrections(tables, line)
    with pytest.raises(DataError, match=said):
        read_street(tmp_path, TWO_HEAPS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("street,train,,remove,garbage,,,,,x", "remove expects a row"),
        ("street,train,0,add,garbage,0,0,1,1,x", "add expects no row"),
        ("street,train,,add,garbage,0.5,0,0.2,1,x", "expects x0 < x1"),
        ("street,train,,add,garbage,0,0,1,,x", "expects x0 < x1"),
        ("street,train,0,move,garbage,0,0,1.2,1,x", "x1"),
        ("street,train,0,remove,rubbish,,,,,x", "rubbish"),
        ("street,train,0,delete,garbage,,,,,x", "action"),
        ("street,train,0,remove,garbage,,,,,", "reason"),
        ("street,train,0,remove,garbage,,,,,one,two", "put quotes"),
    ],
)
def test_a_correction_that_says_too_little_or_too_much_is_refused_with_its_line(
    tables: Path, line: str, said: str
) -> None:
    write_corrections(tables, "street,train,1,remove,garbage,,,,,fine", line)
    with pytest.raises(DataError, match=f"smartathon.csv line 3.*{said}"):
        read_box_corrections("smartathon")


def test_two_corrections_of_one_row_are_refused(tables: Path) -> None:
    write_corrections(tables, "a,train,0,remove,garbage,,,,,x", "a,train,0,rename,graffiti,,,,,y")
    with pytest.raises(DataError, match="one correction a row"):
        read_box_corrections("smartathon")


def test_a_correction_in_the_file_of_another_source_is_refused(tables: Path) -> None:
    text = "source,stem,split,row,action,class_key,x0,y0,x1,y1,reason\nneg_udacity,a,val,0,remove,pothole,,,,,x\n"
    (tables / "boxes" / "smartathon.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="got neg_udacity"):
        read_box_corrections("smartathon")


def test_a_source_without_a_corrections_file_has_none(tables: Path) -> None:
    assert read_box_corrections("neg_udacity") == {}
    assert read_leaks("neg_udacity") == {}


@given(lines=st.sets(st.integers(0, 30), max_size=8))
def test_no_correction_changes_no_row(lines: set[int]) -> None:
    rows = [LabelRow(line, "GARBAGE", (0.1, 0.1, 0.2, 0.2)) for line in sorted(lines)]
    assert correct_rows(rows, (), BY_NAME["smartathon"], Split.TRAIN) == rows


@pytest.mark.parametrize("corrected", [True, False])
def test_a_leak_leaves_train_and_val_and_never_test(tmp_path: Path, tables: Path, corrected: bool) -> None:
    rows = {"a": ("1", "train", ""), "b": ("2", "train", ""), "c": ("3", "test", ""), "d": ("4", "val", "")}
    write_source(tmp_path / "data", "flood_street_cn", ["standing_water"], rows)
    leaks = ["source,stem,reason", *(f"flood_street_cn,{stem},x" for stem in "acd"), "neg_udacity,b,x"]
    (tables / "leaks.csv").write_text("\n".join(leaks), encoding="utf-8")
    images = read_sources(tmp_path / "data", corrected=corrected)
    assert [image.image_path.stem for image in images] == ["b", "c"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_corrections_that_ship_can_be_read(source: Source) -> None:
    for corrections in read_box_corrections(source.name).values():
        assert all(correction.reason for correction in corrections)
    assert all(read_leaks(source.name).values())
