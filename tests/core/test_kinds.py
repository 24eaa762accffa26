"""Kinds and the open table of rules: what is registered, what follows from the kind, and in which order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import strategies as st

import covector as cv
from covector.core.errors import ArgumentError
from covector.extend import (
    Bilinear,
    Elementwise,
    Kind,
    Linear,
    Primitive,
    Program,
    Reduction,
    Step,
    Structural,
    derives,
)
from covector.testing import RuleError, arrays, check_case, check_primitive

NUMBER = count()


def fresh(what: str = "t_kinds") -> str:
    return f"{what}_{next(NUMBER)}"


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    """Other tests look at all primitives that are trusted."""
    before = set(Primitive.registry)
    yield
    for name in {p.name for p in Primitive.registry.values() if p.name.startswith("t_kinds")} - before:
        del Primitive.registry[name]


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_primitive_without_a_kind_has_the_rules_that_are_registered_and_no_others() -> None:
    p = Primitive(fresh())
    assert type(p.kind) is Kind
    assert [p.rule(name) for name in ("impl", "abstract", "jvp", "linearize", "transpose", "batch", "jet")] == [None] * 7
    rule = p.def_rule("jet", lambda: 1)
    assert p.rule("jet") is rule is p.rules["jet"]

    @p.def_rule("sparsity")
    def sparsity() -> int:
        return 2

    assert p.rule("sparsity") is sparsity


def test_def_rule_fills_the_slots_as_their_own_decorators_do() -> None:
    p, q = Primitive(fresh(), trusted=True), Primitive(fresh(), trusted=True)
    rules: dict[str, Any] = {name: lambda *args: args for name in ("impl", "abstract", "jvp", "transpose", "batch")}
    for name, rule in rules.items():
        p.def_rule(name, rule)
        getattr(q, f"def_{name}")(rule)
        assert getattr(p, name) is getattr(q, name) is p.rule(name) is rule


def test_rules_of_users_are_checked_however_they_are_registered() -> None:
    p = Primitive(fresh())
    p.def_rule("impl", lambda x: x)
    p.def_rule("jvp", lambda primals, tangents: primals[0])
    with pytest.raises(cv.errors.PrimitiveRuleError, match="where a pair is needed"):
        cv.jvp(p.bind, (1.0,), (1.0,))


@pytest.mark.parametrize("order", [("jvp", "linearize"), ("linearize", "jvp")])
def test_each_derivative_stands_for_the_other_until_that_is_there(order: tuple[str, str]) -> None:
    p = Primitive(fresh(), trusted=True)
    rules: dict[str, Any] = {name: lambda *args: args for name in order}
    p.def_rule(order[0], rules[order[0]])
    assert p.jvp is p.linearize is rules[order[0]]
    p.def_rule(order[1], rules[order[1]])
    assert p.jvp is rules["jvp"]
    assert p.linearize is rules["linearize"]


def test_a_derivative_that_follows_from_the_kind_is_kept_beside_a_registered_linearize() -> None:
    p = Primitive(fresh(), Elementwise(np.sin, lambda out, x: np.cos(x)), trusted=True)
    derived = p.jvp
    assert p.linearize is derived
    rule = p.def_linearize(lambda primals, tangents: (primals, tangents))
    assert p.jvp is derived
    assert p.linearize is rule


# --- what follows from the kind ---------------------------------------------------------------------------------------


class Shifted(Elementwise):
    pass


def test_what_is_registered_comes_before_the_kind_and_the_kind_before_its_bases() -> None:
    rule = fresh("rule")
    p, q, r = (Primitive(fresh(), kind) for kind in (Shifted(np.sin), Elementwise(np.sin), Linear(np.negative)))
    derives(rule, Kind)(lambda primitive, kind: lambda: "any")
    derives(rule, Elementwise)(lambda primitive, kind: lambda: ("elementwise", primitive, kind.fn))
    assert p.rule(rule)() == ("elementwise", p, np.sin)  # type: ignore[misc]
    derives(rule, Shifted)(lambda primitive, kind: lambda: "shifted")
    assert [x.rule(rule)() for x in (p, r)] == ["shifted", "any"]  # type: ignore[misc]
    assert q.rule(rule)()[0] == "elementwise"  # type: ignore[misc]
    p.def_rule(rule, lambda: "own")
    assert p.rule(rule)() == "own"  # type: ignore[misc]
    assert cv.Primitive.registry["sin"].rule(rule)()[0] == "elementwise"  # type: ignore[misc]


def test_a_derivation_may_leave_a_primitive_to_that_of_a_base() -> None:
    rule = fresh("rule")
    p = Primitive(fresh(), Shifted(np.sin))
    derives(rule, Shifted)(lambda primitive, kind: None)
    assert p.rule(rule) is None
    derives(rule, Elementwise)(lambda primitive, kind: lambda: "elementwise")
    assert p.rule(rule)() == "elementwise"  # type: ignore[misc]


def test_a_rule_is_derived_once() -> None:
    rule, asked = fresh("rule"), []
    p = Primitive(fresh(), Elementwise(np.sin))

    @derives(rule, Elementwise)
    def derivation(primitive: Primitive, kind: Elementwise) -> Any:
        asked.append(primitive)
        return lambda: None

    assert p.rule(rule) is p.rule(rule)
    assert asked == [p]


def test_a_derivation_for_a_slot_reaches_primitives_that_are_there() -> None:
    class Own(Kind):
        pass

    p, q = Primitive(fresh(), Own()), Primitive(fresh(), Own())
    q.def_impl(lambda x: 7.0)
    derives("impl", Own)(lambda primitive, kind: lambda x: x + 1)
    derives("jvp", Own)(lambda primitive, kind: lambda ps, ts: (primitive.bind(*ps), 5 * ts[0]))
    assert p.bind(1.0) == 2.0
    assert q.bind(1.0) == 7.0
    assert cv.jvp(p.bind, (1.0,), (2.0,)) == (2.0, 10.0)
    assert Primitive(fresh(), Own()).bind(2.0) == 3.0


def test_a_new_implementation_is_the_one_that_the_derivative_runs() -> None:
    p = Primitive(fresh(), Elementwise(np.sin, lambda out, x: out, exact=True), trusted=True)
    p.def_impl(np.exp)
    np.testing.assert_array_equal(cv.grad(lambda x: p.bind(x).sum())(np.arange(3.0)), np.exp(np.arange(3.0)))


def test_what_a_kind_means_cannot_be_changed() -> None:
    with pytest.raises(ArgumentError, match="what 'jvp' is for the kind Elementwise is registered already"):
        derives("jvp", Elementwise)(lambda primitive, kind: None)


def test_derives_takes_classes() -> None:
    with pytest.raises(ArgumentError, match=r"derives\('jet', ...\) takes classes of kinds, and got <"):
        derives("jet", Elementwise(np.sin))(lambda primitive, kind: None)


def test_every_primitive_of_covector_has_a_kind() -> None:
    code = "import covector as cv; cv._import_everything(); from covector.core.kinds import Kind; "
    code += "print([p.name for p in cv.Primitive.registry.values() if type(p.kind) is Kind], len(cv.Primitive.registry) > 100)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] True"


# --- kinds through every mode -----------------------------------------------------------------------------------------

INTEGERS = st.integers(0, 3)


def with_n(case: Any) -> Any:
    return st.tuples(case, st.fixed_dictionaries({"n": INTEGERS}))


def test_elementwise_with_a_parameter() -> None:
    p = Primitive(
        fresh(), Elementwise(lambda x, *, n: np.sin(x + n * np.pi / 2), lambda out, x, *, n: p.bind(x, n=(n + 1) % 4))
    )
    check_primitive(p, with_n(st.tuples(arrays())), max_examples=10)


def test_elementwise_of_two_arguments_with_a_parameter() -> None:
    f = cv.elementwise(
        fresh(),
        lambda x, y, *, n=1: np.sin(x) * y**n,
        lambda out, x, y, *, n=1: np.cos(x) * y**n,
        lambda out, x, y, *, n=1: n * np.sin(x) * y ** max(n - 1, 0),
    )
    assert f(0.5, 2.0) == np.sin(0.5) * 2.0
    assert f(0.5, 2.0, n=2) == np.sin(0.5) * 4.0
    check_primitive(f, with_n(st.tuples(arrays(), st.floats(0.5, 2.0))), max_examples=10)


def test_exact_elementwise_of_a_user() -> None:
    p = Primitive(fresh(), Elementwise(np.sin, lambda out, x: np.cos(x), exact=True))
    check_primitive(p, st.tuples(arrays()), max_examples=5)


def test_step_with_a_parameter() -> None:
    p = Primitive(fresh(), Step(lambda x, *, n: np.round(x, n)))
    check_case(p, (np.array([1.26, 3.41]),), {"n": 1})
    assert cv.grad(lambda x: p.bind(x, n=0))(1.2) == 0.0


def test_linear_in_an_argument_in_the_middle() -> None:
    p = Primitive(
        fresh(),
        Linear(lambda c, x, d, *, n: c * np.flip(x) * d**n, lambda ct, c, x, d, *, n: np.flip(c * ct * d**n), positions=(1,)),
    )
    case = (2.0, np.arange(3.0), np.array([1.0, 2.0, 3.0]))
    assert p.is_linear_in((False, True, False), {"n": 2})
    assert not p.is_linear_in((True, True, False), {"n": 2})
    check_case(p, case, {"n": 2}, differentiable=(1,))


def test_linear_in_several_arguments_together() -> None:
    p = Primitive(fresh(), Linear(lambda x, y: 2 * x - y, lambda ct, x, y: (2 * ct, -ct), positions=()))
    check_case(p, (np.arange(3.0), np.ones(3)))
    assert p.is_linear_in((True, True), {})
    assert not p.is_linear_in((True, False), {})


def test_a_transpose_rule_for_each_of_several_linear_arguments() -> None:
    rules: Any = (lambda ct, x, s, y: -ct, lambda ct, x, s, y: ct * s)
    p = Primitive(fresh(), Linear(lambda x, s, y: s * x - y, rules, positions=(2, 0)))
    check_case(p, (np.arange(3.0), 2.0, np.ones(3)), differentiable=(0, 2))
    of_x = cv.make_jaxpr(cv.vjp(lambda x: p.bind(x, 2.0, 0.0 * x), np.ones(3))[1])(np.ones(3))
    assert [str(e.primitive) for e in of_x.equations] == ["neg", "mul", "mul", "add"]  # in the order of the positions


def test_what_a_linear_argument_contributes_alone() -> None:
    alone: Any = (lambda t, x, y, *, n: n * t, lambda t, x, y, *, n: -t)
    transpose = lambda ct, x, y, *, n: (n * ct, -ct)
    p = Primitive(fresh(), Linear(lambda x, y, *, n: n * x - y, transpose, positions=(0, 1), alone=alone))
    check_case(p, (np.arange(3.0), np.ones(3)), {"n": 3})
    tangent = lambda x: cv.jvp(lambda x: p.bind(x, np.ones(3), n=3), (x,), (x,))[1]
    assert "mul 3 a" in str(cv.make_jaxpr(tangent)(np.ones(3)))


def test_bilinear_and_reduction_with_a_parameter() -> None:
    p = Primitive(
        fresh(),
        Bilinear(lambda x, y, *, n: n * x * y, lambda ct, x, y, *, n: n * ct * y, lambda ct, x, y, *, n: n * ct * x),
    )
    check_case(p, (np.arange(3.0), np.ones(3)), {"n": 3})
    q = Primitive(
        fresh(),
        Reduction(
            lambda x, *, axes, n: np.sum(x, axes) ** n,
            lambda out, x, t, *, axes, n: n * np.sum(x, axes) ** (n - 1) * np.sum(t, axes),
        ),
    )
    check_case(q, (np.arange(1.0, 7.0).reshape(2, 3),), {"axes": (1,), "n": 2})


def test_the_derivative_of_a_reduction_in_terms_of_its_result() -> None:
    p = cv.reduction(
        fresh("logsumexp"),
        scipy.special.logsumexp,
        lambda out, x, t, axes: np.sum(np.exp(x - np.expand_dims(out, axes)) * t, axes),
    )
    for axes in ((0,), (1,), (0, 1)):
        check_case(p, (np.arange(6.0).reshape(2, 3) / 4,), {"axes": axes})


def test_structural_tells_where_elements_go() -> None:
    p = Primitive(fresh(), Structural(np.flip, lambda ct, x: np.flip(ct)))
    check_case(p, (np.arange(3.0),))
    np.testing.assert_array_equal(p.kind.fn(np.arange(1, 4)), [3, 2, 1])
    wrong = Primitive(fresh(), Structural(lambda x: 2 * x, lambda ct, x: 2 * ct))
    with pytest.raises(RuleError, match="it is of the kind Structural, and moves their numbers elsewhere"):
        check_case(wrong, (np.array([0.5, 1.5, -2.0]),))


def test_linear_without_transpose_is_refused_backwards_by_name() -> None:
    p = Primitive(fresh("no_transpose"), Linear(lambda x: 2 * x))
    assert cv.jvp(p.bind, (1.0,), (1.0,)) == (2.0, 2.0)
    with pytest.raises(cv.errors.MissingRuleError, match=r"no_transpose.*transpose"):
        cv.grad(p.bind)(1.0)


def test_a_program_that_says_nothing_of_its_inputs_is_refused_by_name() -> None:
    p = Primitive(fresh("no_interpret"), Program())
    p.def_impl(np.sin)
    for transformed in (lambda: cv.jvp(p.bind, (1.0,), (1.0,)), lambda: cv.vmap(p.bind)(np.ones(2))):
        with pytest.raises(cv.errors.MissingRuleError, match=r"no_interpret.*interpret"):
            transformed()


def test_a_function_whose_type_nobody_wrote_down_is_not_run_to_check_the_type() -> None:
    calls = []

    def sine(x: Any) -> Any:
        calls.append(x)
        return np.sin(x)

    p = Primitive(fresh("counted"), Elementwise(sine))
    p.def_jvp(lambda primals, tangents: (p.bind(*primals), np.cos(primals[0]) * tangents[0]))
    p.def_batch(lambda size, args, dims: (p.bind(*args), dims[0]))
    cv.jvp(p.bind, (np.ones(2),), (np.ones(2),))
    cv.vmap(p.bind)(np.ones(2))
    assert len(calls) == 2
