"""The laws that relate the transformations, each a function ``law(program, inputs)`` that raises `LawError` where it is broken.

A program is any function of arrays that is smooth at the inputs; `random_programs` makes them.  The
laws are listed in `LAWS`, by name.  The directions, cotangents and batches that a law needs follow from the program's text,
so a law that is broken once is broken again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import float0, typeof
from covector.core.pytrees import tree_leaves
from covector.lax.choice import cond
from covector.lax.loops import scan
from covector.testing.numerical import disagreement, exact_tolerance, finite_difference, is_inexact, precision, random_like
from covector.testing.subject import Subject
from covector.transforms.autodiff import grad, jvp, linear_transpose, linearize, vjp
from covector.transforms.checkpoint import checkpoint
from covector.transforms.jacobian import jacfwd, jacrev
from covector.transforms.jit import jit
from covector.transforms.vmap import vmap

Inputs = Sequence[Any]
Law = Callable[[Any, Inputs], None]

LAWS: dict[str, Law] = {}
"""The laws, by name."""

SKIPPED: dict[str, int] = {}
"""How often a law had nothing to say about a program, by reason; a test can see that this is rare."""


class LawError(AssertionError):
    """A law does not hold of a program."""


class Skip(Exception):
    """A law has nothing to say about a program, for this reason."""


def law(check_it: Callable[[_Program], None]) -> Law:
    """Make a law of a function of a `_Program`, and list it."""
    name = check_it.__name__

    def checked(program: Any, inputs: Inputs) -> None:
        try:
            with np.errstate(all="ignore"):
                check_it(_Program(program, inputs, name))
        except Skip as reason:
            key = f"{name}: {reason}"
            SKIPPED[key] = SKIPPED.get(key, 0) + 1

    checked.__name__ = checked.__qualname__ = name
    checked.__doc__ = check_it.__doc__
    LAWS[name] = checked
    return checked


class _Program(Subject):
    """A program at its inputs, with what the laws ask of it."""

    def __init__(self, program: Any, inputs: Inputs, law: str):
        self.program = program
        self.law = law
        text = repr(program) if hasattr(program, "source") else getattr(program, "__qualname__", "")
        with self.doing("f"):
            super().__init__(self.call, inputs, np.random.default_rng(zlib.crc32(text.encode())))
        self.coarsest = getattr(program, "precision", None) or precision([*inputs, *self.outs])
        self.rounding = 20 * max(float(self.coarsest**0.75), exact_tolerance(self.outs))

    def call(self, *args: Any) -> list[Any]:
        return tree_leaves(self.program(*args))

    def tolerance(self, values: Sequence[Any]) -> float:
        return self.rounding

    def need_derivatives(self) -> None:
        if not self.active:
            raise Skip("no inexact input")
        if not self.inexact_out:
            raise Skip("no inexact output")

    def tangents(self, places: Sequence[int] | None = None) -> list[Any]:
        """A direction of length at most 1."""
        drawn = super().tangents(places)
        size = np.sqrt(sum(float(np.sum(np.abs(t) ** 2)) for t in drawn if t is not None))
        return [None if t is None else scaled(t, 1 / max(size, 1.0)) for t in drawn]

    def objective(self) -> Callable[..., Any]:
        """A real scalar function made of all outputs."""
        weights = self.cotangents()

        def scalar(*args: Any) -> Any:
            outs = self.call(*args)
            terms = [np.sum(np.real(w * o)) for w, o in zip(weights, outs, strict=True) if w is not None]
            return sum(terms[1:], terms[0])

        return scalar

    def batches(self) -> tuple[list[Any], tuple[int | None, ...], int, list[Any]]:
        """Arguments of which some are batches of variations of the inputs, the axes and the size; and the results of a loop."""
        args, axes, size = self.drawn_batch()
        try:
            return args, axes, size, self.loop(args, axes, size)
        except (IndexError, np.linalg.LinAlgError):
            raise Skip("an example is out of the domain") from None

    def drawn_batch(self) -> tuple[list[Any], tuple[int | None, ...], int]:
        size = int(self.rng.integers(1, 6))
        drawn = [int(self.rng.integers(-1, np.ndim(x) + 1)) for x in self.inputs]
        axes: list[int | None] = [None if a == -1 else a for a in drawn]
        if all(a is None for a in axes):
            axes[0] = 0
        axes = [a if a is None or self.rng.integers(2) else a - np.ndim(x) - 1 for a, x in zip(axes, self.inputs, strict=True)]
        return self.batch(axes, size), tuple(axes), size

    def error(self, what: str, blame: str = "") -> LawError:
        return LawError(f"{self.law} does not hold: {what}\n{self.program!r}")

    def raised(self, what: str, error: Exception, blame: str) -> Exception:
        return error if isinstance(error, Skip) else super().raised(what, error, blame)


def scaled(t: Any, factor: float) -> Any:
    """A tangent times a Python number, of the same type."""
    return factor * t if isinstance(t, (float, complex)) else np.asarray(factor * t).astype(t.dtype)[()]


# --- values -----------------------------------------------------------------------------------------------------------


@law
def staging_changes_nothing(s: _Program) -> None:
    """``jit(f) = f``, in values, shapes, dtypes and weak types; and both are what NumPy alone computes."""
    plain = getattr(s.program, "compiled", None)
    if plain is not None:
        s.same(s.outs, tree_leaves(plain(lambda f: f)(*s.inputs)), "f against f without jit inside")
    with s.doing("jit(f)"):
        staged = jit(s.call)
        s.same(staged(*s.inputs), s.outs, "jit(f) against f")
        s.same(staged(*s.inputs), s.outs, "jit(f), called again, against f")
        s.same(jit(lambda *xs: staged(*xs))(*s.inputs), s.outs, "jit(jit(f)) against f")
    for change in (strengthened, lowered):
        inputs = [change(x) for x in s.inputs]
        try:
            expected = s.call(*inputs)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            continue
        with s.doing(f"jit(f) for {change.__name__} inputs"):
            s.same(staged(*inputs), expected, f"jit(f) for {change.__name__} inputs", tolerance=max(1e-3, s.rounding))


def strengthened(x: Any) -> Any:
    """A NumPy scalar for a Python number."""
    return np.asarray(x)[()] if isinstance(x, (int, float, complex)) else x


def lowered(x: Any) -> Any:
    """An array of single precision, or of 16-bit integers."""
    if isinstance(x, (int, float, complex)):
        return x
    kind = np.asarray(x).dtype.kind
    return np.asarray(x).astype({"f": np.float32, "c": np.complex64, "i": np.int16}.get(kind, np.asarray(x).dtype))[()]


@law
def results_are_the_callers_own(s: _Program) -> None:
    """Writing into the results of ``jit(f)``, ``linearize`` and ``vjp`` changes neither the arguments nor later results."""
    staged = jit(s.call)
    with s.doing("jit(f)"):
        overwrite(staged(*copies(s.inputs)))
        s.same(staged(*copies(s.inputs)), s.outs, "jit(f) after its results were overwritten")
    if not s.active or not any(map(is_inexact, s.outs)):
        return
    inputs, cts, tangents = copies(s.inputs), s.cotangents(), s.tangents()
    with s.doing("vjp(f)"):
        _, pullback = vjp(s.call, *inputs)
        first = copies(pullback(copies(cts)))
        overwrite(pullback(copies(cts)))
        s.same(pullback(copies(cts)), first, "the pullback after its results were overwritten")
        s.same(inputs, s.inputs, "the arguments")
    with s.doing("linearize(f)"):
        _outs, linear_map = linearize(s.call, *inputs)
        first = copies(linear_map(*copies(tangents)))
        overwrite(linear_map(*copies(tangents)))
        s.same(linear_map(*copies(tangents)), first, "the linear map after its results were overwritten")
        s.same(inputs, s.inputs, "the arguments")


def copies(values: Sequence[Any]) -> list[Any]:
    leaves = tree_leaves(list(values), is_leaf=lambda x: x is None)
    return [np.array(x) if issubclass(type(x), np.ndarray) else x for x in leaves]


def overwrite(values: Any) -> None:
    for x in tree_leaves(values):
        if issubclass(type(x), np.ndarray) and x.flags.writeable and x.dtype != float0:
            x[...] = 1


@law
def programs_are_preserved(s: _Program) -> None:
    """The program of ``f`` checks, evaluates to ``f``, and survives printing, parsing and cleaning."""
    s.examine(s.call, s.inputs, "f")


@law
def derived_programs_are_preserved(s: _Program) -> None:
    """So do the programs that ``jvp``, ``vjp``, ``vmap``, ``linearize``, ``jit`` and ``grad`` of it make."""
    s.need_derivatives()
    tangents = [s.tangents()[i] for i in s.active]
    cts = s.cotangents()
    f = s.of_active(s.call)
    n = len(s.active)
    scalar = s.of_active(s.objective())

    def pushed(*values: Any) -> Any:
        return [t for t in jvp(f, values[:n], values[n:])[1] if is_inexact(t)]

    def pulled(*values: Any) -> Any:
        return list(vjp(f, *values)[1](cts))

    s.examine(pushed, [*s.active_inputs, *tangents], "jvp(f)")
    s.examine(pulled, s.active_inputs, "vjp(f)")
    s.examine(lambda *xs: jit(pushed)(*xs), [*s.active_inputs, *tangents], "jit(jvp(f))")
    s.examine(lambda *xs: list(grad(jit(scalar), tuple(range(n)))(*xs)), s.active_inputs, "grad(jit(f))")
    args, axes, _ = s.drawn_batch()
    s.examine(lambda *xs: vmap(s.call, axes)(*xs), args, "vmap(f)")
    with s.doing("linearize"):
        linear_map = linearize(f, *s.active_inputs)[1]
    s.examine_program(linear_map.jaxpr, "the linear program of f")


# --- first derivatives ------------------------------------------------------------------------------------------------


@law
def jvp_is_numerical(s: _Program) -> None:
    """``jvp(f)`` is the limit of difference quotients."""
    s.need_derivatives()
    tangents = s.tangents()
    with s.doing("jvp(f)"):
        outs, found = jvp(s.call, s.inputs, tangents)
    s.same(outs, s.outs, "the primal output of jvp(f)")
    compare_numerically(s, s.call, s.inputs, tangents, found, "jvp(f)")


def compare_numerically(s: _Program, f: Any, args: Any, tangents: Any, found: Any, what: str) -> None:
    if s.coarsest > 1e-4:
        raise Skip("half precision is too coarse for differences")
    step = s.coarsest**0.2 / 2
    reference = finite_difference(f, args, tangents, step)
    base = max(s.coarsest ** (2 / 3) * 300, s.rounding)
    for i, (out, value, error) in enumerate(zip(found, reference.values, reference.errors, strict=True)):
        if value is None:
            continue
        scale = 1.0 + float(np.max(np.abs(value), initial=0.0))
        if not np.all(np.isfinite(value)) or float(np.max(error, initial=0.0)) > 0.02 * scale:
            raise Skip("the differences do not converge")
        wrong = disagreement(out, value, base, 0.2 * error)
        if wrong is not None:
            again = finite_difference(f, args, tangents, 0.37 * step).values[i]
            if not np.max(np.abs(again - value)) < 0.5 * np.max(np.abs(out - value)):
                raise Skip("the differences do not converge")  # jumps on both sides of a step look like a slope
            raise s.error(f"{what} against finite differences, output {i}: {wrong}")


@law
def linearize_is_jvp(s: _Program) -> None:
    """``linearize(f)(x)(t) = jvp(f)(x, t)``, which is linear in t."""
    s.need_derivatives()
    one, two = s.tangents(), s.tangents()
    with s.doing("linearize(f)"):
        outs, linear_map = linearize(s.call, *s.inputs)
        first, second = linear_map(*one), linear_map(*two)
        both = linear_map(*(None if t is None else t + u for t, u in zip(one, two, strict=True)))
    s.same(outs, s.outs, "the output of linearize(f)")
    with s.doing("jvp(f)"):
        s.same(first, jvp(s.call, s.inputs, one)[1], "linearize(f) against jvp(f)", types=False)
    total = [x if typeof(x).dtype == float0 else x + y for x, y in zip(first, second, strict=True)]
    s.same(both, total, "linearity in the tangent", types=False)
    with s.doing("jvp(jit(f))"):
        s.same(jvp(jit(s.call), s.inputs, one)[1], first, "jvp(jit(f)) against jvp(f)", types=False)


@law
def vjp_is_the_transpose(s: _Program) -> None:
    """``Re⟨ct, jvp(f) t⟩ = Re⟨vjp(f) ct, t⟩``; ``vjp`` is ``linear_transpose`` of ``linearize``; cotangents have their
    arguments' types."""
    s.need_derivatives()
    tangents, cts = s.tangents(), s.cotangents()
    with s.doing("vjp(f)"):
        outs, pullback = vjp(s.call, *s.inputs)
        found = pullback(cts)
    s.same(outs, s.outs, "the output of vjp(f)")
    s.cotangents_fit(found, range(len(s.inputs)))
    pushed = jvp(s.call, s.inputs, tangents)[1]
    s.pairing(cts, pushed, found, tangents, "vjp(f) against jvp(f)")
    f = s.of_active(s.call)
    with s.doing("linear_transpose(linearize(f))"):
        linear_map = linearize(f, *s.active_inputs)[1]
        keep = [i for i, o in enumerate(s.outs) if is_inexact(o)]
        transposed = linear_transpose(lambda *ts: [linear_map(*ts)[i] for i in keep], *s.active_inputs)
        again = transposed([cts[i] for i in keep])
    s.same(again, [found[i] for i in s.active], "linear_transpose(linearize(f)) against vjp(f)", types=False)
    with s.doing("vjp(jit(f))"):
        s.same(vjp(jit(s.call), *s.inputs)[1](cts), found, "vjp(jit(f)) against vjp(f)")


@law
def transposing_twice_changes_nothing(s: _Program) -> None:
    """``linear_transpose(linear_transpose(L)) = L`` for the linear map L of ``linearize(f)``."""
    s.need_derivatives()
    tangents = [s.tangents()[i] for i in s.active]
    keep = [i for i, o in enumerate(s.outs) if is_inexact(o)]
    with s.doing("linearize(f)"):
        linear_map = linearize(s.of_active(s.call), *s.active_inputs)[1]
        expected = [linear_map(*tangents)[i] for i in keep]

    @jit
    def scaled_map(known: Any, *ts: Any) -> Any:
        return [known, *(known * o for o in map(linear_map(*ts).__getitem__, keep))]

    with s.doing("linear_transpose"):
        once = linear_transpose(lambda *ts: scaled_map(2.0, *ts)[1:], *tangents)
        twice = linear_transpose(lambda *cts: once(list(cts)), *expected)
        found = twice(tuple(tangents))
    s.same(found, [2 * x for x in expected], "the transposed transpose of the linear map of f", types=False)


@law
def jacobians_agree(s: _Program) -> None:
    """``jacfwd(f) = jacrev(f)``, and their product with a tangent is ``jvp(f)``; of real functions."""
    s.need_derivatives()
    keep = [i for i, o in enumerate(s.outs) if np.asarray(o).dtype.kind == "f"]
    places = [i for i in s.active if np.asarray(s.inputs[i]).dtype.kind == "f"]
    if not keep or not places:
        raise Skip("nothing real")

    def f(*xs: Any) -> Any:
        outs = s.call(*xs)
        return [outs[i] for i in keep]

    with s.doing("jacfwd(f)"):
        forward = jacfwd(f, tuple(places))(*s.inputs)
    with s.doing("jacrev(f)"):
        reverse = jacrev(f, tuple(places))(*s.inputs)
    s.same(tree_leaves(forward), tree_leaves(reverse), "jacfwd(f) against jacrev(f)", types=False)
    tangents = [t if i in places else None for i, t in enumerate(s.tangents())]
    pushed = jvp(f, s.inputs, tangents)[1]
    for i, (rows, out, t_out) in enumerate(zip(forward, [s.outs[i] for i in keep], pushed, strict=True)):
        terms = [np.tensordot(j, np.asarray(tangents[p]), np.ndim(tangents[p])) for j, p in zip(rows, places, strict=True)]  # type: ignore[arg-type]
        s.same_value(sum(terms[1:], terms[0]), t_out, f"jacfwd(f) times a tangent, output {i} of {typeof(out)}", types=False)


# --- batches ----------------------------------------------------------------------------------------------------------


@law
def vmap_is_a_loop(s: _Program) -> None:
    """``vmap(f)`` is a loop over the examples, whatever the batch axes; so is ``vmap(vmap(f))``, and ``jit(vmap(f))``."""
    args, axes, _, expected = s.batches()
    out_axes = [int(s.rng.integers(-np.ndim(e), np.ndim(e))) for e in expected]
    with s.doing(f"vmap(f, {axes}, {out_axes})"):
        found = vmap(s.call, axes, out_axes)(*args)
        found = [np.moveaxis(o, axis, 0) for o, axis in zip(found, out_axes, strict=True)]
    s.same(found, expected, f"vmap(f, {axes}, {out_axes}) against a loop")
    with s.doing(f"jit(vmap(f, {axes}))"):
        s.same(jit(vmap(s.call, axes))(*args), expected, f"jit(vmap(f, {axes})) against a loop")
        s.same(vmap(jit(s.call), axes)(*args), expected, f"vmap(jit(f), {axes}) against a loop")
    if any(a is not None for a in axes):
        outer = [None if a is None else int(s.rng.integers(0, np.ndim(x) + 1)) for a, x in zip(axes, args, strict=True)]
        both = [x if d is None else np.stack([x, x], axis=d) for x, d in zip(args, outer, strict=True)]
        with s.doing(f"vmap(vmap(f, {axes}), {outer})"):
            twice = vmap(vmap(s.call, axes), tuple(outer))(*both)
        s.same(twice, [np.stack([e, e]) for e in expected], f"vmap(vmap(f, {axes}), {outer}) against loops")


@law
def grad_commutes_with_vmap(s: _Program) -> None:
    """``grad ∘ vmap = vmap ∘ grad``, and ``jvp ∘ vmap = vmap ∘ jvp``."""
    s.need_derivatives()
    args, axes, _, _ = s.batches()
    scalar = s.objective()
    batched = [i for i in s.active if axes[i] is not None]
    if not batched:
        raise Skip("no inexact batched input")
    out_axes = tuple(axes[i] for i in batched)
    with s.doing(f"vmap(grad(f), {axes})"):
        each = vmap(grad(scalar, tuple(batched)), axes, out_axes)(*args)
    with s.doing(f"grad(vmap(f, {axes}))"):
        together = grad(lambda *xs: np.sum(vmap(scalar, axes)(*xs)), tuple(batched))(*args)
    s.same(together, each, f"grad(vmap(f, {axes})) against vmap(grad(f))")
    tangents = [random_like(s.rng, a) if i in batched else None for i, a in enumerate(args)]
    moving = [tangents[i] for i in batched]

    def along(values: Any, directions: Any) -> Any:
        full: list[Any] = [None] * len(values)
        for i, t in zip(batched, directions, strict=True):
            full[i] = t
        return jvp(s.call, values, full)[1]

    with s.doing(f"vmap(jvp(f), {axes})"):
        pushed = vmap(along, (list(axes), list(out_axes)))(args, moving)
    with s.doing(f"jvp(vmap(f, {axes}))"):
        whole = jvp(vmap(s.call, axes), args, tangents)[1]
    s.same(whole, pushed, f"jvp(vmap(f, {axes})) against vmap(jvp(f))", types=False)


# --- second derivatives -----------------------------------------------------------------------------------------------


@law
def hessians_agree(s: _Program) -> None:
    """``uᵀ H v`` is the same by forward over forward, forward over reverse, reverse over forward, reverse over reverse, and
    ``jit``."""
    s.need_derivatives()
    scalar = s.of_active(s.objective())
    point = s.active_inputs
    u, v = ([s.tangents()[i] for i in s.active] for _ in range(2))
    every = tuple(range(len(point)))

    def slope(*xs: Any) -> Any:
        return jvp(scalar, xs, u)[1]

    def gradient(*xs: Any) -> Any:
        return grad(scalar, every)(*xs)

    def along(gradients: Any, direction: Any) -> Any:
        return sum(np.sum(np.real(g * t)) for g, t in zip(gradients, direction, strict=True))

    found = {}
    with s.doing("forward over forward"):
        found["forward over forward"] = jvp(slope, point, v)[1]
    with s.doing("forward over reverse"):
        found["forward over reverse"] = along(jvp(gradient, point, v)[1], u)
    with s.doing("reverse over forward"):
        found["reverse over forward"] = along(grad(slope, every)(*point), v)
    with s.doing("reverse over reverse"):
        found["reverse over reverse"] = along(grad(lambda *xs: along(gradient(*xs), u), every)(*point), v)
    with s.doing("forward over reverse of jit"):
        staged = jit(lambda *xs: grad(jit(scalar), every)(*xs))
        found["forward over reverse of jit"] = along(jvp(staged, point, v)[1], u)
    reference = found["forward over reverse"]
    for mode, value in found.items():
        s.same_value(value, reference, f"{mode} against forward over reverse", types=False, tolerance=100 * s.rounding)
    derivative = jvp(gradient, point, v)[1]
    flat_gradient = lambda *xs: list(gradient(*xs))
    compare_numerically(s, flat_gradient, point, v, derivative, "jvp(grad(f))")


# --- derivatives in containers ----------------------------------------------------------------------------------------


def _in_scan(f: Any) -> Any:
    return lambda *xs: [o[0] for o in scan(lambda c, _: (c, f(*xs)), 0, None, length=1)[1]]


def _in_checkpointed_scan(f: Any) -> Any:
    return lambda *xs: [o[1] for o in scan(lambda c, _: (c, f(*xs)), 0, None, length=2, checkpoint="sqrt")[1]]


def _in_cond(f: Any) -> Any:
    nothing = lambda *xs: [0 * o if is_inexact(o) else o for o in f(*xs)]  # 0 times a boolean is none
    return lambda *xs: cond(np.sum(np.real(xs[0])) < np.inf, f, nothing, *xs)


def _in_vmap(f: Any) -> Any:
    return lambda *xs: [o[-1] for o in vmap(f, [*[0] * len(xs)])(*(np.stack([x, x]) for x in xs))]


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "jit": jit,
    "checkpoint": checkpoint,
    "scan": _in_scan,
    "scan(checkpoint='sqrt')": _in_checkpointed_scan,
    "cond": _in_cond,
    "vmap": _in_vmap,
}
"""Ways to call a function from arrays to a list of arrays that change nothing."""


@law
def derivatives_pass_through_containers(s: _Program) -> None:
    """``jit``, ``checkpoint``, ``scan``, ``cond`` and ``vmap`` around a function, or around a derivative of it, change nothing:
    not ``grad``, ``jvp``, ``vjp``, nor second derivatives.  One of them, drawn, is tried around each."""
    s.need_derivatives()
    point = [np.asarray(x)[()] for x in s.active_inputs]
    every = tuple(range(len(point)))
    f, scalar = s.of_active(s.call), s.of_active(s.objective())
    t = [np.asarray(s.tangents()[i])[()] for i in s.active]
    cts = [random_like(s.rng, o) for o in f(*point)]  # of the types that results have at arrays

    def derivatives(f: Any, scalar: Any) -> dict[str, Callable[..., Any]]:
        gradient = lambda *xs: list(grad(lambda *ys: scalar(*ys)[0], every)(*xs))
        slope = lambda *xs: sum(np.sum(np.real(g * d)) for g, d in zip(gradient(*xs), t, strict=True))
        return {
            "grad": gradient,
            "vjp": lambda *xs: list(vjp(f, *xs)[1](cts)),
            "jvp": lambda *xs: [o for o in jvp(f, xs, t)[1] if is_inexact(o)],
            "jvp(grad)": lambda *xs: jvp(gradient, xs, t)[1],
            "grad(grad)": lambda *xs: list(grad(slope, every)(*xs)),
        }

    value = lambda *xs: [scalar(*xs)]
    plain = derivatives(f, value)
    for name, derivative in plain.items():
        inside, around = (list(CONTAINERS)[s.rng.integers(len(CONTAINERS))] for _ in range(2))
        with s.doing(name):
            expected = derivative(*point)
        with s.doing(f"{name} of {inside} of f"):
            wrap = CONTAINERS[inside]
            found = derivatives(wrap(f), wrap(value))[name](*point)
        s.same(found, expected, f"{name} of {inside} of f", types=False, tolerance=100 * s.rounding)
        with s.doing(f"{around} of {name} of f"):
            s.same(CONTAINERS[around](derivative)(*point), expected, f"{around} of {name} of f", types=False)


__all__ = ["LAWS", "SKIPPED", "Law", "LawError", *LAWS]
