"""Functions with derivative rules of their own, at the place where JAX has them, and what such rules are written with.

>>> @custom_gradient
... def reversed_sign(x):
...     return x, lambda ct: -ct
>>> import covector as cv
>>> float(cv.grad(reversed_sign)(1.0))
-1.0
"""

from __future__ import annotations

from typing import Any

from covector.core import errors
from covector.core.avals import Zero as SymbolicZero
from covector.core.avals import typeof
from covector.core.pytrees import tree_map
from covector.transforms.arguments import kind_of
from covector.transforms.custom_gradient import custom_gradient
from covector.transforms.custom_rules import CustomVJPPrimal, custom_jvp, custom_vjp, linear_call
from covector.transforms.staging import closure_convert

__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "closure_convert",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "custom_vjp_primal_tree_values",
    "linear_call",
    "zero_from_primal",
]


def zero_from_primal(val: Any, symbolic_zeros: bool = False) -> Any:
    """The zero among the tangents of a value.

    Args:
        val: an array, a number or a traced value.
        symbolic_zeros: whether it is to be a `SymbolicZero` in place of an array.

    Raises:
        ArrayTypeError: ``val`` is no value.

    Example:
        >>> import numpy as np
        >>> zero_from_primal(np.ones(2)), zero_from_primal(np.ones(2), symbolic_zeros=True)
        (array([0., 0.]), Zero(f64[2]))
    """
    zero = typeof(val).zero
    return zero if symbolic_zeros else zero.aval.zeros()


def custom_vjp_primal_tree_values(tree: Any) -> Any:
    """The values of the arguments of a ``fwd`` rule with ``symbolic_zeros``, without what they say of derivatives.

    Args:
        tree: a pytree of `CustomVJPPrimal`.

    Raises:
        CustomRuleError: something in it is none.

    Example:
        >>> custom_vjp_primal_tree_values({"x": CustomVJPPrimal(2.0, True)})
        {'x': 2.0}
    """

    def value(x: Any) -> Any:
        if type(x) is CustomVJPPrimal:
            return x.value
        what = f"custom_vjp_primal_tree_values got {kind_of(x)} where a CustomVJPPrimal is needed."
        fix = "give defvjp symbolic_zeros=True, and pass the arguments of the fwd rule as they are"
        raise errors.CustomRuleError(what, fix=fix)

    return tree_map(value, tree, is_leaf=lambda x: type(x) is CustomVJPPrimal)
