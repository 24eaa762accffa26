"""covector.nn against values recorded from JAX 0.10.2, with derivatives of two orders, also at kinks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import covector as cv
from covector import nn, random
from covector.testing import check_grads

RECORDED = json.loads((Path(__file__).parent / "values_of_jax.json").read_text())
X = np.array(RECORDED["x"])


# where a derivative jumps and JAX has a mean of both sides (or, for soft_sign, one of them): covector has one side, or NaN
JUMPS = {
    **dict.fromkeys([("sparse_sigmoid", 1), ("sparse_sigmoid", 2)], (-1, 1)),
    **dict.fromkeys([("celu", 2), ("elu", 2), ("soft_sign", 2)], (0,)),
}


def away_from_jumps(found, name, order):
    return np.where(np.isin(X, JUMPS.get((name, order), ())), 0.0, found)


@pytest.mark.parametrize("name", RECORDED["values"])
def test_activations_and_their_derivatives(name):
    f = getattr(nn, name)
    value, first, second = map(np.array, RECORDED["values"][name])
    first, second = away_from_jumps(first, name, 1), away_from_jumps(second, name, 2)
    rounding = 2e-14 if name == "squareplus" else 1e-15  # JAX's has lost digits at -1000
    np.testing.assert_allclose(f(X), value, rtol=1e-13, atol=rounding)
    np.testing.assert_allclose(cv.jit(f)(X), value, rtol=1e-13, atol=rounding)
    np.testing.assert_allclose(away_from_jumps(cv.vmap(cv.grad(f))(X), name, 1), first, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(away_from_jumps(cv.jvp(f, (X,), (np.ones_like(X),))[1], name, 1), first, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(away_from_jumps(cv.vmap(cv.grad(cv.grad(f)))(X), name, 2), second, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", RECORDED["values"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activations_keep_the_dtype(name, dtype):
    assert getattr(nn, name)(np.linspace(-2, 2, 5, dtype=dtype)).dtype == dtype


def test_gelu_by_the_error_function():
    np.testing.assert_allclose(nn.gelu(X, approximate=False), RECORDED["gelu_exact"], rtol=1e-13, atol=1e-15)


def test_over_an_axis():
    rng = np.random.default_rng(0)
    for shape in ((2, 4, 6, 3), (2, 5, 2, 3), (2, 5, 2, 3), (6, 4, 5)):
        rng.normal(size=shape)
    rng.random((6, 4, 5))
    y, w = rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.6
    found = {
        "softmax": nn.softmax(y, where=w),
        "log_softmax": nn.log_softmax(y, axis=0),
        "standardize": nn.standardize(y),
        "glu": nn.glu(y),
        "one_hot": nn.one_hot(np.array([[2, 0], [5, -1]]), 3, axis=0),
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, RECORDED["soft"][name], rtol=1e-12, atol=1e-15)
    for f in (nn.softmax, nn.log_softmax, nn.standardize, nn.glu, lambda y: nn.softmax(y, where=w), nn.logsumexp):
        check_grads(f, (y,), order=2)
    for f in (nn.softmax, nn.log_softmax, nn.standardize, nn.glu):
        np.testing.assert_allclose(cv.vmap(f)(y), f(y), rtol=1e-12)


def test_variances_of_numbers_far_from_zero():
    x = np.array([[1.0, 2.0, 4.0, 9.0]])
    far = x + 1e9
    exact = (x - 4) / np.sqrt(np.var(x) + 1e-5)
    for algorithm in ("fast", "stable"):
        np.testing.assert_allclose(nn.standardize(far, algorithm=algorithm), exact, rtol=1e-12)
        assert (nn.standardize(np.full(3, 1e10 / 3), algorithm=algorithm) == 0).all()
        check_grads(lambda x, m, algorithm=algorithm: nn.standardize(x, mean=m, algorithm=algorithm), (x, 3.5), order=2)
    np.testing.assert_allclose(nn.standardize(x, mean=3.0), (x - 3) / np.sqrt(np.mean(x**2) - 9 + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(
        nn.standardize(x, mean=3.0, algorithm="stable"), (x - 3) / np.sqrt(np.mean((x - 3) ** 2) + 1e-5), rtol=1e-12
    )
    np.testing.assert_allclose(nn.standardize(x, mean=9.0), (x - 9) / np.sqrt(1e-5), rtol=1e-12)
    check_grads(lambda x: nn.standardize(x, epsilon=1.0), (np.ones(4),), order=2)
    np.testing.assert_allclose(nn.logsumexp(x, where=None), nn.logsumexp(x))
    with pytest.raises(cv.errors.ArrayTypeError, match="dtype object"):
        nn.relu(None)
    with pytest.raises(cv.errors.ArgumentError, match="algorithm='slow'"):
        nn.standardize(x, algorithm="slow")


def test_softmax_where_nothing_counts():
    x, where = np.arange(6.0).reshape(2, 3), np.array([[True, False, True], [False] * 3])
    np.testing.assert_array_equal(nn.softmax(x, where=where)[1], 0)
    np.testing.assert_array_equal(nn.log_softmax(x, where=where)[1], -np.inf)
    np.testing.assert_allclose(nn.softmax(x, where=where)[0, ::2], nn.softmax(x[0, ::2]))
    assert nn.softmax(np.zeros((3, 0))).shape == nn.log_softmax(np.zeros((3, 0))).shape == (3, 0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(nn.softmax(np.full(2, -np.inf))).all()
    for f in (nn.softmax, lambda x, where: np.where(where, nn.log_softmax(x, where=where), 0)):
        check_grads(lambda x, f=f: f(x, where=where), (x,), order=2)
        np.testing.assert_array_equal(cv.grad(lambda x, f=f: np.sum(f(x, where=where) ** 2))(x)[1], 0)


def test_attention():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=s) for s in ((2, 4, 6, 3), (2, 5, 2, 3), (2, 5, 2, 3)))
    bias, mask = rng.normal(size=(6, 4, 5)), rng.random((6, 4, 5)) < 0.7
    calls = {
        "plain": lambda q, k, v: nn.dot_product_attention(q, k, v),
        "masked": lambda q, k, v: nn.dot_product_attention(q, k, v, bias, mask),
        "causal": lambda q, k, v: nn.dot_product_attention(q, k, v, scale=0.5, is_causal=True),
    }
    for name, call in calls.items():
        np.testing.assert_allclose(call(q, k, v), RECORDED["attention"][name], rtol=1e-5)  # JAX's softmax is in float32 there
        np.testing.assert_allclose(cv.vmap(call)(q, k, v), call(q, k, v), rtol=1e-12)
        np.testing.assert_allclose(cv.jit(call)(q, k, v), call(q, k, v), rtol=1e-12)
        check_grads(call, (q[0], k[0], v[0]), order=2)
    with pytest.raises(ValueError, match="6 heads of queries and 4 of keys"):
        nn.dot_product_attention(q, np.ones((2, 5, 4, 3)), v)


INITIALIZERS = {
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "normal": nn.initializers.normal(0.1),
    "uniform": nn.initializers.uniform(0.1),
    "truncated_normal": nn.initializers.truncated_normal(0.1),
    "orthogonal": nn.initializers.orthogonal(),
    "delta": nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers(name):
    found = INITIALIZERS[name](random.key(3), (4, 6), "float64")
    np.testing.assert_allclose(found, RECORDED["init"][name], rtol=1e-10, atol=1e-13)
    assert INITIALIZERS[name](random.key(3), (4, 6), np.float32).dtype == np.float32


def test_errors_name_the_values():
    with pytest.raises(ValueError, match="mode='fan'"):
        nn.initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ValueError, match=r"at least two axes, got shape \(3,\)"):
        nn.initializers.he_normal()(random.key(0), (3,))


def test_relu_hides_no_nan():
    assert np.isnan(nn.relu(np.nan))
    assert nn.relu(-np.inf) == 0
