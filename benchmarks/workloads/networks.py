"""Networks: perceptrons of several sizes, recurrence, attention, embedding, convolution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload

F32 = np.float32


def parameters(fw: Any, rng: Any, sizes: list[int], dtype: Any = np.float64) -> Any:
    """Weights and biases of layers."""
    layers = pairwise(sizes)
    return [(fw.array((rng.normal(size=(a, b)) / a**0.5).astype(dtype)), fw.array(np.zeros(b, dtype))) for a, b in layers]


def perceptron(xp: Any, layers: Any, x: Any) -> Any:
    for w, b in layers[:-1]:
        x = xp.tanh(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


def log_softmax(xp: Any, x: Any) -> Any:
    x = x - xp.max(x, axis=-1, keepdims=True)
    return x - xp.log(xp.sum(xp.exp(x), axis=-1, keepdims=True))


def one_hot(rng: Any, n: int, classes: int) -> Any:
    return np.eye(classes, dtype=F32)[rng.integers(0, classes, n)]


@workload(full={"n": 64, "width": 32}, tiny={"n": 3, "width": 4})
def mlp_small(fw: Any, rng: Any, n: int, width: int) -> Any:
    """A step of gradient descent for a small perceptron."""
    xp = fw.xp
    x, y = fw.array(rng.normal(size=(n, 10))), fw.array(rng.normal(size=(n, 1)))
    gradient = fw.grad(lambda p: xp.mean((perceptron(xp, p, x) - y) ** 2))

    def step(p: Any) -> Any:
        return [(w - 0.1 * dw, b - 0.1 * db) for (w, b), (dw, db) in zip(p, gradient(p), strict=True)]

    return step if fw.differentiates else gradient, (parameters(fw, rng, [10, width, width, 1]),)


@workload(full={"n": 128, "pixels": 784, "width": 512}, tiny={"n": 3, "pixels": 6, "width": 5}, tolerance=1e-4)
def mlp_large(fw: Any, rng: Any, n: int, pixels: int, width: int) -> Any:
    """The gradient of a classifier of images, in float32."""
    xp = fw.xp
    x, y = fw.array(rng.normal(size=(n, pixels)).astype(F32)), fw.array(one_hot(rng, n, 10))
    loss = lambda p: -xp.mean(xp.sum(y * log_softmax(xp, perceptron(xp, p, x)), axis=1))
    return fw.grad(loss), (parameters(fw, rng, [pixels, width, 10], F32),)


@workload(full={"n": 200, "width": 50}, tiny={"n": 3, "width": 4})
def hvp(fw: Any, rng: Any, n: int, width: int) -> Any:
    """A Hessian-vector product, forward over reverse."""
    xp, sizes = fw.xp, [20, width, width, 1]
    x, y = fw.array(rng.normal(size=(n, 20))), fw.array(rng.normal(size=(n, 1)))
    gradient = fw.grad(lambda p: xp.mean((perceptron(xp, p, x) - y) ** 2))
    return lambda p, v: fw.jvp(gradient, (p,), (v,))[1], (parameters(fw, rng, sizes), parameters(fw, rng, sizes))


@workload(full={"n": 200, "width": 50}, tiny={"n": 3, "width": 4})
def per_example_gradients(fw: Any, rng: Any, n: int, width: int) -> Any:
    """The gradient of each example's own loss."""
    xp = fw.xp
    x, y = fw.array(rng.normal(size=(n, 20))), fw.array(rng.normal(size=(n, 1)))
    loss = lambda p, a, b: xp.sum((perceptron(xp, p, a) - b) ** 2)
    each = lambda p: fw.vmap(lambda a, b: fw.grad(loss)(p, a, b))(x, y)
    return each, (parameters(fw, rng, [20, width, width, 1]),)


@workload(full={"layers": 40, "width": 16}, tiny={"layers": 5, "width": 3})
def deep(fw: Any, rng: Any, layers: int, width: int) -> Any:
    """The gradient of a network of many small layers, which are written out."""
    xp, x = fw.xp, fw.array(rng.normal(size=(16, 8)))
    return fw.grad(lambda p: xp.sum(perceptron(xp, p, x) ** 2)), (parameters(fw, rng, [8, *[width] * layers, 1]),)


@workload(full={"steps": 50, "batch": 16, "width": 64}, tiny={"steps": 3, "batch": 2, "width": 3})
def lstm(fw: Any, rng: Any, steps: int, batch: int, width: int) -> Any:
    """The gradient of a long short-term memory, by scan."""
    xp = fw.xp
    inputs, zero = fw.array(rng.normal(size=(steps, batch, 32))), fw.array(np.zeros((batch, width)))
    sigmoid = lambda x: 0.5 * (xp.tanh(0.5 * x) + 1.0)

    def loss(w_in: Any, w: Any, bias: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            h, c = carry
            z = x @ w_in + h @ w + bias
            i, f, o = (sigmoid(z[:, k * width : (k + 1) * width]) for k in range(3))
            c = f * c + i * xp.tanh(z[:, 3 * width :])
            h = o * xp.tanh(c)
            return (h, c), h

        return xp.sum(fw.scan(step, (zero, zero), inputs)[1] ** 2)

    weights = rng.normal(size=(32, 4 * width)) * 0.1, rng.normal(size=(width, 4 * width)) * 0.1, np.zeros(4 * width)
    return fw.grad(loss, (0, 1, 2)), tuple(map(fw.array, weights))


@workload(
    full={"batch": 4, "length": 64, "heads": 4, "d": 32}, tiny={"batch": 2, "length": 3, "heads": 2, "d": 3}, tolerance=1e-4
)
def attention(fw: Any, rng: Any, batch: int, length: int, heads: int, d: int) -> Any:
    """The gradient of attention with several heads, in float32."""
    xp = fw.xp

    def f(q: Any, k: Any, v: Any) -> Any:
        scores = xp.einsum("bqhd,bkhd->bhqk", q, k) * d**-0.5
        e = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
        return xp.sum(xp.einsum("bhqk,bkhd->bqhd", e / xp.sum(e, axis=-1, keepdims=True), v) ** 2)

    args = tuple(fw.array(rng.normal(size=(batch, length, heads, d)).astype(F32)) for _ in range(3))
    return fw.grad(f, (0, 1, 2)), args


@workload(full={"words": 10_000, "d": 64, "n": 4096}, tiny={"words": 7, "d": 3, "n": 9}, tolerance=1e-4)
def embedding(fw: Any, rng: Any, words: int, d: int, n: int) -> Any:
    """The gradient in a table of which rows are read, some more than once: rows are added to; in float32."""
    xp = fw.xp
    ids, target = fw.array(rng.integers(0, words, n)), fw.array(rng.normal(size=n).astype(F32))
    w = rng.normal(size=d).astype(F32)
    loss = lambda table, w: xp.sum((xp.tanh(table[ids]) @ w - target) ** 2)
    return fw.grad(loss, (0, 1)), (fw.array(rng.normal(size=(words, d)).astype(F32)), fw.array(w))


@workload(full={"n": 16, "side": 28, "channels": 8}, tiny={"n": 2, "side": 9, "channels": 2}, tolerance=1e-4)
def cnn(fw: Any, rng: Any, n: int, side: int, channels: int) -> Any:
    """The gradient of a small convolutional classifier, in float32."""
    xp, classes, last = fw.xp, 10, (side - 2) // 2 - 2
    images, y = fw.array(rng.normal(size=(n, 1, side, side)).astype(F32)), fw.array(one_hot(rng, n, classes))

    def halved(x: Any) -> Any:
        a, b, h, w = x.shape
        x = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape((a, b, h // 2, 2, w // 2, 2))
        return xp.mean(x, axis=(3, 5))

    def loss(first: Any, second: Any, dense: Any) -> Any:
        x = halved(xp.maximum(fw.conv(images, first), 0.0))
        x = xp.maximum(fw.conv(x, second), 0.0)
        return -xp.mean(xp.sum(y * log_softmax(xp, x.reshape((n, -1)) @ dense), axis=1))

    shapes = (channels, 1, 3, 3), (2 * channels, channels, 3, 3), (2 * channels * last * last, classes)
    weights = [rng.normal(size=s) / np.prod(s[1:] if len(s) > 2 else s[:1]) ** 0.5 for s in shapes]
    return fw.grad(loss, (0, 1, 2)), tuple(fw.array(w.astype(F32)) for w in weights)
