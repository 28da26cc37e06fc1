"""Looking at a picture in parts must give boxes of the whole picture, each object once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.taxonomy import KEYS
from inference.detector import Detector
from tests.models import blob_card
from training.errors import EvaluationError
from training.views import LOOKS, View, ViewDetector, input_pixels

RED_BGR = (0, 0, 255)


class RedBoxes:
    """Stands for a network of any input size that boxes all red pixels of its input as one pothole."""

    def __init__(self) -> None:
        self.inputs: list[tuple[int, int]] = []

    def feed(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return canvas

    def run(self, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.inputs.append((canvas.shape[1], canvas.shape[0]))
        rows = np.zeros((1, 300, 6), np.float32)
        y, x = np.nonzero((canvas[..., 2] > 230) & (canvas[..., 0] < 25))
        if len(x):
            rows[0, 0] = [x.min(), y.min(), x.max() + 1, y.max() + 1, 0.9, KEYS.index("pothole")]
        return rows


def detector_of(network: RedBoxes, fits_aspect: bool = True) -> Detector:
    card = blob_card("end2end", KEYS, (960, 960)).model_copy(update={"fits_aspect": fits_aspect})
    return Detector(network, card, min_score=0.5)  # type: ignore[arg-type]


def street_with_red(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
    street = np.full((720, 1280, 3), 90, np.uint8)
    street[y0:y1, x0:x1] = RED_BGR
    return street


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("box", [(200, 300, 280, 360), (560, 400, 680, 460), (1000, 500, 1100, 530)])
def test_every_view_finds_the_object_once_and_where_it_is(view: View, box: tuple[int, int, int, int]) -> None:
    (found,) = ViewDetector(detector_of(RedBoxes()), view).detect([street_with_red(*box)])
    assert (found.width, found.height, len(found)) == (1280, 720, 1)
    assert found.xyxy_px[0] == pytest.approx(box, abs=4)


@pytest.mark.parametrize("view", list(View))
def test_the_cost_of_a_view_is_what_the_network_is_given(view: View) -> None:
    network = RedBoxes()
    detector = detector_of(network)
    ViewDetector(detector, view).detect([street_with_red(0, 0, 40, 40)])
    assert len(network.inputs) == len(LOOKS[view])
    given = sum(width * height for width, height in network.inputs)
    assert given == input_pixels(view, 1280, 720, detector.model.stride)


def test_a_band_and_a_small_whole_cost_about_as_much_as_the_whole_at_960() -> None:
    cost = {view: input_pixels(view, 1280, 720) for view in View}
    assert cost[View.BAND_1280] / cost[View.WHOLE_960] == pytest.approx(1.2, abs=0.05)
    assert cost[View.TILES_1280] > cost[View.WHOLE_1280] > cost[View.WHOLE_960] > cost[View.WHOLE_640]


def test_a_network_of_one_input_size_is_refused() -> None:
    with pytest.raises(EvaluationError, match="fixed size"):
        ViewDetector(detector_of(RedBoxes(), fits_aspect=False), View.WHOLE_640)
