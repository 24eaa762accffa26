"""``vectorize``: a function of numbers, or of arrays of a given form, for arrays of them, by `covector.vmap`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import broadcast_shapes, shape_of
from covector.numpy.registry import as_array, contains_tracer
from covector.primitives.arrays.shaping import convert_to
from covector.transforms.vmap import vmap

_DIMENSIONS = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
_SIGNATURE = rf"\s*{_DIMENSIONS}(?:\s*,\s*{_DIMENSIONS})*\s*->\s*{_DIMENSIONS}(?:\s*,\s*{_DIMENSIONS})*\s*"


class vectorize:
    """``numpy.vectorize``, also of traced values; for these one batched call of the function (`covector.vmap`), which may
    branch on values that are known.

    Args:
        pyfunc: a function of numbers, or, with a signature, of arrays; without it this is a decorator.
        otypes: the dtypes of the results: a text of type characters, or a list.
        doc: a text that describes the result.
        excluded: places and names of arguments that are passed as they are.
        cache: as for NumPy; without effect on traced values.
        signature: the axes of each argument and result of the function, as ``"(n),(n)->()"``.

    Example:
        >>> import covector
        >>> covector.grad(lambda x: np.sum(vectorize(lambda a, b: a * b)(x, 2.0)))(np.ones(3))
        array([2., 2., 2.])
    """

    def __init__(
        self,
        pyfunc: Any = np._NoValue,
        otypes: Any = None,
        doc: str | None = None,
        excluded: Any = None,
        cache: bool = False,
        signature: str | None = None,
    ):
        self._plain = np.vectorize(pyfunc, otypes, doc, excluded, cache, signature)
        self._again = partial(vectorize, otypes=otypes, doc=doc, excluded=excluded, cache=cache, signature=signature)
        self.pyfunc, self.signature, self.excluded = pyfunc, signature, set(excluded or ())
        self.__doc__ = self._plain.__doc__
        self.__name__ = getattr(pyfunc, "__name__", "vectorize")
        if signature is not None and re.fullmatch(_SIGNATURE, signature) is None:
            raise ValueError(f"not a valid gufunc signature: {signature}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.pyfunc is np._NoValue:
            return self._again(*args, **kwargs)
        if not contains_tracer((*args, *kwargs.values())):
            try:
                return self._plain(*args, **kwargs)
            except errors.ConcretizationError:  # the function has traced values from elsewhere
                pass
        values: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        mapped = {key: as_array(value) for key, value in values.items() if key not in self.excluded}

        def call(*vectors: Any) -> Any:
            given = values | dict(zip(mapped, vectors, strict=True))
            return self.pyfunc(*(given[i] for i in range(len(args))), **{name: given[name] for name in kwargs})

        inputs, outputs = (None, None) if self.signature is None else _axes(self.signature)
        if inputs is not None and len(inputs) != len(mapped):
            raise TypeError(f"wrong number of positional arguments: expected {len(inputs)}, got {len(mapped)}")
        return self._mapped(call, list(mapped.values()), inputs or [()] * len(mapped), outputs)

    def _mapped(self, call: Callable[..., Any], args: list[Any], inputs: list[Any], outputs: list[Any] | None) -> Any:
        sizes: dict[str, int] = {}
        for x, names in zip(args, inputs, strict=True):
            _note_sizes(sizes, shape_of(x), names)
        loops = [shape_of(x)[: len(shape_of(x)) - len(names)] for x, names in zip(args, inputs, strict=True)]
        loop = broadcast_shapes(*loops)
        if 0 in loop and self._plain.otypes is None:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        whole = [np.broadcast_to(x, loop + shape_of(x)[len(own) :]) for x, own in zip(args, loops, strict=True)]
        flat = [np.reshape(x, (-1, *shape_of(x)[len(loop) :])) for x in whole]
        results = vmap(call, branches="split")(*flat) if flat else call()
        several = isinstance(results, tuple) if outputs is None else len(outputs) > 1
        made = []
        for i, result in enumerate(results if several else (results,)):
            result = as_array(result)
            own = shape_of(result)[1 if flat else 0 :]
            if outputs is not None:
                _note_sizes(sizes, own, outputs[i], exactly=True)
            elif own:
                raise ValueError("setting an array element with a sequence: give vectorize a signature, as '()->(n)'")
            otype = None if self._plain.otypes is None else np.dtype(self._plain.otypes[i])
            made.append(np.reshape(result if otype is None else convert_to(result, otype), loop + own))
        return tuple(made) if several else made[0]


def _axes(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The names of the axes of the arguments, and of the results."""

    def names(text: str) -> list[tuple[str, ...]]:
        return [tuple(re.findall(r"\w+", group)) for group in re.findall(_DIMENSIONS, text)]

    inputs, outputs = signature.split("->")
    return names(inputs), names(outputs)


def _note_sizes(sizes: dict[str, int], shape: Sequence[int], names: tuple[str, ...], exactly: bool = False) -> None:
    """Keep the length of each named axis, the last ones of a shape; raises where it is another one than before."""
    if len(shape) < len(names) or (exactly and len(shape) != len(names)):
        raise ValueError(f"{len(shape)}-dimensional argument does not have enough dimensions for all core dimensions {names}")
    for name, n in zip(names, shape[len(shape) - len(names) :], strict=True):
        if sizes.setdefault(name, n) != n:
            raise ValueError(f"inconsistent size for core dimension {name!r}: {n} vs {sizes[name]}")
