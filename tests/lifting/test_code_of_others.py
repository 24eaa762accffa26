"""Lifted code as others write it: constants of modules, objects that hold arrays, rules, numbers, exceptions, packages."""

import math
import pickle
import sys
import types
from collections.abc import Iterable

import numpy as np
import pytest
import scipy.fft
import scipy.stats

import covector as cv

X = np.array([1.3, 0.7, 2.1])
V = np.array([0.3, -0.2, 0.5])


def difference(f, x, v, step=1e-6):
    return (f(x + step * v) - f(x - step * v)) / (2 * step)


def running(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = math.sin(x[i]) * (i + 1)
    return y


def inner(v):
    w = np.zeros(3)
    w[:] = v * 2
    w[0] *= w[1]
    return np.sum(w)


# --- what else the code of others does ------------------------------------------------------------------------------------

CONSTANT = np.eye(3) + 1.0
halved = np.vectorize(lambda a: a / 2 if a > 1 else a)


class Holder:
    def __init__(self, a):
        self.a = a

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.a, dtype)


def with_what_functions_make_of_constants(x):
    y = np.linalg.inv(CONSTANT)
    y[0] = x
    z = np.sum(CONSTANT, axis=0)
    z[1] = x[1]
    return y @ z


def with_objects_that_hold_arrays(x):
    h = Holder(np.ones(3))
    y = np.asarray(h)
    y[0] = 5.0
    return h.a * x + np.sum(Holder(x)) + np.dot(Holder(x), x)


def with_numbers_of_math(x):
    return np.ones(2, np.float32) + math.sin(x[0])


def with_vectorize_made_before(x):
    return halved(x)


OTHERS = [
    with_what_functions_make_of_constants,
    with_objects_that_hold_arrays,
    with_numbers_of_math,
    with_vectorize_made_before,
]


@pytest.mark.parametrize("f", OTHERS, ids=lambda f: f.__name__)
def test_as_numpy(f):
    out, tangent = cv.jvp(cv.lift(f), (X,), (V,))
    assert out.dtype == f(X).dtype
    np.testing.assert_allclose(out, f(X), rtol=1e-6)
    np.testing.assert_allclose(
        tangent, difference(lambda x: f(x).astype(float), X, V, 1e-2 if out.dtype == np.float32 else 1e-6), atol=2e-4
    )


def test_patching_a_rebound_module_leaves_numpy_as_it_was(monkeypatch):
    cv.jit(cv.lift(running))(X)
    real = sys.modules["numpy"].zeros
    with monkeypatch.context() as patch:
        patch.setattr(np, "zeros", lambda *a: "patched")
        assert np.zeros(2) == "patched"
    assert sys.modules["numpy"].zeros is real


def with_transforms(x):
    y = np.zeros(4)
    y[1:] = x
    return scipy.fft.fft(y).real


def with_a_dtype_of_the_first(x):
    return np.vectorize(lambda v: 0 if v < 1 else v)(x[::-1][1:]) * x[0]


def with_questions(x):
    is_number = not hasattr(x[0], "__len__") and not isinstance(x[0], Iterable)
    is_file = hasattr(x, "read") or hasattr(x, "write")
    return x[0] * (3.0 if is_number else 1.0) + x * (2.0 if is_file else 1.0)


@pytest.mark.parametrize("f", [with_transforms, with_a_dtype_of_the_first, with_questions], ids=lambda f: f.__name__)
def test_as_numpy_too(f):
    out = cv.jvp(cv.lift(f), (X,), (V,))[0]
    assert out.dtype == f(X).dtype
    np.testing.assert_allclose(out, f(X))


def test_a_package_that_is_not_there():
    with pytest.raises(cv.errors.ArgumentError, match="'filterpi', which is not installed"):
        cv.lift(inner, packages=["filterpi"])


@cv.custom_vjp
def squares_in_place(x):
    y = np.zeros(3)
    y[:] = x * x
    return y


def squares_forward(x):
    y = np.zeros(3)
    y[:] = x * x
    return y, x


def squares_backward(x, ct):
    out = np.zeros(3)
    out[:] = 20 * x * ct
    return (out,)


squares_in_place.defvjp(squares_forward, squares_backward)


def with_a_rule_inside(x, write):
    y = np.zeros(3)

    @cv.custom_jvp
    def tripled(u):
        y[:] = write(u)
        return u * 3

    tripled.defjvp(lambda primals, tangents: (tripled(primals[0]), 3 * tangents[0]))
    return tripled(x) + y


@pytest.mark.parametrize("write", [lambda u: 2 * u, lambda u: 5.0], ids=["of the argument", "of a number"])
@pytest.mark.parametrize("transformation", [lambda f: cv.jvp(f, (X,), (X,)), lambda f: cv.jacrev(f)(X), lambda f: cv.jit(f)(X)])
def test_a_function_with_a_rule_that_writes_what_is_not_its_own(write, transformation):
    with pytest.raises(cv.errors.InPlaceWriteError, match="written inside tripled that was made outside of it"):
        transformation(cv.lift(lambda x: with_a_rule_inside(x, write)))


@pytest.mark.parametrize("name", ["jit of grad", "grad of jit", "vmap of grad", "grad of checkpoint", "grad"])
def test_rules_that_write_in_place(name):
    f = cv.lift(lambda x: squares_in_place(np.array(x)).sum())
    made = {
        "jit of grad": cv.jit(cv.grad(f)),
        "grad of jit": cv.grad(cv.jit(f)),
        "vmap of grad": lambda x: cv.vmap(cv.grad(f))(x[None])[0],
        "grad of checkpoint": cv.grad(cv.checkpoint(f)),
        "grad": cv.grad(f),
    }
    np.testing.assert_allclose(made[name](X), 20 * X)


def logarithm_or_line(x):
    try:
        return math.log(x)
    except ValueError:
        return 7.0 * x


def test_math_raises_where_python_does():
    value, slope = cv.value_and_grad(cv.lift(logarithm_or_line))(0.0)
    assert (value, slope) == (0.0, 7.0)
    assert cv.grad(cv.lift(logarithm_or_line))(2.0) == 0.5


def test_an_error_of_the_code_is_its_own():
    def f(x):
        try:
            return float(x[0])
        except TypeError:
            pass
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        cv.grad(cv.lift(f))(X)


def test_plain_code_goes_on_as_before():
    cv.jit(cv.lift(running))(X)
    assert pickle.loads(pickle.dumps(math.sin)) is sys.modules["math"].sin or math.sin == sys.modules["math"].sin
    assert {math.sin: 1}[math.sin] == 1
    estimate = scipy.stats.gaussian_kde(X)([0.4])
    cv.lift.uninstall()
    np.testing.assert_array_equal(estimate, scipy.stats.gaussian_kde(X)([0.4]))
    assert pickle.loads(pickle.dumps(math.sin)) is math.sin


def test_lift_of_what_is_transformed_already():
    np.testing.assert_allclose(cv.lift(cv.grad(inner))(X), cv.grad(cv.lift(inner))(X))
    np.testing.assert_allclose(cv.jit(cv.lift(cv.jit(inner)))(X), inner(X))


METRES = """
class Metres(float):
    def __new__(cls, x):
        return float.__new__(cls, x)

def f(x):
    return float(x) * Metres(2.0)
"""


def test_a_class_made_of_float_in_a_named_package(monkeypatch):
    module = types.ModuleType("another_package")
    exec(METRES, vars(module))
    monkeypatch.setitem(sys.modules, "another_package", module)
    assert cv.grad(cv.lift(module.f, packages=["another_package"]))(3.0) == 2.0
    assert type(module.Metres(1.0)) is module.Metres
    cv.lift.uninstall()


def test_patching_a_module_of_covectors(monkeypatch):
    cv.jit(cv.lift(running))(X)
    real = sys.modules["covector.tree"]
    before = real.leaves
    monkeypatch.setattr(cv.tree, "leaves", lambda tree: "patched")
    assert real.leaves(1) == "patched"
    monkeypatch.undo()
    assert real.leaves is before
