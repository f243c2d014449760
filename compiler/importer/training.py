"""One step of an optimizer, for each tensor given: Adagrad, Adam, Momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

DOMAIN = "ai.onnx.preview.training"
Step = Callable[[Compose, Sequence[Any]], Sequence[Any]]


def _each(n: Node, groups: int, step: Step) -> list[Any]:
    """Inputs are R, T and then `groups` lists of one tensor each per parameter; outputs are lists likewise."""
    c = Compose(n)
    count = (len(n.inputs) - 2) // groups
    columns = [step(c, [n.required(2 + g * count + i) for g in range(groups)]) for i in range(count)]
    return [column[k] for k in range(groups - 1) for column in columns]


def _regularized(c: Compose, gradient: Any, x: Any) -> Any:
    """`gradient + norm_coefficient · x`."""
    norm = c.n.attr("norm_coefficient", 0.0)
    return c("add", gradient, c("mul", x, norm)) if norm else gradient


@onnx_op("Adagrad", domain=DOMAIN)
def adagrad(n: Node) -> Any:
    c = Compose(n)
    rate, t = n.required(0), n.required(1)
    decayed = c("mul", c.cast(t, n.info(rate).dtype), n.attr("decay_factor", 0.0))
    rate = c("div", rate, c("add", decayed, 1.0))

    def step(c: Compose, given: Sequence[Any]) -> Sequence[Any]:
        x, gradient, squares = given
        gradient = _regularized(c, gradient, x)
        squares = c("add", squares, c("mul", gradient, gradient))
        root = c("add", c("sqrt", squares), n.attr("epsilon", 1e-6))
        return c("sub", x, c("div", c("mul", gradient, rate), root)), squares

    return _each(n, 3, step)


@onnx_op("Adam", domain=DOMAIN)
def adam(n: Node) -> Any:
    c = Compose(n)
    alpha, beta = n.attr("alpha", 0.9), n.attr("beta", 0.999)
    rate, t = n.required(0), n.required(1)
    number = c.cast(t, n.info(rate).dtype)
    # 1 - b^t, both 1 at t = 0, where nothing is corrected
    powers = [c("pow", c.constant_like(v, rate), number) for v in (alpha, beta)]
    corrections = [c("sub", c.constant_like(1.0, rate), p) for p in powers]
    corrected = c("div", c("mul", rate, c("sqrt", corrections[1])), corrections[0])
    rate = c("where", c("less", c.constant_like(0.0, rate), number), corrected, rate)

    def step(c: Compose, given: Sequence[Any]) -> Sequence[Any]:
        x, gradient, mean, squares = given
        gradient = _regularized(c, gradient, x)
        mean = c("add", c("mul", mean, alpha), c("mul", gradient, 1 - alpha))
        squares = c("add", c("mul", squares, beta), c("mul", c("mul", gradient, gradient), 1 - beta))
        root = c("add", c("sqrt", squares), n.attr("epsilon", 1e-6))
        moved = c("sub", x, c("div", c("mul", mean, rate), root))
        post = n.attr("norm_coefficient_post", 0.0)
        return (c("mul", moved, 1 - post) if post else moved), mean, squares

    return _each(n, 4, step)


@onnx_op("Momentum", domain=DOMAIN)
def momentum(n: Node) -> Any:
    c = Compose(n)
    rate, t = n.required(0), n.required(1)
    alpha, mode = n.required_attr("alpha"), n.required_attr("mode")
    if mode not in ("standard", "nesterov"):
        raise n.error("AICC-1006", f"attribute 'mode' is '{mode}'.")
    # the first step takes the gradient whole
    first = c("less", c.cast(t, n.info(rate).dtype), 1.0)
    beta = c("where", first, c.constant_like(1.0, rate), c.constant_like(n.required_attr("beta"), rate))

    def step(c: Compose, given: Sequence[Any]) -> Sequence[Any]:
        x, gradient, velocity = given
        gradient = _regularized(c, gradient, x)
        velocity = c("add", c("mul", velocity, alpha), c("mul", gradient, beta))
        if mode == "nesterov":
            gradient = c("add", gradient, c("mul", velocity, alpha))
        else:
            gradient = velocity
        return c("sub", x, c("mul", gradient, rate)), velocity

    return _each(n, 3, step)
