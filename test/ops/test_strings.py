"""Strings: operators, inputs and outputs, against Python and ONNX Runtime."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.onnx_pb import TensorProto

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import CompileError, ImportError_, RuntimeError_
from aicc.importer.automata import automaton
from aicc.importer.regex_syntax import SyntaxProblem
from aicc.target import Target

Array = np.ndarray[Any, Any]
TEXT = TensorProto.STRING


def model(
    nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, int], constants: Any = ()
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "strings",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        initializer=list(constants),
    )
    imports = [
        helper.make_opsetid("", 20),
        helper.make_opsetid("ai.onnx.ml", 4),
        helper.make_opsetid("com.microsoft", 1),
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def compiled(*args: Any, **kwargs: Any) -> Any:
    return aicc.compile(model(*args), jobs=0, cache=False, **kwargs)


def texts(*values: Any) -> Array:
    return np.asarray(values, object)


def ort(m: onnx.ModelProto, **inputs: Array) -> list[Array]:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, inputs)
    return found


def constant(name: str, values: Array) -> onnx.TensorProto:
    return helper.make_tensor(name, TEXT, values.shape, [v.encode() for v in values.flat])


def test_movement_of_strings() -> None:
    """Gather, concatenation with a constant, transposition and reshape, with a dynamic size."""
    nodes = [
        helper.make_node("Gather", ["x", "i"], ["a"], axis=0),
        helper.make_node("Concat", ["a", "c"], ["b"], axis=0),
        helper.make_node("Transpose", ["b"], ["t"]),
        helper.make_node("Reshape", ["t", "s"], ["y"]),
    ]
    shape = helper.make_tensor("s", TensorProto.INT64, [1], [-1])
    extra = constant("c", texts("", "\0nul", "ß").reshape(1, 3))
    exe = compiled(
        nodes, {"x": (TEXT, ["n", 3]), "i": (TensorProto.INT64, ["k"])}, {"y": TEXT}, [shape, extra]
    )
    x = texts("a", "b", "c", "ä", "", "a" * 5000, "x", "y\0z", "日本").reshape(3, 3)
    for i in ([2, 0], [1], [0, 1, 2, 1]):
        want = np.concatenate([x[i], texts("", "\0nul", "ß").reshape(1, 3)]).T.reshape(-1)
        found = exe(x, np.asarray(i))
        assert found.dtype == object and found.tolist() == want.tolist()


def test_numpy_str_arrays_and_lists_are_taken() -> None:
    exe = compiled([helper.make_node("StringConcat", ["x", "x"], ["y"])], {"x": (TEXT, [2])}, {"y": TEXT})
    for x in (np.asarray(["a", "bé"]), ["a", "bé"], texts(b"a", "bé")):
        assert exe(x).tolist() == ["aa", "bébé"]
    out = np.empty(2, object)
    assert exe(["u", "v"], out=out) is out and out.tolist() == ["uu", "vv"]
    with pytest.raises(RuntimeError_, match="strings"):
        exe(np.zeros(2, np.float32))
    with pytest.raises(RuntimeError_, match="int"):
        exe(texts("a", 3))


def test_session_says_string() -> None:
    m = model([helper.make_node("Identity", ["x"], ["y"])], {"x": (TEXT, ["n"])}, {"y": TEXT})
    session = aicc.InferenceSession(m.SerializeToString())
    assert session.get_inputs()[0].type == "tensor(string)" == session.get_outputs()[0].type
    x = texts(*(f"item {k}" for k in range(1000)))
    for _ in range(3):
        assert session.run(None, {"x": x})[0].tolist() == x.tolist()


@pytest.mark.parametrize("splits", [None, 0, 1, 2])
@pytest.mark.parametrize("delimiter", [None, "", ",", "ab"])
def test_split(delimiter: str | None, splits: int | None) -> None:
    attributes = {k: v for k, v in (("delimiter", delimiter), ("maxsplit", splits)) if v is not None}
    nodes = [helper.make_node("StringSplit", ["x"], ["y", "z"], **attributes)]
    exe = compiled(nodes, {"x": (TEXT, ["n", 2])}, {"y": TEXT, "z": TensorProto.INT64})
    for rows in (
        texts("a,b,,c", " x  y\u3000z ", "", "abcab", "ab", "\tq\n"),
        texts("no", "one"),
        texts(),
    ):
        x = rows.reshape(-1, 2)
        pieces, counts = exe(x)
        wanted = [s.split(delimiter or None, -1 if splits is None else splits) for s in x.flat]
        assert counts.ravel().tolist() == list(map(len, wanted))
        most = max(map(len, wanted), default=0)
        assert pieces.shape == (*x.shape, most)
        for row, want in zip(pieces.reshape(len(wanted), most), wanted, strict=True):
            assert row.tolist() == want + [""] * (most - len(want))


@pytest.mark.parametrize("sensitive", [0, 1])
@pytest.mark.parametrize("change", ["NONE", "LOWER", "UPPER"])
def test_normalizer(change: str, sensitive: int) -> None:
    words = ["monday", "Über"]
    nodes = [
        helper.make_node(
            "StringNormalizer",
            ["x"],
            ["y"],
            case_change_action=change,
            is_case_sensitive=sensitive,
            stopwords=words,
        )
    ]
    exe = compiled(nodes, {"x": (TEXT, ["n"])}, {"y": TEXT})
    fold = {"NONE": str.lower, "LOWER": str.lower, "UPPER": str.upper}[change]
    same = str if change == "NONE" else fold
    for x in (["Monday", "monday", "ÜBER", "Über", "Straße", "ΑΒγ", "plain"], ["monday"], []):
        stops = set(words) if sensitive else {fold(w) for w in words}
        want = [same(s) for s in x if (s if sensitive else fold(s)) not in stops] or [""]
        assert exe(texts(*x)).tolist() == want


def test_normalizer_of_one_row_by_the_run() -> None:
    node = helper.make_node("StringNormalizer", ["x"], ["y"], "here", case_change_action="UPPER")
    exe = compiled([node], {"x": (TEXT, ["b", "n"])}, {"y": TEXT})
    assert exe(texts(["a", "b"])).tolist() == [["A", "B"]]
    with pytest.raises(RuntimeError_, match="ode 'here'"):
        exe(texts(["a", "b"], ["c", "d"]))
    with pytest.raises(ImportError_, match=r"\[C\] or \[1, C\]"):
        compiled([node], {"x": (TEXT, [2, "n"])}, {"y": TEXT})


@pytest.mark.parametrize("length", ["l", 1])
def test_ngrams_of_rows_of_any_length(length: Any) -> None:
    """Rows shorter than every n-gram have none."""
    node = helper.make_node(
        "TfIdfVectorizer",
        ["x"],
        ["y"],
        mode="TF",
        min_gram_length=2,
        max_gram_length=3,
        max_skip_count=2,
        pool_int64s=[2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
        ngram_counts=[0, 0, 4],
        ngram_indexes=[0, 1, 2, 3],
    )
    m = model([node], {"x": (TensorProto.INT64, ["n", length])}, {"y": TensorProto.FLOAT})
    exe = aicc.compile(m, jobs=0, cache=False)
    rng = np.random.default_rng(2)
    for count in (1,) if length == 1 else (40, 3, 2, 1):
        x = rng.integers(2, 9, (3, count))
        found = exe(x)
        (want,) = ort(m, x=x)
        np.testing.assert_array_equal(found, want)
        assert found.any() == (count == 40) or count in (2, 3)


PATTERNS = [
    r"www\.[\w.-]+\.\bcom\b",
    r"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)",
    "",
    "a*b|c{2,3}",
    "[^a-c]+x?",
    "(?i)hé?l+o",
    "é+.",
    r"\d{1,3}-\d+",
    "(ab?c)*d",
    "[一-龥]+",
    r"\bfoo\b.*",
    "(?s).*",
    "a(?:b|)c??",
    "[]a]+",
    "(?m)a$\n^b",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_automata_match_what_python_matches(pattern: str) -> None:
    table = automaton(pattern)
    classes, state_of = int(table[0]), table[5:261]
    wanted = re.compile(pattern, re.ASCII if "(?i)" not in pattern else 0)
    rng = np.random.default_rng(0)
    alphabet = list("abcxd.@é一 \nhLlo1-") + ["foo", "www.", ".com", "gmail", "HÉ", "]"]
    for _ in range(1500):
        text = "".join(rng.choice(alphabet, rng.integers(0, 7)))
        state = int(table[1])
        for byte in text.encode():
            state = int(table[261 + state * (classes + 1) + 1 + state_of[byte]]) >> 1
        assert bool(table[261 + state * (classes + 1)]) == (wanted.fullmatch(text) is not None), text


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)", "(?<=a)b", "a**", "(a", "a)", "[b-a]", r"\p{Nope}", "a{2000}"]
)
def test_what_re2_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(SyntaxProblem):
        automaton(pattern)
    with pytest.raises(ImportError_, match="pattern"):
        compiled(
            [helper.make_node("RegexFullMatch", ["x"], ["y"], pattern=pattern)],
            {"x": (TEXT, [1])},
            {"y": TensorProto.BOOL},
        )


def test_regex_is_linear() -> None:
    """An expression that makes backtracking take forever."""
    nodes = [helper.make_node("RegexFullMatch", ["x"], ["y"], pattern="(a|aa)*(a*)*b")]
    exe = compiled(nodes, {"x": (TEXT, ["n"])}, {"y": TensorProto.BOOL})
    assert exe(texts("a" * 200_000, "a" * 200_000 + "b", "")).tolist() == [False, True, False]


MARKED = {"mark": 1, "pad_value": "#", "mincharnum": 1}
PLAIN = MARKED | {"mark": 0}
TOKENIZERS: list[dict[str, Any]] = [
    PLAIN | {"tokenexp": "[a-zA-Z0-9_]+"},
    MARKED | {"tokenexp": r"\b\w\w+\b", "pad_value": ""},
    PLAIN | {"tokenexp": "l|lo|lov[ae]", "mincharnum": 2},
    PLAIN | {"tokenexp": "(?i)h*"},
    PLAIN | {"tokenexp": r"^\S+|\S+$|é"},
    PLAIN | {"tokenexp": "nowhere"},
    MARKED | {"tokenexp": "nowhere"},
    MARKED | {"separators": [""]},
    MARKED | {"separators": [" "]},
    PLAIN | {"separators": [" ", "[.,;!]+"], "mincharnum": 2},
    PLAIN | {"separators": ["o", "lov"]},
    PLAIN | {"separators": ["lov", "o"]},
    PLAIN | {"separators": ["x*"]},
    PLAIN | {"separators": [r"\b"]},
    PLAIN | {"separators": ["^H"]},
]


@pytest.mark.parametrize("attributes", TOKENIZERS, ids=lambda a: str(a.get("tokenexp", a.get("separators"))))
def test_tokens_are_those_of_onnxruntime(attributes: dict[str, Any]) -> None:
    x = texts("Hello, World", " I  love cs!\nlovely", "", "éé hélo h", "foo;bar_ x2.", "HHello")
    node = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft", **attributes)
    for shape, value in (["n"], x), (["n", "c"], x.reshape(3, 2)):
        m = model([node], {"x": (TEXT, shape)}, {"y": TEXT})
        exe = aicc.compile(m, jobs=0, cache=False)
        for part in value, value[:1], value[2:3]:
            wanted = ort(m, x=part)[0]
            got = exe(part)
            assert got.shape == wanted.shape and got.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        (PLAIN, "tokenexp"),
        (PLAIN | {"tokenexp": r"(?u)\w"}, "tokenexp"),
        (PLAIN | {"separators": [""], "mincharnum": 2}, "mincharnum"),
        (PLAIN | {"separators": ["a"], "mincharnum": 0}, "mincharnum"),
    ],
)
def test_tokenizers_that_are_refused(attributes: dict[str, Any], named: str) -> None:
    node = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft", **attributes)
    with pytest.raises(ImportError_, match=named):
        compiled([node], {"x": (TEXT, ["n"])}, {"y": TEXT})


def test_strings_to_features_to_dense() -> None:
    """Words to n-gram counts and to labels, both into one product: as ONNX Runtime computes it."""
    rng = np.random.default_rng(1)
    vocabulary = [f"w{k}" for k in range(12)]
    pool = [*vocabulary, "w1", "w2", "w3", "w4"]
    nodes = [
        helper.make_node(
            "StringNormalizer", ["x"], ["low"], case_change_action="LOWER", is_case_sensitive=1, locale="C"
        ),
        helper.make_node(
            "TfIdfVectorizer",
            ["x"],
            ["counts"],
            mode="TFIDF",
            min_gram_length=1,
            max_gram_length=2,
            max_skip_count=1,
            pool_strings=pool,
            ngram_counts=[0, 12],
            ngram_indexes=list(range(14)),
            weights=rng.random(14).tolist(),
        ),
        helper.make_node(
            "LabelEncoder",
            ["x"],
            ["labels"],
            domain="ai.onnx.ml",
            keys_strings=vocabulary,
            values_floats=rng.random(12).tolist(),
            default_float=-1.0,
        ),
        helper.make_node("Unsqueeze", ["counts", "zero"], ["row"]),
        helper.make_node("MatMul", ["row", "w"], ["y"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.zeros(1, np.int64), "zero"),
        onnx.numpy_helper.from_array(rng.random((14, 5), np.float32), "w"),
    ]
    outputs = {"y": TensorProto.FLOAT, "labels": TensorProto.FLOAT, "low": TEXT}
    m = model(nodes, {"x": (TEXT, [9])}, outputs, constants)
    exe = aicc.compile(m, jobs=0, cache=False)
    for _ in range(3):
        x = texts(*rng.choice([*vocabulary, "other", "W3"], 9))
        want = ort(m, x=x)
        found = exe(x)
        np.testing.assert_allclose(found[0], want[0], rtol=1e-5)
        np.testing.assert_allclose(found[1], want[1], rtol=1e-6)
        assert found[2].tolist() == want[2].tolist()


@pytest.mark.parametrize("kind", [TEXT, TensorProto.INT32, TensorProto.INT64])
@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
def test_ngrams_in_rows_of_any_length(kind: int, mode: str) -> None:
    """Rows shorter than an n-gram, columns in another order, one that nothing counts, one that two n-grams count."""
    rng = np.random.default_rng(4)
    words = [0, 1, 2, -1, *(0, 1), *(1, 1), *(2, -1), *(0, 1, 2)]
    pool = {"pool_strings": [f"w{k}" for k in words]} if kind == TEXT else {"pool_int64s": words}
    node = helper.make_node(
        "TfIdfVectorizer",
        ["x"],
        ["y"],
        mode=mode,
        min_gram_length=1,
        max_gram_length=3,
        max_skip_count=2,
        ngram_counts=[0, 4, 10],
        ngram_indexes=[4, 0, 1, 6, 3, 2, 7, 5 if mode == "IDF" else 2],  # IDF says nothing of equal ones
        weights=rng.random(8).tolist(),
        **pool,
    )
    for shape in ["n"], ["b", "n"]:
        m = model([node], {"x": (kind, shape)}, {"y": TensorProto.FLOAT})
        exe = aicc.compile(m, jobs=0, cache=False)
        for length in 1, 2, 3, 40:
            x: Array = rng.integers(-1, 4, (length,) if len(shape) == 1 else (3, length))
            x = (
                np.vectorize(lambda k: f"w{k}", [object])(x)
                if kind == TEXT
                else x.astype(helper.tensor_dtype_to_np_dtype(kind))
            )
            np.testing.assert_allclose(exe(x), ort(m, x=x)[0], rtol=1e-6)


def test_labels_to_strings_and_back() -> None:
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["x"],
            ["names"],
            domain="ai.onnx.ml",
            keys_int64s=[3, 1, 7],
            values_strings=["three", "one", "sieben"],
            default_string="?",
        ),
        helper.make_node(
            "LabelEncoder",
            ["names"],
            ["back"],
            domain="ai.onnx.ml",
            keys_strings=["one", "?"],
            values_strings=["ONE", "none"],
            default_string="many",
        ),
    ]
    exe = compiled(nodes, {"x": (TensorProto.INT64, ["n"])}, {"names": TEXT, "back": TEXT})
    names, back = exe(np.asarray([7, 1, 2, 3]))
    assert names.tolist() == ["sieben", "one", "?", "three"]
    assert back.tolist() == ["many", "ONE", "none", "many"]


def test_equal_strings_and_where() -> None:
    nodes = [
        helper.make_node("Equal", ["a", "b"], ["same"]),
        helper.make_node("Where", ["same", "a", "c"], ["y"]),
    ]
    exe = compiled(
        nodes,
        {"a": (TEXT, ["n", 1]), "b": (TEXT, [3])},
        {"same": TensorProto.BOOL, "y": TEXT},
        [constant("c", texts("-"))],
    )
    a, b = texts("p", "q").reshape(2, 1), texts("q", "p", "r")
    same, y = exe(a, b)
    assert same.tolist() == (a == b).tolist()
    assert y.tolist() == np.where(a == b, a, "-").tolist()


@pytest.mark.parametrize(
    "kind", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32]
)
def test_casts_between_strings_and_numbers(kind: int) -> None:
    """There and back is the same number."""
    nodes = [
        helper.make_node("Cast", ["x"], ["text"], to=TEXT),
        helper.make_node("Cast", ["text"], ["y"], to=kind),
    ]
    exe = compiled(nodes, {"x": (kind, ["n"])}, {"text": TEXT, "y": kind})
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    rng = np.random.default_rng(0)
    values = (
        [0, 1, -17, 2**31 - 1]
        if dtype.kind == "i"
        else [0.1, 1 / 3, 1e-5, 60000, np.inf, -np.inf, -0.0, np.nan]
    )
    x = np.concatenate([values, rng.standard_normal(200) * 100]).astype(dtype)
    found, y = exe(x)
    np.testing.assert_array_equal(y, x)
    wide = x.astype(np.float32) if dtype == np.float16 else x
    assert [float(s) for s in found] == pytest.approx([float(str(v)) for v in wide], abs=0, nan_ok=True)
    assert max(map(len, found)) <= 24
    if dtype.kind == "i":
        assert found.tolist() == [str(v) for v in x]


def test_strings_that_nobody_sees() -> None:
    """Neither inputs nor outputs nor constants are strings."""
    nodes = [
        helper.make_node("Cast", ["x"], ["t"], to=TEXT),
        helper.make_node("Cast", ["t"], ["y"], to=TensorProto.FLOAT),
    ]
    exe = compiled(nodes, {"x": (TensorProto.INT64, ["n"])}, {"y": TensorProto.FLOAT})
    assert exe(np.asarray([3, -4])).tolist() == [3, -4]


def test_spellings_of_numbers() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    exe = compiled(nodes, {"x": (TEXT, ["n"])}, {"y": TensorProto.FLOAT})
    spellings = ["3.14", "1e-5", "1E8", "-INF", "+inf", "NaN", " 7", "-0.5"]
    np.testing.assert_array_equal(
        exe(texts(*spellings)), np.asarray([float(s) for s in spellings], np.float32)
    )
    for wrong in ("", "abc", "1.5x", "1\0"):
        with pytest.raises(RuntimeError_, match="spells no number"):
            exe(texts("1", wrong))


@pytest.mark.parametrize("target", ["cuda", "simt"])
def test_devices_refuse_what_strings_say(target: str) -> None:
    m = model(
        [helper.make_node("StringConcat", ["x", "x"], ["y"], name="twice")], {"x": (TEXT, [2])}, {"y": TEXT}
    )
    with pytest.raises(CompileError, match="twice.*on the host"):
        compile_model(m, None, Options(target=Target.named(target), stop_after="buffers"))


def test_casts_of_bools_are_refused() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TEXT)]
    with pytest.raises(ImportError_, match="string"):
        compiled(nodes, {"x": (TensorProto.BOOL, [2])}, {"y": TEXT})
