"""What a measurement says, as values that go to JSON and back: the page, the plot and the choice read nothing else."""

import statistics
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from inference.bench.machine import Machine


class Kind(StrEnum):
    """What a contender does with a picture."""

    STREAM = "stream"  # Detector.stream: file to boxes
    PEER = "peer"  # stock ultralytics: file to boxes
    SESSION = "session"  # the model alone, on a ready tensor
    DECODE = "decode"  # file to pixels
    ARITHMETIC = "arithmetic"  # as many multiply-adds as the model has, in one large matrix product


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spread(_Value):
    """A figure over the rounds: its median, its middle half, its ends."""

    median: float
    quarter: float
    three_quarter: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        quarter, median, three_quarter = quartiles
        return cls(median=median, quarter=quarter, three_quarter=three_quarter, least=min(values), most=max(values))


class Row(_Value):
    """One contender; `failed` says why there are no figures, or none after it died.

    rates are images a second, one for each round it lived through; cold_start_s is from the start of the process
    to the first detection.
    """

    key: str
    title: str
    kind: Kind
    backend: str | None = None
    variant: str | None = None
    model_sha256: str = ""
    input: str = ""
    batch: int | None = None
    note: str = ""
    multiply_adds: float | None = None
    gate_passed: bool = True
    failed: str | None = None
    rates: tuple[float, ...] = ()
    images_per_s: Spread | None = None
    peak_memory_mb: float | None = None
    cold_start_s: Spread | None = None


class Peer(_Value):
    """Stock ultralytics; same_weights if its outputs are the model's own within 0.001."""

    available: bool
    weights: str = ""
    same_weights: bool = False
    note: str = ""


class Command(_Value):
    """Seconds of a whole command on one picture, from its start to its end."""

    command: str
    seconds: Spread | None = None
    failed: str | None = None


class Circumstances(_Value):
    """What was measured, on what, how."""

    command: str
    measured_at: str
    machine: Machine
    versions: dict[str, str]
    model: str
    version: str
    model_sha256: str
    pictures: str
    workers: int


class BenchReport(_Value):
    """One run of `rasid bench`. ratios[a][b] is how many times as many images a second a made as b, round by round."""

    format: Literal["bench-2"] = "bench-2"
    circumstances: Circumstances
    images: int
    rounds: int
    peer: Peer
    rows: tuple[Row, ...]
    ratios: dict[str, dict[str, Spread]]
    reference: str | None
    commands: tuple[Command, ...] = ()
    chosen: str | None = None

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.key == key), None)


class Mark(_Value):
    """After so many images: seconds an image since the mark before, and memory."""

    images: int
    seconds_per_image: float
    memory_mb: float
    peak_memory_mb: float


class EnduranceReport(_Value):
    """One run of `rasid bench --endurance`: whether memory and cost an image stay what they were."""

    format: Literal["endurance-1"] = "endurance-1"
    circumstances: Circumstances
    backend: str
    variant: str
    marks: tuple[Mark, ...]


def ratios(rates: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Spread]]:
    """Every contender over every other, each round by itself; a round only one of them lived through does not count."""
    return {
        a: {b: Spread.of(both) for b in rates if a != b and (both := _quotients(rates[a], rates[b]))} for a in rates
    }


def fastest(rows: Sequence[Row]) -> Row | None:
    """The quickest of our backends among those whose accuracy gate passed."""
    able = [row for row in rows if row.kind is Kind.STREAM and row.gate_passed and not row.failed and row.images_per_s]
    return max(able, key=lambda row: row.images_per_s.median if row.images_per_s else 0.0, default=None)


def write_report(report: BenchReport | EnduranceReport, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json(indent=2) + "\n", "utf-8")


def _quotients(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(first, second, strict=False)]
