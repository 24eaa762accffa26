"""Names for parts of a program are told with the places in it: ``named_scope`` and ``named_call``."""

import contextvars
import doctest
import pickle
import threading

import numpy as np
import pytest

import covector as cv
from covector import checkify, errors, lax
from covector.testing import check_grads
from covector.transforms import scopes

X = np.array([0.3, 1.2])


def f(x):
    with cv.named_scope("outer"):
        y = np.sin(x)
        with cv.named_scope("inner"):
            z = np.cos(y)
    return z * 2.0


def scopes_of(program):
    return [e.source.scope for e in program.equations]


@pytest.mark.usefixtures("quoted_lines")
def test_examples():
    assert not doctest.testmod(scopes, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed


@pytest.mark.usefixtures("quoted_lines")
def test_each_equation_has_the_names_around_it():
    program = cv.make_jaxpr(f)(X)
    assert scopes_of(program) == ["outer", "outer/inner", ""]
    assert str(program.equations[1].source).endswith("in f (in outer/inner): z = np.cos(y)")
    assert scopes_of(pickle.loads(pickle.dumps(program))) == ["outer", "outer/inner", ""]


def test_programs_and_results_are_the_same():
    plain = lambda x: np.cos(np.sin(x)) * 2.0
    assert cv.make_jaxpr(f)(X) == cv.make_jaxpr(plain)(X)
    for transform in (cv.jit, cv.vmap, cv.jacrev, cv.jacfwd, cv.hessian, lambda g: lambda x: lax.map(g, x)):
        np.testing.assert_array_equal(transform(f)(X), transform(plain)(X))
        with cv.named_scope("around"):
            np.testing.assert_array_equal(transform(f)(X), transform(plain)(X))
    check_grads(cv.named_call(f), (X,), order=2)


@pytest.mark.usefixtures("quoted_lines")
def test_errors_say_the_scope():
    def g(x):
        with cv.named_scope("attention"):
            return x[:2] @ np.ones(3)

    for call in (cv.jit(g), cv.grad(g), lambda x: lax.cond(True, g, g, x)):
        with pytest.raises(ValueError, match=r"in g \(in attention\): return x"):
            call(np.ones(3))


def test_nans_checks_and_residuals_say_the_scope(capsys):
    log = cv.named_call(np.log, name="entropy")
    with cv.debug_nans(), np.errstate(all="ignore"), pytest.raises(errors.NaNError, match=r"\(in entropy\)"):
        cv.grad(lambda x: log(x))(-1.0)
    with np.errstate(all="ignore"), pytest.raises(errors.CheckError, match=r"\(in entropy\)"):
        checkify.checkify(lambda x: log(x), errors=checkify.nan_checks)(-1.0)[0].throw()
    cv.print_saved_residuals(lambda x: np.sin(log(x)), 2.0)
    assert "in entropy" in capsys.readouterr().out


def test_what_is_traced_once_has_its_own_names_alone():
    inner = cv.jit(lambda x: np.sin(x))
    body = cv.named_call(lambda c, x: (c * x, None), name="step")

    def outer(x):
        with cv.named_scope("a"):
            y = inner(x)
        with cv.named_scope("b"):
            return inner(y), lax.scan(body, y, X)[0]

    program = cv.make_jaxpr(outer)(1.0)
    assert [s for s in scopes_of(program) if s] == ["a", "b", "b"]
    nested = [e.params["jaxpr"] for e in program.equations if "jaxpr" in e.params]
    assert [set(scopes_of(p)) for p in nested] == [{""}, {""}, {"step"}]


def test_as_a_decorator_and_by_the_name_of_the_function():
    @cv.named_scope("layer")
    def g(x, factor=2.0):
        return x * factor

    named = cv.named_call(g)
    assert scopes_of(cv.make_jaxpr(g)(1.0)) == ["layer"]
    assert scopes_of(cv.make_jaxpr(named)(1.0)) == ["g/layer"]
    assert (named(3.0), named(3.0, factor=1.0)) == (6.0, 3.0)
    assert scopes_of(cv.make_jaxpr(cv.named_call(np.sin))(1.0)) == ["sin"]
    assert scopes_of(cv.make_jaxpr(pickle.loads(pickle.dumps(cv.named_call(f, name="loss"))))(1.0))[0] == "loss/outer"


def test_a_named_function_sees_what_has_changed():
    weights = {"w": 2.0}
    for wrap in (cv.named_call, cv.named_scope("layer")):
        g = wrap(lambda x: weights["w"] * x)
        weights["w"] = 2.0
        np.testing.assert_array_equal(lax.map(g, X), 2.0 * X)
        weights["w"] = 3.0
        np.testing.assert_array_equal(lax.map(g, X), 3.0 * X)


def test_scopes_end_with_errors_and_are_those_of_the_thread():
    with pytest.raises(ZeroDivisionError), cv.named_scope("a"):
        1 / 0
    assert scopes_of(cv.make_jaxpr(lambda x: x + 1.0)(1.0)) == [""]
    found = []
    with cv.named_scope("a"):
        trace = lambda: found.append(scopes_of(cv.make_jaxpr(lambda x: x + 1.0)(1.0)))
        thread = threading.Thread(target=trace)
        thread.start()
        thread.join()
        contextvars.copy_context().run(trace)
    assert found == [[""], ["a"]]


@pytest.mark.parametrize("name", [3, None, "", np.sin, b"a"])
def test_no_name(name):
    with pytest.raises(errors.ArgumentError, match="which is no name"):
        cv.named_scope(name)
    if name is not None:
        with pytest.raises(errors.ArgumentError, match="which is no name"):
            cv.named_call(f, name=name)


def test_no_function():
    with pytest.raises(errors.ArgumentError, match="named_call expects a function"):
        cv.named_call("encoder")
