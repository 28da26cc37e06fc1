"""From single sightings to rates: what was counted, smoothed where little was, with the story of every figure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datasets.simulator.camera import CameraModel, View
from datasets.taxonomy import KEYS

Floats: TypeAlias = NDArray[np.float64]
Row: TypeAlias = Mapping[str, Any]  # of the JSON file that `measure_rates` wrote

DISTANCE_EDGES_M = (0.0, 6.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 55.0)
PRIOR = 4.0  # sightings that the mean of the class's group weighs beside its own
FLAT = frozenset(
    {"pothole", "road_crack", "neglected_sidewalk", "standing_water"}
)  # one group; what stands is the other
FALLS_FROM = 2  # the bin from which recall never rises with the distance: nearer, boxes are cut by the picture's edge
EDGE_PX = 4.0
ENOUGH = 15  # hits or false alarms from which a class goes by its own edges and scores
OUTLIER = 0.5  # of a side; farther off a box shows something else as well
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = np.linspace(0, 0.95, 39)  # of the variance that a defect keeps from frame to frame
NORMAL = NormalDist()
NOTES = (
    f"recall: hits by metres from the camera; the mean of the group, flat or standing, counts as {PRIOR:g} further "
    "sightings of each bin; from the third bin on it never rises",
    f"edges, scores: of a class with fewer than {ENOUGH} those of all classes together",
    "edges: left, top, right, bottom; error as a share of the box's width or height; scores: quantiles 0 to 1 of the "
    "share of the way from the threshold to 1",
    "false_per_frame: half a box is added to every class's count. Spare boxes that show a defect too hidden or far to "
    "be a truth, or that touch the picture's edge or end beyond the last distance, are left out",
    "manhole_share: of the false alarms, those on a drawn patch or manhole, which is there on every drive",
    "echoes: further boxes on a defect that has one already, by their class, for each hit",
    "borrowed: the rendering simulator does not draw the class; its recall is its group's, the rest that of all",
    "effect_share: of the probit variance of a detection, what stays with a defect over neighbouring frames; fitted to "
    "the number of neighbouring frames that both miss it",
)
FIELD_NOTE = (
    "real pictures, the test split, from the tables of the model's card: recall over labelled boxes of all distances "
    "at IoU 0.5; false_per_frame = -ln(1 - false-alarm frames); labels are incomplete, so both are pessimistic"
)


def summarise(rows: Row, model: str, sha256: str, thresholds: Mapping[str, float]) -> dict[str, object]:
    """The rates as the simulator of observations reads them."""
    sightings: list[Row] = rows["sightings"]
    spare = [one for one in rows["spare"] if _in_view(one)]
    alarms = [one for one in spare if one["shows"] in ("harmless", "nothing")]
    echoes = [one for one in spare if one["shows"] == "echo"]
    classes = {key: _class_rates(key, sightings, alarms, rows["frames"], thresholds) for key in KEYS}
    for key, row in classes.items():
        row["echoes"] = _echoes(key, sightings, echoes)
    return {
        "provenance": {
            "command": "python -m training.measure_rates",
            "model": model,
            "model_sha256": sha256,
            "frames": rows["frames"],
            "seeds": rows["seeds"],
            "sightings": len(sightings),
            "spare_boxes": dict(Counter(one["shows"] for one in rows["spare"])),
            "false_alarms": len(alarms),
            "echoes": len(echoes),
            "notes": NOTES,
        },
        "distance_edges_m": DISTANCE_EDGES_M,
        "effect_share": _effect_share(sightings, classes),
        "edge_correlation": _edge_correlation(sightings),
        "manhole_share": round(sum(one["shows"] == "harmless" for one in alarms) / len(alarms), 3),
        "echo_bias": _rounded(np.median(_edges(echoes, 1.0), axis=0)),
        "echo_sd": _rounded(_edges(echoes, 1.0).std(axis=0)),
        "echo_score": _scores(echoes, thresholds),
        "classes": classes,
    }


def field_rates(card: Path) -> dict[str, object]:
    """Recall and false alarms on real pictures by class, from a model's card: vehicle sources where there are any."""
    best: dict[str, tuple[int, dict[str, object]]] = {}
    text = card.read_text("utf-8").split("### Test", 1)[1].split("### Val", 1)[0]
    for cells in (line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")):
        rank = {"all sources": 0, "smartathon": 1, "vehicle sources": 2}.get(cells[1] if len(cells) == 13 else "")
        if cells[0] not in KEYS or rank is None or not re.fullmatch(r"[\d.]+", cells[9]):
            continue
        if rank >= best.get(cells[0], (-1, {}))[0]:
            alarm = float(cells[10]) if cells[10] != "-" else 0.0
            row = {"source": cells[1], "boxes": int(cells[3]), "recall": float(cells[9])}
            best[cells[0]] = rank, row | {"false_per_frame": round(abs(log(1 - alarm)), 4)}
    return {"provenance": f"{card.name}: {FIELD_NOTE}", "classes": {key: best[key][1] for key in KEYS if key in best}}


def _class_rates(
    key: str, sightings: list[Row], alarms: list[Row], frames: int, thresholds: Mapping[str, float]
) -> dict[str, object]:
    group = _bins([one for one in sightings if (one["class_key"] in FLAT) is (key in FLAT)])
    own = [one for one in sightings if one["class_key"] == key]
    counted = _bins(own)
    hits = [one for one in own if one["said_class"] is not None]
    false = [one for one in alarms if one["class_key"] == key]
    recall = [(h + PRIOR * (a + 1) / (b + 2)) / (n + PRIOR) for (h, n), (a, b) in zip(counted, group, strict=True)]
    recall[FALLS_FROM:] = np.minimum.accumulate(recall[FALLS_FROM:]).tolist()
    edges = _edges(hits if len(hits) >= ENOUGH else [s for s in sightings if s["said_class"] is not None])
    said = Counter(one["said_class"] for one in hits if one["said_class"] != key)
    right = [one for one in sightings if one["said_class"] == one["class_key"]]
    return {
        "borrowed": not own,
        "seen": [n for _, n in counted],
        "hit": [h for h, _ in counted],
        "recall": _rounded(recall),
        "edge_bias": _rounded(np.median(edges, axis=0)),
        "edge_sd": _rounded(edges.std(axis=0)),
        "said": {other: round(count / len(hits), 4) for other, count in said.items()},
        "false_alarms": len(false),
        "false_per_frame": round((len(false) + 0.5) / frames, 4),
        "threshold": thresholds[key],
        "score_true": _scores(_own_or_all(right, key), thresholds),
        "score_false": _scores(_own_or_all(alarms, key), thresholds),
    }


def _in_view(alarm: Row) -> bool:
    """Whether a truth could have been there: wholly inside the picture and near enough."""
    camera = CameraModel()
    x0, _, x1, y1 = alarm["xyxy_px"]
    ahead_m = float(View(camera, 0.0, 0.0, 0.0).ground_rows(np.array([y1]))[0][0])
    inside = x0 >= EDGE_PX and x1 <= camera.width - EDGE_PX and y1 <= camera.height - EDGE_PX
    return inside and ahead_m <= DISTANCE_EDGES_M[-1]


def _bins(sightings: list[Row]) -> list[tuple[int, int]]:
    """Hits, of whatever class, and sightings by distance."""
    found = []
    for near_m, far_m in pairwise(DISTANCE_EDGES_M):
        inside = [one for one in sightings if near_m <= one["distance_m"] < far_m]
        found.append((sum(one["said_class"] is not None for one in inside), len(inside)))
    return found


def _echoes(key: str, sightings: list[Row], echoes: list[Row]) -> dict[str, float]:
    """Of a class that was not drawn: one as likely as with all others, of its own class."""
    own, hits = [one for one in echoes if one["true_class"] == key], len(_hits(sightings, key))
    if not hits:
        return {key: round(len(echoes) / sum(one["said_class"] is not None for one in sightings), 4)}
    return {said: round(count / hits, 4) for said, count in Counter(one["class_key"] for one in own).items()}


def _edges(rows: list[Row], outlier: float = OUTLIER) -> Floats:
    errors: Floats = np.clip(np.array([one["edge_errors"] for one in rows]), -outlier, outlier)
    return errors


def _own_or_all(rows: list[Row], key: str) -> list[Row]:
    own = [one for one in rows if one["class_key"] == key]
    return own if len(own) >= ENOUGH else rows


def _scores(rows: list[Row], thresholds: Mapping[str, float]) -> list[float]:
    lows = np.array([thresholds[one["class_key"]] for one in rows])
    return _rounded(np.quantile((np.array([one["score"] for one in rows]) - lows) / (1 - lows), QUANTILES))


def _neighbours(sightings: list[Row]) -> list[tuple[Row, Row]]:
    """The same defect in two frames that follow each other."""
    by_defect: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
    for one in sightings:
        by_defect[one["drive"], one["defect_id"]][one["frame"]] = one
    return [(a, seen[i + 1]) for seen in by_defect.values() for i, a in seen.items() if i + 1 in seen]


def _effect_share(sightings: list[Row], classes: Mapping[str, Mapping[str, Any]]) -> float:
    """The share that makes as many neighbouring frames both miss as were counted, each with its bin's recall."""
    pairs = [p for p in _neighbours(sightings) if max(one["distance_m"] for one in p) < DISTANCE_EDGES_M[-1]]
    both = sum(a["said_class"] is None and b["said_class"] is None for a, b in pairs)
    limits = np.array([[_limit(one, classes) for one in pair] for pair in pairs])
    expected = [_both_missed(limits, float(share)) for share in SHARES]
    return round(float(np.interp(both, expected, SHARES)), 3)


def _limit(one: Row, classes: Mapping[str, Mapping[str, Any]]) -> float:
    i = int(np.searchsorted(DISTANCE_EDGES_M, one["distance_m"], side="right")) - 1
    return -NORMAL.inv_cdf(float(np.clip(classes[one["class_key"]]["recall"][i], 0.005, 0.995)))


def _both_missed(limits: Floats, share: float) -> float:
    """Expected pairs with both probits below their limits, by quadrature over what the two have in common."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(31)
    below = np.vectorize(NORMAL.cdf)((limits[:, :, None] - sqrt(share) * nodes) / sqrt(1 - share))
    return float((below.prod(axis=1) @ (weights / weights.sum())).sum())


def _edge_correlation(sightings: list[Row]) -> float:
    """Of the edge errors of one defect in frames that follow each other, bias of the class taken off."""
    pairs = [(a, b) for a, b in _neighbours(sightings) if a["said_class"] and b["said_class"]]
    biases = {key: np.median(_edges(_hits(sightings, key)), axis=0) for key in {a["class_key"] for a, _ in pairs}}
    both = [np.array([_edges([one])[0] - biases[a["class_key"]] for one in (a, b)]) for a, b in pairs]
    first, second = (np.concatenate([pair[i] for pair in both]) for i in (0, 1))
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def _hits(sightings: list[Row], key: str) -> list[Row]:
    return [one for one in sightings if one["class_key"] == key and one["said_class"] is not None]


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in values]
