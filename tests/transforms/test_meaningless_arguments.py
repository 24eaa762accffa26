"""Options that mean nothing are refused by name, before anything runs."""

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.errors import ArgumentError, BatchSizeError, CovectorError, UnravelError


def f(a, b=1.0):
    return 3.0 * a * b


def step(c, x):
    return c, x



class Nothing:
    """An object that means nothing anywhere, with a name that is the same in all processes that run these tests."""

    def __repr__(self):
        return "OBJECT"


OBJECT = Nothing()
ARRAY = np.array([0, 1])
NO_COUNT = ["a", 1.5, True, ARRAY, -1]

REFUSED = {
    **{f"argnums={n!r} of {t.__name__}": (lambda t=t, n=n: t(f, argnums=n)(1.0, 2.0), "argnums|argument twice")
       for t in (cv.grad, cv.value_and_grad, cv.jacfwd, cv.jacrev, cv.hessian)
       for n in ((0, 0), (0, -2), 2, -3, 1.5, "a", True, OBJECT, (0, "b"))},
    **{f"argnames={n!r}": (lambda n=n: cv.grad(f, argnames=n)(1.0, b=2.0), "argnames|argument twice")
       for n in ("c", ("b", "b"), 3, (1,))},
    "argnums and argnames": (lambda: cv.grad(f, argnums=0, argnames="a")(1.0), "argument twice"),
    **{f"static_argnums={n!r} of {t.__name__}": (lambda t=t, n=n: t(f, static_argnums=n), "static_argnums")
       for t in (cv.jit, cv.checkpoint, cv.make_jaxpr) for n in ("a", 1.5, 2, (0, "a"), OBJECT, True)},
    **{f"static_argnames={n!r}": (lambda n=n: cv.jit(f, static_argnames=n), "static_argnames")
       for n in ("c", 3, (1,), OBJECT)},
    **{f"in_axes={a!r}": (lambda a=a: cv.vmap(f, in_axes=a)(np.ones(2)), "in_axes")
       for a in (False, True, ARRAY, "a", 1.5, (ARRAY,), (True,), (0, 0), OBJECT)},
    **{f"out_axes={a!r}": (lambda a=a: cv.vmap(f, out_axes=a)(np.ones(2)), "out_axes")
       for a in (False, ARRAY, "a", 1.5, 3, -3, (0, 0), OBJECT)},
    **{f"axis_size={n!r}": (lambda n=n: cv.vmap(f, in_axes=None, axis_size=n)(1.0), "axis_size") for n in NO_COUNT},
    **{f"{k}={v!r} of {t.__name__}": (lambda t=t, k=k, v=v: t(f, **{k: v})(1.0), k)
       for t in (cv.grad, cv.value_and_grad, cv.jacfwd, cv.jacrev, cv.jacobian, cv.hessian)
       for k in ("has_aux", "holomorphic") for v in ("yes", 1, ARRAY, None)},
    **{f"has_aux={v!r}": (lambda v=v: [cv.jvp(f, (1.0,), (1.0,), has_aux=v)], "has_aux") for v in ("yes", ARRAY)},
    **{f"has_aux={v!r} of vjp": (lambda v=v: cv.vjp(f, 1.0, has_aux=v), "has_aux") for v in ("yes", ARRAY)},
    "axis_name": (lambda: cv.vmap(f, axis_name=["i"])(np.ones(2)), "axis_name"),
    "branches": (lambda: cv.vmap(f, branches="both")(np.ones(2)), "branches"),
    **{f"length={n!r}": (lambda n=n: lax.scan(step, 0.0, None, length=n), "length") for n in NO_COUNT},
    **{f"unroll={n!r}": (lambda n=n: lax.scan(step, 0.0, np.ones(2), unroll=n), "unroll")
       for n in ("a", 1.5, 0, -1, ARRAY, None)},
    **{f"unroll={n!r} of fori_loop": (lambda n=n: lax.fori_loop(0, 2, lambda i, c: c, 0.0, unroll=n), "unroll")
       for n in ("a", 1.5, 0, -1, None)},
    **{f"reverse={n!r}": (lambda n=n: lax.scan(step, 0.0, np.ones(2), reverse=n), "reverse")
       for n in ("a", 1.5, 2, ARRAY, None)},
    **{f"batch_size={n!r}": (lambda n=n: lax.map(np.sin, np.ones(2), batch_size=n), "batch_size") for n in (*NO_COUNT, 0)},
    **{f"checkpoint={n!r}": (lambda n=n: lax.scan(step, 0.0, np.ones(2), checkpoint=n), "checkpoint")
       for n in ("cube", 1.5, 0, -1, True)},
    "constants of a converted closure": (lambda: cv.closure_convert(lambda x: 2 * x, 1.0)[0](1.0, 3.0), "1 constants after"),
    "map of nothing": (lambda: lax.map(np.sin, [], batch_size=2), "number of steps"),
    "map of scalars": (lambda: lax.map(np.sin, 1.0, batch_size=2), "no axis"),
    "a short vector for unravel": (lambda: cv.ravel_pytree(np.ones(3))[1](np.ones(2)), r"shape \(3,\)"),
    "a list for unravel": (lambda: cv.ravel_pytree(np.ones(3))[1]("abc"), "unravel"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_means_nothing_is_refused_by_name(name):
    call, text = REFUSED[name]
    with pytest.raises((ArgumentError, BatchSizeError, UnravelError), match=text):
        call()


RUBBISH = ["foo", OBJECT, {1, 2}, np.array(["a"]), np.array([None]), np.datetime64("2020-01-01"), 2**100]
TAKES_VALUES = {
    "jit": lambda x: cv.jit(lambda x: x)(x),
    "make_jaxpr": lambda x: cv.make_jaxpr(lambda x: x)(x),
    "eval_shape": lambda x: cv.eval_shape(lambda x: x, x),
    "eval_shape inside": lambda x: cv.eval_shape(lambda x: x, {"a": [x]}),
    "grad": lambda x: cv.grad(lambda x: x)(x),
    "jvp": lambda x: cv.jvp(lambda x: x, (x,), (x,)),
    "vjp": lambda x: cv.vjp(lambda x: x, x),
    "linearize": lambda x: cv.linearize(lambda x: x, x),
    "linear_transpose": lambda x: cv.linear_transpose(lambda x: x, x),
    "jacfwd": lambda x: cv.jacfwd(lambda x: x)(x),
    "jacrev": lambda x: cv.jacrev(lambda x: x)(x),
    "hessian": lambda x: cv.hessian(lambda x: x)(x),
    "hvp": lambda x: cv.hvp(lambda x: x, (x,), (x,)),
    "vmap": lambda x: cv.vmap(lambda x: x)(x),
    "stop_gradient": cv.stop_gradient,
    "ravel_pytree": cv.ravel_pytree,
    "scan init": lambda x: lax.scan(step, x, np.ones(2)),
    "scan xs": lambda x: lax.scan(step, 0.0, x),
    "while_loop": lambda x: lax.while_loop(lambda c: False, lambda c: c, x),
    "fori_loop": lambda x: lax.fori_loop(0, 2, lambda i, c: c, x),
    "cond": lambda x: lax.cond(True, lambda x: x, lambda x: x, x),
    "switch": lambda x: lax.switch(0, [lambda x: x], x),
    "pure_callback": lambda x: cv.pure_callback(lambda x: x, 1.0, x),
    "io_callback": lambda x: cv.io_callback(lambda x: x, 1.0, x),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKES_VALUES)
def test_rubbish_is_refused_by_every_function_of_values(name):
    for rubbish in RUBBISH:
        with pytest.raises(CovectorError):
            TAKES_VALUES[name](rubbish)


def test_rubbish_is_named_with_its_place():
    with pytest.raises(ArgumentError, match=r"make_jaxpr of .* got 'foo' of type str at .*\['a'\]\[1\]"):
        cv.make_jaxpr(lambda x: x)({"a": [1.0, "foo"]})
    with pytest.raises(ArgumentError, match="an integer of 101 bits has no dtype"):
        cv.jit(lambda x: np.stack([x, x]))(2**100)


NO_FUNCTION = [1.0, "sin", None, np.ones(2)]


@pytest.mark.parametrize("value", NO_FUNCTION, ids=str)
def test_what_is_no_function_is_refused(value):
    transformations = [cv.grad, cv.value_and_grad, cv.jacfwd, cv.jacrev, cv.jacobian, cv.hessian, cv.vmap, cv.make_jaxpr]
    calls = [lambda t=t: t(value)(1.0) for t in transformations]
    calls += [lambda: cv.jvp(value, (1.0,), (1.0,)), lambda: cv.vjp(value, 1.0), lambda: cv.linearize(value, 1.0)]
    calls += [lambda: lax.scan(value, 0.0, np.ones(2)), lambda: lax.cond(True, value, np.sin, 1.0)]
    calls += [lambda: lax.map(value, np.ones(2)), lambda: lax.switch(0, [np.sin, value], 1.0)]
    calls += [lambda: lax.while_loop(value, lambda c: c, 0.0), lambda: lax.fori_loop(0, 2, value, 0.0)]
    for call in calls:
        with pytest.raises(ArgumentError, match=r"expects a function|to be a function"):
            call()


# --- ravel_pytree ---


def test_unravel_of_a_vector_of_another_dtype():
    vector, unravel = cv.ravel_pytree({"a": np.arange(3), "b": np.array(7)})
    assert vector.dtype == unravel(vector)["a"].dtype == np.int64
    half = unravel(vector + 0.5)
    np.testing.assert_array_equal(half["a"], [0.5, 1.5, 2.5])
    assert half["b"] == 7.5
    vector, unravel = cv.ravel_pytree(np.arange(3.0))
    np.testing.assert_array_equal(unravel(vector * 2j), [0, 2j, 4j])
    assert unravel(vector.astype(np.float32)).dtype == unravel(np.arange(3)).dtype == np.float64
    jac = cv.jacfwd(lambda t: unravel(np.sum(t) * vector * 1j))(2.0)
    np.testing.assert_array_equal(jac, vector * 1j)


def test_unravel_of_a_tree_of_several_dtypes():
    tree = {"n": np.array([1, 2]), "x": np.array([0.5]), "flag": np.array(True)}
    vector, unravel = cv.ravel_pytree(tree)
    back = unravel(vector)
    assert {k: v.dtype for k, v in back.items()} == {k: v.dtype for k, v in tree.items()}
    with pytest.raises(UnravelError, match=r"values that a leaf of dtype (bool|int64) cannot hold"):
        unravel(vector * 0.5)
    np.testing.assert_array_equal(cv.jit(unravel)(vector)["n"], [1, 2])
