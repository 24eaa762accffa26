"""Hypothesis strategies for what functions of arrays take: arrays, dtypes, shapes, axes, indices, matrices, pytrees.

Arrays hold well-conditioned values: of moderate size, no two too close, and away from the places where common functions have
kinks (the integers, and the branch cuts of complex functions).  They shrink to small shapes and small values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Shape = tuple[int, ...]
Strategy = st.SearchStrategy

FLOATING = (np.float16, np.float32, np.float64, np.longdouble)
"""NumPy's floating dtypes."""
COMPLEX = (np.complex64, np.complex128, np.clongdouble)
"""NumPy's complex dtypes."""
INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
"""NumPy's integer dtypes."""

DOMAINS = {
    "real": (-3.0, 3.0),
    "positive": (0.1, 3.1),
    "unit": (-0.9, 0.9),
    "above_one": (1.1, 4.1),
    "small": (-0.4, 0.4),
}
"""The intervals that values can be drawn from."""

GRID = 48


# --- dtypes and shapes ----------------------------------------------------------------------------------------------------


def floating_dtypes() -> Strategy[np.dtype[Any]]:
    """NumPy's floating dtypes, ``float64`` first."""
    return st.sampled_from([np.dtype(t) for t in (np.float64, np.float32, np.float16, np.longdouble)])


def complex_dtypes() -> Strategy[np.dtype[Any]]:
    """NumPy's complex dtypes, ``complex128`` first."""
    return st.sampled_from([np.dtype(t) for t in (np.complex128, np.complex64, np.clongdouble)])


def inexact_dtypes() -> Strategy[np.dtype[Any]]:
    """The dtypes that have derivatives: floating and complex."""
    return floating_dtypes() | complex_dtypes()


def integer_dtypes() -> Strategy[np.dtype[Any]]:
    """NumPy's integer dtypes, ``int64`` first."""
    return st.sampled_from([np.dtype(np.int64), *(np.dtype(t) for t in INTEGERS if t is not np.int64)])


def dtypes() -> Strategy[np.dtype[Any]]:
    """All dtypes that covector computes with."""
    return inexact_dtypes() | integer_dtypes() | st.just(np.dtype(np.bool_))


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 3) -> Strategy[Shape]:
    """Shapes with a number of axes and sizes in these ranges; ``min_side=0`` includes empty arrays."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def broadcastable_shapes(count: int, max_dims: int = 3, min_side: int = 1, max_side: int = 3) -> Strategy[tuple[Shape, ...]]:
    """Tuples of ``count`` shapes that broadcast together."""
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=max_dims, min_side=min_side, max_side=max_side)
    return drawn.map(lambda found: found.input_shapes)


# --- arrays -----------------------------------------------------------------------------------------------------------------


@st.composite
def arrays(
    draw: Any,
    dtype: Any = np.float64,
    shape: Any = None,
    *,
    domain: str | tuple[float, float] = "real",
    distinct: bool = False,
    phase: float = 0.31,
    special: bool = False,
) -> Any:
    """Arrays of well-conditioned values.

    Args:
        dtype: a dtype or a strategy for one.  Integers are drawn from the interval too, booleans from both values.
        shape: a shape or a strategy for one (default `shapes`); ``()`` gives NumPy scalars.
        domain: the interval of real values: a name in `DOMAINS` or a pair.  Complex numbers have it in both parts.
        distinct: no two elements of an array are equal (in their real parts), or close.
        phase: where between the points of a grid the values lie; arrays of different phases have no value in common, so
            draw the arguments of a function that has a kink where they are equal with different phases.
        special: put infinities, zeros of both signs and NaN in some places.

    >>> from hypothesis import find
    >>> find(arrays(np.float32, (2,), domain="positive"), lambda x: x[0] > 2.0).dtype
    dtype('float32')
    """
    dtype = np.dtype(draw(dtype) if isinstance(dtype, Strategy) else dtype)
    shape = draw(shapes() if shape is None else shape) if shape is None or isinstance(shape, Strategy) else tuple(shape)
    low, high = DOMAINS[domain] if isinstance(domain, str) else domain
    if dtype.kind == "b":
        return draw(hnp.arrays(np.bool_, shape, fill=st.nothing()))[()]
    if dtype.kind in "iu":
        low, high = max(int(np.ceil(low)), 0 if dtype.kind == "u" else -(2**6)), int(np.floor(high))
        return draw(hnp.arrays(dtype, shape, elements=st.integers(low, high), fill=st.nothing(), unique=distinct))[()]
    x = _grid_values(draw, shape, low, high, distinct, phase)
    if dtype.kind == "c":
        x = x + 1j * _grid_values(draw, shape, low, high, False, 1 - phase)
    x = np.asarray(x).astype(dtype)
    if special and x.size:
        values = [np.nan, np.inf, -np.inf, 0.0, -0.0]
        for place in draw(st.lists(st.integers(0, x.size - 1), max_size=3)):
            x.flat[place] = draw(st.sampled_from(values))
    return x[()]


def _grid_values(draw: Any, shape: Shape, low: float, high: float, distinct: bool, phase: float) -> Any:
    size = int(np.prod(shape))
    n = max(GRID, 2 * size) if distinct else GRID
    points = st.integers(-(n // 2), n // 2 - 1)
    k = draw(hnp.arrays(np.int64, shape, elements=points, fill=st.nothing(), unique=distinct))
    return low + (k + n // 2 + phase) / n * (high - low)


def python_scalars(kinds: str = "ifc", domain: str | tuple[float, float] = "real", phase: float = 0.31) -> Strategy[Any]:
    """Python's own numbers, which are weakly typed: of the kinds ``i``, ``f``, ``c``."""
    makers = {
        "i": st.integers(1, 3),
        "f": arrays(np.float64, (), domain=domain, phase=phase).map(float),
        "c": arrays(np.complex128, (), domain=domain, phase=phase).map(complex),
    }
    return st.one_of([makers[k] for k in kinds])


# --- axes and indices ---------------------------------------------------------------------------------------------------------


def axis(ndim: int) -> Strategy[int]:
    """One axis of an array with ``ndim`` axes, counted from either end."""
    return st.integers(-ndim, ndim - 1)


def canonical_axes(ndim: int, min_size: int = 0) -> Strategy[tuple[int, ...]]:
    """Sorted tuples of distinct non-negative axes, the form that primitives take."""
    chosen = st.sets(st.integers(0, max(ndim - 1, 0)), min_size=min_size, max_size=ndim)
    return chosen.map(lambda s: tuple(sorted(s)))


def axes(ndim: int) -> Strategy[Any]:
    """The forms in which NumPy takes axes: None, one, or a tuple, counted from either end."""
    if ndim == 0:
        return st.sampled_from([None, ()])
    several = hnp.valid_tuple_axes(ndim, min_size=0, max_size=ndim)
    return st.one_of(st.none(), axis(ndim), several)


def basic_indices(shape: Shape) -> Strategy[Any]:
    """Integers, slices, ``...`` and ``np.newaxis``, alone or in a tuple."""
    return hnp.basic_indices(shape, allow_newaxis=True, max_dims=len(shape) + 2)


def boolean_indices(shape: Shape) -> Strategy[Any]:
    """Boolean masks of some leading axes."""
    return st.integers(1, max(len(shape), 1)).flatmap(lambda n: hnp.arrays(np.bool_, shape[:n], fill=st.nothing()))


@st.composite
def advanced_indices(draw: Any, shape: Shape) -> Any:
    """Tuples of integer arrays that broadcast together, mixed with integers, slices, ``np.newaxis`` and ``...``."""
    if not shape or 0 in shape:
        return draw(basic_indices(shape))
    broadcast = draw(shapes(0, 2, 1, 3))
    index: list[Any] = []
    rest = draw(st.integers(1, len(shape)))
    for n in shape[:rest]:
        kind = draw(st.sampled_from(["array", "array", "slice", "int"]))
        if kind == "array":
            own = tuple(1 if draw(st.booleans()) else m for m in broadcast)
            index.append(draw(hnp.arrays(np.int64, own, elements=st.integers(-n, n - 1), fill=st.nothing())))
        elif kind == "slice":
            index.append(draw(st.slices(n)))
        else:
            index.append(draw(st.integers(-n, n - 1)))
    for extra in draw(st.lists(st.sampled_from([np.newaxis, Ellipsis]), max_size=1)):
        stays_last = extra is Ellipsis and rest < len(shape)  # before an entry it would move that to another axis
        index.insert(len(index) if stays_last else draw(st.integers(0, len(index))), extra)
    return tuple(index)


def indices(shape: Shape) -> Strategy[Any]:
    """Anything that indexes an array of this shape: basic, advanced or boolean."""
    masks = [boolean_indices(shape)] if shape else []
    return st.one_of(basic_indices(shape), advanced_indices(shape), *masks)


# --- matrices -----------------------------------------------------------------------------------------------------------------


@st.composite
def well_conditioned(draw: Any, dtype: Any = np.float64, n: int = 3, batch: Shape = ()) -> Any:
    """Square matrices (``batch + (n, n)``) far from singular, which need pivoting."""
    dtype = np.dtype(draw(dtype) if isinstance(dtype, Strategy) else dtype)
    a = draw(arrays(dtype, (*batch, n, n), domain=(-1.0, 1.0)))
    return np.roll(np.eye(n) + 0.6 / max(n, 1) * a, draw(st.integers(0, max(n - 1, 0))), axis=-2).astype(dtype)


@st.composite
def positive_definite(draw: Any, dtype: Any = np.float64, n: int = 3, batch: Shape = ()) -> Any:
    """Symmetric (Hermitian) positive definite matrices with separate eigenvalues."""
    return _separated(draw, dtype, n, batch, first=1.0)


@st.composite
def symmetric(draw: Any, dtype: Any = np.float64, n: int = 3, batch: Shape = ()) -> Any:
    """Symmetric (Hermitian) matrices with separate eigenvalues of both signs."""
    return _separated(draw, dtype, n, batch, first=-1.3)


def _separated(draw: Any, dtype: Any, n: int, batch: Shape, first: float) -> Any:
    dtype = np.dtype(draw(dtype) if isinstance(dtype, Strategy) else dtype)
    a = draw(arrays(dtype, (*batch, n, n), domain=(-1.0, 1.0))) / max(n, 1)
    small = 0.15 * (a + np.conj(np.swapaxes(a, -1, -2)))
    return (np.diag(first + np.arange(n)) + small).astype(dtype)


@st.composite
def matrices(draw: Any, dtype: Any = np.float64, shape: Shape = (3, 2)) -> Any:
    """Matrices of full rank with separate singular values."""
    dtype = np.dtype(draw(dtype) if isinstance(dtype, Strategy) else dtype)
    m, n = shape[-2:]
    a = draw(arrays(dtype, shape, domain=(-1.0, 1.0)))
    spread = np.eye(m, n) * (1.0 + np.arange(n))
    return (spread + 0.3 / max(m, n, 1) * a).astype(dtype)


# --- pytrees ------------------------------------------------------------------------------------------------------------------


def pytrees(leaves: Strategy[Any] | None = None, max_leaves: int = 5) -> Strategy[Any]:
    """Nested lists, tuples, dictionaries and None around leaves (by default arrays)."""

    def containers(children: Strategy[Any]) -> Strategy[Any]:
        few: Sequence[Any] = (
            st.lists(children, max_size=3),
            st.lists(children, max_size=3).map(tuple),
            st.dictionaries(st.sampled_from("abcd"), children, max_size=3),
        )
        return st.one_of(*few)

    return st.recursive(st.none() | (arrays() if leaves is None else leaves), containers, max_leaves=max_leaves)
