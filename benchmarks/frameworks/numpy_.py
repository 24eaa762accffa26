"""NumPy, which has no derivatives: the functions that others differentiate, whose time theirs is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from benchmarks.frameworks.base import Framework, Function


class NumPy(Framework):
    xp = np
    differentiates = False
    erf = staticmethod(scipy.special.erf)

    def grad(self, f: Function, argnums: Any = 0) -> Function:
        return f

    def jvp(self, f: Function, primals: Any, tangents: Any) -> Any:
        value = f(*primals)
        return value, value

    def jacobian(self, f: Function) -> Function:
        return f

    def hessian(self, f: Function) -> Function:
        return f

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        return scipy.linalg.solve_triangular(a, b, lower=lower)

    def conv(self, x: Any, w: Any) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
        return np.einsum("nchwij,ocij->nohw", windows, w, optimize=True)
