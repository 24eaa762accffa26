"""``custom_gradient``, and the names of ``custom_derivatives``: values as recorded from JAX."""

import doctest
import gc

import numpy as np
import pytest

import covector as cv
from covector import custom_derivatives as cd
from covector import errors, lax
from covector.testing import check_grads
from covector.transforms import custom_gradient as module


@cv.custom_gradient
def scaled_product(x, y):
    return x * y, lambda ct: (10.0 * ct * y, ct * x)


@cv.custom_gradient
def halfway(x):
    return x * x, lambda ct: ct * x


def test_examples():
    for m in (module, cd):
        assert not doctest.testmod(m, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed


def test_values_of_jax():
    assert float(scaled_product(2.0, 3.0)) == 6.0
    assert [float(g) for g in cv.grad(scaled_product, (0, 1))(2.0, 3.0)] == [30.0, 2.0]
    assert float(cv.grad(lambda x: cv.grad(scaled_product, 0)(x, x))(3.0)) == 10.0
    assert (float(cv.grad(halfway)(2.0)), float(cv.grad(cv.grad(halfway))(2.0))) == (2.0, 1.0)


@cv.custom_gradient
def right(x, y, scale=2.0):
    return np.sin(x) * y * scale, lambda ct: (ct * np.cos(x) * y * scale, np.sum(ct * np.sin(x)) * scale, None)


def test_a_rule_that_is_right_is_right_to_second_order_in_every_argument():
    check_grads(lambda x, y: right(x, y), (np.array([0.3, 1.2]), 0.7), order=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_dtypes(dtype):
    x = np.array([0.5, 2.0], dtype)
    (ct,) = cv.vjp(halfway, x)[1](np.ones(2, dtype))
    assert ct.dtype == dtype
    np.testing.assert_allclose(ct, x)


def test_a_python_number_has_a_cotangent_of_its_dtype_whatever_the_rule_multiplies_with():
    f = cv.custom_gradient(lambda x: (x * x, lambda ct: ct * np.float32(2) * x))
    for g in (cv.grad(f), cv.jit(cv.grad(f)), cv.grad(cv.checkpoint(f)), lambda x: cv.vjp(f, x)[1](1.0)[0]):
        assert (g(2.0), g(2.0).dtype) == (4.0, np.float64)


def test_batched_staged_and_in_a_loop():
    xs = np.array([0.5, 1.0, 3.0])
    slope = cv.grad(halfway)
    for f in (slope, cv.jit(slope), cv.grad(cv.jit(halfway))):
        np.testing.assert_allclose([f(x) for x in xs], xs)
        np.testing.assert_allclose(cv.vmap(f)(xs), xs)
        np.testing.assert_allclose(cv.jit(cv.vmap(f))(xs), xs)
    total = lambda x: lax.scan(lambda c, w: (c + halfway(w * x), None), 0.0, xs)[0]
    np.testing.assert_allclose(cv.grad(total)(2.0), np.sum(2.0 * xs * xs))
    np.testing.assert_allclose(cv.jit(cv.grad(total))(2.0), np.sum(2.0 * xs * xs))


def test_trees_keywords_and_defaults():
    @cv.custom_gradient
    def f(d, *, w=3.0):
        return d["a"] * d["b"], lambda ct: ({"a": ct, "b": 2 * ct},)

    with pytest.raises(errors.CovectorError, match="only be passed by name"):
        cv.grad(lambda d: f(d, w=1.0))({"a": 1.0, "b": 2.0})
    assert cv.tree.map(float, cv.grad(f)({"a": 1.0, "b": 2.0})) == {"a": 1.0, "b": 2.0}
    assert [float(g) for g in cv.grad(lambda x, y: right(x, scale=4.0, y=y), (0, 1))(0.0, 2.0)] == [8.0, 0.0]

    @cv.custom_gradient
    def pair(x):
        return (x * x, {"n": 3, "x": x}), lambda ct: 5.0 * ct[0] + ct[1]["x"]

    assert float(cv.grad(lambda x: pair(x)[0])(2.0)) == 5.0
    assert float(cv.grad(lambda x: pair(x)[1]["x"])(2.0)) == 1.0


def test_a_rule_may_close_over_traced_values_besides_the_arguments():
    def f(x, w):
        g = cv.custom_gradient(lambda y: (w * y, lambda ct: 7.0 * w * ct))
        return g(x)

    assert float(cv.grad(f)(2.0, 3.0)) == 21.0
    assert float(cv.jvp(lambda w: cv.grad(f)(2.0, w), (3.0,), (1.0,))[1]) == 7.0
    np.testing.assert_allclose(cv.vmap(cv.grad(f), (None, 0))(2.0, np.array([1.0, 2.0])), [7.0, 14.0])
    assert float(cv.jit(cv.grad(f))(2.0, 3.0)) == 21.0


def test_a_pullback_keeps_what_it_needs_as_it_was_and_leaves_nothing_behind():
    x, y = np.array([0.5, 1.0]), np.array([2.0, 3.0])
    pullbacks = cv.vjp(halfway, x)[1], cv.vjp(cv.jit(halfway), x)[1]
    x[:] = 100.0
    for pullback in pullbacks:
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [0.5, 1.0])
    cv.grad(lambda x: np.sum(halfway(x)))(y)
    gc.collect()
    gc.disable()
    try:
        cv.grad(lambda x: np.sum(halfway(x)))(y)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_forward_mode_is_that_of_the_output():
    assert float(cv.jvp(halfway, (3.0,), (1.0,))[1]) == 6.0


WRONG = {
    "no pair": (lambda x: x * x, "of which custom_gradient is taken, returned a float"),
    "no function": (lambda x: (x, x), "returned a tuple of 2"),
    "too many": (lambda x: (x, lambda ct: (ct, ct)), "returned 2 cotangents for 1 argument"),
    "a shape": (lambda x: (x, lambda ct: (ct * np.ones(3),)), r"f64\[3\]"),
    "a tree": (lambda x: (x, lambda ct: {"a": ct}), "structure"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_told(name):
    f, text = WRONG[name]
    with pytest.raises(errors.CovectorError, match=text):
        cv.grad(cv.custom_gradient(f))(2.0)


def test_no_function():
    with pytest.raises(errors.ArgumentError, match="custom_gradient expects a function"):
        cv.custom_gradient(3.0)


def test_values_of_arguments_with_symbolic_zeros():
    @cd.custom_vjp
    def f(x, y):
        return x * y

    def fwd(*args):
        x, y = cd.custom_vjp_primal_tree_values(args)
        return x * y, (x, y)

    f.defvjp(fwd, lambda res, ct: (ct * res[1], cd.zero_from_primal(res[1], True)), symbolic_zeros=True)
    assert [float(g) for g in cv.grad(f, (0, 1))(2.0, 3.0)] == [3.0, 0.0]
    with pytest.raises(errors.CustomRuleError, match="a float where a CustomVJPPrimal is needed"):
        cd.custom_vjp_primal_tree_values((1.0,))
    assert cd.zero_from_primal(np.arange(2)).dtype == cv.float0
    assert cd.zero_from_primal(2.0) == 0.0
