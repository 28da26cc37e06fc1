"""Which drive a file belongs to when nobody said: a survey is one folder's files without a long pause between them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

PAUSE_NS = 4 * 3600 * 1_000_000_000  # longer: another drive; a night drive over midnight stays one
NAME_LENGTH = 120  # of the server


def name_drives(folder: str, mtimes_ns: Iterable[int], known: Iterable[tuple[int, str]]) -> dict[int, str]:
    """The survey of each file's time of change. `known` are the folder's files that have one already: a drive keeps
    its name when more of it is found. A new drive is named by the folder and the UTC day of its first file."""
    times = list(known)
    files: list[tuple[int, str | None]] = [*times, *((time, None) for time in mtimes_ns)]
    named: dict[int, str] = {}
    for drive in _drives(sorted(files, key=lambda file: file[0])):
        name = next((name for _, name in drive if name), None) or _new_name(folder, drive[0][0])
        named |= {time: own or name for time, own in drive}
    return named


def _drives(files: list[tuple[int, str | None]]) -> Iterator[list[tuple[int, str | None]]]:
    drive: list[tuple[int, str | None]] = []
    for file in files:
        if drive and file[0] - drive[-1][0] > PAUSE_NS:
            yield drive
            drive = []
        drive.append(file)
    if drive:
        yield drive


def _new_name(folder: str, mtime_ns: int) -> str:
    day = datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC).date().isoformat()
    plain = folder.encode("utf-8", "replace").decode()
    return f"{plain[-(NAME_LENGTH - len(day) - 1) :]} {day}"
