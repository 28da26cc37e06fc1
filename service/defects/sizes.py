"""How large a defect is, as far as a photo lets one say: never a severity by depth, which it does not show."""

from dataclasses import dataclass
from enum import StrEnum


class SizeClass(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bounds:
    """From how much of the class's unit of work a defect is medium and large, and why."""

    medium_from: float
    large_from: float
    because: str


# Where no source is named the bounds are our own starting values. Classes that are counted have none.
SIZES: dict[str, Bounds] = {
    "pothole": Bounds(0.16, 0.44, "m2 of discs of 450 and 750 mm, the two upper diameter bounds of ASTM D6433"),
    "road_crack": Bounds(2.0, 8.0, "m2: by hand with a pot of sealant; a lane's width over more than two metres"),
    "neglected_sidewalk": Bounds(4.0, 15.0, "m2: some slabs; a frontage"),
    "unkept_facade": Bounds(10.0, 30.0, "m2: one shop's front; a storey"),
    "graffiti": Bounds(2.0, 6.0, "running m: one tag; a wall"),
    "garbage": Bounds(0.5, 2.0, "m3: more than a wheeled bin; a skip"),
    "sand_rubble": Bounds(0.5, 3.0, "m3: more than a shovel's work; a lorry"),
    "standing_water": Bounds(0.5, 3.0, "m3: more than a broom moves; a tanker or a mobile rain-water unit"),
}


def size_class(class_key: str, size: float | None) -> SizeClass:
    """`size` in the class's unit of work; unknown where there is none or the class is counted."""
    bounds = SIZES.get(class_key)
    if size is None or bounds is None:
        return SizeClass.UNKNOWN
    if size >= bounds.large_from:
        return SizeClass.LARGE
    return SizeClass.MEDIUM if size >= bounds.medium_from else SizeClass.SMALL
