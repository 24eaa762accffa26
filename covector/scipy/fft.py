"""Fourier, cosine, sine and Hankel transforms: `scipy.fft` itself, whose functions take values that are being transformed.

>>> import numpy as np
>>> import scipy.fft
>>> from covector import grad
>>> from covector.scipy import fft
>>> fft.dct is scipy.fft.dct
True
>>> grad(lambda x: np.sum(scipy.fft.dct(x, norm="ortho") ** 2))(np.array([1.0, 2.0]))
array([2., 4.])

`scipy.fft` asks backends what its functions mean.  Importing this module registers one for traced values, which leaves
everything else to SciPy; where `scipy.fft` was imported before a transformation begins, that happens by itself.  The options
``overwrite_x`` and ``workers`` say how to compute, not what, and change nothing for traced values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from scipy.fft import *  # noqa: F403

from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.errors import ArgumentError, describe
from covector.core.primitive import TracerBase
from covector.numpy.fourier import FROM_REAL, TO_REAL, along_one, along_several, lengths_and_axes, norm_of
from covector.numpy.registry import as_array, canonical_axis, contains_tracer
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.math.fourier import SWAPPED, of_length
from covector.primitives.math.trigonometric_transforms import TRANSPOSED, computed_in, dct_p, fht_p
from covector.scipy.others import of_scipy

__all__ = scipy.fft.__all__

HANDLERS: dict[str, Callable[..., Any]] = {}
"""What the functions of `scipy.fft` mean on tracers, by name."""


class _Backend:
    """What `scipy.fft` asks before it computes, by the protocol of uarray."""

    __ua_domain__ = "numpy.scipy.fft"

    @staticmethod
    def __ua_function__(method: Any, args: Any, kwargs: Any) -> Any:
        if not contains_tracer(args) and not (kwargs and contains_tracer(tuple(kwargs.values()))):
            return NotImplemented
        return HANDLERS[method.__name__](*args, **kwargs)


# --- arguments --------------------------------------------------------------------------------------------------------


def _array(x: Any, name: str, only_real: bool) -> Any:
    """The array in the dtype that SciPy computes in."""
    x = as_array(x)
    if only_real and dtype_of(x).kind == "c":
        raise TypeError(describe(f"scipy.fft.{name} got {typeof(x)}.", why="x must be a real sequence", fix="give np.real(x)"))
    return convert_to(x, computed_in(dtype_of(x)))


def _check_options(workers: Any, plan: Any, name: str) -> None:
    if workers is not None and operator.index(workers) == 0:
        raise ValueError(f"scipy.fft.{name} got workers=0: workers must not be zero")
    if plan is not None:
        raise NotImplementedError(f"scipy.fft.{name} got plan={plan!r}: SciPy takes no precomputed plan yet")


def _integers(given: Any) -> list[int] | None:
    if given is None:
        return None
    return [operator.index(i) for i in ([given] if np.ndim(given) == 0 else given)]


def _lengths_and_axes(x: Any, s: Any, axes: Any, name: str) -> tuple[list[Any], list[int]]:
    """The numbers of points (None for all) and the axes, as SciPy completes them; each axis once."""
    lengths, chosen, ndim = _integers(s), _integers(axes), len(shape_of(x))
    if chosen is None and lengths is not None and len(lengths) > ndim:
        raise ValueError(f"scipy.fft.{name} got s={s} for {typeof(x)}: shape requires more axes than are present")
    if chosen is not None:
        chosen = [canonical_axis(a, ndim, f"scipy.fft.{name}") for a in chosen]
        if len(set(chosen)) < len(chosen):
            raise ValueError(f"scipy.fft.{name} got axes={axes}: all axes must be unique")
    lengths, chosen = lengths_and_axes(x, lengths, chosen)
    for n in lengths:
        if n is not None and n < 1:
            raise ValueError(f"scipy.fft.{name} got s={s}: invalid number of data points")
    return lengths, chosen


# --- Fourier transforms -----------------------------------------------------------------------------------------------


def _fourier(name: str) -> None:
    only_real = name in FROM_REAL

    def along_an_axis(
        x: Any,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        _check_options(workers, plan, name)
        return along_one(_array(x, name, only_real), name, n, axis, norm)

    def along_axes(called: str, default: Any) -> Callable[..., Any]:
        def call(
            x: Any,
            s: Any = None,
            axes: Any = default,
            norm: Any = None,
            overwrite_x: bool = False,
            workers: Any = None,
            *,
            plan: Any = None,
        ) -> Any:
            _check_options(workers, plan, called)
            lengths, chosen = _lengths_and_axes(x := as_array(x), s, axes, called)
            if name in TO_REAL and chosen and lengths[-1] is None and shape_of(x)[chosen[-1]] == 1:
                lengths[-1] = 1  # half a spectrum of one number is that of one number: SciPy has none of length 0
            if chosen:
                return along_several(_array(x, called, only_real), name, lengths, chosen, norm)
            if only_real or name in TO_REAL:
                raise ValueError(f"scipy.fft.{called} got axes={axes}: at least 1 axis must be transformed")
            return x

        return call

    HANDLERS[name] = along_an_axis
    HANDLERS[f"{name}2"] = along_axes(f"{name}2", (-2, -1))
    HANDLERS[f"{name}n"] = along_axes(f"{name}n", None)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    _fourier(_name)


# --- cosine and sine transforms ---------------------------------------------------------------------------------------


def _along(x: Any, name: str, type: Any, n: Any, axis: int, norm: str | None, orthogonalize: Any) -> Any:
    """One cosine or sine transform, or its inverse, along one axis."""
    axis = canonical_axis(axis, len(shape_of(x)), f"scipy.fft.{name}")
    if type not in TRANSPOSED:
        raise ValueError(f"scipy.fft.{name} got type={type!r}: give 1, 2, 3 or 4")
    n = shape_of(x)[axis] if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"scipy.fft.{name} got n={n}: invalid number of data points")
    forward, type, direction = name.removeprefix("i"), operator.index(type), norm_of(norm)
    orthogonalize = direction == "ortho" if orthogonalize is None else bool(orthogonalize)
    if dtype_of(x).kind == "c" and orthogonalize != (direction == "ortho"):
        why = "SciPy leaves this option out of account for complex numbers"
        what = f"scipy.fft.{name} got orthogonalize={orthogonalize} with norm={norm!r} for {typeof(x)}."
        raise ValueError(describe(what, why=why, fix="transform np.real(x) and np.imag(x)"))
    if forward != name:
        type, direction = TRANSPOSED[type], SWAPPED[direction]
    params = {"transform": forward, "type": type, "axis": axis, "norm": direction, "orthogonalize": orthogonalize}
    return dct_p.bind(of_length(x, axis, n), **params)


def _trigonometric(name: str) -> None:
    def along_an_axis(
        x: Any,
        type: Any = 2,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        _check_options(workers, None, name)
        return _along(_array(x, name, False), name, type, n, axis, norm, orthogonalize)

    def along_axes(
        x: Any,
        type: Any = 2,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        called = f"{name}n"
        _check_options(workers, None, called)
        lengths, chosen = _lengths_and_axes(x := as_array(x), s, axes, called)
        for n, axis in zip(lengths, chosen, strict=True):
            x = _along(_array(x, called, False), name, type, n, axis, norm, orthogonalize)
        return x

    HANDLERS[name], HANDLERS[f"{name}n"] = along_an_axis, along_axes


for _name in ("dct", "idct", "dst", "idst"):
    _trigonometric(_name)


# --- Hankel's transform -----------------------------------------------------------------------------------------------


def _hankel(name: str, array: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip((array, "dln", "mu", "offset", "bias"), args, strict=False)) | kwargs
        x = given.pop(array)
        for option, value in given.items():
            if isinstance(value, TracerBase):
                what = f"scipy.fft.{name} got {option} = {typeof(value)}, a traced value."
                fix = f"give a number for {option}; under grad covector.stop_gradient makes it one"
                raise ArgumentError(what, why=f"only {array} may be traced", fix=fix)
        numbers = {"offset": 0.0, "bias": 0.0} | {option: float(value) for option, value in given.items()}
        return fht_p.bind(_array(x, name, True), inverse=name == "ifht", **numbers)

    HANDLERS[name] = call


_hankel("fht", "a")
_hankel("ifht", "A")

scipy.fft.register_backend(_Backend)


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
