"""Where a privacy model enters models/ and its registry, under whose newest name the service opens it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import yaml

from inference.privacy import RELEASED_PREFIX, PrivacyModel
from inference.registry import ModelEntry, read_registry, released_folder
from training.errors import ReleaseError
from training.privacy.evaluate import REPORT_FILE

PLACE = "{{report}}"  # in a card's prose: where the figures of `rasid privacy evaluate` go


def release_privacy(model: Path, card: Path, evaluation: Path, folder: Path | None = None) -> str:
    """Register a privacy model under its file's stem; safe to run twice, refuses another file under a taken name.

    evaluation is the folder that `rasid privacy evaluate` wrote for exactly this file; its report enters the card.
    """
    target = folder or released_folder()
    if not model.stem.startswith(RELEASED_PREFIX):
        raise ReleaseError(f"expected a file name that begins with {RELEASED_PREFIX}, got {model.name}")
    described = PrivacyModel.open(model).card
    filled = _fill(card.read_text("utf-8"), evaluation, described.sha256)
    registry = read_registry(target)
    taken = registry.models.get(model.stem)
    if taken is not None and taken.sha256 != described.sha256:
        raise ReleaseError(f"expected a new name, got {model.stem}, released as {taken.sha256}; raise the version")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = ModelEntry(
        file=model.name, version=described.version, sha256=described.sha256, size_bytes=model.stat().st_size,
        card=f"{model.stem}.md", released_at=taken.released_at if taken else now,
    )  # fmt: skip
    if model.resolve() != (target / entry.file).resolve():
        shutil.copyfile(model, target / entry.file)
    (target / entry.card).write_text(filled, "utf-8")
    models = {**registry.models, model.stem: entry}
    content = {
        "default": registry.default,
        "models": {name: one.model_dump(mode="json", exclude_defaults=True) for name, one in models.items()},
    }
    (target / "registry.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return f"{model.stem} {entry.version}: {entry.size_bytes} bytes, sha256 {entry.sha256}"


def _fill(prose: str, evaluation: Path, sha256: str) -> str:
    report = (evaluation / REPORT_FILE).read_text("utf-8")
    if sha256 not in report or PLACE not in prose:
        raise ReleaseError(
            f"expected {PLACE} in the card and {sha256} in {evaluation / REPORT_FILE}; evaluate this file"
        )
    return prose.replace(PLACE, report.strip())
