"""The pictures a privacy model learns from: what is drawn into them, covered in them, and written out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.records import Split
from inference.blur import covered
from tests.training.test_privacy_labels import CAR, plate, seen
from training.errors import ConfigError, TrainingError
from training.privacy.agreement import agree
from training.privacy.config import PrivacyConfig, read_privacy_config
from training.privacy.drawing import DIGITS, LETTERS, draw_board, draw_plate, paste
from training.privacy.looking import Box, Picture
from training.privacy.pictures import bare_vehicles, make_example, write_examples

CONFIG_FILE = Path("training/privacy/privacy.yaml")


def config(**changes: object) -> PrivacyConfig:
    return PrivacyConfig.model_validate({"name": "t", "weights": "w.pt", "epochs": 1} | changes)


@pytest.fixture
def street() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(60, 200, (480, 640, 3)).astype(np.uint8)


def test_plates_come_wide_and_square_and_no_two_are_alike() -> None:
    rng = np.random.default_rng(0)
    plates = [draw_plate(rng).pixels for _ in range(30)]
    shapes = {one.shape[1] / one.shape[0] for one in plates}
    assert shapes == {520 / 112, 320 / 160}
    assert len({one.tobytes() for one in plates}) == 30
    assert all(one.dtype == np.uint8 and one.shape[2] == 3 for one in plates)


def test_the_letters_of_plates_have_each_their_arabic_one() -> None:
    assert len(LETTERS) == len(set(LETTERS.values())) == 17 and len(set(DIGITS.values())) == 10


def test_the_same_chance_draws_the_same_things() -> None:
    one, other = (np.random.default_rng(7) for _ in range(2))
    for draw in (draw_plate, draw_board):
        assert np.array_equal(draw(one).pixels, draw(other).pixels)


def test_a_pasted_plate_lies_where_its_box_says_and_nowhere_else(street: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(1)
    corners = np.array([[200, 150], [260, 155], [260, 170], [200, 165]], np.float32)
    changed, box = paste(street, draw_plate(rng).pixels, corners, rng)
    assert box == (200, 150, 260, 170)
    where = np.argwhere((changed != street).any(axis=2))
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0)
    assert abs(left - 200) <= 3 and abs(top - 150) <= 3 and abs(right - 260) <= 3 and abs(bottom - 170) <= 3


def test_a_doubt_is_covered_and_a_believed_plate_beside_it_stays(street: NDArray[np.uint8]) -> None:
    other: Box = (300, 100, 400, 180, 0.9)
    told = seen(vehicles=(CAR, other), plates_close=(plate(0.8), (340, 160, 365, 168, 0.2)))
    example = make_example("s/a", street, told, config(pasted_plates=0, boards=0))
    assert [kind for kind, _ in example.boxes] == ["plate"]
    x0, y0, x1, y1 = covered((340, 160, 365, 168), 640, 480)
    assert example.pixels[y0:y1, x0:x1].std() < 0.7 * street[y0:y1, x0:x1].std()
    x0, y0, x1, y1 = covered(plate(0)[:4], 640, 480)
    assert np.array_equal(example.pixels[y0:y1, x0:x1], street[y0:y1, x0:x1])


def test_bare_vehicles_get_a_drawn_plate_on_them(street: NDArray[np.uint8]) -> None:
    example = make_example("s/a", street, seen(vehicles=(CAR,)), config(pasted_plates=1, boards=0))
    ((kind, (x0, y0, x1, y1)),) = example.boxes
    assert kind == "plate" and CAR[0] < x0 < x1 < CAR[2] and CAR[1] < y0 < y1 < CAR[3]


def test_vehicles_with_a_plate_or_from_the_side_or_cut_off_are_not_bare() -> None:
    side, cut, faint = (10, 10, 210, 80, 0.9), (600, 10, 640, 60, 0.9), (300, 100, 400, 180, 0.2)
    told = seen(vehicles=(CAR, side, cut, faint), plates_close=(plate(0.2),))
    assert bare_vehicles(told, agree(told)) == []
    assert bare_vehicles(seen(vehicles=(CAR, side, cut, faint)), agree(seen())) == [CAR[:4]]


def test_boards_are_drawn_without_becoming_labels_and_away_from_vehicles(street: NDArray[np.uint8]) -> None:
    told = seen(vehicles=(CAR,))
    changed = [make_example(f"s/{n}", street, told, config(pasted_plates=0, boards=1)) for n in range(8)]
    assert all(one.boxes == () for one in changed)
    assert any(not np.array_equal(one.pixels, street) for one in changed)
    x0, y0, x1, y1 = map(int, CAR[:4])
    inner = np.s_[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4]
    assert all(np.array_equal(one.pixels[inner], street[inner]) for one in changed)


def test_examples_are_written_once_alike_and_drawn_more_often_when_they_show_something(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.png" for name in "ab"}
    for path in paths.values():
        cv2.imwrite(str(path), np.full((480, 640, 3), 128, np.uint8))
    pictures = [Picture(name=f"s/{name}", split=Split.TRAIN, path=path) for name, path in paths.items()]
    known = {"s/a": seen(vehicles=(CAR,), plates_close=(plate(0.9),)), "s/b": seen(name="s/b")}
    told = config(pasted_plates=0, boards=0, with_boxes_weight=4, source_weights={"s": 0.5})
    first, weights = write_examples(pictures, known, told, tmp_path / "out")
    again, _ = write_examples(pictures, known, told, tmp_path / "out")
    assert weights == {"s__a": 2.0, "s__b": 0.5} and first.sha256 == again.sha256
    label = (tmp_path / "out/labels/train/s__a.txt").read_text().split()
    assert label[0] == "1"
    assert [float(v) for v in label[1:]] == pytest.approx([152.5 / 640, 164 / 480, 25 / 640, 8 / 480], abs=1e-5)
    assert (tmp_path / "out/labels/train/s__b.txt").read_text() == ""


def test_without_a_look_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="rasid privacy label"):
        write_examples([], {}, config(), tmp_path)


def test_the_configuration_in_the_repository_is_valid_and_an_unknown_key_is_named(tmp_path: Path) -> None:
    assert read_privacy_config(CONFIG_FILE).window == 640
    (tmp_path / "a.yaml").write_text(CONFIG_FILE.read_text() + "\nplates: 1\n")
    with pytest.raises(ConfigError, match="plates"):
        read_privacy_config(tmp_path / "a.yaml")
