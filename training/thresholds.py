"""Writes chosen thresholds into a model file, so that they travel with it."""

from collections.abc import Mapping
from pathlib import Path

from inference.model import read_model_card


def write_thresholds(model_path: Path, thresholds: Mapping[str, float]) -> None:
    """Replace the thresholds in the file's metadata; the card is checked before the file is touched."""
    import onnx

    model = onnx.load(model_path)
    card = read_model_card({p.key: p.value for p in model.metadata_props}, sha256="")
    changed = type(card).model_validate({**card.model_dump(), "thresholds": dict(thresholds)})
    del model.metadata_props[:]
    for key, value in changed.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    model_path.write_bytes(model.SerializeToString())
