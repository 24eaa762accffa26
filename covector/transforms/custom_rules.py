"""Functions with derivatives of their own: ``custom_jvp`` and ``custom_vjp``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from functools import update_wrapper
from typing import Any, NamedTuple

from covector.core import errors
from covector.core.avals import Zero, instantiate, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_flatten, tree_leaves, tree_unflatten
from covector.interpreters.batch import named_axes
from covector.primitives.custom import Backward, Rules, custom_p
from covector.primitives.shaping import in_type
from covector.transforms.arguments import (
    check_callable,
    flatten_values,
    function_name,
    kind_of,
    like_tangent,
    same_tree,
    transformed,
)
from covector.transforms.staging import staged_leaves
from covector.transforms.static_arguments import typed


class CustomVJPPrimal(NamedTuple):
    """An argument of a ``fwd`` rule with ``symbolic_zeros``: its value, and whether it is being differentiated."""

    value: Any
    perturbed: bool


class Arguments(NamedTuple):
    """The arguments of a call: those that are differentiated, as leaves, and the others as they are."""

    leaves: list[Any]
    treedef: Any
    statics: dict[int, Any]
    n_args: int

    def all(self, dynamic: Sequence[Any]) -> list[Any]:
        """The positional arguments, with these for the differentiable ones."""
        rest = iter(dynamic)
        return [self.statics[i] if i in self.statics else next(rest) for i in range(self.n_args)]


class CustomFunction:
    """A function with a JVP rule, a VJP rule, or both; made by `custom_jvp` and `custom_vjp`."""

    def __init__(self, fun: Callable[..., Any], kind: str, nondiff_argnums: Sequence[int]):
        check_callable(fun, kind)
        update_wrapper(self, fun)
        self.fun = fun
        self.kind = kind
        self.nondiff_argnums = tuple(
            int(i) for i in ([nondiff_argnums] if isinstance(nondiff_argnums, int) else nondiff_argnums)
        )
        self.name = function_name(fun)
        self.jvp_rule: Callable[..., Any] | None = None
        self.vjp_rule: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self.jvp_symbolic_zeros = self.vjp_symbolic_zeros = False
        self.cache: dict[Hashable, Any] = {}

    # --- registering rules ---

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Register ``jvp(*nondiff, primals, tangents) -> (output, tangent of the output)``; usable as a decorator.

        Args:
            jvp: takes tuples of primals and tangents, and must be linear in the tangents.
            symbolic_zeros: pass zero tangents as `Zero` objects instead of arrays.
        """
        check_callable(jvp, "defjvp")
        self.jvp_rule, self.jvp_symbolic_zeros = jvp, bool(symbolic_zeros)
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Register a rule for each argument: ``jvp(tangent, output, *primals)``, or None for a zero derivative."""
        if self.nondiff_argnums:
            raise self.error("defjvps cannot be used with nondiff_argnums.", fix="use defjvp")

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            if len(jvps) != len(primals):
                raise self.error(
                    f"defjvps got {len(jvps)} rules for {len(primals)} arguments.", fix="give one for each, or None"
                )
            out = self(*primals)
            out_leaves, out_tree = tree_flatten(out)
            total: list[Any] = [typeof(o).zero for o in out_leaves]
            for rule, t in zip(jvps, tangents, strict=True):
                if rule is not None and any(leaf.__class__ is not Zero for leaf in tree_leaves(t)):
                    part = same_tree(rule(instantiated_tree(t), out, *primals), out_tree, "a tangent", f"a rule of {self.name}")
                    total = [p if s.__class__ is Zero else s + p for s, p in zip(total, part, strict=True)]
            return out, tree_unflatten(out_tree, total)

        self.defjvp(jvp, symbolic_zeros=True)

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any], symbolic_zeros: bool = False) -> None:
        """Register ``fwd(*args) -> (output, residuals)`` and ``bwd(*nondiff, residuals, cotangent) -> cotangents of the args``.

        Args:
            fwd: takes the arguments of the function; the residuals are any pytree of arrays.
            bwd: returns a tuple with a cotangent for each differentiable argument, None for zero.
            symbolic_zeros: ``fwd`` gets `CustomVJPPrimal` objects for the arguments, and ``bwd`` gets `Zero` objects for zeros.
        """
        check_callable(fwd, "defvjp")
        check_callable(bwd, "defvjp")
        self.vjp_rule, self.vjp_symbolic_zeros = (fwd, bwd), bool(symbolic_zeros)

    # --- calling ---

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.jvp_rule is None and self.vjp_rule is None:
            rule = "defjvp" if self.kind == "custom_jvp" else "defvjp"
            raise self.error(f"{self.name} is called and has no derivative rule.", fix=f"register one with {self.name}.{rule}")
        arguments = self.arguments(args, kwargs)
        if not any(isinstance(x, TracerBase) for x in arguments.leaves):
            return self.fun(*args, **kwargs)
        jaxpr, hoisted, out_tree, rules = self.traced(arguments)
        outs = custom_p.bind(*hoisted, *arguments.leaves, jaxpr=jaxpr, rules=rules, hoisted=len(hoisted))
        return tree_unflatten(out_tree, outs)[0]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else lambda *args, **kwargs: self(instance, *args, **kwargs)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        args = self.positional(args, kwargs)
        statics = {i % len(args): args[i] for i in self.nondiff_argnums if -len(args) <= i < len(args)}
        if len(statics) < len(self.nondiff_argnums):
            raise self.error(
                f"{self.name} has nondiff_argnums={self.nondiff_argnums}, and is called with {len(args)} arguments.",
                fix="pass these arguments by position",
            )
        leaves, treedef = flatten_values([a for i, a in enumerate(args) if i not in statics], f"{self.kind} of {self.name}")
        return Arguments(leaves, treedef, statics, len(args))

    def positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults included, as rules take them."""
        if not kwargs and not inspect.isfunction(inspect.unwrap(self.fun)):
            return args
        try:
            signature = inspect.signature(self.fun)
        except (TypeError, ValueError):
            signature = None
        if signature is None:
            if kwargs:
                raise self.error(f"{self.name} is called with keyword arguments, and its signature is not known.")
            return args
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = [name for name in bound.kwargs if name in kwargs]
        if named:
            raise self.error(
                f"{self.name} is called with arguments {named} that can only be passed by name.",
                why="rules take their arguments by position",
                fix="give the function positional parameters",
            )
        return bound.args

    def traced(self, arguments: Arguments) -> Any:
        """The program of a call, the tracers it closes over, the structure of its result, and its rules."""
        avals = [typeof(x) for x in arguments.leaves]
        statics = tuple(sorted(typed(arguments.statics)))
        key: Hashable = (arguments.treedef, statics, *avals, self.jvp_rule, self.vjp_rule, named_axes())
        try:
            hash(key)
            cache = self.cache
        except TypeError:
            cache = {}
        if key in cache:
            return cache[key]
        who = transformed(self.kind, self.fun)
        call = lambda *leaves: self.fun(*arguments.all(tree_unflatten(arguments.treedef, leaves)))
        jaxpr, hoisted, out_tree = staged_leaves(call, avals, who)
        flat_rules = FlatRules(self, arguments._replace(leaves=[]), avals, out_tree, jaxpr.out_avals)
        entry = jaxpr, hoisted, out_tree, flat_rules.rules()
        if not hoisted:
            cache[key] = entry
        return entry

    def error(self, what: str, *, why: str = "", fix: str = "") -> errors.CustomRuleError:
        return errors.CustomRuleError(errors.describe(what, why=why, fix=fix))


def instantiated_tree(tree: Any) -> Any:
    """A tree with arrays for symbolic zeros."""
    leaves, treedef = tree_flatten(tree)
    return tree_unflatten(treedef, map(instantiate, leaves))


class FlatRules:
    """The rules of one kind of call, on flat arguments, with all that they return checked."""

    def __init__(self, f: CustomFunction, arguments: Arguments, avals: list[Any], out_tree: Any, out_avals: list[Any]):
        self.f = f
        self.name = f.name
        self.arguments = arguments
        self.avals = avals
        self.out_tree = out_tree
        self.out_avals = out_avals
        self.static_values = [arguments.statics[i] for i in sorted(arguments.statics)]

    def rules(self) -> Rules:
        f = self.f
        return Rules(self.name, self.jvp if f.jvp_rule else None, self.fwd if f.vjp_rule else None, f.jvp_symbolic_zeros)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        assert self.f.jvp_rule is not None
        trees = [tuple(tree_unflatten(self.arguments.treedef, xs)) for xs in (primals, tangents)]
        result = self.pair(self.f.jvp_rule(*self.static_values, *trees), "jvp", "(output, tangent of the output)")
        outs = self.outputs(result[0], "jvp")
        tangents_out = same_tree([result[1]], self.out_tree, "a tangent", f"the jvp rule of {self.name}")
        who = f"the jvp rule of {self.name}"
        return outs, [like_tangent(t, a, "tangent", who) for t, a in zip(tangents_out, self.out_avals, strict=True)]

    def fwd(self, primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Backward]:
        assert self.f.vjp_rule is not None
        given = (
            [CustomVJPPrimal(x, p) for x, p in zip(primals, perturbed, strict=True)] if self.f.vjp_symbolic_zeros else primals
        )
        dynamic = tree_unflatten(self.arguments.treedef, given)
        result = self.pair(self.f.vjp_rule[0](*self.arguments.all(dynamic)), "fwd", "(output, residuals)")
        residuals, treedef = flatten_values([result[1]], f"the fwd rule of {self.name}")

        def backward(values: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
            return self.bwd(tree_unflatten(treedef, values)[0], cts)

        return self.outputs(result[0], "fwd"), residuals, Backward(self.name, backward)

    def bwd(self, residuals: Any, cts: Sequence[Any]) -> list[Any]:
        assert self.f.vjp_rule is not None
        cts = cts if self.f.vjp_symbolic_zeros else [instantiate(ct) for ct in cts]
        (ct,) = tree_unflatten(self.out_tree, cts)
        result = self.f.vjp_rule[1](*self.static_values, residuals, ct)
        count = self.arguments.n_args - len(self.arguments.statics)
        if not isinstance(result, (tuple, list)) or len(result) != count:
            kind = f"{len(result)} cotangents" if isinstance(result, (tuple, list)) else f"a {type(result).__name__}"
            raise self.f.error(
                f"the bwd rule of {self.name} returned {kind} for {count} argument{'s' * (count != 1)}.",
                why="bwd returns a tuple with a cotangent for each differentiable argument",
                fix="return a tuple, with None for a zero: (ct,) for one argument",
            )
        who = f"the bwd rule of {self.name}"
        trees = tree_unflatten(self.arguments.treedef, self.avals)
        found: list[Any] = []
        for x, tree in zip(result, trees, strict=True):
            avals, treedef = tree_flatten(tree)
            leaves = [None] * len(avals) if x is None else same_tree(x, treedef, "a cotangent", who)
            found += [
                None if ct is None else like_tangent(ct, a, "cotangent", who) for ct, a in zip(leaves, avals, strict=True)
            ]
        return found

    def pair(self, result: Any, rule: str, wanted: str) -> Any:
        if isinstance(result, (tuple, list)) and len(result) == 2:
            return result
        raise self.f.error(f"the {rule} rule of {self.name} returned {kind_of(result)}.", fix=f"return a pair {wanted}")

    def outputs(self, out: Any, rule: str) -> list[Any]:
        """The primal outputs of a rule, which must be what the function itself returns."""
        who = f"the {rule} rule of {self.name}"
        leaves = same_tree([out], self.out_tree, "an output", who)
        for x, aval in zip(leaves, self.out_avals, strict=True):
            found = typeof(x)
            if found.shape != aval.shape or (found.dtype != aval.dtype and not found.weak_type):
                raise self.f.error(
                    f"{who} returned an output of type {found} where {self.name} returns {aval}.",
                    why="with or without derivatives, the value is the same",
                    fix=f"return the output of {self.name} itself",
                )
        return [
            x if typeof(x).dtype == a.dtype and not typeof(x).weak_type else in_type(x, a)
            for x, a in zip(leaves, self.out_avals, strict=True)
        ]


def custom_jvp(fun: Callable[..., Any] | None = None, nondiff_argnums: Sequence[int] = ()) -> Any:
    """Give a function a JVP rule of its own, from which its other derivatives follow.

    Args:
        fun: a function of pytrees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated and may be anything; rules get them first.

    Returns:
        A function with the methods ``defjvp``, ``defjvps`` and ``defvjp``.  If it has a VJP rule too, reverse mode uses that.

    Raises:
        CustomRuleError: when it is called without a rule, or a rule returns something else than the function.

    Example:
        >>> import numpy as np
        >>> from covector import grad
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1.0 + np.exp(x))
        >>> @log1pexp.defjvp
        ... def log1pexp_jvp(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return log1pexp(x), (1.0 - 1.0 / (1.0 + np.exp(x))) * t
        >>> with np.errstate(over="ignore"):
        ...     float(grad(log1pexp)(1000.0))
        1.0
    """
    if fun is None:
        return lambda fun: CustomFunction(fun, "custom_jvp", nondiff_argnums)
    return CustomFunction(fun, "custom_jvp", nondiff_argnums)


def custom_vjp(fun: Callable[..., Any] | None = None, nondiff_argnums: Sequence[int] = ()) -> Any:
    """Give a function a VJP rule of its own, which reverse mode uses.

    Forward mode differentiates the function itself, unless it has a JVP rule too.

    Args:
        fun: a function of pytrees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated and may be anything; ``bwd`` gets them first,
            ``fwd`` in their places.

    Returns:
        A function with the methods ``defvjp``, ``defjvp`` and ``defjvps``.

    Raises:
        CustomRuleError: when it is called without a rule, or a rule returns what does not fit the function.

    Example:
        >>> import numpy as np
        >>> from covector import grad
        >>> @custom_vjp
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
        >>> float(grad(lambda x: 5.0 * clipped(x))(2.0))
        1.0
    """
    if fun is None:
        return lambda fun: CustomFunction(fun, "custom_vjp", nondiff_argnums)
    return CustomFunction(fun, "custom_vjp", nondiff_argnums)
