"""Programs from functions: ``make_jaxpr``, ``eval_shape`` and ``closure_convert``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, overload

from covector.core import errors
from covector.core.jaxpr import Jaxpr, read_only
from covector.core.pytrees import tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.evaluate import eval_jaxpr
from covector.transforms.arguments import (
    ArgNums,
    Names,
    Transformed,
    check_callable,
    check_functions,
    function_name,
    given_avals,
    same_tree,
    transformed,
    wrap_like,
)
from covector.transforms.caches import Traced
from covector.transforms.static_arguments import StaticArguments, StaticCall
from covector.transforms.tracing import trace


@overload
def make_jaxpr(
    f: Callable[..., Any], static_argnums: ArgNums = (), return_shape: Literal[False] = False, *, static_argnames: Names = ()
) -> Callable[..., Jaxpr]: ...
@overload
def make_jaxpr(
    f: Callable[..., Any], static_argnums: ArgNums = (), *, return_shape: Literal[True], static_argnames: Names = ()
) -> Callable[..., tuple[Jaxpr, Any]]: ...
def make_jaxpr(
    f: Callable[..., Any],
    static_argnums: ArgNums = (),
    return_shape: bool = False,
    *,
    static_argnames: Names = (),
) -> Callable[..., Any]:
    """The program that a function performs.

    Args:
        f: a function of pytrees of arrays.
        static_argnums: positions of arguments that are passed to ``f`` as they are, and may be anything hashable.
        return_shape: return also the avals of the result, in its structure.
        static_argnames: names of such arguments.

    Returns:
        A function of the same arguments (or of avals in their place) that returns the `Jaxpr`.  The values of the arguments
        play no part.

    Raises:
        ArgumentError: ``f`` closes over a traced value of an enclosing transformation.

    Example:
        >>> import numpy as np
        >>> make_jaxpr(lambda x: np.sin(x) * 2.0)(np.ones(3))
        { lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[3] = mul b 2.0 in (c,) }
    """
    check_callable(f, "make_jaxpr")
    statics = StaticArguments(f, static_argnums, static_argnames)
    who = transformed("make_jaxpr", f)

    def jaxpr_maker(*args: Any, **kwargs: Any) -> Any:
        found = traced_alone(f, statics.call_of(args, kwargs, who.name), who)
        jaxpr = read_only(found.jaxpr)
        return (jaxpr, found.shapes) if return_shape else jaxpr

    given = {"static_argnums": static_argnums, "return_shape": return_shape, "static_argnames": static_argnames}
    return wrap_like(f, jaxpr_maker, make_jaxpr, **given)


def traced_call(f: Callable[..., Any], call: StaticCall, who: Transformed) -> Traced:
    """Trace a call with arguments that are values or avals."""
    avals, treedef = given_avals(call.dynamic, who.name)
    return trace(partial(call.apply, f), treedef, avals, who)


def traced_alone(f: Callable[..., Any], call: StaticCall, who: Transformed) -> Traced:
    """The same for a program that must stand by itself."""
    found = traced_call(f, call, who)
    for x in found.hoisted:
        made = x.made_at()
        raise errors.ArgumentError(
            f"{who.name}: the function closes over a traced value of type {x.aval}"
            f"{f', made at {made},' if made else ''} of an enclosing transformation ({x._trace.name}).",
            why="a program holds no traced values, and one with a further input would not be that of the function",
            fix="pass the value as an argument; covector.closure_convert finds all that a function closes over",
        )
    return found


@hides_frames
def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The avals (shape, dtype) of what a function returns, without computing it.

    Args:
        f: a function of pytrees of arrays.
        args: its arguments, or avals in their place.
        kwargs: its keyword arguments, likewise.

    Returns:
        The result's pytree with a `ShapedArray` for each array.

    Example:
        >>> import numpy as np
        >>> eval_shape(lambda x: x @ x, np.ones((3, 3)))
        f64[3,3]
    """
    check_callable(f, "eval_shape")
    who = transformed("eval_shape", f)
    found = traced_call(f, StaticArguments(f, (), ()).call_of(args, kwargs, who.name), who)
    return found.shapes


@hides_frames
def closure_convert(fun: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Make the traced values that a function closes over explicit arguments.

    Args:
        fun: a function of pytrees of arrays.
        example_args: arguments of the types that it will be called with, or avals.

    Returns:
        ``(converted, consts)`` with ``converted(*args, *consts)`` equal to ``fun(*args)``.  ``consts`` are the values of
        enclosing transformations; plain arrays stay inside.

    Example:
        >>> from covector import grad
        >>> def f(a):
        ...     converted, consts = closure_convert(lambda x: a * x, 1.0)
        ...     return converted(3.0, *consts) * len(consts)
        >>> float(grad(f)(2.0))
        3.0
    """
    check_functions("closure_convert(fun, *example_args)", fun=fun)
    converted, traced = converted_closure(fun, example_args, "closure_convert")
    return converted, list(traced.hoisted)


def converted_closure(fun: Callable[..., Any], example_args: Any, what: str) -> tuple[Callable[..., Any], Traced]:
    """The function with what it closes over as further arguments, and its program."""
    who = transformed(what, fun)
    avals, treedef = given_avals(list(example_args), who.name)
    traced = trace(fun, treedef, avals, who)
    n, n_consts = len(example_args), len(traced.hoisted)
    jaxpr, out_tree = traced.jaxpr, traced.out_tree  # not the traced values: they come as arguments
    name = f"the converted {function_name(fun)}"

    def converted(*args_and_consts: Any) -> Any:
        args, consts = args_and_consts[:n], args_and_consts[n:]
        if len(consts) != n_consts:
            what = f"{name} is called with {len(consts)} constants after its {n} arguments, and closes over {n_consts}."
            fix = "call it with the arguments and then *consts, as closure_convert returned them"
            raise errors.ArgumentError(what, fix=fix)
        given = same_tree(list(args), treedef, "arguments", name)
        return tree_unflatten(out_tree, eval_jaxpr(jaxpr, *consts, *given))[0]

    return converted, traced
