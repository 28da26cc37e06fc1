import numpy as np
import pypdfium2
import pytest

from service.core.geodesy import moved
from service.core.i18n import Language
from service.core.paper import Paper
from service.core.paper_map import DONE, WAY, Sketch, Spot, draw_map
from tests.core.test_paper import MADE_AT
from tests.factories import DAMMAM


def spot(label: str, east_m: float, north_m: float, pale: bool = False) -> Spot:
    lat, lon = moved(*moved(*DAMMAM, 0, north_m), 90, east_m)
    return Spot(label, lon, lat, pale)


def drawn(sketch: Sketch, language: Language = Language.ENGLISH) -> tuple[np.ndarray, str]:
    paper = Paper("Map", language, MADE_AT)
    draw_map(paper, sketch, 100)
    page = pypdfium2.PdfDocument(paper.to_bytes())[0]
    return page.render(scale=2, rev_byteorder=True).to_numpy(), page.get_textpage().get_text_range()


def centre(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float]:
    """(right, down) pixels of what has the colour."""
    rows, columns = np.nonzero((np.abs(pixels[..., :3].astype(int) - colour) < 6).all(axis=2))
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("language", list(Language))
def test_north_is_up_and_east_is_right_in_both_languages(language: Language) -> None:
    pixels, _ = drawn(Sketch([spot("1", 400, 300), spot("2", -400, -300, pale=True)]), language)
    (east, north), (west, south) = centre(pixels, WAY), centre(pixels, DONE)
    assert east > west and north < south


def test_distances_on_the_map_are_to_the_scale_of_its_bar() -> None:
    pixels, text = drawn(Sketch([spot("1", -500, 0), spot("2", 500, 0, pale=True)]))
    apart_px = abs(centre(pixels, WAY)[0] - centre(pixels, DONE)[0])
    assert "200 m" in text
    per_m = apart_px / 1000  # 1000 m between the spots; the longest bar under 40 mm is shown
    assert 200 * per_m <= 40 * 144 / 25.4 < 500 * per_m


def test_spots_bear_their_labels_and_nothing_is_drawn_outside_the_frame() -> None:
    far = [(DAMMAM[1] - 1, DAMMAM[0]), (DAMMAM[1] + 1, DAMMAM[0])]
    pixels, text = drawn(Sketch([spot("17", 0, 0)], streets=[far]))
    assert "17" in text
    outside = pixels[:, : int(14 * 144 / 25.4)]
    assert (outside == 255).all()


def test_stops_close_together_are_told_apart_though_the_depot_is_far() -> None:
    pixels, text = drawn(
        Sketch([spot("1", 0, 0), spot("2", 100, 0, pale=True), spot("", 9000, 0)], [[(DAMMAM[1], DAMMAM[0])] * 2])
    )
    assert "1" in text and "200 m" not in text
    apart_px = abs(centre(pixels, WAY)[0] - centre(pixels, DONE)[0])
    assert apart_px > 8 * 2.3 * 144 / 25.4  # eight radii of a spot


def test_a_map_of_one_place_and_of_none_is_drawn() -> None:
    assert drawn(Sketch([spot("1", 0, 0)]))[1] and drawn(Sketch([]))[1]
