"""What programs look like when printed; that they can be read back is in test_parser.py."""

from __future__ import annotations

import copy
import weakref
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from jaxpr_examples import VEC, add_p, any_p, call_p, chain, cpu_seconds, mul_p, nested, odd_p, sin_p, unary

from covector.core.avals import AbstractValue, ShapedArray, Zero, float0
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.text.layout import Block, Concat, Fill, layout
from covector.core.text.notation import digest, number_text, register_notation, variable_names
from covector.core.text.printer import equation_to_string, to_string


def shown(value: Any, **options: Any) -> str:
    """How a parameter is printed."""
    text = to_string(Jaxpr([], [Equation(any_p, [], {"x": value}, [])], []), width=10**6, **options)
    return text.removeprefix("{ lambda ; . let _ = t_any[x=").removesuffix("] in () }")


def literal(value: Any) -> str:
    return str(Jaxpr([], [], [Literal(value)])).removeprefix("{ lambda ; . let in (").removesuffix(",) }")


def const(value: Any, **options: Any) -> str:
    program = Jaxpr([], [], [], {Var(Literal(value).aval): value})
    return to_string(program, width=10**6, **options).removeprefix("{ lambda ").removesuffix(" ; . let in () }")


# --- programs -------------------------------------------------------------------------------------------------------------


def test_one_line():
    assert str(unary()) == repr(unary()) == "{ lambda ; a:f64[3]. let b:f64[3] = t_sin a in (b,) }"


def test_block_when_too_wide():
    text = "{ lambda ; a:f64[3]. let b:f64[3] = t_sin a in (b,) }"
    assert to_string(unary(), width=len(text)) == text
    assert to_string(unary(), width=len(text) - 1) == dedent("""\
        { lambda ; a:f64[3]. let
            b:f64[3] = t_sin a
          in (b,) }""")


def test_equations_on_one_line_are_separated():
    expected = "{ lambda ; a:f64[3]. let b:f64[3] = t_mul a 2.0; c:f64[3] = t_mul b 2.0 in (c,) }"
    assert str(chain(2)) == expected
    assert to_string(chain(2), width=60) == dedent("""\
        { lambda ; a:f64[3]. let
            b:f64[3] = t_mul a 2.0
            c:f64[3] = t_mul b 2.0
          in (c,) }""")


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (Jaxpr([], [], []), "{ lambda ; . let in () }"),
        (Jaxpr([], [], [Literal(1), Literal(2.0)]), "{ lambda ; . let in (1, 2.0) }"),
    ],
)
def test_empty(program: Jaxpr, text: str):
    assert str(program) == text


def test_linear_inputs_are_marked():
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    program = Jaxpr([x, y], [Equation(mul_p, [x, y], {}, [z])], [z], linear=[False, True])
    assert str(program) == "{ lambda ; a:f64[3] ~b:f64[3]. let c:f64[3] = t_mul a b in (c,) }"


def test_unused_outputs_and_equations_without_outputs():
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    program = Jaxpr([x], [Equation(any_p, [x], {}, [y, z]), Equation(odd_p, [z, x], {}, [])], [])
    assert str(program) == '{ lambda ; a:f64[3]. let _:f64[3] b:f64[3] = t_any a; _ = "t odd\\nname" b a in () }'


def test_nested_programs_are_indented():
    assert to_string(nested(1), width=80) == dedent("""\
        { lambda ; a:f64[3]. let
            b:f64[3] = t_call[
              name="level0",
              jaxpr={ lambda ; a:f64[3]. let b:f64[3] = t_sin a in (b,) }
            ] a
          in (b,) }""")
    assert to_string(nested(1), width=60) == dedent("""\
        { lambda ; a:f64[3]. let
            b:f64[3] = t_call[
              name="level0",
              jaxpr={ lambda ; a:f64[3]. let
                  b:f64[3] = t_sin a
                in (b,) }
            ] a
          in (b,) }""")


def shared_program() -> Jaxpr:
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    sine, product = unary(), chain(1)
    equations = [
        Equation(call_p, [x], {"jaxpr": sine, "name": "relu"}, [y]),
        Equation(any_p, [y], {"branches": (sine, product)}, [z]),
    ]
    return Jaxpr([x], equations, [z])


def test_shared_programs_are_printed_once():
    assert to_string(shared_program(), width=92) == dedent("""\
        let
          @relu = { lambda ; a:f64[3]. let b:f64[3] = t_sin a in (b,) }
        in { lambda ; a:f64[3]. let
            b:f64[3] = t_call[name="relu", jaxpr=@relu] a
            c:f64[3] = t_any[
              branches=(@relu, { lambda ; a:f64[3]. let b:f64[3] = t_mul a 2.0 in (b,) })
            ] b
          in (c,) }""")


def test_definitions_fit_on_one_line_too():
    x, y = Var(VEC), Var(VEC)
    inner = Jaxpr([], [], [])
    program = Jaxpr([x], [Equation(any_p, [x], {"branches": (inner, inner)}, [y])], [y])
    assert to_string(program, width=110) == (
        "let @f = { lambda ; . let in () } in { lambda ; a:f64[3]. let b:f64[3] = t_any[branches=(@f, @f)] a in (b,) }"
    )
    assert to_string(program, width=80) == dedent("""\
        let
          @f = { lambda ; . let in () }
        in { lambda ; a:f64[3]. let b:f64[3] = t_any[branches=(@f, @f)] a in (b,) }""")


def test_definitions_come_before_their_uses_and_have_different_names():
    inner = Jaxpr([], [], [Literal(1.0)])
    outer = Jaxpr([], [Equation(any_p, [], {"name": "g", "jaxpr": p}, []) for p in (inner, inner)], [])
    other = Jaxpr([], [], [])
    whole = Jaxpr([], [Equation(any_p, [], {"name": "g", "pair": (outer, outer, other, other)}, [])], [])
    lines = str(whole).splitlines()
    assert [line.split(" =")[0].strip() for line in lines if line.strip().startswith("@")] == ["@g", "@g1", "@g2"]
    assert "jaxpr=@g]" in lines[2]


def test_sharing_keeps_the_text_short():
    program = unary()
    for _ in range(40):  # 2 ** 40 calls
        x, y, z = Var(VEC), Var(VEC), Var(VEC)
        equations = [Equation(call_p, [a], {"jaxpr": program}, [b]) for a, b in ((x, y), (y, z))]
        program = Jaxpr([x], equations, [z])
    assert len(str(program)) < 10_000


def test_deep_nesting_is_flattened():
    text = str(nested(400))
    assert max(len(line) for line in text.splitlines()) <= 100
    assert len(text) < 400 * 500


def test_time_is_linear():
    short, long = chain(4_000, axes=(0, 1)), chain(32_000, axes=(0, 1))
    assert cpu_seconds(lambda: str(long)) < 16 * cpu_seconds(lambda: str(short))


def test_many_inputs_and_operands_wrap():
    xs = [Var(ShapedArray((), np.float64)) for _ in range(8)]
    y = Var(ShapedArray((), np.float64))
    text = to_string(Jaxpr(xs, [Equation(any_p, xs * 2, {}, [y])], [*xs, y]), width=48)
    assert text == dedent("""\
        { lambda ; a:f64[] b:f64[] c:f64[] d:f64[]
            e:f64[] f:f64[] g:f64[] h:f64[]. let
            i:f64[] = t_any a b c d e f g h a b c d e f
                g h
          in (a, b, c, d, e, f, g, h, i) }""")


def test_names_skip_reserved_words():
    names = variable_names()
    first = [next(names) for _ in range(20_000)]
    assert first[:3] + first[24:28] == ["a", "b", "c", "y", "z", "aa", "ab"]
    assert len(set(first)) == len(first)
    assert not {"in", "let", "inf", "nan", "lambda"} & set(first)


# --- constants and literals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2.0"),
        (-0.0, "-0.0"),
        (float("inf"), "inf"),
        (-float("inf"), "-inf"),
        (float("nan"), "nan"),
        (1e300, "1e+300"),
        (7, "7"),
        (10**30, "1" + "0" * 30),
        (True, "True"),
        (1 - 2j, "(1.0-2.0j)"),
        (complex(-0.0, -0.0), "(-0.0-0.0j)"),
        (complex("nan+infj"), "(nan+infj)"),
        (np.float64(0.1), "0.1:f64[]"),
        (np.float32(0.1), "0.1:f32[]"),
        (np.float16(0.1), "0.1:f16[]"),
        (np.float32(1e-30), "1.0e-30:f32[]"),
        (np.longdouble(1) / 3, "0.33333333333333333334:f128[]"),
        (np.longdouble("1e4000"), "1.0e+4000:f128[]"),
        (np.clongdouble(0.5), "(0.5+0.0j):c256[]"),
        (np.complex64(1j), "(0.0+1.0j):c64[]"),
        (np.int8(-128), "-128:i8[]"),
        (np.uint64(2**64 - 1), "18446744073709551615:u64[]"),
        (np.bool_(True), "True:bool[]"),
        (np.zeros((), float0)[()], "0:float0[]"),
        (Zero(VEC), "Zero(f64[3])"),
    ],
)
def test_literals(value: Any, text: str):
    assert literal(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, np.nan, -0.0]), "a:f64[3]=[1.0, nan, -0.0]"),
        (np.array([[1, 2], [3, 4]], np.int8), "a:i8[2,2]=[[1, 2], [3, 4]]"),
        (np.array([True, False]), "a:bool[2]=[True, False]"),
        (np.array([1j, np.inf], np.complex64), "a:c64[2]=[(0.0+1.0j), (inf+0.0j)]"),
        (np.array(2.5), "a:f64[]=2.5"),
        (np.zeros((0, 3)), "a:f64[0,3]=[]"),
        (np.zeros(2, float0), "a:float0[2]=[0, 0]"),
        (np.float32(2), "a=2.0:f32[]"),
        (2.0, "a=2.0"),
        (np.array([1.0], ">f8"), "a:f64[1]=[1.0]"),
        (np.arange(64), f"a:i64[64]=[{', '.join(map(str, range(64)))}]"),
    ],
)
def test_small_constants_are_exact(value: Any, text: str):
    assert const(value) == text


def test_large_constants_are_elided():
    array = np.arange(1000.0)
    assert const(array) == f"a:f64[1000]=<1000 values #{digest(array)}>"
    assert const(np.array([1, 2]), max_const_size=1) == f"a:i64[2]=<2 values #{digest(np.array([1, 2]))}>"
    assert "elided" not in const(array, max_const_size=1000)
    assert const(array, max_const_size=1000).endswith("998.0, 999.0]")


def test_digests_depend_on_type_and_bits_alone():
    array = np.arange(12.0).reshape(3, 4)
    same = [array.copy(), np.asfortranarray(array), np.arange(24.0).reshape(3, 8)[:, ::2] / 2]
    different = [array.T, array.reshape(12), array.astype(np.float32), np.where(array == 0, -0.0, array), array.astype(">f8")]
    assert {digest(a) for a in same} == {digest(array)}
    assert digest(array) not in {digest(a) for a in different}
    assert len(digest(array)) == 12


def test_digests_skip_the_padding_of_longdoubles():
    array = np.array([1, 2]).astype(np.longdouble) / 3
    other = array.copy()
    if np.finfo(np.longdouble).nmant == 63:
        array.view(np.uint8).reshape(-1, 16)[:, 10:] = 0
        other.view(np.uint8).reshape(-1, 16)[:, 10:] = 255
    assert digest(array) == digest(other)
    assert digest(array.view(np.clongdouble)) == digest(other.view(np.clongdouble))
    assert digest(array) != digest(array[::-1])


def test_constants_wrap():
    program = Jaxpr([], [], [], {Var(ShapedArray((20,), np.int64)): np.arange(20)})
    assert to_string(program, width=51) == dedent("""\
        { lambda
            a:i64[20]=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                11, 12, 13, 14, 15, 16, 17, 18, 19] ; . let
          in () }""")


def test_number_text_ignores_print_options():
    with np.printoptions(precision=2, legacy="1.13"):
        assert number_text(np.float32(1) / 3) == "0.33333334"
        assert number_text(np.longdouble(1) / 3) == "0.33333333333333333334"


def test_digits_that_would_be_read_as_another_number_are_not_written(monkeypatch: pytest.MonkeyPatch):
    """As rounding twice could: once to a double, once more to a single."""
    monkeypatch.setattr(np, "format_float_positional", lambda x, **options: "0.25")
    assert number_text(np.float32(0.1)) == "0.10000000149011612"


# --- parameters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((2, 3), "(2, 3)"),
        ((2,), "(2,)"),
        ((), "()"),
        ([1, "a"], '[1, "a"]'),
        ((None, True, ...), "(None, True, ...)"),
        ('a\n"b" é', '"a\\n\\"b\\" \\u00e9"'),
        ("é", '"é"'),
        (np.dtype(np.float32), "f32"),
        (np.dtype(bool), "bool"),
        (np.dtype(">f8"), 'dtype(">f8")'),
        (float, 'type("float")'),
        (np.float32, 'type("numpy.float32")'),
        (slice(None, 3, -1), "slice(None, 3, -1)"),
        (ShapedArray((), np.float64, weak_type=True), "weak_f64[]"),
        (ShapedArray((2, 3), np.int32), "i32[2,3]"),
        (np.float32(2), "2.0:f32[]"),
        (np.array([1.0]), "array(f64[1], [1.0])"),
        ((1, (Zero(VEC), "x")), '(1, (Zero(f64[3]), "x"))'),
        (np.sin, 'ufunc("sin")'),
        (object, "<class 'object'>"),
        (frozenset([1]), "<frozenset({1})>"),
    ],
)
def test_parameters(value: Any, text: str):
    assert shown(value) == text


def test_opaque_values_have_no_addresses_and_one_line():
    class Opaque:
        def __repr__(self) -> str:
            return "Opaque\n  at 0x7f00 (" + "x" * 300 + ")"

    text = shown(Opaque())
    assert text.startswith("<Opaque (xxx") and text.endswith("...>") and "\n" not in text
    assert shown(test_one_line) == "<function test_one_line>"


def test_parameter_names_that_are_no_names_are_quoted():
    program = Jaxpr([], [Equation(any_p, [], {"in": 1, "a b": 2, "ok": 3}, [])], [])
    assert str(program) == '{ lambda ; . let _ = t_any["in"=1, "a b"=2, ok=3] in () }'


class Window:
    def __init__(self, size: int, jaxpr: Jaxpr | None = None):
        self.size = size
        self.jaxpr = jaxpr

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and (self.size, self.jaxpr) == (other.size, other.jaxpr)

    __hash__ = None  # type: ignore[assignment]


class Ragged(AbstractValue):
    """An aval of another kind."""

    def __init__(self, rows: int):
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ragged) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)


def test_registered_classes_have_notation():
    register_notation(Window, "t_window", lambda w: (w.size, w.jaxpr))
    register_notation(Ragged, "t_ragged", lambda r: (r.rows,))
    assert shown(Window(3)) == "t_window(3, None)"
    assert shown(Window(3, Jaxpr([], [], []))) == "t_window(3, { lambda ; . let in () })"
    assert str(Jaxpr([Var(Ragged(2))], [], [])) == "{ lambda ; a:t_ragged(2). let in () }"


def test_programs_in_registered_objects_are_shared():
    register_notation(Window, "t_window", lambda w: (w.size, w.jaxpr))
    program = unary()
    assert "t_window(1, @f), t_window(2, @f)" in shown((Window(1, program), Window(2, program)))


@pytest.mark.parametrize("tag", ["slice", "array", "dtype", "in", "a b", ""])
def test_tags_are_unique_names(tag: str):
    with pytest.raises(ValueError, match="is taken: choose another" if tag in ("slice", "array", "dtype") else "is no name"):
        register_notation(Window, tag, lambda w: ())


# --- equations for messages -----------------------------------------------------------------------------------------------


def test_equation_to_string():
    program = nested(1)
    text = 'b:f64[3] = t_call[name="level0", jaxpr={ lambda ... }] a'
    assert equation_to_string(program, program.equations[0]) == text
    stray = Equation(add_p, [Var(VEC), program.in_vars[0]], {}, [Var(VEC)])
    assert equation_to_string(program, stray) == "?2:f64[3] = t_add ?3 a"


def test_the_text_of_an_equation_has_the_names_of_the_program_that_it_is_in():
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    whole = Jaxpr([x], [Equation(add_p, [x, x], {}, [y]), Equation(add_p, [x, y], {}, [z])], [z])
    part = Jaxpr([x, y], whole.equations[1:], [z])  # of the same equation, with other names
    assert [str(e) for e in whole.equations] == ["b:f64[3] = t_add a a", "c:f64[3] = t_add a b"]
    assert [str(e) for e in part.equations] == ["c:f64[3] = t_add a b"] == [repr(part.equations[0])]
    for program in (whole, part):
        assert all(str(e) in str(program) for e in program.equations)
    last = whole.equations[1]
    assert whole == whole.__class__(*whole.__reduce__()[1]) and str(copy.copy(last)) == str(last)


def test_an_equation_knows_the_names_of_its_program_without_keeping_it():
    x, y, z = Var(VEC), Var(VEC), Var(VEC)
    program = Jaxpr([x], [Equation(add_p, [x, x], {}, [y]), Equation(add_p, [x, y], {}, [z])], [z])
    gone = weakref.ref(program)
    last = program.equations[1]
    del program
    assert gone() is None
    assert str(last) == "c:f64[3] = t_add a b"
    assert str(Equation(add_p, [y, y], {}, [z])) == "b:f64[3] = t_add a a"  # in no program


# --- layout ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", range(1, 60))
def test_layout_fits_where_it_can(width: int):
    doc = Concat(["x = ", Block("f[", [Fill(["one", "two", "three"]), Block("(", ["a", "b"], ")")], "]"), " tail"])
    text = layout(doc, width)
    assert " ".join(text.split()).replace("[ ", "[").replace(" ]", "]").replace("( ", "(").replace(" )", ")") == (
        "x = f[one two three, (a, b)] tail"
    )
    if width >= len("      three,"):
        assert all(len(line) <= width for line in text.splitlines())
    assert ("\n" in text) == (width < doc.length == len("x = f[one two three, (a, b)] tail"))


def test_printing_uses_no_field_of_the_operands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sin_p, "impl", None)
    assert "t_sin" in str(unary())
