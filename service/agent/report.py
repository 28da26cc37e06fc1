"""What a run did, for people, for programs and as an exit code."""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum

from service.agent.entries import RefusedFile, State


class ExitCode(IntEnum):
    ARRIVED = 0  # every file is at the server
    SOME_REFUSED = 1
    USAGE = 2
    SOME_WAIT = 3  # the link, the server or the user ended the run before all had arrived
    KEY_REFUSED = 4


@dataclass
class Report:
    """Counts of one run; `refused_files` and `waiting` are of the whole list."""

    sent: int = 0
    already_there: int = 0  # the server had the bytes: sent by a run that never saw the answer, or as another file
    deleted: int = 0
    bytes_sent: int = 0  # of files and parts that the server acknowledged
    seconds: float = 0.0
    waiting: int = 0
    still_written: int = 0  # files left for later because they were changing
    unreadable: list[str] = field(default_factory=list)  # sub-folders that could not be looked into
    refused_files: list[RefusedFile] = field(default_factory=list)
    stopped: str | None = None  # why the run ended before all had arrived
    key_refused: bool = False

    @property
    def exit_code(self) -> ExitCode:
        if self.key_refused:
            return ExitCode.KEY_REFUSED
        if self.waiting or self.still_written or self.unreadable:
            return ExitCode.SOME_WAIT
        return ExitCode.SOME_REFUSED if self.refused_files else ExitCode.ARRIVED

    def as_json(self) -> dict[str, object]:
        refused = [
            {"path": file.path, "code": file.code, "detail": file.detail, "frame_id": file.frame_id}
            for file in self.refused_files
        ]
        return {
            "sent": self.sent,
            "already_there": self.already_there,
            "refused": dict(Counter(file.code for file in self.refused_files)),
            "refused_files": refused,
            "waiting": self.waiting,
            "still_written": self.still_written,
            "unreadable": self.unreadable,
            "deleted": self.deleted,
            "bytes_sent": self.bytes_sent,
            "seconds": round(self.seconds, 3),
            "bytes_per_s": round(self.bytes_sent / self.seconds, 1) if self.seconds else 0.0,
            "stopped": self.stopped,
            "exit_code": int(self.exit_code),
        }

    def lines(self) -> list[str]:
        """For people."""
        told = [f"{self.sent} sent, {self.already_there} were there already, {self.waiting} wait"]
        told += [f"{self.still_written} are still being written"] if self.still_written else []
        told += [f"{self.deleted} deleted here"] if self.deleted else []
        for code, number in sorted(Counter(file.code for file in self.refused_files).items()):
            example = next(file for file in self.refused_files if file.code == code)
            told.append(f"{number} refused as {code}: {example.path}: {example.detail}")
        told += [f"cannot be read: {folder}" for folder in self.unreadable]
        return told + ([self.stopped] if self.stopped else [])


def status_report(counts: dict[State, tuple[int, int]], refused: list[RefusedFile]) -> dict[str, object]:
    """The list of a folder as it stands, for `rasid survey status`."""
    states = {state.value: {"files": files, "bytes": size} for state, (files, size) in counts.items()}
    listed = [{"path": one.path, "code": one.code, "detail": one.detail, "frame_id": one.frame_id} for one in refused]
    return {"states": states, "refused_files": listed}
