"""How operations are written in the source backend: as somebody would write them, where that means the same."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.backends import numpy as source_backend
from covector.backends.forms import call
from covector.backends.numpy import Generator
from covector.backends.syntax import module_of_text
from covector.core.primitive import Primitive

X = np.arange(6.0).reshape(2, 3)


def lines(f: Any, *args: Any) -> list[str]:
    text = ast.unparse(module_of_text(Generator(cv.jit(f).lower(*args).jaxpr).text()))
    return [line.strip() for line in text.splitlines()[1:] if not line.strip().startswith(("del", "return"))]


@pytest.mark.parametrize(
    ("f", "line"),
    [
        (lambda x: -x, "v1 = -v0"),
        (lambda x: x * x, "v1 = v0 * v0"),
        (lambda x: x / 2.0, "v1 = div(v0, c_2)"),
        (np.sin, "v1 = sin(v0)"),
        (lambda x: x[1, ::-1], "v1 = v0[1, 2::-1]"),
        (lambda x: x[:, 0:2], "v1 = v0[0:2, 0:2]"),
        (lambda x: x[0], "v1 = v0[0]"),
        (np.transpose, "v1 = v0.transpose((1, 0))"),
        (lambda x: x.reshape(6), "v1 = v0.reshape((6,))"),
        (lambda x: np.sum(x, axis=0), "v1 = reduce_sum(v0, (0,))"),
        (lambda x: np.max(x, axis=1), "v1 = reduce_max(v0, (1,))"),
        (lambda x: x.astype(np.float32), "v1 = v0.astype(float32)"),
        (lambda x: np.cumsum(x, axis=1), "v1 = cumsum(v0, axis=1, reverse=False)"),
    ],
)
def test_lines(f: Any, line: str) -> None:
    assert lines(f, X) == [line]
    np.testing.assert_array_equal(cv.jit(f)(X), f(X))


def test_a_function_has_one_name() -> None:
    assert lines(lambda x: np.sin(np.cos(np.sin(x))), X) == ["v1 = sin(v0)", "v2 = cos(v1)", "v3 = sin(v2)"]


@pytest.mark.parametrize("x", [True, np.bool_(True), 1, 1.0, 1j, np.float32(1.0)])
def test_numbers_have_no_methods(x: Any) -> None:
    for f in (np.transpose, lambda x: np.reshape(x, (1, 1)), np.sum, lambda x: (x == 1).astype(np.float32)):
        found, expected = cv.jit(f)(x), f(np.asarray(x))
        np.testing.assert_array_equal(found, expected)
        assert np.asarray(found).dtype == expected.dtype


def test_constants_of_equal_value_and_different_type() -> None:
    """Programs that read the same but for such a constant share no code."""
    p = Primitive("typed_constant_of_source", trusted=True)
    p.def_impl(lambda x, *, k: (x, type(k).__name__)[1] == "bool")
    p.def_abstract(lambda x, *, k: cv.ShapedArray((), np.bool_))
    assert [cv.jit(lambda x, k=k: p.bind(x, k=k))(1.0) for k in (1, True)] == [False, True]


def test_a_rule_of_a_primitive() -> None:
    p = Primitive("doubled_in_source", trusted=True)
    p.def_impl(lambda x: 2 * x)
    p.def_abstract(lambda x: x)
    p.def_rule("lower", lambda eqn: call(np.multiply, 2))
    assert lines(p.bind, X) == ["v1 = doubled_in_source(v0, 2)"]
    np.testing.assert_array_equal(cv.jit(p.bind)(X), 2 * X)


def test_a_complex_scalar_may_be_a_python_number() -> None:
    """``1j * np.float64(2)`` is Python's complex, though the program has it as one of NumPy."""
    f = cv.jit(lambda z, x: ((z * x).reshape(1), (z * x).astype(np.complex64)))
    shaped, narrow = f(2j, np.float64(0.5))
    assert shaped.tolist() == [1j] and narrow == 1j and narrow.dtype == np.complex64


@pytest.mark.parametrize("limit", [source_backend.MAX_GENERATED_EQUATIONS, 0])
def test_no_output_is_memory_of_a_constant(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one constant among several, written as Python or interpreted: what runs next may write into the output."""
    monkeypatch.setattr(source_backend, "MAX_GENERATED_EQUATIONS", limit)
    a, b = np.ones(3), np.full(3, 2.0)
    jaxpr = cv.make_jaxpr(lambda x: (a, x * b, b, a[1:], np.reshape(b, (3, 1))))(1.0)
    outs = source_backend.compiled(jaxpr)(1.0)
    assert not any(np.shares_memory(out, const) for out in outs for const in jaxpr.consts.values())
    np.testing.assert_array_equal(np.concatenate([*outs[:3]]), [1, 1, 1, 2, 2, 2, 2, 2, 2])
