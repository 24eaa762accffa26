"""JAX, with 64 bits, compiled by XLA for the processor."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import jax.scipy.special
import numpy as np

from benchmarks.frameworks.base import Framework, Function

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


class Jax(Framework):
    compiles = True
    xp = jnp
    grad = staticmethod(jax.grad)
    jvp = staticmethod(jax.jvp)
    jacobian = staticmethod(jax.jacrev)
    hessian = staticmethod(jax.hessian)
    vmap = staticmethod(jax.vmap)
    scan = staticmethod(jax.lax.scan)
    while_loop = staticmethod(jax.lax.while_loop)
    cond = staticmethod(jax.lax.cond)
    erf = staticmethod(jax.scipy.special.erf)
    ready = staticmethod(jax.block_until_ready)

    def array(self, x: Any) -> Any:
        return jnp.asarray(np.asarray(x))

    def jit(self, f: Function) -> Function:
        return jax.jit(f)

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        return jax.scipy.linalg.solve_triangular(a, b, lower=lower)

    def conv(self, x: Any, w: Any) -> Any:
        return jax.lax.conv(x, w, (1, 1), "VALID")
