"""`rasid average`: the mean of the weights of several runs, where each has learnt something that another lost.

Runs must descend from one another or from one start, or their weights do not lie in one valley of the loss
(Izmailov et al. 2018, Averaging weights leads to wider optima; Wortsman et al. 2022, Model soups).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError
from training.recipe import RECORD_FILE, code_version

if TYPE_CHECKING:
    import torch

_ALIKE = ("image_size", "head")
"""What the configurations of averaged runs must have in common, beside the shapes of their weights."""


def average_runs(shares: Mapping[str, float], out: str, runs: Path) -> str:
    """Write runs/OUT with the mean of the runs' last checkpoints, weighted by share; it can be exported or continued.

    shares: run name -> weight, above 0, of any sum. Raises TrainingError for runs that cannot be averaged.
    """
    if len(shares) < 2 or min(shares.values()) <= 0 or out in shares:
        raise TrainingError(f"expected two or more runs with shares above 0 and another name for OUT, got {shares}")
    record = _record(shares, {name: _read_record(runs / name) for name in shares})
    (runs / out / "weights").mkdir(parents=True, exist_ok=True)
    _write_mean([(runs / name / "weights/last.pt", share) for name, share in shares.items()], runs / out)
    (runs / out / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return f"{runs / out / 'weights' / 'last.pt'}: mean of {', '.join(shares)}"


def mean_state(states: Sequence[Mapping[str, "torch.Tensor"]], shares: Sequence[float]) -> dict[str, "torch.Tensor"]:
    """The weighted mean of tensors of the same names and shapes; whole numbers are the last state's."""
    shapes = [{name: tuple(tensor.shape) for name, tensor in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes[1:]):
        raise TrainingError("expected runs of one network, got weights of different names or shapes")
    total = sum(shares)
    mean = dict(states[-1])
    for name, last in states[-1].items():
        if last.is_floating_point():
            weighted = (state[name].float() * share for state, share in zip(states, shares, strict=True))
            mean[name] = (sum(weighted) / total).to(last.dtype)
    return mean


def _write_mean(checkpoints: Sequence[tuple[Path, float]], out: Path) -> None:
    """The last checkpoint with the mean in place of its averaged weights."""
    import torch

    loaded = [torch.load(path, map_location="cpu", weights_only=False) for path, _ in checkpoints]
    states = [checkpoint["ema"].state_dict() for checkpoint in loaded]
    loaded[-1]["ema"].load_state_dict(mean_state(states, [share for _, share in checkpoints]))
    torch.save(loaded[-1], out / "weights" / "last.pt")


def _read_record(run: Path) -> dict[str, Any]:
    path = run / RECORD_FILE
    if not path.exists() or not (run / "weights/last.pt").exists():
        raise TrainingError(f"expected a finished run in {run}, got no {RECORD_FILE} or no weights/last.pt")
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return record


def _record(shares: Mapping[str, float], records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    *_, last = records.values()
    for key in _ALIKE:
        values = {name: record["config"][key] for name, record in records.items()}
        if len(set(values.values())) > 1:
            raise TrainingError(f"expected runs of one {key}, got {values}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "started_at": now,
        "finished_at": now,
        "epochs": [],
        "averaged": [{"run": name, "share": share, "record": records[name]} for name, share in shares.items()],
        "config": last["config"],
        "data": {"sources": sorted({source for record in records.values() for source in record["data"]["sources"]})},
        "versions": last["versions"],
        "code_version": code_version(),
    }
