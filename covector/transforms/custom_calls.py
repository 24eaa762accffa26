"""Functions with other rules of their own: ``custom_vmap``, ``linear_call``, ``custom_transpose``, ``closure_convert``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.memory import copies, own_results
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_structure, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.closures import reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import rearranged
from covector.primitives.custom.calls import BatchRule, custom_vmap_p, linear_call_p, with_values
from covector.transforms.arguments import (
    check_callable,
    check_functions,
    flatten_values,
    function_name,
    global_name,
    kind_of,
    same_tree,
    transformed,
)
from covector.transforms.caches import Traced
from covector.transforms.positional import Positional
from covector.transforms.tracing import trace


@hides_frames
def closure_convert(fun: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Make the traced values that a function closes over explicit arguments.

    Args:
        fun: a function of pytrees of arrays.
        example_args: arguments of the types that it will be called with.

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
    leaves, treedef = flatten_values(example_args, who.name)
    traced = trace(fun, treedef, [typeof(x) for x in leaves], who)
    n, n_consts = len(example_args), len(traced.hoisted)
    jaxpr, out_tree = traced.jaxpr, traced.out_tree  # not the traced values: they come as arguments
    name = f"the converted {function_name(fun)}"

    def converted(*args_and_consts: Any) -> Any:
        args, consts = args_and_consts[:n], args_and_consts[n:]
        if len(consts) != n_consts:
            what = f"{name} is called with {len(consts)} constants after its {n} arguments, and closes over {n_consts}."
            fix = "call it with the arguments and then *consts, as closure_convert returned them"
            raise errors.ArgumentError(errors.describe(what, fix=fix))
        given = same_tree(list(args), treedef, "arguments", name)
        return tree_unflatten(out_tree, eval_jaxpr(jaxpr, *consts, *given))[0]

    return converted, traced


class CustomBatching:
    """A function with a batching rule; made by `custom_vmap`."""

    def __init__(self, fun: Callable[..., Any]):
        check_callable(fun, "custom_vmap")
        update_wrapper(self, fun)
        self.fun = fun
        self.name = function_name(fun)
        self.positional = Positional(fun)
        self.rule: Callable[..., Any] | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return global_name(self) or super().__reduce_ex__(protocol)

    def def_vmap(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Register ``rule(axis_size, in_batched, *args) -> (output, out_batched)``; usable as a decorator.

        Args:
            rule: gets the arguments with the batch along axis 0 where ``in_batched``, a list of trees of booleans, says so; in
                the same way it says which arrays of its output are batched.
        """
        check_callable(rule, "def_vmap")
        self.rule = rule
        return rule

    @hides_frames
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.rule is None:
            what = f"{self.name} is called and has no batching rule."
            raise errors.CustomRuleError(errors.describe(what, fix=f"register one with {self.name}.def_vmap"))
        who = transformed("custom_vmap", self.fun)
        args = self.positional(args, kwargs)
        leaves, treedef = flatten_values(args, who.name)
        if not any(isinstance(x, TracerBase) for x in leaves):
            return self.fun(*args)
        traced = trace(self.fun, treedef, [typeof(x) for x in leaves], who)
        closed = list(reachable_tracers([self.rule]))

        def run(size: int, values: Sequence[Any], xs: Sequence[Any], batched: Sequence[bool]) -> Any:
            return with_values(lambda *xs: self.run_rule(treedef, traced, size, xs, batched), closed, values, xs, self.name)

        rule, n = BatchRule(self.name, run, len(closed)), len(traced.hoisted)
        jaxpr = traced.jaxpr
        if closed:
            jaxpr = rearranged(jaxpr, [*range(n), *map(typeof, closed), *range(n, len(jaxpr.in_vars))])
        outs = custom_vmap_p.bind(*traced.hoisted, *closed, *leaves, jaxpr=jaxpr, rule=rule, hoisted=n)
        return traced.result(outs)

    def run_rule(
        self, treedef: Any, traced: Traced, size: int, xs: Sequence[Any], batched: Sequence[bool]
    ) -> tuple[list[Any], list[bool]]:
        assert self.rule is not None
        result = self.rule(size, tree_unflatten(treedef, batched), *tree_unflatten(treedef, copies(xs)))
        who = f"the batching rule of {self.name}"
        if not (isinstance(result, tuple) and len(result) == 2):
            raise errors.CustomRuleError(
                errors.describe(f"{who} returned {kind_of(result)}.", fix="return a pair (output, out_batched)")
            )
        outs = same_tree([result[0]], traced.out_tree, "an output", who)
        marks = [bool(m) for m in same_tree([result[1]], traced.out_tree, "out_batched", who)]
        for o, m, aval in zip(outs, marks, traced.jaxpr.out_avals, strict=True):
            found, wanted = typeof(o), aval.batched(size, 0) if m else aval
            if found.shape != wanted.shape or (found.dtype != wanted.dtype and not found.weak_type):
                raise errors.CustomRuleError(
                    errors.describe(
                        f"{who} returned {found} as {'' if m else 'not '}batched, which should be {wanted}.",
                        why=f"{self.name} returns {aval} for one example, and the batch has {size}",
                        fix="return a batch along axis 0, or False in out_batched for what all examples share",
                    )
                )
        return copies(outs), marks


def custom_vmap(fun: Callable[..., Any]) -> CustomBatching:
    """Give a function a batching rule of its own.

    Derivatives are those of the function itself; the rule serves `vmap` of the function, also inside `jit`.

    Args:
        fun: a function of positional pytrees of arrays.

    Returns:
        A function with the method ``def_vmap``.

    Example:
        >>> import numpy as np
        >>> from covector import vmap
        >>> @custom_vmap
        ... def solve(a, b):
        ...     return b / a
        >>> @solve.def_vmap
        ... def solve_batch(axis_size, in_batched, a, b):
        ...     print("batched:", in_batched)
        ...     return b / a, True
        >>> vmap(solve, in_axes=(None, 0))(2.0, np.array([1.0, 3.0]))
        batched: [False, True]
        array([0.5, 1.5])
    """
    return CustomBatching(fun)


@hides_frames
def linear_call(fun: Callable[..., Any], fun_transpose: Callable[..., Any], residual_args: Any, linear_args: Any) -> Any:
    """Call a function that is linear in its second argument and has a transpose of its own.

    Args:
        fun: ``fun(residual_args, linear_args) -> output``, linear in the second.
        fun_transpose: ``fun_transpose(residual_args, cotangent) -> cotangent of linear_args``.
        residual_args: a pytree of arrays.
        linear_args: a pytree of floating or complex arrays.

    Raises:
        CustomRuleError: ``fun_transpose`` does not return a cotangent for ``linear_args``.

    Example:
        >>> from covector import grad
        >>> def half_speed(x):  # the gradient is made half of what it is
        ...     return linear_call(lambda _, x: 2.0 * x, lambda _, ct: 1.0 * ct, (), x)
        >>> float(grad(half_speed)(3.0))
        1.0
    """
    usage = "linear_call(fun, fun_transpose, residual_args, linear_args)"
    check_functions(usage, fun=fun, fun_transpose=fun_transpose)
    who = transformed("linear_call", fun)
    residuals, res_tree = flatten_values([residual_args], who.name)
    operands, lin_tree = flatten_values([linear_args], who.name)
    forward = _staged_pair(fun, res_tree, lin_tree, residuals, [typeof(x) for x in operands], who)
    back = _staged_pair(
        fun_transpose, res_tree, forward.out_tree, residuals, forward.jaxpr.out_avals, transformed("linear_call", fun_transpose)
    )
    wanted = [typeof(x).tangent() for x in operands]
    found = back.jaxpr.out_avals
    if back.out_tree != lin_tree or [(a.shape, a.dtype) for a in found] != [(a.shape, a.dtype) for a in wanted]:
        raise errors.CustomRuleError(
            errors.describe(
                f"the transpose {function_name(fun_transpose)} of {function_name(fun)} returned ({', '.join(map(str, found))})"
                f" for linear arguments ({', '.join(map(str, wanted))}).",
                why="the transpose maps a cotangent of the output to one of the linear arguments",
                fix="return the structure, shapes and dtypes of linear_args",
            )
        )
    jaxpr = _with_all_hoisted(forward, back.hoisted, first=True)
    transposed = _with_all_hoisted(back, forward.hoisted, first=False)
    known = [*forward.hoisted, *back.hoisted, *residuals]
    outs = linear_call_p.bind(*known, *operands, jaxpr=jaxpr, transposed=transposed, residuals=len(known))
    return forward.result(own_results(outs, [*known, *operands]))


def _staged_pair(f: Any, res_tree: Any, lin_tree: Any, residuals: list[Any], avals: list[Any], who: Any) -> Traced:
    """The program of a function of residuals and linear arguments."""
    n = len(residuals)
    call = lambda *leaves: f(*tree_unflatten(res_tree, leaves[:n]), *tree_unflatten(lin_tree, leaves[n:]))
    avals = [*map(typeof, residuals), *avals]
    return trace(call, tree_structure(avals), avals, who)


def _with_all_hoisted(traced: Traced, others: list[Any], *, first: bool) -> Any:
    """The program with the values that its partner closes over as unused inputs, after its own if it is the ``first``."""
    n = len(traced.hoisted)
    own, unused = list(range(n)), [typeof(x) for x in others]
    leading = [*own, *unused] if first else [*unused, *own]
    return rearranged(traced.jaxpr, [*leading, *range(n, len(traced.jaxpr.in_vars))])


class CustomTranspose:
    """A linear function with a transpose of its own; made by `custom_transpose`."""

    def __init__(self, fun: Callable[..., Any]):
        check_callable(fun, "custom_transpose")
        update_wrapper(self, fun)
        self.fun = fun
        self.transpose: Callable[..., Any] | None = None

    def def_transpose(self, transpose: Callable[..., Any]) -> Callable[..., Any]:
        """Register ``transpose(residuals, cotangent) -> cotangent of the linear argument``; usable as a decorator."""
        check_callable(transpose, "def_transpose")
        self.transpose = transpose
        return transpose

    @hides_frames
    def __call__(self, residuals: Any, operand: Any) -> Any:
        if self.transpose is None:
            what = f"{function_name(self.fun)} is called and has no transpose."
            raise errors.CustomRuleError(errors.describe(what, fix="register one with def_transpose"))
        return linear_call(self.fun, self.transpose, residuals, operand)


def custom_transpose(fun: Callable[..., Any]) -> CustomTranspose:
    """Give a function ``fun(residuals, operand)``, linear in its second argument, a transpose of its own.

    A decorator that does what `linear_call` does.

    Example:
        >>> from covector import grad
        >>> @custom_transpose
        ... def triple(_, x):
        ...     return 3.0 * x
        >>> @triple.def_transpose
        ... def triple_transpose(_, ct):
        ...     return 3.0 * ct
        >>> float(grad(lambda x: triple((), x) ** 2)(1.0))
        18.0
    """
    return CustomTranspose(fun)
