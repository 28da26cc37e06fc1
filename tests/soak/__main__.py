"""`python -m tests.soak`: says what was sent, stored, refused, lost and doubled; fails unless nothing was lost."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Soak, run_soak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--vehicles", type=int, default=8)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the outcome here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rasid-soak-") as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
        outcome = run_soak(Soak(asked.frames, asked.vehicles, asked.kills, asked.seed), Path(folder))
    if asked.json:
        asked.json.write_text(outcome.as_json() + "\n", "utf-8")
    print(outcome.as_json())  # noqa: T201
    return 0 if outcome.clean else 1


sys.exit(main())
