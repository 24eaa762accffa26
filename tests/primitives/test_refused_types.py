"""What primitives refuse when they are staged: arguments and parameters that do not fit, of each a case that just does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import ShapedArray
from covector.core.primitive import primitive_named


def f64(*shape: int) -> ShapedArray:
    return ShapedArray(shape, np.float64)


def i64(*shape: int) -> ShapedArray:
    return ShapedArray(shape, np.int64)


F32, C64 = ShapedArray((3, 4), np.float32), ShapedArray((3, 3), np.complex64)
WINDOWS = {"lengths": (2,), "strides": (1,), "dilations": (1,)}
TRIANGULAR = {"lower": True, "transpose": False, "unit_diagonal": False}
DCT = {"axis": 0, "norm": "backward", "orthogonalize": False}

# What a primitive takes, and by what it no longer does: arguments, or parameters.
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], list[Any]]] = [
    ("reshape", (f64(3, 4),), {"shape": (12,)}, [{"shape": (11,)}, {"shape": (3, 5)}]),
    ("transpose", (f64(3, 4),), {"permutation": (1, 0)}, [{"permutation": (0, 0)}, {"permutation": (0,)}]),
    ("broadcast_to", (f64(3, 1),), {"shape": (2, 3, 4)}, [{"shape": (2, 4, 4)}, {"shape": (3,)}]),
    ("weaken", (f64(),), {}, [(f64(1),), (ShapedArray((), np.float32),)]),
    ("slice", (f64(3, 4),), {"index": ((0, 3, 1), 3)}, [{"index": (3,)}, {"index": (0, 0, 0)}, {"index": (0, -1)}]),
    ("embed", (f64(4), f64(4)), {"indices": ((0,), (2,)), "shape": (3, 4)}, [
        (f64(4), f64(3)), (f64(4), ShapedArray((4,), np.float32)), {"indices": ((0,), (3,))}]),
    ("update_slice", (f64(3, 4), f64(4)), {"index": (1,)}, [(f64(3, 4), f64(3)), (F32, f64(4)), {"index": (3,)}]),
    ("add_slice", (f64(3, 4), f64(4)), {"index": (1,)}, [(f64(3, 4), f64(1, 4)), (F32, f64(4))]),
    ("erase", (f64(3, 4),), {"index": (1,)}, [{"index": (3,)}]),
    ("gather", (f64(3, 4), i64(2), i64(2)), {}, [(f64(3, 4), i64(2), i64(3)), (f64(3, 4), f64(2))]),
    ("spread", (f64(2, 4), i64(2)), {"shape": (3, 4)}, [(f64(2, 3), i64(2)), (f64(2, 4), f64(2)), {"shape": (3, 5)}]),
    ("clear", (f64(3, 4), i64(2)), {}, [(f64(3, 4), f64(2)), (f64(3, 4), i64(2), i64(3))]),
    *((f"scatter{kind}", (f64(3, 4), f64(2, 4), i64(2)), {}, [
        (f64(3, 4), f64(2, 3), i64(2)), (F32, f64(2, 4), i64(2)), (f64(3, 4), f64(2, 4), f64(2))])
      for kind in ("", "_add", "_mul", "_min", "_max")),
    ("last_write", (i64(2), i64(2)), {"shape": (3, 4)}, [(i64(2), i64(3)), (f64(2), i64(2))]),
    ("concatenate", (f64(3, 4), f64(2, 4)), {"axis": 0}, [
        (f64(3, 4), f64(2, 3)), (f64(3, 4), f64(4)), {"axis": 2}, {"axis": 1}]),
    ("stack", (f64(3, 4), f64(3, 4)), {"axis": 2}, [(f64(3, 4), f64(3, 3)), {"axis": 3}, {"axis": -1}]),
    ("windows", (f64(3, 4),), WINDOWS, [
        {"strides": (0,)}, {"dilations": (0,)}, {"lengths": (0,)},
        {"lengths": (1, 1, 1), "strides": (1, 1, 1), "dilations": (1, 1, 1)}]),
    ("overlap", (f64(3, 4, 2),), {"sizes": (5,), "strides": (1,), "dilations": (1,)}, [{"sizes": (4,)}, (f64(2),)]),
    ("searchsorted", (f64(4), f64(2)), {"side": "left", "batch": 0}, [(f64(2, 4), f64(2)), {"batch": 1}]),
    ("select", (ShapedArray((3,), np.bool_), f64(3), f64(1)), {}, [(ShapedArray((3,), np.bool_), f64(3), f64(2))]),
    ("add", (f64(3, 4), f64(4)), {}, [(f64(3, 4), f64(3))]),
    ("einsum", (f64(3, 4), f64(4, 2)), {"spec": "ij,jk->ik"}, [(f64(3, 4), f64(3, 2)), (f64(3, 4), f64(4))]),
    ("convolve", (f64(2, 4), f64(2, 3)), {}, [(f64(2, 4), f64(3, 3))]),
    ("recurrence", (f64(4), f64(4)), {"axis": 0, "reverse": False}, [(f64(4), f64(3))]),
    ("argmax", (f64(3, 4),), {"axis": 1}, [(f64(3, 0),)]),
    ("dct", (f64(2),), {"transform": "dct", "type": 1, **DCT}, [(f64(1),)]),
    ("dct", (f64(1),), {"transform": "dst", "type": 1, **DCT}, [(f64(0),)]),
    ("fht", (f64(2, 1),), {"inverse": False, "dln": 0.1, "mu": 0.5, "offset": 0.0, "bias": 0.0}, [(f64(2, 0),), (f64(),)]),
    *((name, (f64(2, 3, 3),), params, [(f64(3),), (f64(3, 4),), (i64(3, 3),), (ShapedArray((3, 3), np.float16),)])
      for name, params in {
          "cholesky": {"upper": False}, "inv": {"checked": True}, "det": {}, "slogdet": {}, "eig": {"vectors": True},
          "eigh": {"lower": True, "vectors": True}, "schur": {"output": "real"}, "hessenberg": {}, "hessenberg_form": {},
          "ldl": {"lower": True, "hermitian": True}, "tridiagonal": {"lower": True},
      }.items()),
    *((name, (f64(2, 3, 4),), params, [(f64(3),), (i64(3, 3),)]) for name, params in {
        "qr": {"mode": "reduced"}, "svd": {"full_matrices": True, "compute_uv": True}, "pivoted_columns": {},
        "null_basis": {"rank": 2, "rcond": 0.0}, "range_basis": {"rank": 2, "rcond": 0.0},
    }.items()),
    *((name, (f64(3, 3), f64(2, 3, 1)), params, [
        (f64(3, 3), f64(2, 1)), (f64(3, 4), f64(3, 1)), (f64(3, 3), f64(3)), (i64(3, 3), f64(3, 1)),
        (f64(2, 3, 3), f64(3, 3, 1))])
      for name, params in {"solve": {}, "triangular_solve": TRIANGULAR}.items()),
    ("pinv", (f64(3, 4), f64()), {"hermitian": False}, [(f64(3), f64()), (f64(3, 4), f64(2)), {"hermitian": True}]),
    ("sparse_matmul", (f64(5), i64(5), i64(5), f64(4, 2)), {"shape": (3, 4)}, [
        (f64(5), i64(4), i64(5), f64(4, 2)), (f64(5), i64(5), i64(4), f64(4, 2)), (f64(5), i64(5), i64(5), f64(4)),
        (f64(5, 1), i64(5, 1), i64(5, 1), f64(4, 2)), {"shape": (4, 3)}]),
]  # fmt: skip
REFUSED = [(name, args, params, change) for name, args, params, changes in CASES for change in changes]


@pytest.mark.parametrize(("name", "args", "params", "change"), REFUSED)
def test_what_does_not_fit_is_refused(name: str, args: Any, params: Any, change: Any) -> None:
    primitive = primitive_named(name)
    changed = (args, params | change) if isinstance(change, dict) else (change, params)
    cv.make_jaxpr(lambda *xs: primitive.bind(*xs, **params))(*args)
    with pytest.raises((ValueError, TypeError, IndexError)):
        cv.make_jaxpr(lambda *xs: primitive.bind(*xs, **changed[1]))(*changed[0])
