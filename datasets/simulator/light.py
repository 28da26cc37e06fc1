"""The look of one drive: sun or haze, colours of road, kerb and sand, all drawn from the seed."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import cos, radians, sin

import numpy as np

from datasets.simulator.arrays import Floats

Colour = tuple[float, float, float]  # BGR 0..255, as lit on flat ground


class KerbPaint(StrEnum):
    """How the kerb stones are painted."""

    PLAIN = "plain"
    BLACK_YELLOW = "black_yellow"
    BLACK_WHITE = "black_white"


@dataclass(frozen=True)
class Look:
    """Everything that makes one drive look unlike another."""

    sun_azimuth_deg: float
    sun_elevation_deg: float
    direct: float
    ambient: float
    haze_m: float
    haze: Colour
    zenith: Colour
    asphalt: Colour
    sand: Colour
    walk: Colour
    kerb: Colour
    kerb_paint: KerbPaint
    mark: Colour
    mark_wear: float
    dust: float
    grain: float
    exposure: float
    warmth: float
    sensor_noise: float

    @property
    def to_sun(self) -> Floats:
        """Unit vector (east, north, up) towards the sun."""
        azimuth, elevation = radians(self.sun_azimuth_deg), radians(self.sun_elevation_deg)
        return np.array([sin(azimuth) * cos(elevation), cos(azimuth) * cos(elevation), sin(elevation)])

    @property
    def flat_light(self) -> float:
        """Light on level ground; other surfaces are shaded relative to it."""
        return self.ambient + self.direct * sin(radians(self.sun_elevation_deg))

    def on_surface(self, normal: Floats) -> float:
        """Brightness of a lit surface relative to level ground."""
        bounced = 0.22 * self.direct * (1 - abs(float(normal[2])))
        return float((self.ambient + bounced + self.direct * max(0.0, float(normal @ self.to_sun))) / self.flat_light)

    def under(self, sky: "Look") -> "Look":
        """The same street in the weather of another look, by another camera."""
        return replace(
            self, sun_azimuth_deg=sky.sun_azimuth_deg, sun_elevation_deg=sky.sun_elevation_deg, direct=sky.direct,
            ambient=sky.ambient, haze_m=sky.haze_m, haze=sky.haze, zenith=sky.zenith, exposure=sky.exposure,
            warmth=sky.warmth, sensor_noise=sky.sensor_noise,
        )  # fmt: skip

    @property
    def in_shadow(self) -> float:
        """Brightness of level ground in shadow relative to level ground in the sun."""
        return self.ambient / self.flat_light


def random_look(rng: np.random.Generator) -> Look:
    """A look of the Gulf coast: mostly hard sun, sometimes dusty haze or an overcast sky."""
    sky = rng.choice(["clear", "hazy", "overcast"], p=[0.5, 0.3, 0.2])
    direct = {"clear": rng.uniform(0.7, 1.0), "hazy": rng.uniform(0.35, 0.6), "overcast": 0.03}[sky]
    grey = rng.uniform(100, 172)
    brown = rng.uniform(0.0, 0.11)
    sand = rng.uniform(178, 222)
    stone, stone_warmth = rng.uniform(145, 200), rng.uniform(0.78, 0.98)
    return Look(
        sun_azimuth_deg=rng.uniform(0, 360),
        sun_elevation_deg=rng.uniform(28, 68),
        direct=direct,
        ambient=rng.uniform(0.46, 0.66),
        haze_m={"clear": rng.uniform(500, 1200), "hazy": rng.uniform(170, 350), "overcast": 500.0}[sky],
        haze={
            "clear": (238.0, 230.0, 220.0),
            "hazy": (212.0, 222.0, 228.0),
            "overcast": (222.0, 221.0, 219.0),
        }[sky],
        zenith={
            "clear": (224.0, 188.0, 146.0),
            "hazy": (224.0, 216.0, 205.0),
            "overcast": (205.0, 203.0, 200.0),
        }[sky],
        asphalt=(grey * (1 - brown), grey, grey * (1 + brown * 0.8)),
        sand=(sand * rng.uniform(0.66, 0.76), sand * rng.uniform(0.82, 0.88), sand),
        walk=(stone * stone_warmth, stone * (1 + stone_warmth) / 2 * rng.uniform(0.95, 1.01), stone),
        kerb=(rng.uniform(150, 180), rng.uniform(158, 186), rng.uniform(165, 195)),
        kerb_paint=KerbPaint(str(rng.choice(list(KerbPaint), p=[0.5, 0.32, 0.18]))),
        mark=(214.0, 218.0, 220.0) if rng.random() < 0.55 else (70.0, 172.0, 214.0),
        mark_wear=rng.uniform(0.0, 0.9),
        dust=rng.uniform(0.1, 0.9),
        grain=rng.uniform(0.7, 1.5),
        exposure=rng.uniform(0.86, 1.12),
        warmth=rng.uniform(-0.05, 0.07),
        sensor_noise=rng.uniform(1.0, 4.0),
    )
