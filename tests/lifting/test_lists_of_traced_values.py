"""NumPy's ufuncs and functions of lists, tuples and nested lists that have traced values in them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.special

import covector as cv

X = np.array([0.3, 0.6])
CALLS = """
    np.emath.sqrt([x[0], 1.0]) * (x[0] > 0)
    np.einsum("i,i->i", [x[0], x[1]], (x[1], 2.0))
    np.einsum([x[0], 1.0], [0], [x[1], 2.0], [0])
    np.meshgrid([x[0], 1.0], (x[1], 2.0))
    np.meshgrid([x[0], 1.0], [x[1], 2.0], copy=False)
    np.bincount([0, 1, 0], weights=(x[0], x[1], 1.0))
    np.histogram([0.1, 0.7], [0, 0.5, 1], weights=(x[0], 2.0))[0]
    np.broadcast_to([x[0], x[1]], (2, 2))
    np.broadcast_arrays([x[0], 1.0], [[1.0]])
    np.apply_along_axis(lambda r: r.sum(), 0, [[x[0], 1.0], [x[1], 2.0]])
    np.vectorize(lambda a, b: a * b)([x[0], 1.0], (x[1], 2.0))
    np.choose([0, 1], [[x[0], 1.0], [2.0, x[1]]])
    np.select([[True, False]], [[x[0], 1.0]], [x[1], 2.0])
    np.piecewise([x[0], x[1]], [[True, False], [False, True]], [lambda t: t**2, 3.0])
    np.full_like([1.0, 2.0], x[0])
    np.full_like([x[0], 2.0], 3.0) * x
    np.sum(a=[x[0], x[1]])
    np.linalg.solve(a=[[x[0], 1.0], [1.0, 3.0]], b=[1.0, x[1]])
    np.interp(0.5, [0.0, x[1]], (x[0], 2.0))
    np.lexsort([[x[0], 1.0], [2.0, x[1]]]) * x
    np.iscomplexobj([x[0], 1.0]) * x
    next(np.nditer(x.copy())) * 1.0
    np.exp(np.sqrt([4.0, 9.0])) * x
""".strip().splitlines()

RUN = {
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: cv.tree.map(lambda y: y[1], cv.vmap(f)(np.stack([x[::-1], x]))),
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
}


def evaluated(text):
    """The function of x that a text is."""
    return eval(f"lambda x: {text}", {"np": np, "scipy": scipy})


def compare(found, wanted):
    for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(wanted), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def is_real(value):
    return all(np.asarray(leaf).dtype.kind == "f" and np.isfinite(leaf).all() for leaf in cv.tree.leaves(value))


def check_derivative(f, x):
    """That the gradient of all results, added up, is that of differences."""
    total = lambda x: sum(np.sum(leaf) for leaf in cv.tree.leaves(f(x)))
    steps = np.eye(len(x)) * 1e-6
    wanted = [(total(x + h) - total(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(cv.grad(cv.lift(total))(x), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", CALLS)
def test_calls(text):
    f = evaluated(text.strip())
    wanted = f(X)
    for name, run in RUN.items():
        if name == "jvp" or not ("emath" in text or "nditer" in text):  # which go by values
            compare(run(cv.lift(f), X), wanted)
    if is_real(wanted):
        check_derivative(f, X)


@pytest.mark.parametrize("text", ["np.sin([x[0], x[1]])", "np.add((x[0], 1.0), 2.0)", "scipy.special.erf([x[0]])"])
def test_ufuncs_of_lists_say_what_to_write(text):
    f = evaluated(text)
    for run in RUN.values():
        with pytest.raises(cv.errors.ConcretizationError, match=r"np\.array\(\[\.\.\.\]\)"):
            run(cv.lift(f), X)


def test_ufuncs_stay_what_they_are():
    """Code asks for them by identity, also with those that it held before: in defaults, say, and in other modules."""
    held = np.add
    cv.grad(cv.lift(lambda x: np.sin(x)))(1.0)
    assert np.add is held
    assert type(np.add) is np.ufunc
    assert scipy.special.erf is sys.modules["scipy.special"].erf
