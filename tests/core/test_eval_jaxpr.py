"""Programs as functions under JAX's names: ``core.eval_jaxpr``, and those of ``extend.core``."""

import doctest

import numpy as np
import pytest

import covector as cv
import covector.extend.core as ec
from covector import errors, extend, lax
from covector.core import eval_jaxpr, jaxpr
from covector.testing import check_grads

W = np.array([2.0, -1.0])
PROGRAM = cv.make_jaxpr(lambda x, y: (np.sin(x) * W, y @ W))(np.ones(2), np.ones(2))
X, Y = np.array([0.3, 0.5]), np.array([1.0, 4.0])


def same(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b)


def test_examples():
    for m in (ec, jaxpr, cv.core):
        assert not doctest.testmod(m, optionflags=doctest.NORMALIZE_WHITESPACE).failed


def test_the_constants_are_the_programs_own_or_others():
    (const,) = PROGRAM.consts.values()
    wanted = [np.sin(X) * W, Y @ W]
    for consts in (PROGRAM.consts, dict(PROGRAM.consts), [const], (const,)):
        same(eval_jaxpr(PROGRAM, consts, X, Y), wanted)
    same(eval_jaxpr(PROGRAM, [3 * W], X, Y), [3 * v for v in wanted])
    same(ec.jaxpr_as_fun(PROGRAM)(X, Y), wanted)
    assert PROGRAM.consts and eval_jaxpr(cv.make_jaxpr(lambda x: x + 1)(1.0), [], 2.0) == [3.0]


def test_all_may_be_traced():
    f = lambda w, x, y: sum(map(np.sum, eval_jaxpr(PROGRAM, [w], x, y)))
    check_grads(f, (W, X, Y), order=2)
    ws = np.stack([W, 2 * W])
    same(cv.vmap(f, (0, None, None))(ws, X, Y), [f(w, X, Y) for w in ws])
    same([cv.jit(f)(W, X, Y)], [f(W, X, Y)])


def test_programs_within():
    program = cv.make_jaxpr(lambda x: lax.cond(x > 0, np.sin, cv.jit(np.cos), x))(1.0)
    assert len(list(ec.subjaxprs(program))) == 2 == len(list(ec.jaxprs_in_params(program.equations[-1].params)))
    ec.check_jaxpr(program)
    assert isinstance(program, ec.ClosedJaxpr) and isinstance(program.equations[0], ec.JaxprEqn)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: eval_jaxpr(np.sin, [], 1.0), "eval_jaxpr got <ufunc 'sin'> of type ufunc, which is no program"),
        (lambda: ec.jaxpr_as_fun("text"), "jaxpr_as_fun got 'text' of type str"),
        (lambda: ec.subjaxprs(3), "subjaxprs got 3 of type int"),
        (lambda: eval_jaxpr(PROGRAM, [], X, Y), "eval_jaxpr got 0 values for the constants of a program that has 1"),
        (lambda: eval_jaxpr(PROGRAM, [np.ones(3)], X, Y), r"called with 3 \(f64\[3\], f64\[2\], f64\[2\]\)"),
        (lambda: eval_jaxpr(PROGRAM, PROGRAM.consts, X), r"a program of 2 inputs \(f64\[2\], f64\[2\]\) is called with 1"),
        (lambda: extend.eval_jaxpr(PROGRAM, X), r"a program of 2 inputs \(f64\[2\], f64\[2\]\) is called with 1 \(f64\[2\]\)"),
        (lambda: extend.eval_jaxpr(PROGRAM, X, Y, Y), r"is called with 3 \(f64\[2\], f64\[2\], f64\[2\]\)"),
        (lambda: extend.eval_jaxpr(np.sin, X), "eval_jaxpr got <ufunc 'sin'> of type ufunc, which is no program"),
        (lambda: cv.jit(lambda x: extend.eval_jaxpr(PROGRAM, x))(X), "is called with 1"),
        (lambda: cv.grad(lambda x: extend.eval_jaxpr(PROGRAM, x)[0])(X), "is called with 1"),
        (lambda: extend.run_equations(PROGRAM, [X], None), "is called with 1"),
    ],
)
def test_what_does_not_fit_is_told(call, text):
    with pytest.raises(errors.ArgumentError, match=text):
        call()


A, B = (cv.Var(cv.typeof(X)) for _ in range(2))
ADD, SUM = (cv.Primitive.registry[name] for name in ("add", "reduce_sum"))


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        (cv.Equation(ADD, [A, cv.Var(A.aval)], {}, [B]), r"the variable \?2:f64\[2\] is used and never bound"),
        (cv.Equation(ADD, [A, 2.0], {}, [B]), "a float stands where a variable or a literal is used"),
        (cv.Equation(ADD, [A, W], {}, [B]), "a ndarray stands where a variable or a literal is used"),
        (cv.Equation(SUM, [A], {"axis": 0}, [B]), "'reduce_sum' cannot be applied here"),
        (cv.Equation("add", [A, A], {}, [B]), "an equation applies 'add' of type str"),
        (cv.Equation(ADD, [A, A], {}, B), r"an equation of 'add' has Var\(f64\[2\]\) of type Var for its outputs"),
    ],
)
def test_a_program_that_is_none_says_why_when_it_runs(equation, text):
    program = cv.Jaxpr([A], [equation], [B])
    with pytest.raises(errors.JaxprTypeError, match=text):
        cv.check(program)
    if "outputs" not in text and "str" not in text:
        for run in (extend.eval_jaxpr, cv.jit(extend.eval_jaxpr, static_argnums=0), lambda p, x: p(x)):
            with pytest.raises(errors.JaxprTypeError, match=text):
                run(program, X)


def test_an_error_of_a_program_that_can_run_stays_what_it_is():
    p = cv.Primitive("t_eval_jaxpr_fails")
    p.def_impl(lambda x: {}["no such key"])
    p.def_abstract(lambda x: x)
    with pytest.raises(KeyError, match="no such key"):
        extend.eval_jaxpr(cv.make_jaxpr(p.bind)(X), X)


def interpret(jaxpr, consts, *args):
    """An interpreter as one is written for JAX."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))
    read = lambda v: v.val if type(v) is ec.Literal else env[v]
    for eqn in jaxpr.eqns:
        outs = eqn.primitive.bind(*map(read, eqn.invars), **eqn.params)
        env.update(zip(eqn.outvars, outs if eqn.primitive.multiple_results else [outs], strict=True))
    return [*map(read, jaxpr.outvars)]


def test_an_interpreter_that_was_written_for_jax():
    f = lambda x, y: (np.sin(x) * W + 2.0, lax.cond(y[0] > 0, np.cos, np.exp, y), 3.0)
    closed = cv.make_jaxpr(f)(X, Y)
    for values in ((X, Y), (Y, -X)):
        same(interpret(closed.jaxpr, closed.literals, *values), f(*values))
        same(eval_jaxpr(closed.jaxpr, closed.literals, *values), f(*values))
    check_grads(lambda x, y: interpret(closed.jaxpr, closed.literals, x, y)[:2], (X, Y), order=2)
