"""For primitives that need chosen arguments, the cases that `check_case` tries: every kind of operand that they take.

They are numbers of each dtype, real and complex ones in one call, of size 0 and 1 too, and every value of a parameter by which
a rule takes another path.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

FIXED = lambda rng, x: x
NEARBY = lambda rng, x: (x * (1 + 0.001 * rng.uniform(-1, 1, np.shape(x)))).astype(x.dtype)
DISCRETE: dict[str, Any] = {"differentiable": False, "vary": FIXED}
OF_DOUBLES: dict[str, Any] = {"through": lambda apply, *args, **params: np.real(apply(*args))}
"""For what SciPy computes of complex numbers otherwise, or so that a tiny imaginary part is lost: it is no complex step."""


class Case(NamedTuple):
    """Arguments, parameters, and options of `check_case`."""

    args: tuple[Any, ...]
    params: dict[str, Any] = {}  # noqa: RUF012 - never written to
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to


Cases = Iterator[Case]


def some(dtype: Any, *shape: int) -> Any:
    """Numbers of a dtype, the same ones for a shape."""
    rng = np.random.default_rng(len(shape))
    x = rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.uniform(-2, 2, shape)
    return (np.floor(3 * np.abs(x)) if np.dtype(dtype).kind in "iu" else x).astype(dtype)[()]


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def spread(dtype: Any, *shape: int) -> Any:
    """Matrices far from singular, and from equal eigenvalues."""
    m, n = shape[-2:]
    return (0.15 * some(np.result_type(dtype, "d"), *shape) + np.eye(m, n) * np.arange(1, n + 1)).astype(dtype)


# --- transforms ---------------------------------------------------------------------------------------------------------


def fft() -> Cases:
    for transform, dtype in product(("fft", "ifft", "rfft", "irfft"), "efdFD"):
        if transform == "rfft" and dtype in "FD":
            continue
        for n, axis, norm in (4, 1, "ortho"), (5, 0, "forward"), (2, 1, "backward"):
            if norm == "ortho" or dtype in "dD":
                yield Case((some(dtype, 3, 4),), {"transform": transform, "n": n, "axis": axis, "norm": norm})
        if dtype in "eD":
            yield Case((some(dtype, 1),), {"transform": transform, "n": 1, "axis": 0, "norm": "backward"})
    yield Case((some("d", 0, 3),), {"transform": "irfft", "n": 3, "axis": 1, "norm": "backward"})
    yield Case((some("i8", 2, 3),), {"transform": "rfft", "n": 3, "axis": 0, "norm": "backward"})


def dct() -> Cases:
    scaled = ("backward", False), ("forward", True), ("ortho", False), ("ortho", True)
    for transform, type in product(("dct", "dst"), (1, 2, 3, 4)):
        params = {"transform": transform, "type": type}
        for i, (norm, orthogonalize) in enumerate(scaled):
            chosen = {**params, "axis": i % 2, "norm": norm, "orthogonalize": orthogonalize}
            yield Case((some("d", 3, 2),), chosen, {"order": 1, **OF_DOUBLES})
        of_complex = {**params, "axis": 0, "norm": "ortho", "orthogonalize": True}
        yield Case((some("D", 3, 2),), of_complex, {"order": 1})
        yield Case((some("e", 2),), {**params, "axis": 0, "norm": "backward", "orthogonalize": False}, {"order": 1})
    of_one = {"transform": "dct", "type": 2, "axis": 0, "norm": "backward", "orthogonalize": False}
    for x in some("f", 1), some("i4", 3), some("d", 1, 0):
        yield Case((x,), of_one)


def fht() -> Cases:
    for dtype, inverse, bias in product("efd", (False, True), (0.0, 0.3)):
        params = {"inverse": inverse, "dln": 0.3, "mu": 0.7, "offset": 0.2, "bias": bias}
        yield Case((some(dtype, *((2, 3) if bias else (4,))),), params, {"order": 1})
    for x in some("d", 1), some("d", 0, 2), some("i8", 3):
        yield Case((x,), params)


def spline_filter() -> Cases:
    for mode, transposed, (dtype, shape, axis) in product(
        ("mirror", "reflect", "grid-wrap"), (False, True), (("d", (4,), 0), ("D", (2, 3), 1), ("d", (34,), 0), ("d", (1,), 0))
    ):
        params = {"order": 3 if len(shape) == 1 else 4, "axis": axis, "mode": mode, "transposed": transposed}
        yield Case((some(dtype, *shape),), params, {"order": 1})


# --- matrices -----------------------------------------------------------------------------------------------------------


def lu() -> Cases:
    for dtype in "fdFD":
        yield Case((spread(dtype, 3, 3)[::-1],))
    for dtype, shape in product("dD", ((2, 3, 2), (2, 3), (1, 1), (0, 2))):
        yield Case((spread(dtype, *shape),), {}, {"order": 1})


def hessenberg_form() -> Cases:
    for dtype, *shape in ("f", 3, 3), ("d", 3, 3), ("D", 2, 3, 3), ("F", 2, 2), ("d", 1, 1), ("D", 0, 0):
        yield Case((some(dtype, *shape),), {}, {"order": 1 + (dtype == "d")})


def of_squares(**params: tuple[Any, ...]) -> Cases:
    """Of what has no derivative."""
    for dtype, *shape in ("f", 3, 3), ("d", 2, 2, 2), ("F", 1, 1), ("D", 3, 3), ("D", 0, 0):
        a = some(dtype, *shape)
        for values in product(*params.values()):
            yield Case((a + adjoint(a),), dict(zip(params, values, strict=True)), DISCRETE)


def pivoted_columns() -> Cases:
    yield from of_squares()
    yield Case((spread("d", 2, 3, 2),), {}, DISCRETE)


def row_exchanges() -> Cases:
    for dtype, count in product(("i8", "u1"), (0, 2)):
        yield Case((np.array([[2, 0, 1], [0, 2, 1]], dtype),), {"count": count}, DISCRETE)


def exchanged_rows() -> Cases:
    for dtype, rows in product(("i4", "u1"), (3, 5)):
        yield Case((np.array([[2, 2], [0, 1]], dtype),), {"rows": rows}, DISCRETE)


def ldl() -> Cases:
    for dtype, lower, hermitian in product("dD", (False, True), (False, True)):
        a = spread(dtype, 3, 3)
        a = a + (adjoint(a) if hermitian else a.T)
        a[0, 0] = a[1, 1] = 0.01  # so that there is a block of size 2
        yield Case((a,), {"lower": lower, "hermitian": hermitian}, {"vary": NEARBY, "order": 1 + (dtype == "D")})
    for a in spread("f", 2, 2, 2), spread("F", 1, 1), spread("d", 0, 0):
        yield Case((a,), {"lower": True, "hermitian": True}, {"vary": NEARBY})


def basis() -> Cases:
    def projection(apply: Any, a: Any, **params: Any) -> Any:
        found = apply(a)
        return found @ adjoint(found)

    for dtype, *shape in ("d", 2, 3), ("D", 3, 2), ("f", 2, 2, 3), ("F", 2, 1), ("D", 1, 1), ("d", 0, 2, 2):
        yield Case((spread(dtype, *shape),), {"rank": min(shape[-2:]), "rcond": 1e-6}, {"through": projection})


def sylvester() -> Cases:
    for dtypes in "ddd", "DDD", "fff", "dDd", "Ddd", "ddD", "FFf", "fFf":
        shapes = ((2, 1, 2, 2), (3, 1, 1), (2, 1)) if dtypes in ("dDd", "ddD") else ((2, 2), (1, 1), (2, 2, 1))
        matrices = [spread(dtype, *shape) for dtype, shape in zip(dtypes, shapes, strict=True)]
        yield Case(tuple(matrices), {}, {"order": 1 + (dtypes == "ddD")})
    yield Case((spread("d", 0, 0), spread("D", 2, 2), spread("d", 0, 2)))


def analytic() -> Cases:
    of = "expm logm sqrtm cosm sinm tanm coshm sinhm tanhm signm fractional_matrix_power".split()
    for name, dtypes in *product(of, ("d", "D")), ("expm", "dD"), ("signm", "Dd"):
        matrices = [spread(dtypes[0], 2, 2) / 2, *(some(dtype, 2, 2) for dtype in dtypes[1:])]
        exponent = {"exponent": 0.3} if name == of[-1] else {}
        lossy = OF_DOUBLES if name in ("cosm", "sinm", "tanm") and "D" not in dtypes else {}
        yield Case(tuple(matrices), {"of": name, **exponent}, {"order": 1, **lossy})
    for a in spread("f", 2, 2, 2), spread("F", 1, 1), spread("D", 0, 0):
        yield Case((a,), {"of": "expm"}, {"order": 1})
    yield Case((spread("D", 2, 2), some("d", 3, 2, 2), some("d", 2, 2)), {"of": "expm"}, {"order": 1})


def matrix_function() -> Cases:
    for dtypes in "d", "D", "f", "F", "dD", "Dd":
        a, *directions = (some(dtype, *((2, 2, 2) if dtypes == "Dd" else (2, 2))) for dtype in dtypes)
        yield Case((a @ adjoint(a) + np.eye(2, dtype=a.dtype), *directions), {"f": np.sqrt}, {"order": 1 + (dtypes == "D")})
    yield Case((spread("D", 0, 0),), {"f": np.exp})


def roots() -> Cases:
    def sums(apply: Any, p: Any, **params: Any) -> Any:
        """They come in any order."""
        found = apply(p)
        return [np.sum(found), np.sum(found * found)]

    for dtype, *p in ("f", 1, -3.5, 1.2), ("d", 2, 1, 3), ("F", 1, 2), ("D", 1, -2j, 3, 1), ("d", 3), ("f", 3), ("i8", 2, 5, 3):
        yield Case((np.array(p, dtype),), {"count": len(p) - 1}, {"through": sums, "vary": NEARBY})


# --- what equal values leave undetermined, without any equal ones -----------------------------------------------------------


def turn() -> Cases:
    for (p, f), strict in product(("dd", "dD", "Dd", "DD", "fF", "fd"), (False, True)):
        tie = np.zeros((3, 2), bool)
        yield Case((some(p, 2, 3, 2), some(f, 3, 2), tie), {"strict": strict}, {"vary": FIXED, "order": 1 + (p + f == "Dd")})
    yield Case((some("D", 0, 0), some("d", 0, 0), np.zeros((0, 0), bool)), {"strict": True})


def undetermined() -> Cases:
    for dtype, *shape in ("d", 3, 2), ("F", 2, 2, 2), ("D", 0, 0):
        yield Case((some(dtype, *shape), np.zeros(shape[-2:], bool)), {}, {"vary": FIXED})


def free_columns() -> Cases:
    for (x, q), backward in product(("dd", "Dd", "dD", "DD", "fF"), (False, True)):
        args = some(x, 2, 3, 2), some(q, 3, 2), np.zeros((2, 2), bool)
        yield Case(args, {"backward": backward}, {"vary": FIXED, "differentiable": [0]})


def is_defective() -> Cases:
    for dtype, *shape in ("d", 2, 2), ("F", 2, 3, 3), ("D", 0, 0):
        yield Case((spread(dtype, *shape),))


# --- bits and random numbers ------------------------------------------------------------------------------------------------


def bitcast() -> Cases:
    for old, new in product(("e", "f", "D", "i4", "u1", "?"), ("e", "d", "F", "i8", "u2")):
        ratio = np.dtype(new).itemsize // np.dtype(old).itemsize
        for lead in (2,), (), (0,):
            x = np.ones((*lead, ratio) if ratio > 1 else lead, old)[()]
            yield Case((x,), {"dtype": np.dtype(new)}, DISCRETE)


def from_parts() -> Cases:
    for dtype, *shape in ("f", 2), ("d", 3, 2), ("g", 1, 2), ("i8", 2, 2), ("d", 0, 2):
        yield Case((some(dtype, *shape),))


def reduce_precision() -> Cases:
    """It rounds nothing here, so it is linear (but of doubles, which differences are of)."""
    for dtype, exponent_bits, mantissa_bits in ("e", 5, 10), ("f", 8, 23), ("d", 11, 52), ("d", 9, 60):
        for shape in (), (2, 3), (0,):
            params = {"exponent_bits": exponent_bits, "mantissa_bits": mantissa_bits}
            yield Case((some(dtype, *shape),), params, {"numerical": False})


def random_bits() -> Cases:
    for width, shape, keys in product((8, 16, 32, 64), ((), (2, 3)), ((2,), (3, 2), (0, 2))):
        yield Case((np.arange(np.prod(keys), dtype="u4").reshape(keys),), {"shape": shape, "width": width})


def threefry2x32() -> Cases:
    for shapes in ((),) * 4, ((3,), (), (2, 1), (3,)), ((0,), (), (1,), ()):
        yield Case(tuple(np.full(shape, i, "u4")[()] for i, shape in enumerate(shapes)))


def unit_floats() -> Cases:
    for (bits, dtype), shape in product((("u2", "e"), ("u4", "f"), ("u8", "d")), ((), (2, 3), (0,))):
        yield Case((np.full(shape, 5, bits)[()],), {"dtype": np.dtype(dtype)})


def sample() -> Cases:
    """Doubles of the gamma distribution, and whole numbers; by rejection, so that there are no differences to compare with."""
    for lead, shape in product(((), (3,), (0,)), ((), (2,))):
        keys = np.arange(2 * np.prod(lead, dtype=int), dtype="u4").reshape(*lead, 2)
        full = lambda x, lead=lead, shape=shape: np.full((*lead, *shape), x)[()]
        params = {"shape": shape, "dtype": np.dtype("d"), "distribution": "standard_gamma"}
        yield Case((keys, full(2.5)), params, {"numerical": False, "order": 1 + (not lead)})
        params = {"shape": shape, "dtype": np.dtype("i8"), "distribution": "binomial"}
        yield Case((keys, full(5), full(0.3)), params, DISCRETE)


# --- others -----------------------------------------------------------------------------------------------------------------


def linear_zeros() -> Cases:
    for old, new, shape in ("d", "d", ()), ("e", "f", (2,)), ("d", "D", (0,)), ("D", "D", (2, 3)):
        yield Case((some(old, 3),), {"shape": shape, "dtype": np.dtype(new)})


def replace() -> Cases:
    for dtype, *shape in ("e",), ("f", 2), ("D", 2, 3), ("i8", 0):
        yield Case((some(dtype, *shape), some(dtype, *shape) + 1), {}, {"numerical": False})


CASES = {
    **{f.__name__: [*f()] for f in (fft, dct, fht, spline_filter)},
    **{f.__name__: [*f()] for f in (lu, hessenberg_form, ldl, sylvester, analytic, matrix_function, roots)},
    **{f.__name__: [*f()] for f in (pivoted_columns, row_exchanges, exchanged_rows)},
    "hessenberg": [*of_squares()],
    "schur": [*of_squares(output=("real", "complex"))],
    "tridiagonal": [*of_squares(lower=(False, True))],
    **{name: [*basis()] for name in ("null_basis", "range_basis")},
    **{f.__name__: [*f()] for f in (turn, undetermined, free_columns, is_defective)},
    **{f.__name__: [*f()] for f in (bitcast, from_parts, reduce_precision)},
    **{f.__name__: [*f()] for f in (random_bits, threefry2x32, unit_floats, sample, linear_zeros, replace)},
}
"""What is tried of each primitive, by its name."""
