"""Derivatives of complex functions on their branch cuts: those of the side that the sign of a zero says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv

PLACES = [complex(a, z) for a in (-2.0, -1.5, -0.5, 0.5, 1.5, 2.0) for z in (0.0, -0.0)]
PLACES += [complex(z, b) for b in (-2.0, -1.5, -0.5, 0.5, 1.5, 2.0) for z in (0.0, -0.0)]
FUNCTIONS = [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.sqrt, np.log, np.log2, np.log10, np.log1p]
WAYS = {"eager": lambda f: f, "source": lambda f: cv.jit(f, backend="numpy"), "native": lambda f: cv.jit(f, backend="native")}
H = 1e-6


def along_the_cut(f: Any, z: complex) -> complex:
    """A difference along the axis that the place is on: it stays on its side."""
    if z.imag == 0:
        return complex((f(complex(z.real + H, z.imag)) - f(complex(z.real - H, z.imag))) / (2 * H))
    return complex((f(complex(z.real, z.imag + H)) - f(complex(z.real, z.imag - H))) / (2j * H))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_on_both_sides_of_both_axes(f: Any, way: str) -> None:
    slope = WAYS[way](lambda z: cv.jvp(f, (z,), (np.ones_like(z),))[1])
    second = WAYS[way](lambda z: cv.jvp(lambda z: cv.jvp(f, (z,), (np.ones_like(z),))[1], (z,), (np.ones_like(z),))[1])
    z = np.array(PLACES)
    np.testing.assert_allclose(slope(z), [along_the_cut(f, p) for p in PLACES], rtol=1e-7)
    wanted = [along_the_cut(lambda p: cv.jvp(f, (p,), (1 + 0j,))[1], p) for p in PLACES]
    np.testing.assert_allclose(second(z), wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("f", [np.emath.arcsin, np.emath.arccos, np.emath.arctanh, np.emath.sqrt, np.emath.log])
@pytest.mark.parametrize("x", [2.0, -2.0, 1.5, -0.5])
def test_numbers_outside_of_the_real_domain(f: Any, x: float) -> None:
    wanted = (f(x + H) - f(x - H)) / (2 * H)
    np.testing.assert_allclose(cv.jvp(f, (x,), (1.0,))[1], wanted, rtol=1e-7)
    np.testing.assert_allclose(cv.grad(lambda x: np.imag(f(x)))(x), np.imag(wanted), rtol=1e-7, atol=1e-12)
