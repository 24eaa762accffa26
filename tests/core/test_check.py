"""The checker accepts well-typed programs, and names what is wrong with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jaxpr_examples import VEC, add_p, any_p, call_p, chain, evaluate, mul_p, neg_p, nested, ring_programs, sin_p, unary

from covector.core.avals import ShapedArray, Zero, array_aval, float0, typeof
from covector.core.check import check
from covector.core.errors import JaxprTypeError, LinearityError
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.linearity import KNOWN, LINEAR, ZERO, check_linear, output_marks
from covector.core.primitive import Primitive
from covector.core.source import user_source

no_abstract_p = Primitive("t_no_abstract")
pair_p = Primitive("t_pair", multiple_results=True)
pair_p.def_abstract(lambda x: [x, x])
empty_p = Primitive("t_empty", multiple_results=True)
empty_p.def_abstract(lambda jaxpr: [])


def variables(n: int, aval: Any = VEC) -> list[Var]:
    return [Var(aval) for _ in range(n)]


def program(n_in: int, n_out: int, *steps: tuple[Any, Sequence[int]], **options: Any) -> Jaxpr:
    """Each step applies a primitive to variables by number, and makes the next variable; the last ``n_out`` are returned."""
    xs = variables(n_in + len(steps))
    equations = [
        Equation(primitive, [xs[i] for i in inputs], {}, [xs[n_in + k]], user_source())
        for k, (primitive, inputs) in enumerate(steps)
    ]
    return Jaxpr(xs[:n_in], equations, xs[len(xs) - n_out :], **options)


def type_error(jaxpr: Jaxpr, linear: Any = None) -> str:
    with pytest.raises(JaxprTypeError) as error:
        check(jaxpr, linear)
    return str(error.value)


def linearity_error(jaxpr: Jaxpr, linear: Any = None) -> str:
    with pytest.raises(LinearityError) as error:
        check(jaxpr, linear)
    return str(error.value)


# --- programs that are right ----------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(ring_programs())
def test_well_typed_programs_pass(jaxpr: Jaxpr):
    check(jaxpr)


@pytest.mark.parametrize("jaxpr", [Jaxpr([], [], []), unary(), chain(50), nested(300), nested(3)])
def test_examples_pass(jaxpr: Jaxpr):
    check(jaxpr)


def test_a_nested_program_may_occur_twice():
    inner, (x, y, z) = unary(), variables(3)
    check(Jaxpr([x], [Equation(call_p, [a], {"jaxpr": inner}, [b]) for a, b in ((x, y), (y, z))], [z]))


def test_sharing_is_checked_once():
    jaxpr = unary()
    for _ in range(60):  # 2 ** 60 calls
        x, y, z = variables(3)
        jaxpr = Jaxpr([x], [Equation(call_p, [a], {"jaxpr": jaxpr}, [b]) for a, b in ((x, y), (y, z))], [z])
    check(jaxpr)
    with pytest.raises(LinearityError):
        check(jaxpr, [True])


# --- scoping --------------------------------------------------------------------------------------------------------------


def test_unbound_variable():
    x, y, stray = variables(3)
    source = user_source()
    message = type_error(Jaxpr([x], [Equation(add_p, [x, stray], {}, [y], source)], [y]))
    assert message == (
        "the variable ?2:f64[3] is used and never bound.\n"
        "  in b:f64[3] = t_add a ?2\n"
        f"  at {source}\n"
        "  Why: it belongs to another program, and a program uses nothing of another one but through its inputs"
    )


def test_use_before_binding():
    x, y, z = variables(3)
    message = type_error(Jaxpr([x], [Equation(sin_p, [z], {}, [y]), Equation(sin_p, [y], {}, [z])], [z]))
    assert message.startswith("the variable c:f64[3] is used before it is bound.\n  in b:f64[3] = t_sin c\n  Why: ")
    assert "  at " not in message


def test_unbound_output():
    assert type_error(Jaxpr([], [], variables(1))).startswith("the variable ?0:f64[3] is used and never bound.\n  Why: ")


def test_outer_variables_are_not_visible_in_nested_programs():
    x, y, z = variables(3)
    inner = Jaxpr([], [Equation(sin_p, [x], {}, [y])], [y])
    message = type_error(Jaxpr([x], [Equation(call_p, [], {"jaxpr": inner}, [z])], [z]))
    assert message.startswith("the variable ?1:f64[3] is used and never bound.\n  in a:f64[3] = t_sin ?1")


@pytest.mark.parametrize("place", ["consts and inputs", "inputs", "inputs and outputs", "outputs", "one equation"])
def test_bound_twice(place: str):
    x, y, z = variables(3)
    jaxpr = {
        "consts and inputs": Jaxpr([x], [], [], {x: np.ones(3)}),
        "inputs": Jaxpr([x, x], [], []),
        "inputs and outputs": Jaxpr([x], [Equation(sin_p, [x], {}, [x])], []),
        "outputs": Jaxpr([y], [Equation(sin_p, [y], {}, [x]), Equation(sin_p, [y], {}, [x])], [x]),
        "one equation": Jaxpr([z], [Equation(pair_p, [z], {}, [x, x])], [x]),
    }[place]
    name = "b" if place in ("outputs", "one equation") else "a"
    assert type_error(jaxpr).startswith(f"the variable {name} is bound twice.")


def test_nested_program_binds_a_variable_of_the_outer_one():
    inner, (y, z) = unary(), variables(2)
    outer = Jaxpr(inner.in_vars, [Equation(call_p, inner.in_vars, {"jaxpr": inner}, [y])], [y])
    assert type_error(outer).startswith("the variable a:f64[3] is bound again in a nested program.\n  Why: each program has")
    middle_in, middle_out = variables(2)
    middle = Jaxpr([middle_in], [Equation(call_p, [middle_in], {"jaxpr": inner}, [middle_out])], [middle_out])
    outermost = Jaxpr(inner.in_vars, [Equation(call_p, inner.in_vars, {"jaxpr": middle}, [z])], [z])
    assert "is bound again in a nested program" in type_error(outermost)


def test_every_program_that_binds_a_variable_is_remembered():
    inner = unary()
    derived = Jaxpr(inner.in_vars, [], inner.in_vars)
    outer = Jaxpr(inner.in_vars, [Equation(empty_p, [], {"jaxpr": inner}, [])], [])
    programs = [Equation(empty_p, [], {"jaxpr": p}, []) for p in (inner, derived, outer)]
    assert "is bound again in a nested program" in type_error(Jaxpr([], programs, []))


def test_programs_side_by_side_may_bind_the_same_variables():
    (x, y), inner = variables(2), unary()
    derived = Jaxpr(inner.in_vars, inner.equations, inner.in_vars)
    check(Jaxpr([x], [Equation(call_p, [x], {"jaxpr": p}, [v]) for p, v in ((inner, y), (derived, Var(VEC)))], [y]))


def test_values_that_are_no_atoms():
    (x, y) = variables(2)
    message = type_error(Jaxpr([x], [Equation(mul_p, [x, 2.0], {}, [y])], [y]))
    assert message.startswith("a float stands where a variable or a literal is used.\n  in b:f64[3] = t_mul a 2.0\n  Why: ")
    assert type_error(Jaxpr([x], [Equation(sin_p, [x], {}, [Literal(2.0)])], [x])).startswith(
        "Literal(2.0) stands where an output is bound."
    )


# --- types ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "aval",
    [
        ShapedArray((4,), np.float64),
        ShapedArray((3,), np.float32),
        ShapedArray((3,), np.float64, weak_type=True),
        ShapedArray((), np.float64),
    ],
)
def test_wrong_output_type(aval: ShapedArray):
    x, y = Var(VEC), Var(aval)
    source = user_source()
    message = type_error(Jaxpr([x], [Equation(sin_p, [x], {}, [y], source)], [y]))
    assert message == (
        f"output 0 of 't_sin' is declared {aval}, but its abstract rule gives f64[3].\n  in b:{aval} = t_sin a\n  at {source}"
    )


def test_wrong_second_output():
    x, y = variables(2)
    message = type_error(Jaxpr([x], [Equation(pair_p, [x], {}, [y, Var(ShapedArray((), bool))])], [y]))
    assert message.startswith("output 1 of 't_pair' is declared bool[], but its abstract rule gives f64[3].")


@pytest.mark.parametrize("primitive", [sin_p, pair_p])
def test_wrong_number_of_outputs(primitive: Primitive):
    x, *ys = variables(4)
    n = 2 if primitive is pair_p else 1
    message = type_error(Jaxpr([x], [Equation(primitive, [x], {}, ys)], []))
    assert message.startswith(f"'{primitive}' has {n} outputs, but the equation binds 3.\n  in _:f64[3] _:f64[3] _:f64[3] = ")


def test_abstract_rule_that_refuses():
    x, y, z = Var(VEC), Var(ShapedArray((4,), np.float64)), Var(VEC)
    with pytest.raises(JaxprTypeError) as error:
        check(Jaxpr([x, y], [Equation(add_p, [x, y], {}, [z])], [z]))
    assert str(error.value) == (
        "'t_add' cannot be applied here.\n"
        "  in c:f64[3] = t_add a b\n"
        "  Why: its abstract rule raised ValueError: shapes (3,), (4,) cannot be broadcast together"
    )
    assert isinstance(error.value.__cause__, ValueError)


def test_abstract_rule_that_is_missing():
    x, y = variables(2)
    message = type_error(Jaxpr([x], [Equation(no_abstract_p, [x], {}, [y])], [y]))
    assert "'t_no_abstract' cannot be applied here." in message and "raised MissingRuleError" in message


def test_wrong_parameters():
    x, y = variables(2)
    message = type_error(Jaxpr([x], [Equation(sin_p, [x], {"spam": 3}, [y])], [y]))
    assert message.startswith("'t_sin' cannot be applied here.\n  in b:f64[3] = t_sin[spam=3] a\n  Why: ")
    assert "unexpected keyword argument 'spam'" in message


def test_wrong_constant():
    assert (
        type_error(Jaxpr([], [], [], {Var(VEC): np.ones(4)})) == "the constant a is declared f64[3], but its value is f64[4]."
    )
    assert type_error(Jaxpr([], [], [], {Var(VEC): "x"})).startswith(
        "the constant a has the value 'x', which has no type.\n  Why: "
    )


def test_wrong_literal():
    literal = Literal(2.0)
    literal.aval = ShapedArray((), np.float64)
    (x, y) = variables(2)
    message = type_error(Jaxpr([x], [Equation(mul_p, [x, literal], {}, [y])], [y]))
    assert message.startswith("the literal 2.0 is declared f64[], but its value is weak_f64[].\n  in b:f64[3] = t_mul a 2.0")


def test_nested_programs_are_checked():
    x, y = variables(2)
    wrong = Jaxpr([Var(VEC)], [], variables(1))
    for params in ({"jaxpr": wrong}, {"branches": (unary(), wrong)}):
        message = type_error(Jaxpr([x], [Equation(call_p, [x], params, [y])], [y]))
        assert message.startswith("the variable ?1:f64[3] is used and never bound.")


@settings(max_examples=150)
@given(ring_programs(), st.data())
def test_a_changed_type_is_found(jaxpr: Jaxpr, data: st.DataObject):
    assume(jaxpr.equations)
    eqn = data.draw(st.sampled_from(jaxpr.equations))
    eqn.outputs[0].aval = data.draw(st.sampled_from([ShapedArray((2,), np.float64), ShapedArray((3,), np.float32)]))
    with pytest.raises(JaxprTypeError):
        check(jaxpr)


@settings(max_examples=150)
@given(ring_programs(), st.data())
def test_a_dropped_equation_is_found_where_it_is_needed(jaxpr: Jaxpr, data: st.DataObject):
    assume(jaxpr.equations)
    i = data.draw(st.integers(0, len(jaxpr.equations) - 1))
    rest = [*jaxpr.equations[:i], *jaxpr.equations[i + 1 :]]
    used = {x for eqn in rest for x in eqn.inputs} | set(jaxpr.out_vars)
    smaller = Jaxpr(jaxpr.in_vars, rest, jaxpr.out_vars, jaxpr.consts)
    if used & set(jaxpr.equations[i].outputs):
        assert "is used and never bound" in type_error(smaller)
    else:
        check(smaller)


# --- linearity ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "mask"),
    [
        ([(neg_p, [0])], [True, False]),
        ([(add_p, [0, 1])], [True, True]),
        ([(mul_p, [0, 1])], [True, False]),
        ([(mul_p, [1, 0])], [True, False]),
        ([(sin_p, [1]), (mul_p, [0, 2])], [True, False]),
        ([(mul_p, [0, 1]), (add_p, [2, 0])], [True, False]),
    ],
)
def test_linear_programs(steps: Any, mask: list[bool]):
    check(program(2, 1, *steps, linear=mask))
    check(program(2, 1, *steps), mask)


@pytest.mark.parametrize(
    ("steps", "mask", "operands"),
    [
        ([(sin_p, [0])], [True, False], "'t_sin' is applied to (~a:f64[3])"),
        ([(mul_p, [0, 0])], [True, False], "'t_mul' is applied to (~a:f64[3], ~a:f64[3])"),
        ([(mul_p, [0, 1])], [True, True], "'t_mul' is applied to (~a:f64[3], ~b:f64[3])"),
        ([(add_p, [0, 1])], [True, False], "'t_add' is applied to (~a:f64[3], b:f64[3])"),
        ([(add_p, [1, 0])], [True, False], "'t_add' is applied to (b:f64[3], ~a:f64[3])"),
        (
            [(neg_p, [0]), (sin_p, [1]), (mul_p, [3, 3]), (add_p, [2, 4])],
            [True, False],
            "'t_add' is applied to (~c:f64[3], e:f64[3])",
        ),
    ],
)
def test_programs_that_are_not_linear(steps: Any, mask: list[bool], operands: str):
    for jaxpr, linear in ((program(2, 1, *steps, linear=mask), None), (program(2, 1, *steps), mask)):
        assert linearity_error(jaxpr, linear).startswith(operands + ", in which it is not linear.\n  at ")


@pytest.mark.usefixtures("quoted_lines")
def test_linearity_error_in_full():
    x, y = variables(2)
    source = user_source()
    message = linearity_error(Jaxpr([x], [Equation(sin_p, [x], {}, [y], source)], [y], linear=[True]))
    assert message.splitlines()[:3] == [
        "'t_sin' is applied to (~a:f64[3]), in which it is not linear.",
        f"  at {source}",
        "  Why: in `b:f64[3] = t_sin a` the operands marked ~ are tangents, which may only be added to tangents, multiplied by"
        " known values, and passed through linear operations;"
        " 't_sin' has no transpose rule, and so counts as linear in nothing",
    ]
    assert "test_check.py:" in message and "source = user_source()" in message


def test_linearity_error_with_literals():
    x, y = variables(2)
    message = linearity_error(Jaxpr([x], [Equation(add_p, [x, Literal(2.0)], {}, [y])], [y]), [True])
    assert message.startswith("'t_add' is applied to (~a:f64[3], 2.0), in which it is not linear.\n  Why: ")


def test_dead_equations_are_checked_too():
    jaxpr = program(1, 1, (sin_p, [0]), (neg_p, [0]))
    assert "'t_sin' is applied to" in linearity_error(jaxpr, [True])


def test_outputs_must_be_linear_or_zero():
    x, y = variables(2)
    source = user_source()
    message = linearity_error(Jaxpr([x, Var(VEC)], [Equation(sin_p, [x], {}, [y], source)], [y]), [False, True])
    assert message.splitlines()[:2] == ["output 0 of a linear program, c:f64[3], is not linear.", f"  at {source}"]
    assert "it is neither zero nor dependent on the linear inputs" in message
    message = linearity_error(Jaxpr([x], [], [x, Literal(2.0)]), [True])
    assert "output 1 of a linear program, 2.0:weak_f64[], is not linear." in message


def test_zeros_are_linear():
    x, y, z, zeros, none = *variables(4), Var(ShapedArray((2,), float0))
    equations = [Equation(add_p, [x, zeros], {}, [y]), Equation(add_p, [Literal(0.0), y], {}, [z])]
    outs = [
        z,
        zeros,
        none,
        Literal(0),
        Literal(0.0),
        Literal(np.float32(0)),
        Literal(np.zeros((), float0)[()]),
        Literal(Zero(VEC)),
    ]
    jaxpr = Jaxpr([x, none], equations, outs, {zeros: np.zeros(3)})
    check(jaxpr, [True, False])
    ones = Jaxpr([x, none], equations, outs, {zeros: np.array([0.0, 0.0, 1.0])})
    assert "'t_add' is applied to (~b:f64[3], a:f64[3])" in linearity_error(ones, [True, False])


def test_a_mask_without_linear_inputs_means_nothing():
    check(program(1, 1, (sin_p, [0]), linear=[False]))
    check(program(1, 1, (sin_p, [0])), [False])


def test_the_mask_given_is_used_instead_of_the_mark():
    jaxpr = program(2, 1, (mul_p, [0, 1]), linear=[True, True])
    linearity_error(jaxpr)
    check(jaxpr, [True, False])


def test_masks_of_wrong_length():
    what = "the linear mark (True, True) has 2 entries for a program with 1 inputs."
    assert type_error(program(1, 1, (neg_p, [0])), [True, True]) == what


def call(inner: Jaxpr, n_out: int = 1, **options: Any) -> Jaxpr:
    xs, ys = variables(len(inner.in_vars)), variables(n_out)
    return Jaxpr(xs, [Equation(call_p, xs, {"jaxpr": inner}, ys)], ys, **options)


def test_calls_are_entered():
    check(call(program(2, 1, (mul_p, [0, 1]))), [False, True])
    message = linearity_error(call(call(program(2, 1, (mul_p, [0, 1])))), [True, True])
    assert message.startswith("'t_mul' is applied to (~a:f64[3], ~b:f64[3])")


def test_outputs_of_a_call_are_linear_each_by_itself():
    inner = program(2, 2, (sin_p, [1]), (mul_p, [0, 2]))
    assert check_linear(inner, [True, False]) == [False, True]
    assert check_linear(call(inner, 2), [True, False]) == [False, True]
    assert "output 0 of a linear program" in linearity_error(call(inner, 2), [True, False])


def test_a_zero_is_passed_to_a_call():
    x, y, zeros = variables(3)
    inner = program(2, 1, (add_p, [0, 1]))
    check(Jaxpr([x], [Equation(call_p, [x, zeros], {"jaxpr": inner}, [y])], [y], {zeros: np.zeros(3)}), [True])


def test_marks_of_nested_programs_are_checked():
    wrong = program(1, 1, (sin_p, [0]), linear=[True])
    assert "'t_sin' is applied to (~a:f64[3])" in linearity_error(call(wrong))


def test_rules_that_depend_on_parameters_are_asked_each_time():
    x, y, z = variables(3)
    jaxpr = Jaxpr(
        [x],
        [Equation(call_p, [a], {"jaxpr": p}, [b]) for a, b, p in ((x, y, unary(neg_p)), (y, z, unary(sin_p)))],
        [z],
    )
    assert "'t_sin' is applied to" in linearity_error(jaxpr, [True])
    assert call_p.linear_masks == {}


@pytest.mark.parametrize(
    ("primitive", "marks", "result"),
    [
        (neg_p, [LINEAR], LINEAR),
        (neg_p, [ZERO], ZERO),
        (sin_p, [LINEAR], None),
        (any_p, [LINEAR], None),
        (sin_p, [ZERO], KNOWN),
        (add_p, [LINEAR, ZERO], LINEAR),
        (add_p, [LINEAR, KNOWN], None),
        (add_p, [KNOWN, ZERO], KNOWN),
        (mul_p, [LINEAR, ZERO], LINEAR),
        (mul_p, [LINEAR, LINEAR], None),
        (mul_p, [KNOWN, ZERO], ZERO),
        (mul_p, [ZERO, ZERO], ZERO),
    ],
)
def test_marks_of_a_primitive(primitive, marks, result):
    assert output_marks(primitive, marks, {}) == result


@settings(max_examples=150)
@given(ring_programs(), st.lists(st.booleans(), min_size=3, max_size=3))
def test_what_is_accepted_is_linear(jaxpr: Jaxpr, mask: list[bool]):
    """The outputs said to be linear are so in numbers, and the others do not depend on the linear inputs."""
    assume(any(mask))
    try:
        marks = check_linear(jaxpr, mask)
    except LinearityError:
        assume(False)
    rng = np.random.default_rng(0)
    known, one, other = (rng.normal(size=(3, 3)) for _ in range(3))

    def at(linear: Any) -> list[Any]:
        return evaluate(jaxpr, [t if m else x for x, t, m in zip(known, linear, mask, strict=True)])

    combined = [2 * a - 3 * b for a, b in zip(one, other, strict=True)]
    for f_one, f_other, f_combined, is_linear in zip(at(one), at(other), at(combined), marks, strict=True):
        expected = 2 * f_one - 3 * f_other if is_linear else f_one
        np.testing.assert_allclose(f_combined, expected, rtol=1e-9, atol=1e-9)


def test_equal_dtypes_of_different_c_types_are_one():
    shape = (3, 1, 4, 1, 5)
    assert array_aval(shape, np.dtype(np.longlong)).dtype.type is typeof(np.zeros(shape, np.int64)).dtype.type is np.int64
