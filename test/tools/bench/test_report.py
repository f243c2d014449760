"""docs/performance.md and its chart, from stored results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from aicc.tools.bench.rounds import Result
from benchmarks import chart, report, run, store, zoo

SAMPLE = json.loads((Path(__file__).parent / "sample.json").read_text())
ROWS = report.ordered(SAMPLE["models"], ["resnet50"])


def cells(text: str, start: str) -> list[str]:
    """The cells of the first table row that starts so."""
    found = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_line_per_model_and_thread_count() -> None:
    row = cells(report.speed(ROWS), "resnet50 | 1 ")
    #                  model       threads  aicc         spread  others …
    assert row[:4] == ["resnet50", "1", "**20.00**", "2%"]
    assert row[4] == "30.00 (1.50)"
    assert row[5] == "25.00 **(1.25)**"  # the fastest
    assert row[-2:] == ["1.25", "3e-05"]


def test_a_ratio_is_to_aicc_in_the_same_run() -> None:
    # iree was measured later, when aicc took 25 ms.
    assert cells(report.speed(ROWS), "resnet50 | 1 ")[6] == "100 (4.00)"


def test_failures_are_noted_and_not_counted() -> None:
    text = report.speed(ROWS)
    row = cells(text, "lstm")
    assert row[5] == "— [1]" and row[6] == "— [2]"
    assert "1. `openvino took more than 120 s.`" in text
    assert "2. `iree: its outputs differ by 5e-01`" in text
    means = cells(text, "*geometric mean* | 1 ")
    assert means[4] == "1.22 of 2"  # sqrt(1.5 * 1.0)
    assert means[5] == "1.25 of 1" and means[6] == "4.00 of 1"
    assert means[-2] == "**1.12**"  # sqrt(1.25 * 1.0)


def test_the_means_of_all_thread_counts() -> None:
    assert cells(report.speed(ROWS), "*geometric mean* | both")[4] == "1.39 of 3"


def test_a_model_that_aicc_cannot_compile() -> None:
    rows = [*ROWS, {"model": "strange", "error": "error[AICC-1003]: no Foo\nmore"}]
    text = report.speed(rows)
    assert cells(text, "strange")[2] == "failed [3]" and "3. `error[AICC-1003]: no Foo`" in text
    assert report.line(rows[-1]).startswith("strange")


def test_costs() -> None:
    text = report.costs(ROWS)
    assert cells(text, "resnet50 | aicc")[2:5] == ["5.7 / 2.6", "442", "151"]
    assert cells(text, " | iree")[2:4] == ["28.4", "561"]
    assert cells(text, " | onnxruntime")[2] == "—"


def test_the_page_names_versions_and_picture() -> None:
    text = report.page(SAMPLE["machine"], ROWS, "performance.svg")
    assert "](performance.svg)" in text and "| onnxruntime | 1.32.0 |" in text and "| CPU | some |" in text


def test_the_chart_is_a_picture_with_a_bar_per_ratio() -> None:
    tree = ElementTree.fromstring(chart.svg(ROWS))
    titles = [t.text for t in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert "resnet50, openvino: 0.80" in titles
    assert len(titles) == 1 + 5  # the picture's, and one per ratio
    assert "prefers-color-scheme: dark" in chart.svg(ROWS)


def test_every_runtime_has_a_colour_and_a_description() -> None:
    assert set(chart.COLOURS) == set(report.HOW) == set(report.RIVALS)


def test_results_accumulate_by_runtime(tmp_path: Path) -> None:
    row: dict[str, Any] = {"model": "m"}
    store.add(row, [Result("aicc", threads=1, rounds=[2.0]), Result("iree", threads=1, rounds=[4.0])])
    store.add(row, [Result("aicc", threads=1, rounds=[3.0]), Result("tvm", threads=1, failure="no")])
    assert row["results"]["1"]["aicc"]["median"] == 3.0
    assert row["results"]["1"]["iree"]["beside"] == 2.0
    assert store.complete(row, ["aicc", "iree", "tvm"], [1])
    assert not store.complete(row, ["aicc"], [1, 2]) and not store.complete(None, ["aicc"], [1])
    path = tmp_path / "deep" / "bench.json"
    store.save({"format": store.FORMAT, "models": {"m": row}}, path)
    assert store.load(path)["models"]["m"]["results"]["1"]["tvm"]["failure"] == "no"


def test_results_of_another_format_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text('{"models": {"m": {}}}')
    assert store.load(path) == {"format": store.FORMAT, "machine": {}, "models": {}}


def test_unknown_models_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        run.main(["--models", "nothing"])
    assert leaving.value.code == 2 and "unknown model nothing" in capsys.readouterr().err


def test_light_graphs_start_from_onnx_and_the_rest_from_torch() -> None:
    assert zoo.module_of("light-vgg19") == ""
    assert zoo.module_of("lstm") == "benchmarks.models.export:module:lstm"
    assert len(set(zoo.MODELS)) == len(zoo.MODELS) and len(zoo.LIGHT) == 9
