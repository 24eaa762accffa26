"""covector: as `jit` runs by default, and in each of the ways that it may be told to run."""

from __future__ import annotations

from typing import Any

import covector as cv
import covector.nn
import covector.numpy
import covector.scipy.linalg
import covector.scipy.special
from benchmarks.frameworks.base import Framework, Function
from covector.backends.compiler import compiler
from covector.core.jaxpr import Jaxpr, sub_jaxprs


class Covector(Framework):
    compiles = True
    xp = covector.numpy
    grad = staticmethod(cv.grad)
    jvp = staticmethod(cv.jvp)
    jacobian = staticmethod(cv.jacrev)
    hessian = staticmethod(cv.hessian)
    vmap = staticmethod(cv.vmap)
    scan = staticmethod(cv.lax.scan)
    while_loop = staticmethod(cv.lax.while_loop)
    cond = staticmethod(cv.lax.cond)
    jit = staticmethod(cv.jit)
    erf = staticmethod(covector.scipy.special.erf)

    def settle(self) -> None:
        compiler.wait()

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        return covector.scipy.linalg.solve_triangular(a, b, lower=lower)

    def conv(self, x: Any, w: Any) -> Any:
        return cv.lax.conv(x, w, (1, 1), "VALID")

    def left_to_numpy(self, f: Function, args: Any) -> list[str]:
        return left_to_numpy(cv.make_jaxpr(f)(*args)) if self.compiles else []


class Native(Covector):
    def jit(self, f: Function) -> Function:
        return cv.jit(f, backend="native")


class Source(Covector):
    compiles = False

    def jit(self, f: Function) -> Function:
        return cv.jit(f, backend="numpy")


class Eager(Covector):
    compiles = False

    def jit(self, f: Function) -> Function:
        return f


def left_to_numpy(jaxpr: Jaxpr) -> list[str]:
    """The equations that the native backend leaves to NumPy, loops with those that keep them from being compiled."""
    from covector.backends.native.segments import partitioned
    from covector.passes.clean import clean

    return [_named(e) for e in partitioned(clean(jaxpr)).equations if e.primitive.name != "native"]


def _named(eqn: Any) -> str:
    from covector.backends.native.loops import can_compile

    inside = sorted({_named(e) for p in sub_jaxprs(eqn.params) for e in p.equations if not can_compile(e)})
    return f"{eqn.primitive.name}({', '.join(inside)})" if inside else eqn.primitive.name
