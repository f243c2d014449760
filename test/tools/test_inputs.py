"""Random inputs lie in the range a model accepts."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from aicc.tools.inputs import InputSpec, random_inputs, specs_of_model
from test.models import FAMILIES, encoder, gpt_decode, resnet
from test.models.builder import Graph


def test_ids_stay_in_the_vocabulary_and_masks_are_ones() -> None:
    inputs = random_inputs(encoder(batch="batch", seq="seq"), {"batch": 3, "seq": 40})
    assert inputs["input_ids"].shape == (3, 40)
    assert inputs["input_ids"].dtype == np.int64
    assert inputs["input_ids"].min() >= 0 and inputs["input_ids"].max() < 100
    assert (inputs["attention_mask"] == 1).all()


def test_the_smallest_table_counts() -> None:
    g = Graph("tables")
    ids = g.input("ids", 50, dtype=onnx.TensorProto.INT64)
    small = g.Gather(g.weight(5, 3), g.Identity(ids))
    g.output(g.Add(small, g.Gather(g.weight(70, 3), ids)), 50, 3)
    assert specs_of_model(g.model())[0].rows == 5
    assert random_inputs(g.model())["ids"].max() == 4


def test_free_sizes() -> None:
    shapes = {name: x.shape for name, x in random_inputs(gpt_decode(batch="batch", past="past")).items()}
    assert shapes["input_ids"] == (1, 1)
    assert shapes["past_key_0"] == (1, 4, 16, 8)


def test_the_same_seed_gives_the_same_inputs() -> None:
    model = resnet()
    a, b, c = (random_inputs(model, seed=s)["image"] for s in (1, 1, 2))
    assert (a == b).all() and (a != c).any()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "float16", "float64", "complex64"])
def test_dtypes(dtype: str) -> None:
    x = random_inputs([InputSpec("x", np.dtype(dtype), (100,))])["x"]
    assert x.dtype == dtype and x.shape == (100,)
    assert len(np.unique(x)) > 1


@pytest.mark.parametrize("name", FAMILIES)
def test_model_families_are_reproducible(name: str) -> None:
    build = FAMILIES[name]
    assert build().SerializeToString() == build().SerializeToString()
