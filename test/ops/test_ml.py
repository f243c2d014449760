"""ai.onnx.ml against ONNX Runtime: trees, linear models, support vector machines, encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops import contrib

Array = np.ndarray[Any, np.dtype[Any]]
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
ROWS = 6


def check(op: str, *inputs: Array, version: int = 3, dynamic: bool = False, **settings: Any) -> None:
    symbols = {ROWS: "rows"} if dynamic else None
    contrib.check(op, *inputs, domain="ai.onnx.ml", version=version, symbols=symbols, **settings)


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def forest(rng: np.random.Generator, trees: int, features: int, mode: str = "BRANCH_LEQ") -> dict[str, Any]:
    """Complete trees of depth 2: nodes 0 to 2 branch, 3 to 6 are leaves."""
    inner, leaves = range(3), range(4)
    return {
        "nodes_treeids": [t for t in range(trees) for _ in range(7)],
        "nodes_nodeids": list(range(7)) * trees,
        "nodes_featureids": [
            int(rng.integers(features)) if i < 3 else 0 for _ in range(trees) for i in range(7)
        ],
        "nodes_values": [
            float(np.round(rng.standard_normal(), 1)) if i < 3 else 0.0
            for _ in range(trees)
            for i in range(7)
        ],
        "nodes_modes": [mode if i < 3 else "LEAF" for _ in range(trees) for i in range(7)],
        "nodes_truenodeids": ([2 * i + 1 for i in inner] + [0 for _ in leaves]) * trees,
        "nodes_falsenodeids": ([2 * i + 2 for i in inner] + [0 for _ in leaves]) * trees,
    }


def weights(
    rng: np.random.Generator, trees: int, what: str, ids: list[int], low: float = -1.0
) -> dict[str, Any]:
    """What each leaf gives each of `ids`."""
    at = [(t, i, k) for t in range(trees) for i in range(3, 7) for k in ids]
    return {
        f"{what}_treeids": [t for t, _, _ in at],
        f"{what}_nodeids": [i for _, i, _ in at],
        f"{what}_ids": [k for _, _, k in at],
        f"{what}_weights": [float(x) for x in rng.uniform(low, 1, len(at)) / trees],
    }


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_nodes(mode: str, rng: np.random.Generator) -> None:
    attrs = {**forest(rng, 3, 4, mode), **weights(rng, 3, "target", [0, 1]), "n_targets": 2}
    check("TreeEnsembleRegressor", np.round(normal(rng, ROWS, 4), 1), dynamic=mode == "BRANCH_EQ", **attrs)


@pytest.mark.parametrize("how", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_aggregates(how: str, rng: np.random.Generator) -> None:
    attrs = {
        **forest(rng, 3, 4),
        **weights(rng, 3, "target", [0, 1]),
        "n_targets": 2,
        "aggregate_function": how,
    }
    x = normal(rng, ROWS, 4)
    check("TreeEnsembleRegressor", x, **attrs)
    check("TreeEnsembleRegressor", x, base_values=[0.5, -0.25], **attrs)


def test_missing_values_and_other_inputs(rng: np.random.Generator) -> None:
    attrs = {**forest(rng, 3, 4), **weights(rng, 3, "target", [0]), "n_targets": 1}
    x = normal(rng, ROWS, 4)
    x[::2, 1:3] = np.nan
    tracks = [int(rng.integers(2)) for _ in range(21)]
    check("TreeEnsembleRegressor", x, dynamic=True, nodes_missing_value_tracks_true=tracks, **attrs)
    check("TreeEnsembleRegressor", x.astype(np.float64), **attrs)


@pytest.mark.parametrize("low", [-1.0, 0.0])
@pytest.mark.parametrize("ids", [[0], [1], [0, 1, 2]], ids=str)
def test_tree_classifier(ids: list[int], low: float, rng: np.random.Generator) -> None:
    attrs = {**forest(rng, 5, 4), **weights(rng, 5, "class", ids, low)}
    labels = list(range(10, 10 + max(2, len(ids))))
    x = normal(rng, ROWS, 4)
    for transform in TRANSFORMS[:4]:
        check(
            "TreeEnsembleClassifier",
            x,
            outputs=2,
            classlabels_int64s=labels,
            post_transform=transform,
            **attrs,
        )


def test_two_classes_that_leaves_both_weigh(rng: np.random.Generator) -> None:
    """ONNX Runtime's labels are 0 and 1 here, whatever the classes are called, by the second score's sign."""
    attrs = {**forest(rng, 5, 4), **weights(rng, 5, "class", [0, 1]), "classlabels_int64s": [10, 11]}
    x = normal(rng, ROWS, 4)
    model = contrib.node_model(
        "TreeEnsembleClassifier", [x], ["label", "scores"], attrs, "ai.onnx.ml", version=3
    )
    scores = contrib.by_ort(*model)[1]
    check("TreeEnsembleClassifier", x, outputs=2, expected=[10 + scores.argmax(1), scores], **attrs)


def test_base_values_of_classes(rng: np.random.Generator) -> None:
    x = normal(rng, ROWS, 4)
    for ids, base in (([0, 1, 2], [0.3, -0.2, 0.1]), ([0], [0.3]), ([1], [0.2])):
        attrs = {**forest(rng, 5, 4), **weights(rng, 5, "class", ids), "base_values": base}
        labels = list(range(max(2, len(ids))))
        check("TreeEnsembleClassifier", x, outputs=2, classlabels_int64s=labels, **attrs)


@pytest.mark.parametrize("transform", TRANSFORMS[:4])
@pytest.mark.parametrize(("rows", "labels"), [(1, [3, 7]), (2, [3, 7]), (3, [0, 5, 2])])
def test_linear_classifier(rows: int, labels: list[int], transform: str, rng: np.random.Generator) -> None:
    attrs = {
        "coefficients": normal(rng, rows * 4).tolist(),
        "intercepts": normal(rng, rows).tolist(),
        "classlabels_ints": labels,
        "post_transform": transform,
    }
    check("LinearClassifier", normal(rng, ROWS, 4), outputs=2, **attrs)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_regressor(transform: str, rng: np.random.Generator) -> None:
    x = rng.uniform(0, 1, (ROWS, 4)).astype(np.float32)
    attrs = {"coefficients": rng.uniform(0.05, 0.2, 8).tolist(), "intercepts": [0.1, 0.15], "targets": 2}
    check("LinearRegressor", x, post_transform=transform, **attrs)


KERNELS = [
    ("LINEAR", [0.0, 0.0, 0.0]),
    ("POLY", [0.4, 0.7, 3.0]),
    ("RBF", [0.3, 0.0, 0.0]),
    ("SIGMOID", [0.2, 0.1, 0.0]),
]


@pytest.mark.parametrize(("kernel", "params"), KERNELS, ids=[k for k, _ in KERNELS])
def test_support_vector_machines(kernel: str, params: list[float], rng: np.random.Generator) -> None:
    x, shared = normal(rng, ROWS, 4), {"kernel_type": kernel, "kernel_params": params}
    regression = {
        "support_vectors": normal(rng, 20).tolist(),
        "coefficients": normal(rng, 5).tolist(),
        "rho": [0.2],
    }
    for one_class in (0, 1):
        check("SVMRegressor", x, n_supports=5, one_class=one_class, **regression, **shared)
    for per_class in ([2, 3], [2, 3, 1]):
        classes, vectors = len(per_class), sum(per_class)
        machine = {
            "vectors_per_class": per_class,
            "support_vectors": normal(rng, vectors * 4).tolist(),
            "coefficients": normal(rng, vectors * (classes - 1)).tolist(),
            "rho": normal(rng, classes * (classes - 1) // 2).tolist(),
            "classlabels_ints": list(range(5, 5 + classes)),
        }
        check("SVMClassifier", x, outputs=2, dynamic=kernel == "RBF", **machine, **shared)
        pairs = classes * (classes - 1) // 2
        odds = {"prob_a": [-1.5] * pairs, "prob_b": normal(rng, pairs).tolist()}
        check("SVMClassifier", x, outputs=2, **machine, **shared, **odds)


def test_linear_support_vector_machines(rng: np.random.Generator) -> None:
    x = normal(rng, ROWS, 4)
    check(
        "SVMRegressor",
        x,
        dynamic=True,
        coefficients=normal(rng, 4).tolist(),
        rho=[0.3],
        kernel_type="LINEAR",
        kernel_params=[0.0, 0.0, 0.0],
    )
    attrs = {
        "coefficients": normal(rng, 12).tolist(),
        "rho": [0.1, 0.1, 0.1],
        "classlabels_ints": [0, 1, 2],
        "kernel_type": "LINEAR",
        "kernel_params": [0.0, 0.0, 0.0],
    }
    for transform in TRANSFORMS[:4]:
        check("SVMClassifier", x, outputs=2, post_transform=transform, **attrs)


def test_features(rng: np.random.Generator) -> None:
    x, y = normal(rng, ROWS, 4), normal(rng, ROWS, 3)
    check("FeatureVectorizer", x, y, inputdimensions=[4, 3], version=1)
    check("OneHotEncoder", np.array([[1, 4, 9], [2, 4, 4]]), cats_int64s=[1, 2, 4], zeros=1, version=1)
    check("Scaler", x, offset=[0.5, 1.0, 2.0, 0.1], scale=[2.0, 0.5, 1.0, 3.0], version=1)
    check("Binarizer", x, threshold=0.3, version=1)
    for norm in ("MAX", "L1", "L2"):
        check("Normalizer", x, norm=norm, version=1)
    x[::2, 1] = np.nan
    check(
        "Imputer", x, imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=float("nan"), version=1
    )
    check("ArrayFeatureExtractor", y, np.array([2, 0]), version=1)


def test_strings(rng: np.random.Generator) -> None:
    names = np.array([["red", "blue"], ["green", "nothing"]], object)
    cats = {"cats_strings": ["red", "green", "blue"], "cats_int64s": [5, 7, 9]}
    check("OneHotEncoder", names, cats_strings=cats["cats_strings"], zeros=1, version=1)
    check("CategoryMapper", names, version=1, **cats)
    check("CategoryMapper", np.array([9, 5, 1]), version=1, **cats)
    check("LabelEncoder", names, classes_strings=cats["cats_strings"], version=1)
    coefficients = normal(rng, 12).tolist()
    attrs = {
        "coefficients": coefficients,
        "intercepts": [0.1, 0.0, 0.2],
        "classlabels_strings": ["a", "b", "c"],
    }
    check("LinearClassifier", normal(rng, ROWS, 4), outputs=2, **attrs)
    attrs = {**forest(rng, 3, 4), **weights(rng, 3, "class", [0]), "classlabels_strings": ["no", "yes"]}
    check("TreeEnsembleClassifier", normal(rng, ROWS, 4), outputs=2, **attrs)
