"""Convolutional families, a few blocks each."""

from __future__ import annotations

import numpy as np
import onnx

from test.models.builder import Graph, Size


def _conv(g: Graph, x: str, cin: int, cout: int, kernel: int, stride: int = 1, group: int = 1) -> str:
    """Convolution and batch normalization, as exporters write them before folding."""
    weight = g.weight(cout, cin // group, kernel, kernel, scale=(2 / (cin // group * kernel**2)) ** 0.5)
    y = g.Conv(
        x, weight, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4, strides=[stride] * 2, group=group
    )
    norm = [g.weight(cout, scale=0.1, around=1.0), g.weight(cout, scale=0.1), g.weight(cout, scale=0.1)]
    variance = g.initializer(g.rng.uniform(0.5, 1.5, cout).astype(np.float32))
    return g.BatchNormalization(y, *norm, variance, epsilon=1e-5)


def resnet(batch: Size = 1, size: Size = 32) -> onnx.ModelProto:
    """Stem, max pool, three bottlenecks (identity, widening, strided), global pool, linear layer."""
    g = Graph("resnet", seed=1)
    x = g.Relu(_conv(g, g.input("image", batch, 3, size, size), 3, 16, 7, 2))
    x = g.MaxPool(x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    cin = 16
    for width, stride in ((8, 1), (16, 1), (16, 2)):
        y = g.Relu(_conv(g, x, cin, width, 1))
        y = g.Relu(_conv(g, y, width, width, 3, stride))
        y = _conv(g, y, width, 4 * width, 1)
        if stride > 1 or cin != 4 * width:
            x = _conv(g, x, cin, 4 * width, 1, stride)
        x, cin = g.Relu(g.Add(y, x)), 4 * width
    x = g.Flatten(g.GlobalAveragePool(x), axis=1)
    g.output(g.Gemm(x, g.weight(10, cin), g.weight(10, scale=0.1), transB=1), batch, 10, name="logits")
    return g.model()


def mobilenet(batch: Size = 1, size: Size = 32) -> onnx.ModelProto:
    """Inverted residuals: 1x1, depthwise 3x3 with stride 1 and 2, 1x1, clipped at six; hard-swish and a gate."""
    g = Graph("mobilenet", seed=2)

    def clipped(x: str) -> str:
        return g.Clip(x, np.float32(0), np.float32(6))

    x = clipped(_conv(g, g.input("image", batch, 3, size, size), 3, 16, 3, 2))
    cin = 16
    for cout, stride in ((16, 1), (24, 2), (24, 1)):
        y = clipped(_conv(g, x, cin, 4 * cin, 1))
        y = clipped(_conv(g, y, 4 * cin, 4 * cin, 3, stride, group=4 * cin))
        gate = g.Relu(g.Conv(g.GlobalAveragePool(y), g.weight(8, 4 * cin, 1, 1)))
        y = g.Mul(y, g.HardSigmoid(g.Conv(gate, g.weight(4 * cin, 8, 1, 1)), alpha=1 / 6))
        y = _conv(g, y, 4 * cin, cout, 1)
        x, cin = (g.Add(x, y) if stride == 1 and cin == cout else y), cout
    x = g.HardSwish(x)
    x = g.ReduceMean(x, axes=[2, 3], keepdims=0)
    g.output(g.Gemm(x, g.weight(10, cin), g.weight(10, scale=0.1), transB=1), batch, 10, name="logits")
    return g.model()


def inception(batch: Size = 1, size: Size = 20) -> onnx.ModelProto:
    """Branches of 1x1, 3x3, 5x5 and a pool beside each other, concatenated; LRN and average pool around them."""
    g = Graph("inception", seed=3)

    def conv(x: str, cin: int, cout: int, kernel: int) -> str:
        bias = g.weight(cout, scale=0.1)
        return g.Relu(g.Conv(x, g.weight(cout, cin, kernel, kernel), bias, pads=[kernel // 2] * 4))

    x = conv(g.input("image", batch, 3, size, size), 3, 12, 3)
    x = g.LRN(x, size=5, alpha=1e-3, beta=0.75, bias=1.0)
    cin = 12
    for _ in range(2):
        pool = g.MaxPool(x, kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1])
        branches = [
            conv(x, cin, 8, 1),
            conv(conv(x, cin, 8, 1), 8, 12, 3),
            conv(conv(x, cin, 4, 1), 4, 8, 5),
            conv(pool, cin, 4, 1),
        ]
        x, cin = g.Concat(*branches, axis=1), 32
    x = g.AveragePool(x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.Dropout(x)
    x = g.Reshape(g.GlobalAveragePool(x), np.array([0, -1], np.int64))
    x = g.Gemm(x, g.weight(cin, 10), g.weight(10, scale=0.1))
    g.output(g.Softmax(x, axis=1), batch, 10, name="probabilities")
    return g.model()


def yolo(batch: Size = 1, size: int = 64) -> onnx.ModelProto:
    """Split and concatenated stages, a pyramid of max pools, upsampling by Resize, decoded boxes."""
    g = Graph("yolo", seed=4)

    def conv(x: str, cin: int, cout: int, kernel: int, stride: int = 1) -> str:
        y = _conv(g, x, cin, cout, kernel, stride)
        return g.Mul(y, g.Sigmoid(y))

    def stage(x: str, cin: int, cout: int) -> str:
        half = cout // 2
        low, high = g.Split(conv(x, cin, cout, 1), np.array([half, half], np.int64), axis=1, outputs=2)
        step = g.Add(high, conv(conv(high, half, half, 3), half, half, 3))
        return conv(g.Concat(low, high, step, axis=1), 3 * half, cout, 1)

    x = conv(conv(g.input("image", batch, 3, size, size), 3, 8, 3, 2), 8, 16, 3, 2)
    fine = stage(x, 16, 16)
    coarse = stage(conv(fine, 16, 32, 3, 2), 32, 32)
    pools = [conv(coarse, 32, 16, 1)]
    for _ in range(3):
        pools.append(g.MaxPool(pools[-1], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
    coarse = conv(g.Concat(*pools, axis=1), 64, 32, 1)
    scales = np.array([1, 1, 2, 2], np.float32)
    up = g.Resize(
        coarse,
        None,
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    fine = stage(g.Concat(up, fine, axis=1), 48, 16)
    heads, cells, grids = [], 0, []
    for x, cin, stride in ((fine, 16, 4), (coarse, 32, 8)):
        side = size // stride
        y = g.Conv(x, g.weight(4 + 3, cin, 1, 1), g.weight(7, scale=0.1))
        heads.append(g.Reshape(y, np.array([0, 7, -1], np.int64)))
        ys, xs = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5, indexing="ij")
        grids.append(np.stack((xs.ravel(), ys.ravel())) * stride)
        cells += side**2
    joined = g.Concat(*heads, axis=2)
    boxes, scores = g.Split(joined, np.array([4, 3], np.int64), axis=1, outputs=2)
    centre = g.Slice(*(boxes, *(np.array([n], np.int64) for n in (0, 2, 1))))
    extent = g.Slice(*(boxes, *(np.array([n], np.int64) for n in (2, 4, 1))))
    anchors = g.initializer(np.concatenate(grids, 1)[None].astype(np.float32))
    centre = g.Add(centre, anchors)
    result = g.Concat(centre, g.Exp(extent), g.Sigmoid(scores), axis=1)
    g.output(g.Transpose(result, perm=[0, 2, 1]), batch, cells, 7, name="detections")
    return g.model()
