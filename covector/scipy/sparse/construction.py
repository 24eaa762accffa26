"""The names with which SciPy makes sparse matrices: `coo_array`, `csr_array` and their like, of entries that may be traced."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, contains_tracer
from covector.scipy.sparse.arrays import Pattern, SparseArray, adopt, issparse

Entries = tuple[Any, Any, Any]
"""Values, rows and columns."""


def _integers(x: Any, who: str, what: str) -> Any:
    if isinstance(x, TracerBase) or contains_tracer(x):
        fix = "close over them, or make them a static argument; only the values of the entries may be traced"
        raise errors.ArgumentError(f"{who} got {what} that are traced.", fix=fix)
    x = np.asarray(x)
    if x.ndim != 1 or (x.dtype.kind not in "iu" and x.size):
        raise errors.ArgumentError(f"{who} got {what} of type {typeof(x)}.", fix="give a vector of integers")
    return x.astype(np.int64)


def _compressed(data: Any, indices: Any, indptr: Any, who: str) -> tuple[Any, Any]:
    """The number of the compressed row of each entry (or block), and of its column."""
    indices, indptr = _integers(indices, who, "indices"), _integers(indptr, who, "indptr")
    counts = np.diff(indptr)
    n = shape_of(data)[0] if shape_of(data) else -1
    if not len(indptr) or indptr[0] != 0 or np.any(counts < 0) or not indptr[-1] == len(indices) == n:
        what = f"{who} got data of type {typeof(data)}, {len(indices)} indices and indptr {indptr}."
        raise errors.ArgumentError(what, why="indptr rises from 0 to the number of entries")
    return np.repeat(np.arange(len(counts)), counts), indices


def _csr(parts: Any, who: str) -> tuple[Entries, int]:
    data = as_array(parts[0])
    rows, columns = _compressed(data, parts[1], parts[2], who)
    return (data, rows, columns), len(parts[2]) - 1


def _blocks(parts: Any, who: str) -> Entries:
    data = as_array(parts[0])
    if len(shape_of(data)) != 3:
        what = f"{who} got blocks of type {typeof(data)}."
        raise errors.ArgumentError(what, fix="give an array with the axes (block, row, column)")
    rows, columns = _compressed(data, parts[1], parts[2], who)
    _, r, c = shape_of(data)
    rows = rows[:, None, None] * r + np.arange(r)[:, None]
    columns = columns[:, None, None] * c + np.arange(c)
    rows, columns = (np.broadcast_to(v, shape_of(data)).ravel() for v in (rows, columns))
    return np.reshape(data, (-1,)), rows, columns


def _diagonals(data: Any, offsets: Any, shape: tuple[int, int], who: str) -> Entries:
    """``data[k, j]`` is the element ``[j - offsets[k], j]``."""
    offsets = _integers(np.atleast_1d(offsets), who, "offsets")
    data = as_array(data)
    data = data if len(shape_of(data)) == 2 else np.reshape(data, (1, -1))
    if shape_of(data)[0] != len(offsets) or len(np.unique(offsets)) != len(offsets):
        what = f"{who} got diagonals of type {typeof(data)} and offsets {offsets}."
        raise errors.ArgumentError(what, why="each diagonal has an offset of its own")
    columns = np.broadcast_to(np.arange(shape_of(data)[1]), shape_of(data))
    rows = columns - offsets[:, None]
    k, j = np.nonzero((rows >= 0) & (rows < shape[0]) & (columns < shape[1]))
    return data[k, j], rows[k, j], columns[k, j]


def _made(entries: Entries, shape: Any, dtype: Any, who: str) -> SparseArray:
    data, rows, columns = entries
    rows, columns = _integers(rows, who, "rows"), _integers(columns, who, "columns")
    if not len(rows) == len(columns) == (shape_of(data)[0] if len(shape_of(data)) == 1 else -1):
        what = f"{who} got entries of type {typeof(data)} with {len(rows)} rows and {len(columns)} columns."
        raise errors.ArgumentError(what, fix="give vectors of one length")
    if shape is None:
        if not len(rows):
            raise errors.ArgumentError(f"{who} got no entries and no shape.", fix="give shape=(m, n)")
        shape = int(rows.max()) + 1, int(columns.max()) + 1
    m, n = map(int, shape)
    if len(rows) and not (rows.min() >= 0 and rows.max() < m and columns.min() >= 0 and columns.max() < n):
        what = f"{who} got entries that are not within a matrix of shape {(m, n)}."
        raise errors.ArgumentError(what, fix="indices count from 0 and are not negative")
    found = SparseArray(data if dtype is None else np.astype(data, np.dtype(dtype)), Pattern(rows, columns, (m, n)))
    return found.without_duplicates() if found.dtype == np.bool_ else found  # their sum is another one in other dtypes


def _others(arg: Any, shape: Any, dtype: Any, who: str) -> SparseArray | None:
    """A matrix of what every format takes: a sparse one, a dense one, or a shape; None for anything else."""
    if issparse(arg):
        found = adopt(arg)
    elif isinstance(arg, tuple) and len(arg) == 2 and all(isinstance(n, (int, np.integer)) for n in arg):
        return _made((np.zeros(0), np.zeros(0, int), np.zeros(0, int)), arg, dtype, who)
    elif isinstance(arg, tuple):
        return None
    else:
        dense = as_array(arg)
        if len(shape_of(dense)) != 2:
            what = f"{who} got {typeof(dense)}."
            raise errors.ArgumentError(what, why="it is a matrix", fix="give an array of two axes")
        if isinstance(dense, TracerBase):
            m, n = shape_of(dense)
            rows, columns = np.indices((m, n)).reshape(2, -1)  # which of them are zero is not known
            found = SparseArray(np.reshape(as_array(dense), (-1,)), Pattern(rows, columns, (m, n)))
        else:
            found = adopt(scipy.sparse.coo_array(dense))
    if shape is not None and tuple(shape) != found.shape:
        raise errors.ArgumentError(errors.describe(f"{who} got a matrix of shape {found.shape} and shape={shape}."))
    return found if dtype is None else found.astype(dtype)


def _wrong(arg: Any, who: str, forms: str) -> errors.ArgumentError:
    what = f"{who} got a tuple of {len(arg)}."
    return errors.ArgumentError(what, fix=f"give {forms}, a matrix, or a shape")


def coo_array(arg: Any, shape: Any = None, dtype: Any = None) -> SparseArray:
    """A sparse matrix of entries and their places.

    Args:
        arg: ``(data, (rows, columns))``; or a dense or sparse matrix; or a shape, for a matrix without entries.  Entries at one
            place add up.  ``data`` may be traced, places must be known.  All elements of a dense matrix that is traced are
            entries, also those that are 0: divided by 0 these give NaN, where what is no entry stays 0.
        shape: of the matrix; by default the smallest one that has all entries.
        dtype: of the entries.

    Raises:
        ArgumentError: places are traced, negative or outside of the shape; lengths disagree.

    Example:
        >>> coo_array((np.array([2.0, 3.0]), ([0, 1], [1, 0]))) @ np.array([1.0, 10.0])
        array([20.,  3.])
    """
    found = _others(arg, shape, dtype, "coo_array")
    if found is not None:
        return found
    if len(arg) != 2:
        raise _wrong(arg, "coo_array", "(data, (rows, columns))")
    return _made((as_array(arg[0]), *arg[1]), shape, dtype, "coo_array")


def csr_array(arg: Any, shape: Any = None, dtype: Any = None) -> SparseArray:
    """A sparse matrix by rows.

    Args:
        arg: ``(data, indices, indptr)``: the entries of row i are those from ``indptr[i]`` to ``indptr[i+1]``, in the columns
            that ``indices`` gives; or whatever `coo_array` takes.
        shape, dtype: as for `coo_array`.

    Example:
        >>> csr_array((np.array([2.0, 3.0]), [1, 0], [0, 1, 2])).toarray()
        array([[0., 2.],
               [3., 0.]])
    """
    if not (isinstance(arg, tuple) and len(arg) == 3):
        return coo_array(arg, shape, dtype)
    entries, m = _csr(arg, "csr_array")
    n = int(entries[2].max()) + 1 if len(entries[2]) else 0
    _same_length(shape, 0, m, "csr_array")
    return _made(entries, (m, n) if shape is None else shape, dtype, "csr_array")


def csc_array(arg: Any, shape: Any = None, dtype: Any = None) -> SparseArray:
    """A sparse matrix by columns: as `csr_array`, with ``(data, indices, indptr)`` of the transposed matrix.

    Example:
        >>> csc_array((np.array([2.0, 3.0]), [1, 0], [0, 1, 2])).toarray()
        array([[0., 3.],
               [2., 0.]])
    """
    if not (isinstance(arg, tuple) and len(arg) == 3):
        return coo_array(arg, shape, dtype)
    (data, columns, rows), n = _csr(arg, "csc_array")
    m = int(rows.max()) + 1 if len(rows) else 0
    _same_length(shape, 1, n, "csc_array")
    return _made((data, rows, columns), (m, n) if shape is None else shape, dtype, "csc_array")


def _same_length(shape: Any, axis: int, found: int, who: str) -> None:
    if shape is not None and shape[axis] != found:
        raise errors.ArgumentError(errors.describe(f"{who} got shape={shape} and an indptr for {found} of its axis {axis}."))


def bsr_array(arg: Any, shape: Any = None, dtype: Any = None) -> SparseArray:
    """A sparse matrix of dense blocks ``f[b,r,c]``: ``(data, indices, indptr)`` as for `csr_array`, counted in blocks.

    Example:
        >>> bsr_array((np.ones((1, 2, 2)), [1], [0, 1]), shape=(2, 4)).toarray()
        array([[0., 0., 1., 1.],
               [0., 0., 1., 1.]])
    """
    if not (isinstance(arg, tuple) and len(arg) == 3):
        return coo_array(arg, shape, dtype)
    entries = _blocks(arg, "bsr_array")
    m = (len(arg[2]) - 1) * shape_of(as_array(arg[0]))[1]
    _same_length(shape, 0, m, "bsr_array")
    n = int(entries[2].max()) + 1 if len(entries[2]) else 0
    return _made(entries, (m, n) if shape is None else shape, dtype, "bsr_array")


def dia_array(arg: Any, shape: Any = None, dtype: Any = None) -> SparseArray:
    """A sparse matrix of diagonals: ``(data, offsets)``, where ``data[k, j]`` is the element ``[j - offsets[k], j]``.

    Example:
        >>> dia_array((np.array([[1.0, 2.0]]), [1]), shape=(2, 2)).toarray()
        array([[0., 2.],
               [0., 0.]])
    """
    found = _others(arg, shape, dtype, "dia_array")
    if found is not None:
        return found
    if len(arg) != 2 or shape is None:
        raise _wrong(arg, "dia_array", "(data, offsets) and shape=(m, n)")
    m, n = map(int, shape)
    return _made(_diagonals(arg[0], arg[1], (m, n), "dia_array"), (m, n), dtype, "dia_array")


def diags_array(diagonals: Any, *, offsets: Any = 0, shape: Any = None, dtype: Any = np._NoValue) -> SparseArray:
    """A sparse matrix of diagonals, each from its first element on; one of length 1 is repeated where ``shape`` is given.

    Its dtype is inexact if none is given, double precision for integers, and that of all diagonals if it is None, as in SciPy.

    Example:
        >>> diags_array([np.array([1.0, 2.0]), np.array([5.0])], offsets=[0, 1]).toarray()
        array([[1., 5.],
               [0., 2.]])
    """
    known = _integers(np.atleast_1d(offsets), "diags_array", "offsets")
    lists = [diagonals] if np.ndim(offsets) == 0 and len(shape_of(as_array(diagonals[0]))) == 0 else list(diagonals)
    values = [as_array(d) for d in lists]
    if len(values) != len(known) or not values:
        what = f"diags_array got {len(values)} diagonals and {len(known)} offsets."
        raise errors.ArgumentError(what, fix="give as many of one as of the other")
    if shape is None:
        shape = (shape_of(values[0])[0] + abs(int(known[0])),) * 2
    m, n = map(int, shape)
    parts, rows, columns = [], [], []
    for d, k in zip(values, known.tolist(), strict=True):
        length = max(0, min(m + min(k, 0), n - max(k, 0)))
        if shape_of(d) not in ((length,), (1,)):
            what = f"diags_array got {typeof(d)} for the diagonal {k} of a matrix of shape {(m, n)}."
            raise errors.ArgumentError(what, fix=f"it has {length} elements")
        parts.append(np.broadcast_to(d, (length,)))
        rows.append(np.arange(length) - min(k, 0))
        columns.append(np.arange(length) + max(k, 0))
    entries = (np.concatenate(parts), np.concatenate(rows), np.concatenate(columns))
    if dtype is np._NoValue:
        dtypes = [typeof(d).dtype for d in values]
        dtype = np.result_type(*dtypes, *([np.float64] if any(t.kind in "biu" for t in dtypes) else []))
    return _made(entries, (m, n), dtype, "diags_array")


def eye_array(m: int, n: int | None = None, *, k: int = 0, dtype: Any = float) -> SparseArray:
    """The matrix with ones on a diagonal.

    Example:
        >>> eye_array(2).toarray()
        array([[1., 0.],
               [0., 1.]])
    """
    return adopt(scipy.sparse.eye_array(m, n, k=k, dtype=dtype))
