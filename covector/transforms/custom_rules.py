"""Functions with rules of their own: ``custom_jvp``, ``custom_vjp``, ``custom_vmap``, ``linear_call``, ``custom_transpose``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial, update_wrapper
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from covector.core.avals import Zero, instantiate, typeof
from covector.core.errors import CustomRuleError, UnexpectedTracerError
from covector.core.memory import copies, own_results, with_copies
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_flatten, tree_leaves, tree_map, tree_structure, tree_unflatten
from covector.core.rule_errors import raise_explained
from covector.core.tracebacks import hides_frames
from covector.interpreters.batch import BatchTracer
from covector.interpreters.closures import reachable_tracers
from covector.interpreters.jvp import JVPTracer
from covector.interpreters.programs import rearranged
from covector.interpreters.stage import leaked
from covector.primitives.arrays.shaping import in_type
from covector.primitives.custom.calls import Backward, BatchRule, custom_vmap_p, linear_call_p, with_values, written_out
from covector.primitives.custom.functions import Rules, custom_function_p
from covector.transforms.arguments import (
    check_callable,
    check_functions,
    flatten_values,
    function_name,
    global_name,
    kind_of,
    like_rule_tangent,
    same_tree,
    tangent_leaves,
    transformed,
    typed_values,
)
from covector.transforms.caches import Traced
from covector.transforms.positional import Positional
from covector.transforms.tracing import trace

# --- derivatives ------------------------------------------------------------------------------------------------------


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

    def __init__(self, kind: str, nondiff_argnums: Any, nondiff_argnames: Any, fun: Callable[..., Any]):
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
            raise CustomRuleError("defjvps cannot be used with nondiff_argnums.", fix="use defjvp")

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            if len(jvps) != len(primals):
                raise CustomRuleError(
                    f"defjvps got {len(jvps)} rules for {len(primals)} arguments.", fix="give one for each, or None"
                )
            out = self(*primals)
            out_leaves, out_tree = tree_flatten(out)
            total: list[Any] = [typeof(o).zero for o in out_leaves]
            for rule, t in zip(jvps, tangents, strict=True):
                if rule is not None and any(type(leaf) is not Zero for leaf in tree_leaves(t)):
                    part = rule(tree_map(instantiate, t), out, *primals)
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
            fix = f"register one with {self.name}.{'defjvp' if self.kind == 'custom_jvp' else 'defvjp'}"
            raise CustomRuleError(f"{self.name} is called and has no derivative rule.", fix=fix)
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
            raise CustomRuleError(
                f"{self.name} has nondiff_argnums={self.nondiff_argnums}, and is called with {len(args)} arguments.",
                fix="pass these arguments by position",
            )
        for i, value in statics.items():
            if any(map(is_differentiated, tree_leaves(value))):
                raise CustomRuleError(
                    f"{self.name} is differentiated with respect to its argument {i}, which is in nondiff_argnums.",
                    why="its rules have no derivative for the arguments in nondiff_argnums",
                    fix="take it out of nondiff_argnums, and let the rules give its derivative, or stop_gradient it",
                )
        leaves, treedef, avals = typed_values([a for i, a in enumerate(args) if i not in statics], self.who.name)
        return leaves, FlatCall(self, Arguments(treedef, statics, len(args)), avals)


def is_differentiated(x: Any) -> bool:
    """Whether a value has a derivative in an open transformation, as far as is seen: one that is staged does not show it."""
    while isinstance(x, TracerBase):
        if isinstance(x, JVPTracer):
            return True
        x = x.examples if isinstance(x, BatchTracer) else None
    return False


def added(total: Any, part: Any) -> Any:
    """The sum of two tangents, of which the first may be a symbolic zero, and the second too or None."""
    if part is None or type(part) is Zero:
        return total
    return part if type(total) is Zero else total + part


COMPARABLE = frozenset({int, bool, str, bytes, type(None), FunctionType})
"""The types of static arguments of which two that are equal, and of one type, are the same."""


GIVEN = {"jvp": "primals, tangents", "fwd": "*arguments", "bwd": "residuals, cotangent"}
"""What each rule is given, after the nondiff arguments; primals and tangents are tuples."""


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
        self.jvp_rule: Any = f.jvp_rule
        self.vjp_rule: Any = f.vjp_rule
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
        outs, self.out_tree, self.out_avals = typed_values([out], self.f.who.name)
        return outs

    def call_rule(self, kind: str, rule: Callable[..., Any], *args: Any) -> Any:
        """What a rule returns; one that uses a traced value of a transformation that has ended is told so."""
        try:
            for x in tree_leaves(self.static_values):
                if isinstance(x, TracerBase) and x._trace.closed:
                    raise leaked(x._trace, [x])
            return rule(*args)
        except TypeError as error:
            names = [] if kind == "fwd" else [f"nondiff{i}" for i in sorted(self.arguments.statics)]
            what, given = f"the {kind} rule of {self.name}", ", ".join([*names, GIVEN[kind]])
            raise_explained(error, what, rule, args, given)
        except UnexpectedTracerError as e:
            raise CustomRuleError(
                f"the {kind} rule of {self.name} uses a traced value of a transformation that has ended: {e.args[0]}",
                why="the rule closes over the value, or got it as a nondiff argument, and is called after its transformation",
                fix=f"pass the value to {self.name} as an argument that is differentiated (with None for its cotangent), "
                "or as a residual",
            ) from e

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        trees = [tuple(tree_unflatten(self.arguments.treedef, copies(xs))) for xs in (primals, tangents)]
        found = self.call_rule("jvp", self.jvp_rule, *self.static_values, *trees)
        result = self.pair(found, "jvp", "(output, tangent of the output)")
        outs = self.outputs(result[0], "jvp")
        who = f"the jvp rule of {self.name}"
        if result[1] is None and self.out_avals:
            what, why = f"{who} returned None as the tangent of its output.", "None is what a function without return gives"
            raise CustomRuleError(what, why=why, fix="return (output, tangent), with zeros if the output depends on nothing")
        tangents_out = tangent_leaves([result[1]], self.out_tree, "a tangent", who)
        given = [like_rule_tangent(t, a, "tangent", who) for t, a in zip(tangents_out, self.out_avals, strict=True)]
        return copies(outs), copies(given)

    def fwd(self, primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Backward]:
        given = copies(primals)
        if self.symbolic_zeros:
            given = [CustomVJPPrimal(x, p) for x, p in zip(given, perturbed, strict=True)]
        dynamic = tree_unflatten(self.arguments.treedef, given)
        result = self.pair(self.call_rule("fwd", self.vjp_rule[0], *self.arguments.all(dynamic)), "fwd", "(output, residuals)")
        residuals, treedef = flatten_values([result[1]], f"the fwd rule of {self.name}")
        what = f"a nondiff argument of {self.name}"
        statics = [with_copies(x, what) for x in self.static_values]  # bwd may be called after they have changed

        outs = copies(self.outputs(result[0], "fwd"))

        def backward(values: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
            return copies(self.bwd(statics, tree_unflatten(treedef, copies(values))[0], copies(cts)))

        return outs, residuals, Backward(self.name, backward, self.key(treedef))

    def key(self, residuals: Any) -> Hashable:
        """What `bwd` depends on besides the residuals and the cotangents; None if static arguments cannot be compared."""
        statics = [(type(x), x) for x in self.static_values]
        if not all(cls in COMPARABLE for cls, _ in statics):
            return None
        trees = (self.arguments.treedef, self.out_tree, residuals)
        return self.f.fun, *self.vjp_rule, self.symbolic_zeros, *statics, *trees, *self.avals, *self.out_avals

    def bwd(self, statics: Sequence[Any], residuals: Any, cts: Sequence[Any]) -> list[Any]:
        cts = cts if self.symbolic_zeros else written_out(cts)
        (ct,) = tree_unflatten(self.out_tree, cts)
        result = self.call_rule("bwd", self.vjp_rule[1], *statics, residuals, ct)
        count = self.arguments.n_args - len(self.arguments.statics)
        if not isinstance(result, (tuple, list)) or len(result) != count:
            plural = "s" * (len(result) != 1) if isinstance(result, (tuple, list)) else ""
            kind = f"{len(result)} cotangent{plural}" if isinstance(result, (tuple, list)) else kind_of(result)
            raise CustomRuleError(
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
        raise CustomRuleError(f"the {rule} rule of {self.name} returned {kind_of(result)}.", fix=f"return a pair {wanted}")

    def outputs(self, out: Any, rule: str) -> list[Any]:
        """The primal outputs of a rule, which must be what the function itself returns."""
        who = f"the {rule} rule of {self.name}"
        if self.out_tree is None:
            leaves, self.out_tree, self.out_avals = typed_values([out], who)
            return leaves
        leaves = same_tree([out], self.out_tree, "an output", who)
        for x, aval in zip(leaves, self.out_avals, strict=True):
            if not is_like(x, aval):
                raise CustomRuleError(
                    f"{who} returned an output of type {typeof(x)} where {self.name} returns {aval}.",
                    why="with or without derivatives, the value is the same",
                    fix=f"return the output of {self.name} itself",
                )
        kept = [typeof(x).dtype == a.dtype and not typeof(x).weak_type for x, a in zip(leaves, self.out_avals, strict=True)]
        return [x if k else in_type(x, a) for x, a, k in zip(leaves, self.out_avals, kept, strict=True)]


def is_like(x: Any, aval: Any) -> bool:
    """Whether a value has this shape and dtype, which a Python number takes."""
    found = typeof(x)
    return bool(found.shape == aval.shape and (found.dtype == aval.dtype or found.weak_type))


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
    make = partial(CustomFunction, "custom_jvp", nondiff_argnums, nondiff_argnames)
    return make if fun is None else make(fun)


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
    make = partial(CustomFunction, "custom_vjp", nondiff_argnums, nondiff_argnames)
    return make if fun is None else make(fun)


# --- batches, and transposes ------------------------------------------------------------------------------------------


class custom_vmap:
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

    def __init__(self, fun: Callable[..., Any]):
        check_callable(fun, "custom_vmap")
        update_wrapper(self, fun)
        self.fun = fun
        self.name = function_name(fun)
        self.positional = Positional(fun)
        self.rule: Any = None

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
            fix = f"register one with {self.name}.def_vmap"
            raise CustomRuleError(f"{self.name} is called and has no batching rule.", fix=fix)
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
        who = f"the batching rule of {self.name}"
        given = size, tree_unflatten(treedef, batched), *tree_unflatten(treedef, copies(xs))
        try:
            result = self.rule(*given)
        except TypeError as error:
            raise_explained(error, who, self.rule, given, "axis_size, in_batched, *arguments")
        if not (isinstance(result, tuple) and len(result) == 2):
            raise CustomRuleError(f"{who} returned {kind_of(result)}.", fix="return a pair (output, out_batched)")
        outs = same_tree([result[0]], traced.out_tree, "an output", who)
        marks = [bool(m) for m in same_tree([result[1]], traced.out_tree, "out_batched", who)]
        for o, m, aval in zip(outs, marks, traced.jaxpr.out_avals, strict=True):
            wanted = aval.batched(size, 0) if m else aval
            if not is_like(o, wanted):
                raise CustomRuleError(
                    f"{who} returned {typeof(o)} as {'' if m else 'not '}batched, which should be {wanted}.",
                    why=f"{self.name} returns {aval} for one example, and the batch has {size}",
                    fix="return a batch along axis 0, or False in out_batched for what all examples share",
                )
        return copies(outs), marks


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
        raise CustomRuleError(
            f"the transpose {function_name(fun_transpose)} of {function_name(fun)} returned ({', '.join(map(str, found))})"
            f" for linear arguments ({', '.join(map(str, wanted))}).",
            why="the transpose maps a cotangent of the output to one of the linear arguments",
            fix="return the structure, shapes and dtypes of linear_args",
        )
    n = len(forward.hoisted)  # each takes the values that the other closes over, and does not use them
    jaxpr = rearranged(forward.jaxpr, [*range(n), *map(typeof, back.hoisted), *range(n, len(forward.jaxpr.in_vars))])
    transposed = rearranged(back.jaxpr, [*map(typeof, forward.hoisted), *range(len(back.jaxpr.in_vars))])
    known = [*forward.hoisted, *back.hoisted, *residuals]
    outs = linear_call_p.bind(*known, *operands, jaxpr=jaxpr, transposed=transposed, residuals=len(known))
    return forward.result(own_results(outs, [*known, *operands]))


def _staged_pair(f: Any, res_tree: Any, lin_tree: Any, residuals: list[Any], avals: list[Any], who: Any) -> Traced:
    """The program of a function of residuals and linear arguments."""
    n = len(residuals)
    call = lambda *leaves: f(*tree_unflatten(res_tree, leaves[:n]), *tree_unflatten(lin_tree, leaves[n:]))
    avals = [*map(typeof, residuals), *avals]
    return trace(call, tree_structure(avals), avals, who)


class custom_transpose:
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
            raise CustomRuleError(what, fix="register one with def_transpose")
        return linear_call(self.fun, self.transpose, residuals, operand)
