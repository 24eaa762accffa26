"""NumPy's ufuncs and functions of lists, tuples and nested lists that have traced values in them."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import scipy.special

import covector as cv

X = np.array([0.3, 0.6])
LISTS = """
    [x[0], x[1]]
    (x[0], x[1])
    [[x[0]], [x[1]]]
    [x, 2 * x]
    [x[0], 0.5]
    [np.array([x[0], 0.5]), x]
    ([x[0], 1], x)
""".strip().splitlines()
UFUNCS = sorted({f.__name__ for f in vars(np).values() if type(f) is np.ufunc} - {"matvec", "vecmat"})
"""Those two take no number beside a list."""
STEPS = frozenset("divmod floor_divide fmod remainder".split())
"""They have no derivative where one list is a multiple of the other."""

CALLS = """
    np.add.reduce([x[0], x[1]])
    np.add.reduce(([x[0], 1.0], [x[1], 2.0]), axis=(0, 1))
    np.maximum.reduce([x, 1 - x])
    np.logaddexp.accumulate((x[0], 0.1, x[1]))
    np.multiply.outer((x[0], 1.0), [x[1], 2.0])
    np.add.reduceat([x[0], 1.0, x[1], 2.0], [0, 2])
    np.add([x[0], 1.0], x, out=np.zeros(2))
    np.add([x[0], 1.0], x, out=np.zeros(2), where=[True, False])
    np.sqrt([x[0], 1.0], dtype=np.float64)
    scipy.special.erf([x[0], 1.0])
    scipy.special.xlogy([x[0], 1.0], (x[1], 2.0))
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


@np.errstate(all="ignore")
@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs(name):
    ufunc = getattr(np, name)
    for i, form in enumerate(LISTS):
        rest = ["", ", 0.5", f", {LISTS[i - 1]}"][:: 1 if i % 2 else 2] if ufunc.nin == 2 else [""]
        for f in [evaluated(f"np.{name}({form}{more})") for more in rest]:
            try:
                wanted = f(X)
            except (TypeError, ValueError):  # which are of integers alone, or of other shapes
                continue
            for run in RUN.values():
                compare(run(cv.lift(f), X), wanted)
            if name not in STEPS and is_real(wanted) and is_real([f(X + 0.001), f(X - 0.001)]):
                check_derivative(f, X)


@pytest.mark.parametrize("text", CALLS)
def test_calls(text):
    f = evaluated(text.strip())
    wanted = f(X)
    for name, run in RUN.items():
        if name == "jvp" or not ("emath" in text or "nditer" in text):  # which go by values
            compare(run(cv.lift(f), X), wanted)
    if is_real(wanted):
        check_derivative(f, X)


def test_what_a_ufunc_makes_can_be_written():
    w = np.array([1.0, 4.0])

    def f(x):
        y, z = np.sqrt(w), np.add.accumulate(w)
        y[0], z[1] = x[0], x[1]
        return np.sum(y * z)

    compare(cv.jit(cv.grad(cv.lift(f)))(X), np.array([1.0, 2.0]))


def test_a_ufunc_that_is_replaced_is_a_ufunc():
    cv.grad(cv.lift(lambda x: np.sin(x)))(1.0)
    assert isinstance(np.sin, np.ufunc)
    assert np.sin.nin == 1
    assert {np.sin: 1}[np.sin] == 1
    assert np.add.reduce([1.0, 2.0]) == 3.0


def test_a_class_that_says_what_ufuncs_mean_meets_the_ufuncs_that_it_names():
    source = """
import numpy as np
class Logged(np.lib.mixins.NDArrayOperatorsMixin):
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return "product" if ufunc is np.multiply else "other"
def zeros(x):
    y = np.zeros(1)
    y[0] = x
    return y[0] * float(x)
"""
    module = types.ModuleType("of_logged")
    sys.modules["of_logged"] = module
    try:
        exec(source, vars(module))
        cv.grad(cv.lift(lambda x: module.zeros(x), packages="of_logged"))(2.0)
        assert module.Logged() * 2 == "product"
        assert np.multiply(module.Logged(), 2) == "product"
    finally:
        del sys.modules["of_logged"]
