"""Derivatives of special functions, to the third, where the obvious formula is the difference of nearly equal numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import covector as cv
from covector.scipy import special


def dawsn(x: Any) -> list[Any]:
    d = mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)
    first = 1 - 2 * x * d
    second = -2 * d - 2 * x * first
    return [first, second, -4 * first - 2 * x * second]


def erfcx(x: Any) -> list[Any]:
    e = mp.exp(x * x) * mp.erfc(x)
    first = 2 * x * e - 2 / mp.sqrt(mp.pi)
    second = 2 * e + 2 * x * first
    return [first, second, 4 * first + 2 * x * second]


def log_ndtr(x: Any) -> list[Any]:
    h = 2 * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) / mp.erfc(-x / mp.sqrt(2))
    second = -h * (x + h)
    return [h, second, -second * (x + h) - h * (1 + second)]


def i0e(x: Any) -> list[Any]:
    f = [mp.besseli(0, x, derivative=k) for k in range(4)]
    s = mp.sign(x)
    scaled = [f[1] - s * f[0], f[2] - 2 * s * f[1] + f[0], f[3] - 3 * s * f[2] + 3 * f[1] - s * f[0]]
    return [mp.exp(-abs(x)) * y for y in scaled]


def k0e(x: Any) -> list[Any]:
    f = [mp.besselk(0, x), -mp.besselk(1, x)]
    f.append(f[0] - f[1] / x)
    f.append(f[1] - f[2] / x + f[1] / x**2)
    return [mp.exp(x) * y for y in (f[1] + f[0], f[2] + 2 * f[1] + f[0], f[3] + 3 * f[2] + 3 * f[1] + f[0])]


def rgamma(x: Any) -> list[Any]:
    return [mp.diff(mp.rgamma, x, k) for k in (1, 2, 3)]


REAL: dict[str, tuple[Callable[[Any], list[Any]], list[float]]] = {
    "dawsn": (dawsn, [3.0, 9.9, 10.1, 60.0, -1e3]),
    "erfcx": (erfcx, [-2.0, 3.0, 9.9, 10.1, 60.0, 1e3]),
    "log_ndtr": (log_ndtr, [-60.0, -5.0, -0.1, 0.0, 2.0, 30.0]),
    "rgamma": (rgamma, [-3.0, -2.5, -1.0, -1e-9, 0.0, 1e-9, 0.49, 0.51, 4.0]),
    "i0e": (i0e, [2.0, 99.0, -101.0, 1e4]),
    "k0e": (k0e, [2.0, 99.0, 101.0, 1e4]),
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", REAL)
def test_real_functions(name: str, order: int) -> None:
    derivatives, places = REAL[name]
    g = getattr(special, name)
    for _ in range(order):
        g = cv.grad(g)
    with mp.workdps(60):
        wanted = [float(mp.re(derivatives(mp.mpf(x))[order - 1])) for x in places]
    tolerance = 1e-7 if name == "log_ndtr" else 1e-8 if order > 2 else 1e-11
    np.testing.assert_allclose([g(x) for x in places], wanted, rtol=tolerance)


@pytest.mark.parametrize("x", [-300.0, 2.0, 99.0, 101.0, 1e4])
def test_of_order_one(x: float) -> None:
    """The first derivative of order 0 has them: i0e' = i1e - sign(x) i0e, k0e' = k0e - k1e."""
    for order in (1, 2, 3):
        i0, i1, k0, k1 = special.i0e, special.i1e, special.k0e, special.k1e
        for _ in range(order - 1):
            i0, i1, k0, k1 = map(cv.grad, (i0, i1, k0, k1))
        np.testing.assert_allclose(cv.grad(i1)(x), cv.grad(cv.grad(i0))(x) + np.sign(x) * cv.grad(i0)(x), rtol=1e-7)
        if x > 0:
            np.testing.assert_allclose(cv.grad(k1)(x), cv.grad(k0)(x) - cv.grad(cv.grad(k0))(x), rtol=1e-7)


@pytest.mark.parametrize("z", [1 + 2j, 3 - 2j, 25 + 0j, 15 + 15j, -30 + 1j, 1e3 + 1e-3j])
def test_the_faddeeva_function(z: complex) -> None:
    found = cv.jvp(lambda z: cv.jvp(special.wofz, (z,), (1 + 0j,)), (z,), (1 + 0j,))[1]
    with mp.workdps(60):
        x = mp.mpc(z)
        w = mp.exp(-x * x) * mp.erfc(-1j * x)
        first = 2j / mp.sqrt(mp.pi) - 2 * x * w
        wanted = [complex(first), complex(-2 * w - 2 * x * first)]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("name", sorted({*REAL, "i1e", "k1e"} - {"rgamma"}))
def test_derivatives_are_finite_at_the_largest_numbers(name: str) -> None:
    f = getattr(special, name)
    for x in (1e12, 1e100, 1e300, -1e12, -1e100, -1e300):
        assert np.isfinite(cv.grad(cv.grad(f))(x)) or not np.isfinite(f(x)), x


@pytest.mark.parametrize("z", [-3 + 0j, -1.5 + 0.5j, 0.3 + 300j, 2 - 5j])
def test_the_reciprocal_of_the_gamma_function(z: complex) -> None:
    with mp.workdps(40):
        wanted = complex(mp.diff(mp.rgamma, mp.mpc(z)))
    np.testing.assert_allclose(cv.jvp(special.rgamma, (z,), (1 + 0j,))[1], wanted, rtol=1e-10)
