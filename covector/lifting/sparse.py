"""What SciPy's compiled functions of sparse matrices mean with traced entries, or traced vectors: places are always known.

>>> import covector as cv, numpy as np, scipy.sparse
>>> shift = scipy.sparse.diags([1.0, 1.0], offsets=1, shape=(3, 3))
>>> cv.grad(cv.lift(lambda x: (shift @ x) @ x))(np.array([1.0, 2.0, 3.0]))
array([2., 4., 2.])
>>> cv.lift.uninstall()
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.primitive import TracerBase
from covector.lifting.active import as_covector
from covector.lifting.cells import Cell
from covector.lifting.creation import array_of_list
from covector.lifting.lifted import Lifted, unwrap, wrap
from covector.lifting.memory import memory_of

TOOLS = "scipy.sparse._sparsetools"


def _known(*places: Any) -> list[Any]:
    """Places, which compiled code reads."""
    return [memory_of(p, TOOLS) for p in places]


# --- products ---------------------------------------------------------------------------------------------------------------


def _add_into(y: Any, found: Any) -> None:
    """``y += found``, of which most y are new and zero."""
    before = y._read() if type(y) is Cell else y
    is_zero = type(before) is ndarray and not np.any(before)
    found = np.reshape(wrap(found), y.shape)
    y[...] = found if is_zero else y + found


def _product(matrix: Callable[[Any], Any], data: Any, n: int, x: Any, y: Any) -> None:
    """``y += A @ x`` for a matrix of n columns that covector makes of its entries."""
    x = x if x.shape == (n,) else np.reshape(x, (n, -1))
    _add_into(y, as_covector(lambda data, x: matrix(data) @ x, *unwrap((data, x))))


_patterns: list[tuple[Any, list[ndarray], Any]] = []
"""The last patterns of products: form and shape, the arrays that they were made of, and the pattern."""

KEPT, SMALL = 4, 1_000_000
"""How many of them are kept, and up to how many entries: to make one takes three times as long as a product."""


def _pattern(form: str, places: list[Any], shape: tuple[int, int]) -> Any:
    """Where covector has the entries of a matrix, in the order of its data."""
    for key, before, pattern in tuple(_patterns):
        if key == (form, shape) and all(np.array_equal(a, b) for a, b in zip(places, before, strict=True)):
            return pattern
    parts = tuple(places) if form != "coo_array" else (tuple(places),)
    pattern = _covectors(form)((np.ones(len(places[0])), *parts), shape).pattern
    if len(places[0]) <= SMALL:
        _patterns.insert(0, ((form, shape), [p.copy() for p in places], pattern))
        del _patterns[KEPT:]
    return pattern


def _covectors(name: str) -> Any:
    return getattr(importlib.import_module("covector.scipy.sparse"), name)


def _of_pattern(form: str, places: list[Any], shape: tuple[int, int]) -> Callable[[Any], Any]:
    from covector.scipy.sparse.arrays import SparseArray

    pattern = as_covector(_pattern, form, _known(*places), shape)
    return lambda data: SparseArray(data, pattern)


def _compressed(form: str) -> Callable[..., None]:
    def product(m: int, n: int, *rest: Any) -> None:
        *_, starts, indices, data, x, y = rest  # after the number of columns of x, if it has some
        count = int(_known(starts)[0][-1])
        matrix = _of_pattern(form, [indices[:count], starts], (m, n))
        _product(matrix, data if data.size == count else data[:count], n, x, y)

    return product


def _coordinates(_n: int, *rest: Any) -> None:
    *_, rows, columns, data, x, y = rest
    n = x.shape[0] if len(y.shape) == 1 else x.size // y.shape[1]
    _product(_of_pattern("coo_array", [rows, columns], (y.shape[0], n)), data, n, x, y)


def _diagonals(m: int, n: int, _k: int, _n: int, offsets: Any, data: Any, *rest: Any) -> None:
    x, y = rest[-2:]
    (offsets,) = _known(offsets)
    _product(lambda data: _covectors("dia_array")((data, offsets), (m, n)), data, n, x, y)


def _blocks(m: int, n: int, *rest: Any) -> None:
    *_, r, c, starts, indices, data, x, y = rest
    starts, indices = _known(starts, indices)
    blocks = np.reshape(data, (-1, r, c))
    _product(lambda data: _covectors("bsr_array")((data, indices, starts), (m * r, n * c)), blocks, n * c, x, y)


# --- entries that go elsewhere ----------------------------------------------------------------------------------------------


def _moves(name: str, given: int, out: int | None) -> Callable[..., Any]:
    """A function that puts entries elsewhere: where, is seen by moving their numbers.

    Args:
        name: the function.
        given: the position of the argument that has the entries.
        out: that of the one into which they are written; None if they are returned, last.
    """

    def moved(*args: Any) -> Any:
        data = args[given]
        plain = [None if i in (given, out) else x for i, x in enumerate(args)]
        plain = _known(*plain)
        numbers = np.arange(1.0, data.size + 1)
        plain[given] = numbers
        if out is not None and out != given:
            plain[out] = np.zeros(args[out].size)
        found = getattr(importlib.import_module(TOOLS), name)(*plain)
        if out is None:
            *others, numbers = found
            return (*others, _taken(data, numbers))
        args[out][...] = _taken(data, plain[out])
        return found

    return moved


def _taken(data: Any, numbers: Any) -> Any:
    """The entries that have these numbers, from 1 on; zero where there is none."""
    entries = np.reshape(data, -1)[np.maximum(numbers.astype(int) - 1, 0)]
    return entries if np.all(numbers) else np.where(numbers > 0, entries, 0)


# --- entries that add up ----------------------------------------------------------------------------------------------------


def _rows_of(starts: Any) -> Any:
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _sum_duplicates(m: int, n: int, starts: Any, indices: Any, data: Any) -> None:
    plain = _known(starts, indices)
    rows, columns = _rows_of(plain[0]), plain[1][: plain[0][-1]]
    number = np.cumsum((np.diff(rows, prepend=rows[:1]) != 0) | (np.diff(columns, prepend=columns[:1]) != 0))
    total = wrap(np.zeros(data.shape, data.dtype))
    np.add.at(total, number, data[: len(number)])
    importlib.import_module(TOOLS).csr_sum_duplicates(m, n, *plain, np.zeros(data.size))
    data[...] = total


def _places(name: str, m: int, n: int, args: Any, of_second: float = 1.0) -> list[Any]:
    """The places of two matrices and of what a function makes of them: that of ones, and of ``of_second`` for the second."""
    plain = _known(*[None if i in (2, 5, 8) else x for i, x in enumerate(args)])
    plain[2], plain[5], plain[8] = np.ones(args[2].size), np.full(args[5].size, of_second), np.zeros(args[8].size)
    getattr(importlib.import_module(TOOLS), name)(m, n, *plain)
    return plain


def _sums(name: str, operation: Callable[[Any, Any], Any]) -> Callable[..., None]:
    """``A + B`` or ``A - B``, with the places of both, also those where they cancel."""

    def add(m: int, n: int, *args: Any) -> None:
        a, b, data = args[2], args[5], args[8]
        plain = _places(name, m, n, args, operation(0.0, 1.0))
        numbers = _numbers_of(plain[6], plain[7], n)
        terms = []
        for starts, columns, entries in ((plain[0], plain[1], a), (plain[3], plain[4], b)):
            terms.append(wrap(np.zeros(data.shape, data.dtype)))
            np.add.at(terms[-1], numbers(_rows_of(starts), columns), entries)
        is_exclusive = operation is np.subtract and data.dtype == np.bool_
        data[...] = (np.not_equal if is_exclusive else operation)(*terms)

    return add


def _matrix_product(m: int, n: int, *args: Any) -> None:
    """``A @ B`` of sparse matrices: the sum over pairs of entries, of which one has the column that is the other's row."""
    a, b, data = args[2], args[5], args[8]
    plain = _places("csr_matmat", m, n, args)
    starts = plain[3].astype(int)
    counts = np.diff(starts)[plain[1]]
    of_a = np.repeat(np.arange(len(counts)), counts)
    of_b = np.arange(len(of_a)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[plain[1]][of_a]
    total = wrap(np.zeros(data.shape, data.dtype))
    places = _numbers_of(plain[6], plain[7], n)(_rows_of(plain[0])[of_a], plain[4][of_b])
    np.add.at(total, places, a[of_a] * b[of_b])
    data[...] = total


def _numbers_of(starts: Any, indices: Any, n: int) -> Callable[[Any, Any], Any]:
    """The numbers of the entries at rows and columns, of a matrix of n columns."""
    indices = indices[: starts[-1]]
    used = np.unique(indices) if n * len(starts) >= 2**63 else None  # row * n + column would wrap

    def place(i: Any, j: Any) -> Any:
        return i * n + j if used is None else i * len(used) + np.searchsorted(used, j)

    places = place(_rows_of(starts), indices)
    order = np.argsort(places)
    return lambda rows, columns: order[np.searchsorted(places[order], place(rows, columns))]


def _diagonal(k: int, _m: int, _n: int, starts: Any, indices: Any, data: Any, y: Any) -> None:
    starts, indices = _known(starts, indices)
    rows = _rows_of(starts)
    (found,) = np.nonzero(indices == rows + k)
    y[...] = 0  # it is of `numpy.empty`
    np.add.at(y, (rows if k >= 0 else indices)[found], data[found])


def _compressed_to_dense(_m: int, _n: int, starts: Any, indices: Any, data: Any, y: Any) -> None:
    starts, indices = _known(starts, indices)
    np.add.at(y, (_rows_of(starts), indices), data)


def _coordinates_to_dense(m: int, n: int, _: int, rows: Any, columns: Any, data: Any, y: Any, fortran: bool) -> None:
    rows, columns = _known(rows, columns)
    np.add.at(y, columns * m + rows if fortran else rows * n + columns, data)


# --- zeros of dense arrays --------------------------------------------------------------------------------------------------


def _traced(x: Any) -> bool:
    return issubclass(type(x), Lifted) and isinstance(x._read(), TracerBase)


def _from_dense(original: Callable[..., None], self: Any, arg1: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
    """The constructor of matrices by places; a traced dense array has all of them, for its zeros have derivatives."""
    dense = array_of_list(arg1) if type(arg1) is list else arg1
    if _traced(dense) and dense.shape:
        keeps_axes = len(dense.shape) > 1 or isinstance(self, sys.modules["scipy.sparse"].sparray)
        own = dense.shape if keeps_axes else (1, *dense.shape)
        if shape is None or tuple(shape) == own:
            arg1, shape = (dense.reshape(-1), tuple(np.indices(own).reshape(len(own), -1))), own
    original(self, arg1, shape, *args, **kwargs)


def _from_vector(original: Callable[..., None], self: Any, arg1: Any, *args: Any, **kwargs: Any) -> None:
    """The constructor of matrices by a dictionary: SciPy goes through that by places, but for vectors."""
    arg1 = array_of_list(arg1) if type(arg1) is list else arg1
    if _traced(arg1) and len(arg1.shape) == 1:
        raise _left_out("a dok_array was made of a traced vector")
    original(self, arg1, *args, **kwargs)


def _set_element(original: Callable[..., None], self: Any, *place_and_value: Any) -> None:
    """A write of one element, which SciPy leaves out where it is 0."""
    *place, x = place_and_value
    if not _traced(x):
        original(self, *place, x)
    else:
        self._dict[tuple(place) if len(place) > 1 else place[0]] = x


def _set_elements(original: Callable[..., None], self: Any, *places_and_values: Any) -> None:
    if _traced(places_and_values[-1]):
        raise _left_out("traced values were written into a dok_array")
    original(self, *places_and_values)


def _left_out(what: str) -> errors.UnsupportedFunctionError:
    why = "SciPy leaves out those that are 0, which have derivatives"
    return errors.UnsupportedFunctionError(f"{what}.", why=why, fix="write them one by one, or use coo_array((values, (i, j)))")


METHODS: dict[tuple[str, str, str], Callable[..., Any]] = {
    ("scipy.sparse._coo", "_coo_base", "__init__"): _from_dense,
    ("scipy.sparse._dok", "_dok_base", "__init__"): _from_vector,
    **{("scipy.sparse._dok", "_dok_base", name): _set_element for name in ("_set_int", "_set_intXint")},
    **{("scipy.sparse._dok", "_dok_base", name): _set_elements for name in ("_set_array", "_set_arrayXarray")},
    ("scipy.sparse.linalg._interface", "MatrixLinearOperator", "_matmat"): lambda original, self, x: self.A @ x,
}
"""Methods of SciPy's classes, by module and class, and what they mean in lifted code: ``meaning(method, self, *args)``."""

SPARSE: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("csr_matvec", "csr_matvecs"), _compressed("csr_array")),
    **dict.fromkeys(("csc_matvec", "csc_matvecs"), _compressed("csc_array")),
    **dict.fromkeys(("coo_matvec", "coo_matmat_dense"), _coordinates),
    **dict.fromkeys(("dia_matvec", "dia_matvecs"), _diagonals),
    **dict.fromkeys(("bsr_matvec", "bsr_matvecs"), _blocks),
    "coo_tocsr": _moves("coo_tocsr", 5, 8),
    "csr_tocsc": _moves("csr_tocsc", 4, 7),
    "csr_sort_indices": _moves("csr_sort_indices", 3, 3),
    "csr_row_index": _moves("csr_row_index", 4, 6),
    "csr_row_slice": _moves("csr_row_slice", 5, 7),
    "csr_column_index2": _moves("csr_column_index2", 4, 6),
    "dia_tocsr": _moves("dia_tocsr", 5, 7),
    "get_csr_submatrix": _moves("get_csr_submatrix", 4, None),
    "csr_sum_duplicates": _sum_duplicates,
    "csr_plus_csr": _sums("csr_plus_csr", np.add),
    "csr_minus_csr": _sums("csr_minus_csr", np.subtract),
    "csr_matmat": _matrix_product,
    "csr_diagonal": _diagonal,
    "csr_todense": _compressed_to_dense,
    "coo_todense": _coordinates_to_dense,
}
"""The functions of SciPy's `_sparsetools` that have a meaning with traced entries."""
