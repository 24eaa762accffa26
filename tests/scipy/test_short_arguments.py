"""Derivatives in one argument beside others of short integers or half precision, which ``-x`` and ``n - 1`` are not of."""

import numpy as np
import pytest
import scipy.special

import covector as cv
import covector.scipy.spatial.distance as distance
import covector.scipy.special as special
import covector.scipy.stats as stats

OF_SPECIAL = [n for n in dir(scipy.special) if isinstance(getattr(scipy.special, n), np.ufunc) and hasattr(special, n)]
FUNCTIONS = {n: getattr(special, n) for n in OF_SPECIAL if getattr(scipy.special, n).nin > 1 and n[:4] not in ("obl_", "pro_")}
FUNCTIONS |= {n: getattr(np, n) for n in "arctan2 hypot logaddexp logaddexp2 power float_power divide fmod remainder".split()}
SHORT = {
    "u1": np.array([3, 1, 2], np.uint8),
    "i1": np.array([90, 60, 75], np.int8),
    "bool": np.array([True, False, True]),
    "f2": np.array([1.7, 0.3, 2.9], np.float16),
}


def derivative(f, args, place):
    given = lambda x: f(*args[:place], x, *args[place + 1 :])
    return cv.jvp(given, (args[place],), (np.ones(3),))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", SHORT)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_beside_long_arguments(name, dtype):
    f, short = FUNCTIONS[name], SHORT[dtype]
    count = getattr(scipy.special, name, getattr(np, name, None)).nin
    for place in range(count):
        args = [np.array([0.31, 0.77, 0.52]) if i == place else short for i in range(count)]
        try:
            found = derivative(f, args, place)
        except (cv.core.errors.CovectorError, TypeError):  # there is no function, or no derivative, of these
            continue
        longs = [x.astype(float if x.dtype.kind == "f" else np.int64) for x in args]
        for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(derivative(f, longs, place)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("dtype", SHORT)
def test_derivatives_of_a_program_beside_short_arguments(dtype):
    short = SHORT[dtype]
    slope = cv.jit(cv.vmap(cv.grad(lambda y, x: np.arctan2(x, y)), (0, 0)))(np.array([0.31, 0.77, 0.52]), short)
    x = short.astype(float)
    np.testing.assert_allclose(slope, -x / (x**2 + np.array([0.31, 0.77, 0.52]) ** 2), rtol=1e-12)


def test_numbers_of_a_distribution_are_doubles():
    found = stats.cauchy.logpdf(0.5, 1.0, np.float16(2.9))
    np.testing.assert_allclose(found, stats.cauchy.logpdf(0.5, 1.0, float(np.float16(2.9))), rtol=1e-14)


def test_lengths_of_short_vectors():
    u, v = np.array([0.3, 1.2]), np.array([100, 90], np.int8)
    np.testing.assert_allclose(cv.jit(distance.cosine)(u, v), distance.cosine(u, v.astype(float)), rtol=1e-14)
