"""The options of ``jit`` that JAX's programs give: what they mean here, and what is refused."""

import pickle
import re

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.testing import check_grads

X = np.array([0.3, 1.2])


def f(x, n=2):
    return {"y": np.sin(x) * n, "x": x}


def test_a_donated_argument_stays_as_it_is():
    for given in ({"donate_argnums": 0}, {"donate_argnames": ("x",)}, {"donate_argnums": (0,), "donate_argnames": "n"}):
        x = X.copy()
        out = cv.jit(f, **given)(x)
        np.testing.assert_array_equal(x, X)
        assert not np.shares_memory(out["x"], x)
    np.testing.assert_array_equal(cv.jit(f, static_argnames="n", donate_argnums=(0,))(X, n=3)["y"], np.sin(X) * 3)
    assert cv.jit(lambda *xs: xs[-1] * 2, donate_argnums=-1)(1.0, 2.0) == 4.0
    assert cv.jit(f, None, None, donate_argnums=None, donate_argnames=None)(X)["y"].shape == (2,)


def test_inline_puts_the_equations_into_the_program_around():
    inner = lambda x: np.sin(x) * 2.0
    inlined, called = cv.jit(inner, inline=True), cv.jit(inner)
    outer = lambda g: cv.make_jaxpr(lambda x: g(x) + 1.0)(X)
    assert [e.primitive.name for e in outer(inlined).equations] == ["sin", "mul", "add"]
    assert outer(inlined) == outer(inner) != outer(called)
    for transform in (cv.jit, cv.vmap, cv.jacrev, cv.jacfwd, cv.hessian, lambda g: lambda x: lax.map(g, x)):
        np.testing.assert_allclose(transform(inlined)(X), transform(called)(X))
    check_grads(inlined, (X,), order=2)
    np.testing.assert_array_equal(inlined(X), inner(X))
    x = X.copy()
    np.testing.assert_array_equal(cv.jit(cv.jit(lambda x: x, inline=True))(x), x)


def test_inline_keeps_static_arguments_closures_effects_and_watchers():
    assert cv.grad(lambda w: cv.jit(lambda x: w * x, inline=True)(3.0))(2.0) == 3.0
    assert cv.grad(cv.jit(lambda x, n: x**n, static_argnums=1, inline=True))(3.0, 2) == 6.0
    seen = []

    @cv.jit
    def g(x):
        return cv.jit(lambda x: cv.debug.callback(lambda v: seen.append(float(v)), x) or 2 * x, inline=True)(x)

    assert (g(1.0), g(2.0), seen) == (2.0, 4.0, [1.0, 2.0])
    with cv.debug_nans(), np.errstate(all="ignore"), pytest.raises(errors.NaNError, match="'log'"):
        cv.jit(np.log, inline=True)(-1.0)


def test_every_input_is_kept_whatever_keep_unused_says():
    for keep in (True, False):
        assert len(cv.make_jaxpr(cv.jit(lambda x, y: x, keep_unused=keep))(1.0, 2.0).in_vars) == 2


def test_the_device_and_the_backend_are_the_processor():
    for given in ({"device": "cpu"}, {"device": cv.devices()[0]}, {"backend": "cpu"}, {"backend": "numpy"}):
        np.testing.assert_array_equal(cv.jit(f, **given)(X)["y"], f(X)["y"])


def test_as_a_decorator_and_pickled():
    options = {"donate_argnums": 0, "inline": True, "keep_unused": True, "device": "cpu", "static_argnames": "n"}
    made = cv.jit(**options)(f)
    assert made(X, n=4)["y"][0] == np.sin(X)[0] * 4
    again = pickle.loads(pickle.dumps(cv.jit(f, **options)))
    assert len(cv.make_jaxpr(again)(X).equations) == 2


REFUSED = {
    "inline=1": ({"inline": 1}, "jit of f got inline=1"),
    "keep_unused='yes'": ({"keep_unused": "yes"}, "jit of f got keep_unused='yes'"),
    "device": ({"device": "gpu"}, "jit of f got device='gpu'"),
    "device 0": ({"device": 0}, "jit of f got device=0"),
    "backend": ({"backend": "tpu"}, "jit of f: there is no backend 'tpu'"),
    "donate_argnums=2": ({"donate_argnums": 2}, "donate_argnums names position 2, but f has 2 parameters"),
    "donate_argnums='a'": ({"donate_argnums": "a"}, "f got donate_argnums='a'"),
    "donate_argnums=True": ({"donate_argnums": True}, "f got donate_argnums=True"),
    "donate_argnames='y'": ({"donate_argnames": "y"}, "donate_argnames names ['y'], which f does not have"),
    "donate_argnames=3": ({"donate_argnames": 3}, "f got donate_argnames=3"),
    "static too": ({"donate_argnums": 1, "static_argnames": "n"}, "jit of f got 'n' as static and as donated"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_nothing_is_refused(name):
    given, text = REFUSED[name]
    with pytest.raises(errors.ArgumentError, match=re.escape(text)):
        cv.jit(f, **given)
    with pytest.raises(errors.ArgumentError, match=re.escape(text)):
        cv.jit(**given)(f)


def test_static_and_donated_by_position_alone():
    with pytest.raises(errors.ArgumentError, match="got 1 as static and as donated"):
        cv.jit(lambda *xs: xs[0], static_argnums=1, donate_argnums=(0, 1))


def test_the_shape_of_a_result_without_a_call():
    jitted = cv.jit(f, static_argnames="n")
    struct = cv.ShapeDtypeStruct((4,), np.float32)
    assert jitted.eval_shape(struct, n=3) == {"y": struct, "x": struct}
    assert jitted.eval_shape(X)["y"] == cv.typeof(X) and jitted.cache_size() == 0
    with pytest.raises(errors.ArgumentError, match="static argument"):
        jitted.eval_shape(X, n=[1])


def test_static_arguments_of_checkpoint_by_name():
    g = lambda x, n: np.sum(x**n)
    for h in (cv.checkpoint(g, static_argnames="n"), cv.checkpoint(static_argnames=("n",))(g)):
        assert cv.grad(h)(2.0, n=3) == cv.jit(cv.grad(h), static_argnames="n")(2.0, n=3) == cv.grad(h)(2.0, 3) == 12.0
        assert cv.grad(h)(2.0, n=2) == 4.0
        np.testing.assert_array_equal(cv.vmap(cv.grad(h), (0, None))(X, 3), 3 * X**2)
    with pytest.raises(errors.ArgumentError, match="static_argnames names"):
        cv.checkpoint(g, static_argnames="m")
    assert issubclass(errors.TracerBoolConversionError, errors.ConcretizationTypeError)
