"""Mistakes in interpreters and traces of one's own are named: what is missing, what a rule takes, what it is called with."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors
from covector.extend import Bundle, Interpreter, Primitive, Program, Trace, Tracer, arguments, open_trace, typeof

NUMBER = itertools.count()
X = np.arange(1.0, 4.0)


def fresh() -> str:
    return f"t_wrong_interpreter_{next(NUMBER)}"


def interpreter(**members: Any) -> Any:
    """One that keeps a number beside each value, with these members in place of its own."""
    own = {
        "name": fresh(),
        "avals": lambda self, aval, form: (aval,) if form is None else (aval, cv.ShapedArray((), np.float64)),
        "coerced": lambda self, bundle, form: Bundle((*bundle.parts, np.float64(0.0)), form),
    }
    return type("Own", (Interpreter,), {name: x for name, x in (own | members).items() if x is not None})


def ruled(rule: Any) -> tuple[Any, Any]:
    """An interpreter and a primitive with this rule for it."""
    own = interpreter()
    p = Primitive(fresh())
    p.def_impl(lambda x, **params: x)
    p.def_rule(own.name, rule)
    return own, p


def run(own: Any, f: Any) -> Any:
    return own()(lambda x: [f(x)], Bundle((X, np.float64(1.0)), "n"))


WRONG: dict[str, tuple[Any, Any, str]] = {
    "no name": (lambda: run(interpreter(name=None), lambda x: x), errors.ArgumentError, "the interpreter Own has no name"),
    "no coerced": (
        lambda: interpreter(coerced=None)().raised(Bundle((X,)), "n"),
        NotImplementedError,
        r"the interpreter Own has no method coerced\(bundle, form\)",
    ),
    "no avals": (
        lambda: run(interpreter(avals=None), cv.jit(lambda x: cv.lax.scan(lambda c, _: (c, None), x, None, length=2)[0])),
        NotImplementedError,
        r"the interpreter Own has no method avals\(aval, form\)",
    ),
    "an array": (
        lambda: interpreter()()(lambda x: [x], X),
        errors.ArgumentError,
        r"got array\(\[1\., 2\., 3\.\]\) of type ndarray for argument 0",
    ),
    "parts that are no tuple": (
        lambda: interpreter()()(lambda x: [x], Bundle(X, "n")),  # type: ignore[arg-type]
        errors.ArgumentError,
        "of type Bundle for argument 0",
    ),
    "an array of results": (
        lambda: interpreter()()(lambda x: x, Bundle((X, 1.0), "n")),
        errors.ArgumentError,
        r"interprets a function that returned f64\[3\]",
    ),
    "no results": (
        lambda: interpreter()()(lambda x: None, Bundle((X, 1.0), "n")),
        errors.ArgumentError,
        "interprets a function that returned None",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_an_interpreter_lacks_and_is_not_called_with(case: str) -> None:
    f, error, says = WRONG[case]
    with pytest.raises(error, match=says):
        f()


def test_a_rule_that_does_not_take_what_it_is_given() -> None:
    own, p = ruled(lambda x: x)
    with pytest.raises(errors.PrimitiveRuleError) as caught:
        run(own, p.bind)
    text = str(caught.value)
    assert text.startswith(f"the {own.name!r} rule of {p.name!r} takes (x), and is called with (how, *bundles): too many")
    assert "\n  at test_wrong_interpreters.py" in text and "Fix: let it take (how, *bundles)" in text
    own, p = ruled(lambda how, x: x)
    with pytest.raises(errors.PrimitiveRuleError, match=r"\(how, \*bundles, by=2\): got an unexpected keyword argument 'by'"):
        run(own, lambda x: p.bind(x, by=2))


def test_an_error_inside_a_rule_says_in_which() -> None:
    own, p = ruled(lambda how, x: x.parts[2])
    with pytest.raises(IndexError, match="tuple index out of range") as caught:
        run(own, p.bind)
    note = f"in the {own.name!r} rule of {p.name!r}, called with bundles of 2 parts of form 'n'"
    assert caught.value.__notes__ == [note]


class Plain(Tracer):
    def __init__(self, trace: Any, value: Any):
        self._trace, self.value = trace, value


class Valued(Plain):
    @property
    def aval(self) -> Any:
        return typeof(self.value)


class Empty(Trace):
    pass


def test_what_a_trace_and_a_tracer_lack() -> None:
    with open_trace(Empty, "empty") as trace:
        with pytest.raises(NotImplementedError, match=r"the trace Empty has no method process\(primitive, args, params\)"):
            np.sin(Valued(trace, 1.0))
        with pytest.raises(NotImplementedError, match="the tracer Plain has no property aval"):
            _ = Plain(trace, 1.0).shape


def test_a_bundle_without_its_form() -> None:
    own, p = ruled(lambda how, b: Bundle(how.raised(b, "n").parts))
    with pytest.raises(errors.PrimitiveRuleError, match="returned a bundle of 2 parts without a form"):
        run(own, p.bind)
    with pytest.raises(errors.ArgumentError, match="got a bundle of 2 parts without a form for argument 0"):
        own()(lambda x: [x], Bundle((X, np.float64(1.0))))


NO_VALUES = [(lambda x: [[x]], "a list of 1"), (lambda x: [None], "None"), (lambda x: [x, "a"], "'a'")]


@pytest.mark.parametrize(("f", "said"), NO_VALUES)
def test_results_that_are_no_values(f: Any, said: str) -> None:
    with pytest.raises(errors.ArgumentError, match=f"interprets a function whose result [01] is .*{said}"):
        interpreter()()(f, Bundle((X, np.float64(1.0)), "n"))


def test_forms_that_grow_for_ever() -> None:
    own = interpreter(avals=lambda self, aval, form: (aval,), join=lambda self, a, b: max(a or 0, b or 0))
    own.coerced = lambda self, bundle, form: Bundle(bundle.parts, form)
    p = Primitive(fresh())
    p.def_impl(lambda x: x)
    p.def_abstract(lambda x: x)
    p.def_rule(own.name, lambda how, b: Bundle(b.parts, (b.form or 0) + 1))
    loop = cv.jit(lambda x: cv.lax.scan(lambda c, _: (p.bind(c), None), x, None, length=4)[0])
    with pytest.raises(errors.PrimitiveRuleError, match="the forms of the carries of a loop are still others after many steps"):
        own()(lambda x: [loop(x)], Bundle((X,), 1))


def test_programs_are_kept_by_what_an_interpreter_is_made_with() -> None:
    own = interpreter(avals=lambda self, aval, form: (aval, cv.ShapedArray((1,), np.float64)))
    own.__init__ = lambda self, factor: setattr(self, "factor", factor)
    p = Primitive(fresh())
    p.def_impl(lambda x: x)
    p.def_abstract(lambda x: x)
    p.def_rule(own.name, lambda how, b: Bundle((b.parts[0], how.factor * b.parts[1]), "n"))
    compiled = cv.jit(p.bind)
    for factor in (2.0, 3.0, np.full(1, 4.0), np.full(1, 5.0)):  # the last ones have no hash
        (found,) = own(factor)(lambda x: [compiled(x)], Bundle((X, np.ones(1)), "n"))
        assert found.parts[1] == factor


def program_primitive(interpret: Any, multiple: bool) -> Any:
    p = Primitive(fresh(), Program(), multiple_results=multiple)
    p.def_impl(lambda *args, jaxpr: jaxpr(*args) if multiple else jaxpr(*args)[0])
    p.def_abstract(lambda *avals, jaxpr: jaxpr.out_avals if multiple else jaxpr.out_avals[0])
    p.def_rule("interpret", lambda how, bundles, *, jaxpr: interpret(p, how, bundles, jaxpr))
    return p


def threaded(p: Any, how: Any, bundles: Any, jaxpr: Any) -> Any:
    program = how.program(jaxpr, [b.form for b in bundles])
    values = p.bind(*arguments(bundles), jaxpr=program.jaxpr) if p.multiple_results else program.jaxpr(*arguments(bundles))
    found = how.results(program, values)
    return found if p.multiple_results else found[0]


@pytest.mark.parametrize("multiple", [False, True])
def test_what_a_rule_for_programs_gives(multiple: bool) -> None:
    program = cv.make_jaxpr(lambda x: x * np.sin(x))(X)
    applied = lambda p: lambda x: p.bind(x, jaxpr=program)[0] if multiple else p.bind(x, jaxpr=program)
    f = applied(program_primitive(threaded, multiple))
    out, tangent = cv.jvp(f, (X,), (X,))
    assert np.allclose(out, X * np.sin(X)) and np.allclose(tangent, X * (np.sin(X) + X * np.cos(X)))
    assert np.allclose(cv.vmap(f)(np.stack([X, X])), np.stack([out, out]))
    for wrong in (lambda p, how, bundles, jaxpr: None, lambda p, how, bundles, jaxpr: [b.parts[0] for b in bundles]):
        g = applied(program_primitive(wrong, multiple))
        for call in (lambda g: cv.jvp(g, (X,), (X,)), lambda g: cv.vmap(g)(np.stack([X, X])), lambda g: run(interpreter(), g)):
            with pytest.raises(errors.PrimitiveRuleError, match=r"the 'interpret' rule of .* returned .*(None|list)"):
                call(g)
