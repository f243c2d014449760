"""`torch.compile(…, backend="aicc")`: results, dynamic sizes, state and errors, against torch itself."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from aicc.executable import Executable

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from torch import nn  # noqa: E402

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    torch.manual_seed(7)
    torch.compiler.reset()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of itself
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def agree(module: nn.Module, *calls: tuple[Any, ...], **options: Any) -> Any:
    """Each call of the compiled module returns, and leaves its arguments, as the module itself does; returns what was
    compiled."""
    plain = copy.deepcopy(module)
    compiled = torch.compile(module, backend="aicc", **options)
    for call in calls:
        own = copy.deepcopy(call)
        found, expected = compiled(*call), plain(*own)
        same(found, expected)
        same(call, own)
    same(list(module.state_dict().values()), list(plain.state_dict().values()))
    return compiled


def same(found: Any, expected: Any) -> None:
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for x, y in zip(found, expected, strict=True):
            same(x, y)
    elif isinstance(expected, torch.Tensor):
        tolerance = TOLERANCE.get(expected.dtype, 0)
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    else:
        assert type(found) is type(expected) and found == expected


class Convolutional(nn.Module):
    """A convolution, a batch norm and a product; a number among its results."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Linear(8, 10)
        self.register_buffer("gain", torch.full((1,), 0.5))

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        y = torch.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.head(y) * self.gain * scale, x.shape[0] + 1


def test_sizes_that_torch_takes_for_dynamic() -> None:
    """The first call is compiled for its sizes, the second for a symbol, which the third is another value of."""
    compiled = []

    def counting(gm: Any, examples: Any) -> Any:
        from aicc.pytorch import backend

        compiled.append(gm)
        return backend(gm, examples)

    module = Convolutional().eval()
    fast = torch.compile(module, backend=counting)
    for batch in (2, 4, 5, 9):
        x = torch.randn(batch, 3, 8, 8)
        same(fast(x), module(x))
    assert len(compiled) == 2


def test_numbers_as_arguments() -> None:
    x = torch.randn(2, 3, 8, 8)
    agree(Convolutional().eval(), (x, 2.0), (x, 3.0), (x, 4.5))


class Writing(nn.Module):
    """Writes to a buffer and to an argument."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(4, 3))

    def forward(self, x: Any, at: Any, z: Any) -> Any:
        self.cache.index_copy_(0, at, x)
        z.add_(1)
        return self.cache.sum() + x, z * 2


def test_what_a_graph_writes_to() -> None:
    calls = [(torch.full((1, 3), float(n)), torch.tensor([n]), torch.ones(2)) for n in (2, 1, 3)]
    agree(Writing(), *calls)


def test_a_buffer_is_written_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model has the buffer as input and output; `z` is changed as a whole, and copied."""
    found: list[list[Any]] = []
    run = Executable.run

    def noted(exe: Executable, inputs: Any, out: Any = ()) -> Any:
        found.append(list(out))
        return run(exe, inputs, out)

    monkeypatch.setattr(Executable, "run", noted)
    module = Writing().eval()
    with torch.no_grad():
        torch.compile(module, backend="aicc")(torch.full((1, 3), 2.0), torch.tensor([1]), torch.ones(2))
    ((buffer, *others),) = found
    assert buffer.data_ptr() == module.cache.data_ptr() and not any(x is not None for x in others)
    assert module.cache.sum() == 6


class Mixed(nn.Module):
    """Results that are views, of other dtypes, numbers, None and arguments as they are."""

    def forward(self, x: Any, mask: Any) -> Any:
        halves = x.to(torch.bfloat16)
        return halves, x[:, :2].T, (x > 0) & mask, x.argmax(-1), x.shape[0], None, 3, x, halves


def test_results_of_every_kind() -> None:
    mask = torch.rand(3, 4) > 0.5
    agree(Mixed(), (torch.randn(3, 4), mask), (torch.randn(4, 3).T, mask))
    x = torch.randn(3, 4)
    assert torch.compile(Mixed(), backend="aicc")(x, mask)[7] is x


class Broken(nn.Module):
    """Two graphs, with Python that torch cannot capture in between."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8).bfloat16()

    def forward(self, x: Any) -> Any:
        y = self.linear(x)
        torch._dynamo.graph_break()
        return y * 2


def test_a_graph_break_and_bfloat16() -> None:
    agree(Broken(), (torch.randn(3, 8).bfloat16(),))


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_encoder(norm_first: bool) -> None:
    """In inference torch takes one operator for the layer, which no exporter knows."""
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=norm_first, activation="gelu")
    agree(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval(), (torch.randn(2, 10, 32),))


@pytest.mark.parametrize("kind", ["causal", "padding"])
def test_masked_transformer_encoder_layer(kind: str) -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True).eval()
    x = torch.randn(2, 6, 32)
    if kind == "causal":
        agree(layer, (x, nn.Transformer.generate_square_subsequent_mask(6)))
    else:
        padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
        agree(layer, (x, None, padding))


def test_attention_by_itself() -> None:
    attention = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    x = torch.randn(2, 6, 32)
    agree(attention, (x, x, x))


def test_options_are_those_of_the_compiler() -> None:
    module = nn.Linear(256, 256).eval()
    x = torch.randn(4, 256)
    half = torch.compile(module, backend="aicc", options={"precision": "bf16"})(x)
    assert 1e-4 < (half - module(x)).abs().max() < 2e-2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": {"precision": "int3"}}, "int3"),
        ({"mode": "max-autotune"}, "options={'opt_level': 3}"),
    ],
)
def test_options_that_are_none(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(torch._dynamo.exc.BackendCompilerFailed, match=message):
        torch.compile(nn.Linear(4, 4), backend="aicc", **arguments)(torch.ones(1, 4))


def test_gradients_are_refused() -> None:
    with torch.enable_grad(), pytest.raises(torch._dynamo.exc.BackendCompilerFailed) as error:
        torch.compile(nn.Linear(4, 4), backend="aicc")(torch.ones(1, 4))
    assert "AICC-6001" in str(error.value) and "torch.no_grad()" in str(error.value)


@torch.library.custom_op("aicc_test::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Parted(nn.Module):
    """Two operators without ONNX among products; a buffer and an argument that are written to."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(8, 4), nn.Linear(4, 5)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Any, z: Any) -> Any:
        y = torch.relu(self.before(x))
        self.seen.add_(y.sum())
        z.mul_(2)
        values = torch.linalg.svd(y, full_matrices=False)[1]
        q = self.after(twice(y) + values.sum())
        return q.softmax(-1), values, x.shape[0] * 2, q[:, :2].T


def test_operators_without_onnx_run_in_torch() -> None:
    calls = [(torch.randn(rows, 8), torch.ones(3)) for rows in (6, 9)]
    with pytest.warns(
        UserWarning, match=r"2 parts .*: aicc_test\.twice\.default, aten\._linalg_svd\.default\)"
    ):
        agree(Parted(), *calls, dynamic=True)


class Singular(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.linalg.svd(x)[1]


@pytest.mark.parametrize("module", [Singular(), Parted()])
def test_graphs_that_are_wanted_whole(module: nn.Module) -> None:
    """As it is when there is nothing else in a graph."""
    options = {"whole": True} if isinstance(module, Parted) else {}
    with pytest.raises(torch._dynamo.exc.BackendCompilerFailed) as error:
        torch.compile(module, backend="aicc", options=options)(
            *(torch.ones(8, 8), torch.ones(3))[: 1 + len(options)]
        )
    assert "AICC-6001" in str(error.value) and "svd" in str(error.value)
