"""The explicit Runge–Kutta methods of SciPy, by their coefficients there.

RK23: Bogacki and Shampine, Appl. Math. Lett. 2, 1989.  RK45: Dormand and Prince, J. Comp. Appl. Math. 6, 1980, with Shampine's
interpolation, Math. Comp. 46, 1986.  DOP853: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, II.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as _scipy

from covector.core.avals import shape_of, typeof
from covector.scipy.integrate.steps import Known, Try, rms

SAFETY = 0.9


def combined(weights: Any, ks: Any) -> Any:
    """Sums of slopes ``f[..., n]`` with weights, in the precision of the slopes."""
    used = [(float(w), k) for w, k in zip(weights, ks, strict=False) if w]
    return sum(w * k for w, k in used)


def mixed(weights: Any, ks: Any) -> Any:
    """Sums of the rows ``f[s, n]`` with each column of weights ``f[s, m]``."""
    return np.asarray(weights.T, np.finfo(typeof(ks).dtype).dtype) @ ks


class RungeKutta:
    """An explicit pair whose last stage is the first one of the next step."""

    calls_between = jacobians = factorizations = 0
    is_real = False

    def __init__(self, tableau: Any):
        self.tableau, self.order, self.calls = tableau, tableau.error_estimator_order, tableau.n_stages

    def nothing(self, f: Any) -> Any:
        return np.zeros((self.calls + 1, *shape_of(f)), typeof(f).dtype)

    def stages(self, slope: Any, u: Any, y: Any, f: Any, h: Any) -> tuple[Any, Any, Any]:
        """The value and the slope at the end, and all slopes."""
        ks, dtype = [f], typeof(y).dtype
        for a, c in zip(self.tableau.A[1:], self.tableau.C[1:], strict=True):
            ks.append(slope(u + float(c) * h, np.astype(y + h * combined(a, ks), dtype)))
        y_new = np.astype(y + h * combined(self.tableau.B, ks), dtype)
        ks.append(slope(u + h, y_new))
        return y_new, ks[-1], np.stack(ks)

    def begin(self, y: Any, f: Any, h: Any) -> tuple[Any, Any]:
        return (), ()

    def attempt(self, slope: Any, u: Any, y: Any, f: Any, h: Any, memory: Any, known: Known) -> Try:
        y_new, f_new, k = self.stages(slope, u, y, f, h)
        scale = known.atol + np.maximum(np.abs(y), np.abs(y_new)) * known.rtol
        error = np.astype(self.error(h, k, scale), np.float64)
        return Try(y_new, f_new, k, error, np.float64(SAFETY), np.int64(self.calls))

    def error(self, h: Any, k: Any, scale: Any) -> Any:
        return rms(h * combined(self.tableau.E, k) / scale)

    def smoothly(
        self, slope: Any, u: Any, y: Any, h: Any, memory: Any, known: Known, tried: Try, consts: Any
    ) -> Callable[..., Any]:
        return lambda u, y, f, memory, consts: (*self.stages(lambda u, y: slope(u, y, *consts), u, y, f, h), memory)

    def factor(self, tried: Try, h: Any, before: Any) -> Any:
        return np.where(tried.error == 0, 1.0, tried.error) ** (-1 / (self.order + 1))

    def between(self, slope: Any, x: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any) -> Any:
        powers = np.stack([x ** (i + 1) for i in range(self.tableau.P.shape[1])])
        return y + h * np.sum(powers[:, None] * mixed(self.tableau.P, k), axis=0)


class DormandPrince8(RungeKutta):
    """The pair of order 8, whose error is that of two estimates, and whose interpolation takes three more slopes."""

    calls_between = 3

    def error(self, h: Any, k: Any, scale: Any) -> Any:
        fifth, third = (np.sum(np.abs(combined(e, k) / scale) ** 2) for e in (self.tableau.E5, self.tableau.E3))
        total = fifth + 0.01 * third
        return np.where(total == 0, 0.0, h * fifth / np.sqrt(np.where(total == 0, 1.0, total) * max(shape_of(scale)[0], 1)))

    def between(self, slope: Any, x: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any) -> Any:
        ks, dtype = list(k), typeof(y).dtype
        for a, c in zip(self.tableau.A_EXTRA, self.tableau.C_EXTRA, strict=True):
            ks.append(slope(u + float(c) * h, np.astype(y + h * combined(a, ks), dtype)))
        change, f = y_new - y, ks[0]
        parts = [change, h * f - change, 2 * change - h * (f_new + f), *(h * mixed(self.tableau.D.T, np.stack(ks)))]
        total: Any = 0.0
        for i, part in enumerate(reversed(parts)):
            total = (total + part) * (x if i % 2 == 0 else 1 - x)
        return y + total


EXPLICIT: dict[str, Any] = {
    "RK23": RungeKutta(_scipy.RK23),
    "RK45": RungeKutta(_scipy.RK45),
    "DOP853": DormandPrince8(_scipy.DOP853),
}
