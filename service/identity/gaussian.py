"""How sure a place is: error ellipses on the ground, and what several unsure places say together."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import atan2, cos, degrees, exp, log, pi, radians, sin, sqrt

CHI2_95 = 5.991  # of two degrees of freedom: this share of a Gaussian lies within sqrt(CHI2_95) standard deviations


@dataclass(frozen=True)
class Ellipse:
    """A covariance on the ground, east and north, in square metres; positive definite."""

    cov_ee_m2: float
    cov_en_m2: float
    cov_nn_m2: float

    @classmethod
    def round(cls, sd_m: float) -> "Ellipse":
        """The same in every direction: `sd_m` per axis."""
        return cls(sd_m * sd_m, 0.0, sd_m * sd_m)

    @classmethod
    def along(cls, bearing_deg: float, along_sd_m: float, across_sd_m: float) -> "Ellipse":
        """`along_sd_m` in the direction of `bearing_deg`, clockwise from north, and `across_sd_m` across it."""
        s, c = sin(radians(bearing_deg)), cos(radians(bearing_deg))
        a, b = along_sd_m * along_sd_m, across_sd_m * across_sd_m
        return cls(a * s * s + b * c * c, (a - b) * s * c, a * c * c + b * s * s)

    def __add__(self, other: "Ellipse") -> "Ellipse":
        """Of the sum of two independent errors."""
        return Ellipse(
            self.cov_ee_m2 + other.cov_ee_m2, self.cov_en_m2 + other.cov_en_m2, self.cov_nn_m2 + other.cov_nn_m2
        )

    def scaled(self, times: float) -> "Ellipse":
        """With so many times the variance."""
        return Ellipse(self.cov_ee_m2 * times, self.cov_en_m2 * times, self.cov_nn_m2 * times)

    def inverse(self) -> "Ellipse":
        """The information matrix, in 1/m2."""
        scale = 1 / self.determinant_m4
        return Ellipse(self.cov_nn_m2 * scale, -self.cov_en_m2 * scale, self.cov_ee_m2 * scale)

    @property
    def determinant_m4(self) -> float:
        return self.cov_ee_m2 * self.cov_nn_m2 - self.cov_en_m2 * self.cov_en_m2

    @property
    def mean_sd_m(self) -> float:
        """Per axis, the root of the mean variance."""
        return sqrt((self.cov_ee_m2 + self.cov_nn_m2) / 2)

    def mahalanobis2(self, east_m: float, north_m: float) -> float:
        """Squared distance of a step in standard deviations of this ellipse."""
        inside = (
            self.cov_nn_m2 * east_m * east_m
            - 2 * self.cov_en_m2 * east_m * north_m
            + self.cov_ee_m2 * north_m * north_m
        )
        return inside / self.determinant_m4

    def log_density(self, east_m: float, north_m: float) -> float:
        """Natural logarithm of the Gaussian's density, in 1/m2, at a step from its middle."""
        return -0.5 * self.mahalanobis2(east_m, north_m) - log(2 * pi) - 0.5 * log(self.determinant_m4)

    def density(self, east_m: float, north_m: float) -> float:
        return exp(self.log_density(east_m, north_m))


@dataclass(frozen=True)
class Spot:
    """An unsure place in metres of a local plane."""

    east_m: float
    north_m: float
    ellipse: Ellipse


def fuse(spots: Iterable[Spot]) -> Spot:
    """What independent measurements of one place say together: the mean weighed by information (Gauss-Markov).

    In whichever order they come; raises ValueError without any.
    """
    ee = en = nn = east = north = 0.0
    for spot in spots:
        weight = spot.ellipse.inverse()
        ee, en, nn = ee + weight.cov_ee_m2, en + weight.cov_en_m2, nn + weight.cov_nn_m2
        east += weight.cov_ee_m2 * spot.east_m + weight.cov_en_m2 * spot.north_m
        north += weight.cov_en_m2 * spot.east_m + weight.cov_nn_m2 * spot.north_m
    if ee == 0:
        raise ValueError("expected at least one spot to fuse, got none")
    ellipse = Ellipse(ee, en, nn).inverse()
    return Spot(
        ellipse.cov_ee_m2 * east + ellipse.cov_en_m2 * north,
        ellipse.cov_en_m2 * east + ellipse.cov_nn_m2 * north,
        ellipse,
    )


def ellipse_95(ellipse: Ellipse) -> tuple[float, float, float]:
    """(semi_major_m, semi_minor_m, azimuth_deg) of the ellipse that holds the truth in 95 of 100 cases.

    The azimuth is that of the long axis, clockwise from north, 0 to 180.
    """
    middle = (ellipse.cov_ee_m2 + ellipse.cov_nn_m2) / 2
    half = (ellipse.cov_nn_m2 - ellipse.cov_ee_m2) / 2
    reach = sqrt(half * half + ellipse.cov_en_m2 * ellipse.cov_en_m2)
    azimuth_deg = degrees(atan2(ellipse.cov_en_m2, half)) / 2 % 180
    return sqrt(CHI2_95 * (middle + reach)), sqrt(CHI2_95 * max(middle - reach, 0.0)), azimuth_deg
