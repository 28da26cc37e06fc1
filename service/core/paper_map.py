"""A map sketch on paper: streets, a way and numbered places, to scale, where there is no basemap to print."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.core.paper import MARGIN_MM, PALE, RULE, SMALL_PT, Paper, left_to_right
from service.core.plane import metres_per_degree

WAY, GROUND, WHITE, DONE = (22, 101, 119), (247, 248, 249), (255, 255, 255), (139, 148, 156)
STREET_MM, WAY_MM, SPOT_MM, EDGE_MM = 0.35, 0.9, 2.3, 7.0
SPOT_PT = 6.5
CROWDED = 3.0  # a spot is a twentieth of the map's height: ten of them in a third of it hide one another
LEAST_M = 200.0  # shown across, also where all places are one
SCALES_M = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)

LonLat = tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """A place with a short label; `pale` ones are done."""

    label: str
    lon: float
    lat: float
    pale: bool = False


@dataclass(frozen=True)
class Sketch:
    """Degrees, lon before lat. The spots and ways decide what is shown; of streets only what lies there."""

    spots: Sequence[Spot]
    ways: Sequence[Sequence[LonLat]] = ()
    streets: Sequence[Sequence[LonLat]] = field(default=())


def draw_map(paper: Paper, sketch: Sketch, height_mm: float) -> None:
    """Draws it over the width of the page, north up, with a bar that shows the scale. Left is west in Arabic too."""
    paper.keep(height_mm + 2)
    pdf, top = paper.pdf, paper.pdf.get_y()
    frame = _Frame.around(sketch, MARGIN_MM, top, paper.width_mm, height_mm)
    pdf.set_fill_color(*GROUND)
    pdf.rect(MARGIN_MM, top, paper.width_mm, height_mm, style="F")
    with pdf.rect_clip(MARGIN_MM, top, paper.width_mm, height_mm):
        _lines(paper, frame, sketch.streets, RULE, STREET_MM)
        _lines(paper, frame, sketch.ways, WAY, WAY_MM)
        for spot in reversed(sketch.spots):  # the first on top
            _spot(paper, frame, spot)
    _scale_bar(paper, frame)
    pdf.set_y(top + height_mm + 2)


@dataclass(frozen=True)
class _Frame:
    """Where a degree comes to lie."""

    west: float
    north: float
    left_mm: float
    top_mm: float
    per_lon_mm: float
    per_lat_mm: float
    mm_per_m: float
    bottom_mm: float

    @classmethod
    def around(cls, sketch: Sketch, left: float, top: float, width: float, height: float) -> "_Frame":
        lons, lats = zip(*(_shown(sketch) or [(0.0, 0.0)]), strict=True)
        middle_lon, middle_lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
        per_lat_m, per_lon_m = (float(one) for one in metres_per_degree(middle_lat))
        wide_m = max(LEAST_M, (max(lons) - min(lons)) * per_lon_m)
        high_m = max(LEAST_M * height / width, (max(lats) - min(lats)) * per_lat_m)
        scale = min((width - 2 * EDGE_MM) / wide_m, (height - 2 * EDGE_MM) / high_m)
        return cls(
            middle_lon - width / 2 / scale / per_lon_m, middle_lat + height / 2 / scale / per_lat_m, left, top,
            per_lon_m * scale, per_lat_m * scale, scale, top + height,
        )  # fmt: skip

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        return self.left_mm + (lon - self.west) * self.per_lon_mm, self.top_mm + (self.north - lat) * self.per_lat_mm


def _shown(sketch: Sketch) -> list[LonLat]:
    """All that is drawn; but where the labelled spots lie close together, far from the rest, those alone, so that
    their labels can be read: the way to them then comes from the edge."""
    labelled = [(spot.lon, spot.lat) for spot in sketch.spots if spot.label]
    every = [(spot.lon, spot.lat) for spot in sketch.spots] + [place for way in sketch.ways for place in way]
    return labelled if labelled and CROWDED * _extent(labelled) < _extent(every) else every


def _extent(places: Sequence[LonLat]) -> float:
    """Of their longer side, in degrees."""
    lons, lats = zip(*places, strict=True)
    wide, high = max(lons) - min(lons), max(lats) - min(lats)
    return float(max(wide, high))


def _lines(
    paper: Paper, frame: _Frame, lines: Sequence[Sequence[LonLat]], colour: tuple[int, int, int], width_mm: float
) -> None:
    paper.pdf.set_draw_color(*colour)
    paper.pdf.set_line_width(width_mm)
    for line in lines:
        paper.pdf.polyline([frame.at(lon, lat) for lon, lat in line])
    paper.pdf.set_line_width(0.2)


def _spot(paper: Paper, frame: _Frame, spot: Spot) -> None:
    x, y = frame.at(spot.lon, spot.lat)
    paper.pdf.set_fill_color(*(DONE if spot.pale else WAY))
    paper.pdf.set_draw_color(*WHITE)
    paper.pdf.circle(x, y, SPOT_MM, style="DF")
    paper.pdf.letters(SPOT_PT, strong=True, colour=WHITE)
    paper.pdf.set_xy(x - SPOT_MM * 2, y - SPOT_MM)
    paper.pdf.cell(SPOT_MM * 4, SPOT_MM * 2, spot.label, align="C")


def _scale_bar(paper: Paper, frame: _Frame) -> None:
    longest_m = 40 / frame.mm_per_m
    metres = max((one for one in SCALES_M if one <= longest_m), default=SCALES_M[0])
    x, y, length = frame.left_mm + 4, frame.bottom_mm - 4, metres * frame.mm_per_m
    paper.pdf.set_draw_color(*PALE)
    paper.pdf.set_line_width(0.5)
    paper.pdf.line(x, y, x + length, y)
    paper.pdf.set_line_width(0.2)
    paper.pdf.letters(SMALL_PT, colour=PALE)
    paper.pdf.set_xy(x, y - 4.5)
    told = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres} m"
    paper.pdf.cell(30, 4, left_to_right(told), align="L")
