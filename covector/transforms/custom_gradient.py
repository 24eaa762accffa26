"""A function that returns its value and its pullback: ``custom_gradient : (a -> (b, CT b -> CT a)) -> (a -> b)``.

It is a `custom_vjp` function whose residuals are the pullback: staged, with the traced values that it closes over as leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any

from covector.core.avals import typeof
from covector.core.errors import CustomRuleError
from covector.core.jaxpr import Jaxpr
from covector.core.pytrees import Partial, tree_flatten, tree_unflatten
from covector.interpreters.evaluate import eval_jaxpr
from covector.primitives.arrays.shaping import in_type
from covector.transforms.arguments import check_callable, flatten_result, function_name, kind_of, transformed
from covector.transforms.custom_rules import custom_vjp
from covector.transforms.tracing import trace


def custom_gradient(fun: Callable[..., Any]) -> Any:
    """Give a function a VJP rule of its own where it is computed: it returns the rule beside the value.

    Args:
        fun: a function of pytrees of arrays that returns ``(output, vjp)``.  ``vjp(cotangent)`` takes a tree like ``output``
            and returns a tuple (or list) with the cotangent of each argument, None for zero; with one argument it may return
            the cotangent itself.  It may close over traced values, among them the arguments.

    Returns:
        A function that returns the ``output``; reverse mode of it uses ``vjp``, which is traced once for each derivative that
        is taken.  Forward mode is that of ``output``, as for `custom_vjp`.

    Raises:
        CustomRuleError: ``fun`` does not return such a pair, or ``vjp`` returns what does not fit the arguments.

    Example:
        >>> import numpy as np
        >>> from covector import grad
        >>> @custom_gradient
        ... def clipped(x):
        ...     return x**2, lambda ct: ct * np.clip(2.0 * x, -1.0, 1.0)
        >>> float(clipped(3.0)), float(grad(clipped)(3.0)), float(grad(clipped)(0.25))
        (9.0, 1.0, 0.5)
    """
    check_callable(fun, "custom_gradient")
    name = function_name(fun)

    def output(*args: Any, **kwargs: Any) -> Any:
        return _pair(fun(*args, **kwargs), name)[0]

    def fwd(*args: Any) -> tuple[Any, Partial]:
        out, vjp = _pair(fun(*args), name)
        return out, _staged(vjp, out, len(args), name)

    with_rule = custom_vjp(update_wrapper(output, fun))
    with_rule.defvjp(fwd, lambda pullback, ct: pullback(ct))
    return with_rule


def _pair(result: Any, name: str) -> tuple[Any, Callable[..., Any]]:
    """What the function returned, which is to be a pair of a value and a function."""
    if isinstance(result, tuple) and len(result) == 2 and callable(result[1]):
        return result
    raise CustomRuleError(
        f"{name}, of which custom_gradient is taken, returned {kind_of(result)}.",
        why="it returns its output and a function from the cotangent of that to the cotangents of the arguments",
        fix="return (output, lambda ct: (ct_of_x, ct_of_y))",
    )


@dataclass(frozen=True, slots=True)
class StagedPullback:
    """A pullback as a program: ``(*residuals, *cotangents) -> cotangents of the arguments``, of which there are ``n_args``."""

    jaxpr: Jaxpr
    out_tree: Any
    n_args: int

    def __call__(self, *residuals_and_cotangent: Any) -> tuple[Any, ...]:
        *residuals, ct = residuals_and_cotangent
        cts = tree_flatten([ct])[0]
        avals = self.jaxpr.in_avals[len(residuals) :]
        cts = [ct if typeof(ct) == aval else in_type(ct, aval) for ct, aval in zip(cts, avals, strict=True)]
        found = tree_unflatten(self.out_tree, eval_jaxpr(self.jaxpr, *residuals, *cts))[0]
        if isinstance(found, (tuple, list)):
            return tuple(found)
        return (found,) if self.n_args == 1 and found is not None else found  # None is what no return gives


def _staged(vjp: Callable[..., Any], out: Any, n_args: int, name: str) -> Partial:
    """The pullback as a tree with the traced values that it closes over as leaves."""
    leaves, treedef = flatten_result(out, name)
    avals = [typeof(x).tangent().strengthened() for x in leaves]
    traced = trace(vjp, treedef, avals, transformed("the vjp of", vjp)._replace(name=f"the vjp of {name}"))
    return Partial(StagedPullback(traced.jaxpr, traced.out_tree, n_args), *traced.hoisted)
