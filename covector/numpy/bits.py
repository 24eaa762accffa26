"""``packbits`` and ``unpackbits``: eight booleans in a byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import array_aval, shape_of
from covector.core.kinds import Discrete
from covector.core.primitive import Primitive
from covector.numpy.registry import array_and_axis, implements


def _along_axis(function: Any, names: tuple[str, ...], length: Any, impl: Any) -> None:
    """Register a function of bits along an axis: ``length(n, count)`` of the result for n elements."""
    name = function.__name__
    primitive = Primitive(name, Discrete(impl), trusted=True, makes_new=True)

    @primitive.def_abstract
    def abstract(a: Any, *, axis: int, **options: Any) -> Any:
        shape = list(a.shape)
        shape[axis] = length(shape[axis], options.get("count"))
        return array_aval(tuple(shape), np.dtype(np.uint8))

    @primitive.def_batch
    def batch(size: int, args: Any, dims: Any, *, axis: int, **options: Any) -> Any:
        return primitive.bind(np.moveaxis(args[0], dims[0], 0), axis=axis + 1, **options), 0

    @implements(function)
    def handler(a: Any, /, axis: Any = None, *given: Any, **options: Any) -> Any:
        options |= zip(names, given, strict=False)
        a, axis = array_and_axis(a, axis, name)
        if not shape_of(a):
            a = np.reshape(a, (1,))
        function(np.empty((0,), a.dtype), bitorder=options.get("bitorder", "big"))  # raises for a wrong dtype or option
        return primitive.bind(a, axis=axis, **options)


def _unpacked(n: int, count: Any) -> int:
    return 8 * n if count is None else count if count >= 0 else max(8 * n + count, 0)


def _unpack(a: Any, *, axis: int, **options: Any) -> Any:
    """`numpy.unpackbits`, which leaves the zeros that ``count`` adds to no bytes at all uninitialised."""
    bits = np.unpackbits(a, axis=axis, **options)
    return bits if a.size else np.zeros_like(bits)


_along_axis(np.packbits, ("bitorder",), lambda n, count: -(-n // 8), np.packbits)
_along_axis(np.unpackbits, ("count", "bitorder"), _unpacked, _unpack)
