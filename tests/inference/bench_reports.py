"""Reports as a measurement would give them, from made-up rates."""

from collections.abc import Mapping, Sequence

from inference.bench.machine import Machine
from inference.bench.report import (
    BenchReport,
    Circumstances,
    Command,
    EnduranceReport,
    Kind,
    Mark,
    Peer,
    Row,
    Spread,
    fastest,
    ratios,
)

OURS, INT8, PEER, BARE = "stream:onnxruntime", "stream:onnxruntime:int8", "ultralytics:pt:1", "session:onnxruntime"
RATES = {OURS: (20.0, 10.0, 22.0), PEER: (4.0, 2.0, 4.0), BARE: (21.0, 11.0, 24.0)}


def row(key: str, rates: Sequence[float] = (), *, gate_passed: bool = True, failed: str | None = None) -> Row:
    kind, *names = key.split(":")
    ours = kind in (Kind.STREAM, Kind.SESSION)
    return Row(
        key=key,
        title=f"title of {key}",
        kind=Kind(kind) if ours else Kind.PEER,
        backend=names[0] if ours else None,
        variant=names[1] if ours and len(names) > 1 else None,
        input="544x960",
        gate_passed=gate_passed,
        failed=failed,
        rates=tuple(rates),
        images_per_s=Spread.of(rates) if rates else None,
        peak_memory_mb=300.0 if rates else None,
        cold_start_s=Spread.of([0.5, 0.7]) if rates and kind != Kind.SESSION else None,
    )


def bench_report(rates: Mapping[str, Sequence[float]] | None = None, *more: Row) -> BenchReport:
    measured = RATES if rates is None else rates
    rows = (*(row(key, own) for key, own in measured.items()), *more)
    chosen = fastest(rows)
    return BenchReport(
        circumstances=circumstances(),
        images=40,
        rounds=3,
        peer=Peer(available=True, weights="last.pt", same_weights=True, note="outputs within 1e-06 of the model's"),
        rows=rows,
        ratios=ratios(measured),
        reference=PEER,
        commands=(Command(command="rasid detect one.jpg", seconds=Spread.of([0.9])),),
        chosen=chosen.key if chosen else None,
    )


def endurance_report() -> EnduranceReport:
    marks = [Mark(images=n, seconds_per_image=0.05, memory_mb=250, peak_memory_mb=260) for n in (10, 1000)]
    return EnduranceReport(circumstances=circumstances(), backend="onnxruntime", variant="", marks=tuple(marks))


def circumstances() -> Circumstances:
    machine = Machine(processor="Abacus", cores=2, flags=("avx2",), memory_gb=8, system="Linux 6", busy_share=0.01)
    return Circumstances(
        command="rasid bench",
        measured_at="2026-01-01T00:00:00+00:00",
        machine=machine,
        versions={"python": "3.11"},
        model="blobs",
        version="1",
        model_sha256="0" * 64,
        pictures="drawn streets",
        workers=2,
    )
