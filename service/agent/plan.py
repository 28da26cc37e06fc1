"""What the owner asked for, as one value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    folder: Path
    survey: str | None = None  # None: folder and day of each drive
    parallel: int = 3  # files on their way at once
    watch: bool = False  # stay and send what comes
    once: bool = False  # try each file once
    patience_s: float = 900.0  # without watch: end after so long without a byte getting through
    settle_s: float = 2.0  # a file that does not change for so long is whole
    rescan_s: float = 5.0
    delete_after_upload: bool = False
    retry_refused: bool = False
