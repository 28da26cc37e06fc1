"""The order of a measurement: all contenders in turn, shuffled, round after round: a busy moment hits all alike."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from inference.bench.process import Contender, ContenderDied, Running, Turn
from inference.bench.report import Kind, Row, Spread
from inference.bench.serving import Facts

_DETECTING = (Kind.STREAM, Kind.PEER)
_SEED = 0


@dataclass(frozen=True)
class Plan:
    """The files of one turn, how many turns, and how often a process is started to see how long that takes."""

    pictures: Sequence[str]
    rounds: int
    starts: int


@dataclass
class _Entrant:
    """What has been seen of one contender so far."""

    contender: Contender
    running: Running | None = None
    cold_starts_s: list[float] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    turns: list[Turn] = field(default_factory=list)
    failed: str | None = None

    def row(self) -> Row:
        told, rates = self.contender, tuple(turn.images / turn.seconds for turn in self.turns)
        detects = told.kind in _DETECTING
        return Row(
            key=told.key,
            title=told.title,
            kind=told.kind,
            backend=told.backend,
            variant=told.variant,
            model_sha256=told.model_sha256,
            gate_passed=told.gate_passed,
            input=self.facts.input,
            batch=self.facts.batch,
            note=self.facts.note,
            multiply_adds=self.facts.multiply_adds,
            failed=self.failed,
            rates=rates,
            images_per_s=Spread.of(rates) if rates else None,
            peak_memory_mb=max((turn.peak_memory_mb for turn in self.turns), default=None),
            cold_start_s=Spread.of(self.cold_starts_s) if detects and self.cold_starts_s else None,
        )


def measure(contenders: Sequence[Contender], plan: Plan, step: Callable[[str], None]) -> list[Row]:
    """Start, warm up and time all contenders; one that dies becomes a row that says why. step is told the titles."""
    entrants = [_Entrant(contender) for contender in contenders]
    order = random.Random(_SEED)
    with ExitStack() as processes:
        for start in range(plan.starts):
            _each(entrants, order, step, lambda one, last=start + 1 == plan.starts: _start(one, processes, last))  # type: ignore[misc]
        _each(entrants, order, step, lambda one: _warm_up(one, plan))
        for _ in range(plan.rounds):
            _each(entrants, order, step, lambda one: _take_turn(one, plan))
    return [entrant.row() for entrant in entrants]


def steps(contenders: Sequence[Contender], plan: Plan) -> int:
    """How often `measure` calls step."""
    return len(contenders) * (plan.starts + 1 + plan.rounds)


def _each(
    entrants: Sequence[_Entrant], order: random.Random, step: Callable[[str], None], work: Callable[[_Entrant], None]
) -> None:
    for entrant in order.sample(entrants, len(entrants)):
        step(entrant.contender.title)
        if entrant.failed is None:
            try:
                work(entrant)
            except ContenderDied as died:
                entrant.failed = str(died)


def _start(entrant: _Entrant, processes: ExitStack, keep: bool) -> None:
    if not keep and entrant.contender.kind not in _DETECTING:
        return
    running = Running(entrant.contender)
    entrant.cold_starts_s.append(running.cold_start_s)
    entrant.facts = running.facts
    if keep:
        entrant.running = processes.enter_context(running)
    else:
        running.close()


def _warm_up(entrant: _Entrant, plan: Plan) -> None:
    if entrant.running is not None:
        entrant.facts = entrant.running.warm_up(plan.pictures)


def _take_turn(entrant: _Entrant, plan: Plan) -> None:
    if entrant.running is not None:
        entrant.turns.append(entrant.running.turn(plan.pictures))
