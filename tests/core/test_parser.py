"""``parse(str(jaxpr)) == jaxpr`` for every program; and what is no program is refused with its place."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxpr_examples import VEC, any_p, call_p, chain, cpu_seconds, jaxprs, nested, unary

from covector.core.avals import AbstractValue, Zero
from covector.core.errors import ParseError
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.text.notation import digest, register_notation
from covector.core.text.parser import parse
from covector.core.text.printer import to_string

# --- round trips ----------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(jaxprs(), st.sampled_from([1, 40, 100, 10**6]))
def test_round_trip(program: Jaxpr, width: int):
    text = to_string(program, width=width)
    parsed = parse(text)
    assert parsed == program
    assert to_string(parsed, width=width) == text  # equality takes -0.0 for 0.0, the text does not


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.clongdouble])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_nan_is_read(sign: int, dtype: Any):
    x = np.copysign(np.full(2, np.nan), sign).astype(dtype)
    for value in (x, x[0]):
        program = Jaxpr([], [], [Literal(value)], {})
        assert parse(to_string(program)) == program
        assert to_string(parse(to_string(program))) == to_string(program)


@settings(max_examples=150)
@given(jaxprs())
def test_round_trip_of_elided_constants(program: Jaxpr):
    text = to_string(program, max_const_size=0)
    parsed = parse(text, consts=arrays_of(program))
    assert parsed == program
    assert to_string(parsed, max_const_size=0) == text


def arrays_of(program: Any) -> list[Any]:
    """All arrays in a program or a parameter."""
    if isinstance(program, Jaxpr):
        return arrays_of([*program.consts.values(), *(v for eqn in program.equations for v in eqn.params.values())])
    if isinstance(program, (list, tuple)):
        return [array for value in program for array in arrays_of(value)]
    return [program] if isinstance(program, np.ndarray) else []


def test_types_of_values_survive():
    values = [True, np.bool_(True), 1, 1.0, np.float64(1.0), np.int64(1), 1 + 0j, -0.0]
    program = parse(str(Jaxpr([], [], [Literal(v) for v in values])))
    assert [(type(x.value), str(x.value)) for x in program.out_vars] == [(type(v), str(v)) for v in values]
    assert [x.aval for x in program.out_vars] == [Literal(v).aval for v in values]


def test_signed_zeros_and_bits_survive():
    array = np.array([complex(-0.0, 0.0), complex(np.nan, -0.0), complex(-np.inf, 5e-324)])
    (parsed,) = parse(str(Jaxpr([], [], [], {Var(Literal(array).aval): array}))).consts.values()
    assert parsed.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_digits_of_every_binade(dtype: type):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), 3000, dtype=np.uint64)
    array = bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
    program = Jaxpr([], [], [], {Var(Literal(array).aval): array})
    (parsed,) = parse(to_string(program, max_const_size=3000)).consts.values()
    assert np.array_equal(parsed, array, equal_nan=True)
    assert np.array_equal(np.signbit(parsed[~np.isnan(array)]), np.signbit(array[~np.isnan(array)]))


def test_shared_programs_stay_shared():
    inner = unary()
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    program = Jaxpr([x], [Equation(call_p, [a], {"jaxpr": inner}, [b]) for a, b in ((x, y), (y, z))], [z])
    first, second = parse(str(program)).equations
    assert first.params["jaxpr"] is second.params["jaxpr"] == inner


def test_linear_mark_survives():
    x, y = Var(VEC), Var(VEC)
    assert parse(str(Jaxpr([x, y], [], [y], linear=[False, True]))).linear == (False, True)
    assert parse(str(Jaxpr([x], [], [x]))).linear is None


@pytest.mark.parametrize("depth", [1, 9, 100])
def test_deep_programs(depth: int):
    assert str(parse(str(nested(depth)))) == str(nested(depth))


def test_layout_does_not_matter():
    spread_out = dedent("""
        { lambda
          ; a:f64[ 3 ]

          . let  b:f64[3]
           = t_sin[ ]
          a ; in ( b , ) }
    """)
    assert parse(spread_out) == parse("{lambda;a:f64[3].let b:f64[3]=t_sin a in(b)}") == unary()


def test_variables_may_have_any_name():
    assert parse("{ lambda ; x_1:f64[3]. let étude:f64[3] = t_sin x_1 in (étude,) }") == unary()


def test_time_is_linear():
    short, long = str(chain(2_000)), str(chain(16_000))
    assert cpu_seconds(lambda: parse(long)) < 16 * cpu_seconds(lambda: parse(short))


# --- registered classes and elided constants ------------------------------------------------------------------------------


class Size(AbstractValue):
    """An aval that is no array's."""

    def __init__(self, least: int):
        if least < 0:
            raise ValueError("a size is not negative")
        self.least = least

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.least == other.least

    def __hash__(self) -> int:
        return hash(self.least)


register_notation(Size, "t_size", lambda s: (s.least,))


def test_registered_values_and_avals():
    x, y = Var(Size(3)), Var(Size(0))
    program = Jaxpr([x], [Equation(any_p, [x], {"sizes": (Size(1), Size(2))}, [y])], [y])
    assert str(program) == "{ lambda ; a:t_size(3). let b:t_size(0) = t_any[sizes=(t_size(1), t_size(2))] a in (b,) }"
    assert parse(str(program)) == program


def test_symbolic_zeros():
    zero = parse(str(Jaxpr([], [], [Literal(Zero(VEC))]))).out_vars[0]
    assert isinstance(zero.value, Zero) and zero.aval == zero.value.aval == VEC


def test_elided_constants_are_found_by_their_digest():
    big, small, other = np.arange(100.0), np.ones(3), np.zeros(200)
    program = Jaxpr([], [], [], {Var(Literal(a).aval): a for a in (big, small)})
    assert parse(str(program), consts=[other, big]) == program
    assert next(iter(parse(str(program), consts=iter([big])).consts.values())) is big


def test_elided_constants_are_needed():
    text = f"{{ lambda a:f64[100]=<100 values #{digest(np.arange(100.0))}> ; . let in () }}"
    with pytest.raises(ParseError) as error:
        parse(text)
    assert str(error.value).splitlines()[0] == (
        "line 1, column 21: expected the values of a constant, found <100 values #"
        + digest(np.arange(100.0))
        + ">: pass the array in parse(text, consts=[...])"
    )
    with pytest.raises(ParseError, match="which is none of the 1 arrays in consts="):
        parse(text, consts=[np.zeros(100)])
    with pytest.raises(ParseError, match="which is none of the 1 arrays in consts="):
        parse(text.replace("f64[100]", "f64[99]"), consts=[np.arange(100.0)])


# --- errors ---------------------------------------------------------------------------------------------------------------


def body(equations: str) -> str:
    return f"{{ lambda ; a:f64[3]. let {equations} in (a,) }}"


def param(value: str) -> str:
    return body(f"_ = t_any[x={value}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a program '{ lambda ... }', found the end of the text"),
        ("x", "line 1, column 1: expected a program '{ lambda ... }', found 'x'"),
        ("{ lambda ; a:f64[3]. let in (a,) } x", "line 1, column 36: expected the end of the text, found 'x'"),
        ("{ lambda ; a:f64[3]. let in (a,)", "line 1, column 33: expected '}', found the end of the text"),
        ("{ ; }", "line 1, column 3: expected 'lambda', found ';'"),
        ("{ lambda ; a. let in () }", "line 1, column 13: expected ':' and a type, found '.'"),
        ("{ lambda ; 3. let in () }", "line 1, column 12: expected a variable or '.', found '3'"),
        ("{ lambda ; let:f64[]. let in () }", "line 1, column 12: expected a variable or '.', found 'let'"),
        (
            "{ lambda ; a:f64[3] a:f64[3]. let in () }",
            "line 1, column 21: expected a variable that is not bound yet, found 'a'",
        ),
        ("{ lambda ; a:f65[3]. let in () }", "line 1, column 14: expected a type, found 'f65'"),
        ("{ lambda ; a:f64. let in () }", "line 1, column 17: expected '[' and the shape, found '.'"),
        ("{ lambda ; a:f64[-3]. let in () }", "line 1, column 18: expected a dimension, found '-3'"),
        ("{ lambda ; a:f64[3.5]. let in () }", "line 1, column 18: expected a dimension, found '3.5'"),
        ("{ lambda ; a:f64[3 4]. let in () }", "line 1, column 20: expected ',' or ']', found '4'"),
        ('{ lambda ; a:"spam"[3]. let in () }', """expected a type, found '"spam"' (data type 'spam' not understood)"""),
        ("{ lambda ; a:f64[]. in () }", "line 1, column 21: expected 'let', found 'in'"),
        ("{ lambda a ; . let in () }", "line 1, column 12: expected ':' or '=', found ';'"),
        (
            "{ lambda a:f64[2]=[1.0] ; . let in () }",
            "expected ',' and 2 items along axis 0 of an array of type f64[2], found ']'",
        ),
        ("{ lambda a:f64[1]=[1.0, 2.0] ; . let in () }", "expected ']' after 1 items along axis 0 of an array of type f64[1]"),
        ("{ lambda a:f64[2]=3.0 ; . let in () }", "expected '[', as axis 0 of an array of type f64[2] begins, found '3.0'"),
        ("{ lambda a:f64[0]=[1.0] ; . let in () }", "expected [] for an array of type f64[0], found '1.0'"),
        ("{ lambda a:f64[1]=[b] ; . let in () }", "expected a number, element 0 of an array of type f64[1], found 'b'"),
        (
            "{ lambda a:i8[1]=[300] ; . let in () }",
            "an element of i8[1], found '300' (Python integer 300 out of bounds for int8)",
        ),
        ("{ lambda a:i8[1]=[1.5] ; . let in () }", "expected an element of i8[1], found '1.5'"),
        ("{ lambda a:bool[1]=[1] ; . let in () }", "expected an element of bool[1], found '1'"),
        ("{ lambda a:f64[1]=[(1.0+2.0j)] ; . let in () }", "expected an element of f64[1], found '(1.0+2.0j)'"),
        ("{ lambda a:c64[1]=[1.0] ; . let in () }", "expected an element of c64[1], found '1.0'"),
        ("{ lambda a:weak_f64[]=1.0 ; . let in () }", "expected the value of a constant that is no array, found '1.0'"),
        ('{ lambda a="x" ; . let in () }', "expected a constant that has a type, found '\"x\"'"),
        (body("b:f64[3] = qqqqqq a"), "found 'qqqqqq', which is not defined (has the module that defines it been imported?)"),
        (body("b:f64[3] = t_sinn a"), "found 't_sinn', which is not defined (did you mean 't_sin'?)"),
        (body("b:f64[3] = 3 a"), "line 1, column 37: expected the name of a primitive, found '3'"),
        (body("b:f64[3] = t_sin c"), "line 1, column 43: expected a variable that is bound, found 'c'"),
        (body("b:f64[3] = t_sin b"), "line 1, column 43: expected a variable that is bound, found 'b'"),
        (body("a:f64[3] = t_sin a"), "line 1, column 26: expected a variable that is not bound yet, found 'a'"),
        (body("b:f64[3] b:f64[3] = t_any"), "line 1, column 35: expected a variable that is not bound yet, found 'b'"),
        (body("b:f64[3] t_sin a"), "line 1, column 41: expected ':' and a type, found 'a'"),
        (body("; ;"), "line 1, column 26: expected an equation or 'in', found ';'"),
        (body("b:f64[3] = t_sin a)"), "line 1, column 44: expected an equation or 'in', found ')'"),
        (body("_ = t_any[x]"), "expected '=' and the value of the parameter, found ']'"),
        (body("_ = t_any[3=3]"), "line 1, column 36: expected the name of a parameter, found '3'"),
        (body("_ = t_any[x=1, x=2]"), "line 1, column 41: expected a parameter that is not given yet, found 'x'"),
        (body("_ = t_any[x=1"), "line 1, column 40: expected ',' or ']', found 'in'"),
        (param("f65"), "line 1, column 38: expected a value, found 'f65'"),
        (param(")"), "line 1, column 38: expected a value, found ')'"),
        (param("<ufunc 'sin'>"), "expected a value, found an object without notation: its class needs register_notation"),
        (param("(1)"), "line 1, column 40: expected ',' after the only item of a tuple, found ')'"),
        (param("(1, 2]"), "line 1, column 43: expected ',' or ')', found ']'"),
        (param('"abc'), "line 1, column 38: expected a value, found '\"'"),
        (param(r'"\q"'), "expected a string, found '\"\\\\q\"' (Invalid \\escape"),
        (param("@f"), "line 1, column 38: expected a program that is defined before, found '@f'"),
        (param("spam(1)"), "found the tag 'spam', which is not registered (see register_notation)"),
        (param("t_size(-1)"), "expected a value, found 't_size' (a size is not negative)"),
        (param("t_size()"), "missing 1 required positional argument"),
        (param('type("os.system")'), "expected a value, found 'type' ('os.system')"),
        (param("Zero(1)"), "expected a value, found 'Zero' (1 is no AbstractValue)"),
        (param("1:f64[2]"), "line 1, column 40: expected the type of a scalar, found 'f64'"),
        (param("1.5:i32[]"), "line 1, column 38: expected a number of type i32[], found '1.5'"),
        (param("9" * 5000), "Exceeds the limit"),
        (param("$"), "line 1, column 38: expected a value, found '$'"),
        (param("array(f64[2], [1.0])"), "expected ',' and 2 items along axis 0 of an array of type f64[2], found ']'"),
        (param("(" * 5000), "expected programs and values nested less deeply"),
        ("let x = { } in { }", "line 1, column 5: expected a definition '@name = { ... }' or 'in', found 'x'"),
        ("let @f = { lambda ; . let in () } @f = {", "line 1, column 35: expected a name that is not defined yet, found '@f'"),
    ],
)
def test_errors(text: str, message: str):
    with pytest.raises(ParseError) as error:
        parse(text)
    assert message in str(error.value)


def test_errors_show_the_place():
    with pytest.raises(ParseError) as error:
        parse("{ lambda ; a:f64[3]. let\n    b:f64[3] = t_sin c\n  in (b,) }")
    assert str(error.value) == dedent("""\
        line 2, column 22: expected a variable that is bound, found 'c'
              b:f64[3] = t_sin c
                               ^""")


def test_errors_in_long_lines_show_a_part():
    with pytest.raises(ParseError) as error:
        parse(body("; ".join(["_:f64[3] = t_sin a"] * 100 + ["?"]) + "_:f64[3] = t_sin a" * 10))
    first, line, caret = str(error.value).splitlines()
    assert first.startswith("line 1, column 2026: expected an equation or 'in', found '?'")
    assert len(line) == 102 and line[len(caret) - 1] == "?"


def test_every_beginning_is_refused():
    text = str(nested(2))
    for n in range(len(text)):
        with pytest.raises(ParseError):
            parse(text[:n])


@settings(max_examples=150)
@given(jaxprs(depth=1), st.data())
def test_any_text_is_a_program_or_refused(program: Jaxpr, data: st.DataObject):
    text = str(program)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    inserted = data.draw(st.text(max_size=3) | st.sampled_from(list('{}[]();:=.~,_@"<>-')))
    try:
        parse(text[:start] + inserted + text[end:])
    except ParseError as error:
        assert str(error).startswith("line ")


@settings(max_examples=150)
@given(st.text())
def test_arbitrary_text_is_refused(text: str):
    with pytest.raises(ParseError):
        parse(text)
