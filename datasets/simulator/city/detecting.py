"""What a detector with given rates makes of the things that frames show: hits, echoes of hits, and their boxes."""

from collections.abc import Iterator
from math import sqrt

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import CameraModel
from datasets.simulator.city.alarms import false_alarms
from datasets.simulator.city.boxes import Boxes, Scene, large_enough, rank_of, scores, shaken, together
from datasets.simulator.city.rates import Rates, probit
from datasets.simulator.city.seeing import Views
from datasets.simulator.city.things import Indices
from datasets.simulator.city.vehicles import TrueCamera
from datasets.taxonomy import KEYS

SAME_MISTAKE = 0.5  # of the mistaken classes are mistaken for the whole pass


def detect(views: Views, class_index: Indices, scene: Scene, rates: Rates, seed: tuple[int, ...]) -> Boxes:
    """Boxes of visible things (class_index is by thing) and false alarms, by frame and highest score first."""
    rng = np.random.default_rng([*seed, 50])
    lasting = np.random.default_rng([scene.city.seed, 51]).standard_normal(len(class_index))
    effect = sqrt(rates.lasting_share) * lasting
    effect += sqrt(1 - rates.lasting_share) * rng.standard_normal(len(class_index))
    true_class = class_index[views.thing]
    latent = _probits(views, true_class, scene.camera, rates) + sqrt(rates.effect_share) * effect[views.thing]
    hit = latent + sqrt(1 - rates.effect_share) * rng.standard_normal(len(views)) > 0
    views, true_class = views.take(hit), true_class[hit]
    found = _hits(views, true_class, effect, scene.camera, rates, rng)
    return together([found, *_echoes(views, true_class, scene.camera, rates, rng), *false_alarms(scene, rates, rng)])


def _probits(views: Views, true_class: Indices, camera: TrueCamera, rates: Rates) -> Floats:
    """Of the class's recall at the distance from which the measuring camera would have shown the thing as large."""
    reference = CameraModel()
    zoom = (camera.focal_px / camera.width) / (reference.focal_px / reference.width)
    as_from_m = views.distance_m / (zoom * views.scale)
    edges = np.array(rates.distance_edges_m)
    middles = (edges[1:] + edges[:-1]) / 2
    found = np.empty(len(views))
    for i, key in enumerate(KEYS):
        rows = true_class == i
        found[rows] = np.interp(as_from_m[rows], middles, [probit(recall) for recall in rates.classes[key].recall])
    return found


def _hits(
    views: Views, true_class: Indices, effect: Floats, camera: TrueCamera, rates: Rates, rng: np.random.Generator
) -> Boxes:
    """What is hard to see scores low, too."""
    said = _said(views.thing, true_class, len(effect), rates, rng)
    rank = rank_of((effect[views.thing] + rng.standard_normal(len(views))) / sqrt(2))
    score = np.empty(len(views))
    for i, key in enumerate(KEYS):
        rows = said == i
        score[rows] = scores(rates.classes[key].threshold, rates.classes[key].score_true, rank[rows])
    bias, sd = (np.array([getattr(rates.classes[key], name) for key in KEYS]) for name in ("edge_bias", "edge_sd"))
    alike, once = rng.standard_normal((len(effect), 4))[views.thing], rng.standard_normal((len(views), 4))
    xyxy_px = shaken(views.xyxy_px, bias[true_class], sd[true_class], alike, once, rates.edge_correlation, camera)
    return Boxes(views.frame, said, views.thing, score, xyxy_px).take(large_enough(xyxy_px))


def _said(thing: Indices, true_class: Indices, things: int, rates: Rates, rng: np.random.Generator) -> Indices:
    """The class of each box; some mistakes hold for the whole pass."""
    whole_pass, once = rng.random(things)[thing], rng.random(len(thing))
    chance = np.where(rng.random(len(thing)) < SAME_MISTAKE, whole_pass, once)
    said = true_class.copy()
    for i, key in enumerate(KEYS):
        rows = np.flatnonzero(true_class == i)
        below = 0.0
        for other, share in rates.classes[key].said.items():
            said[rows[(chance[rows] >= below) & (chance[rows] < below + share)]] = KEYS.index(other)
            below += share
    return said


def _echoes(
    views: Views, true_class: Indices, camera: TrueCamera, rates: Rates, rng: np.random.Generator
) -> Iterator[Boxes]:
    """Further boxes on a defect that has been found, often of another class."""
    for i, key in enumerate(KEYS):
        for said, share in rates.classes[key].echoes.items():
            rows = np.flatnonzero(true_class == i)
            again = views.take(rows[rng.random(len(rows)) < share])
            once = rng.standard_normal((len(again), 4))
            bias, sd = np.array(rates.echo_bias), np.array(rates.echo_sd)
            xyxy_px = shaken(again.xyxy_px, bias, sd, once, once, 0.0, camera)
            score = scores(rates.classes[said].threshold, rates.echo_score, rng.random(len(again)))
            class_index = np.full(len(again), KEYS.index(said))
            yield Boxes(again.frame, class_index, again.thing, score, xyxy_px).take(large_enough(xyxy_px))
