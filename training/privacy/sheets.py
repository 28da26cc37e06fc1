"""Contact sheets: crops of faces and plates by size, for people to count what was found, what missed, what wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.privacy import KINDS, Kind
from training.privacy.agreement import Labels, XyxyPx
from training.privacy.looking import read_picture
from training.privacy.scoring import Scored, boxes_of, regions_of

COLUMNS, ROWS = 8, 6
TILE_PX = 160
AROUND = 2.5  # times the thing's longer side is shown
FOUND, MISSED, EXTRA = (60, 200, 60), (40, 40, 230), (0, 170, 255)  # BGR
_LEAST_SHOWN_PX = 48.0

Pixels = NDArray[np.uint8]
Tile = tuple[float, Pixels]


def write_sheets(
    pictures: Sequence[Scored], files: Mapping[str, Path], thresholds: Mapping[Kind, float], folder: Path
) -> int:
    """Per class: agreed and found (green), agreed and missed (red), found by the model alone (orange), smallest first.

    Returns how many sheets were written. They show real people: keep them out of version control.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for kind in KINDS:
        tiles = [tile for one in pictures for tile in _tiles(one, kind, thresholds[kind], files[one.name])]
        count += _write(kind, tiles, folder)
    return count


def write_label_sheets(labels: Mapping[str, Labels], files: Mapping[str, Path], folder: Path) -> int:
    """Per class what the teachers agree on (green); and what is covered as a doubt (orange)."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for kind in (*KINDS, "doubt"):
        tiles: list[Tile] = []
        for name, one in labels.items():
            doubt = kind == "doubt"
            boxes = list(one.covered) if doubt else [box for found, box in one.boxes if found == kind]
            if boxes:
                pixels = read_picture(files[name])
                tiles += [_tile(pixels, box, EXTRA if doubt else FOUND) for box in boxes]
        count += _write(kind, tiles, folder)
    return count


def _tiles(picture: Scored, kind: Kind, threshold: float, path: Path) -> Iterator[Tile]:
    regions = [one.xyxy_px for one in regions_of(picture, kind, threshold)]
    agreed = boxes_of(picture, kind)
    if not regions and not agreed:
        return
    pixels = read_picture(path)
    for box in agreed:
        yield _tile(pixels, box, FOUND if _any_meets(box, regions) else MISSED)
    for region in regions:
        if not _any_meets(region, agreed):
            yield _tile(pixels, region, EXTRA)


def _any_meets(box: XyxyPx, others: Iterable[XyxyPx]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in others)


def _tile(pixels: Pixels, box: XyxyPx, colour: tuple[int, int, int]) -> Tile:
    """The thing with some street around it, enlarged, its size written beneath."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0, _LEAST_SHOWN_PX / AROUND) * AROUND
    scale = TILE_PX / side
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
    warp = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    tile = cv2.warpAffine(pixels, warp, (TILE_PX, TILE_PX), flags=cv2.INTER_CUBIC)
    corners = [(int((x - left) * scale), int((y - top) * scale)) for x, y in ((x0, y0), (x1, y1))]
    cv2.rectangle(tile, corners[0], corners[1], colour, 1)
    text = f"{x1 - x0:.0f}x{y1 - y0:.0f}"
    cv2.putText(tile, text, (4, TILE_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return x1 - x0, np.asarray(tile, dtype=np.uint8)


def _write(name: str, tiles: Sequence[Tile], folder: Path) -> int:
    ordered = [tile for _, tile in sorted(tiles, key=lambda one: one[0])]
    sheets = [ordered[start : start + COLUMNS * ROWS] for start in range(0, len(ordered), COLUMNS * ROWS)]
    for number, some in enumerate(sheets):
        sheet = np.zeros((ROWS * TILE_PX, COLUMNS * TILE_PX, 3), np.uint8)
        for index, tile in enumerate(some):
            y, x = divmod(index, COLUMNS)
            sheet[y * TILE_PX : (y + 1) * TILE_PX, x * TILE_PX : (x + 1) * TILE_PX] = tile
        cv2.imwrite(str(folder / f"{name}-{number:02d}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return len(sheets)
