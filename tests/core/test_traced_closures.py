"""Traced values that reach a primitive by another way than its arguments, and parameters that change after a call.

Such a value has no derivative there, and no batch: it is refused, or belongs to a transformation further out and is right.
The primitives here are ``x -> k x``.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.core.tracer import register_tracer
from covector.extend import Primitive, Trace, Zero, open_trace, typeof

NUMBER = itertools.count()
X = np.arange(1.0, 4.0)


def value(k: Any) -> Any:
    """The number in a container."""
    while not np.isscalar(k) and not isinstance(k, cv.Tracer):
        k = next(iter(k.values() if isinstance(k, dict) else k))
    return k


def elementwise_of(k: Any) -> Any:
    return cv.elementwise(f"t_closed_{next(NUMBER)}", lambda x: x * k, lambda out, x: k)


def linear_of(k: Any) -> Any:
    return cv.linear(f"t_closed_{next(NUMBER)}", lambda x: x * k, lambda ct, x: ct * k).bind


def written_of(k: Any) -> Any:
    p = Primitive(f"t_closed_{next(NUMBER)}")
    p.def_impl(lambda x: x * k)
    p.def_abstract(lambda aval: aval)
    p.def_jvp(lambda primals, tangents: (p.bind(*primals), t if type(t := tangents[0]) is Zero else p.bind(t)))
    p.def_batch(lambda size, args, dims: (p.bind(*args), dims[0]))
    p.def_transpose(lambda ct, x: (ct * k,))
    return p.bind


CLOSED = {"elementwise": elementwise_of, "linear": linear_of, "written": written_of}


def elementwise_with() -> Any:
    return cv.elementwise(
        f"t_param_{next(NUMBER)}", lambda x, *, k: x * value(k), lambda out, x, *, k: np.full(x.shape, value(k))
    )


def linear_with() -> Any:
    p = cv.linear(f"t_param_{next(NUMBER)}", lambda x, *, k: x * value(k), lambda ct, x, *, k: ct * value(k))
    return p.bind


OPEN = {"elementwise": elementwise_with, "linear": linear_with}

MODES = {
    "grad": lambda f: cv.grad(f)(2.0),
    "jvp": lambda f: cv.jvp(f, (2.0,), (1.0,)),
    "value_and_grad": lambda f: cv.value_and_grad(f)(2.0),
    "linearize": lambda f: cv.linearize(f, 2.0),
    "hessian": lambda f: cv.hessian(f)(2.0),
    "vmap": lambda f: cv.vmap(f)(np.array([2.0, 3.0])),
    "vmap(grad)": lambda f: cv.vmap(cv.grad(f))(np.array([2.0, 3.0])),
    "jit": lambda f: cv.jit(f)(2.0),
    "jit(grad)": lambda f: cv.jit(cv.grad(f))(2.0),
    "scan": lambda f: lax.scan(lambda c, a: (c + f(a), None), 0.0, np.array([2.0, 3.0])),
    "an outer batch": lambda f: cv.vmap(lambda a: cv.grad(lambda b: f(a * b))(1.0))(np.array([2.0, 3.0])),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", CLOSED)
def test_a_primitive_that_closes_over_the_traced_value_is_refused(kind: str, mode: str) -> None:
    with pytest.raises(errors.PrimitiveRuleError, match="the rule or the implementation closes over it; derivatives"):
        MODES[mode](lambda a: np.sum(CLOSED[kind](a)(X * a)))


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("around", ["jit", "scan", "cond"])
def test_so_is_one_in_a_program_inside_the_transformation(kind: str, around: str) -> None:
    inside = {
        "jit": lambda g, a: cv.jit(g)(a),
        "scan": lambda g, a: lax.scan(lambda c, b: (c + g(b), None), 0.0, a * np.ones(2))[0],
        "cond": lambda g, a: lax.cond(a > 0, g, lambda b: b, a),
    }[around]
    with pytest.raises(errors.PrimitiveRuleError, match="the rule or the implementation closes over it; derivatives"):
        cv.vmap(lambda a: inside(lambda b: np.sum(CLOSED[kind](a)(X * b)), a))(np.array([2.0, 3.0]))


def test_the_tangent_of_a_callback_that_closes_over_the_traced_value_is_refused() -> None:
    def f(k: Any) -> Any:
        rule = lambda primals, tangents: (np.round(primals[0]), tangents[0] * k)
        return np.sum(cv.pure_callback(np.round, cv.ShapeDtypeStruct((3,), np.float64), X * k, jvp=rule))

    with pytest.raises(errors.UnexpectedTracerError, match="a leaked tracer"):
        cv.jvp(f, (2.0,), (1.0,))


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("mode", ["grad", "jvp", "hessian", "vmap", "jit", "jit(grad)"])
def test_one_that_closes_over_a_value_of_a_transformation_further_out_is_right(kind: str, mode: str) -> None:
    def derivative(apply: Any) -> Any:
        return lambda a: cv.jvp(lambda b: np.sum(apply(a)(X * b) * a), (3.0,), (1.0,))[1]

    found, wanted = (MODES[mode](derivative(apply)) for apply in (CLOSED[kind], lambda a: lambda x: x * a))
    np.testing.assert_allclose(found, wanted)


CONTAINERS = {
    "tuple": lambda k: (k,),
    "list": lambda k: [k],
    "dict": lambda k: {"w": k},
    "nested": lambda k: ({"w": [k]},),
}
PLACES = {"tuple": r"\[0\]", "list": r"\[0\]", "dict": r"\['w'\]", "nested": r"\[0\]\['w'\]\[0\]"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", OPEN)
def test_a_traced_value_inside_a_parameter_is_refused(kind: str, container: str, mode: str) -> None:
    p, held = OPEN[kind](), CONTAINERS[container]
    text = rf"'t_param_\d+' got a traced value of type \S+ for the parameter 'k', at {PLACES[container]}\."
    with pytest.raises(errors.ArgumentError, match=text):
        MODES[mode](lambda a: np.sum(p(X * a, k=held(a))))
    with pytest.raises(errors.ArgumentError, match=text):
        MODES[mode](lambda a: np.sum(p(X, k=held(a))))


# --- parameters that are written to later ----------------------------------------------------------------------------


@dataclasses.dataclass
class Held:
    w: float

    def __iter__(self) -> Any:
        return iter([self.w])


class Numbers(list[float]):
    pass


def written(k: Any) -> None:
    if isinstance(k, Held):
        k.w = 5.0
    elif isinstance(k, dict):
        k["w"] = 5.0
    elif isinstance(k, set):
        k.clear()
        k.add(5.0)
    elif isinstance(k, tuple):
        k[0][0] = 5.0
    else:
        k[0] = 5.0


MUTABLE = [
    lambda: [2.0],
    lambda: Held(2.0),
    lambda: Numbers([2.0]),
    lambda: np.ma.array([2.0, 3.0], mask=[False, True]),
    lambda: {"w": 2.0},
    lambda: {2.0},
    lambda: np.array([2.0]),
    lambda: (np.array([2.0]),),
    lambda: ([2.0],),
]


@pytest.mark.parametrize("made", MUTABLE)
@pytest.mark.parametrize("kind", OPEN)
def test_a_parameter_counts_as_it_was_when_the_primitive_was_applied(kind: str, made: Any) -> None:
    p = OPEN[kind]()

    def f(x: Any) -> Any:
        k = made()
        out = p(x, k=k)
        written(k)
        return np.sum(out)

    np.testing.assert_array_equal(cv.grad(f)(X), np.full(3, 2.0))
    np.testing.assert_array_equal(cv.jvp(f, (X,), (X,))[1], 12.0)
    k = made()
    pullback = cv.vjp(lambda x: p(x, k=k), X)[1]
    push = cv.linearize(lambda x: p(x, k=k), X)[1]
    written(k)
    np.testing.assert_array_equal(pullback(X)[0], 2 * X)
    np.testing.assert_array_equal(push(X), 2 * X)


@pytest.mark.parametrize("made", MUTABLE)
def test_so_it_does_in_a_program(made: Any) -> None:
    p, k = linear_with(), made()
    program = cv.make_jaxpr(lambda x: p(x, k=k))(X)
    compiled = cv.jit(lambda x: p(x, k=k))
    compiled(X)
    written(k)
    np.testing.assert_array_equal(program(X)[0], 2 * X)
    np.testing.assert_array_equal(compiled(X), 2 * X)


def test_an_implementation_that_runs_at_once_gets_the_parameter_itself() -> None:
    p = Primitive(f"t_param_{next(NUMBER)}")
    p.def_impl(lambda x, *, k: (k.append(1), x)[1])
    log: list[int] = []
    p.bind(X, k=log)
    assert log == [1]


def test_a_parameter_of_a_class_of_arrays_stays_one() -> None:
    p = Primitive(f"t_param_{next(NUMBER)}")
    p.def_impl(lambda x, *, m: np.asarray(m * m) @ x)
    p.def_abstract(lambda aval, *, m: aval)
    matrix = np.asmatrix([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(p.bind(np.ones(2), m=matrix), [17.0, 37.0])
    np.testing.assert_array_equal(cv.jit(lambda x: p.bind(x, m=matrix))(np.ones(2)), [17.0, 37.0])


def test_a_parameter_that_can_neither_be_hashed_nor_copied_is_refused_where_it_is_needed_later() -> None:
    p, k = linear_with(), memoryview(np.array([2.0]))
    np.testing.assert_array_equal(p(X, k=k), 2 * X)
    with pytest.raises(
        errors.ArgumentError, match=r"the parameter 'k' of 't_param_\d+' is of type memoryview, which has no hash"
    ):
        cv.grad(lambda x: np.sum(p(x, k=k)))(X)


def test_maps_with_dictionaries_in_another_order_are_others() -> None:
    first = lambda k: next(iter(k))
    p = cv.linear(f"t_param_{next(NUMBER)}", lambda x, *, k: x * first(k), lambda ct, x, *, k: ct * first(k)).bind
    apply = cv.jit(lambda pullback, ct: pullback(ct)[0])
    for k in ({1: 1, 2: 2}, {2: 2, 1: 1}):
        np.testing.assert_array_equal(apply(cv.vjp(lambda x, k=k: p(x, k=k), X)[1], np.ones(3)), np.full(3, first(k)))


# --- what a primitive reads ---------------------------------------------------------------------------------------------

SCALE = [2.0]


def read_by_rules() -> Any:
    p = Primitive(f"t_reading_{next(NUMBER)}")
    p.def_impl(lambda x: SCALE[0] * x)
    p.def_abstract(lambda aval: aval)
    p.def_jvp(lambda primals, tangents: (p.bind(*primals), SCALE[0] * tangents[0]))
    return p.bind


READING = {
    "rules": read_by_rules,
    "elementwise": lambda: cv.elementwise(f"t_reading_{next(NUMBER)}", lambda x: SCALE[0] * x, lambda out, x: SCALE[0]),
    "linear": lambda: cv.linear(f"t_reading_{next(NUMBER)}", lambda x: SCALE[0] * x, lambda ct, x: SCALE[0] * ct).bind,
}


@pytest.mark.parametrize("kind", READING)
def test_loops_and_branches_see_what_the_rules_of_a_primitive_read_as_it_is(kind: str) -> None:
    p = READING[kind]()
    body, branch = (lambda c, a: (c + p(a), None)), lambda x: np.sum(p(x))
    programs = [
        lambda x: lax.scan(body, 0.0, x)[0],
        lambda x: lax.cond(True, branch, branch, x),
        lambda x: cv.checkpoint(branch)(x),
    ]
    try:
        for SCALE[0] in (2.0, 3.0):
            for f in programs:
                np.testing.assert_array_equal(f(X), 6.0 * SCALE[0])
                np.testing.assert_array_equal(cv.grad(f)(X), np.full(3, SCALE[0]))
                np.testing.assert_array_equal(cv.jvp(f, (X,), (X,))[1], 6.0 * SCALE[0])
    finally:
        SCALE[0] = 2.0


def test_buffers_of_an_implementation_with_several_results_are_copied() -> None:
    p, buffers = Primitive(f"t_buffers_{next(NUMBER)}", multiple_results=True), (np.zeros(3), np.zeros(3))
    p.def_impl(lambda x: (np.multiply(x, 2, out=buffers[0]), np.multiply(x, 3, out=buffers[1])))
    p.def_abstract(lambda aval: [aval, aval])
    f = lambda x: np.sum(p.bind(x)[0] * p.bind(10 * x)[1])
    np.testing.assert_array_equal([f(X), cv.jit(f)(X)], 60 * np.sum(X * X))


@pytest.mark.parametrize("x", [np.int8(100), np.uint8(200), np.array([100, -7], np.int16), np.float16(300.0), True])
def test_derivatives_are_computed_in_the_precision_of_the_result(x: Any) -> None:
    f = cv.elementwise(
        f"t_precise_{next(NUMBER)}",
        lambda x, y: x / (y * y + 1.0),
        lambda out, x, y: 1 / (y * y + 1.0),
        lambda out, x, y: -2 * x * y / (y * y + 1.0) ** 2,
    )
    found = cv.grad(lambda y: np.sum(f(x, y)))(np.float64(2.0))
    np.testing.assert_allclose(found, np.sum(-4 * np.asarray(x, float) / 25))


# --- a trace of one's own ---------------------------------------------------------------------------------------------


class Wrapped(cv.Tracer):
    __slots__ = ("value",)

    def __init__(self, trace: Any, value: Any) -> None:
        self._trace, self.value = trace, value

    @property
    def aval(self) -> Any:
        return typeof(self.value)


class Wrapping(Trace):
    def process(self, primitive: Any, args: Any, params: Any) -> Any:
        values = [a.value if type(a) is Wrapped and a._trace is self else a for a in args]
        return Wrapped(self, primitive.bind(*values, **params))


register_tracer(Wrapped, lambda x: x.aval)


def ended(x: Any) -> Any:
    with open_trace(Wrapping, "wrapping") as trace:
        return np.sum(np.sin(Wrapped(trace, x)))


LEFT_OPEN: list[Any] = []


def never_ended(x: Any) -> Any:
    LEFT_OPEN.append(open_trace(Wrapping, "wrapping").__enter__())
    return np.sum(np.sin(Wrapped(LEFT_OPEN[-1], x)))


@pytest.fixture
def closing() -> Any:
    yield
    while LEFT_OPEN:
        LEFT_OPEN.pop().__exit__(None, None, None)


RETURNING = {
    "grad": lambda f: cv.grad(f)(X),
    "jvp": lambda f: cv.jvp(f, (X,), (X,)),
    "vjp": lambda f: cv.vjp(f, X),
    "linearize": lambda f: cv.linearize(f, X),
    "jacfwd": lambda f: cv.jacfwd(f)(X),
    "jacrev": lambda f: cv.jacrev(f)(X),
    "hessian": lambda f: cv.hessian(f)(X),
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.ones((2, 3))),
    "scan": lambda f: lax.scan(lambda c, a: (c, f(a * X)), 0.0, X),
    "checkpoint": lambda f: cv.grad(cv.checkpoint(f))(X),
}


@pytest.mark.parametrize("mode", RETURNING)
@pytest.mark.parametrize("f", [ended, never_ended])
@pytest.mark.usefixtures("closing")
def test_a_tracer_of_ones_own_trace_that_is_returned_is_refused(f: Any, mode: str) -> None:
    with pytest.raises(errors.UnexpectedTracerError, match="a leaked tracer"):
        RETURNING[mode](f)


def test_a_parameter_that_holds_itself() -> None:
    p, cyclic = cv.Primitive("t_holds_itself"), list[Any]()
    p.def_impl(lambda x, *, held: x)
    cyclic.append(cyclic)
    for held in (cyclic, {"a": cyclic}):
        with pytest.raises(cv.errors.ArgumentError, match="a container that holds itself, or too deep a one, for the"):
            p.bind(1.0, held=held)
