"""DFT and STFT of lengths that are known and of lengths that only a run knows, against NumPy's FFT in f64."""

import numpy as np
import onnx
import onnx.helper
import pytest

import aicc
from test.ops.rig import case, check_all

RNG = np.random.default_rng(3)


def parts(z: np.ndarray) -> np.ndarray:
    """Complex numbers as real and imaginary part, the last dim."""
    return np.stack([z.real, z.imag], -1)


@pytest.mark.parametrize(("dtype", "counts"), [(np.float32, (None,)), (np.float64, (5, 12))])
def test_dft_forwards_and_back(dtype, counts):
    """Longer and shorter than the signal: zeros follow, or elements are left out."""
    x = RNG.standard_normal((2, 9, 3, 2)).astype(dtype)
    z = x[..., 0].astype(complex) + 1j * x[..., 1]
    cases = []
    for count in counts:
        length = None if count is None else np.int64(count)

        def add(x, want, length=length, **attrs):
            want = want.astype(dtype)
            tolerance = 1e-5 if dtype == np.float32 else 1e-9
            inputs = [x, length, np.int64(1)]
            cases.append(case("DFT", *inputs, constant=(2,), expected=[want], rtol=tolerance, **attrs))

        add(x, parts(np.fft.fft(z, count, axis=1)))
        add(x, parts(np.fft.ifft(z, count, axis=1)), inverse=1)
        add(x[..., :1], parts(np.fft.rfft(x[..., 0].astype(float), count, axis=1)), onesided=1)
        add(x, np.fft.irfft(z, count, axis=1)[..., None], inverse=1, onesided=1)
    check_all(cases, opset=20)


def frames_of(x: np.ndarray, step: int, window: np.ndarray) -> np.ndarray:
    count = max(0, (x.shape[1] - window.size) // step + 1)
    cut = [x[:, i * step : i * step + window.size] * window for i in range(count)]
    return np.stack(cut, 1) if cut else np.zeros((x.shape[0], 0, window.size))


def test_stft_with_its_numbers_as_inputs():
    x = RNG.standard_normal((2, 50)).astype(np.float32)
    window = np.hanning(16).astype(np.float32)
    frames = frames_of(x.astype(float), 6, window.astype(float))
    cases = []
    for onesided, f in ((1, np.fft.rfft), (0, np.fft.fft)):
        want = [parts(f(frames)).astype(np.float32)]
        for length, constant in ((None, ()), (np.int64(16), (1, 3))):
            inputs = [x, np.int64(6), window, length]
            attrs = {"onesided": onesided, "constant": constant}
            cases.append(case("STFT", *inputs, **attrs, expected=want, rtol=1e-4))
    check_all(cases, modes=("dynamic",))


def test_one_stft_of_signals_of_every_length():
    """Shorter than a frame there is none."""
    info, window = onnx.helper.make_tensor_value_info, np.hanning(16).astype(np.float32)
    node = onnx.helper.make_node("STFT", ["x", "step", "window"], ["y"], name="stft")
    weights = [
        onnx.numpy_helper.from_array(np.int64(6), "step"),
        onnx.numpy_helper.from_array(window, "window"),
    ]
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [info("x", onnx.TensorProto.FLOAT, ["batch", "length"])],
        [info("y", onnx.TensorProto.FLOAT, None)],
        weights,
    )
    exe = aicc.compile(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]))
    for length in (100, 16, 15, 3):
        x = RNG.standard_normal((3, length)).astype(np.float32)
        want = parts(np.fft.rfft(frames_of(x.astype(float), 6, window.astype(float))))
        y = exe(x)
        assert y.shape == want.shape == (3, max(0, (length - 16) // 6 + 1), 9, 2)
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)
