"""`rasid data from-reviews`: inspectors' verdicts as labelled pictures for the next training."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datasets.reviews import ReviewedFrame
    from datasets.reviews_download import Fetched

TIMEOUT_S = 60.0


def from_reviews(
    out: Annotated[Path, typer.Argument(help="Folder to write; keep it out of version control.")],
    url: Annotated[str, typer.Option(help="Address of the service, such as https://rasid.example.org.")],
    token: Annotated[
        str, typer.Option(envvar="RASID_TOKEN", help="Access token of a supervisor (POST /api/v1/login); RASID_TOKEN.")
    ],
    since: Annotated[
        datetime | None,
        typer.Option(help="Only frames with a verdict or check since then (UTC); the rest is left out."),
    ] = None,
    verdicts_count: Annotated[
        bool, typer.Option("--verdicts-count", help="A class counts as labelled where all of its boxes were judged.")
    ] = False,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the surveys kept for val.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the surveys kept for test.")] = 0.1,
) -> None:
    """Fetch the frames that people judged, as pictures with partial labels.

    A class is labelled in a picture where a person checked the frame for it and every box of it is decided. Run it
    again after an interruption or later on: pictures that are here already are kept, labels are written anew.

    Example: rasid data from-reviews reviews-2026 --url https://rasid.example.org
    """
    import httpx2

    from datasets.errors import DataError
    from datasets.reviews import SplitShares
    from datasets.reviews_download import Choice, fetch_reviews

    moment = since.replace(tzinfo=since.tzinfo or UTC).isoformat() if since else None
    try:
        choice = Choice(moment, verdicts_count, SplitShares(val, test))
        with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S) as http:
            fetched = fetch_reviews(http, out, choice, _track)
    except (DataError, OSError, httpx2.InvalidURL) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(_told(fetched, out))


def _track(frames: "list[ReviewedFrame]") -> "Iterator[ReviewedFrame]":
    from rich.console import Console
    from rich.progress import track

    yield from track(frames, description="Pictures", console=Console(stderr=True))


def _told(fetched: "Fetched", out: Path) -> str:
    splits = Counter(image.split.value for image in fetched.images)
    classes = Counter(key for image in fetched.images for key in image.labelled_classes)
    boxes = Counter(box.class_key for image in fetched.images for box in image.boxes)
    lines = [f"{out}: {len(fetched.images)} pictures ({fetched.kept} were here), {dict(splits)}"]
    lines += [f"  {key}: labelled in {count}, {boxes[key]} boxes" for key, count in sorted(classes.items())]
    reasons = Counter(one.code for one in fetched.left_out)
    lines += [f"  left out, {code}: {count} frames (left_out.csv)" for code, count in sorted(reasons.items())]
    return "\n".join(lines)
