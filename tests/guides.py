"""Code of the guides as it is printed there, so that tests run what a reader copies."""

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"


def run_example(guide: str, containing: str, **names: object) -> dict[str, Any]:
    """Executes the one Python block that holds these words, with what its reader has; returns what it defines."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / guide).read_text(), re.DOTALL)
    (block,) = [one for one in blocks if containing in one]
    space: dict[str, Any] = dict(names)
    exec(compile(block, guide, "exec"), space)
    return space
