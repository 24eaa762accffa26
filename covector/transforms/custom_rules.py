"""Functions with derivatives of their own: ``custom_jvp`` and ``custom_vjp``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any, NamedTuple

from covector.core import errors
from covector.core.avals import Zero, instantiate, typeof
from covector.core.memory import copies
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_flatten, tree_leaves, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.batch import BatchTracer
from covector.interpreters.jvp import JVPTracer
from covector.interpreters.stage import leaked
from covector.primitives.arrays.shaping import in_type
from covector.primitives.custom.functions import Rules, custom_function_p
from covector.primitives.custom.linear import Backward, written_out
from covector.transforms.arguments import (
    check_callable,
    flatten_values,
    function_name,
    global_name,
    kind_of,
    like_rule_tangent,
    same_tree,
    tangent_leaves,
    transformed,
)
from covector.transforms.positional import Positional


class CustomVJPPrimal(NamedTuple):
    """An argument of a ``fwd`` rule with ``symbolic_zeros``: its value, and whether it is being differentiated."""

    value: Any
    perturbed: bool


class Arguments(NamedTuple):
    """The arguments of a call: the structure of those that are differentiated, and the others as they are."""

    treedef: Any
    statics: dict[int, Any]
    n_args: int

    def all(self, dynamic: Sequence[Any]) -> list[Any]:
        """The positional arguments, with these for the differentiable ones."""
        rest = iter(dynamic)
        return [self.statics[i] if i in self.statics else next(rest) for i in range(self.n_args)]


class CustomFunction:
    """A function with a JVP rule, a VJP rule, or both; made by `custom_jvp` and `custom_vjp`."""

    def __init__(self, fun: Callable[..., Any], kind: str, nondiff_argnums: Any, nondiff_argnames: Any):
        check_callable(fun, kind)
        update_wrapper(self, fun)
        self.fun = fun
        self.kind = kind
        self.name = function_name(fun)
        self.who = transformed(kind, fun)
        self.positional = Positional(fun)
        self.nondiff_argnums = self.positional.places(nondiff_argnums, nondiff_argnames, "nondiff_argnums")
        self.jvp_rule: Callable[..., Any] | None = None
        self.vjp_rule: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self.jvp_symbolic_zeros = self.vjp_symbolic_zeros = False

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
                if rule is not None and any(type(leaf) is not Zero for leaf in tree_leaves(t)):
                    part = rule(instantiated_tree(t), out, *primals)
                    part = tangent_leaves(part, out_tree, "a tangent", f"a rule of {self.name}")
                    total = [added(s, p) for s, p in zip(total, part, strict=True)]
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

    @hides_frames
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.jvp_rule is None and self.vjp_rule is None:
            rule = "defjvp" if self.kind == "custom_jvp" else "defvjp"
            raise self.error(f"{self.name} is called and has no derivative rule.", fix=f"register one with {self.name}.{rule}")
        if kwargs:
            args = self.positional(args, kwargs)
        if not any(isinstance(x, TracerBase) for x in tree_leaves(args)):
            return self.fun(*args)
        leaves, call = self.flat_call(self.positional(args, {}))
        if not any(isinstance(x, TracerBase) for x in leaves):
            return self.fun(*args)
        outs = custom_function_p.bind(*leaves, fun=call.run, rules=call.rules())
        return tree_unflatten(call.out_tree, outs)[0]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return global_name(self) or super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"<{self.kind} function {self.name}>"

    def flat_call(self, args: tuple[Any, ...]) -> tuple[list[Any], FlatCall]:
        """The leaves of the differentiable arguments, and the function and its rules on these."""
        statics = {i % len(args): args[i] for i in self.nondiff_argnums if -len(args) <= i < len(args)}
        if len(statics) < len(self.nondiff_argnums):
            raise self.error(
                f"{self.name} has nondiff_argnums={self.nondiff_argnums}, and is called with {len(args)} arguments.",
                fix="pass these arguments by position",
            )
        for i, value in statics.items():
            if any(map(is_differentiated, tree_leaves(value))):
                raise self.error(
                    f"{self.name} is differentiated with respect to its argument {i}, which is in nondiff_argnums.",
                    why="its rules have no derivative for the arguments in nondiff_argnums",
                    fix="take it out of nondiff_argnums, and let the rules give its derivative, or stop_gradient it",
                )
        leaves, treedef = flatten_values([a for i, a in enumerate(args) if i not in statics], self.who.name)
        return leaves, FlatCall(self, Arguments(treedef, statics, len(args)), [typeof(x) for x in leaves])

    def error(self, what: str, *, why: str = "", fix: str = "") -> errors.CustomRuleError:
        return errors.CustomRuleError(errors.describe(what, why=why, fix=fix))


def is_differentiated(x: Any) -> bool:
    """Whether a value has a derivative in an open transformation, as far as is seen: one that is staged does not show it."""
    while isinstance(x, TracerBase):
        if isinstance(x, JVPTracer):
            return True
        x = x.value if isinstance(x, BatchTracer) else None
    return False


def added(total: Any, part: Any) -> Any:
    """The sum of two tangents, of which the first may be a symbolic zero, and the second too or None."""
    if part is None or type(part) is Zero:
        return total
    return part if type(total) is Zero else total + part


def instantiated_tree(tree: Any) -> Any:
    """A tree with arrays for symbolic zeros."""
    leaves, treedef = tree_flatten(tree)
    return tree_unflatten(treedef, map(instantiate, leaves))


def with_copies(x: Any) -> Any:
    """A static argument with copies of the arrays in it; one without arrays is itself."""
    leaves, treedef = tree_flatten(x)
    kept = copies(leaves)
    return x if all(a is b for a, b in zip(kept, leaves, strict=True)) else tree_unflatten(treedef, kept)


class FlatCall:
    """One call of a function: it and its rules on flat arguments, with all that rules return checked.

    Rules may keep and write to what they are given and what they return, so both are copies.

    What the outputs are is known from whichever runs first; a rule that runs after the function must return the like.
    """

    def __init__(self, f: CustomFunction, arguments: Arguments, avals: list[Any]):
        self.f = f
        self.name = f.name
        self.arguments = arguments
        self.avals = avals
        self.jvp_rule, self.vjp_rule = f.jvp_rule, f.vjp_rule
        self.symbolic_zeros = f.vjp_symbolic_zeros
        self.out_tree: Any = None
        self.out_avals: list[Any] = []
        self.static_values = [arguments.statics[i] for i in sorted(arguments.statics)]

    def rules(self) -> Rules:
        f = self.f
        jvp, fwd = self.jvp if f.jvp_rule else None, self.fwd if f.vjp_rule else None
        roots = (f.jvp_rule, *(f.vjp_rule or ()), *self.static_values)
        return Rules(f.name, jvp, fwd, f.jvp_symbolic_zeros, f.who.origin, (f.fun,), roots)

    def run(self, *leaves: Any) -> list[Any]:
        """The function itself."""
        out = self.f.fun(*self.arguments.all(tree_unflatten(self.arguments.treedef, leaves)))
        outs, self.out_tree = flatten_values([out], self.f.who.name)
        self.out_avals = [typeof(o) for o in outs]
        return outs

    def call_rule(self, kind: str, rule: Callable[..., Any], *args: Any) -> Any:
        """What a rule returns; one that uses a traced value of a transformation that has ended is told so."""
        try:
            for x in tree_leaves(self.static_values):
                if isinstance(x, TracerBase) and x._trace.closed:
                    raise leaked(x._trace, [x])
            return rule(*args)
        except errors.UnexpectedTracerError as e:
            raise self.f.error(
                f"the {kind} rule of {self.name} uses a traced value of a transformation that has ended: {e.args[0]}",
                why="the rule closes over the value, or got it as a nondiff argument, and is called after its transformation",
                fix=f"pass the value to {self.name} as an argument that is differentiated (with None for its cotangent), "
                "or as a residual",
            ) from e

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        assert self.jvp_rule is not None
        trees = [tuple(tree_unflatten(self.arguments.treedef, copies(xs))) for xs in (primals, tangents)]
        found = self.call_rule("jvp", self.jvp_rule, *self.static_values, *trees)
        result = self.pair(found, "jvp", "(output, tangent of the output)")
        outs = self.outputs(result[0], "jvp")
        who = f"the jvp rule of {self.name}"
        tangents_out = tangent_leaves([result[1]], self.out_tree, "a tangent", who)
        given = [like_rule_tangent(t, a, "tangent", who) for t, a in zip(tangents_out, self.out_avals, strict=True)]
        return copies(outs), copies(given)

    def fwd(self, primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Backward]:
        assert self.vjp_rule is not None
        given = copies(primals)
        if self.symbolic_zeros:
            given = [CustomVJPPrimal(x, p) for x, p in zip(given, perturbed, strict=True)]
        dynamic = tree_unflatten(self.arguments.treedef, given)
        result = self.pair(self.call_rule("fwd", self.vjp_rule[0], *self.arguments.all(dynamic)), "fwd", "(output, residuals)")
        residuals, treedef = flatten_values([result[1]], f"the fwd rule of {self.name}")
        statics = [with_copies(x) for x in self.static_values]  # bwd may be called after they have changed

        outs = copies(self.outputs(result[0], "fwd"))

        def backward(values: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
            return copies(self.bwd(statics, tree_unflatten(treedef, copies(values))[0], copies(cts)))

        return outs, residuals, Backward(self.name, backward)

    def bwd(self, statics: Sequence[Any], residuals: Any, cts: Sequence[Any]) -> list[Any]:
        assert self.vjp_rule is not None
        cts = cts if self.symbolic_zeros else written_out(cts)
        (ct,) = tree_unflatten(self.out_tree, cts)
        result = self.call_rule("bwd", self.vjp_rule[1], *statics, residuals, ct)
        count = self.arguments.n_args - len(self.arguments.statics)
        if not isinstance(result, (tuple, list)) or len(result) != count:
            plural = "s" * (len(result) != 1) if isinstance(result, (tuple, list)) else ""
            kind = f"{len(result)} cotangent{plural}" if isinstance(result, (tuple, list)) else kind_of(result)
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
            leaves = tangent_leaves(x, treedef, "a cotangent", who)
            found += [
                None if ct is None else like_rule_tangent(ct, a, "cotangent", who) for ct, a in zip(leaves, avals, strict=True)
            ]
        return found

    def pair(self, result: Any, rule: str, wanted: str) -> Any:
        if isinstance(result, (tuple, list)) and len(result) == 2:
            return result
        raise self.f.error(f"the {rule} rule of {self.name} returned {kind_of(result)}.", fix=f"return a pair {wanted}")

    def outputs(self, out: Any, rule: str) -> list[Any]:
        """The primal outputs of a rule, which must be what the function itself returns."""
        who = f"the {rule} rule of {self.name}"
        if self.out_tree is None:
            leaves, self.out_tree = flatten_values([out], who)
            self.out_avals = [typeof(x) for x in leaves]
            return leaves
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


def custom_jvp(
    fun: Callable[..., Any] | None = None,
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> Any:
    """Give a function a JVP rule of its own, from which its other derivatives follow.

    Args:
        fun: a function of pytrees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated and may be anything; rules get them first.
        nondiff_argnames: the same by name.

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
        return lambda fun: CustomFunction(fun, "custom_jvp", nondiff_argnums, nondiff_argnames)
    return CustomFunction(fun, "custom_jvp", nondiff_argnums, nondiff_argnames)


def custom_vjp(
    fun: Callable[..., Any] | None = None,
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> Any:
    """Give a function a VJP rule of its own, which reverse mode uses.

    Forward mode differentiates the function itself, unless it has a JVP rule too.

    Args:
        fun: a function of pytrees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated and may be anything; ``bwd`` gets them first,
            ``fwd`` in their places.
        nondiff_argnames: the same by name.

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
        return lambda fun: CustomFunction(fun, "custom_vjp", nondiff_argnums, nondiff_argnames)
    return CustomFunction(fun, "custom_vjp", nondiff_argnums, nondiff_argnames)
