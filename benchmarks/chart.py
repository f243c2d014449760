"""The bar chart of docs/performance.svg: how fast each runtime is where aicc is 1.

Written by hand: no library draws a file that follows the reader's light or dark mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from aicc.tools.bench.peers import RIVALS
from benchmarks.report import Line, lines

# Readable on white and on near black, and told apart without red and green.
COLOURS = {
    "onnxruntime": "#3b82c4",
    "openvino": "#d9822b",
    "iree": "#8e6bbf",
    "tvm": "#8a9199",
    "torchinductor": "#c2577f",
}
BAR, GAP, PANEL, LABELS, TOP, SPACE = 6, 8, 330, 230, 64, 50
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.small { font-size: 10px; fill: #57606a; }
.grid { stroke: #d0d7de; }
.one { stroke: #1a7f37; stroke-width: 2; }
.label-one { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
  .one { stroke: #3fb950; } .label-one { fill: #3fb950; }
}
"""


def svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """A panel per thread count, a group of bars per model, a bar per runtime: aicc's time over its time."""
    table = lines(rows)
    names = [name for name in RIVALS if any(line.ratio(name) is not None for line in table)]
    counts = sorted({line.threads for line in table})
    models = list(dict.fromkeys(line.model for line in table))
    step = max(1, len(names)) * BAR + GAP
    limit = _limit(table, names)
    width = LABELS + len(counts) * (PANEL + SPACE)
    height = TOP + len(models) * step + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img">',
        "<title>Speed of other runtimes relative to aicc</title>",
        f"<style>{STYLE}</style>",
        *_legend(names),
    ]
    for row, model in enumerate(models):
        y = TOP + row * step + step / 2
        parts.append(f'<text x="{LABELS - 10}" y="{y:.1f}" text-anchor="end">{escape(model)}</text>')
    for number, threads in enumerate(counts):
        left = LABELS + number * (PANEL + SPACE)
        parts += _axis(left, TOP + len(models) * step, threads, limit)
        chosen = {line.model: line for line in table if line.threads == threads}
        for row, model in enumerate(models):
            if model in chosen:
                parts += _bars(chosen[model], names, left, TOP + row * step, limit)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _limit(table: Sequence[Line], names: Sequence[str]) -> float:
    """The end of the axis: beyond every bar, in steps of 0.25, at most 2."""
    speeds = [1 / ratio for line in table for name in names if (ratio := line.ratio(name))]
    return min(2.0, max(1.25, (int(max(speeds, default=1.0) * 4) + 1) / 4))


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [f'<text x="{LABELS}" y="18">speed where aicc is 1 (longer is faster)</text>'], LABELS
    for name in names:
        parts.append(f'<rect x="{x}" y="27" width="10" height="10" fill="{COLOURS.get(name, "#888")}"/>')
        parts.append(f'<text class="small" x="{x + 14}" y="36">{escape(name)}</text>')
        x += 30 + 7 * len(name)
    return parts


def _axis(left: float, bottom: float, threads: int, limit: float) -> list[str]:
    title = f"{threads or 'all'} thread{'' if threads == 1 else 's'}"
    parts = [f'<text x="{left}" y="{TOP - 10}">{title}</text>']
    for n in range(int(limit * 4) + 1):
        x, value = left + PANEL * n / 4 / limit, n / 4
        kind = "one" if value == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom:.1f}"/>')
        if n % 2 == 0:
            text = "aicc" if value == 1 else f"{value:g}"
            style = "small label-one" if value == 1 else "small"
            parts.append(
                f'<text class="{style}" x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="middle">{text}</text>'
            )
    return parts


def _bars(line: Line, names: Sequence[str], left: float, top: float, limit: float) -> list[str]:
    parts = []
    for number, name in enumerate(names):
        ratio = line.ratio(name)
        if ratio is None:
            continue
        speed, y = 1 / ratio, top + GAP / 2 + number * BAR
        length = max(1.0, PANEL * min(speed, limit) / limit)
        parts.append(
            f'<rect x="{left}" y="{y:.1f}" width="{length:.1f}" height="{BAR - 1}" fill="{COLOURS.get(name, "#888")}">'
            f"<title>{escape(line.model)}, {escape(name)}: {speed:.2f}</title></rect>"
        )
    return parts
