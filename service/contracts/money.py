"""Money is whole halalas, so that what is added up a thousand times is still what was owed."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

HALALAS = 100  # of one riyal (SAR)


def to_halalas(sar: Decimal) -> int:
    """Raises ValueError for a part of a halala."""
    halalas = sar * HALALAS
    if halalas != halalas.to_integral_value():
        raise ValueError(f"expected riyals with at most two decimals, got {sar}")
    return int(halalas)


def to_sar(halalas: int) -> Decimal:
    return (Decimal(halalas) / HALALAS).quantize(Decimal("0.01"))


def exact(quantity: float | str) -> Decimal:
    """The number as it was written: 2.3 is 2.3, not the binary fraction next to it."""
    return Decimal(str(quantity))


def price_of(quantity: Decimal, price_halalas: int, minimum_halalas: int = 0) -> int:
    """Halves are rounded up; never less than the minimum."""
    return max(minimum_halalas, _rounded(quantity * price_halalas))


def share_of(halalas: int, percent: Decimal) -> int:
    """Halves are rounded away from zero, so that a credit gives back what its charge took."""
    return _rounded(halalas * percent / 100)


def part_of(halalas: int, quantity: Decimal, of_quantity: Decimal) -> int:
    """Of an amount what falls to a part of its quantity; rounded down, so that parts are never more than the whole."""
    return int((halalas * quantity / of_quantity).quantize(Decimal(1), ROUND_DOWN)) if of_quantity else 0


def _rounded(halalas: Decimal) -> int:
    return int(halalas.quantize(Decimal(1), ROUND_HALF_UP))
