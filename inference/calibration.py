"""Turns a network's scores into the ones people see, so that a score of 0.7 means right seven times in ten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Platt(BaseModel):
    """One class's calibration: shown = sigmoid(slope * logit(raw) + intercept); strictly rising, so ranks stay.

    J. Platt, Probabilistic outputs for support vector machines (1999), on the logit of the score.
    """

    model_config = ConfigDict(frozen=True)

    slope: Annotated[Finite, Field(gt=0)]
    intercept: Finite

    def shown(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """The scores people see for the network's; 0 stays 0 and 1 stays 1."""
        return _sigmoid(self.slope * _logit(raw) + self.intercept)

    def raw(self, shown: NDArray[Any]) -> NDArray[np.float64]:
        """The network's scores behind those people see: the inverse of `shown`."""
        return _sigmoid((_logit(shown) - self.intercept) / self.slope)


Calibration = Mapping[str, Platt]
"""Class key -> its curve; a class that is missing shows the network's own scores."""


@dataclass(frozen=True, eq=False)
class ScoreScale:
    """The curves of all classes by class index; None shows the network's own scores."""

    curves: tuple[Platt | None, ...]

    @classmethod
    def of(cls, class_keys: Sequence[str], calibration: Calibration) -> "ScoreScale":
        return cls(tuple(calibration.get(key) for key in class_keys))

    def shown(self, raw: NDArray[np.float32], class_index: NDArray[np.int64]) -> NDArray[np.float32]:
        """The scores people see, for network scores (n,) of these classes (n,)."""
        shown = raw.copy()
        for index, curve in enumerate(self.curves):
            own = class_index == index
            if curve is not None and own.any():
                shown[own] = curve.shown(raw[own])
        return shown

    def raw_thresholds(self, thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
        """Network scores (classes,) that no detection reaching its threshold (classes,) lies below.

        They are a rounding step low: whoever uses them compares again after `shown`.
        """
        raw = thresholds.copy()
        for index, curve in enumerate(self.curves):
            if curve is not None:
                below = np.nextafter(thresholds[index : index + 1], np.float32(0))
                raw[index] = np.nextafter(curve.raw(below).astype(np.float32)[0], np.float32(0))
        return raw


def _logit(score: NDArray[Any]) -> NDArray[np.float64]:
    exact = np.asarray(score, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(exact) - np.log1p(-exact), dtype=np.float64)


def _sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)
