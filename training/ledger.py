"""Remembers beside the released models which network was scored on test, so that nobody tunes on it unseen."""

import json
from datetime import UTC, datetime
from pathlib import Path

from inference.model import ModelCard
from inference.registry import released_folder
from training.errors import EvaluationError

LEDGER_FILE = "test-scores.jsonl"
"""One line a scoring; it is committed, so that a second look shows in the history."""


def admit_to_test(card: ModelCard, network_sha256: str, again: bool, folder: Path | None = None) -> int:
    """Note that this network is scored on test; returns how often it was before, and refuses that unless `again`.

    Another threshold makes another file of the same network: choosing it after a look at test is what this is about.
    """
    ledger = (folder or released_folder()) / LEDGER_FILE
    earlier = [entry for entry in _read(ledger) if entry["network_sha256"] == network_sha256]
    if earlier and not again:
        raise EvaluationError(
            f"expected a network that was not scored on test, got {network_sha256}, scored {earlier[-1]['scored_at']}; "
            "read that report, or add --again and a second line enters the ledger"
        )
    entry = {
        "sha256": card.sha256,
        "network_sha256": network_sha256,
        "name": card.name,
        "version": card.version,
        "scored_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with ledger.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")
    return len(earlier)


def _read(ledger: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in ledger.read_text("utf-8").splitlines()] if ledger.exists() else []
