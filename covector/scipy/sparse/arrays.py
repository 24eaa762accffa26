"""A sparse matrix whose entries may be traced: their values are a leaf, their places are known.

>>> A = SparseArray(np.array([2.0, 3.0]), Pattern(np.array([0, 1]), np.array([1, 0]), (2, 2)))
>>> A @ np.array([1.0, 10.0])
array([20.,  3.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

from covector.core import asked, errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import register_when_needed
from covector.core.tracer import NO_ARRAY
from covector.numpy.at import at
from covector.numpy.registry import as_array, inexact
from covector.primitives.linalg.sparse_products import sparse_matmul_p


class Pattern:
    """Where the entries of a matrix are; equal where the same places come in the same order.

    Args:
        rows, columns: vectors of integers, of one length.
        shape: that of the matrix.
    """

    __slots__ = ("_hash", "columns", "rows", "shape")

    def __init__(self, rows: Any, columns: Any, shape: tuple[int, int]):
        self.rows, self.columns = (np.array(v, np.int64) for v in (rows, columns))
        self.shape = shape
        self._hash: int | None = None
        for v in (self.rows, self.columns):
            v.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Pattern)
            and self.shape == other.shape
            and np.array_equal(self.rows, other.rows)
            and np.array_equal(self.columns, other.columns)
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.shape, self.rows.tobytes(), self.columns.tobytes()))
        return self._hash

    def __repr__(self) -> str:
        return f"Pattern({len(self.rows)} entries, shape={self.shape})"

    @property
    def T(self) -> Pattern:
        return Pattern(self.columns, self.rows, self.shape[::-1])


def _grouped(rows: Any, columns: Any) -> tuple[Any, Any, Any]:
    """The rows and columns of the different places, sorted, and the number of the one of each entry.

    There is no number for a pair of them: a matrix may have more than 2**63 elements.
    """
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    is_new = np.append(True, (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1]))[: len(order)]
    group = np.empty_like(order)
    group[order] = np.cumsum(is_new) - 1
    return rows[is_new], columns[is_new], group


class SparseArray:
    """A matrix given by its entries, as `covector.scipy.sparse.coo_array` and its like make it.

    A pytree with one leaf, ``data``.  It has the operators of SciPy's sparse arrays: ``@`` with vectors ``f[n]``, matrices
    ``f[n,k]`` and sparse matrices, ``*`` by elements.  Entries at one place add up, as in `scipy.sparse.coo_array`.

    Args:
        data: the values of the entries ``f[e]``.
        pattern: where they are.

    Example:
        >>> A = SparseArray(np.array([2.0, 3.0]), Pattern(np.array([0, 1]), np.array([1, 0]), (2, 2)))
        >>> (2 * A.T).toarray()
        array([[0., 6.],
               [4., 0.]])
    """

    __array_ufunc__ = None  # NumPy's arrays leave operators to this class
    __hash__ = None  # type: ignore[assignment]
    ndim = 2

    def __init__(self, data: Any, pattern: Pattern):
        self.data, self.pattern = data, pattern

    # --- what it is ---

    @property
    def shape(self) -> tuple[int, int]:
        return self.pattern.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return typeof(self.data).dtype  # type: ignore[no-any-return]

    @property
    def nnz(self) -> int:
        """The number of entries."""
        return len(self.pattern.rows)

    @property
    def row(self) -> Any:
        return self.pattern.rows

    @property
    def col(self) -> Any:
        return self.pattern.columns

    @property
    def T(self) -> SparseArray:
        return SparseArray(self.data, self.pattern.T)

    def transpose(self) -> SparseArray:
        return self.T

    def __repr__(self) -> str:
        return f"SparseArray({getattr(self.data, 'dtype', type(self.data).__name__)}, {self.nnz} entries, shape={self.shape})"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if asked.by_operator_of("scipy.sparse"):
            return NO_ARRAY  # it then leaves the operator to this class
        what = f"a NumPy array of a sparse matrix of covector's of shape {self.shape} was asked for."
        fix = "A.toarray() for a dense one; operators, which take SciPy's matrices too; A.to_scipy() of known entries"
        raise errors.ArrayTypeError(what, why="it would be dense", fix=fix)

    def __bool__(self) -> bool:
        what = f"the truth of a sparse matrix of shape {self.shape} was asked for."
        raise errors.ArrayTypeError(what, fix="ask for A.nnz or for its elements")

    def toarray(self) -> Any:
        """The dense matrix.

        Example:
            >>> SparseArray(np.array([2.0]), Pattern([0], [1], (1, 2))).toarray()
            array([[0., 2.]])
        """
        return at(np.zeros(self.shape, self.dtype))[self.row, self.col].add(self.data)

    todense = toarray

    def to_scipy(self) -> Any:
        """SciPy's `coo_array`, of known entries."""
        if isinstance(self.data, TracerBase):
            what = f"to_scipy of a matrix of entries of type {typeof(self.data)} that are traced."
            raise errors.TracerArrayConversionError(what, fix="compute with the matrix itself")
        return scipy.sparse.coo_array((self.data, (self.row, self.col)), shape=self.shape)

    def astype(self, dtype: Any) -> SparseArray:
        dtype = np.dtype(dtype)
        adds_up = dtype.kind in "fc" or dtype == self.dtype  # 0.5 and 0.5 at one place are the integer 1
        found = self if adds_up else self.without_duplicates()
        return found._with(np.astype(found.data, dtype))

    def without_duplicates(self) -> SparseArray:
        """The same matrix with one entry a place: itself, if it has no more."""
        places = _grouped(self.row, self.col)
        return self if len(places[0]) == self.nnz else self._summed(*places)

    def conj(self) -> SparseArray:
        return self._with(np.conj(self.data))

    conjugate = conj

    def diagonal(self) -> Any:
        """The elements ``[i, i]``."""
        on = self.row == self.col
        return at(np.zeros(min(self.shape), self.dtype))[self.row[on]].add(self.data[on])

    def sum(self, axis: int | None = None) -> Any:
        """The sum of all elements, or of each column (axis 0) or row (axis 1)."""
        if axis is None:
            return np.sum(self.data)
        along = (self.row, self.col)[1 - axis % 2] if axis in (-2, -1, 0, 1) else None
        if along is None:
            raise errors.ArgumentError(f"sum of a sparse matrix got axis={axis!r}.", fix="0, 1 or None")
        dtype = np.sum(np.zeros(0, self.dtype)).dtype
        return at(np.zeros(self.shape[1 - axis % 2], dtype))[along].add(np.astype(self.data, dtype))

    def sum_duplicates(self) -> SparseArray:
        """The same matrix with one entry a place, by rows and then by columns."""
        return self._summed(*_grouped(self.row, self.col))

    def _summed(self, rows: Any, columns: Any, group: Any) -> SparseArray:
        data = at(np.zeros(len(rows), self.dtype))[group].add(self.data)
        return SparseArray(data, Pattern(rows, columns, self.shape))

    # --- operators ---

    def _with(self, data: Any) -> SparseArray:
        return SparseArray(data, self.pattern)

    def _refuse(self, what: str, other: Any) -> errors.ArgumentError:
        shape = getattr(other, "shape", ())
        what = f"{what} of a sparse matrix of shape {self.shape} and one of shape {shape}."
        return errors.ArgumentError(errors.describe(what))

    def __matmul__(self, other: Any) -> Any:
        if issparse(other):
            return self._product(adopt(other))
        other = as_array(other)
        shape = shape_of(other)
        if len(shape) not in (1, 2) or shape[0] != self.shape[1]:
            raise self._refuse("the product", other)
        x = other if len(shape) == 2 else np.reshape(other, (-1, 1))
        out = sparse_matmul_p.bind(as_array(self.data), self.row, self.col, x, shape=self.shape)
        return out if len(shape) == 2 else np.reshape(out, (-1,))

    def __rmatmul__(self, other: Any) -> Any:
        if issparse(other):
            return adopt(other) @ self
        other = as_array(other)
        if len(shape_of(other)) not in (1, 2) or shape_of(other)[-1] != self.shape[0]:
            raise self._refuse("the product", other)
        return np.transpose(self.T @ np.transpose(other))

    dot = __matmul__

    def _product(self, other: SparseArray) -> SparseArray:
        """Every pair of an entry and one in the row that its column names (Gustavson, ACM TOMS 4, 1978)."""
        if self.shape[1] != other.shape[0]:
            raise self._refuse("the product", other)
        order = np.argsort(other.row, kind="stable")
        counts = np.bincount(other.row, minlength=other.shape[0])
        starts = np.cumsum(counts) - counts
        pairs = counts[self.col]
        left = np.repeat(np.arange(self.nnz), pairs)
        right = order[np.arange(len(left)) - np.repeat(np.cumsum(pairs) - pairs, pairs) + starts[self.col[left]]]
        data = np.take(as_array(self.data), left) * np.take(as_array(other.data), right)
        pattern = Pattern(self.row[left], other.col[right], (self.shape[0], other.shape[1]))
        return SparseArray(data, pattern).sum_duplicates()

    def _by_elements(self, operation: Callable[[Any, Any], Any], other: Any) -> SparseArray:
        """An operation of the entries and a number, or the elements of a dense matrix at their places."""
        other = operand(other)
        if not shape_of(other):
            return self._with(operation(as_array(self.data), other))
        if np.broadcast_shapes(shape_of(other), self.shape) != self.shape:
            raise self._refuse("an operation by elements", other)
        return self._with(operation(self.data, np.broadcast_to(other, self.shape)[self.row, self.col]))

    def multiply(self, other: Any) -> SparseArray:
        """The product by elements with a number, a dense matrix that broadcasts to this shape, or a sparse one of it."""
        if not issparse(other):
            return self._by_elements(np.multiply, other)
        a, b = self.sum_duplicates(), adopt(other).sum_duplicates()
        if a.shape != b.shape:
            raise self._refuse("the product by elements", b)
        *_, group = _grouped(np.append(a.row, b.row), np.append(a.col, b.col))
        _, i, j = np.intersect1d(group[: a.nnz], group[a.nnz :], assume_unique=True, return_indices=True)
        return SparseArray(a.data[i] * b.data[j], Pattern(a.row[i], a.col[i], a.shape))

    __mul__ = multiply

    def __rmul__(self, other: Any) -> Any:
        return adopt(other) @ self if isinstance(other, scipy.sparse.spmatrix) else self.multiply(other)

    def __rtruediv__(self, other: Any) -> Any:
        why = "most quotients would be by 0"
        raise errors.ArgumentError("something was divided by a sparse matrix.", why=why, fix="x / A.toarray()")

    def __truediv__(self, other: Any) -> SparseArray:
        if issparse(other):
            what, why = "a sparse matrix was divided by a sparse one.", "it is 0 / 0 almost everywhere"
            raise errors.ArgumentError(what, why=why, fix="A.toarray() / B.toarray()")
        return self._by_elements(np.divide, other)

    def __neg__(self) -> SparseArray:
        return self._with(-self.data)

    def _with_dense(self, operation: Callable[[Any, Any], Any], other: Any) -> Any:
        """The sum with a dense matrix, or the difference; a number is refused."""
        other = as_array(other)
        if not shape_of(other):
            what = "a number was added to a sparse matrix, or subtracted."
            raise errors.ArgumentError(what, why="the result would be dense", fix="A.toarray() + number; A + 0 is A")
        return operation(self.toarray(), other)

    def _compared(self, other: Any) -> Any:
        if not (issparse(other) or issubclass(type(other), (TracerBase, np.ndarray, np.generic, int, float, complex))):
            return NotImplemented
        what, why = "a sparse matrix was compared.", "most elements of the result would be those of zeros"
        fix = "compare A.toarray(), or the entries A.data; A is B asks whether it is the same one"
        raise errors.ArgumentError(what, why=why, fix=fix)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared

    def __add__(self, other: Any) -> Any:
        if _is_zero(other):
            return self.astype(self.dtype)
        if not issparse(other):
            return self._with_dense(np.add, other)
        other = adopt(other)
        if self.shape != other.shape:
            raise self._refuse("the sum", other)
        data = np.concatenate([as_array(self.data), as_array(other.data)])
        rows, columns = np.concatenate([self.row, other.row]), np.concatenate([self.col, other.col])
        return SparseArray(data, Pattern(rows, columns, self.shape)).sum_duplicates()

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if _is_zero(other):
            return self.astype(self.dtype)
        if not issparse(other):
            return self._with_dense(np.subtract, other)
        other = adopt(other)
        dtype = np.result_type(self.dtype, other.dtype)
        if dtype == np.bool_:  # SciPy's: where they differ
            return (self.astype(np.int8) - other.astype(np.int8)).astype(np.bool_)
        return self.astype(dtype) + -other.astype(dtype)

    def __rsub__(self, other: Any) -> Any:
        if _is_zero(other):
            return -self
        return adopt(other) - self if issparse(other) else self._with_dense(lambda a, b: b - a, other)


register_when_needed(SparseArray, lambda a: ((a.data,), a.pattern), lambda pattern, leaves: SparseArray(leaves[0], pattern))


def _is_zero(x: Any) -> bool:
    """Whether something is the number 0, with which `sum` begins."""
    return not (issparse(x) or isinstance(x, TracerBase)) and np.ndim(x) == 0 and bool(x == 0)


def operand(x: Any) -> Any:
    """An array, or a Python number, which takes the dtype of what it is combined with."""
    return x if type(x) in (int, float, complex) else as_array(x)


def issparse(x: Any) -> bool:
    """Whether something is a sparse matrix, SciPy's or one of this package.

    Example:
        >>> issparse(scipy.sparse.eye_array(2)), issparse(np.eye(2))
        (True, False)
    """
    return isinstance(x, SparseArray) or scipy.sparse.issparse(x)


def adopt(x: Any) -> SparseArray:
    """A sparse matrix of SciPy's as one of this package."""
    if isinstance(x, SparseArray):
        return x
    if x.ndim != 2:
        what = f"a sparse array of shape {x.shape} was given."
        raise errors.ArgumentError(what, why="only matrices are products with traced values", fix="reshape it")
    entries = x.tocoo()
    return SparseArray(entries.data, Pattern(entries.row, entries.col, (int(x.shape[0]), int(x.shape[1]))))


def operator(symbol: str, x: Any, traced: Any) -> Any:
    """``x.__symbol__(traced)`` for a sparse matrix of SciPy's and a traced value; ``*`` of `spmatrix` is ``@``."""
    if symbol in ("__mul__", "__rmul__") and isinstance(x, scipy.sparse.spmatrix) and shape_of(traced):
        symbol = symbol.replace("mul", "matmul")
    method = getattr(adopt(x), symbol, None)
    return NotImplemented if method is None else method(traced)


def as_matrix(A: Any) -> SparseArray:
    """A sparse matrix of inexact entries, of a sparse one or a dense one that is known."""
    if not issparse(A):
        A = scipy.sparse.coo_array(np.asarray(A))
    matrix = adopt(A)
    return matrix if matrix.dtype.kind in "fc" else matrix._with(inexact(matrix.data))
