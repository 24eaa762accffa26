"""Products of sparse matrices, given by their entries, with dense ones: ``sparse_matmul``.

>>> entries = np.array([2.0, 3.0]), np.array([0, 1]), np.array([1, 0])
>>> sparse_matmul_p.bind(*entries, np.array([[1.0], [10.0]]), shape=(2, 2))
array([[20.],
       [ 3.]])

The product is bilinear in the entries and the dense matrix.  The cotangent of an entry is the inner product of a row of the
cotangent and a row of the dense matrix, so nothing dense of the size of the sparse matrix is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array

from covector.core.avals import ShapedArray, Zero, array_aval, shape_of, typeof
from covector.core.jaxpr import Var
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive, one_of
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.shaping import Dims, convert_to


def _product(data: Any, rows: Any, columns: Any, x: Any, *, shape: tuple[int, int]) -> Any:
    dtype = np.result_type(data.dtype, x.dtype)
    wide = np.dtype(np.float32) if dtype == np.float16 else dtype  # SciPy has no products of half precision
    return (coo_array((data.astype(wide), (rows, columns)), shape=shape) @ x).astype(dtype, copy=False)


sparse_matmul_p = Primitive("sparse_matmul", Opaque(_product), trusted=True, makes_new=True)
"""``(data[e], rows[e], columns[e], x[n,k]) -> [m,k]`` with the parameter ``shape=(m, n)``; entries at one place add up."""


@sparse_matmul_p.def_abstract
def _abstract(
    data: ShapedArray, rows: ShapedArray, columns: ShapedArray, x: ShapedArray, *, shape: tuple[int, int]
) -> ShapedArray:
    if data.ndim != 1 or not data.shape == rows.shape == columns.shape or x.ndim != 2 or x.shape[0] != shape[1]:
        raise ValueError(f"sparse_matmul of {data}, {rows}, {columns} and {x} for a matrix of shape {shape}")
    return array_aval((shape[0], x.shape[1]), np.result_type(data.dtype, x.dtype))


@sparse_matmul_p.def_jvp
def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, shape: tuple[int, int]) -> Any:
    (data, rows, columns, x), (t_data, _, _, t_x) = primals, tangents
    out = sparse_matmul_p.bind(data, rows, columns, x, shape=shape)
    terms = []
    if type(t_data) is not Zero:
        terms.append(sparse_matmul_p.bind(t_data, rows, columns, x, shape=shape))
    if type(t_x) is not Zero:
        terms.append(sparse_matmul_p.bind(data, rows, columns, t_x, shape=shape))
    return out, sum(terms[1:], terms[0]) if terms else typeof(out).zero


@sparse_matmul_p.def_transpose(linear=one_of(0, 3))
def _transpose(ct: Any, data: Any, rows: Any, columns: Any, x: Any, *, shape: tuple[int, int]) -> Any:
    if type(data) is Var:
        found = np.sum(gather_p.bind(ct, rows) * gather_p.bind(x, columns), axis=1)
        return convert_to(found, data.aval.dtype), None, None, None
    found = sparse_matmul_p.bind(data, columns, rows, ct, shape=shape[::-1])
    return None, None, None, convert_to(found, x.aval.dtype)


@sparse_matmul_p.def_batch
def _batch(size: int, args: Sequence[Any], dims: Dims, *, shape: tuple[int, int]) -> Any:
    """Examples of the dense matrix are more columns of it; those of the sparse one are blocks of one larger matrix."""
    (m, n), (data, rows, columns, x) = shape, args
    k = shape_of(x)[-1] if dims[3] is None else np.delete(shape_of(x), dims[3])[-1]
    if dims[3] is not None and all(d is None for d in dims[:3]):
        wide = np.reshape(np.moveaxis(x, dims[3], 1), (n, size * int(k)))
        out = sparse_matmul_p.bind(data, rows, columns, wide, shape=shape)
        return np.reshape(out, (m, size, int(k))), 1
    whole = [
        np.broadcast_to(a, (size, *shape_of(a))) if d is None else np.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)
    ]
    block = np.arange(size)[:, None]
    data, rows, columns = (np.reshape(a, (-1,)) for a in (whole[0], whole[1] + m * block, whole[2] + n * block))
    out = sparse_matmul_p.bind(data, rows, columns, np.reshape(whole[3], (size * n, int(k))), shape=(size * m, size * n))
    return np.reshape(out, (size, m, int(k))), 0
