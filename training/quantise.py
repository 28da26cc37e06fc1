"""`rasid export --variant int8`: the same network in whole numbers, which processors multiply faster."""

import random
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datasets.reading import read_pixels, read_sources
from datasets.records import LabelledImage, Split
from inference.detector import Detector
from inference.model import ModelCard, read_model_card
from inference.registry import load_model
from training.detecting import path_or_name
from training.errors import ExportError
from training.export import write_card
from training.quantise_blocks import change, describe_blocks, left_in_float, measure_blocks
from training.quantise_graph import CONVOLUTION, WHOLE_NUMBER_TYPES, Graph, prepare
from training.quantise_ranges import Floats, Observer, Range

if TYPE_CHECKING:
    import onnx

INT8 = "int8"
MOST_CHANGE = 0.1
PICTURES_PER_SOURCE = 4
_SEED = 0
_LARGEST_WEIGHT = 127


def export_variant(model: str, variant: str, out: Path, shared: Path, most_change: float = MOST_CHANGE) -> str:
    """Write the variant of a released name or .onnx file with the model's metadata; returns lines about it.

    Its ranges come from pictures of the train split, drawn evenly over the sources. Parts whose rounding moves
    the scores' logits most stay in float, until the others together move them by most_change (root mean square).
    """
    import onnx

    if variant != INT8:
        raise ExportError(f"--variant: expected {INT8}, got {variant}")
    source = load_model(path_or_name(model))
    network = onnx.load_model_from_string(source.data)
    card = read_model_card({p.key: p.value for p in network.metadata_props}, source.sha256)
    if card.variant:
        raise ExportError(f"expected a network as it was trained, got the {card.variant} variant {model}")
    images = draw_evenly(read_sources(shared / "data"), PICTURES_PER_SOURCE)
    quantised, said = quantise(network, card, map(read_pixels, images), most_change)
    write_card(quantised, describe_variant(card, variant, images))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(quantised.SerializeToString())
    was, size = len(source.data), out.stat().st_size
    return f"{out}: {size} bytes, was {was}; ranges from {len(images)} pictures of the train split\n{said}"


def draw_evenly(images: Iterable[LabelledImage], per_source: int) -> list[LabelledImage]:
    """So many pictures of train from each source, the same every time."""
    by_source: dict[str, list[LabelledImage]] = {}
    for image in images:
        if image.split is Split.TRAIN:
            by_source.setdefault(image.source, []).append(image)
    if not by_source:
        raise ExportError("expected pictures of the train split to take ranges from, got none")
    drawn = []
    for source, own in sorted(by_source.items()):
        own.sort(key=lambda image: image.name)
        drawn += random.Random(f"{_SEED} {source}").sample(own, min(per_source, len(own)))
    return drawn


def describe_variant(card: ModelCard, variant: str, images: Sequence[LabelledImage]) -> ModelCard:
    """The model's card with what sets the variant apart; its own version tells stored detections apart."""
    changes = {
        "version": f"{card.version}+{variant}",
        "variant": variant,
        "variant_of": card.sha256,
        "calibrated_on": tuple(image.name for image in images),
    }
    return card.model_copy(update=changes)


def quantise(
    network: "onnx.ModelProto", card: ModelCard, pictures: Iterable[NDArray[np.uint8]], most_change: float
) -> tuple["onnx.ModelProto", str]:
    """Unsigned bytes for what tensors hold, signed ones per channel for weights, up to the last convolutions.

    pictures are upright BGR images, seen through the Detector itself. Also says what was left in float.
    """
    graph = Graph(prepare(network))
    observer = Observer(graph, graph.activations(graph.worth_quantising), keep_every=PICTURES_PER_SOURCE)
    detector = Detector(observer, card)
    for picture in pictures:
        detector.detect([picture])
    ranges, means = observer.ranges(graph), observer.means()
    names = [node.name for node in graph.worth_quantising]

    def quantised(some: Sequence[str]) -> "onnx.ModelProto":
        return in_whole_numbers(graph.model, some, ranges, means)

    blocks = measure_blocks(names, quantised, observer.examples, card.head)
    left = left_in_float(blocks, most_change)
    in_float = {name for block in left for name in block.nodes}
    made = quantised([name for name in names if name not in in_float])
    moved = change(made, observer.examples, card.head)
    return made, f"{describe_blocks(left, blocks, most_change)}\nlogits changed by {moved:.3f}"


def in_whole_numbers(
    model: "onnx.ModelProto", names: Sequence[str], ranges: Mapping[str, Range], means: Mapping[str, Floats]
) -> "onnx.ModelProto":
    """The prepared network with the nodes of these names in whole numbers, in the order they run."""
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    own = onnx.ModelProto()
    own.CopyFrom(model)
    if not names:  # the quantiser would take none for all
        return own
    balance_biases(Graph(own), set(names), means)
    limits = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        own,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, limits),
        nodes_to_quantize=list(names),
        nodes_to_exclude=[],
        op_types_to_quantize=list(WHOLE_NUMBER_TYPES),
        extra_options={},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return quantizer.model.model


def balance_biases(graph: Graph, names: Container[str], means: Mapping[str, Floats]) -> None:
    """Put what rounded weights lose on the mean input into the bias of each convolution of these names.

    Rounding the first convolution alone moved the scores' logits by 0.19 (root mean square): its input is never
    negative, so that what each weight loses adds up.
    """
    import onnx

    for node in graph.nodes:
        if node.op_type != CONVOLUTION or node.name not in names or len(node.input) < 3:
            continue
        weight, bias = (onnx.numpy_helper.to_array(graph.constants[name]) for name in node.input[1:3])
        lost = (weight - rounded_weight(weight)).sum(axis=(2, 3))
        groups = len(means[node.input[0]]) // lost.shape[1]
        inputs = np.repeat(means[node.input[0]].reshape(groups, -1), len(lost) // groups, axis=0)
        balanced = (bias + (lost * inputs).sum(axis=1)).astype(np.float32)
        graph.constants[node.input[2]].CopyFrom(onnx.numpy_helper.from_array(balanced, node.input[2]))


def rounded_weight(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """A convolution's weight (out, in, height, width) as signed bytes give it back, each channel by its own step."""
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    step = np.where(largest, largest, 1) / _LARGEST_WEIGHT
    return np.asarray(np.round(weight / step) * step, dtype=np.float32)
