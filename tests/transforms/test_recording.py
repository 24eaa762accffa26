"""The rules ``record`` and ``pull`` give what those do that they stand in for, and keep nothing that somebody may change."""

import numpy as np
import pytest

import covector as cv
from covector.core.primitive import Primitive, find_primitive

RNG = np.random.default_rng(0)
V, M = RNG.uniform(0.5, 1.5, 4), RNG.uniform(0.5, 1.5, (3, 4))
A = np.eye(4) + RNG.normal(size=(4, 4)) / 10
COLUMN, ROW, INTEGERS = RNG.uniform(0.5, 1.5, (3, 1)), RNG.uniform(0.5, 1.5, (1, 4)), np.array([1, 2, 3, 4])

FUNCTIONS = {
    "x*x": lambda x: x * x,
    "x*constant": lambda x: x * V,
    "constant*x, broadcast": lambda x: COLUMN * x,
    "x of many by x of one": lambda x: x * np.sum(x) + np.sum(x) * x,
    "integers": lambda x: 3 * x + x * 2 - (1 - x),
    "integer array": lambda x: INTEGERS * x + x - INTEGERS,
    "sums": lambda x: (x + x) + 1.5 + (2.0 + x) + COLUMN + x,
    "differences": lambda x: (x - 2.0 * x) - 1.5 - (2.0 - x) - (COLUMN - x),
    "negative": lambda x: -(1.0 * (-x)),
    "quotients": lambda x: x / 2.0 + 1.0 / x + x / np.sum(x) + np.sum(x) / x + COLUMN / x + x / COLUMN,
    "powers": lambda x: x**2 + x**3 + x**-1 + x**0.5 + x**0 + x**x + 2.0**x,
    "unary": lambda x: np.sin(x) + np.exp(-x) + np.tanh(x) + np.log(x) + np.sqrt(x) + np.arctan(x) + np.square(x),
    "extrema": lambda x: np.maximum(x, 1.0) + np.minimum(x, 0.9) + np.maximum(0.8, x) + np.maximum(x, x[..., ::-1]),
    "extrema, ties": lambda x: np.maximum(x, V) * np.minimum(V, x),
    "after the long way": lambda x: np.sin(x**x) + np.where(x > 1.0, x**x, x) + np.stack([x**x, x])[0],
    "arithmetic after the long way": lambda x: (lambda a: 2.0 * a + a * 3.0 - a * x + x / a - a**2 + (-a))(x**x),
    "where": lambda x: np.where(x > 1.0, x, 0.5 * x) + np.where(x > 1.0, x, 0.0) + np.where(x > 1.0, 0.0, x),
    "where, broadcast": lambda x: np.where(COLUMN > 1.0, x, np.sum(x)) + np.where(COLUMN > 1.0, x, 2.0),
    "reading": lambda x: x[..., ::-1] * x[..., 0:1] + x[..., 1:2] * x[..., -1:],
    "elements": lambda x: x[0] * x[1],
    "parts and sums": lambda x: x[..., ::2] * np.sum(x) + x[..., 1::2],
    "joined": lambda x: np.concatenate([x[..., 2:], x[..., :2], np.ones_like(x[..., :1])], axis=-1),
    "stacked": lambda x: np.stack([x, 2.0 * x], axis=-1) @ np.ones(2) + np.stack([x, np.zeros(x.shape)])[0],
    "reshaped": lambda x: np.reshape(np.transpose(np.reshape(x, (2, -1))), x.shape) * 2.0,
    "products": lambda x: (A @ x.T).T + x @ A,
    "inner products": lambda x: (x @ x.T) * 2.0,
    "sums over axes": lambda x: np.sum(x, axis=0) * np.sum(x, axis=-1, keepdims=True),
    "repeated": lambda x: np.broadcast_to(x, (2, *x.shape)) * 2.0,
    "solved": lambda x: np.linalg.solve(A, x.T),
    "solved, a stack": lambda x: np.linalg.solve(np.stack([A, 2 * A]), x.T),
}
ARGUMENTS = {
    "vector": V,
    "matrix": M,
    "column-major": np.asfortranarray(M),
    "float32": V.astype(np.float32),
    "complex": V + 1j * V[::-1],
}


def without_short_cuts(monkeypatch):
    find_primitive("a name that none has")  # which imports all
    for primitive in set(Primitive.registry.values()):
        monkeypatch.setattr(primitive, "record", None)
        monkeypatch.setattr(primitive, "pull", None)


def derivatives(f, x):
    out, pullback = cv.vjp(f, x)
    ct = np.cos(np.arange(np.size(out), dtype=float)).reshape(np.shape(out)).astype(np.asarray(out).dtype)
    return out, pullback(ct)[0], pullback(ct)[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_as_the_long_way(name, argument, monkeypatch):
    f, x = FUNCTIONS[name], ARGUMENTS[argument]
    try:
        short = derivatives(f, x)
    except Exception as error:
        without_short_cuts(monkeypatch)
        with pytest.raises(type(error)):
            derivatives(f, x)
        return
    without_short_cuts(monkeypatch)
    long = derivatives(f, x)
    for a, b in zip(short, long, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-4 if argument == "float32" else 1e-12)


TWO = {
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: x / (y + 3.0),
    "sum": lambda x, y: x + y,
    "power": lambda x, y: x**y,
    "comparison": lambda x, y: x * (x > y),
    "maximum": np.maximum,
    "where": lambda x, y: np.where(V > 1.0, x, y),
    "joined": lambda x, y: np.concatenate([x, y]),
    "stacked": lambda x, y: np.stack([x, y])[0] * y,
    "matrix product": lambda x, y: np.outer(x, y) @ x,
    "inner product": lambda x, y: (x @ y) * x,
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", TWO)
def test_one_operand_is_of_an_outer_transformation(name, turned):
    f = (lambda x, y: TWO[name](y, x)) if turned else TWO[name]
    y, w = V[::-1] + 0.05, np.array([0.5, -1.0, 2.0, 1.5])
    gradient = lambda y: cv.grad(lambda x: np.sum(np.sin(f(x, y))))(V)
    numerical = (gradient(y + 1e-6 * w) - gradient(y - 1e-6 * w)) / 2e-6
    np.testing.assert_allclose(cv.jvp(gradient, (y,), (w,))[1], numerical, rtol=1e-5, atol=1e-8)
    backward = cv.grad(lambda y: np.sum(gradient(y) * w))(y)
    steps = np.eye(4) * 1e-6
    numerical = [np.sum((gradient(y + e) - gradient(y - e)) * w) / 2e-6 for e in steps]
    np.testing.assert_allclose(backward, numerical, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["product", "sum", "comparison", "maximum", "where", "joined", "matrix product"])
def test_no_operand_is_of_an_ended_transformation(name, turned):
    f, kept = TWO[name], []
    cv.grad(lambda x: kept.append(x) or np.sum(x))(V)
    with pytest.raises(cv.errors.UnexpectedTracerError):
        cv.grad(lambda x: np.sum(f(*(x, *kept)[:: -1 if turned else 1])))(V)


LONG = {
    "powers": ["pow", "pow"],
    "extrema": ["maximum", "maximum"],
    "extrema, ties": ["maximum", "minimum"],
    "after the long way": ["pow"] * 3,
    "arithmetic after the long way": ["pow"],
    "where, broadcast": ["select"],
    "solved, a stack": ["solve"],
}
"""What has no short way: powers with a traced exponent, extrema of two traced values, choices of other shapes, stacks."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_short_way_is_taken(name, monkeypatch):
    """Of arrays of floats, with numbers and arrays of any dtype beside them, always but for what is listed."""
    find_primitive("a name that none has")
    long = []

    def watched(primitive, rule):
        def record(trace, args, params):
            out = rule(trace, args, params)
            if out is None:
                long.append(primitive.name)
            return out

        return record

    for primitive in set(Primitive.registry.values()):
        if primitive.record is not None:
            monkeypatch.setattr(primitive, "record", watched(primitive, primitive.record))
    cv.vjp(FUNCTIONS[name], M if name in ("products", "sums over axes") else V)
    assert long == LONG.get(name, [])


@pytest.mark.parametrize("name", ["x*x", "unary", "where", "joined", "products", "quotients"])
def test_second_derivatives(name):
    f = FUNCTIONS[name]
    v = np.ones(4)
    gradient = cv.grad(lambda x: np.sum(f(x) ** 2))
    tangent = cv.jvp(gradient, (V,), (v,))[1]
    numerical = (gradient(V + 1e-6 * v) - gradient(V - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(tangent, numerical, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", [10, 100_000])
def test_arrays_that_are_written_to_later(n):
    k, mask, w = np.full(n, 2.0), np.ones(n, bool), np.eye(2)

    def f(x):
        y = x * k
        y = np.where(mask, y, 0.0) + k
        z = w @ y[:2]
        k_now, mask_now = k.copy(), mask.copy()
        if n < 1000:  # larger ones are read-only while the function runs
            k[:], mask[:] = 7.0, False
        w[:] = 0.0
        total = np.sum(y) + np.sum(z)
        if n < 1000:
            k[:], mask[:] = k_now, mask_now
        w[:] = np.eye(2)
        return total

    want = np.full(n, 2.0)
    want[:2] = 4.0
    np.testing.assert_allclose(cv.grad(f)(np.ones(n)), want)


def test_results_are_the_callers_own():
    x = np.ones(3)
    out, pullback = cv.vjp(lambda x: (np.exp(x), x + 0.0, x[::-1]), x)
    for part in out:
        part[:] = 5.0
    (first,) = pullback((np.ones(3),) * 3)
    first_values = first.copy()
    first[:] = 0.0
    (second,) = pullback((np.ones(3),) * 3)
    np.testing.assert_array_equal(second, first_values)
    np.testing.assert_allclose(second, np.e + 2)
    ct = np.ones(3)
    (same,) = cv.vjp(lambda x: x + 1.0, x)[1](ct)
    same[:] = 0.0
    np.testing.assert_array_equal(ct, 1.0)


@pytest.mark.parametrize("other", [np.array([1.0, 2.0, 3.0], object), np.array([1, 2, 3], "m8[s]"), np.array(list("abc"))])
@pytest.mark.parametrize(
    "f",
    [lambda x, y: x * y, lambda x, y: y / x, lambda x, y: x @ y, lambda x, y: x * (x > y), lambda x, y: np.stack([x, y])],
    ids=["product", "quotient", "matrix product", "comparison", "stack"],
)
def test_arrays_of_no_numbers_are_refused(f, other):
    for transform in (cv.linearize, lambda f, x: cv.vmap(f)(np.stack([x, x]))):
        with pytest.raises(cv.core.errors.ArrayTypeError, match="cannot be transformed"):
            transform(lambda x: f(x, other), np.ones(3))


MIXED = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: y - x,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y + y / x,
    "pow": lambda x, y: x**y + y**x,
    "float_power": lambda x, y: np.float_power(x, y),
    "maximum": lambda x, y: np.maximum(x, y),
    "hypot": lambda x, y: np.hypot(x, y) + np.arctan2(x, y) + np.logaddexp(x, y),
    "remainder": lambda x, y: np.remainder(x, y) + np.fmod(y, x),
    "copysign": lambda x, y: np.copysign(x, y) + np.nextafter(x, y),
    "where": lambda x, y: np.where(y > 1.0, x, y) + np.where(y > 1.0, y, x),
    "clip": lambda x, y: np.clip(y, x, 2.0) + np.clip(x, 0.0, y),
    "concatenate": lambda x, y: np.concatenate([y, x, y]),
    "stack": lambda x, y: np.stack([x, y], axis=1),
    "write": lambda x, y: cv.at(y)[1:].set(x[:-1]) + cv.at(y)[np.array([0, 2, 0])].add(x[:3]),
    "einsum": lambda x, y: np.einsum("i,j->ij", x, y) + np.outer(y, x),
    "dot": lambda x, y: x @ y + np.vdot(y, x),
    "matmul": lambda x, y: A.astype(y.dtype) @ x + np.stack([x, x, x, x]) @ y,
    "convolve": lambda x, y: np.convolve(x, y) + np.convolve(y, x),
    "solve": lambda x, y: np.linalg.solve(A.astype(y.dtype), x) + np.linalg.solve(np.diag(x), y),
    "astype": lambda x, y: x.astype(y.dtype) + y,
    "sum": lambda x, y: np.sum(x, dtype=y.dtype) + np.cumsum(x, dtype=y.dtype) + np.mean(x, dtype=y.dtype),
}


OF_REAL = ("maximum", "hypot", "remainder", "copysign", "clip")
NARROW_AND_WIDE = [(np.float32, np.float64), (np.float64, np.float32), (np.float64, np.complex128)]


@pytest.mark.parametrize(("narrow", "wide"), NARROW_AND_WIDE)
@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("name", MIXED)
def test_cotangents_have_the_dtype_of_the_value(name, short, narrow, wide, monkeypatch):
    """A rule of the user's gets them as they are on the way, before they are converted to that of the argument."""
    if not short:
        without_short_cuts(monkeypatch)
    found = []
    watched = cv.custom_vjp(lambda x: x)
    watched.defvjp(lambda x: (x, None), lambda _, ct: (found.append(ct.dtype), (ct,))[1])
    if not (wide is np.complex128 and name in OF_REAL):
        f = lambda x, y: np.sum(np.real(MIXED[name](watched(x), y)))
        gradient = cv.grad(f)(V.astype(narrow), (V[::-1] + 0.25).astype(wide))
        assert found == [gradient.dtype] == [narrow]


LINEAR = {
    "add": lambda x, y: x + 0.0 * y,
    "mul": lambda x, y: x * y + y * x,
    "div": lambda x, y: x / y,
    "where": lambda x, y: np.where(y > 1.0, x, 0.0 * y) + np.where(y > 1.0, 0.0 * y, x),
    "concatenate": lambda x, y: np.concatenate([0.0 * y, x, 0.0 * y]),
    "stack": lambda x, y: np.stack([x, 0.0 * y], axis=1),
    "write": lambda x, y: cv.at(0.0 * y)[1:].set(x[:-1]) + cv.at(0.0 * y)[np.array([0, 2, 0])].add(x[:3]),
    "einsum": lambda x, y: np.einsum("i,j->ij", x, y) + np.outer(y, x),
    "dot": lambda x, y: x @ y + np.vdot(y, x),
    "matmul": lambda x, y: A.astype(y.dtype) @ x + np.stack([x, x, x, x]) @ y,
    "convolve": lambda x, y: np.convolve(x, y) + np.convolve(y, x),
    "correlate": lambda x, y: np.correlate(x, y[:2]) + np.correlate(y, x[:2]),
    "solve": lambda x, y: np.linalg.solve(A.astype(y.dtype), x),
    "solve_triangular": lambda x, y: cv.scipy.linalg.solve_triangular(A.astype(y.dtype), x),
    "solve_sylvester": lambda x, y: cv.scipy.linalg.solve_sylvester(A.astype(y.dtype), np.diag(y[:1]), x[:, None]),
    "astype": lambda x, y: x.astype(y.dtype),
    "sum": lambda x, y: np.sum(x, dtype=y.dtype) + np.cumsum(x, dtype=y.dtype) + np.mean(x, dtype=y.dtype),
}
FOUND = []
watched_p = cv.linear("watched_for_its_cotangent", lambda x: 1.0 * x, lambda ct, x: FOUND.append(ct.dtype) or ct)


@pytest.mark.parametrize(("narrow", "wide"), NARROW_AND_WIDE[:2])
@pytest.mark.parametrize("way", ["short", "long", "staged"])
@pytest.mark.parametrize("name", LINEAR)
def test_cotangents_of_linear_functions_too(name, way, narrow, wide, monkeypatch):
    if way == "long":
        without_short_cuts(monkeypatch)
    FOUND.clear()
    f = lambda x, y: np.sum(LINEAR[name](watched_p.bind(x), y))
    back = lambda x, y: cv.linear_transpose(lambda x: f(x, y), x)(np.ones((), np.result_type(f(x, y)))[()])[0]
    (cv.jit(back) if way == "staged" else back)(V.astype(narrow), (V[::-1] + 0.25).astype(wide))
    assert set(FOUND) == {np.dtype(narrow)}
