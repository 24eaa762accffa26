"""Functions of a matrix together with their derivatives in given directions, a kind that is closed under differentiation.

``(a, *directions)`` gives the derivative of a function at ``a`` in so many directions, symmetric and linear in them; without
any, the function.  A derivative of it has one direction more.  As ``trace(c D(e, …))`` is symmetric in c and e, the cotangent
takes the place of the direction when it is transposed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes
from covector.core.jaxpr import Var
from covector.core.kinds import Kind
from covector.core.primitive import Primitive, derived, derives
from covector.primitives.arrays.shaping import align_batch, batch_in_front, unbroadcast
from covector.primitives.linalg.solving import check_matrices, swap
from covector.primitives.math.ring import with_sum


class Directional(Kind):
    """A function of stacks of square matrices with its derivatives.

    Args:
        fn: ``fn(a, *directions, **params)``.
        read: what is read of a change of ``a``; by default all of it.
    """

    def __init__(self, fn: Callable[..., Any], read: Callable[[Any], Any] = lambda change: change):
        self.fn = fn
        self.read = read

    def linear(self, mask: tuple[bool, ...], params: dict[str, Any]) -> bool:  # type: ignore[override]
        """Linear in any one direction."""
        return sum(mask) == 1 and not mask[0]


@derived("abstract", Directional)
def _abstract(primitive: Primitive, kind: Directional, *matrices: ShapedArray, **params: Any) -> ShapedArray:
    check_matrices(primitive.name, *matrices)
    shape = functools.reduce(broadcast_shapes, [m.shape for m in matrices])
    return array_aval(shape, np.result_type(*(m.dtype for m in matrices)))


@derived("jvp", Directional)
def _jvp(primitive: Primitive, kind: Directional, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    out = primitive.bind(*primals, **params)
    a, *directions = primals
    change, *turns = tangents
    terms = [] if type(change) is Zero else [primitive.bind(a, *directions, kind.read(change), **params)]
    for i, t in enumerate(turns):
        if type(t) is not Zero:
            terms.append(primitive.bind(a, *directions[:i], t, *directions[i + 1 :], **params))
    return with_sum(out, terms)


@derived("transpose", Directional)
def _transpose(primitive: Primitive, kind: Directional, ct: Any, a: Any, *directions: Any, **params: Any) -> Any:
    known = [d for d in directions if type(d) is not Var]
    (d,) = (d for d in directions if type(d) is Var)
    whole = unbroadcast(swap(primitive.bind(a, *known, swap(ct), **params)), d.aval)
    return None, *(whole if x is d else None for x in directions)


derives("batch", Directional)(lambda primitive, kind: batch_in_front(primitive, align_batch))
