"""Bodies of If, Loop and Scan: graphs inside nodes, which read names of the graphs around them."""

from __future__ import annotations

from collections.abc import Callable

import onnx


def inner_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The bodies of a node."""
    found: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        found += [attribute.g] if attribute.HasField("g") else attribute.graphs
    return found


def all_graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """`graph` and the bodies in it, outer ones first."""
    found = [graph]
    for node in graph.node:
        for inner in inner_graphs(node):
            found += all_graphs(inner)
    return found


def names_read(graph: onnx.GraphProto) -> list[str]:
    """Every name that is read, in bodies too."""
    names = [v.name for v in graph.output]
    for node in graph.node:
        names += node.input
        for inner in inner_graphs(node):
            names += names_read(inner)
    return names


def hoist_weights(
    main: onnx.GraphProto, wanted: Callable[[onnx.NodeProto], bool], unique: Callable[[str], str]
) -> None:
    """Moves constants of bodies that a `wanted` node reads to `main`, under names that nothing has: there, bodies that
    hold the same weights can share what is made of them."""
    for graph in all_graphs(main)[1:]:
        results = {v.name for v in graph.output}
        constants = {t.name: t for t in graph.initializer}
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    constants[node.output[0]] = attribute.t
        reading = [node for inner in all_graphs(graph) for node in inner.node if wanted(node)]
        for name in dict.fromkeys(name for node in reading for name in node.input):
            if name in constants and name not in results:
                moved = main.initializer.add()
                moved.CopyFrom(constants[name])
                moved.name = unique(name)
                _rename(graph, name, moved.name)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Nodes of `graph` and of bodies in it read `new` for `old`."""
    for inner in all_graphs(graph):
        for node in inner.node:
            for i, name in enumerate(node.input):
                if name == old:
                    node.input[i] = new
