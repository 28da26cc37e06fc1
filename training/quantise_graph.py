"""Reads the graph of an exported network: what is worth whole numbers, and where they would do harm."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import ExportError

if TYPE_CHECKING:
    import onnx

CONVOLUTION, PRODUCT = "Conv", "MatMul"
WHOLE_NUMBER_TYPES = ("Conv", "Mul", "Sigmoid", "Add", "Concat", "Split", "Resize", "MaxPool")
"""Operators whose 8-bit kernels are quicker; a chain of them must not be broken, or numbers are turned to and fro."""


def prepare(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The same network with constants folded and shapes inferred, as the quantiser needs it."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        given, path = Path(folder) / "given.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, given)
        # Symbolic shapes are left out: it cannot infer the anchors of a dynamic input, and nothing needs them.
        quant_pre_process(given, path, skip_symbolic_shape=True)
        prepared = onnx.load(path)
    names = [node.name for node in prepared.graph.node]
    if "" in names or len(set(names)) != len(names):
        raise ExportError("expected a network whose nodes have names of their own; export it with rasid export")
    return prepared


@dataclass(frozen=True, eq=False)
class Graph:
    """The nodes of a prepared network in the order they run, and who feeds whom."""

    model: "onnx.ModelProto"

    @property
    def nodes(self) -> list["onnx.NodeProto"]:
        return list(self.model.graph.node)

    @cached_property
    def constants(self) -> dict[str, "onnx.TensorProto"]:
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def last_convolutions(self) -> frozenset[str]:
        """The convolutions no other one depends on: what follows them is the head's decoding."""
        before = self._before(self._named(CONVOLUTION))
        return frozenset(node.name for node in self.nodes if node.op_type == CONVOLUTION and node.name not in before)

    @cached_property
    def attention(self) -> frozenset[str]:
        """From the product of queries and keys to that with the values: what lies between matrix products alone."""
        products, convolutions = self._named(PRODUCT), self._named(CONVOLUTION)
        within = self._before(products, convolutions) & self._after(products, convolutions)
        return frozenset((within - convolutions) | products)

    @cached_property
    def worth_quantising(self) -> tuple["onnx.NodeProto", ...]:
        """All that the last convolutions depend on, these and the attention left out."""
        before = self._before(self.last_convolutions)
        return tuple(
            node
            for node in self.nodes
            if node.op_type in WHOLE_NUMBER_TYPES and node.name in before and node.name not in self.attention
        )

    @cached_property
    def sigmoid_outputs(self) -> frozenset[str]:
        return frozenset(node.output[0] for node in self._of_type("Sigmoid"))

    @cached_property
    def silu_inputs(self) -> frozenset[str]:
        """Tensors x of which x * sigmoid(x) is made and nothing else."""
        found = set()
        for sigmoid in self._of_type("Sigmoid"):
            (x,) = sigmoid.input
            users = self._users[x]
            others = [user for user in users if user.name != sigmoid.name]
            if others and all(user.op_type == "Mul" and sigmoid.output[0] in user.input for user in others):
                found.add(x)
        return frozenset(found)

    def activations(self, nodes: Iterable["onnx.NodeProto"]) -> tuple[str, ...]:
        """The float tensors that go in and out of these nodes, constants left out."""
        import onnx

        values = [*self.model.graph.value_info, *self.model.graph.input, *self.model.graph.output]
        floats = {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
        named = dict.fromkeys(name for node in nodes for name in (*node.input, *node.output))
        return tuple(name for name in named if name in floats and name not in self.constants)

    @cached_property
    def _users(self) -> dict[str, list["onnx.NodeProto"]]:
        users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                users.setdefault(name, []).append(node)
        return users

    @cached_property
    def _makers(self) -> dict[str, "onnx.NodeProto"]:
        return {name: node for node in self.nodes for name in node.output}

    def _of_type(self, op_type: str) -> Iterator["onnx.NodeProto"]:
        return (node for node in self.nodes if node.op_type == op_type)

    def _named(self, op_type: str) -> frozenset[str]:
        return frozenset(node.name for node in self._of_type(op_type))

    def _before(self, names: frozenset[str], walls: frozenset[str] = frozenset()) -> set[str]:
        """Nodes that some of the named ones depend on, not seen through walls."""
        makers = self._makers
        return _spread(
            reversed(self.nodes), names, walls, lambda n: [makers[name].name for name in n.input if name in makers]
        )

    def _after(self, names: frozenset[str], walls: frozenset[str] = frozenset()) -> set[str]:
        """Nodes that depend on some of the named ones, not seen through walls."""
        users = self._users
        return _spread(
            self.nodes, names, walls, lambda n: [user.name for name in n.output for user in users.get(name, [])]
        )


def _spread(
    nodes: Iterable["onnx.NodeProto"],
    names: frozenset[str],
    walls: frozenset[str],
    neighbours: Callable[["onnx.NodeProto"], list[str]],
) -> set[str]:
    """The nodes reached from the named ones, for nodes in the order of reaching."""
    reached: set[str] = set()
    for node in nodes:
        if node.name in names or (node.name in reached and node.name not in walls):
            reached.update(neighbours(node))
    return reached
