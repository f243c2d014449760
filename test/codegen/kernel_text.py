"""Kernels in the form of stage *buffers* (docs/contracts.md, section 4), written with less ceremony."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def kernel(
    name: str,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    body: str,
    results: Sequence[str],
    attributes: str = "",
    sizes: Sequence[str] = (),
) -> str:
    """Text of a kernel. `inputs` and `outputs` map value names to shaped types such as "4x8xf32".

    A type with `?` takes its sizes from `sizes`, the kernel's index arguments, in order of appearance per
    operand: "?x8xf32 @n" names them.
    """
    arguments, head, tail = [], [], []
    for prefix, table in (("in", inputs), ("out", outputs)):
        for value, kind in table.items():
            shape, _, names = kind.partition(" @")
            memory = f"%{prefix}_{value}"
            if names:
                memory, kind, lines = _dynamic(memory, shape, names.split())
                arguments.append(f"%{prefix}_{value}: memref<{shape.rsplit('x', 1)[1]}>")
                head += lines
            else:
                arguments.append(f"{memory}: memref<{shape}>")
                kind = f"memref<{shape}>"
            tensor = f"tensor<{shape.split(',')[0]}>"
            if prefix == "in":
                head.append(f"%{value} = bufferization.to_tensor {memory} restrict : {kind} to {tensor}")
            else:
                result = results[len(tail)]
                tail.append(
                    f"bufferization.materialize_in_destination {result} in restrict writable {memory}"
                    f" : ({tensor}, {kind}) -> ()"
                )
    arguments += [f"%{size}: index" for size in sizes]
    extra = f", {attributes}" if attributes else ""
    return "\n".join(
        [
            f"func.func @{name}({', '.join(arguments)})",
            f"    attributes {{aicc.kernel, aicc.outputs = {len(outputs)} : i64{extra}}} {{",
            *head,
            body,
            *tail,
            "return",
            "}",
        ]
    )


def _dynamic(memory: str, shape: str, names: Sequence[str]) -> tuple[str, str, list[str]]:
    """A base pointer viewed with run-time sizes, row-major; static inner dims only."""
    *dims, element = shape.split("x")
    pending = iter(names)
    sizes = [f"%{next(pending)}" if d == "?" else d for d in dims]
    strides: list[str] = ["1"]
    for d in reversed(dims[1:]):
        strides.insert(0, str(int(strides[0]) * int(d)))
    layout = f"memref<{shape}, strided<[{', '.join(strides)}]>>"
    line = (
        f"{memory}_view = memref.reinterpret_cast {memory} to offset: [0], sizes: [{', '.join(sizes)}],"
        f" strides: [{', '.join(strides)}] : memref<{element}> to {layout}"
    )
    return f"{memory}_view", layout, [line]


def generic(
    result: str,
    maps: Sequence[str],
    iterators: str,
    ins: Sequence[str],
    outs: str,
    body: str,
) -> str:
    """`result = linalg.generic`; `ins` and `outs` are like "%x: 4x8xf32"; `iterators` is like "ppr".

    The body's arguments are %0in, %1in … and %out.
    """
    kinds = {"p": '"parallel"', "r": '"reduction"'}
    names, types = zip(*(operand.split(": ") for operand in [*ins, outs]), strict=True)
    elements = [kind.rsplit("x", 1)[-1] for kind in types]
    block = ", ".join(
        f"%{'out' if i == len(ins) else f'in{i}'}_{result.lstrip('%')}: {element}"
        for i, element in enumerate(elements)
    )
    for i in range(len(ins)):
        body = body.replace(f"%{i}in", f"%in{i}_{result.lstrip('%')}")
    body = body.replace("%out", f"%out_{result.lstrip('%')}")
    inputs = f"ins({', '.join(names[:-1])} : {', '.join(f'tensor<{t}>' for t in types[:-1])})" if ins else ""
    return (
        f"{result} = linalg.generic {{indexing_maps = [{', '.join(f'affine_map<{m}>' for m in maps)}],"
        f" iterator_types = [{', '.join(kinds[i] for i in iterators)}]}} {inputs}"
        f" outs({names[-1]} : tensor<{types[-1]}>) {{\n^bb0({block}):\n{body}\n}} -> tensor<{types[-1]}>"
    )


MATMUL_BIAS_RELU = kernel(
    "k0_matmul",
    {"a": "24x40xf32", "b": "40x48xf32", "bias": "48xf32"},
    {"y": "24x48xf32"},
    "\n".join(
        [
            "%zero = arith.constant 0.0 : f32",
            "%e = tensor.empty() : tensor<24x48xf32>",
            "%f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x48xf32>) -> tensor<24x48xf32>",
            generic(
                "%c",
                ["(m,n,k)->(m,k)", "(m,n,k)->(k,n)", "(m,n,k)->(m,n)"],
                "ppr",
                ["%a: 24x40xf32", "%b: 40x48xf32"],
                "%f: 24x48xf32",
                "%m = arith.mulf %0in, %1in : f32\n%s = arith.addf %out, %m : f32\nlinalg.yield %s : f32",
            ),
            generic(
                "%r",
                ["(m,n)->(m,n)", "(m,n)->(n)", "(m,n)->(m,n)"],
                "pp",
                ["%c: 24x48xf32", "%bias: 48xf32"],
                "%e: 24x48xf32",
                "%s = arith.addf %0in, %1in : f32\n%x = arith.maximumf %s, %zero : f32\nlinalg.yield %x : f32",
            ),
        ]
    ),
    ["%r"],
)
