"""`python -m tests.fuzz`: sends spoilt files by every way in and prints what became of them, kind by kind."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.fuzz.run import Fuzz, Outcome, run_fuzz


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the outcome here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rasid-fuzz-") as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
        outcome = run_fuzz(Fuzz(asked.files, asked.seed), Path(folder))
        log = Path(folder, "machine.log").read_text("utf-8", "replace")
    if asked.json:
        asked.json.write_text(outcome.as_json() + "\n", "utf-8")
        if not outcome.clean:
            asked.json.with_suffix(".log").write_text(log, "utf-8")
    show(outcome)
    return 0 if outcome.clean else 1


def show(outcome: Outcome) -> None:
    console = Console(width=140)
    table = Table("mutation", "files", "what became of them")
    for kind, codes in sorted(outcome.table.items()):
        ranked = sorted(codes.items(), key=lambda one: -one[1])
        table.add_row(kind, str(sum(codes.values())), ", ".join(f"{code} {number}" for code, number in ranked))
    console.print(table)
    console.print(f"by way: {outcome.ways}; frames in the end: {outcome.frames}")
    console.print(
        f"{outcome.files} files in {outcome.seconds} s, 5xx {outcome.server_errors}, peak MB {outcome.peak_mb}, left"
        f" in the spool {outcome.left_in_spool} (refused archives kept for a retry: {outcome.kept_for_retry})"
    )
    for fault in outcome.faults[:50]:
        console.print(f"FAULT {fault}", markup=False)
    console.print(f"{len(outcome.faults)} faults")


sys.exit(main())
