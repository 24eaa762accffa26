"""Sylvester's equation: ``sylvester(a, b, q)`` is the x with ``a x + x b = q``, linear in q.

>>> sylvester_p.bind(np.eye(2), np.eye(2), np.ones((2, 2)))
array([[0.5, 0.5],
       [0.5, 0.5]])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from covector.core.avals import ShapedArray, array_aval, broadcast_shapes
from covector.core.kinds import Opaque, jointly
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import align_batch, batch_in_front, unbroadcast
from covector.primitives.derivations import solution_jvp
from covector.primitives.linalg.solving import swap


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    batch, dtype = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2]), np.result_type(a, b, q)
    parts = [np.broadcast_to(x, (*batch, *x.shape[-2:])).astype(dtype) for x in (a, b, q)]  # SciPy is wrong for two dtypes
    out = np.empty((*batch, *q.shape[-2:]), dtype)
    for place in np.ndindex(*batch):
        out[place] = scipy.linalg.solve_sylvester(*(p[place] for p in parts))
    return out


sylvester_p = Primitive("sylvester", Opaque(_sylvester), trusted=True, makes_new=True)
sylvester_p.def_batch(batch_in_front(sylvester_p, align_batch))


@sylvester_p.def_abstract
def _sylvester_abstract(a: ShapedArray, b: ShapedArray, q: ShapedArray) -> ShapedArray:
    batch = broadcast_shapes(broadcast_shapes(a.shape[:-2], b.shape[:-2]), q.shape[:-2])
    return array_aval((*batch, *q.shape[-2:]), np.result_type(a.dtype, b.dtype, q.dtype))


sylvester_p.def_jvp(solution_jvp(sylvester_p, lambda t, x, a, b: t @ x, lambda t, x, a, b: x @ t))


@sylvester_p.def_transpose(linear=jointly(2))
def _sylvester_transpose(ct: Any, a: Any, b: Any, q: Any) -> Any:
    return None, None, unbroadcast(sylvester_p.bind(swap(a), swap(b), ct), q.aval)
