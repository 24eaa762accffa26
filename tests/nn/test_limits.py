"""Activations at infinities, NaN, zeros of both signs and huge numbers, in value and two derivatives, against closed limits."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import nn
from covector.testing import check_grads

INF, NAN = np.inf, np.nan
C = nn.activations.SELU_ALPHA * nn.activations.SELU_SCALE
NORMAL = (2 / np.pi) ** 0.5

LIMITS = {  # value, first and second derivative: at minus infinity, at 0, at infinity
    "identity": ((-INF, 1, 0), (0, 1, 0), (INF, 1, 0)),
    "relu": ((0, 0, 0), (0, 0, 0), (INF, 1, 0)),
    "relu6": ((0, 0, 0), (0, 0, 0), (6, 0, 0)),
    "sigmoid": ((0, 0, 0), (0.5, 0.25, 0), (1, 0, 0)),
    "log_sigmoid": ((-INF, 1, 0), (-np.log(2), 0.5, -0.25), (0, 0, 0)),
    "softplus": ((0, 0, 0), (np.log(2), 0.5, 0.25), (INF, 1, 0)),
    "soft_sign": ((-1, 0, 0), (0, 1, NAN), (1, 0, 0)),  # at 0 the second derivative jumps from 2 to -2
    "silu": ((0, 0, 0), (0, 0.5, 0.5), (INF, 1, 0)),
    "mish": ((0, 0, 0), (0, 0.6, 0.64), (INF, 1, 0)),
    "leaky_relu": ((-INF, 0.01, 0), (0, 1, 0), (INF, 1, 0)),
    "hard_tanh": ((-1, 0, 0), (0, 1, 0), (1, 0, 0)),
    "hard_sigmoid": ((0, 0, 0), (0.5, 1 / 6, 0), (1, 0, 0)),
    "hard_silu": ((0, 0, 0), (0, 0.5, 1 / 3), (INF, 1, 0)),
    "elu": ((-1, 0, 0), (0, 1, 1), (INF, 1, 0)),
    "celu": ((-1, 0, 0), (0, 1, 1), (INF, 1, 0)),
    "selu": ((-C, 0, 0), (0, C, C), (INF, nn.activations.SELU_SCALE, 0)),
    "gelu": ((0, 0, 0), (0, 0.5, NORMAL), (INF, 1, 0)),
    "gelu_exact": ((0, 0, 0), (0, 0.5, NORMAL), (INF, 1, 0)),
    "squareplus": ((0, 0, 0), (1, 0.5, 0.25), (INF, 1, 0)),
    "sparse_plus": ((0, 0, 0), (0.25, 0.5, 0.5), (INF, 1, 0)),
    "sparse_sigmoid": ((0, 0, 0), (0.5, 0.5, 0), (1, 0, 0)),
    "log1mexp": ((NAN, NAN, NAN), (-INF, INF, -INF), (0, 0, 0)),
    "tanh": ((-1, 0, 0), (0, 1, 0), (1, 0, 0)),
}
PIECES = {"identity", "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "sparse_sigmoid"}
"""Of pieces of lines: their slopes at NaN are those of a piece."""


def function(name):
    return (lambda x: nn.gelu(x, approximate=False)) if name == "gelu_exact" else getattr(nn, name)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", LIMITS)
def test_limits(name, dtype):
    f, big = function(name), np.finfo(dtype).max / dtype(2)
    x = np.array([-INF, 0.0, INF, -0.0, NAN, -big, big], dtype)
    with np.errstate(all="ignore"):
        for order, g in enumerate((f, cv.grad(f), cv.grad(cv.grad(f)))):
            lowest, zero, highest = (limits[order] for limits in LIMITS[name])
            ends = [
                limits[1] * b if np.isinf(e) else e
                for e, b, limits in zip((lowest, highest), (-big, big), LIMITS[name][::2], strict=True)
            ]
            expected = np.array([lowest, zero, highest, zero, NAN, *ends], dtype)
            for found in (np.array([g(v) for v in x]), cv.vmap(g)(x), cv.jit(cv.vmap(g))(x)):
                assert found.dtype == dtype
                if order and (name in PIECES or (order == 2 and name in ("hard_silu", "sparse_plus"))):
                    found = np.where(np.isnan(x), x, found)
                found = np.where(np.abs(found) <= 4 * np.finfo(dtype).tiny, 0, found)  # of squareplus far out
                half = dtype == np.float16
                np.testing.assert_allclose(found, expected, rtol=2e-3 if half else 3e-7, atol=2e-5 if half else 0)


@pytest.mark.parametrize("b", [4.0, 0.25, 9.0])
def test_squareplus_is_accurate_on_both_sides(b):
    x = np.array([-1e150, -1e5, -30.0, -1.5, -1.0, 0.7, 2.0, 1e150])
    wide = x.astype(np.longdouble)
    above = np.hypot(wide, np.sqrt(np.longdouble(b)))
    exact = np.where(wide < 0, b / (2 * (above - wide)), (wide + above) / 2)
    np.testing.assert_allclose(nn.squareplus(x, b), exact, rtol=1e-14)
    np.testing.assert_allclose(cv.vmap(cv.grad(lambda x: nn.squareplus(x, b)))(x), exact / above, rtol=1e-14)
    np.testing.assert_allclose(
        cv.vmap(cv.grad(lambda b, x: nn.squareplus(x, b)), in_axes=(None, 0))(b, x), 1 / (4 * above), rtol=1e-15
    )
    check_grads(nn.squareplus, (np.array([-3.0, 0.4, 5.0]), b), order=2)


def test_soft_sign_has_accurate_slopes_far_out():
    x = np.array([-1e100, -1e9, -2.0, -0.5, 0.5, 3.0, 1e9])
    np.testing.assert_allclose(cv.vmap(cv.grad(nn.soft_sign))(x), 1 / (1 + np.abs(x)) ** 2, rtol=1e-15)
    np.testing.assert_allclose(cv.vmap(cv.grad(cv.grad(nn.soft_sign)))(x), -2 * np.sign(x) / (1 + np.abs(x)) ** 3, rtol=1e-14)


def test_gates_meet_the_line_where_they_are_cut():
    for dtype, far in ((np.float16, 30), (np.float64, 1e5)):
        for f in (nn.silu, nn.mish, nn.gelu, nn.hard_silu, function("gelu_exact")):
            for x in (dtype(far), np.nextafter(dtype(far), dtype(0))):
                assert f(x) == x and cv.grad(f)(x) == 1 and f(-x) == cv.grad(f)(-x) == 0
