"""Statically quantized models: are answers those of the float emulation, is every difference a tie, how fast is it.

python -m benchmarks.quantized build [NAME…]    both quantizers' files, into the cache
python -m benchmarks.quantized agree [NAME…]    largest logits of many inputs; each quantized tensor by itself
python -m benchmarks.quantized time  [NAME…]    one thread, in turns; medians. `--mcpu x86-64-v3`: for older CPUs
python -m benchmarks.quantized page             the sections of docs/quantized.md, from the results

The networks are those of `benchmarks.models.classes`, whose answers have a margin; `aicc.quantize` and
`onnxruntime.quantization` calibrate them (min-max, weights with a scale per channel) on the same 16 inputs.
The float emulation is ONNX Runtime without any optimization: QuantizeLinear and DequantizeLinear one by one, all
between them in f32. `benchmarks.quantized_tensors` checks that it is what ONNX defines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import class_examples
from benchmarks.quantized_tensors import compare_tensors
from benchmarks.sections import renewed
from benchmarks.zoo import CACHE, exported

Array = np.ndarray[Any, Any]
Feed = dict[str, Array]
MODELS = ("resnet50", "mobilenetv2", "bert-base-128")
QUANTIZERS = ("aicc", "onnxruntime")
REDUCED = {"aicc, 7 bits": "aicc", "onnxruntime, 7 bits": "onnxruntime"}
"""The same with weights of 7 bits, for CPUs that gain from these."""
RESULTS = CACHE / "quantized.json"
PAGE = Path("docs/quantized.md")
BEGIN, END = "<!-- static: begin -->", "<!-- static: end -->"
_CALIBRATION = 16
_VARIANTS = {"resnet50": (1, 2), "mobilenetv2": (1, 2), "bert-base-128": (1,)}
"""Inputs of each class that are compared; a float BERT takes long."""


def original(name: str) -> Path:
    """The f32 model."""
    return exported(f"{name}-classes")


def quantized(name: str, quantizer: str) -> Path:
    """Where the file is that a quantizer writes."""
    return CACHE / f"{name}-{quantizer.replace(', ', '-').replace(' ', '-')}-qdq.onnx"


def inputs(name: str, label: int, variant: int) -> Feed:
    """An input of a class."""
    if not name.startswith("bert"):
        return {"image": class_examples.image(label, variant)}
    ids = class_examples.tokens(label, variant)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def calibration(name: str) -> Iterator[Feed]:
    """Inputs of classes that are not among those compared."""
    return (inputs(name, 7 * i, 9) for i in range(_CALIBRATION))


def build(name: str) -> None:
    """Both quantizers' files, where they are not there yet."""
    import aicc

    for variant in (*QUANTIZERS, *REDUCED):
        path, reduced = quantized(name, variant), variant in REDUCED
        if path.exists():
            continue
        if REDUCED.get(variant, variant) == "aicc":
            data = calibration(name)
            aicc.quantize(original(name), path, data=data, mode="static", errors=False, reduce_range=reduced)
        else:
            _by_onnxruntime(name, path, reduced)


def _by_onnxruntime(name: str, out: Path, reduced: bool) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = calibration(name)

        def get_next(self) -> Feed | None:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as scratch:
        prepared = str(Path(scratch) / "prepared.onnx")
        quant_pre_process(str(original(name)), prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            str(out),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=reduced,
        )


def agree(name: str) -> dict[str, Any]:
    """Of each file: inputs whose largest logit is where the float emulation has it, and where the class is."""
    import aicc

    feeds = [
        (label, inputs(name, label, variant))
        for variant in _VARIANTS[name]
        for label in range(class_examples.CLASSES)
    ]
    labels = np.array([label for label, _ in feeds])
    plain = _session(original(name), optimized=True)
    found: dict[str, Any] = {
        "inputs": len(feeds),
        "f32": int((_answers(plain, feeds).argmax(-1) == labels).sum()),
    }
    for quantizer in QUANTIZERS:
        path = quantized(name, quantizer)
        executable = aicc.compile(str(path))
        emulated = _answers(_session(path, optimized=False), feeds)
        theirs = _answers(_session(path, optimized=True), feeds)
        ours = np.concatenate([executable(dict(feed)) for _, feed in feeds])
        top = emulated.argmax(-1)
        margin = np.sort(emulated, -1)[:, -2:]
        row = {
            "ours": int((ours.argmax(-1) == top).sum()),
            "theirs": int((theirs.argmax(-1) == top).sum()),
            "right": {
                who: int((logits.argmax(-1) == labels).sum())
                for who, logits in (("emulation", emulated), ("aicc", ours), ("onnxruntime", theirs))
            },
            # of the inputs that differ, the emulation's margin between its two largest, of the spread of its logits
            "margins": ((margin[:, 1] - margin[:, 0]) / emulated.std())[ours.argmax(-1) != top].tolist(),
            "snr": _snr(emulated, ours),
            "snr_theirs": _snr(emulated, theirs),
            "tensors": compare_tensors(path, inputs(name, 0, 1)),
        }
        print(name, quantizer, json.dumps({k: v for k, v in row.items() if k != "tensors"}), flush=True)
        found[quantizer] = row
    return found


def _answers(session: Any, feeds: list[tuple[int, Feed]]) -> Array:
    return np.concatenate([session.run(None, feed)[0] for _, feed in feeds])


def _snr(wanted: Array, got: Array) -> float:
    """Signal to noise in dB; infinite for equal arrays is 999."""
    noise = float(np.square(np.subtract(wanted, got, dtype=np.float64)).sum())
    return 10 * float(np.log10(np.square(wanted, dtype=np.float64).sum() / noise)) if noise else 999.0


def measure(name: str, mcpu: str, seconds: float) -> dict[str, float]:
    """Medians in ms of aicc's f32, and of both runtimes for all files; one thread, in turns."""
    import aicc
    from aicc.passes.schedules.cpu.dot.instructions import gains_from_narrow
    from aicc.target import Target

    target = (Target.cpu_named(mcpu) if mcpu else Target.host()).with_cores(1)
    feed = inputs(name, 0, 1)
    runs = {}
    quantizers = (*QUANTIZERS, *(REDUCED if gains_from_narrow(target) else ()))
    for kind, path in (("f32", original(name)), *((q, quantized(name, q)) for q in quantizers)):
        executable = aicc.compile(str(path), target=target)
        executable.num_threads = 1
        session = _session(path, optimized=True)
        runs[f"aicc {kind}"] = lambda e=executable: e(dict(feed))
        runs[f"onnxruntime {kind}"] = lambda s=session: s.run(None, feed)
    times: dict[str, list[float]] = {key: [] for key in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, run in runs.items():
            start = time.perf_counter()
            run()
            times[key].append(time.perf_counter() - start)
    return {key: float(np.median(found)) * 1e3 for key, found in times.items()}


def _session(path: Path, optimized: bool) -> Any:
    import onnxruntime
    from onnxruntime import GraphOptimizationLevel as Level

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = Level.ORT_ENABLE_ALL if optimized else Level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def section(results: dict[str, Any]) -> str:
    """The part of the page between the marks."""
    lines = [
        BEGIN,
        "## Static quantization: agreement",
        "",
        f"Inputs near the examples of {class_examples.CLASSES} classes (`benchmarks/class_examples.py`). *agree*: the "
        "largest logit is where the float emulation of the same file has it. *right*: it is that of the input's class. "
        "*SNR*: of logits, against the emulation's.",
        "",
        "| model, quantizer | agree: aicc | agree: ONNX Runtime | SNR aicc, ONNX Runtime | margin where aicc differs "
        "| right: f32 | emulation | aicc | ONNX Runtime |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in results["agree"].items():
        count = found["inputs"]
        for quantizer in QUANTIZERS:
            row = found[quantizer]
            right = row["right"]
            margins = ", ".join(f"{m:.1e}" for m in sorted(row["margins"])) or "-"
            lines.append(
                f"| {name}, {quantizer} | {row['ours']}/{count} = {row['ours'] / count:.1%} | {row['theirs']}/{count} "
                f"| {row['snr']:.0f}, {row['snr_theirs']:.0f} dB | {margins} | {found['f32']} | {right['emulation']} "
                f"| {right['aicc']} | {right['onnxruntime']} |"
            )
    lines += [
        "",
        "Each quantized tensor by itself, computed by aicc from the emulation's integers: *differ* counts integers "
        "other than the emulation's; *from tie* is how far, in steps, the emulation's number lay from the middle "
        "between two integers where they do. A difference at a tie is what another order of an f32 sum makes.",
        "",
        "| model, quantizer | operator | tensors | integers | differ | by | from tie |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in results["agree"].items():
        for quantizer in QUANTIZERS:
            for op, row in found[quantizer]["tensors"].items():
                lines.append(
                    f"| {name}, {quantizer} | {op} | {row['tensors']} | {row['integers']} | {row['differ']} "
                    f"| {row['steps'] or '-'} | {format(row['from_tie'], '.1e') if row['differ'] else '-'} |"
                )
    lines += [
        "",
        "## Static quantization: time",
        "",
        "One thread; medians in ms of runs in turns. *made for*: the CPU that aicc compiles for, f32 and int8 alike "
        "(icelake-server: AVX-512 VNNI without tiles; x86-64-v3: AVX2 without VNNI; native: all this machine has, AMX "
        "included); ONNX Runtime always uses what the machine has, so that the last column compares like with like "
        "for native alone. AVX2 has to multiply bytes as 16 bits and to add the sums in an instruction of its own: of "
        "three vector operations a cycle, 24 products against f32's 16 multiply-adds at the very most, 16.7 with the "
        "bytes taken apart in registers; f32's 3x3 convolutions, of a third of the products, are Winograd's. Weights "
        "of *7 bits* (`aicc-quantize --reduce-range`) allow it 32.",
        "",
        "| CPU, made for | model, quantizer | aicc int8 | aicc f32 | ONNX Runtime int8 | to f32 | to ONNX Runtime |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, row in results["time"].items():
        name, cpu, mcpu = key.split("|")
        for quantizer in (q for q in (*QUANTIZERS, *REDUCED) if f"aicc {q}" in row):
            ours, theirs = row[f"aicc {quantizer}"], row[f"onnxruntime {quantizer}"]
            lines.append(
                f"| {cpu}, {mcpu or 'native'} | {name}, {quantizer} | {ours:.2f} | {row['aicc f32']:.2f} "
                f"| {theirs:.2f} | {row['aicc f32'] / ours:.2f}x | {theirs / ours:.2f}x |"
            )
    return "\n".join([*lines, END])


def write_page(results: dict[str, Any]) -> None:
    """Replaces the section in the page."""
    PAGE.write_text(renewed(PAGE.read_text(), section(results)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("build", "agree", "time", "page"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--mcpu", default="", help="the CPU to compile for")
    parser.add_argument("--seconds", type=float, default=20.0, help="of timing, for a model")
    given = parser.parse_args()
    if given.what == "page":
        write_page(_results())
        return
    for name in given.names or MODELS:
        if given.what == "build":
            build(name)
        elif given.what == "agree":
            _keep("agree", name, agree(name))
        else:
            from aicc.target import Target

            row = measure(name, given.mcpu, given.seconds)
            print(name, json.dumps(row), flush=True)
            _keep("time", f"{name}|{Target.host().cpu}|{given.mcpu}", row)


def _results() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {"agree": {}, "time": {}} | known


def _keep(kind: str, key: str, row: dict[str, Any]) -> None:
    """Adds to what is known by now; another process may have written meanwhile."""
    results = _results()
    results[kind][key] = row
    RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
