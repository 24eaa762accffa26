"""Python functions called while programs run: ``pure_callback`` and ``io_callback``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import AbstractValue, ShapedArray, typeof
from covector.core.pytrees import tree_flatten, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.primitives.effects.callbacks import Callback, io_callback_p, pure_callback_p
from covector.transforms import options
from covector.transforms.arguments import (
    check_functions,
    flatten_values,
    function_name,
    kind_of,
    same_tree,
    tangent_leaves,
    wrong_argument,
)

VMAP_METHODS = (None, "sequential", "expand_dims", "broadcast_all")


def _declared(result_shape_dtypes: Any) -> tuple[tuple[Any, ...], Any]:
    """The avals that a callback declares for its results."""
    leaves, treedef = tree_flatten(result_shape_dtypes)
    for x in leaves:
        if callable(x):
            usage = "pure_callback(callback, result_shape_dtypes, *args)"
            raise wrong_argument(usage, "result_shape_dtypes", x, "what the callback returns: arrays, or avals")

    def aval(x: Any) -> Any:
        if isinstance(x, AbstractValue):
            return x.strengthened()
        return ShapedArray(tuple(x.shape), x.dtype) if hasattr(x, "shape") and hasattr(x, "dtype") else typeof(x).strengthened()

    return tuple(map(aval, leaves)), treedef


class FlatCallback(NamedTuple):
    """A callback and its rules on flat arguments: ``treedef`` is the structure of the positional ones, and those by name."""

    name: str
    callback: Callable[..., Any]
    treedef: Any
    out_tree: Any = None
    jvp: Callable[..., Any] | None = None
    transpose: Callable[..., Any] | None = None

    def run(self, *values: Any) -> list[Any]:
        args, kwargs = tree_unflatten(self.treedef, values)
        return tree_flatten(self.callback(*args, **kwargs))[0]

    def run_on_arrays(self, *values: Any) -> list[Any]:
        return self.run(*(np.asarray(v)[()] for v in values))

    def flat_jvp(self, primals: Any, tangents: Any) -> Any:
        assert self.jvp is not None
        pairs = (tuple(tree_unflatten(self.treedef, xs)[0]) for xs in (primals, tangents))
        who = f"the jvp rule of the callback {self.name}"
        result = self.jvp(*pairs)
        if not (isinstance(result, (tuple, list)) and len(result) == 2):
            what = f"{who} returned {kind_of(result)}, where a pair is needed."
            raise errors.CallbackError(what, fix="return a pair (output, tangent)")
        out, tangent = result
        return same_tree(out, self.out_tree, "an output", who), tangent_leaves(tangent, self.out_tree, "a tangent", who)

    def flat_transpose(self, cts: Any) -> list[Any]:
        assert self.transpose is not None
        results = self.transpose(tree_unflatten(self.out_tree, cts))
        who = f"the transpose rule of the callback {self.name}"
        positional = self.treedef.child(0)
        count = positional.num_children
        if not (isinstance(results, (tuple, list)) and len(results) == count):
            what = f"{who} returned {kind_of(results)}, where a tuple of {count} is needed."
            raise errors.CallbackError(what, fix="return a tuple with a cotangent for each argument: (ct,) for one")
        return tangent_leaves(list(results), positional, "cotangents", who)


def _check_sharding(sharding: Any, who: str) -> None:
    if sharding is not None:
        raise options.refused("sharding", sharding, who, "leave it out: there is one device")


@hides_frames
def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str | None = None,
    jvp: Callable[..., Any] | None = None,
    transpose: Callable[..., Any] | None = None,
    sharding: None = None,
    **kwargs: Any,
) -> Any:
    """Call a Python function without side effects on NumPy arrays, also in compiled and batched programs.

    Args:
        callback: a function of arrays; it may be called any number of times, or not at all.
        result_shape_dtypes: what it returns, a pytree of avals (`ShapedArray`), arrays, or anything with shape and dtype.
        args: its arguments, pytrees of arrays.
        vmap_method: under `vmap`: "sequential" calls it for each example; "expand_dims" and "broadcast_all" call it once with
            the batch axis in front, which unbatched arguments have with length 1, or in full.  None refuses.
        jvp: ``jvp(primals, tangents) -> (output, tangent)``, in NumPy functions that can be differentiated again.
        transpose: for a linear function, ``transpose(cotangent) -> tuple of cotangents``; it may call `pure_callback`.
        sharding: accepted for JAX's sake: None.
        kwargs: further arguments of the callback, by name; there are none where there is a rule.

    Raises:
        CallbackError: the result is not what was declared; or the call is batched without a ``vmap_method``.
        NonDifferentiableError: a derivative is needed, and there is neither ``jvp`` nor ``transpose``.

    Example:
        >>> from covector import grad, jit
        >>> def sine(x):
        ...     return pure_callback(np.sin, x, x, jvp=lambda p, t: (sine(*p), np.cos(p[0]) * t[0]))
        >>> float(jit(grad(sine))(0.0))
        1.0
    """
    given = {name: f for name, f in (("jvp", jvp), ("transpose", transpose)) if f is not None}
    check_functions("pure_callback(callback, result_shape_dtypes, *args)", callback=callback, **given)
    name = function_name(callback)
    if vmap_method not in VMAP_METHODS:
        what = f"pure_callback of {name} got vmap_method={vmap_method!r}."
        raise errors.ArgumentError(what, fix=f"pass one of {', '.join(map(repr, VMAP_METHODS))}")
    _check_sharding(sharding, "pure_callback")
    if given and kwargs:
        what = f"pure_callback of {name} has a rule ({', '.join(given)}) and arguments by name: {', '.join(kwargs)}."
        raise errors.ArgumentError(what, why="a rule has the arguments in their order", fix="pass all arguments by position")
    leaves, treedef = flatten_values([list(args), kwargs], f"pure_callback of {name}")
    out_avals, out_tree = _declared(result_shape_dtypes)
    flat = FlatCallback(name, callback, treedef, out_tree, jvp, transpose)
    described = Callback(
        name, flat.run, flat.flat_jvp if jvp else None, flat.flat_transpose if transpose else None, vmap_method
    )
    return tree_unflatten(out_tree, pure_callback_p.bind(*leaves, callback=described, out_avals=out_avals))


@hides_frames
def io_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    ordered: bool = False,
    sharding: None = None,
    **kwargs: Any,
) -> Any:
    """Call a Python function with side effects on NumPy arrays, exactly once each time that the program gets there.

    Args:
        callback: a function of arrays.
        result_shape_dtypes: what it returns, as for `pure_callback`; None for nothing.
        args: its arguments, pytrees of arrays.
        ordered, sharding: accepted for JAX's sake: programs run in order, so all effects are ordered.
        kwargs: further arguments of the callback, by name.

    Under `vmap` it is called for one example after the other.  It has no derivative.

    Example:
        >>> from covector import jit
        >>> log = []
        >>> _ = jit(lambda x: io_callback(lambda x: log.append(float(x)), None, x * 2))(3.0)
        >>> log
        [6.0]
    """
    check_functions("io_callback(callback, result_shape_dtypes, *args)", callback=callback)
    name = function_name(callback)
    _check_sharding(sharding, "io_callback")
    leaves, treedef = flatten_values([list(args), kwargs], f"io_callback of {name}")
    out_avals, out_tree = _declared(result_shape_dtypes)
    run = FlatCallback(name, callback, treedef).run_on_arrays
    params = {"out_avals": out_avals} if out_avals else {}
    return tree_unflatten(out_tree, io_callback_p.bind(*leaves, callback=Callback(name, run), **params))
