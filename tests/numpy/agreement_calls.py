"""Calls of NumPy on arrays x and y of one dtype and shape: what `test_agreement` compares with NumPy under transformations.

A line is an expression; its name in the test is the expression itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

UNARY_UFUNCS = """
    absolute arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_count cbrt ceil conjugate cos cosh
    deg2rad degrees exp exp2 expm1 fabs floor frexp isfinite isinf isnan log log10 log1p log2 logical_not modf negative
    positive rad2deg radians reciprocal rint sign signbit sin sinh spacing sqrt square tan tanh trunc
"""
BINARY_UFUNCS = """
    add arctan2 bitwise_and bitwise_or bitwise_xor copysign divide divmod equal float_power floor_divide fmax fmin fmod
    gcd greater greater_equal heaviside hypot lcm less less_equal logaddexp logaddexp2 logical_and logical_or
    logical_xor maximum minimum multiply nextafter not_equal power remainder subtract
"""
REDUCED_UFUNCS = """
    add multiply maximum minimum fmax fmin logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
    logaddexp logaddexp2 subtract divide hypot gcd lcm floor_divide copysign fmod remainder
"""
ACCUMULATED_UFUNCS = "add multiply maximum minimum subtract divide logaddexp hypot gcd logical_or"
REDUCTIONS = """
    sum prod max min ptp any all mean var std argmax argmin cumsum cumprod median count_nonzero nansum nanprod nanmax
    nanmin nanmean nanvar nanstd nanmedian nancumsum nancumprod nanargmax nanargmin
"""
WEAK = "+ - * / // % ** < == >="

CALLS = """
    abs(x)
    -x
    +x
    ~x
    x & y
    x | y
    x ^ y
    x @ y
    x << 1
    x >> 1
    divmod(x, y)
    x == y
    np.maximum(x, 1)
    np.minimum(2.0, x)
    np.add(x, y, dtype=np.float64)
    np.add(x, y, casting="no")
    np.subtract.outer(x, y)
    np.multiply.outer(x, y)
    np.add.reduceat(x, [0])
    np.subtract.reduce(x, axis=None)
    np.subtract.reduce(x, axis=-1, keepdims=True)
    np.subtract.reduce(x, initial=3)
    np.hypot.reduce(x, axis=None)
    np.add.reduce(x, axis=None)
    np.add.reduce(x, dtype=np.float32)
    np.add.reduce(x, initial=3)
    np.maximum.reduce(x, initial=1)
    np.sum(x, keepdims=True)
    np.sum(x, axis=-1, dtype=np.float64)
    np.sum(x, where=x > y)
    np.sum(x, initial=2)
    np.prod(x, axis=-1)
    np.mean(x, axis=-1, keepdims=True)
    np.mean(x, where=x > y)
    np.mean(x, dtype=np.float64)
    np.var(x, ddof=1)
    np.std(x, axis=-1)
    np.max(x, initial=0)
    np.min(x, axis=-1)
    np.amin(x, axis=-1)
    np.amax(x)
    np.argmax(x, axis=-1, keepdims=True)
    np.average(x)
    np.average(x, weights=y)
    np.cov(x)
    np.corrcoef(x)
    np.quantile(x, 0.3)
    np.quantile(x, [0.25, 0.5], axis=0)
    np.percentile(x, 40)
    np.nanquantile(x, 0.3)
    np.nanpercentile(x, 60, axis=-1)
    np.quantile(x, 0.4, method="lower")
    np.quantile(x, 0.4, method="median_unbiased")
    np.cumulative_sum(x)
    np.cumulative_prod(x)
    np.diff(x)
    np.diff(x, n=2)
    np.diff(x, prepend=1)
    np.ediff1d(x)
    np.ediff1d(x, to_end=x)
    np.gradient(x)
    np.gradient(x, 2.0)
    np.trapezoid(x)
    np.trapezoid(y, x)
    np.interp(x, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0])
    np.interp([0.5, 1.5], np.sort(x), y)
    np.interp(x, [-1.0, 0.0, 1.0, 2.0], [np.inf, 1.0, np.nan, np.inf])
    np.interp(x, [-np.inf, 0.0, 1.0, np.inf], [1.0, 1.0, 2.0, 2.0])
    np.interp(x, [0.0, 1.0], [1.0, 3.0], left=7, right=x.size)
    np.interp(x, [0.0, 1.0], [1.0, 3.0], period=1.5)
    np.interp([0.5, 1.0], [0.0, 1.0, 2.0], y[:3])
    np.unwrap(x)
    np.unwrap(x, period=6)
    np.cross(x, y)
    np.where(x > y, x, y)
    np.where(x, 1, y)
    np.where(x, x, 2.5)
    np.clip(x, 1, 2)
    np.clip(x, y, None)
    np.clip(x, 0.5, None)
    np.round(x)
    np.round(x, 1)
    np.round(x, -1)
    np.fix(x)
    np.real(x)
    np.imag(x)
    np.angle(x)
    np.angle(x, deg=True)
    np.iscomplex(x)
    np.isreal(x)
    np.iscomplexobj(x)
    np.isrealobj(x)
    np.isneginf(x)
    np.isposinf(x)
    np.isclose(x, y)
    np.isclose(x, 1)
    np.isclose(x, y, equal_nan=True)
    np.allclose(x, y)
    np.allclose(x, x)
    np.array_equal(x, y)
    np.array_equal(x, x, equal_nan=True)
    np.array_equiv(x, y)
    np.isin(x, y)
    np.isin(x, [1, 2], invert=True)
    np.nan_to_num(x)
    np.nan_to_num(x, nan=1.0)
    np.sinc(x)
    np.i0(x)
    np.vdot(x, y)
    np.dot(x, y)
    np.inner(x, y)
    np.outer(x, y)
    np.matmul(x, y)
    np.tensordot(x, y, 0)
    np.tensordot(x, y, ([-1], [-1]))
    np.kron(x, y)
    np.vecdot(x, y)
    np.matvec(x, y)
    np.vecmat(x, y)
    np.einsum("...,...->...", x, y)
    np.einsum("...i,...i->...", x, y)
    np.einsum("...i->...", x)
    np.einsum("ij,j->j", x, y[0])
    np.einsum("ij->j", x)
    np.einsum("ii", x[:2, :2])
    np.dot(x, y.T)
    np.inner(x, y.T[0])
    x @ y.T
    np.einsum("i,j->ij", x, y)
    np.einsum("ij,kj->ik", x, y)
    np.einsum("i,i,i->", x, y, x)
    np.linalg.matmul(x, y.T)
    np.linalg.vecdot(x, y)
    np.linalg.outer(x, y)
    np.linalg.tensordot(x, y, axes=0)
    np.linalg.trace(x)
    np.linalg.diagonal(x)
    np.linalg.matrix_transpose(x)
    np.linalg.cross(x, y)
    np.convolve(x, y)
    np.convolve(x, y, "same")
    np.convolve(x, y, "valid")
    np.correlate(x, y)
    np.correlate(x, y, "full")
    np.correlate(x, y, "same")
    np.vander(x)
    np.vander(x, 3, increasing=True)
    np.reshape(x, -1)
    np.reshape(x, (1, -1))
    np.reshape(x, -1, order="F")
    np.reshape(x, -1, order="A")
    np.ravel(x)
    np.ravel(x, order="F")
    np.ravel(x, order="K")
    np.ravel(x.T, order="A")
    np.transpose(x)
    np.swapaxes(x, 0, -1)
    np.moveaxis(x, 0, -1)
    np.rollaxis(x, -1)
    np.matrix_transpose(x)
    np.permute_dims(x)
    np.squeeze(x)
    np.expand_dims(x, 0)
    np.expand_dims(x, (0, -1))
    np.atleast_1d(x)
    np.atleast_2d(x)
    np.atleast_3d(x)
    np.broadcast_to(x, (2, *np.shape(x)))
    np.broadcast_arrays(x, y)
    np.meshgrid(x, y)
    np.meshgrid(x, y, indexing="ij")
    np.shape(x)
    np.ndim(x)
    np.size(x)
    np.concatenate([x, y])
    np.concatenate([x, y], axis=None)
    np.concatenate([x, [1]])
    np.stack([x, y])
    np.stack([x, y], axis=-1)
    np.hstack([x, y])
    np.vstack([x, y])
    np.dstack([x, y])
    np.column_stack([x, y])
    np.block([[x, y]])
    np.append(x, y)
    np.append(x, y, axis=0)
    np.insert(x, 0, 1)
    np.delete(x, 0)
    np.split(x, 1)
    np.array_split(x, 2)
    np.array_split(x, 2, axis=-1)
    np.hsplit(x, 1)
    np.unstack(x)
    np.tile(x, 2)
    np.tile(x, (2, 1))
    np.repeat(x, 2)
    np.repeat(x, 2, axis=0)
    np.resize(x, (4,))
    np.roll(x, 1)
    np.roll(x, 1, axis=-1)
    np.flip(x)
    np.flip(x, axis=-1)
    np.fliplr(x)
    np.flipud(x)
    np.rot90(x)
    np.trim_zeros(x)
    np.pad(x, 1)
    np.pad(x, 1, mode="edge")
    np.pad(x, 2, mode="linear_ramp")
    np.pad(x, 2, mode="linear_ramp", end_values=5)
    np.pad(x, 1, mode="mean")
    np.pad(x, 1, mode="median")
    np.pad(x, 1, mode="maximum")
    np.pad(x, 1, mode="minimum", stat_length=1)
    np.pad(x, 2, mode="reflect")
    np.pad(x, 2, mode="reflect", reflect_type="odd")
    np.pad(x, 2, mode="symmetric")
    np.pad(x, 1, mode="symmetric", reflect_type="odd")
    np.pad(x, 2, mode="wrap")
    np.pad(x, 1, constant_values=1.5)
    np.diag(x)
    np.diagflat(x)
    np.diagonal(x)
    np.trace(x)
    np.tril(x)
    np.triu(x, 1)
    np.take(x, [0])
    np.take(x, 0)
    np.take(x, [0, 0], axis=-1)
    np.take(x, [5], mode="clip")
    np.take(x, [5], mode="wrap")
    np.take_along_axis(x, np.argsort(x, axis=-1), axis=-1)
    np.compress([True], x)
    np.choose([0], [x, y])
    np.select([x > y, x < y], [x, y])
    np.select([x > y], [x], 7)
    np.piecewise(x, [x > y], [1, 2])
    np.piecewise(x, [x > y], [lambda v: v * 2, lambda v: v])
    np.piecewise(x, [x > y, x > 2], [np.square, np.abs])
    np.piecewise(x, x > 1, [lambda v: 3, lambda v, k=2: v + k])
    np.extract(x > y, x)
    np.sort(x)
    np.sort(x, axis=None)
    np.sort(x, axis=0, stable=True)
    np.argsort(x, stable=True)
    np.argsort(x, axis=None, stable=True)
    np.sort_complex(x)
    np.lexsort([x])
    np.lexsort((x, y))
    np.searchsorted(x, y)
    np.searchsorted([0, 1, 2], x, side="right")
    np.digitize(x, [0, 1, 2])
    np.unique(x)
    np.nonzero(x)
    np.argwhere(x)
    np.flatnonzero(x)
    np.bincount(x)
    np.histogram(x, [0, 1, 2])
    np.intersect1d(x, y)
    np.union1d(x, y)
    np.setdiff1d(x, y)
    np.setxor1d(x, y)
    np.zeros_like(x)
    np.ones_like(x)
    np.full_like(x, 2)
    np.zeros_like(x, dtype=np.float32)
    np.copy(x)
    np.astype(x, np.float64)
    np.zeros_like(x, dtype=np.result_type(x, 1.0))
    np.zeros_like(x, dtype=np.result_type(x, y, np.float32))
    np.linspace(x, y, 3)
    np.logspace(x, y, 3)
    np.geomspace(x, y, 3)
    np.apply_along_axis(np.sum, -1, x)
    np.apply_over_axes(np.sum, x, [0])
    np.packbits(x)
    np.emath.sqrt(x)
    np.emath.log(x)
    np.nextafter(x, y)
    np.ldexp(x, 2)
    x.sum()
    x.sum(axis=-1, keepdims=True)
    x.mean(axis=-1)
    x.std(ddof=1)
    x.var(axis=0)
    x.prod()
    x.max(axis=-1)
    x.min()
    x.any(axis=-1)
    x.all()
    x.argmax()
    x.argmin(axis=-1)
    x.argsort(stable=True)
    x.cumsum()
    x.cumprod(axis=-1)
    x.dot(y)
    x.clip(1, 2)
    x.clip(max=2)
    x.round(1)
    x.ravel()
    x.ravel("K")
    x.flatten()
    x.flatten("F")
    x.reshape(-1)
    x.reshape(1, -1)
    x.reshape((-1, 1))
    x.transpose()
    x.swapaxes(0, -1)
    x.squeeze()
    x.repeat(2)
    x.take([0])
    x.diagonal()
    x.trace()
    x.conj()
    x.conjugate()
    x.copy()
    x.nonzero()
    x.searchsorted(1)
    x.astype(np.float32)
    x.astype(int)
    x.astype(bool)
    x.astype(complex)
    x.real
    x.imag
    x.T
    x.mT
    x.size
    x.ndim
    x.shape
    x.dtype.itemsize
    x.nbytes
    len(x)
    x[0]
    x[-1:]
    x[..., None]
    x[::-1]
    x[[0, 0]]
    x[...]
    x[()]
    x[None]
"""


def calls() -> dict[str, Callable[[Any, Any], Any]]:
    """Each expression as a function of x and y."""
    names = [line.strip() for line in CALLS.strip().splitlines()]
    names += [f"np.{f}(x)" for f in UNARY_UFUNCS.split()]
    names += [f"np.{f}(x, y)" for f in BINARY_UFUNCS.split()]
    names += [f"np.{f}.reduce(x)" for f in REDUCED_UFUNCS.split()]
    names += [f"np.{f}.accumulate(x)" for f in ACCUMULATED_UFUNCS.split()]
    names += [f"np.{f}(x)" for f in REDUCTIONS.split()]
    names += [f"np.{f}(x, axis=0)" for f in REDUCTIONS.split()]
    names += [f"x {op} {n}" for op in WEAK.split() for n in ("2", "2.5")]
    names += [f"{n} {op} x" for op in ("+", "-", "*", "/") for n in ("3", "0.5", "True", "1j")]
    return {name: eval(f"lambda x, y: {name}", {"np": np}) for name in dict.fromkeys(names) if is_in_this_numpy(name)}


def is_in_this_numpy(name: str) -> bool:
    function = name.partition("(")[0].removeprefix("np.").partition(".")[0]
    return not name.startswith("np.") or hasattr(np, function)
