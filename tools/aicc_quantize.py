"""aicc-quantize: writes a quantized form of an f32 ONNX model, and says how far it is from the first.

aicc-quantize model.onnx                                   weights of 4 bits in blocks of 32
aicc-quantize model.onnx --bits 8 --block 0                weights of 8 bits, a scale per channel
aicc-quantize model.onnx --mode static --data samples/     8 bits, ranges from samples/*.npz
aicc-quantize model.onnx --mode dynamic --exclude '*head*' 8 bits, ranges from each run's own numbers
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from aicc.tools import console
from aicc.tools.quantize.api import QuantizeResult, quantize
from aicc.tools.quantize.options import CALIBRATIONS, FORMATS, MODES, QuantizeOptions


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "output", type=click.Path(path_type=Path), help="Default: MODEL-quantized.onnx here.")
@click.option("--mode", type=click.Choice(MODES), default="weights", show_default=True)
@click.option(
    "--bits", type=click.Choice(["4", "8"]), default="4", show_default=True, help="Of mode weights."
)
@click.option(
    "--block", default=32, show_default=True, help="Numbers of a column that share a scale; 0: all of them."
)
@click.option("--asymmetric", is_flag=True, help="Weights with zero points, in mode weights.")
@click.option("--per-tensor", is_flag=True, help="One scale for a tensor, in modes static and dynamic.")
@click.option(
    "--reduce-range",
    is_flag=True,
    help="Weights of 7 bits, in modes static and dynamic: faster on x86 CPUs without VNNI.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="A .npz file or a folder of them: an array per input."
)
@click.option("--calibration", type=click.Choice(CALIBRATIONS), default="minmax", show_default=True)
@click.option("--percentile", default=99.99, show_default=True, help="What of the numbers a range holds.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Nodes, by name or operator; repeatable.")
@click.option("--format", "layout", type=click.Choice(FORMATS), default="qdq", show_default=True)
@click.option(
    "--accuracy-level",
    type=click.IntRange(0, 4),
    default=0,
    show_default=True,
    help="Of products in format nbits, at least; 4: runtimes may round activations to bytes.",
)
@click.option("--no-errors", is_flag=True, help="Do not run both models to compare layers.")
@console.reporting
def main(
    model: Path,
    output: Path | None,
    mode: str,
    bits: str,
    block: int,
    asymmetric: bool,
    per_tensor: bool,
    reduce_range: bool,
    data: Path | None,
    calibration: str,
    percentile: float,
    exclude: tuple[str, ...],
    layout: str,
    accuracy_level: int,
    no_errors: bool,
) -> int:
    """Quantize MODEL (an ONNX file) after training."""
    options = QuantizeOptions(
        mode=mode,
        bits=int(bits),
        block=block,
        symmetric=not asymmetric,
        per_channel=not per_tensor,
        reduce_range=reduce_range,
        calibration=calibration,
        percentile=percentile,
        format=layout,
        accuracy_level=accuracy_level,
        exclude=exclude,
    )
    if mode == "static" and data is None:
        raise click.UsageError("--mode static needs --data")
    out = output or Path(f"{model.stem}-quantized.onnx")
    result = quantize(model, out, data=data, errors=not no_errors, options=options)
    if result.errors:
        console.show(_table(result))
    share = result.bytes_after / max(result.bytes_before, 1)
    print(f"{out}: {result.bytes_before / 1e6:.1f} MB to {result.bytes_after / 1e6:.1f} MB ({share:.2f}x)")
    return 0


def _table(result: QuantizeResult) -> Table:
    table = Table("layer", "operator", "SNR dB", "cosine")
    for row in result.errors:
        table.add_row(row.layer, row.op, f"{row.snr:.1f}", f"{row.cosine:.6f}")
    return table


def run() -> None:
    """The entry point of the command."""
    console.start(main)


if __name__ == "__main__":
    run()
