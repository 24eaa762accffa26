"""How NumPy functions get their meaning on tracers: ``@implements(np.sum)``.

A handler has the signature of the NumPy function and is called when one of its arguments is a tracer (others may be arrays,
numbers or lists).  It is written with primitives, and with other NumPy functions, which dispatch here again.  Functions are
registered by object, never by name: ``np.abs is np.absolute``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

from covector.core import errors
from covector.core.avals import check_class, dtype_of, is_weak, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import register_function, unsupported
from covector.primitives.arrays.shaping import convert_p, convert_to
from covector.primitives.arrays.subscripts import answered

Handler = TypeVar("Handler", bound=Callable[..., Any])


def implements(*functions: Callable[..., Any], out: int | None = None) -> Callable[[Handler], Handler]:
    """Register a handler as the meaning of NumPy functions on tracers.

    ``out`` is the place of the argument ``out=`` of these functions: it must be None, and the handler is called without it.
    """

    def register(handler: Handler) -> Handler:
        for function in functions:
            register_function(function, handler if out is None else _without_out(function, handler, out))
        return handler

    return register


def _without_out(function: Callable[..., Any], handler: Callable[..., Any], place: int) -> Callable[..., Any]:
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if len(args) > place:
            out, args = args[place], args[:place] + args[place + 1 :]
        if out is not None:
            reject_out(function)
        return handler(*args, **options)

    return call


def reject_out(function: Callable[..., Any]) -> NoReturn:
    """Raise for ``out=``, which has no meaning on tracers."""
    raise errors.InPlaceWriteError(
        f"numpy.{function.__name__} was asked to write a traced value into out=.",
        why="traced values cannot be written into an array in place",
        fix="use the returned value: y = np.f(x) instead of np.f(x, out=y)",
    )


def reject(function: Callable[..., Any], **options: Any) -> None:
    """Raise unless each option is None: for options that have no meaning on tracers."""
    for name, value in options.items():
        if value is not None:
            raise unsupported(function, f"{name}={value!r}")


def as_array(x: Any) -> Any:
    """A strongly typed value: an array or tracer of any array-like, Python scalars and nested lists with tracers included."""
    if type(x) is np.ndarray:
        return x
    if isinstance(x, TracerBase):
        aval = typeof(x)
        return convert_p.bind(x, dtype=aval.dtype) if getattr(aval, "weak_type", False) else x
    if isinstance(x, (list, tuple)) and contains_tracer(x):
        return np.stack([as_array(v) for v in x])
    check_class(type(x))
    value = np.asarray(x)
    if value.dtype.kind == "O":
        typeof(value)  # which says that it is no array of numbers
    return value


def inexact(x: Any) -> Any:
    """An array or tracer of real or complex numbers: integers and booleans as float64, in which NumPy computes with them."""
    x = as_array(x)
    return x if typeof(x).dtype.kind in "fc" else np.astype(x, np.float64)


def floating(x: Any) -> Any:
    """An array or tracer of real numbers, of float64 where it had another kind; ``ArgumentError`` for complex numbers."""
    x = as_array(x)
    if typeof(x).dtype.kind == "c":
        what = f"a function of real numbers got {typeof(x)}."
        raise errors.ArgumentError(what, why="its imaginary part would be lost", fix="pass np.real(x), or np.abs(x)")
    return x if typeof(x).dtype.kind == "f" else np.astype(x, np.float64)


def cast(x: Any, dtype: Any, casting: Any = "safe") -> Any:
    """An array or tracer in another dtype; raises ``TypeError`` where the rule of casting does not allow that."""
    if not np.can_cast(dtype_of(x), dtype, casting):
        raise TypeError(f"Cannot cast array data from {dtype_of(x)!r} to {np.dtype(dtype)!r} according to the rule {casting!r}")
    return convert_to(x, np.dtype(dtype))


def real_part(x: Any) -> Any:
    """The real part of complex values that become real, with NumPy's warning."""
    errors.warn("Casting complex values to real discards the imaginary part", np.exceptions.ComplexWarning)
    return np.real(x)


def held(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value in the dtype of an array that it becomes a part of; raises, as NumPy does, where that cannot hold it."""
    if isinstance(value, (list, tuple)) and contains_tracer(value):
        return np.stack([held(v, dtype) for v in value])
    if not isinstance(value, TracerBase):
        check_class(type(value))
        return np.asarray(value, dtype)
    if is_weak(value) and dtype_of(value).kind == "c" and dtype.kind in "fiu":
        raise TypeError(f"a complex number cannot become a part of an array of dtype {dtype}")
    is_cut = dtype_of(value).kind == "c" and dtype.kind not in "cb"
    return convert_to(real_part(value) if is_cut else value, dtype)


PLAIN = {bool, int, float, complex, np.ndarray, np.float64, np.int64}


def contains_tracer(x: Any) -> bool:
    """Whether a value, or a nested list or tuple of values, holds a tracer."""
    if isinstance(x, (list, tuple)):
        return not PLAIN.issuperset(map(type, x)) and any(map(contains_tracer, x))  # a long list of numbers takes no loop
    return isinstance(x, TracerBase)


def canonical_axis(axis: Any, ndim: int, function: str = "the function") -> int:
    """A non-negative axis; raises ``numpy.exceptions.AxisError`` as NumPy does."""
    try:
        axis = operator.index(axis)
    except TypeError:
        raise TypeError(f"{function} needs an integer axis, got {axis!r}") from None
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim  # type: ignore[no-any-return]


def array_and_axis(x: Any, axis: Any, function: str = "the function") -> tuple[Any, int]:
    """An array or tracer and the axis to work along: flattened where that is None."""
    x = as_array(x)
    return (np.reshape(x, -1), 0) if axis is None else (x, canonical_axis(axis, x.ndim, function))


def canonical_axes(axis: Any, ndim: int, function: str = "the function") -> tuple[int, ...]:
    """A sorted tuple of distinct non-negative axes from ``None`` (all), an integer or a sequence."""
    if axis is None:
        return tuple(range(ndim))
    axes = [canonical_axis(a, ndim, function) for a in (axis if isinstance(axis, Sequence) else [axis])]
    if len(set(axes)) != len(axes):
        raise ValueError(f"duplicate axis in {axis}")
    return tuple(sorted(axes))


DEPENDS_ON_VALUES = "compute it outside the transformed function, or make the argument static under jit"


def _public_name(function: Callable[..., Any]) -> str:
    package, _, module = str(getattr(function, "__module__", "")).partition(".scipy.")
    return f"scipy.{module.split('.')[0]}.{function.__name__}" if package == "covector" else f"numpy.{function.__name__}"


def known_array(x: Any, function: Callable[..., Any], fix: str = DEPENDS_ON_VALUES) -> Any:
    """The array behind a value, for a function whose result's shape or dtype depends on values; raises where it is unknown."""
    x = as_array(x)
    if isinstance(x, TracerBase):
        value = answered(x)
        if value is None:
            raise errors.TracerArrayConversionError(
                f"{_public_name(function)} was called on a traced value of type {typeof(x)}.",
                why=f"what it returns depends on the value, and {x.unknown_because()}",  # type: ignore[attr-defined]
                fix=fix,
            )
        return np.asarray(value)
    return x
