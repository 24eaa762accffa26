"""What compiled functions of SciPy's mean with traced values: its objects call them that were made outside of lifted code.

>>> import covector as cv, numpy as np, scipy.interpolate
>>> table = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
>>> cv.jit(cv.lift(lambda x: table(x)))(np.array([0.5, 1.5]))
array([0.25, 2.25])
>>> cv.lift.uninstall()
"""

from __future__ import annotations

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


COMPILED: dict[str, dict[str, Callable[..., Any]]] = {
    "scipy.interpolate._ppoly": {"evaluate": _piecewise, "integrate": _integral},
    "scipy.interpolate._dierckx": {"evaluate_spline": _spline},
    "scipy.stats._stats": {"gaussian_kernel_estimate": _kernels, "gaussian_kernel_estimate_log": _log_kernels},
    "scipy.sparse._sparsetools": SPARSE,
}
"""What compiled functions mean, by module and name; elsewhere they refuse traced values as any other."""
