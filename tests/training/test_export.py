"""What an exported model says of itself, and what is refused."""

import onnx
import pytest
from onnx import TensorProto, helper

from datasets.taxonomy import KEYS
from inference.heads import Head
from inference.model import read_model_card
from training.errors import ExportError
from training.export import check_output_shape, describe, write_card

RECORD = {
    "started_at": "2026-01-01T00:00:00+00:00",
    "finished_at": "2026-01-01T01:00:00+00:00",
    "data": {"sources": ["some", "other"]},
}


def model_with_output(*shape: int) -> onnx.ModelProto:
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    return helper.make_model(helper.make_graph([], "empty", [], [output]))


def test_the_card_in_the_file_is_read_back_unchanged() -> None:
    model = model_with_output(1, 300, 6)
    model.metadata_props.add(key="author", value="the exporting library")
    card = describe(RECORD, "rasid-n", "1.2.3", Head.END2END, 640)
    write_card(model, card)
    metadata = {p.key: p.value for p in model.metadata_props}
    assert read_model_card(metadata, sha256="") == card
    assert "author" not in metadata


def test_the_card_names_the_sources_and_the_experimental_classes() -> None:
    card = describe(RECORD, "rasid-n", "1.2.3", Head.DENSE, 640)
    assert card.source_data == ("some", "other")
    assert card.experimental == ("damaged_sign", "unkept_facade")
    assert card.trained_at == "2026-01-01T01:00:00+00:00"


@pytest.mark.parametrize(("head", "shape"), [(Head.END2END, (1, 300, 6)), (Head.DENSE, (1, 4 + len(KEYS), 8400))])
def test_an_output_of_the_heads_own_shape_is_accepted(head: Head, shape: tuple[int, ...]) -> None:
    check_output_shape(shape, head, len(KEYS))


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        (Head.END2END, (1, 4 + len(KEYS), 8400)),
        (Head.DENSE, (1, 300, 6)),
        (Head.DENSE, (1, 84, 8400)),
        (Head.DENSE, (15, 8400)),
    ],
)
def test_an_output_of_another_shape_is_refused(head: Head, shape: tuple[int, ...]) -> None:
    with pytest.raises(ExportError, match=f"{head} head"):
        check_output_shape(shape, head, len(KEYS))
