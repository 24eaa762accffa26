"""Convolution and pooling, the options of attention, and what is new in activations: values of JAX 0.10.2, loops, errors."""

import json
from pathlib import Path

import numpy as np
import pytest

import covector as cv
from covector import nn, random
from covector.testing import check_grads

RECORDED = json.loads((Path(__file__).parent / "values_of_jax.json").read_text())["more"]
RNG = np.random.default_rng(0)
IMAGE, KERNEL = RNG.normal(size=(2, 5, 4, 2)), RNG.normal(size=(3, 2, 2, 3))


def convolved(x, k):
    h, w = (x.shape[i] - k.shape[i - 1] + 1 for i in (1, 2))
    out = np.zeros((len(x), h, w, k.shape[-1]))
    for p in range(h):
        for q in range(w):
            out[:, p, q] = np.einsum("nhwc,hwco->no", x[:, p : p + k.shape[0], q : q + k.shape[1]], k)
    return out


def test_conv():
    plain = convolved(IMAGE, KERNEL)
    np.testing.assert_allclose(nn.conv(IMAGE, KERNEL, padding="VALID"), plain, rtol=1e-12)
    np.testing.assert_allclose(nn.conv(IMAGE, KERNEL, (2, 1), "VALID"), plain[:, ::2], rtol=1e-12)
    np.testing.assert_allclose(nn.conv(IMAGE[0], KERNEL, padding="VALID"), plain[0], rtol=1e-12)
    np.testing.assert_allclose(nn.conv(IMAGE[None], KERNEL, padding="VALID"), plain[None], rtol=1e-12)
    padded = convolved(np.pad(IMAGE, [(0, 0), (1, 1), (2, 0), (0, 0)]), KERNEL)
    np.testing.assert_allclose(nn.conv(IMAGE, KERNEL, padding=(1, (2, 0))), padded, rtol=1e-12)
    around = convolved(np.pad(IMAGE, [(0, 0), (1, 1), (0, 1), (0, 0)], mode="wrap"), KERNEL)
    np.testing.assert_allclose(nn.conv(IMAGE, KERNEL, padding="CIRCULAR"), around, rtol=1e-12)
    causal = nn.conv(IMAGE[0], np.ones((2, 2, 1)), padding="CAUSAL", kernel_dilation=2)[..., 0]
    sums = np.pad(IMAGE[0].sum(-1), [(0, 0), (2, 0)])
    np.testing.assert_allclose(causal, sums[:, 2:] + sums[:, :-2], rtol=1e-12)
    check_grads(lambda x, k: nn.conv(x, k, 2, "CIRCULAR"), (IMAGE, KERNEL), order=2)


def test_pooling():
    parts = np.stack([IMAGE[:, i : 4 + i : 2, j : 3 + j : 2] for i in (0, 1) for j in (0, 1)])
    for pool, expected in ((nn.max_pool, parts.max(0)), (nn.min_pool, parts.min(0)), (nn.avg_pool, parts.mean(0))):
        f = lambda x, pool=pool: pool(x, (2, 2), (2, 2))
        np.testing.assert_allclose(f(IMAGE), expected, rtol=1e-12)
        np.testing.assert_allclose(cv.vmap(f)(IMAGE), expected, rtol=1e-12)
        np.testing.assert_allclose(cv.jit(f)(IMAGE), expected, rtol=1e-12)
        check_grads(f, (IMAGE,), order=2)
        assert f(IMAGE.astype(np.float32)).dtype == np.float32
    counted = nn.avg_pool(np.ones((3, 1)), (2,), padding=[(1, 1)], count_include_pad=False)
    np.testing.assert_array_equal(counted, np.ones((4, 1)))
    np.testing.assert_array_equal(nn.avg_pool(np.ones((3, 1)), (2,), padding="SAME")[:, 0], [1, 1, 0.5])
    whole = nn.max_pool(np.arange(-6, 0).reshape(1, 6, 1), (2,), (2,), "SAME")
    np.testing.assert_array_equal(whole[0, :, 0], [-5, -3, -1])
    assert whole.dtype == np.int64


OPTIONS = {
    "lengths": {"query_seq_lengths": np.array([3, 4]), "key_value_seq_lengths": np.array([5, 2])},
    "window": {"local_window_size": (1, 0)},
    "both": {"local_window_size": 1, "is_causal": True, "key_value_seq_lengths": np.array([4, 5])},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_attention(name):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=s) for s in ((2, 4, 6, 3), (2, 5, 2, 3), (2, 5, 2, 3)))
    call = lambda q, k, v: nn.dot_product_attention(q, k, v, return_residual=True, **OPTIONS[name])
    for found, recorded in zip(call(q, k, v), RECORDED[name], strict=True):
        found, recorded = np.maximum(found.ravel(), -1e30), np.maximum(recorded, -1e30)  # below: nothing may be taken from
        np.testing.assert_allclose(found, recorded, rtol=2e-5, atol=1e-6)  # JAX's softmax is in float32 there
    for found, expected in zip(cv.jit(call)(q, k, v), call(q, k, v), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    check_grads(lambda q, k, v: call(q, k, v)[0], (q, k, v), order=1)


def test_minus_infinity():
    activations = [nn.silu, nn.mish, nn.hard_silu, nn.gelu, lambda x: nn.gelu(x, approximate=False)]
    for f in activations:
        for dtype in (np.float16, np.float32, np.float64):
            assert f(np.array(-np.inf, dtype)) == 0
            assert f(np.array(-np.inf, dtype)).dtype == dtype
        assert cv.grad(f)(-np.inf) == cv.grad(cv.grad(f))(-np.inf) == 0
        assert np.isnan(f(np.nan))


def test_logarithms():
    x = np.array([0.0, 1e-10, 0.3, 0.7, 2.0, 50.0, 800.0, -1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(nn.log1mexp(x), RECORDED["log1mexp"][0], rtol=1e-12)
        slopes = cv.vmap(cv.grad(nn.log1mexp))(x[:-1])
    np.testing.assert_allclose(slopes, RECORDED["log1mexp"][1][:-1], rtol=1e-12)
    check_grads(nn.log1mexp, (x[2:5],), order=2)
    rng = np.random.default_rng(0)
    for shape in ((2, 4, 6, 3), (2, 5, 2, 3), (2, 5, 2, 3)):
        rng.normal(size=shape)
    y, w = rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.6
    np.testing.assert_allclose(nn.logmeanexp(y, 0, w, True), RECORDED["logmeanexp"], rtol=1e-12)
    np.testing.assert_allclose(nn.logmeanexp(y), np.log(np.mean(np.exp(y))))
    check_grads(lambda y: nn.logmeanexp(y, 1), (y,), order=2)


def test_delta_orthogonal():
    found = nn.initializers.delta_orthogonal(2.0)(random.key(3), (3, 2, 2, 4), "float64")
    np.testing.assert_allclose(found.ravel(), RECORDED["delta_orthogonal"], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.conv(IMAGE, np.ones(3)), "the kernel|and .*space, features, outputs"),
        (lambda: nn.conv(IMAGE, KERNEL, padding="CAUSAL"), "one axis of space, got 2"),
        (lambda: nn.conv(IMAGE, KERNEL[:, :, :1]), "2 features, the kernel 1 inputs"),
        (lambda: nn.max_pool(np.ones(3), (2,)), "a length for each axis of space"),
        (lambda: nn.avg_pool(IMAGE, (2, 2), (2,)), "a length for each axis of space"),
        (lambda: nn.dot_product_attention(IMAGE, IMAGE, IMAGE, mask=np.ones((5, 5))), "truth values"),
        (lambda: nn.initializers.delta_orthogonal()(random.key(0), (3, 4, 2)), r"at least as many outputs; got \(3, 4, 2\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
