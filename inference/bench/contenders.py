"""Who takes part: each of our backends with each variant of the model, what bounds them, and stock ultralytics."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from inference.backends import ONNXRUNTIME, OPENVINO, installed_backends
from inference.bench.machine import describe_machine
from inference.bench.process import Contender, last_words
from inference.bench.report import Kind, Peer
from inference.bench.variants import Variant, variants_of
from inference.bench.work import Job
from inference.cores import available_cores

PEER_MODULE = "training.bench_peer"
_HOW_TO_GET = "not installed; make setup-train installs torch and ultralytics"
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}
_PEERS = {
    "pt": "ultralytics .pt",
    "onnx": "ultralytics ONNX",
    "onnx-dynamic": "ultralytics ONNX, dynamic",
}


def our_contenders(model: str, first: str, workers: int) -> list[Contender]:
    """Streams and bare sessions of every backend and variant, decoding alone, arithmetic alone."""
    variants = variants_of(model)
    pairs = [(backend, variant) for backend in installed_backends() for variant in variants]
    detecting = [_ours(kind, *pair, first, workers) for pair in pairs for kind in (Kind.STREAM, Kind.SESSION)]
    return [*detecting, *(_bound(kind, model, first, workers) for kind in (Kind.DECODE, Kind.ARITHMETIC))]


def prepare_peer(weights: Path | None, model: str, folder: Path) -> Peer:
    """Write the stock checkpoint and its exports into the folder, in a process of their own."""
    if find_spec("ultralytics") is None or find_spec("torch") is None or find_spec("training") is None:
        return Peer(available=False, note=_HOW_TO_GET)
    if weights is None:
        return Peer(available=False, note="no weights; name a checkpoint with --peer FILE.pt")
    asked = [sys.executable, "-m", PEER_MODULE, "prepare", str(weights), model, str(folder)]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", env=os.environ | peer_environment(folder))
    if done.returncode:
        said = last_words(done.stderr.splitlines(), done.returncode)
        return Peer(available=False, weights=weights.name, note=said)
    return Peer(available=True, weights=weights.name, **json.loads(done.stdout.splitlines()[-1]))


def peer_contenders(folder: Path, first: str, long_side: int) -> list[Contender]:
    """Stock ultralytics from .pt and from ONNX, one picture a batch and as many as suit it best."""
    asked = [("pt", "1"), ("pt", "best"), ("onnx", "1"), ("onnx", "best"), ("onnx-dynamic", "best")]
    return [_peer(folder, name, batch, first, long_side) for name, batch in asked]


def stock_checkpoint(folder: Path) -> Path:
    """Where `prepare_peer` leaves it."""
    return folder / "stock.pt"


def find_weights(peer: Path | None, shared: Path) -> Path | None:
    """The checkpoint asked for, else a nano one of the shared data folder."""
    return peer or next(iter(sorted((shared / "weights").glob("yolo26n*.pt"))), None)


def peer_environment(folder: Path) -> dict[str, str]:
    """All cores, which ultralytics does not take by itself; nothing installed or asked of a network while it runs."""
    return {
        "OMP_NUM_THREADS": str(available_cores()),
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": str(folder),
    }


def _ours(kind: Kind, backend: str, variant: Variant, first: str, workers: int) -> Contender:
    name = f"{backend} {variant.name or 'fp32'}" if backend == ONNXRUNTIME or variant.name else backend
    return Contender(
        key=":".join([kind, backend, *([variant.name] if variant.name else [])]),
        title=f"rasid, {name}" if kind is Kind.STREAM else f"bare session, {name}",
        kind=kind,
        argv=Job(kind, variant.model, backend, workers, first).argv(),
        backend=backend,
        variant=variant.name,
        model_sha256=variant.sha256,
        gate_passed=variant.gate_passed
        and (backend != OPENVINO or not _counts_in_bf16() or backend in variant.backends),
    )


def _counts_in_bf16() -> bool:
    """OpenVINO does on processors that can; what that costs is gated by `rasid gate`."""
    return bool(_BF16 & {*describe_machine().flags})


def _bound(kind: Kind, model: str, first: str, workers: int) -> Contender:
    title = "decoding alone" if kind is Kind.DECODE else "arithmetic limit, fp32"
    return Contender(kind, title, kind, Job(kind, model, ONNXRUNTIME, workers, first).argv())


def _peer(folder: Path, name: str, batch: str, first: str, long_side: int) -> Contender:
    how = "batch 1" if batch == "1" else "best batch"
    return Contender(
        key=f"ultralytics:{name}:{batch}",
        title=f"{_PEERS[name]}, {how}",
        kind=Kind.PEER,
        argv=(sys.executable, "-m", PEER_MODULE, "serve", str(folder), name, batch, str(long_side), first),
        environment=peer_environment(folder),
    )
