"""What the figures were measured on, since they mean nothing elsewhere."""

import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from inference.cores import available_cores

_TELLING_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimddp",
    "bf16",
)
_PACKAGES = ("rasid", "numpy", "opencv-python-headless", "onnxruntime", "openvino", "torch", "ultralytics")


class Machine(BaseModel):
    """Processor, cores this process may use, memory, and how busy it was when the measurement began."""

    model_config = ConfigDict(frozen=True)

    processor: str
    cores: int
    flags: tuple[str, ...]
    memory_gb: float
    system: str
    busy_share: float  # load of the last minute over the cores; above a few percent others worked too


def describe_machine() -> Machine:
    facts = _processor_facts()
    return Machine(
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        cores=available_cores(),
        flags=tuple(flag for flag in _TELLING_FLAGS if flag in facts.get("flags", facts.get("Features", "")).split()),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.machine()}",
        busy_share=round(psutil.getloadavg()[0] / available_cores(), 2),
    )


def versions() -> dict[str, str]:
    """Of what is installed and does the work."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def command_line() -> str:
    """How this process was called, to be called again."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def memory_mb() -> tuple[float, float]:
    """Resident memory of this process now and at its highest, in megabytes (10^6 bytes)."""
    now = psutil.Process().memory_info().rss
    return now / 1e6, max(_peak_bytes(), now) / 1e6


def _peak_bytes() -> int:
    """VmHWM where there is one: getrusage tells a child the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _processor_facts() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; nothing where there is no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
