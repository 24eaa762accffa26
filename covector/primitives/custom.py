"""Calls of functions with rules of their own: ``custom``, ``custom_linear``, ``custom_vmap``, ``linear_call``.

``custom`` runs a program whose derivative is the user's.  Its JVP is the user's JVP rule, or without one the derivative of the
program; when tangents are staged and there is a VJP rule, the forward half of that rule runs, and an operation
``custom_linear`` is recorded: evaluated forward it is the JVP, and its transpose is the backward half.

A program may close over tracers of outer transformations: these are its first inputs, ``hoisted`` of them, and the rules know
nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from covector.core import errors
from covector.core.avals import Zero, instantiate, shape_of, typeof
from covector.core.jaxpr import Jaxpr
from covector.core.primitive import Primitive, TracerBase
from covector.interpreters.batch import axis_name_of
from covector.interpreters.jvp import jvp
from covector.interpreters.programs import choose, spread
from covector.primitives.call import call_primitive, jit_p
from covector.primitives.ring import mul_p
from covector.primitives.shaping import broadcast_to_p, convert_to, in_type, move_batch_to_front, reduce_sum_p, strengthened
from covector.primitives.subprograms import at_front, batched_in_front, cut, in_front

Values = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a function, on flat arguments; a tangent or cotangent may be a `Zero`.

    Attributes:
        name: the function's name.
        jvp: ``jvp(primals, tangents) -> (outs, tangents)``, or None.
        fwd: ``fwd(primals, perturbed) -> (outs, residuals, backward)``, or None; ``perturbed`` says which are differentiated.
        symbolic_zeros: whether ``jvp`` takes symbolic zeros; else they are written out for it.
    """

    name: str
    jvp: Callable[[Values, Values], tuple[list[Any], list[Any]]] | None
    fwd: Callable[[Values, Sequence[bool]], tuple[list[Any], list[Any], Backward]] | None
    symbolic_zeros: bool = False

    def __repr__(self) -> str:
        return f"<rules of {self.name}>"

    def run_jvp(self, primals: Values, tangents: Values) -> tuple[list[Any], list[Any]]:
        """The JVP rule, for tangents that may be symbolic zeros."""
        assert self.jvp is not None
        return self.jvp(primals, tangents if self.symbolic_zeros else written_out(tangents))


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward half of a VJP rule: ``run(residuals, cotangents)`` gives those of the arguments, None or `Zero` for zero."""

    name: str
    run: Callable[[Values, Values], list[Any]]

    def __repr__(self) -> str:
        return f"<backward rule of {self.name}>"


# --- custom -----------------------------------------------------------------------------------------------------------

custom_p = call_primitive("custom")


@custom_p.def_jvp
def _custom_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    if rules.jvp is None:
        assert jit_p.jvp is not None
        return jit_p.jvp(primals, tangents, jaxpr=jaxpr, name=rules.name)
    check_hoisted(tangents[:hoisted], rules.name, "jvp")
    return rules.run_jvp(primals[hoisted:], tangents[hoisted:])


@custom_p.def_linearize
def _custom_linearize(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    if rules.fwd is None:
        return _custom_jvp(primals, tangents, jaxpr=jaxpr, rules=rules, hoisted=hoisted)
    check_hoisted(tangents[:hoisted], rules.name, "vjp")
    nonzero = [t.__class__ is not Zero for t in tangents]
    outs, residuals, backward = rules.fwd(primals[hoisted:], nonzero[hoisted:])
    places = [i for i, a in enumerate(jaxpr.out_avals) if a.dtype.kind in "fc"]

    def forward(xs: Values, ts: Values) -> list[Any]:
        given = spread(nonzero, ts, [typeof(x).zero for x in xs])
        _, tangents_out = _custom_jvp(xs, given, jaxpr=jaxpr, rules=rules, hoisted=hoisted)
        return [strengthened(instantiate(tangents_out[i])) for i in places]

    def transposed(values: Values, cts: Values) -> list[Any]:
        every = spread([i in places for i in range(len(outs))], cts, [a.zero for a in jaxpr.out_avals])
        return choose(nonzero[hoisted:], backward.run(values, every))

    linear = LinearRule(rules.name, forward, transposed)
    sizes = {"residuals": len(residuals), "inputs": len(primals)}
    given = [strengthened(t) for t in choose(nonzero, tangents)]
    out_avals = tuple(jaxpr.out_avals[i].strengthened() for i in places)
    results = custom_linear_p.bind(*residuals, *primals, *given, rule=linear, out_avals=out_avals, **sizes)
    tangents_out = [typeof(o).zero for o in outs]
    for i, t in zip(places, results, strict=True):
        tangents_out[i] = in_type(t, typeof(outs[i]))
    return outs, tangents_out


def check_hoisted(tangents: Values, name: str, kind: str) -> None:
    """Refuse to differentiate in a value that a function with its own rules closes over."""
    for t in tangents:
        if t.__class__ is not Zero:
            raise errors.CustomRuleError(
                errors.describe(
                    f"{name} closes over a value of type {typeof(t)} that is being differentiated.",
                    why=f"its {kind} rule gives derivatives with respect to the arguments of {name} only",
                    fix=f"pass the value to {name} as an argument, or use covector.closure_convert",
                )
            )


def written_out(tangents: Values) -> list[Any]:
    """Tangents with arrays for symbolic zeros.  Next to a traced tangent they are linear in it, for rules add them up."""
    staged = next((t for t in tangents if isinstance(t, TracerBase)), None)
    if staged is None:
        return [instantiate(t) for t in tangents]
    return [
        _staged_zero(t.aval, staged) if t.__class__ is Zero and typeof(t).dtype.kind in "fc" else instantiate(t)
        for t in tangents
    ]


def _staged_zero(aval: Any, tangent: Any) -> Any:
    """A zero that is linear in ``tangent``."""
    zero = convert_to(mul_p.bind(0.0, tangent), aval.dtype)
    total = reduce_sum_p.bind(zero, axes=tuple(range(len(shape_of(zero)))))
    return in_type(broadcast_to_p.bind(total, shape=aval.shape), aval)


@custom_p.def_batch
def _custom_batch(size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    batched = tuple(d is not None for d in dims)
    front = move_batch_to_front(args, dims)
    program, _ = batched_in_front(jaxpr, size, batched, (True,) * len(jaxpr.out_vars))
    batched_rules = jaxpr.derived(
        ("batched rules", rules, size, axis_name_of(size), batched), lambda: _batched_rules(rules, size, batched[hoisted:])
    )
    return custom_p.bind(*front, jaxpr=program, rules=batched_rules, hoisted=hoisted), [0] * len(jaxpr.out_vars)


def _batched_rules(rules: Rules, size: int, batched: Sequence[bool]) -> Rules:
    def run_jvp(primals: Values, tangents: Values) -> Any:
        present = [t.__class__ is not Zero for t in tangents]
        zeros = [
            None if p else Zero(t.aval.example(0) if b else t.aval) for p, t, b in zip(present, tangents, batched, strict=True)
        ]
        found: list[list[bool]] = []

        def example(*args: Any) -> list[Any]:
            outs, tangents_out = rules.run_jvp(args[: len(primals)], spread(present, args[len(primals) :], zeros))
            found.append([t.__class__ is not Zero for t in tangents_out])
            return [*outs, *choose(found[0], tangents_out)]

        outs = in_front(example, size, [*primals, *choose(present, tangents)], [*batched, *choose(present, batched)])
        n = len(found[0])
        return outs[:n], spread(found[0], outs[n:], [typeof(o).zero for o in outs[:n]])

    def run_fwd(primals: Values, perturbed: Sequence[bool]) -> Any:
        found: list[Any] = []

        def example(*args: Any) -> list[Any]:
            assert rules.fwd is not None
            outs, residuals, backward = rules.fwd(args, perturbed)
            found.append((len(outs), backward))
            return [*outs, *residuals]

        outs = in_front(example, size, primals, batched)
        n, backward = found[0]
        return outs[:n], outs[n:], batched_backward(backward, size, [True] * (len(outs) - n), batched)

    return Rules(rules.name, run_jvp if rules.jvp else None, run_fwd if rules.fwd else None, True)


def batched_backward(backward: Backward, size: int, residuals: Sequence[bool], batched: Sequence[bool]) -> Backward:
    """The backward rule of a batch: the cotangent of an argument that all examples share is the sum of theirs."""

    def run(values: Values, cts: Values) -> list[Any]:
        present = [ct.__class__ is not Zero for ct in cts]
        found: list[list[bool]] = []

        def example(*args: Any) -> list[Any]:
            zeros = [Zero(ct.aval.example(0)) if ct.__class__ is Zero else None for ct in cts]
            results = backward.run(args[: len(values)], spread(present, args[len(values) :], zeros))
            found.append([r is not None and r.__class__ is not Zero for r in results])
            return choose(found[0], results)

        outs = in_front(example, size, [*values, *choose(present, cts)], [*residuals, *[True] * sum(present)])
        results = spread(found[0], outs, [None] * len(found[0]))
        return [r if r is None or b else reduce_sum_p.bind(r, axes=(0,)) for r, b in zip(results, batched, strict=True)]

    return Backward(backward.name, run)


# --- custom_linear: the derivative of a function with a VJP rule ------------------------------------------------------

custom_linear_p = Primitive("custom_linear", multiple_results=True)
"""``(*residuals, *primals, *tangents) -> tangents``, linear in the last."""


@dataclass(frozen=True, eq=False)
class LinearRule:
    """Both directions of a linear map: ``forward(primals, tangents)`` and ``transposed(residuals, cotangents)``."""

    name: str
    forward: Callable[[Values, Values], list[Any]]
    transposed: Callable[[Values, Values], list[Any]]

    def __repr__(self) -> str:
        return f"<derivative of {self.name}>"


def _forward(*args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Sequence[Any]) -> list[Any]:
    _, xs, ts = cut(args, residuals, inputs)
    return rule.forward(xs, ts)


custom_linear_p.impl = _forward
custom_linear_p.def_abstract(lambda *avals, rule, residuals, inputs, out_avals: list(out_avals))


@custom_linear_p.def_jvp
def _custom_linear_jvp(primals: Values, tangents: Values, **params: Any) -> Any:
    known = params["residuals"] + params["inputs"]
    if any(t.__class__ is not Zero for t in tangents[:known]):
        return jvp(lambda *args: _forward(*args, **params), primals, tangents)
    outs = custom_linear_p.bind(*primals, **params)
    return outs, custom_linear_p.bind(*primals[:known], *map(instantiate, tangents[known:]), **params)


def linear_after(*counts: str) -> Callable[[tuple[bool, ...], dict[str, Any]], bool]:
    """Linear in all the arguments after the known ones, whose numbers these parameters give."""

    def linear(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
        n = sum(params[count] for count in counts)
        return not any(mask[:n]) and all(mask[n:])

    return linear


@custom_linear_p.def_transpose(linear=linear_after("residuals", "inputs"))
def _custom_linear_transpose(
    cts: Values, *args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Sequence[Any]
) -> Any:
    results = rule.transposed(args[:residuals], cts)
    return [*[None] * (residuals + inputs), *(None if ct.__class__ is Zero else ct for ct in results)]


@custom_linear_p.def_batch
def _custom_linear_batch(
    size: int,
    args: Values,
    dims: Sequence[int | None],
    *,
    rule: LinearRule,
    residuals: int,
    inputs: int,
    out_avals: Sequence[Any],
) -> Any:
    marks = cut([d is not None for d in dims], residuals, inputs)
    front = move_batch_to_front(args, dims)

    def forward(xs: Values, ts: Values) -> list[Any]:
        n = len(xs)
        return in_front(lambda *values: rule.forward(values[:n], values[n:]), size, [*xs, *ts], [*marks[1], *marks[2]])

    transposed = batched_backward(Backward(rule.name, rule.transposed), size, marks[0], marks[2]).run
    batched = LinearRule(rule.name, forward, transposed)
    avals = tuple(a.batched(size, 0) for a in out_avals)
    params = {"residuals": residuals, "inputs": inputs, "out_avals": avals}
    return custom_linear_p.bind(*front, rule=batched, **params), [0] * len(avals)


# --- calls whose rules are those of their program, but for one --------------------------------------------------------


def call_like(name: str) -> Primitive:
    """A primitive with a program ``jaxpr`` that is differentiated as ``jit`` is; its other rules are to be registered."""
    primitive = call_primitive(name)
    primitive.def_jvp(lambda ps, ts, *, jaxpr, **params: jit_p.jvp(ps, ts, jaxpr=jaxpr, name=name))  # type: ignore[misc]
    primitive.def_linearize(lambda ps, ts, *, jaxpr, **params: jit_p.linearize(ps, ts, jaxpr=jaxpr, name=name))  # type: ignore[misc]
    return primitive


@dataclass(frozen=True, eq=False)
class BatchRule:
    """A batching rule on flat arguments: ``run(size, args, batched) -> (outs, batched)``, with batch axes in front."""

    name: str
    run: Callable[[int, Values, Sequence[bool]], tuple[list[Any], list[bool]]]

    def __repr__(self) -> str:
        return f"<batching rule of {self.name}>"


custom_vmap_p = call_like("custom_vmap")
"""A program with a batching rule of the user's."""


@custom_vmap_p.def_batch
def _custom_vmap_batch(
    size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, rule: BatchRule, hoisted: int
) -> Any:
    front = move_batch_to_front(args, dims)
    batched = [d is not None for d in dims]
    if any(batched[:hoisted]):
        program, found = batched_in_front(jaxpr, size, tuple(batched))
        return jit_p.bind(*front, jaxpr=program, name=rule.name), [0 if m else None for m in found]
    outs, marks = rule.run(size, front[hoisted:], batched[hoisted:])
    return outs, [0 if m else None for m in marks]


linear_call_p = call_like("linear_call")
"""``(*residuals, *linear) -> outs``, linear in the second, with a program ``transposed : (*residuals, *cts) -> cts``."""


@linear_call_p.def_jvp
def _linear_call_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int) -> Any:
    params = {"jaxpr": jaxpr, "transposed": transposed, "residuals": residuals}
    outs = linear_call_p.bind(*primals, **params)
    if any(t.__class__ is not Zero for t in tangents[:residuals]):
        assert jit_p.jvp is not None
        return jit_p.jvp(primals, tangents, jaxpr=jaxpr, name="linear_call")
    if all(t.__class__ is Zero for t in tangents):
        return outs, [typeof(o).zero for o in outs]
    return outs, linear_call_p.bind(*primals[:residuals], *map(instantiate, tangents[residuals:]), **params)


linear_call_p.linearize = linear_call_p.jvp


@linear_call_p.def_transpose(linear=linear_after("residuals"))
def _linear_call_transpose(cts: Values, *args: Any, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int) -> Any:
    given = [strengthened(instantiate(ct)) for ct in cts]
    params = {"jaxpr": transposed, "transposed": jaxpr, "residuals": residuals}
    return [*[None] * residuals, *linear_call_p.bind(*args[:residuals], *given, **params)]


@linear_call_p.def_batch
def _linear_call_batch(
    size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int
) -> Any:
    """All linear operands are batched, so that no cotangent has to be summed over the batch in ``transposed``."""
    batched = [d is not None for d in dims[:residuals]]
    front = [at_front(a, d, size, i >= residuals) for i, (a, d) in enumerate(zip(args, dims, strict=True))]
    programs = []
    for program in (jaxpr, transposed):
        marks = (*batched, *[True] * (len(program.in_vars) - residuals))
        programs.append(batched_in_front(program, size, marks, (True,) * len(program.out_vars))[0])
    outs = linear_call_p.bind(*front, jaxpr=programs[0], transposed=programs[1], residuals=residuals)
    return outs, [0] * len(outs)
