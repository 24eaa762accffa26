"""autograd: eager reverse mode on NumPy; loops and batches are Python's."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import autograd.scipy.linalg
import autograd.scipy.signal
import autograd.scipy.special
from autograd.differential_operators import make_jvp
from autograd.misc.flatten import flatten

from benchmarks.frameworks.base import Framework, Function, leaves


class Autograd(Framework):
    xp = anp
    jacobian = staticmethod(autograd.jacobian)
    hessian = staticmethod(autograd.hessian)
    erf = staticmethod(autograd.scipy.special.erf)

    def grad(self, f: Function, argnums: Any = 0) -> Function:
        return autograd.grad(f, argnums)

    def jvp(self, f: Function, primals: Any, tangents: Any) -> Any:
        if len(leaves(primals)) == 1:
            return make_jvp(f)(primals[0])(tangents[0])
        # Trees have no tangents in autograd's forward mode.  Workloads have such products of Hessians alone, which are
        # symmetric, so that the gradient of a product with the gradient is the same.
        tangent = flatten(tangents[0])[0]
        return None, autograd.grad(lambda p: anp.dot(flatten(f(p))[0], tangent))(primals[0])

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        return autograd.scipy.linalg.solve_triangular(a, b, lower=lower)

    def conv(self, x: Any, w: Any) -> Any:
        flipped = w[:, :, ::-1, ::-1]
        convolve = autograd.scipy.signal.convolve
        return convolve(x, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
