"""Where a thing is that several frames of one pass show: the one place that explains all lines of sight to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, exp, hypot, log, pi, sin

import numpy as np
from numpy.typing import NDArray

from service.identity.gaussian import Ellipse, Spot
from service.identity.rays import Ray
from service.identity.shapes import SHAPES, Shape

Floats = NDArray[np.float64]
Eye = tuple[float, float]  # the lens, metres east and north of a local plane's origin


USUAL_RANGE_M, RANGE_SD = 20.0, 1.0  # where detectors find things, and the deviation of its logarithm
USUAL_INVERSE, INVERSE_SD = 0.05, 0.03  # the same as 1/m, to begin from
FARTHEST_M, NEAREST_M, LEAST_DROP_M = 70.0, 1.5, 0.4
EYE_SD_M = 0.3  # of a vehicle's place against its places seconds before
ALIKE = 0.35  # further frames err alike: of many each tells as one of 1 + ALIKE (n - 2)
ODD_2 = 9.0  # squared standard deviations from which on an angle counts for less and less (Cauchy's weights)
MOST_STEPS = 18
STATE = 7  # east, north, half depth, base, log height, error of pitch and of yaw


@dataclass(frozen=True)
class Fit:
    """The place, and all that was solved for with its covariance; `misfit` is twice the negative logarithm of the
    posterior's peak, up to a constant."""

    spot: Spot
    state: Floats  # (7,)
    cov: Floats  # (7, 7)
    misfit: float

    @property
    def log_peak(self) -> float:
        """Logarithm of how well one place explains the rays, the places near it summed up (Laplace's approximation)."""
        return -0.5 * self.misfit + 0.5 * log(self.spot.ellipse.determinant_m4)


def triangulate(eyes: Sequence[Eye], rays: Sequence[Ray], class_key: str, start: Fit | None = None) -> Fit:
    """The likeliest place of a thing of this class seen along these rays (n >= 1), by Gauss and Newton's steps with
    Levenberg's damping (Nocedal and Wright, Numerical Optimization, ch. 10).

    Each ray tells a bearing, a slope and a span. What its frames have in common is solved for too and limited by what
    is usual: how deep the thing reaches, how high it hangs and stands, how far pitch and yaw are off. Odd angles count
    for less. `start`: from where to begin, of the same class.
    """
    seen = _Seen(eyes, rays, SHAPES[class_key])
    state = seen.begin() if start is None else start.state.copy()
    view, damping = seen.look(state), 1e-3
    for _ in range(MOST_STEPS):
        damped = view.curvature + damping * np.diag(np.diag(view.curvature))
        step = np.asarray(np.linalg.solve(damped, view.gradient), np.float64)
        tried = seen.look(seen.moved(state, step))
        if tried.misfit > view.misfit + 1e-9:
            damping *= 8
            if damping > 1e6:
                break
            continue
        settled = view.misfit - tried.misfit < 1e-3
        state, view, damping = tried.state, tried, max(damping / 5, 1e-6)
        if settled:
            break
    cov = np.asarray(np.linalg.inv(view.curvature), np.float64)
    ellipse = Ellipse(float(cov[0, 0]), float(cov[0, 1]), float(cov[1, 1]))
    return Fit(Spot(float(state[0]), float(state[1]), ellipse), state, cov, view.misfit)


def expected(fit: Fit, eye: Eye, ray: Ray, class_key: str, moved_var_m2: float) -> tuple[Floats, Floats]:
    """By how much a further ray is off what the fit expects, (3,): bearing, slope and span; and the covariance of
    that, (3, 3). `moved_var_m2`: per axis, of what the vehicle's fix has drifted since."""
    view = _Seen([eye], [ray], SHAPES[class_key]).look(fit.state)
    cov = fit.cov.copy()
    cov[0, 0], cov[1, 1] = cov[0, 0] + moved_var_m2, cov[1, 1] + moved_var_m2
    return view.off[0], view.slopes[0] @ cov @ view.slopes[0].T + np.diag(view.variances[0])


@dataclass(frozen=True)
class _View:
    """What a state explains of n rays: off (n, 3), variances (n, 3), slopes (n, 3, 7)."""

    state: Floats
    off: Floats
    variances: Floats
    slopes: Floats
    misfit: float
    curvature: Floats
    gradient: Floats


class _Seen:
    """The rays as columns of numbers, and what is usual."""

    def __init__(self, eyes: Sequence[Eye], rays: Sequence[Ray], shape: Shape) -> None:
        self.eye_m = np.array(eyes, float)
        self.told = np.array([(ray.bearing, ray.slope, ray.span) for ray in rays])
        alike = max(1.0, 1 + ALIKE * (len(rays) - 2))
        sds = np.array([(ray.bearing_sd, ray.slope_sd, ray.span_sd) for ray in rays])
        self.variances = alike * (sds * sds + 1e-8)
        self.eye_var_m2 = alike * EYE_SD_M**2
        self.lens_m = np.array([ray.lens_m for ray in rays])
        self.flat = shape.height_m is None
        usual_m = shape.height_m or 1.0
        self.usual = np.array([0.0, 0.0, shape.half_depth_m, shape.base_m, log(usual_m), 0.0, 0.0])
        sd = (shape.half_depth_sd_m, shape.base_sd_m, shape.height_sd, rays[0].pitch_sd, rays[0].yaw_sd)
        self.certain = np.array([0.0, 0.0, *(1 / max(one, 1e-4) ** 2 for one in sd)])
        self.best = int(np.argmax(self.told[:, 2]))  # the largest box
        self.slope_sd = float(sds[self.best, 1])

    def begin(self) -> Floats:
        """By the largest box: where its slope meets its usual height above the road, how large it looks, and how far
        away things usually are; means of inverse ranges, whose errors are the same near and far."""
        bearing, slope, span = self.told[self.best]
        drop_m = self.lens_m[self.best] - self.usual[3]
        told = [(USUAL_INVERSE, INVERSE_SD)]
        if drop_m > LEAST_DROP_M:
            base_sd = slope / drop_m**2 / self.certain[3] ** 0.5
            told.append((slope / drop_m, hypot(self.slope_sd / drop_m, base_sd)))
        if not self.flat:
            by_size = span / exp(self.usual[4])
            told.append((by_size, max(by_size, 0.005) / self.certain[4] ** 0.5))
        weights = [1 / sd**2 for _, sd in told]
        inverse = sum(w * q for w, (q, _) in zip(weights, told, strict=True)) / sum(weights)
        range_m = max(1 / max(inverse, 1 / FARTHEST_M) + self.usual[2], 2.5)
        state = self.usual.copy()
        state[:2] = self.eye_m[self.best] + range_m * np.array([sin(bearing), cos(bearing)])
        return state

    def moved(self, state: Floats, step: Floats) -> Floats:
        """At most half the range at once; nothing is less deep than a hand's breadth."""
        range_m = max(float(np.hypot(*(state[:2] - self.eye_m[self.best]))), NEAREST_M)
        moved: Floats = state + step * min(1.0, 0.5 * range_m / max(float(np.hypot(*step[:2])), 1e-9))
        moved[2] = max(moved[2], 0.02)
        return moved

    def look(self, state: Floats) -> _View:
        told, slopes, range_m = self._explained(state)
        off = self.told - told
        off[:, 0] = (off[:, 0] + pi) % (2 * pi) - pi
        eye = self.eye_var_m2 / range_m**2
        shaking = np.stack([eye, self.told[:, 1] ** 2 * eye, np.zeros_like(eye)], axis=1)
        variances = self.variances + shaking
        apart2 = off * off / variances
        weights = 1 / (1 + apart2 / ODD_2) / variances
        curvature = np.einsum("kai,ka,kaj->ij", slopes, weights, slopes) + np.diag(self.certain)
        gradient = np.einsum("kai,ka->i", slopes, weights * off) + self.certain * (self.usual - state)
        away_m = state[:2] - self.eye_m[self.best]
        far = log(range_m[self.best] / USUAL_RANGE_M) / RANGE_SD**2
        toward = np.zeros(STATE)
        toward[:2] = away_m / range_m[self.best] ** 2
        curvature += np.outer(toward, toward) / RANGE_SD**2
        gradient -= far * toward
        misfit = ODD_2 * np.log1p(apart2 / ODD_2).sum() + (self.certain * (state - self.usual) ** 2).sum()
        return _View(state, off, variances, slopes, float(misfit + (far * RANGE_SD) ** 2), curvature, gradient)

    def _explained(self, state: Floats) -> tuple[Floats, Floats, Floats]:
        """Bearing, slope and span (n, 3) that the rays would tell, their derivatives by the state, and ranges (n,)."""
        half_m, base_m, log_height, pitch_off, yaw_off = state[2:].tolist()
        de, dn = (state[:2] - self.eye_m).T
        range_m = np.maximum(np.hypot(de, dn), NEAREST_M)
        near_m, drop_m = np.maximum(range_m - half_m, 0.7 * NEAREST_M), self.lens_m - base_m
        along = np.stack([de, dn], axis=1) / range_m[:, None]
        slopes = np.zeros((len(range_m), 3, STATE))
        slopes[:, 0, 0], slopes[:, 0, 1], slopes[:, 0, 6] = dn / range_m**2, -de / range_m**2, 1.0
        falls = -drop_m / near_m**2
        slopes[:, 1, :2], slopes[:, 1, 2], slopes[:, 1, 3] = falls[:, None] * along, -falls, -1 / near_m
        slopes[:, 1, 5] = 1.0
        if self.flat:
            far_m = range_m + max(half_m, 0.05)
            span = drop_m * (1 / near_m - 1 / far_m)
            slopes[:, 2, :2] = (falls + drop_m / far_m**2)[:, None] * along
            slopes[:, 2, 2], slopes[:, 2, 3] = drop_m / far_m**2 - falls, -(1 / near_m - 1 / far_m)
        else:
            span = exp(log_height) / near_m
            slopes[:, 2, :2] = (-span / near_m)[:, None] * along
            slopes[:, 2, 2], slopes[:, 2, 4] = span / near_m, span
        told = np.stack([np.arctan2(de, dn) + yaw_off, drop_m / near_m + pitch_off, span], axis=1)
        return told, slopes, range_m
