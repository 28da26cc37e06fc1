"""How many processor cores there are to share out, asked in one place."""

import os


def available_cores() -> int:
    """The physical cores this process may use; a core's second hardware thread makes no image more."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
