"""A quantised network sees what the float one sees, and says that it is another file."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from datasets.reading import read_sources
from datasets.records import Split
from inference.backends import open_backend
from inference.model import ModelCard
from tests.datasets.streets import write_source
from tests.training.networks import write_conv_model
from training.errors import ExportError
from training.quantise import balance_biases, draw_evenly, export_variant, rounded_weight
from training.quantise_blocks import Block, left_in_float, part_of
from training.quantise_graph import Graph, prepare
from training.quantise_ranges import Seen, choose_range, round_to_steps
from training.release import read_card

SIZES = {"graffiti_athens": (40, 80), "flood_street_cn": (80, 60)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources of noisy pictures of two shapes; each has six of train and one of val and of test."""
    folder = tmp_path_factory.mktemp("shared")
    random = np.random.default_rng(0)
    for name, size in SIZES.items():
        rows = {f"{n}": ("g", "train", "") for n in range(6)} | {"v": ("h", "val", ""), "t": ("i", "test", "")}
        source = write_source(folder / "data", name, ["Graffiti"], rows)
        for stem in rows:
            pixels = random.integers(0, 256, (size[0] // 4, size[1] // 4, 3)).astype(np.uint8)
            cv2.imwrite(str(source / f"images/{stem}.webp"), cv2.resize(pixels, size[::-1]))
    return folder


@pytest.fixture(scope="module")
def float_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conv_model(tmp_path_factory.mktemp("float") / "conv.onnx")


@pytest.fixture(scope="module")
def int8_path(float_path: Path, shared: Path) -> Path:
    path = float_path.with_suffix(".int8.onnx")
    export_variant(str(float_path), "int8", path, shared, most_change=1.0)
    return path


def pictures() -> Iterator[NDArray[np.float32]]:
    random = np.random.default_rng(1)
    for height, width in ((64, 64), (32, 64), (64, 48)):
        coarse = random.random((3, height // 8, width // 8)).astype(np.float32)
        yield np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)[None]


def card_fields(card: ModelCard) -> dict[str, object]:
    return card.model_dump(exclude={"version", "variant", "variant_of", "calibrated_on", "sha256"})


def test_the_outputs_stay_close_in_every_aspect(float_path: Path, int8_path: Path) -> None:
    as_float, as_int8 = (open_backend("onnxruntime", path.read_bytes(), 1) for path in (float_path, int8_path))
    for picture in pictures():
        expected, got = as_float.run(picture), as_int8.run(picture)
        off = got - expected
        assert np.abs(off[:, 4:]).max() < 0.02
        assert np.sqrt((off[:, :4] ** 2).mean()) < 0.05 * np.sqrt((expected[:, :4] ** 2).mean())
        assert off.any()


def test_convolutions_and_silu_are_bytes_and_the_decoding_is_float(int8_path: Path) -> None:
    graph = Graph(onnx.load(int8_path))
    fed_by_bytes = Counter(
        node.name for node in graph.nodes for name in node.input if name.endswith("_DequantizeLinear_Output")
    )
    assert {"/x0/Conv", "/g0/Sigmoid", "/s0/Mul", "/x2/Conv", "/sum/Add", "/features/Concat"} <= fed_by_bytes.keys()
    for name in ("/sizes/Mul", "/scores/Sigmoid", "/output0/Concat"):
        assert name not in fed_by_bytes
    after_the_head = graph._after(graph.last_convolutions)
    assert not {node.name for node in graph.nodes if node.op_type == "QuantizeLinear"} & after_the_head


def test_the_last_convolutions_and_the_attention_are_left_in_float(float_path: Path) -> None:
    graph = Graph(prepare(onnx.load(float_path)))
    worth = {node.name for node in graph.worth_quantising}
    assert graph.last_convolutions == {"/boxes/Conv", "/classes/Conv"}
    assert graph.attention == {"/likeness/MatMul", "/weights/Softmax", "/mixed/MatMul"}
    assert not worth & (graph.last_convolutions | graph.attention)
    assert graph.silu_inputs == {"x0", "x1", "x2"}


def test_metadata_is_carried_over_and_names_the_variant_and_its_pictures(
    float_path: Path, int8_path: Path, shared: Path
) -> None:
    card, was = read_card(int8_path), read_card(float_path)
    assert card_fields(card) == card_fields(was)
    assert (card.variant, card.variant_of, card.version) == ("int8", was.sha256, "1+int8")
    trained = {image.name for image in read_sources(shared / "data") if image.split is Split.TRAIN}
    assert len(card.calibrated_on) == 8
    assert trained.issuperset(card.calibrated_on)


def test_pictures_are_drawn_evenly_and_the_same_each_time(shared: Path) -> None:
    images = read_sources(shared / "data")
    drawn = draw_evenly(images, 3)
    assert Counter(image.source for image in drawn) == dict.fromkeys(SIZES, 3)
    assert drawn == draw_evenly(reversed(images), 3)


def test_pictures_of_val_and_test_give_no_ranges(shared: Path) -> None:
    with pytest.raises(ExportError, match="train split"):
        draw_evenly([image for image in read_sources(shared / "data") if image.split is not Split.TRAIN], 3)


def test_a_variant_of_a_variant_and_an_unknown_one_are_refused(
    float_path: Path, int8_path: Path, shared: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="expected a network as it was trained"):
        export_variant(str(int8_path), "int8", tmp_path / "again.onnx", shared)
    with pytest.raises(ExportError, match="expected int8, got fp4"):
        export_variant(str(float_path), "fp4", tmp_path / "other.onnx", shared)


def test_balanced_biases_give_back_what_rounded_weights_lose_on_the_mean_input(float_path: Path) -> None:
    graph = Graph(prepare(onnx.load(float_path)))
    weight, bias = (onnx.numpy_helper.to_array(graph.constants[name]) for name in ("w0", "b0"))
    mean = np.array([0.4, 0.5, 0.6], np.float32)
    balance_biases(graph, {"/x0/Conv"}, {"images": mean})
    balanced = onnx.numpy_helper.to_array(graph.constants["b0"])
    before, after = (w.sum(axis=(2, 3)) @ mean for w in (weight, rounded_weight(weight)))
    assert np.allclose(before + bias, after + balanced, atol=1e-6)


def test_parts_that_move_scores_most_stay_in_float(float_path: Path, shared: Path, tmp_path: Path) -> None:
    said = export_variant(str(float_path), "int8", tmp_path / "exact.onnx", shared, most_change=0.0)
    assert "logits changed by 0.000" in said
    assert not [node for node in onnx.load(tmp_path / "exact.onnx").graph.node if node.op_type == "QuantizeLinear"]


def test_the_fewest_parts_are_left_in_float() -> None:
    blocks = [Block("a", ("a/1",), 0.4), Block("b", ("b/1",), 0.3), Block("c", ("c/1",), 0.1)]
    assert left_in_float(blocks, 0.6) == []
    assert left_in_float(blocks, 0.32) == blocks[:1]
    assert left_in_float(blocks, 0.1) == blocks[:2]


def test_a_part_is_named_by_the_first_two_steps_of_its_path() -> None:
    assert part_of("/model.16/m.0/cv1/conv/Conv") == "model.16/m.0"
    assert part_of("/model.16/Concat") == "model.16/Concat"


def test_a_range_keeps_the_rare_high_values_and_cuts_what_silu_forgets() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(-3, 1, 4000), random.uniform(4, 8, 40), [-200.0]]).astype(np.float32)
    seen = Seen()
    seen.add(values, random)
    low, high = choose_range(seen, silu=True)
    assert high > 6
    assert -20 <= low < -2
    assert choose_range(seen, silu=False)[0] < low


def test_steps_say_zero_exactly() -> None:
    assert round_to_steps(np.array([0.0]), -1.3, 2.9)[0] == 0
