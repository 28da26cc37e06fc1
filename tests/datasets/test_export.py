"""The YOLO folder a trainer reads."""

import json
from pathlib import Path

import cv2
import pytest
import yaml

from datasets.export import LABELLED_FILE, export_yolo, limit_images
from datasets.reading import DataError
from datasets.records import LabelledBox, LabelledImage, Split
from datasets.taxonomy import KEYS
from tests.datasets.streets import write_source


def picture(tmp_path: Path, stem: str = "a", source: str = "graffiti_athens", crop: bool = False) -> LabelledImage:
    folder = write_source(tmp_path, source, ["Graffiti"], {stem: ("g", "train", "")})
    return LabelledImage(
        image_path=folder / "images" / f"{stem}.webp",
        source=source,
        group="g",
        split=Split.TRAIN,
        boxes=(LabelledBox("graffiti", (0.25, 0.5, 0.75, 1.0)),),
        labelled_classes=frozenset({"graffiti", "pothole"}),
        crop_fraction=(0.0, 0.0, 0.5, 1.0) if crop else None,
    )


def test_a_label_is_written_as_class_index_centre_and_size(tmp_path: Path) -> None:
    export_yolo([picture(tmp_path)], tmp_path / "out")
    row = (tmp_path / "out/labels/train/graffiti_athens__a.txt").read_text()
    assert row == f"{KEYS.index('graffiti')} 0.500000 0.750000 0.500000 0.500000\n"


def test_the_classes_a_picture_labels_stand_beside_it(tmp_path: Path) -> None:
    export_yolo([picture(tmp_path)], tmp_path / "out")
    labelled = json.loads((tmp_path / "out" / LABELLED_FILE).read_text())
    assert labelled == {"graffiti_athens__a.webp": [KEYS.index("pothole"), KEYS.index("graffiti")]}


def test_a_whole_picture_is_linked_and_a_cropped_one_written(tmp_path: Path) -> None:
    export_yolo([picture(tmp_path), picture(tmp_path, "b", crop=True)], tmp_path / "out")
    folder = tmp_path / "out/images/train"
    assert (folder / "graffiti_athens__a.webp").is_symlink()
    cropped = cv2.imread(str(folder / "graffiti_athens__b.jpg"))
    assert cropped is not None
    assert cropped.shape == (40, 40, 3)


def test_data_yaml_names_all_classes_in_model_order(tmp_path: Path) -> None:
    written = export_yolo([picture(tmp_path)], tmp_path / "out")
    content = yaml.safe_load(written.data_yaml.read_text())
    assert tuple(content["names"].values()) == KEYS
    assert content["train"] == "images/train"


def test_the_hash_changes_with_a_label_and_not_with_a_second_export(tmp_path: Path) -> None:
    image = picture(tmp_path)
    first = export_yolo([image], tmp_path / "out").sha256
    assert export_yolo([image], tmp_path / "out").sha256 == first
    fewer = LabelledImage(image.image_path, image.source, "g", Split.TRAIN, (), image.labelled_classes)
    assert export_yolo([fewer], tmp_path / "out").sha256 != first


def test_an_earlier_export_leaves_nothing_behind(tmp_path: Path) -> None:
    export_yolo([picture(tmp_path, "old")], tmp_path / "out")
    export_yolo([picture(tmp_path, "new")], tmp_path / "out")
    assert [p.name for p in (tmp_path / "out/images/train").iterdir()] == ["graffiti_athens__new.webp"]


def test_a_limit_keeps_the_same_pictures_of_one_source_whatever_their_order(tmp_path: Path) -> None:
    images = [
        LabelledImage(tmp_path / f"{i}.webp", source, "g", Split.TRAIN, (), frozenset())
        for i in range(9)
        for source in ("some", "other")
    ]
    kept = limit_images(images, {"some": 4})
    assert sum(image.source == "some" for image in kept) == 4
    assert sum(image.source == "other" for image in kept) == 9
    assert {i.name for i in limit_images(images[::-1], {"some": 4})} == {i.name for i in kept}


def test_a_limit_on_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        limit_images([picture(tmp_path)], {"nowhere": 3})
