"""Memory for time: ``checkpoint`` (``remat``), its policies, and what a function saves for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, overload

from covector.core.avals import typeof
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.keys import names_in
from covector.core.memory import copy_of, mapped, own_results
from covector.core.primitive import Primitive, TracerBase
from covector.core.pytrees import tree_flatten, tree_map, tree_paths
from covector.core.text.notation import register_notation
from covector.core.tracebacks import hides_frames
from covector.interpreters.linearize import split
from covector.passes.clean import clean
from covector.primitives.programs.checkpoint import Policy, checkpoint_p, name_p
from covector.transforms.arguments import (
    Names,
    check_callable,
    check_functions,
    check_leaves,
    function_name,
    transformed,
    wrap_like,
)
from covector.transforms.caches import kept
from covector.transforms.staging import traced_call
from covector.transforms.static_arguments import StaticArguments
from covector.transforms.tracing import trace
from covector.transforms.typing import P, R

# --- policies ---------------------------------------------------------------------------------------------------------


class NamedPolicy:
    """A policy of `checkpoint_policies`, with its arguments; programs print it as ``policy(name, ...)``."""

    def __init__(self, name: str, *args: Any):
        self.name = name
        self.args = args

    def __call__(self, primitive: Primitive, *avals: Any, **params: Any) -> bool:
        return POLICIES[self.name](self.args, primitive, avals, params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedPolicy) and (self.name, self.args) == (other.name, other.args)

    def __hash__(self) -> int:
        return hash((self.name, self.args))

    def __repr__(self) -> str:
        return f"policy({', '.join(map(repr, (self.name, *self.args)))})"


register_notation(NamedPolicy, "policy", lambda p: (p.name, *p.args))


def _is_dot(primitive: Primitive, avals: Sequence[Any]) -> bool:
    return primitive.name == "einsum" and len(avals) > 1


def _has_batch_axis(spec: str) -> bool:
    """Whether all operands of a contraction and its result have an axis in common."""
    inputs, output = spec.split("->")
    return bool(set.intersection(set(output), *map(set, inputs.split(","))))


POLICIES: dict[str, Callable[[Any, Primitive, Any, dict[str, Any]], bool]] = {
    "everything_saveable": lambda names, p, avals, params: True,
    "nothing_saveable": lambda names, p, avals, params: False,
    "dots_saveable": lambda names, p, avals, params: _is_dot(p, avals),
    "dots_with_no_batch_dims_saveable": lambda names, p, avals, params: (
        _is_dot(p, avals) and not _has_batch_axis(params["spec"])
    ),
    "save_only_these_names": lambda names, p, avals, params: p is name_p and params["name"] in names,
    "save_any_names_but_these": lambda names, p, avals, params: p is name_p and params["name"] not in names,
    "save_anything_except_these_names": lambda names, p, avals, params: p is not name_p or params["name"] not in names,
    "save_from_both_policies": lambda policies, p, avals, params: any(policy(p, *avals, **params) for policy in policies),
}
"""What each policy saves: ``rule(arguments of the policy, primitive, avals, params)``."""


class checkpoint_policies:
    """The policies for `checkpoint`, by JAX's names.

    ``nothing_saveable`` computes everything again; ``everything_saveable`` nothing.  ``dots_saveable`` saves the results of
    contractions, ``dots_with_no_batch_dims_saveable`` of those without an axis that is common to all operands and the result.
    The others are made from names given by `checkpoint_name`, or from two policies.
    """

    everything_saveable = NamedPolicy("everything_saveable")
    nothing_saveable = NamedPolicy("nothing_saveable")
    dots_saveable = checkpoint_dots = NamedPolicy("dots_saveable")
    dots_with_no_batch_dims_saveable = NamedPolicy("dots_with_no_batch_dims_saveable")
    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable

    @staticmethod
    def save_only_these_names(*names: str) -> NamedPolicy:
        """Save the values that have one of these names."""
        return NamedPolicy("save_only_these_names", *names)

    @staticmethod
    def save_any_names_but_these(*names: str) -> NamedPolicy:
        """Save the values that have a name, but not one of these."""
        return NamedPolicy("save_any_names_but_these", *names)

    @staticmethod
    def save_anything_except_these_names(*names: str) -> NamedPolicy:
        """Save everything but the values that have one of these names."""
        return NamedPolicy("save_anything_except_these_names", *names)

    @staticmethod
    def save_from_both_policies(first: Policy, second: Policy) -> NamedPolicy:
        """Save what either policy saves."""
        return NamedPolicy("save_from_both_policies", first, second)


def checkpoint_name(x: Any, name: str) -> Any:
    """Give a value (a pytree of arrays) a name for policies such as ``save_only_these_names``; else the identity.

    Example:
        >>> checkpoint_name(2.0, "two")
        2.0
    """
    return tree_map(lambda leaf: name_p.bind(mapped(copy_of, leaf), name=str(name)), x)


# --- checkpoint -------------------------------------------------------------------------------------------------------


@overload
def checkpoint(
    fun: Callable[P, R],
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: Names = (),
) -> Callable[P, R]: ...
@overload
def checkpoint(
    fun: None = None,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: Names = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def checkpoint(
    fun: Callable[..., Any] | None = None,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: Names = (),
) -> Callable[..., Any]:
    """Make a function keep its arguments for the backward pass instead of its intermediate values, which are computed again.

    Args:
        fun: a function of pytrees of arrays.
        prevent_cse: accepted for JAX's sake: the second computation is never merged with the first.
        policy: which intermediate values may be saved all the same, one of `checkpoint_policies` or any function
            ``policy(primitive, *avals, **params) -> bool`` of an operation; by default none.
        static_argnums: positions of arguments that may be anything hashable.
        static_argnames: names of such arguments.

    Returns:
        A function with the same values and derivatives.

    Example:
        >>> import numpy as np
        >>> f = checkpoint(lambda x: np.sin(np.sin(x)))
        >>> print_saved_residuals(f, 1.0)
        weak_f64[]  8 bytes  from the argument [0]
        >>> print_saved_residuals(lambda x: np.sin(np.sin(x)), 1.0)
        f64[]  8 bytes  output of cos ...
        f64[]  8 bytes  output of cos ...
    """
    given = dict(locals())
    del given["fun"]
    if fun is None:
        return lambda fun: checkpoint(fun, **given)
    check_callable(fun, "checkpoint")
    if policy is not None:
        check_functions("checkpoint(f, policy=covector.checkpoint_policies.dots_saveable)", policy=policy)
    chosen = checkpoint_policies.nothing_saveable if policy is None else policy
    statics = StaticArguments(fun, static_argnums, static_argnames)
    who = transformed("checkpoint", fun)
    options = ("checkpoint", frozenset(statics.positions), frozenset(statics.names))

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        call = statics.call_of(args, kwargs, who.name)
        leaves, treedef = tree_flatten(call.dynamic)
        if not any(isinstance(x, TracerBase) for x in leaves):
            return fun(*args, **kwargs)
        check_leaves(leaves, call.dynamic, who.name)
        avals, run = [*map(typeof, leaves)], partial(call.apply, fun)
        key = (options, call.key, treedef, names_in(treedef), *avals)
        found = kept(fun, key, lambda: trace(run, treedef, avals, who, capture=True))
        outs = checkpoint_p.bind(*found.hoisted, *leaves, jaxpr=found.jaxpr, policy=chosen, name=function_name(fun))
        return found.result(own_results(outs, leaves))

    return wrap_like(fun, checkpointed, checkpoint, **given)


remat = checkpoint


# --- what is saved ----------------------------------------------------------------------------------------------------


class Residual(NamedTuple):
    """A value that is kept for the backward pass: its aval, its size, and where it comes from."""

    aval: Any
    nbytes: int
    origin: str

    def __str__(self) -> str:
        return f"{self.aval}  {self.nbytes} bytes  {self.origin}"


@hides_frames
def saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Residual]:
    """The values that reverse mode keeps of a function, in a list.

    Args:
        f: a function of pytrees of arrays.
        args: its arguments, of which the types matter.
        kwargs: its keyword arguments.

    Example:
        >>> import numpy as np
        >>> [r.nbytes for r in saved_residuals(lambda x: x * np.exp(x), np.ones(10))]
        [80, 80]
    """
    check_callable(f, "saved_residuals")
    who = transformed("saved_residuals", f)
    call = StaticArguments(f, (), ()).call_of(args, kwargs, who.name)
    found = traced_call(f, call, who)
    jaxpr = clean(found.jaxpr)
    nonzero = tuple(getattr(a, "is_differentiable", False) for a in jaxpr.in_avals)
    parts = split(jaxpr, nonzero)
    primal = parts.primal
    paths = [f"a closed-over value {i}" for i in range(len(found.hoisted))]
    paths += [f"the argument {p.removeprefix('[0]')}" for p in tree_paths(call.dynamic)]
    residual_vars = [v for v in dict.fromkeys(primal.out_vars[len(jaxpr.out_vars) :]) if isinstance(v, Var)]
    used = {v for e in parts.linear.equations for v in e.inputs}
    consts = [c for v, c in parts.linear.consts.items() if v in used]
    residuals = [Residual(v.aval, _nbytes(v.aval), _origin(primal, v, paths)) for v in residual_vars]
    return residuals + [Residual(typeof(c), c.nbytes, "a constant") for c in consts]


def _nbytes(aval: Any) -> int:
    return int(aval.size * aval.dtype.itemsize) if hasattr(aval, "size") else 0


def _origin(jaxpr: Jaxpr, var: Any, paths: list[str]) -> str:
    if var in jaxpr.in_vars:
        return f"from {paths[jaxpr.in_vars.index(var)]}"
    eqn = next((e for e in jaxpr.equations if var in e.outputs), None)
    return "a constant" if eqn is None else _origin_of_output(jaxpr, eqn, var, paths)


def _origin_of_output(jaxpr: Jaxpr, eqn: Equation, var: Var, paths: list[str]) -> str:
    if eqn.primitive is checkpoint_p:
        inner = eqn.params["jaxpr"]
        outside = [
            "a constant" if isinstance(x, Literal) else _origin(jaxpr, x, paths).removeprefix("from ") for x in eqn.inputs
        ]
        return _origin(inner, inner.out_vars[list(eqn.outputs).index(var)], outside)
    what = f"named {eqn.params['name']!r}" if eqn.primitive is name_p else f"output of {eqn.primitive}"
    return f"{what} at {eqn.source}" if eqn.source is not None else what


@hides_frames
def print_saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print the values that reverse mode keeps of a function, a line each: type, size, origin; see `saved_residuals`."""
    for residual in saved_residuals(f, *args, **kwargs):
        print(residual)
