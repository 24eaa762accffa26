"""Derivatives at extreme arguments keep their precision, and sums of small dtypes do not overflow."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import covector.numpy as cnp
from covector import grad, jit, jvp, vmap

EXTREME: list[tuple[Any, Any, Any]] = [
    (np.expm1, -40.0, np.exp(-40.0)),
    (np.expm1, -700.0, np.exp(-700.0)),
    (np.arcsinh, 1e200, 1e-200),
    (np.arcsinh, -1e180, 1e-180),
    (np.arcsinh, np.float16(300), np.float16(1 / 300)),
    (np.arctan, np.float16(256), np.float16(2.0**-16)),
    (np.arctan, np.float32(1e18), np.float32(1e-36)),
    (np.arctan, 1e150, 1e-300),
    (np.arccosh, 1e200, 1e-200),
    (np.arcsinh, 1e200 * (1 + 1j), 1e-200 * (0.5 - 0.5j)),
    (np.arctan, 1e120 * (1 + 1j), 1e-240 * -0.5j),
    (np.arctan, 1e200 * (1 + 1j), 0j),
    (np.arcsin, 1e200 * (1 + 1j), 1e-200 * (0.5 + 0.5j)),
    (np.arccos, 1e200 * (1 - 1j), 1e-200 * (-0.5 + 0.5j)),
    (np.arctanh, 1e120 * (1 + 1j), 1e-240 * 0.5j),
    (np.arctanh, 1e200 * (1 + 1j), 0j),
]


@pytest.mark.parametrize(("f", "x", "expected"), EXTREME)
def test_derivatives_far_out(f: np.ufunc, x: Any, expected: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slope = jvp(f, (x,), (x * 0 + 1,))[1]
        staged = jit(lambda x: jvp(f, (x,), (x * 0 + 1,))[1])(x)
    for got in (slope, staged):
        assert np.asarray(got).dtype == np.asarray(x).dtype
        np.testing.assert_allclose(got, expected, rtol=2e-2 if np.asarray(x).dtype == np.float16 else 1e-6, atol=0)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.expm1])
def test_derivatives_near_by_as_before(f: np.ufunc) -> None:
    for z in (0.3 + 0.4j, -0.3 + 0.4j, 2 + 1j, -2 - 1j, 0.1 - 3j, -0.1 + 3j):
        h = 1e-4
        slope = jvp(f, (z,), (1.0 + 0j,))[1]
        np.testing.assert_allclose(slope, (f(z + h) - f(z - h)) / (2 * h), rtol=1e-6)


def test_logsumexp_of_more_than_float16_holds() -> None:
    x = np.ones(70_000, np.float16)
    for f in (cnp.logsumexp, jit(cnp.logsumexp), lambda x: cnp.logsumexp(x, b=np.ones(1, np.float16))):
        assert f(x).dtype == np.float16
        np.testing.assert_allclose(float(f(x)), 1 + np.log(70_000), rtol=1e-2)
    out, sign = cnp.logsumexp(x, b=-np.ones(1, np.float16), return_sign=True)
    assert (out.dtype, sign) == (np.float16, -1) and abs(float(out) - 12.16) < 0.1
    np.testing.assert_allclose(np.sum(grad(cnp.logsumexp)(x), dtype=float), 1, rtol=0.05)


def test_interpolation_takes_numbers_of_more_digits():
    at, values = [-2.5, -1.0, 0.5, 2.5], [1.0, -1.0, 2.0, 0.5]
    f = lambda x: np.interp(x, at, values)
    x = np.longdouble(-0.55)
    assert jit(f)(x) == vmap(f)(np.array([x]))[0] == f(x)
    assert grad(f)(x) == 2.0
    with pytest.raises(TypeError, match="according to the rule 'safe'"):  # as NumPy says of arrays
        jit(f)(np.array([x]))
