"""Calls of Python functions from programs: ``debug_callback``, ``io_callback``, ``pure_callback``, and ``check``.

The first two and ``check`` are effects: they stay in a program whose results nobody uses, in their order, and are staged even
if none of their arguments is traced.  Programs are evaluated in order, so all effects are ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np

from covector.core import errors
from covector.core.avals import Zero, check_class, instantiate, typeof
from covector.core.checked_rules import alike
from covector.core.context import CHECKS, EXAMPLES, mode, open_traces, value_of
from covector.core.jaxpr import Equation, Jaxpr, Var, with_programs
from covector.core.kinds import Effect, Opaque
from covector.core.memory import copies
from covector.core.primitive import ContextPrimitive, Primitive, in_users_code, jointly
from covector.interpreters.checks import Message, makes_checks
from covector.interpreters.programs import choose, spread
from covector.interpreters.stage import StageTrace
from covector.primitives.arrays.shaping import Dims, batch_all, move_batch_to_front, reduce_sum_p
from covector.primitives.custom.calls import written_out
from covector.primitives.programs.subprograms import in_front

Values = Sequence[Any]


class Callback:
    """A Python function of flat arrays, with its name.

    Attributes:
        run: returns a list of results.
        jvp: ``jvp(primals, tangents) -> (outs, tangents)``, or None.
        transpose: ``transpose(cotangents) -> cotangents of the arguments``, or None.
        vmap_method: what `pure_callback` does under ``vmap``.
    """

    __match_args__ = ("name", "run", "jvp", "transpose", "vmap_method")

    def __init__(
        self,
        name: str,
        run: Callable[..., list[Any]],
        jvp: Callable[[Values, Values], tuple[list[Any], list[Any]]] | None = None,
        transpose: Callable[[Values], list[Any]] | None = None,
        vmap_method: str | None = None,
    ):
        self.name = name
        self.run = run
        self.jvp = jvp
        self.transpose = transpose
        self.vmap_method = vmap_method

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Callback) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.name, self.vmap_method))

    def _identity(self) -> tuple[Any, ...]:
        """What it calls: of a method the object, which may have come from another process."""
        return self.name, self.vmap_method, getattr(self.run, "__self__", self.run)

    def __repr__(self) -> str:
        return f"<callback {self.name}>"

    def call(self, *args: Any) -> list[Any]:
        """The results of a call; the function gets copies, and what it returns is copied, since it may keep either."""
        outs = self.run(*copies(args))
        for o in outs:
            check_class(type(o))
        return copies(outs)

    def typed_call(self, args: Values, out_avals: Sequence[Any]) -> list[Any]:
        """The results of a call, which must be of the types that were declared."""
        outs = self.call(*args)
        if len(outs) != len(out_avals):
            raise self.mismatch(f"returned {len(outs)} values, and {len(out_avals)} were declared")
        found = [np.asarray(o) for o in outs]
        for x, aval in zip(found, out_avals, strict=True):
            if x.shape != aval.shape or x.dtype != aval.dtype:
                raise self.mismatch(f"returned {typeof(x)}, and {aval} was declared")
        return [x if x.ndim else x[()] for x in found]

    def mismatch(self, what: str) -> errors.CallbackError:
        why = "what follows was traced with the declared shapes and dtypes"
        fix = "declare what the function returns (result_shape_dtypes), or convert its result"
        return errors.CallbackError(f"the callback {self.name} {what}.", why=why, fix=fix)

    def one_by_one(self, size: int, batched: Sequence[bool], out_avals: Sequence[Any]) -> Callback:
        """The callback for a batch, with results of these types: called for each example, in order."""

        def run(*args: Any) -> list[Any]:
            if not size:
                return [a.zeros() for a in out_avals]
            rows = [self.call(*(a[i] if b else a for a, b in zip(args, batched, strict=True))) for i in range(size)]
            return [np.stack(column) for column in zip(*rows, strict=True)]

        return Callback(self.name, run, vmap_method=self.vmap_method)

    def mapped(self, run: Any, size: int, batched: Sequence[bool], lengthened: Sequence[bool]) -> Callback:
        """The callback for a batch that ``run`` computes; its rules are those of the examples.

        An argument that is ``lengthened`` has an axis of length 1 for the batch.
        """

        def examples(xs: Values) -> list[Any]:
            return [x[0] if longer else x for x, longer in zip(xs, lengthened, strict=True)]

        def of_batch(rule: Callable[..., Any], args: Values, marks: Sequence[bool]) -> tuple[list[Any], list[Any]]:
            """The outputs of a rule ``(*args) -> (outs, changes)`` for the examples, and the changes; None for zeros."""
            nonzero: list[bool] = []

            def example(*xs: Any) -> list[Any]:
                outs, changes = rule(*xs)
                nonzero[:] = [t is not None and type(t) is not Zero for t in changes]
                return [*outs, *choose(nonzero, changes)]

            both = in_front(example, size, args, marks)
            n_outs = len(both) - sum(nonzero)
            return both[:n_outs], spread(nonzero, both[n_outs:], [None] * len(nonzero))

        def jvp(primals: Values, tangents: Values) -> Any:
            rule, n = cast(Any, self.jvp), len(primals)
            args = [*examples(primals), *examples(tangents)]
            return of_batch(lambda *xs: rule(xs[:n], xs[n:]), args, [*batched, *batched])

        def transpose(cts: Values) -> list[Any]:
            rule = cast(Any, self.transpose)
            _, results = of_batch(lambda *xs: ([], rule(xs)), cts, [True] * len(cts))
            return [_of_argument(*each) for each in zip(results, batched, lengthened, strict=True)]

        return Callback(self.name, run, self.jvp and jvp, self.transpose and transpose, self.vmap_method)


def _of_argument(ct: Any, batched: bool, lengthened: bool) -> Any:
    """The cotangent of an argument from those of the examples: summed where they share it."""
    if ct is None or batched:
        return ct
    total = reduce_sum_p.bind(ct, axes=(0,))
    return np.expand_dims(total, 0) if lengthened else total


def _in_order(primitive: Primitive) -> Callable[..., Any]:
    """The batching rule of an effect: it happens for one example after the other."""

    def batch(size: int, args: Values, dims: Dims, *, callback: Callback, out_avals: Sequence[Any] = ()) -> Any:
        front = move_batch_to_front(args, dims)
        of_batch = tuple(a.batched(size, 0) for a in out_avals)
        every = callback.one_by_one(size, [d is not None for d in dims], of_batch)
        avals = {"out_avals": of_batch} if out_avals else {}
        return primitive.bind(*front, callback=every, **avals), [0] * len(out_avals)

    return batch


def _without_results(name: str) -> ContextPrimitive:
    """An effect that has no results, so no derivative: it sees the values."""
    primitive = ContextPrimitive(name, Effect(), multiple_results=True, trusted=True)
    primitive.effect = True
    primitive.def_abstract(lambda *avals, **params: [])
    primitive.def_jvp(lambda primals, tangents, **params: (primitive.bind(*primals, **params), []))
    return primitive


# --- debug_callback ---------------------------------------------------------------------------------------------------

debug_callback_p = _without_results("debug_callback")
debug_callback_p.def_batch(_in_order(debug_callback_p))


@debug_callback_p.def_impl
def _debug_callback(*args: Any, callback: Callback) -> list[Any]:
    callback.call(*args)
    return []


# --- io_callback ------------------------------------------------------------------------------------------------------

io_callback_p = ContextPrimitive("io_callback", Effect(), multiple_results=True, trusted=True)
io_callback_p.effect = True
io_callback_p.def_impl(lambda *args, callback, out_avals=(): callback.typed_call(args, out_avals))
io_callback_p.def_abstract(lambda *avals, callback, out_avals=(): list(out_avals))
io_callback_p.def_batch(_in_order(io_callback_p))


# --- pure_callback ----------------------------------------------------------------------------------------------------

pure_callback_p = Primitive("pure_callback", Opaque(), multiple_results=True, trusted=True)
pure_callback_p.def_impl(lambda *args, callback, out_avals: callback.typed_call(args, out_avals))
pure_callback_p.def_abstract(lambda *avals, callback, out_avals: list(out_avals))


@pure_callback_p.def_jvp
@in_users_code
def _pure_callback_jvp(primals: Values, tangents: Values, *, callback: Callback, out_avals: Sequence[Any]) -> Any:
    if callback.jvp is not None:
        outs, changes = callback.jvp(copies(primals), copies(written_out(tangents)))
        changes = [a.zero if t is None else t for t, a in zip(changes, out_avals, strict=True)]
        what = f"the jvp rule of the callback {callback.name} returned"
        _check_results(outs, out_avals, f"{what} an output")
        _check_results(changes, [a.tangent() for a in out_avals], f"{what} a tangent")
        return copies(outs), copies(changes)
    if callback.transpose is None:
        why = "what a Python function does is not seen, so neither is its derivative"
        fix = "give pure_callback the rule jvp=lambda primals, tangents: (output, tangent), or transpose= for a linear one,"
        fix += " or stop the derivative with covector.stop_gradient"
        name = f"pure_callback({callback.name})"
        raise errors.NonDifferentiableError(name, "a derivative", map(typeof, primals), why=why, fix=fix)
    outs = pure_callback_p.bind(*primals, callback=callback, out_avals=out_avals)
    return outs, pure_callback_p.bind(*map(instantiate, tangents), callback=callback, out_avals=out_avals)


@pure_callback_p.def_transpose(linear=jointly())
def _pure_callback_transpose(cts: Values, *args: Any, callback: Callback, out_avals: Sequence[Any]) -> Any:
    assert callback.transpose is not None, "only a callback with a transpose is ever applied to tangents"
    results = callback.transpose(copies(map(instantiate, cts)))
    given = [(ct, x.aval) for ct, x in zip(results, args, strict=True) if ct is not None and type(x) is Var]
    what = f"the transpose rule of the callback {callback.name} returned a cotangent"
    _check_results([ct for ct, _ in given], [a.tangent() for _, a in given], what)
    return copies(results)


def _check_results(found: Values, wanted: Sequence[Any], what: str) -> None:
    """Refuse what a rule returned if it is not of these types."""
    for x, aval in zip(found, wanted, strict=True):
        if not alike(typeof(x), aval):
            why = "outputs and their tangents are of the types that were declared, cotangents of those of the arguments"
            fix = "convert it, or declare what the function returns (result_shape_dtypes)"
            what = f"{what} of type {typeof(x)}, and {aval} is needed."
            raise errors.CallbackError(what, why=why, fix=fix)


@pure_callback_p.def_batch
def _pure_callback_batch(size: int, args: Values, dims: Dims, *, callback: Callback, out_avals: Sequence[Any]) -> Any:
    method = callback.vmap_method
    batched = [d is not None for d in dims]
    front = batch_all(size, args, dims) if method == "broadcast_all" else move_batch_to_front(args, dims)
    avals = tuple(a.batched(size, 0) for a in out_avals)
    if method is None:
        what = f"the callback {callback.name} is batched, and has no vmap_method."
        why = "covector cannot know whether the function works on a whole batch"
        fix = 'pass vmap_method="sequential" (called for each example), "expand_dims" or "broadcast_all" (called once)'
        raise errors.CallbackError(what, why=why, fix=fix)
    run = callback.one_by_one(size, batched, avals).run if method == "sequential" else callback.run
    lengthened = [method == "expand_dims" and not b for b in batched]
    front = [np.expand_dims(a, 0) if longer else a for a, longer in zip(front, lengthened, strict=True)]
    marks = [True] * len(batched) if method == "broadcast_all" else batched
    mapped = callback.mapped(run, size, marks, lengthened)
    return pure_callback_p.bind(*front, callback=mapped, out_avals=avals), [0] * len(avals)


# --- check: an assertion about values ---------------------------------------------------------------------------------

check_p = _without_results("check")
check_p.repeatable = True
check_p.def_batch(lambda size, args, dims, **params: (check_p.bind(*batch_all(size, args, dims), **params), []))


@check_p.def_impl
def _check(holds: Any, *values: Any, message: Message) -> list[Any]:
    if not np.all(holds):
        first, place = first_failure(message, np.asarray(holds), values, value_of(EXAMPLES))
        text = message.text(*first) + place
        collector = value_of(CHECKS)
        if collector is None:
            raise errors.CheckError(errors.describe(f"a check failed: {text}", source=message.source))
        collector.note(text, message.source)
    return []


def part_of_batch(numbers: Any) -> AbstractContextManager[Any]:
    """Run something for the examples of these numbers, of those that are run now: checks say which ones they are."""
    outer = value_of(EXAMPLES)
    return mode(EXAMPLES, numbers if outer is None else outer[numbers])


def would_misnumber(jaxpr: Jaxpr) -> bool:
    """Whether a program makes checks that, where examples stand in for others, would be said of the wrong one.

    Checks that are data now are told who takes part (`TAKING_PART`); those of a program that is staged are not.
    """
    collector = value_of(CHECKS)
    staged = collector is None or any(t.level > collector.level and type(t) is StageTrace for t in open_traces())
    return staged and makes_checks(jaxpr)


def unnumbered(jaxpr: Jaxpr) -> Jaxpr:
    """The program whose checks do not say of which example they are."""

    def changed(eqn: Equation) -> Equation:
        params = with_programs(eqn.params, unnumbered)
        if eqn.primitive is check_p:
            message = params["message"]
            params = {"message": Message(message.text, message.source, numbered=False)}
        return Equation(eqn.primitive, eqn.inputs, params, eqn.outputs, eqn.source)

    make = lambda: Jaxpr(jaxpr.in_vars, [*map(changed, jaxpr.equations)], jaxpr.out_vars, jaxpr.consts, jaxpr.linear)
    return jaxpr.once("unnumbered", make) if makes_checks(jaxpr) else jaxpr


def first_failure(message: Message, holds: Any, values: Values, examples: Any = None) -> tuple[list[Any], str]:
    """The values of the first example for which a check failed, and which it is; those of a batch have its axes in front.

    Of a part of a batch ``examples`` are the numbers of the examples in it.
    """
    if not holds.ndim or any(np.shape(v)[: holds.ndim] != holds.shape for v in values):
        return list(values), ""
    index = tuple(int(i) for i in np.argwhere(~holds)[0])
    first = index[0] if examples is None or len(examples) != len(holds) else int(examples[index[0]])
    numbers = ", ".join(map(str, (first, *index[1:])))
    return [v[index] for v in values], f" (example {numbers})" if message.numbered else ""
