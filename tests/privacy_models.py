"""A tiny privacy model for tests: to it, magenta blobs of tests/models.py are faces and yellow ones plates."""

from collections.abc import Sequence
from pathlib import Path

from inference.heads import Head
from inference.privacy import KINDS, PrivacyCard
from tests.models import THRESHOLD, write_blob_model

FACE, PLATE = "pothole", "garbage"  # the colours of blob_image that stand for them


def privacy_card(size: tuple[int, int] = (320, 320), head: Head = Head.DENSE) -> PrivacyCard:
    return PrivacyCard(
        name="privacy-blobs", version="1", class_keys=KINDS, input_height=size[0], input_width=size[1], stride=16,
        head=head, thresholds=dict.fromkeys(KINDS, THRESHOLD), source_data=("drawn",), teachers=(),
        license="AGPL-3.0-or-later", trained_at="", code_version="",
    )  # fmt: skip


def write_privacy_model(path: Path, size: tuple[int, int] = (320, 320), head: Head = Head.DENSE) -> Path:
    """Write the model; it takes pictures of any size, letterboxed to (height, width)."""
    keys: Sequence[str] = (FACE, PLATE)
    card = privacy_card(size, head)
    return write_blob_model(path, head=head, class_keys=keys, input_size=size, metadata=card.to_metadata())
