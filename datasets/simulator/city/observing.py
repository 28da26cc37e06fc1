"""Drives a pass and tells what its frames show and what the detector said, without drawing a pixel."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import isnan

import numpy as np

from datasets.simulator.arrays import Mask
from datasets.simulator.city.boxes import Boxes, Scene
from datasets.simulator.city.city import City
from datasets.simulator.city.detecting import detect
from datasets.simulator.city.frames import FrameTruth, ObservedBox, ObservedFrame
from datasets.simulator.city.optics import Poses
from datasets.simulator.city.passes import Pass
from datasets.simulator.city.rates import Rates, probit
from datasets.simulator.city.receiver import drifting
from datasets.simulator.city.seeing import Views, look
from datasets.simulator.city.things import Indices, things_of
from datasets.simulator.city.track import Track, record_track
from datasets.taxonomy import KEYS

VISIBLE_M = 40.0
PASSING_S = 3.0  # a car that hides one side of the view does so for about as long
ASIDE_M = 2.5  # left and right of this far from the vehicle's axis are sides of their own


def observe(city: City, one_pass: Pass, rates: Rates, seed: int) -> Iterator[ObservedFrame]:
    """The frames of a pass in the order they were taken. The drive follows from the pass, boxes from `seed` too."""
    track = record_track(city.streets, one_pass)
    poses = Poses(track.time_s, track.true_m, track.true_heading_deg, track.pitch_deg, track.roll_deg)
    scene = Scene(city, one_pass.starts_at, poses, one_pass.vehicle.camera)
    things = things_of(city.defects, one_pass.starts_at)
    views = look(things, poses, scene.camera, city.open_ground)
    hidden = _hidden(views, track, len(city.defects), rates, np.random.default_rng([one_pass.seed, 2]))
    class_index = np.array([KEYS.index(one.class_key) for one in city.defects], dtype=np.intp)
    boxes = detect(views.take(~hidden), class_index, scene, rates, (seed, one_pass.seed))
    near = views.distance_m <= VISIBLE_M
    yield from _frames(city, one_pass, track, boxes, views.take(near & ~hidden), views.take(near & hidden))


def _hidden(views: Views, track: Track, things: int, rates: Rates, rng: np.random.Generator) -> Mask:
    """Behind a parked car for the whole pass, or behind a passing one that hides one side of the view for a moment."""
    parked = rng.random(things) < rates.hidden_pass
    limit = probit(1 - rates.hidden_moment)
    passing = np.column_stack([drifting(track.time_s, PASSING_S, rng) > limit for _ in range(3)])
    side = np.digitize(views.right_m, (-ASIDE_M, ASIDE_M))
    return np.asarray(parked[views.thing] | passing[views.frame, side])


def told_frames(city: City, one_pass: Pass, track: Track) -> Iterator[ObservedFrame]:
    """Every frame as the vehicle tells it, with its true pose; no boxes yet, and nothing that it shows."""
    vehicle = one_pass.vehicle
    told = (track.time_s, *track.told_m.T, track.heading_deg, track.dop, track.stated_sd_m, track.speed_mps)
    rows = zip(*(column.tolist() for column in told), _poses_of(track), strict=True)
    for i, (time_s, east_m, north_m, heading_deg, dop, sd_m, speed_mps, truth) in enumerate(rows):
        lat, lon = city.frame.to_wgs84(east_m, north_m)
        yield ObservedFrame(
            frame_id=f"{one_pass.survey_id}-{i:06d}",
            survey_id=one_pass.survey_id,
            vehicle_id=vehicle.id,
            captured_at=one_pass.starts_at + timedelta(seconds=time_s + vehicle.clock_offset_s),
            lat=lat,
            lon=lon,
            heading_deg=None if isnan(heading_deg) else heading_deg,
            gps_dop=dop if vehicle.states_dop else None,
            gps_sd_m=sd_m,
            speed_mps=speed_mps,
            width=vehicle.camera.width,
            height=vehicle.camera.height,
            camera=vehicle.told,
            boxes=(),
            truth=truth,
        )


def _poses_of(track: Track) -> Iterator[FrameTruth]:
    pose = (*track.true_m.T, track.true_heading_deg, track.pitch_deg, track.roll_deg)
    for east_m, north_m, heading_deg, pitch_deg, roll_deg in zip(*(column.tolist() for column in pose), strict=True):
        yield FrameTruth(east_m, north_m, heading_deg, pitch_deg, roll_deg, (), ())


def _frames(
    city: City, one_pass: Pass, track: Track, boxes: Boxes, visible: Views, occluded: Views
) -> Iterator[ObservedFrame]:
    said = _observed(city, boxes)
    seen, unseen = ([city.defects[i].id for i in views.thing.tolist()] for views in (visible, occluded))
    parts = (_parts(rows.frame, len(track)) for rows in (boxes, visible, occluded))
    for told, part, seen_part, unseen_part in zip(told_frames(city, one_pass, track), *parts, strict=True):
        ids = {"visible_ids": tuple(seen[seen_part]), "occluded_ids": tuple(unseen[unseen_part])}
        yield replace(told, boxes=tuple(said[part]), truth=replace(told.truth, **ids))


def _parts(frame: Indices, frames: int) -> list[slice]:
    """Of rows in the order of their frames, the part of every frame."""
    ends = np.searchsorted(frame, np.arange(frames + 1)).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


def _observed(city: City, boxes: Boxes) -> list[ObservedBox]:
    columns = boxes.class_index.tolist(), boxes.score.tolist(), boxes.xyxy_px.tolist(), boxes.thing.tolist()
    return [
        ObservedBox(KEYS[class_index], score, tuple(xyxy_px), city.defects[thing].id if thing >= 0 else None)
        for class_index, score, xyxy_px, thing in zip(*columns, strict=True)
    ]
