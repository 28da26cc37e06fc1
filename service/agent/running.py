"""The agent at work: looks for files, keeps several on their way, waits when the link or the server asks for it."""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from service.agent.answers import FileRefused, KeyRefused, LinkError, Stopped, WrongServer
from service.agent.clock import Clock
from service.agent.display import Display
from service.agent.entries import Entry, Receipt, State
from service.agent.finding import Found, FoundFile, Kind, Settling, find_files
from service.agent.originals import OriginalChanged, delete_original
from service.agent.plan import Plan
from service.agent.report import Report
from service.agent.sending import Sender
from service.agent.spool import Spool, printable
from service.agent.tally import Tally
from service.agent.waiting import Patience

FARTHEST_LOOK_S = 0.5  # how long a wish to stop may go unseen while files are on their way
GRACE_S = 5.0  # for requests on their way when the agent is to end
SCAN_SHARE = 20  # looking through the folder takes at most a twentieth of the time
DEAD_LINK_FAILURES = 3  # in a row end a run with --once


@dataclass(frozen=True)
class Delivery:
    """How an attempt ended: with the sha256 and the receipt, or with what was raised."""

    entry: Entry
    outcome: tuple[str, Receipt] | BaseException
    progressed: bool


class Run:
    """One run over one folder. `chance` gives numbers in 0..1."""

    def __init__(
        self, plan: Plan, spool: Spool, sender: Sender, clock: Clock, stop: Event, display: Display,
        chance: Callable[[], float],
    ) -> None:  # fmt: skip
        self._plan, self._spool, self._sender = plan, spool, sender
        self._clock, self._stop, self._display = clock, stop, display
        self._settling, self._tally, self._report = Settling(plan.settle_s), Tally(), Report()
        self._patience = Patience(chance, clock.monotonic_s())
        self._under_way: dict[int, Entry] = {}
        self._deliveries: queue.Queue[Delivery] = queue.Queue()
        self._next_scan_s, self._scans = clock.monotonic_s(), 0
        self._noted: tuple[list[FoundFile], list[FoundFile]] | None = None

    def run(self) -> Report:
        """Until everything has arrived, or for ever with watch; ended early by `stop`, a refused key, or a dead link.
        Raises OSError where the folder cannot be read and watch is off."""
        began_s = self._clock.monotonic_s()
        self._prepare()
        while not self._is_over():
            self._scan_if_due()
            self._start_more()
            self._wait()
        self._drain()
        return self._conclude(began_s)

    def _prepare(self) -> None:
        if self._plan.retry_refused:
            self._spool.retry_refused()
        if self._plan.delete_after_upload:
            for entry, sha256 in self._spool.sent_and_kept():
                if not self._stop.is_set():
                    self._delete(entry, sha256)

    def _is_over(self) -> bool:
        if self._stop.is_set():
            self._report.stopped = self._report.stopped or "asked to end; run again to go on"
            return True
        if self._plan.watch or self._scans < 2 or self._under_way:
            return False
        if self._plan.once and self._patience.failures >= DEAD_LINK_FAILURES:
            self._report.stopped = "the link is dead; run again to go on"
            return True
        if self._clock.monotonic_s() - self._patience.moved_s > self._plan.patience_s:
            self._report.stopped = f"no byte got through for {self._plan.patience_s:.0f} s; run again to go on"
            return True
        return self._spool.next_waiting(self._closed()) is None

    def _scan_if_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._next_scan_s:
            return
        try:
            found = find_files(self._plan.folder)
        except OSError as error:
            if not self._plan.watch:
                raise
            self._display.pause(f"the folder cannot be read: {error}")
            found = Found([], [])
        self._note(found.files, now_s)
        self._report.unreadable = found.unreadable
        took_s = self._clock.monotonic_s() - now_s
        interval_s = self._plan.settle_s if self._scans == 0 else self._plan.rescan_s
        self._next_scan_s = now_s + max(interval_s, SCAN_SHARE * took_s)
        self._scans += 1

    def _look_again(self) -> None:
        """Two looks tell which files are whole; a run does not end before both."""
        self._next_scan_s, self._scans, self._noted = self._clock.monotonic_s(), 0, None

    def _note(self, found: list[FoundFile], now_s: float) -> None:
        whole, at = self._settling.settled(found, now_s), self._clock.utc_now()
        if (found, whole) != self._noted:
            self._spool.note(found, whole, self._plan.survey, self._plan.folder.resolve().name, at)
        self._noted = (found, whole)
        if self._scans == 0:
            self._spool.forget_old(found, at)
        self._report.still_written = len(found) - len(whole)
        self._tally.waiting(*self._spool.count().get(State.WAITING, (0, 0)))
        self._display.show(self._tally.standings())

    def _start_more(self) -> None:
        """While a track is on its way nothing else starts: the frames beside it may need it to have a place."""
        now_s = self._clock.monotonic_s()
        while len(self._under_way) < self._plan.parallel and now_s >= self._patience.resume_s:
            entry = self._spool.next_waiting(self._closed() | self._patience.resting(now_s))
            tracks = any(other.kind is Kind.TRACK for other in self._under_way.values())
            if entry is None or (tracks and entry.kind is not Kind.TRACK) or self._stop.is_set():
                return
            self._under_way[entry.id] = entry
            Thread(target=self._deliver, args=(entry,), daemon=True).start()

    def _closed(self) -> set[int]:
        """Files that are not to be begun: under way, or tried already where once is enough."""
        return self._under_way.keys() | (self._patience.tried if self._plan.once else set())

    def _deliver(self, entry: Entry) -> None:
        """In a thread of its own; whatever is raised is for the loop to judge."""
        news = 0

        def progress(there_bytes: int) -> None:
            nonlocal news
            if more := self._tally.progress(entry, there_bytes):
                news += more
                self._patience.moved(self._clock.monotonic_s())
                self._display.pause(None)
                self._display.show(self._tally.standings())

        outcome: tuple[str, Receipt] | BaseException
        try:
            outcome = self._sender.send(entry, progress)
        except BaseException as error:
            outcome = error
        self._deliveries.put(Delivery(entry, outcome, news > 0))

    def _wait(self) -> None:
        """For a file to end, or for the next thing that is due."""
        now_s = self._clock.monotonic_s()
        due_s = self._next_scan_s
        if self._spool.next_waiting(self._closed() | self._patience.resting(now_s)):
            due_s = min(due_s, self._patience.resume_s)
        elif self._spool.next_waiting(self._closed()):
            due_s = min(due_s, self._patience.next_due_s(now_s))
        if not self._under_way:
            self._clock.sleep(due_s - now_s)
            return
        try:
            self._take(self._deliveries.get(timeout=FARTHEST_LOOK_S))
        except queue.Empty:
            return

    def _take(self, delivery: Delivery) -> None:
        entry, outcome = delivery.entry, delivery.outcome
        self._under_way.pop(entry.id, None)
        if isinstance(outcome, LinkError):
            self._take_failure(entry, outcome, delivery.progressed)
            return
        if isinstance(outcome, KeyRefused):
            self._report.key_refused, self._report.stopped = True, str(outcome)
            self._stop.set()
            return
        if isinstance(outcome, Stopped):
            return
        self._patience.ended(entry.id)
        self._take_end(entry, outcome)
        self._tally.ended(entry)
        self._display.show(self._tally.standings())

    def _take_end(self, entry: Entry, outcome: tuple[str, Receipt] | BaseException) -> None:
        at = self._clock.utc_now()
        if isinstance(outcome, OriginalChanged):
            self._spool.keep_away(entry, at)
            self._look_again()
        elif isinstance(outcome, FileRefused):
            self._refuse(entry, outcome)
            self._moved()
        elif isinstance(outcome, OSError):
            self._refuse(entry, FileRefused("file.unreadable", f"expected a readable file: {outcome}"))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            self._acknowledge(entry, *outcome)

    def _acknowledge(self, entry: Entry, sha256: str, receipt: Receipt) -> None:
        self._spool.keep_sent(entry, sha256, receipt, self._clock.utc_now())
        if receipt.outcome == "new":
            self._report.sent += 1
        else:
            self._report.already_there += 1
        if receipt.outcome != "known":
            self._moved()
        if self._plan.delete_after_upload:
            self._delete(entry, sha256)

    def _refuse(self, entry: Entry, refused: FileRefused) -> None:
        self._spool.keep_refused(entry, refused.code, refused.detail, refused.frame_id, self._clock.utc_now())
        self._display.say(f"refused: {printable(entry.path)}: {refused}")

    def _moved(self) -> None:
        self._patience.moved(self._clock.monotonic_s())
        self._display.pause(None)

    def _take_failure(self, entry: Entry, error: LinkError, progressed: bool) -> None:
        pause_s = self._patience.failed(entry.id, error, progressed, self._clock.monotonic_s())
        if isinstance(error, WrongServer) and not self._plan.watch:
            self._report.stopped = str(error)
            self._stop.set()
        self._display.pause(f"waiting {pause_s:.0f} s: {error}")

    def _delete(self, entry: Entry, sha256: str) -> None:
        """Archives stay: the server may yet find that it cannot unpack one, and then this is the only copy."""
        if entry.kind in {Kind.ZIP, Kind.VIDEO}:
            return
        if delete_original(self._plan.folder, entry, sha256):
            self._spool.keep_deleted(entry)
            self._report.deleted += 1

    def _drain(self) -> None:
        """Gives requests on their way a moment to end; what does not is gone on with by the next run."""
        while self._under_way:
            try:
                self._take(self._deliveries.get(timeout=GRACE_S))
            except queue.Empty:
                return

    def _conclude(self, began_s: float) -> Report:
        report = self._report
        report.seconds = self._clock.monotonic_s() - began_s
        report.bytes_sent = self._tally.bytes_sent
        report.waiting = self._spool.count().get(State.WAITING, (0, 0))[0]
        report.refused_files = self._spool.refused()
        return report
