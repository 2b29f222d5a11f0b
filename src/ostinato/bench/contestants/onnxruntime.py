"""ONNX Runtime: the operators LSTM, GRU and RNN, forward alone, whole sequences or by the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.records import Arrays
from ostinato.weights.onnx import OPERATORS, to_onnx


def _session(case: BenchCase) -> Any:
    """A session with inputs x and the states, outputs y (T, 1, B, H) and the new states."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    operator = OPERATORS[case.cell_name]
    ours = {name: w.numpy() for name, w in case.weights.items()}
    weights = to_onnx(case.cell_name, ours)
    states = case.cell.graph.state_names
    node = helper.make_node(
        operator.name,
        ["x", *weights, "", *(f"{s}_0" for s in states)],
        ["y", *(f"{s}_n" for s in states)],
        hidden_size=case.shape.H,
        **operator.attributes,
    )

    def tensors(names: list[str]) -> list[Any]:
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]

    graph = helper.make_graph(
        [node],
        case.cell_name,
        tensors(["x", *(f"{s}_0" for s in states)]),
        tensors(["y", *(f"{s}_n" for s in states)]),
        [numpy_helper.from_array(value.copy(), name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8
    )  # old enough for every runtime in use
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _first(case: BenchCase) -> dict[str, NDArray[np.float32]]:
    zeros = np.zeros((1, case.shape.B, case.shape.H), np.float32)
    return {f"{s}_0": zeros for s in case.cell.graph.state_names}


def whole(case: BenchCase) -> Ready | None:
    """One run over whole sequences."""
    if case.line != "inference" or case.cell_name not in OPERATORS:
        return None
    session, given = _session(case), {"x": case.x.numpy()} | _first(case)

    def values(found: Any) -> Arrays:
        return {"outputs": found[0][:, 0], "last": found[1][0]}

    return Ready(lambda: session.run(None, given), values)


def stream(case: BenchCase) -> Ready | None:
    """One run for each step, the states handed on."""
    if case.line != "step" or case.cell_name not in OPERATORS:
        return None
    session, first = _session(case), _first(case)
    xs = [x[None] for x in case.x.numpy()]

    def run() -> list[Any]:
        states, outputs = first, []
        for x in xs:
            y, *new = session.run(None, {"x": x} | states)
            states = dict(zip(first, new, strict=True))
            outputs.append(y)
        return outputs

    def values(outputs: list[Any]) -> Arrays:
        return {"outputs": np.concatenate(outputs)[:, 0], "last": outputs[-1][0, 0]}

    return Ready(run, values)


CONTESTANTS = [
    Contestant("ONNX Runtime", whole, needs=("onnx", "onnxruntime")),
    Contestant("ONNX Runtime", stream, needs=("onnx", "onnxruntime")),
]
