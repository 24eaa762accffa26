"""What compiled functions of SciPy's mean with traced values: its objects call them that were made outside of lifted code.

>>> import covector as cv, numpy as np, scipy.interpolate
>>> table = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
>>> cv.jit(cv.lift(lambda x: table(x)))(np.array([0.5, 1.5]))
array([0.25, 2.25])
>>> cv.lift.uninstall()
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.lifting.active import as_covector
from covector.lifting.lifted import unwrap, wrap
from covector.lifting.namesakes import any_traced
from covector.lifting.sparse import SPARSE
from covector.lifting.stand_ins import Compiled


class Replaced(Compiled):
    """A compiled function that has a meaning with traced values."""

    def __init__(self, original: Any, meaning: Callable[..., Any]):
        super().__init__(original)
        self.__dict__["_meaning"] = meaning

    def __getitem__(self, key: Any) -> Replaced:
        return Replaced(self._original[key], self._meaning)

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """The compiled function with plain values."""
        is_traced = any_traced(args) or any_traced(kwargs.values())
        return self._meaning(*args, **kwargs) if is_traced else super().lifted(args, kwargs)


def _on_values(f: Callable[..., Any], *args: Any) -> Any:
    return wrap(as_covector(f, *unwrap(args)))


def _piecewise(c: Any, x: Any, points: Any, nu: int, extrapolate: Any, out: Any) -> None:
    from covector.scipy.interpolate import PPoly

    out[...] = _on_values(lambda c, x, points: PPoly(c, x, extrapolate)(points, nu), c, x, points)


def _integral(c: Any, x: Any, a: Any, b: Any, extrapolate: Any, out: Any) -> None:
    from covector.scipy.interpolate import PPoly

    out[...] = _on_values(lambda c, x, a, b: PPoly(c, x).integrate(a, b, extrapolate), c, x, a, b)


def _spline(t: Any, c: Any, k: int, points: Any, nu: int, extrapolate: Any) -> Any:
    from covector.scipy.interpolate import BSpline

    return _on_values(lambda t, c, points: BSpline(t, c, k, extrapolate)(points, nu), t, c, points)


def _kernels(data: Any, values: Any, points: Any, root: Any, dtype: Any) -> Any:
    from covector.scipy.stats.multivariate import log_kernels

    return _on_values(lambda values, *of: np.exp(log_kernels(*of)) @ values, values, points, data, root)


def _log_kernels(data: Any, values: Any, points: Any, root: Any, dtype: Any) -> Any:
    from covector.scipy.special import logsumexp
    from covector.scipy.stats.multivariate import log_kernels

    def estimate(values: Any, *of: Any) -> Any:
        return logsumexp(log_kernels(*of)[:, :, None] + np.log(values), axis=1)

    return _on_values(estimate, values, points, data, root)


class _Twins:
    """The functions of a module that SciPy writes in Python for all libraries of arrays, as meanings of those in C."""

    def __init__(self, module: str) -> None:
        self.module = module

    def get(self, name: str) -> Callable[..., Any]:
        return lambda *args, **options: getattr(importlib.import_module(self.module), name)(*args, **options)


def nearest_rotations(original: Callable[..., Any], matrix: Any, assume_valid: bool = False) -> Any:
    """The quaternions of the nearest rotations, which SciPy computes as such only where a matrix is no rotation yet."""
    from covector.scipy.spatial.transform import Rotation

    if assume_valid or not any_traced([matrix]):
        return original(matrix, assume_valid)
    return _on_values(lambda m: Rotation.from_matrix(m).as_quat(), matrix)


NORMS: Any = ("backward", "ortho", "forward")
"""The names in `scipy.fft` of how its compiled functions scale a transform: not at all, by the root of n, by n."""


def _fourier(a: Any, axes: Any, forward: bool = True, inorm: int = 0, out: Any = None, nthreads: int = 1) -> Any:
    transform, norm = (np.fft.fftn, NORMS[inorm]) if forward else (np.fft.ifftn, NORMS[2 - inorm])
    return _on_values(lambda a: transform(a, axes=axes, norm=norm), a)


def _real_fourier(name: str) -> Callable[..., Any]:
    def transform(a: Any, type: int, axes: Any, inorm: int = 0, out: Any = None, nthreads: int = 1, ortho: Any = None) -> Any:
        import scipy.fft

        f = getattr(scipy.fft, name)
        return _on_values(lambda a: f(a, type, axes=axes, norm=NORMS[inorm], orthogonalize=ortho), a)

    return transform


def _packed_fourier(
    a: Any, axes: Any, to_packed: bool, forward: bool, inorm: int = 0, out: Any = None, nthreads: int = 1
) -> Any:
    """The real transform of `scipy.fftpack`, whose result has real and imaginary parts side by side."""
    (axis,) = axes
    return _on_values(lambda a: np.moveaxis((_pack if to_packed else _unpacked)(np.moveaxis(a, axis, -1), inorm), -1, axis), a)


def _pack(a: Any, inorm: int) -> Any:
    n = a.shape[-1]
    y = np.fft.rfft(a, norm=NORMS[inorm])
    parts = np.stack([np.real(y), np.imag(y)], -1).reshape(*a.shape[:-1], -1)
    return np.concatenate([parts[..., :1], parts[..., 2 : n + 1]], -1)  # the first has no imaginary part, nor has the middle


def _unpacked(y: Any, inorm: int) -> Any:
    n = y.shape[-1]
    zero = np.zeros_like(y[..., :1])
    parts = np.concatenate([y[..., :1], zero, y[..., 1:], *([zero] if n % 2 == 0 else [])], -1)
    return np.fft.irfft(parts[..., ::2] + 1j * parts[..., 1::2], n, norm=NORMS[2 - inorm])


COMPILED: dict[str, dict[str, Callable[..., Any]] | _Twins] = {
    "scipy.interpolate._ppoly": {"evaluate": _piecewise, "integrate": _integral},
    "scipy.interpolate._dierckx": {"evaluate_spline": _spline},
    "scipy.stats._stats": {"gaussian_kernel_estimate": _kernels, "gaussian_kernel_estimate_log": _log_kernels},
    "scipy.sparse._sparsetools": SPARSE,
    "scipy.fft._pocketfft.pypocketfft": {
        "c2c": _fourier,
        "r2r_fftpack": _packed_fourier,
        "dct": _real_fourier("dctn"),
        "dst": _real_fourier("dstn"),
    },
    "scipy.spatial.transform._rotation_cy": _Twins("scipy.spatial.transform._rotation_xp"),
    "scipy.spatial.transform._rigid_transform_cy": _Twins("scipy.spatial.transform._rigid_transform_xp"),
}
"""What compiled functions mean, by module and name; elsewhere they refuse traced values as any other."""
