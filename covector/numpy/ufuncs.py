"""The methods of ufuncs on tracers: calls with options, ``reduce``, ``accumulate``, ``reduceat``, ``outer``, ``at``.

A plain call goes straight to the primitive (`covector.core.tracer.UFUNCS`) and never comes here.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import WEAK_TYPES, dtype_of, is_weak, shape_of
from covector.core.kinds import Reduction
from covector.core.primitive import Primitive
from covector.core.tracer import OUR_OPERANDS, UFUNCS, foreign_override, register_ufunc_method, unsupported
from covector.numpy.inplace import Probe, is_augmented_assignment, note_references, written_into_array
from covector.numpy.outputs import computed_into, is_temporary
from covector.numpy.outputs import note_references as note_references_to_out
from covector.numpy.reductions import (
    NO_VALUE,
    all_,
    any_,
    as_mask,
    cummax,
    cummin,
    initial_value,
    logsumexp,
    masked,
    max_,
    min_,
    needs_initial,
    prod,
    reduce_axes,
    reduced,
    reduced_shape,
    sum_,
    without_identity,
)
from covector.numpy.registry import as_array, canonical_axis
from covector.numpy.statistics import nanmax, nanmin
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.math.reductions import keep_axes, reduce_xor_p

IGNORED_OPTIONS = ("order", "subok")
"""Options about memory, which change no value."""


def ufunc_method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what a method of ufuncs means on tracers."""

    def register(method: Callable[..., Any]) -> Callable[..., Any]:
        def checked(ufunc: np.ufunc, *inputs: Any, out: Any = None, **options: Any) -> Any:
            if out is not None and out[0] is inputs[0] and name == "__call__" and type(out[0]) is np.ndarray:
                references = sys.getrefcount(out[0])
                if type(inputs[-1]) is Probe:
                    return references
                if is_augmented_assignment(sys._getframe(2)):
                    return written_into_array(ufunc, out[0], references, lambda: method(ufunc, *inputs, **options))
            references = sys.getrefcount(out[0]) if name == "__call__" and out is not None and len(out) == 1 else 0
            if type(inputs[-1]) is Probe:
                return references
            for x in (*inputs, *(out or ())):
                if type(x) not in OUR_OPERANDS and x is not None and foreign_override(x):
                    return NotImplemented
            for option in IGNORED_OPTIONS:
                options.pop(option, None)
            if any(x is not None for x in out or ()):
                if references and is_temporary(ufunc, out[0], references, sys._getframe(2)):
                    return computed_into(ufunc, out[0], lambda xs, rest: method(ufunc, *xs, **rest), inputs, **options)
                raise _written(f"numpy.{ufunc.__name__}", "use the returned value: y = np.f(x) instead of np.f(x, out=y)")
            return method(ufunc, *inputs, **options)

        register_ufunc_method(name, checked)
        return method

    return register


def _written(what: str, fix: str) -> errors.InPlaceWriteError:
    return errors.InPlaceWriteError(
        f"{what} was asked to write a traced value into an array in place.",
        why="traced values are immutable, and an array cannot hold one",
        fix=fix,
    )


# --- a call with options ----------------------------------------------------------------------------------------------


def meaning_of(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """What a ufunc means; those of `scipy.special` get their meaning when one is first used."""
    if ufunc not in UFUNCS and "scipy.special" in sys.modules:
        importlib.import_module("covector.primitives.math.special_functions")
    return UFUNCS.get(ufunc)


@ufunc_method("__call__")
def call(ufunc: np.ufunc, *inputs: Any, where: Any = True, **options: Any) -> Any:
    """``dtype=``, ``casting=`` and ``signature=`` choose the dtypes to compute in; generalized ufuncs have axes."""
    handler = meaning_of(ufunc)
    if handler is None:
        raise unsupported(ufunc)
    if where is not True:
        raise errors.UnsupportedFunctionError(
            f"numpy.{ufunc.__name__} with where= is not supported on traced values.",
            why="without out= its results where the mask is False are uninitialised memory",
            fix="choose between values: np.where(mask, np.f(x), other)",
        )
    inputs = tuple(as_array(x) if isinstance(x, (list, tuple)) else x for x in inputs)
    axes = {name: options.pop(name) for name in ("axis", "axes", "keepdims") if name in options}
    if axes and not axes.keys() <= inspect.signature(handler).parameters.keys():
        raise unsupported(ufunc, f"{next(iter(axes))}=")
    if not options:
        return handler(*inputs, **axes)
    resolved = _resolved_dtypes(ufunc, inputs, **options)
    out = handler(*(convert_to(x, dtype) for x, dtype in zip(inputs, resolved, strict=False)), **axes)
    return convert_to(out, resolved[-1]) if ufunc.nout == 1 else out


def _resolved_dtypes(ufunc: np.ufunc, inputs: Any, dtype: Any = None, casting: Any = "same_kind", **options: Any) -> Any:
    """The dtypes that NumPy would compute in: one for each input and output."""
    signature = options.pop("signature", options.pop("sig", None))
    if options:
        raise TypeError(f"{ufunc.__name__}() got an unexpected keyword argument {next(iter(options))!r}")
    if dtype is not None:
        signature = (*(None,) * ufunc.nin, *(np.dtype(dtype),) * ufunc.nout)
    elif isinstance(signature, str):
        names = signature.replace("->", "")
        signature = tuple(map(np.dtype, names)) if len(names) > 1 else (*(None,) * ufunc.nin, *(np.dtype(names),) * ufunc.nout)
    keys = [WEAK_TYPES[dtype_of(x).kind] if is_weak(x) else dtype_of(x) for x in inputs]
    if not any(isinstance(k, np.dtype) for k in keys):
        keys = [np.dtype(k) for k in keys]
    given = {} if signature is None else {"signature": signature}
    return ufunc.resolve_dtypes((*keys, *(None,) * ufunc.nout), casting=casting, **given)


note_references()
note_references_to_out()

# --- reduce -----------------------------------------------------------------------------------------------------------


def _accumulator(ufunc: np.ufunc, dtype: Any, asked: Any = None) -> Any:
    """The dtype in which a ufunc with two arguments reduces values of a dtype, or that is asked for; TypeError if it cannot."""
    options: Any = {} if asked is None else {"signature": (np.dtype(asked), None, None), "casting": "unsafe"}
    return ufunc.resolve_dtypes((None, np.dtype(dtype), None), reduction=True, **options)[-1]


def _logaddexp_reduce(a: Any, axis: Any = 0, keepdims: bool = False, where: Any = True) -> Any:
    return logsumexp(convert_to(a, _accumulator(np.logaddexp, dtype_of(a))), axis, keepdims=keepdims, where=where)


def _plain_reduce(primitive: Primitive) -> Callable[..., Any]:
    return lambda a, axis=0, keepdims=False: reduced(primitive, as_array(a), axis, keepdims)


REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: sum_,
    np.multiply: prod,
    np.maximum: max_,
    np.minimum: min_,
    np.fmax: nanmax,
    np.fmin: nanmin,
    np.logical_and: all_,
    np.logical_or: any_,
    np.logical_xor: _plain_reduce(reduce_xor_p),
    np.logaddexp: _logaddexp_reduce,
}
"""What ``ufunc.reduce`` is for the ufuncs that have it on tracers."""

for _ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm):
    _fold = Reduction(lambda x, *, axes, ufunc=_ufunc: ufunc.reduce(x, axes))
    REDUCE[_ufunc] = _plain_reduce(Primitive(f"reduce_{_ufunc.__name__}", _fold, trusted=True, makes_new=True))


def _slices(a: Any, axis: int) -> list[Any]:
    front = np.moveaxis(a, axis, 0)
    return [front[i] for i in range(shape_of(front)[0])]


def _all_slices(a: Any, axes: tuple[int, ...]) -> list[Any]:
    """The parts of ``a`` along several axes, the last axis the fastest, as NumPy goes."""
    slices = [a]
    for gone, axis in enumerate(axes):
        slices = [part for whole in slices for part in _slices(whole, axis - gone)]
    return slices


def _folded(ufunc: np.ufunc) -> Callable[..., Any]:
    """The reduction by any ufunc of two arguments: applied to one slice after another, so a program of that length."""

    def fold(a: Any, axis: Any = 0, keepdims: bool = False, initial: Any = NO_VALUE, where: Any = True) -> Any:
        axes = reduce_axes(axis, len(shape_of(a)))
        dtype = _accumulator(ufunc, dtype_of(a))
        if len(axes) > 1 and ufunc.identity is None:
            raise ValueError(f"reduction operation {ufunc.__name__!r} is not reorderable, so at most one axis may be specified")
        slices = _all_slices(convert_to(a, dtype), axes)
        start = ufunc.identity if initial is NO_VALUE else initial
        if start is not None:
            slices.insert(0, np.broadcast_to(initial_value(start, dtype), reduced_shape(a, axes)))
        if not slices:
            raise without_identity(ufunc.__name__)
        if where is True:
            out = functools.reduce(ufunc, slices)
        else:
            out = slices[0]
            masks = _all_slices(np.broadcast_to(as_mask(where, shape_of(a)), shape_of(a)), axes)
            for part, mask in zip(slices[1:], masks, strict=True):
                out = np.where(mask, ufunc(out, np.where(mask, part, np.ones((), dtype))), out)
        return keep_axes(out, a, axes) if keepdims else out

    return fold


def _can_fold(ufunc: np.ufunc) -> bool:
    """Whether results can be arguments again: those of `ldexp`, whose second argument is an integer, cannot."""
    of_two = ufunc.nin == 2 and ufunc.nout == 1 and ufunc.signature is None and ufunc is not np.ldexp
    return of_two and meaning_of(ufunc) is not None


@ufunc_method("reduce")
def reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """``ufunc.reduce(array, axis=0, dtype=None, keepdims=False, initial=…, where=…)``."""
    function = REDUCE.get(ufunc) or (_folded(ufunc) if _can_fold(ufunc) else None)
    if function is None:
        raise _no_method(ufunc, "reduce")
    array, options = as_array(array), {}
    if dtype is not None:
        _accumulator(ufunc, dtype_of(array), dtype)
        array = convert_to(array, np.dtype(dtype))
        options.update({"dtype": dtype} if function in (sum_, prod) else {})
    if where is not True and (initial is None or (initial is NO_VALUE and ufunc.identity is None)):
        raise needs_initial(ufunc.__name__)
    if initial is None and 0 in shape_of(array) and 0 not in reduced_shape(array, axis):
        raise without_identity(ufunc.__name__)
    takes = inspect.signature(function).parameters
    if where is not True:
        if "where" not in takes and ufunc.identity is None:
            function = _folded(ufunc)
            takes = inspect.signature(function).parameters
        if "where" in takes:
            options["where"] = where
        else:
            array = masked(array, where, np.asarray(ufunc.identity).astype(dtype_of(array)))
    if initial is NO_VALUE or (initial is None and ufunc in REDUCE):
        return function(array, axis=axis, keepdims=keepdims, **options)
    if "initial" in takes:
        return function(array, axis=axis, keepdims=keepdims, initial=initial, **options)
    result = function(array, axis=axis, keepdims=keepdims, **options)
    return ufunc(initial_value(initial, dtype_of(result)), result)


def _no_method(ufunc: np.ufunc, method: str) -> errors.UnsupportedFunctionError:
    return errors.UnsupportedFunctionError(
        f"numpy.{ufunc.__name__}.{method} is not supported on traced values.",
        why="covector has no rule for it",
        fix="write it with functions that are supported, or register a primitive for it",
    )


# --- accumulate, reduceat, outer, at ----------------------------------------------------------------------------------

ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: cummax,
    np.minimum: cummin,
}
"""What ``ufunc.accumulate`` is for the ufuncs that have it on tracers."""


@ufunc_method("accumulate")
def accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None) -> Any:
    function = ACCUMULATE.get(ufunc)
    if function is None and not _can_fold(ufunc):
        raise _no_method(ufunc, "accumulate")
    array = as_array(array)
    if not shape_of(array):
        raise TypeError("cannot accumulate on a scalar")
    if dtype is not None:
        _accumulator(ufunc, dtype_of(array), dtype)
        array = convert_to(array, np.dtype(dtype))
    if function is None:
        axis = canonical_axis(axis, len(shape_of(array)))
        array = convert_to(array, _accumulator(ufunc, dtype_of(array)))
        steps = list(itertools.accumulate(_slices(array, axis), ufunc))
        return np.stack(steps, axis=axis) if steps else array
    return function(array, axis, dtype=dtype) if function in (np.cumsum, np.cumprod) else function(array, axis)


@ufunc_method("reduceat")
def reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """The reduction of each piece between an index and the next; the indices must be known."""
    array = as_array(array)
    axis = canonical_axis(axis, len(shape_of(array)))
    size = shape_of(array)[axis]
    starts = [int(i) for i in indices]
    outside = next((i for i in starts if not 0 <= i < size), None)
    if outside is not None:
        raise IndexError(f"index {outside} out-of-bounds in {ufunc.__name__}.reduceat [0, {size})")
    if not starts:
        return convert_to(np.take(array, np.zeros(0, int), axis=axis), _accumulator(ufunc, dtype_of(array), dtype))
    pieces = []
    for start, stop in zip(starts, [*starts[1:], size], strict=True):
        piece = np.take(array, range(start, max(stop, start + 1)), axis=axis)
        pieces.append(reduce(ufunc, piece, axis, dtype))
    return np.stack(pieces, axis=axis)


@ufunc_method("outer")
def outer(ufunc: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    """``ufunc(a[..., None], b)``: every element of ``a`` with every element of ``b``."""
    if ufunc.nin != 2 or ufunc.signature is not None:
        raise ValueError("outer product only supported for binary functions")
    a, b = as_array(a), as_array(b)
    a = np.reshape(a, shape_of(a) + (1,) * len(shape_of(b)))
    return ufunc(a, b, **options)


def at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None, **options: Any) -> Any:
    """``ufunc.at`` writes in place, which traced values cannot."""
    name = {"minimum": "min", "maximum": "max"}.get(ufunc.__name__, ufunc.__name__)
    if name in ("add", "subtract", "multiply", "divide", "power", "min", "max"):
        raise _written(f"numpy.{ufunc.__name__}.at", f"a = covector.at(a)[indices].{name}(b)")
    value = "a[indices]" if b is None else "a[indices], b"
    fix = f"a = covector.at(a)[indices].set(np.{ufunc.__name__}({value})), where no place comes twice"
    raise _written(f"numpy.{ufunc.__name__}.at", fix)


register_ufunc_method("at", at)
