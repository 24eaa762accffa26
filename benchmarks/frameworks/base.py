"""What workloads are written with: a namespace like NumPy's, and transformations, which each framework provides.

What a framework has no operation for (loops, batches) is a Python loop here, as its users would write it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]


class Framework:
    """A framework, as workloads see it.  Subclasses have `xp`, `grad`, `jvp`, and what they do better than the loops here."""

    xp: Any
    """NumPy's names: ``xp.sum``, ``xp.einsum``, ``xp.linalg.solve``, ``xp.fft.rfft`` …"""
    differentiates = True
    """Whether there are derivatives; if not, `grad(f)` is ``f``, whose time is a lower bound of what others need."""

    compiles = False
    """Whether a first call may take much longer than a second."""

    def array(self, x: Any) -> Any:
        """An array of the framework's, of the same dtype."""
        return np.asarray(x)

    def ready(self, x: Any) -> Any:
        """The value, when it is computed."""
        return x

    def numpy(self, x: Any) -> Any:
        """An array of NumPy's."""
        return np.asarray(x)

    def jit(self, f: Function) -> Function:
        return f

    def settle(self) -> None:
        """Wait for what goes on in the background, such as compilations."""

    def left_to_numpy(self, f: Function, args: Any) -> list[str]:
        """Names of the operations that are not compiled."""
        return []

    def grad(self, f: Function, argnums: Any = 0) -> Function:
        raise NotImplementedError

    def jvp(self, f: Function, primals: Any, tangents: Any) -> Any:
        raise NotImplementedError

    def jacobian(self, f: Function) -> Function:
        raise NotImplementedError

    def hessian(self, f: Function) -> Function:
        raise NotImplementedError

    def vmap(self, f: Function) -> Function:
        """Over the leading axis of every argument."""

        def mapped(*args: Any) -> Any:
            length = len(leaves(args)[0])
            rows = [f(*tree_map(lambda a, i=i: a[i], args)) for i in range(length)]
            return tree_map(lambda *xs: self.xp.stack(xs), *rows)

        return mapped

    def scan(self, step: Function, carry: Any, xs: Any, length: int | None = None) -> Any:
        """``(last carry, stacked outputs)`` of ``step(carry, x) -> (carry, y)``; ``y`` may be None."""
        ys = []
        for i in range(len(leaves(xs)[0]) if length is None else length):
            carry, y = step(carry, tree_map(lambda a, i=i: a[i], xs))
            ys.append(y)
        return carry, tree_map(lambda *column: self.xp.stack(column), *ys)

    def while_loop(self, test: Function, body: Function, carry: Any) -> Any:
        while test(carry):
            carry = body(carry)
        return carry

    def cond(self, test: Any, yes: Function, no: Function, *args: Any) -> Any:
        return yes(*args) if test else no(*args)

    def erf(self, x: Any) -> Any:
        raise NotImplementedError

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        raise NotImplementedError

    def conv(self, x: Any, w: Any) -> Any:
        """Images ``(n, channels, height, width)`` and filters ``(out, channels, h, w)``, without padding."""
        raise NotImplementedError


def leaves(tree: Any) -> list[Any]:
    """The arrays in tuples, lists and dictionaries; None is no array."""
    if isinstance(tree, dict):
        tree = [tree[k] for k in sorted(tree)]
    if isinstance(tree, (tuple, list)):
        return [leaf for x in tree for leaf in leaves(x)]
    return [] if tree is None else [tree]


def tree_map(f: Function, *trees: Any) -> Any:
    """``f`` of the arrays at the same places of trees."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {k: tree_map(f, *[t[k] for t in trees]) for k in first}
    if isinstance(first, (tuple, list)):
        return type(first)(tree_map(f, *xs) for xs in zip(*trees, strict=True))
    return f(*trees)
