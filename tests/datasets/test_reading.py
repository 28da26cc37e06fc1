"""Reading sources: what is unlabelled stays unknown, what is unexplained is refused."""

from pathlib import Path

import pytest

from datasets.label_corrections import read_verdicts
from datasets.reading import DataError, read_pixels, read_source, read_sources
from datasets.records import LabelledImage, Split
from datasets.sources import BY_NAME, SOURCES, Source
from datasets.taxonomy import BY_KEY
from tests.datasets.streets import Rows, write_source

SMARTATHON = ["GRAFFITI", "POTHOLES", "GARBAGE", "BAD_STREETLIGHT"]
CORRECTED_STEM, CORRECTED_ROW = next(iter(read_verdicts("smartathon")))


def read_smartathon(tmp_path: Path, labels: str, stem: str = "street") -> LabelledImage:
    folder = write_source(tmp_path, "smartathon", SMARTATHON, {stem: ("1", "train", labels)})
    (image,) = read_source(folder, BY_NAME["smartathon"])
    return image


def read_bianka(tmp_path: Path, group: str, labels: str) -> LabelledImage:
    rows: Rows = {"road": (group, "train", labels)}
    folder = write_source(tmp_path, "bianka_br_highway", ["crack", "pothole"], rows, size=(40, 80))
    (folder / "lane_bbox.csv").write_text("stem,x0,y0,x1,y1\nroad,0.25,0.0,0.75,1.0\n", encoding="utf-8")
    (image,) = read_source(folder, BY_NAME["bianka_br_highway"])
    return image


def test_classes_a_source_does_not_label_are_unknown_there(tmp_path: Path) -> None:
    image = read_smartathon(tmp_path, "2 0.5 0.5 0.2 0.2\n")
    assert [box.class_key for box in image.boxes] == ["garbage"]
    assert {"garbage", "graffiti", "pothole"} <= image.labelled_classes
    assert not {"standing_water", "road_crack"} & image.labelled_classes


def test_an_unclear_pothole_label_makes_the_road_surface_unknown_in_its_picture(tmp_path: Path) -> None:
    image = read_smartathon(tmp_path, "1 0.5 0.5 0.2 0.2\n2 0.1 0.1 0.1 0.1\n")
    assert [box.class_key for box in image.boxes] == ["garbage"]
    assert not {"pothole", "road_crack"} & image.labelled_classes


@pytest.mark.parametrize(
    ("verdict", "found", "labelled"),
    [
        ("pothole", ["pothole"], {"pothole"}),
        ("road_crack", ["road_crack"], {"pothole", "road_crack"}),
        ("other", [], {"pothole"}),
        ("unclear", [], set()),
    ],
)
def test_a_correction_decides_what_a_label_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, found: list[str], labelled: set[str]
) -> None:
    monkeypatch.setattr("datasets.reading.read_verdicts", lambda _: {("street", 0): ("POTHOLES", verdict)})
    image = read_smartathon(tmp_path, "1 0.5 0.5 0.2 0.2\n")
    assert [box.class_key for box in image.boxes] == found
    assert image.labelled_classes & {"pothole", "road_crack"} == labelled


def test_a_correction_whose_label_has_changed_is_refused(tmp_path: Path) -> None:
    labels = "2 0.5 0.5 0.2 0.2\n" * (CORRECTED_ROW + 1)
    with pytest.raises(DataError, match="the labels have changed"):
        read_smartathon(tmp_path, labels, CORRECTED_STEM)


def test_every_correction_has_one_of_the_four_verdicts() -> None:
    verdicts = [verdict for _, verdict in read_verdicts("smartathon").values()]
    assert {v: verdicts.count(v) for v in set(verdicts)} == {
        "pothole": 58,
        "road_crack": 152,
        "other": 68,
        "unclear": 138,
    }


def test_survey_frames_are_cropped_to_the_lane_that_was_labelled(tmp_path: Path) -> None:
    image = read_bianka(tmp_path, "any", "1 0.5 0.5 0.25 0.5\n1 0.9 0.5 0.1 0.5\n")
    assert [box.xyxy_fraction for box in image.boxes] == [(0.25, 0.25, 0.75, 0.75)]
    assert read_pixels(image).shape == (40, 40, 3)


def test_a_segment_that_labels_no_cracks_leaves_cracks_unknown(tmp_path: Path) -> None:
    image = read_bianka(tmp_path, "RS_290_290RS150131", "1 0.5 0.5 0.2 0.2\n")
    assert image.labelled_classes == {"pothole"}


def test_a_label_name_the_table_does_not_explain_is_refused(tmp_path: Path) -> None:
    folder = write_source(tmp_path, "smartathon", ["METEOR"], {"a": ("1", "val", "0 0.5 0.5 0.2 0.2\n")})
    with pytest.raises(DataError, match="METEOR"):
        list(read_source(folder, BY_NAME["smartathon"]))


@pytest.mark.parametrize("row", ["9 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2", "x 0.5 0.5 0.2 0.2", "0 nan 0.5 0.2 0.2"])
def test_a_label_row_that_is_not_yolo_is_refused_with_its_text(tmp_path: Path, row: str) -> None:
    with pytest.raises(DataError, match=row):
        read_smartathon(tmp_path, row)


def test_an_evaluation_only_source_is_refused_in_train(tmp_path: Path) -> None:
    folder = write_source(tmp_path, "neg_camvid", ["none"], {"a": ("1", "train", "")})
    with pytest.raises(DataError, match="outside train"):
        list(read_source(folder, BY_NAME["neg_camvid"]))


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="check the path"):
        read_sources(tmp_path)


def test_a_picture_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path) -> None:
    missing = LabelledImage(tmp_path / "gone.webp", "s", "g", Split.VAL, (), frozenset())
    with pytest.raises(DataError, match=r"gone\.webp"):
        read_pixels(missing)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_source_speaks_of_classes_in_the_taxonomy(source: Source) -> None:
    spoken = source.labelled | source.labelled_where_boxed
    for classes in (*source.unclear.values(), *source.unlabelled_in_groups.values()):
        spoken |= classes
    assert spoken <= BY_KEY.keys()


def test_water_filled_potholes_leave_standing_water_unknown() -> None:
    for name in ("chitholian_665", "india_obstacle_pothole"):
        assert "standing_water" not in BY_NAME[name].labelled
