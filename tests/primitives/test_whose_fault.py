"""An error that comes out of a rule says whose fault it is: that of a call, a signature, a JVP rule or an abstract rule."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.extend import Primitive, Reduction, Structural

NUMBER = itertools.count()
X = np.array([1.0, 0.5, 2.0])
TWO = np.stack([X, X])


def fresh() -> str:
    return f"t_fault_{next(NUMBER)}"


def made(
    jvp: Any = lambda p: lambda ps, ts: (p.bind(*ps), p.bind(*ts)), transpose: Any = None, abstract: Any = lambda x: x
) -> Any:
    """A primitive that doubles, with these rules; ``jvp`` is given the primitive."""
    p = Primitive(fresh())
    p.def_impl(lambda x: 2 * x)
    p.def_abstract(abstract)
    p.def_jvp(jvp(p))
    p.def_batch(lambda size, xs, dims: (p.bind(*xs), dims[0]))
    if transpose is not None:
        p.def_transpose(transpose, linear=cv.jointly(0))
    return p


def told(error: type[Exception], f: Any, *args: Any) -> str:
    with pytest.raises(error) as caught:
        f(*args)
    text = str(caught.value)
    assert "\n  at test_whose_fault.py:" in text
    return text


DERIVED = {
    "grad": lambda f: cv.grad(lambda x: np.sum(f(x))),
    "jit of grad": lambda f: cv.jit(cv.grad(lambda x: np.sum(f(x)))),
    "grad of jit": lambda f: cv.grad(lambda x: np.sum(cv.jit(f)(x))),
    "grad of scan": lambda f: cv.grad(lambda x: np.sum(lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0])),
    "vmap of grad": lambda f: lambda x: cv.vmap(cv.grad(lambda x: np.sum(f(x))))(np.stack([x, x])),
    "jvp of grad": lambda f: lambda x: cv.jvp(cv.grad(lambda x: np.sum(f(x))), (x,), (x,)),
}
USED = {
    "plainly": lambda f: f,
    "jit": cv.jit,
    "vmap": lambda f: lambda x: cv.vmap(f)(np.stack([x, x])),
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (x,)),
    **DERIVED,
}

# --- linearity --------------------------------------------------------------------------------------------------------

NOT_LINEAR = {
    "a power": (lambda t: t**2, "'pow' is applied to (f64[3] tangent, weak_i64[]), in which it is not linear"),
    "a shift": (lambda t: t + 1.0, "'add' is applied to (f64[3] tangent, weak_f64[]), in which it is not linear"),
    "a call": (lambda t: cv.jit(lambda t: np.sin(t))(t), "'sin' is applied to (~a:f64[3]), in which it is not linear"),
    "a constant": (lambda t: np.ones(3), "a tangent of type f64[3] depends on no tangent, and is not zero"),
}


@pytest.mark.parametrize("way", DERIVED)
@pytest.mark.parametrize("case", NOT_LINEAR)
def test_a_jvp_rule_that_is_not_linear_is_named(case: str, way: str) -> None:
    wrong, says = NOT_LINEAR[case]
    p = made(lambda p: lambda ps, ts: (p.bind(*ps), wrong(ts[0])))
    text = told(errors.LinearityError, DERIVED[way](p.bind), X)
    if "vmap" not in way:
        assert f"{says}, in the JVP rule of {p.name!r}." in text
    assert f"in the JVP rule of {p.name!r}." in text
    assert "Fix: correct the rule; covector.testing.check_primitive tries" in text
    assert "no transpose rule" not in text  # of covector's own primitives that is no news


def test_the_innermost_rule_is_the_one() -> None:
    inner = made(lambda p: lambda ps, ts: (p.bind(*ps), ts[0] ** 2))
    outer = made(lambda p: lambda ps, ts: (p.bind(*ps), inner.bind(ps[0]) * ts[0]))
    text = told(errors.LinearityError, cv.grad(cv.grad(lambda x: outer.bind(x))), 2.0)
    assert inner.name in text and outer.name not in text


def test_rules_of_kinds_and_of_functions_are_named() -> None:
    r = cv.reduction(fresh(), np.max, lambda out, x, t, axes: np.sum(t, axis=axes) ** 2)
    assert f"in the JVP rule of {r.name!r}." in told(errors.LinearityError, cv.grad(lambda x: r.bind(x, axes=(0,))), X)
    f = cv.custom_jvp(np.sin)
    f.defjvp(lambda ps, ts: (np.sin(ps[0]), np.abs(ts[0])))
    text = told(errors.LinearityError, cv.grad(lambda x: np.sum(f(x))), X)
    assert "'abs' is applied to (f64[3] tangent), in which it is not linear, in the JVP rule of sin." in text


def test_where_no_rule_is_wrong_none_is_to_be_corrected() -> None:
    text = told(errors.LinearityError, lambda: cv.linear_transpose(np.sin, X)(X))
    assert "in which it is not linear, in linear_transpose of sin." in text
    assert "Fix: linear_transpose takes functions that are linear" in text


@pytest.mark.parametrize("way", DERIVED)
def test_a_missing_transpose_rule_is_asked_for(way: str) -> None:
    p = made()
    text = told(errors.LinearityError, DERIVED[way](p.bind), X)
    assert f"Why: {p.name!r} has no transpose rule, and so counts as linear in nothing" in text
    assert f"register a transpose rule with @{p.name}_p.def_transpose(linear=covector.jointly(0))" in text


def test_a_transpose_rule_for_other_arguments() -> None:
    times = Primitive(fresh())
    times.def_impl(lambda x, y: x * y)
    times.def_abstract(lambda x, y: x)
    times.def_transpose(lambda ct, x, y: (None, ct * x), linear=cv.jointly(1))
    p = made(lambda p: lambda ps, ts: (p.bind(*ps), times.bind(ts[0], ps[0])))
    text = told(errors.LinearityError, DERIVED["grad"](p.bind), X)
    assert f"Why: {times.name!r} is declared to be linear in other arguments" in text
    assert "linear=covector.jointly(0)" in text


# --- what the abstract rule promises ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["grad", "jit of grad", "vmap of grad", "jvp", "vmap"])
def test_an_abstract_rule_that_promises_another_type_is_blamed(way: str) -> None:
    for aval in (lambda x: cv.ShapedArray((*x.shape[:-1], x.shape[-1] + 1), x.dtype), lambda x: cv.ShapedArray(x.shape, "f4")):
        p: Any = made(transpose=lambda ct, x: (p.bind(ct),), abstract=aval)  # noqa: B023
        text = told(errors.PrimitiveRuleError, USED[way](lambda x: p.bind(x) ** 2), X)  # noqa: B023
        promised = aval(cv.typeof(X))
        assert f"the abstract rule of {p.name!r} returned {promised} for (f64[3]), for which its impl returns f64[3]." in text


# --- signatures -------------------------------------------------------------------------------------------------------

SCALED = cv.elementwise("t_fault_scaled", lambda x, *, by: x * by, lambda out, x, *, by: by)
ROLLED = Primitive("t_fault_rolled", Structural(lambda x, *, by: np.roll(x, by), lambda ct, x, *, by: np.roll(ct, -by)))
POWERS = cv.reduction(
    "t_fault_powers", lambda x, axis, *, by: np.sum(x**by, axis), lambda out, x, t, axes, *, by: np.sum(t, axes)
)
SUMS = Primitive("t_fault_sums", Reduction(lambda x, *, axes, by: np.sum(x, axes) * by, lambda out, x, t, *, axes, by: out))
HAND = Primitive("t_fault_hand")
HAND.def_impl(lambda x, *, by: x * by)
HAND.def_abstract(lambda x, *, by: x)
HAND.def_jvp(lambda ps, ts, *, by: (HAND.bind(*ps, by=by), HAND.bind(*ts, by=by)))
HAND.def_transpose(lambda ct, x, *, by: (ct * by,))
HAND.def_batch(lambda size, xs, dims, *, by: (HAND.bind(*xs, by=by), dims[0]))

CALLS = {
    "elementwise": (SCALED, "(x, *, by)", "(x, by=...)"),
    "structural": (ROLLED.bind, "(x, *, by)", "(x, by=...)"),
    "by hand": (HAND.bind, "(x, *, by)", "(x, by=...)"),
}


@pytest.mark.parametrize("way", USED)
@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_does_not_fit_the_primitive(case: str, way: str) -> None:
    p, takes, right = CALLS[case]
    name = f"the primitive 't_fault_{ {'elementwise': 'scaled', 'structural': 'rolled', 'by hand': 'hand'}[case] }'"
    for call, what in (
        (lambda x: p(x, 2), "too many positional arguments"),
        (lambda x: p(x), "missing a required .*argument: 'by'"),
        (lambda x: p(x, bye=2), "missing a required .*argument: 'by'"),
        (lambda x: p(x, by=2, bye=2), "got an unexpected keyword argument 'bye'"),
    ):
        with pytest.raises(errors.ArgumentError, match=rf"and got \(.*\): {what}\.") as caught:
            USED[way](call)(X)
        text = str(caught.value)
        assert text.startswith(f"{name} takes {takes}, and got (f64[")
        assert "\n  at test_whose_fault.py:" in text
        assert "Why: that is what its implementation takes; the rule is test_whose_fault.py:" in text
        assert f"Fix: give arrays by position and parameters by keyword: {right}" in text


@pytest.mark.parametrize("way", ["plainly", "jit", "vmap", "jvp", "grad"])
def test_parameters_of_a_reduction(way: str) -> None:
    for call in (
        lambda x: POWERS.bind(x, axes=(0,)),
        lambda x: POWERS.bind(x, axis=0, by=2),
        lambda x: SUMS.bind(x, axes=(0,)),
    ):
        assert "missing a required" in told(errors.ArgumentError, USED[way](call), X)


WRONG_RULES = {
    "derivative": (
        lambda name: cv.elementwise(name, lambda x, *, by: x * by, lambda out, x: 1.0),
        "grad",
        "the derivative rule of '{}' takes (out, x), and is called with (out, x, by=2): got an unexpected keyword",
        "(out, x, *, by)",
    ),
    "derivative without the output": (
        lambda name: cv.elementwise(name, lambda x, *, by: x * by, lambda x, *, by: by),
        "jvp",
        "the derivative rule of '{}' takes (x, *, by), and is called with (out, x, by=2): too many positional",
        "(out, x, *, by)",
    ),
    "transpose": (
        lambda name: cv.linear(name, lambda x, *, by: x * by, lambda ct, x: ct).bind,
        "jit of grad",
        "the transpose rule of '{}' takes (ct, x), and is called with (ct, x, by=2): got an unexpected keyword",
        "(ct, x, *, by)",
    ),
    "transpose of two": (
        lambda name: (lambda p: lambda x, by: p.bind(x, x))(
            cv.bilinear(name, lambda x, y: x * y, lambda ct, x: ct, lambda ct, x, y: ct * x)
        ),
        "grad",
        "the transpose rule of '{}' takes (ct, x), and is called with (ct, x, y): too many positional",
        "(ct, x, y)",
    ),
    "jvp": (
        lambda name: by_hand(name, jvp=lambda ps, ts: (ps[0], ts[0])),
        "jvp",
        "the JVP rule of '{}' takes (ps, ts), and is called with (primals, tangents, by=2): got an unexpected keyword",
        "(primals, tangents, *, by)",
    ),
    "batch": (
        lambda name: by_hand(name, batch=lambda xs, dims, *, by: (xs[0], dims[0])),
        "vmap",
        "the batch rule of '{}' takes (xs, dims, *, by), and is called with (size, args, dims, by=2): too many",
        "(size, args, dims, *, by)",
    ),
    "abstract": (
        lambda name: by_hand(name, abstract=lambda x: x),
        "jit",
        "the abstract rule of '{}' takes (x), and is called with (x, by=2): got an unexpected keyword",
        "(x, *, by)",
    ),
}


def by_hand(name: str, **rules: Any) -> Any:
    p = Primitive(name)
    p.def_impl(lambda x, *, by: x * by)
    for rule, function in rules.items():
        p.def_rule(rule, function)
    return p.bind


@pytest.mark.parametrize("case", WRONG_RULES)
def test_a_rule_that_does_not_take_what_it_is_given(case: str) -> None:
    make, way, says, right = WRONG_RULES[case]
    name = fresh()
    p = make(name)
    text = told(errors.PrimitiveRuleError, USED[way](lambda x: p(x, by=2)), X)
    assert text.startswith(says.format(name))
    assert "and all parameters by keyword; the rule is test_whose_fault.py:" in text
    assert f"Fix: let it take {right}" in text


def test_an_error_inside_a_rule_stays_what_it_is() -> None:
    p = by_hand(fresh(), jvp=lambda ps, ts, *, by: (ps[0], len(by)))
    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)"):
        cv.jvp(lambda x: p(x, by=2), (X,), (X,))
    with pytest.raises(TypeError, match="unsupported operand type"):
        SCALED(X, by={})


def test_the_functions_of_a_reduction_take_the_axes() -> None:
    for args in ([lambda x, axes: x], [np.max, lambda out, x, t: t]):
        with pytest.raises(errors.ArgumentError, match=r"the reduction 't_fault_\d+' got a function that takes \("):
            cv.reduction(fresh(), *args)


def test_a_reduction_has_other_parameters() -> None:
    p = cv.reduction(
        fresh(),
        lambda x, axis, *, by: np.sum(x**by, axis),
        lambda out, x, t, axes, *, by: np.sum(by * x ** (by - 1) * t, axis=axes),
    )
    f = lambda x: p.bind(x, axes=(0,), by=3)
    np.testing.assert_allclose(f(X), np.sum(X**3))
    for way in (cv.grad(f), cv.jit(cv.grad(f)), cv.jacfwd(f)):
        np.testing.assert_allclose(way(X), 3 * X**2)
    np.testing.assert_allclose(cv.vmap(cv.jit(f))(np.stack([X, 2 * X])), [np.sum(X**3), 8 * np.sum(X**3)])


def test_an_error_of_python_inside_a_rule_says_in_which() -> None:
    swapped = cv.linear(fresh(), lambda x: 2 * x, lambda x, ct: x[0] * ct[0])
    with pytest.raises(TypeError, match="'ShapedArray' object is not subscriptable") as caught:
        cv.grad(lambda x: np.sum(swapped.bind(x)))(X)
    assert caught.value.__notes__ == [f"in the transpose rule of {swapped.name!r}, called with (f64[3], aval f64[3])"]


# --- parameters of any name -------------------------------------------------------------------------------------------

NAMES = "self size args dims primals tangents cotangent ct out x y primitive kind how t a rule params".split()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", ["elementwise", "linear", "bilinear", "reduction", "by hand"])
def test_a_parameter_may_have_any_name(make: str, name: str) -> None:
    """Beside the arguments of covector's own functions, which take it in passing."""
    get = lambda params: params[name]
    if make == "elementwise":
        f = cv.elementwise(fresh(), lambda v, **params: get(params) * np.sin(v), lambda o, v, **params: get(params) * np.cos(v))
    elif make == "linear":
        f = cv.linear(fresh(), lambda v, /, **params: get(params) * v, lambda c, v, /, **params: get(params) * c).bind
    elif make == "bilinear":
        p = cv.bilinear(
            fresh(),
            lambda u, v, /, **params: get(params) * u * v,
            lambda c, u, v, /, **params: get(params) * c * v,
            lambda c, u, v, /, **params: get(params) * c * u,
        )
        f = lambda v, **params: p.bind(v, v, **params)
    elif make == "reduction":
        r = cv.reduction(
            fresh(),
            lambda v, /, axis, **params: get(params) * np.sum(v, axis),
            lambda o, v, d, axes, /, **params: get(params) * np.sum(d, axis=axes),
        )
        f = lambda v, **params: r.bind(v, axes=(0,), **params)
    else:
        h = Primitive(fresh())
        h.def_impl(lambda v, /, **params: get(params) * v)
        h.def_abstract(lambda v, /, **params: v)
        h.def_jvp(lambda ps, ts, /, **params: (h.bind(*ps, **params), h.bind(*ts, **params)))
        h.def_transpose(lambda c, v, /, **params: (get(params) * c,))
        h.def_batch(lambda n, vs, ds, /, **params: (h.bind(*vs, **params), ds[0]))
        f = h.bind
    g = lambda v: np.sum(f(v, **{name: 3.0}))
    wanted = (g(X + 1e-6 * np.eye(3)[0]) - g(X - 1e-6 * np.eye(3)[0])) / 2e-6
    for way in (cv.grad(g), cv.jit(cv.grad(g)), cv.jacfwd(g), cv.jit(cv.jacrev(g))):
        np.testing.assert_allclose(way(X)[0], wanted, rtol=1e-6)
    for way in (cv.vmap(g), cv.vmap(cv.jit(g)), cv.jit(cv.vmap(g))):
        np.testing.assert_allclose(way(TWO), [g(X), g(X)])
    np.testing.assert_allclose(cv.vmap(cv.grad(g))(TWO), [cv.grad(g)(X)] * 2)


# --- what a primitive is made of --------------------------------------------------------------------------------------

MADE_WRONG: dict[str, tuple[Any, str]] = {
    "a derivative": (
        lambda: cv.elementwise(fresh(), np.sin, 2.0),
        "the kind Elementwise got 2.0 of type float, where a function",
    ),
    "a function": (lambda: cv.linear(fresh(), 3.0, np.sum), "the kind Linear got 3.0 of type float"),  # type: ignore[arg-type]
    "no name": (lambda: cv.elementwise(np.sin, np.cos), "elementwise got <ufunc 'sin'> of type ufunc for the name"),  # type: ignore[arg-type]
    "no kind": (lambda: Primitive(fresh(), np.sin), "a primitive got <ufunc 'sin'> of type ufunc for its kind"),  # type: ignore[arg-type]
    "a class": (lambda: Primitive(fresh(), Structural), "a primitive got <class '.*Structural'> of type type for its kind"),  # type: ignore[arg-type]
    "a number": (lambda: Primitive(fresh()).def_transpose(np.sum, linear=0), "def_transpose got 0 of type int for linear"),
    "a tuple": (lambda: Primitive(fresh()).def_transpose(np.sum, linear=(0,)), r"def_transpose got \(0,\) of type tuple"),
}


@pytest.mark.parametrize("case", MADE_WRONG)
def test_what_a_primitive_is_not_made_of(case: str) -> None:
    make, says = MADE_WRONG[case]
    with pytest.raises(errors.ArgumentError, match=rf"^{says}[^\n]*\n  at test_whose_fault.py"):
        make()


@pytest.mark.parametrize("value", ["abc", None, [1.0, 2.0], {"a": 1.0}])
def test_an_operand_that_is_no_array_is_named(value: Any) -> None:
    for way in ("plainly", "jit"):
        text = told(errors.ArgumentError, USED[way](lambda x: SCALED(value, by=2.0) + x), X)
        assert text.startswith("the primitive 't_fault_scaled' got ") and "for argument 0." in text


@pytest.mark.parametrize("way", ["plainly", "jit", "vmap", "jvp", "grad"])
@pytest.mark.parametrize("value", [None, [1.0], (1.0, 2.0)])
def test_an_implementation_that_returns_no_array(value: Any, way: str) -> None:
    p = cv.elementwise(fresh(), lambda x: value, lambda out, x: 1.0)
    text = told(errors.PrimitiveRuleError, USED[way](p), X)
    assert text.startswith(f"the impl rule of {p.primitive.name!r} returned ") and "for an output" in text


def test_a_linear_argument_has_its_type_in_its_aval() -> None:
    p: Any = made(transpose=lambda ct, x: (np.zeros(x.shape),))
    with pytest.raises(AttributeError, match=r"'Var' object has no attribute 'shape': .* as x\.aval\.shape"):
        cv.grad(lambda x: np.sum(p.bind(x)))(X)
