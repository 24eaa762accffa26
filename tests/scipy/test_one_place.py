"""Interpolation between one place and none other: the value that is there, as in SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate

import covector as cv
from covector.scipy import interpolate

AT = np.array([0.5, 1.0, 2.0])
BESIDE = np.array([0.0, 1.0, 3.0])
CASES = {
    **{f"interp1d, {kind}, {fill}": lambda s, x, y, kind=kind, fill=fill: s.interp1d(
        x, y, kind=kind, bounds_error=False, fill_value=fill)(AT)
       for kind in ("linear", "zero", "nearest", "previous", "next") for fill in (np.nan, "extrapolate", (7.0, 8.0))},
    **{f"RegularGridInterpolator, {method}, {fill}": lambda s, x, y, method=method, fill=fill: s.RegularGridInterpolator(
        (x,), y, method, bounds_error=False, fill_value=fill)(AT)
       for method in ("linear", "nearest") for fill in (np.nan, None, 3.0)},
    **{f"RegularGridInterpolator, {method}, of two": lambda s, x, y, method=method: s.RegularGridInterpolator(
        (x, BESIDE), y * BESIDE[None, :], method, bounds_error=False, fill_value=None)(np.stack([AT, AT], -1))
       for method in ("linear", "nearest")},
    "interpn": lambda s, x, y: s.interpn((x,), y, AT[:, None], bounds_error=False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_place(name):
    f, x, y = CASES[name], np.array([1.0]), np.array([5.0])
    with np.errstate(all="ignore"):
        expected = f(scipy.interpolate, x, y)
        for run in (lambda g: g, cv.jit):
            np.testing.assert_array_equal(run(lambda x, y: f(interpolate, x, y))(x, y), expected)
        slope = cv.jacfwd(lambda y: f(interpolate, x, y))(y)[:, 0]
        grad = cv.grad(lambda y: np.nansum(f(interpolate, x, y)))(y)
    difference = f(scipy.interpolate, x, y + 1.0) - expected
    known = np.isfinite(expected)
    np.testing.assert_allclose(slope[known], difference[known], rtol=1e-12)
    if np.any(known):
        np.testing.assert_allclose(grad, np.sum(difference[known]), rtol=1e-12)


def test_one_place_far_away():
    f = interpolate.RegularGridInterpolator((np.array([1e300]),), np.array([5.0]))
    np.testing.assert_array_equal(f(np.array([1e300])), [5.0])
