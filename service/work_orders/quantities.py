"""What one camera can honestly say about the amount of work; where it cannot see it, the unit measures it on
site."""

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from datasets.taxonomy import BY_KEY, Unit
from service.identity.locate import GroundPosition

# Measured and estimated are far apart from this ratio on. Our own starting value: by `estimate_error` an area from one
# good frame errs by a fifth, one standard deviation, so twice as much or half is no chance.
FAR_APART = 2.0
SHARE_STEP = Decimal("0.001")  # a litre of rubble, ten square centimetres of road


def far_apart(estimated: float | None, measured: float | None) -> bool:
    """Whether one of the two is likely wrong: the box of another thing, or a quantity that was not there."""
    if not estimated or not measured:
        return False
    return max(measured / estimated, estimated / measured) >= FAR_APART


def as_measured(class_key: str, quantity: float, most: float) -> float:
    """What is kept of a quantity measured on site: to the thousandth, so that a statement multiplies what it prints.
    Raises ValueError with what was expected."""
    kept, counted = round(quantity, -int(SHARE_STEP.as_tuple().exponent)), BY_KEY[class_key].unit is Unit.COUNT
    if not 0 < kept <= most or (counted and kept != int(kept)):
        raise ValueError(f"expected a {'whole number' if counted else 'quantity'} above 0, at most {most:,}")
    return kept


def shares_of(whole: Decimal, estimates: Sequence[float | None]) -> list[Decimal]:
    """The whole by the estimates, alike where one of them is unknown; together they are the whole to the last digit,
    what rounding leaves is the first one's."""
    known = [Decimal(str(one)) for one in estimates if one]
    weights = known if len(known) == len(estimates) else [Decimal(1)] * len(estimates)
    others = [(whole * weight / sum(weights)).quantize(SHARE_STEP, ROUND_DOWN) for weight in weights[1:]]
    return [whole - sum(others), *others]


def estimate_quantity(class_key: str, position: GroundPosition) -> float | None:
    """Amount of work in the class's own unit, or None where a single view does not show it.

    Things counted: one for each defect. Flat on the road: from width and length of the box. Standing on the
    ground: from width and height. Volumes (m3) are None, since the depth of a heap or a puddle is not in the
    picture, and so is writing on a wall, whose lower edge does not touch the ground it would be measured on.
    """
    if BY_KEY[class_key].unit is Unit.COUNT:
        return 1.0
    measure = _MEASURES.get(class_key)
    return measure(position) if measure else None


def estimate_error(class_key: str, position: GroundPosition, quantity: float | None) -> float | None:
    """One standard deviation of `estimate_quantity`: width errs with the distance, length or height twice so.

    A box's edges err by about a tenth of its side, so nothing is known better than to a seventh.
    """
    if quantity is None or class_key not in _MEASURES or not position.distance_m or position.range_sd_m is None:
        return None
    share = position.range_sd_m / position.distance_m
    return quantity * math.hypot(0.1, 0.1, share, 2 * share)


def _ellipse_m2(position: GroundPosition) -> float | None:
    """Assumes a hole that fills its box as an ellipse on a flat road."""
    area = _rectangle_m2(position)
    return area and area * math.pi / 4


def _rectangle_m2(position: GroundPosition) -> float | None:
    """Assumes a damaged surface that fills its box, as it is cut out and renewed."""
    return _product(position.ground_width_m, position.ground_length_m)


def _upright_m2(position: GroundPosition) -> float | None:
    """Assumes a surface that faces the camera and rises from the lower edge of the box."""
    return _product(position.ground_width_m, position.upright_height_m)


def _product(a: float | None, b: float | None) -> float | None:
    return a * b if a is not None and b is not None else None


_MEASURES: dict[str, Callable[[GroundPosition], float | None]] = {
    "pothole": _ellipse_m2,
    "road_crack": _rectangle_m2,
    "neglected_sidewalk": _rectangle_m2,
    "unkept_facade": _upright_m2,
}
