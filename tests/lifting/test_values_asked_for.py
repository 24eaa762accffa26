"""What lifted code asks of values that are not known: numbers of examples that differ, and functions that branch on them."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
import scipy.special

import covector as cv

SPLIT = {
    "float(count)": (lambda x: x / float(np.sum(x > 0)), [[0.3, -1.2], [0.5, 0.7]]),
    "math.isclose": (lambda x: 2 * x if math.isclose(x[0], 0.3, rel_tol=1e-6) else x, [[0.3, -1.2], [0.5, 0.7]]),
    "math.isclose, infinite": (lambda x: 2 * x if math.isclose(x[0], x[1]) else x, [[np.inf, 1.0], [np.inf, np.inf]]),
    "np.place": (lambda x: placed(x), [[0.3, -1.2], [0.5, 0.7]]),
}


def placed(x):
    y = x.copy()
    np.place(y, y > 0, [1.0, 2.0 * x[0]])
    return y


@pytest.mark.parametrize("name", SPLIT)
def test_values_that_differ_between_examples(name):
    f, rows = SPLIT[name]
    rows = np.array(rows)
    np.testing.assert_array_equal(cv.vmap(cv.lift(f), branches="split")(rows), [f(row) for row in rows])


def test_counts_are_asked_for_outside_of_lifted_code_too():
    rows = np.array([[0.3, -1.2], [0.5, 0.7]])
    f = lambda x: x / float(np.sum(x > 0))
    np.testing.assert_array_equal(cv.vmap(f, branches="split")(rows), [f(row) for row in rows])
    with pytest.raises(cv.errors.TracerFloatConversionError, match="not known while"):
        cv.jit(cv.lift(f))(rows[0])


@pytest.mark.parametrize("text", ["factorial(x)", "comb(x, 2.0)", "comb(x, 2.0, repetition=True)", "multigammaln(x, 2)"])
def test_functions_of_scipy_special_that_branch_on_values(text):
    f = eval(f"lambda x: special.{text}", {"special": scipy.special})
    step = 1e-6
    for g in (cv.grad(cv.lift(f)), cv.jit(cv.grad(cv.lift(f)))):
        assert float(g(2.3)) == pytest.approx((f(2.3 + step) - f(2.3 - step)) / (2 * step), rel=1e-6)


class GUFunc:
    """As numba makes it: it compiles a function when it is first called, and reads the globals of that."""

    def __init__(self, py_func):
        self.gufunc_builder = types.SimpleNamespace(py_func=py_func)


def test_a_module_that_imports_what_numba_compiles_is_lifted():
    inner, outer = types.ModuleType("compiled_by_numba"), types.ModuleType("calling_numba")
    exec("import numpy as np\ndef total(a):\n    return np.sum(a)\n", vars(inner))
    inner.total = GUFunc(inner.total)
    exec("import numpy as np\ndef f(x):\n    y = np.zeros(2)\n    y[0] = x[0] ** 2\n    return y.sum()\n", vars(outer))
    outer.total = inner.total
    sys.modules |= {"compiled_by_numba": inner, "calling_numba": outer}
    try:
        np.testing.assert_array_equal(cv.grad(cv.lift(outer.f))(np.array([1.5, 2.0])), [3.0, 0.0])
        assert type(inner.np) is types.ModuleType
    finally:
        del sys.modules["compiled_by_numba"], sys.modules["calling_numba"]


def test_isclose_refuses_tolerances_as_python_does():
    f = cv.lift(lambda x: float(math.isclose(x[0], 1.0, rel_tol=-1.0)) * x)
    with pytest.raises(ValueError, match="tolerances must be non-negative"):
        cv.vmap(f, branches="split")(np.ones((2, 2)))
