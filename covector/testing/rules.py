"""The checks of one case: a function, made of one primitive, at one point.

`RuleChecks` are the checks of a primitive's own rules; `FunctionChecks` those of any function that is made of it, its
derivatives among them.  Each check blames the rule that it tries.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import Zero, float0, typeof
from covector.core.check import check
from covector.core.checked_rules import check_hashable
from covector.core.errors import LinearityError
from covector.core.jaxpr import Var
from covector.core.kinds import Structural
from covector.core.memory import copies
from covector.core.primitive import Primitive
from covector.interpreters.transpose import Accumulate
from covector.testing.numerical import (
    brief,
    complex_step,
    disagreement,
    exact_tolerance,
    finite_difference,
    is_analytic,
    is_inexact,
    precision,
    random_like,
)
from covector.testing.subject import Function, Subject
from covector.transforms.autodiff import jvp, linearize, vjp
from covector.transforms.vmap import vmap

MAX_MIXES = 6
"""How many of the combinations of batched arguments and batch axes one case tries; a rotating choice if there are more."""


class RuleError(AssertionError):
    """A rule of a primitive is wrong; ``rule`` says which, ``primitive`` of what."""

    def __init__(self, rule: str, primitive: str, text: str):
        super().__init__(text)
        self.rule = rule
        self.primitive = primitive


class Options(NamedTuple):
    """What `check_primitive` was asked to do."""

    order: int = 2
    differentiable: bool | tuple[int, ...] = True
    numerical: bool = True
    tolerance: float | None = None
    vary: Callable[..., Any] | None = None
    through: Callable[..., Any] | None = None


def as_list(out: Any) -> list[Any]:
    """The outputs of a primitive, one or several, as a list."""
    return list(out) if isinstance(out, (list, tuple)) else [out]


class FunctionChecks(Subject):
    """A function of flat arguments that returns a list, with the checks that every function must pass.

    ``describe`` gives its name, and the case; ``context`` says what the function is.
    """

    def __init__(self, f: Callable[..., list[Any]], args: Sequence[Any], options: Options, describe: Any, context: str = ""):
        places = options.differentiable
        chosen = None if places is True else () if places is False else places
        super().__init__(f, args, np.random.default_rng(len(args)), chosen)
        self.options = options
        self.describe = describe
        self.context = context

    # --- blame ---

    def error(self, what: str, blame: str = "") -> RuleError:
        name, case = self.describe
        return RuleError(blame, name, f"the {blame} rule of {name!r} is wrong{self.context}: {what}\n{case}")

    def raised(self, what: str, error: Exception, blame: str) -> Exception:
        if isinstance(error, LinearityError) and error.missing == self.describe[0]:
            return self.error(f"there is none, and {what} needs one: {error}", "transpose")
        if isinstance(error, LinearityError):
            return self.error(f"in {what} it is not linear in its tangents: {error}", "jvp")
        return super().raised(what, error, blame)

    def tolerance(self, values: Sequence[Any]) -> float:
        return max(exact_tolerance([*values, *self.active_inputs]), self.options.tolerance or 0.0)

    # --- directions ---

    def subsets(self) -> list[tuple[int, ...]]:
        """Which arguments have a tangent: every choice of up to three, else each alone and all together."""
        n = len(self.active)
        sizes: Any = range(1, n + 1) if n <= 3 else sorted({1, n})
        return [s for k in sizes for s in itertools.combinations(self.active, k)]

    def push(self, tangents: Sequence[Any], f: Callable[..., list[Any]] | None = None) -> list[Any]:
        return jvp(f or self.f, self.inputs, tangents)[1]  # type: ignore[no-any-return]

    # --- the checks ---

    def run(self, *, batch: bool = True, staged: bool = True) -> None:
        """All of them, the simplest first."""
        if staged:
            self.staging()
        self.derivative(self.subsets())
        self.linearity()
        self.reverse()
        if batch:
            self.batching()
        if self.options.order > 1:
            self.second_order(batch=batch, staged=staged)

    def derivative(self, subsets: Sequence[tuple[int, ...]], analytic: bool = True) -> None:
        """``jvp`` against finite differences, and against the complex step where that is possible."""
        for places in subsets:
            tangents = self.tangents(places)
            which = f"with tangents for argument{'s' * (len(places) > 1)} {', '.join(map(str, places))} "
            with self.doing("jvp " + which, "jvp"):
                found = self.push(tangents)
            if self.options.numerical:
                with self.doing("evaluation nearby", "impl"):
                    reference = finite_difference(self.f, self.inputs, tangents)
                base = max(reference.precision ** (2 / 3) * 30, self.options.tolerance or 0.0)
                for out, value, error in zip(found, reference.values, reference.errors, strict=True):
                    if value is not None:
                        allowed = max(base, exact_tolerance([out, *(self.inputs[i] for i in places)]))
                        wrong = disagreement(out, value, allowed, 0.1 * error)
                        if wrong is not None:
                            raise self.error(f"{which}it disagrees with finite differences: {wrong}", "jvp")
            if analytic and self.options.numerical and len(places) == len(self.active):
                self.against_complex_step(found, tangents, which)

    def against_complex_step(self, found: list[Any], tangents: list[Any], which: str) -> None:
        active = [self.inputs[i] for i in self.active]
        if not active or any(np.iscomplexobj(x) for x in (*active, *self.outs)) or precision(active) > 1e-10:
            return
        with np.errstate(all="ignore"):
            if not is_analytic(self.f, self.inputs, tangents):
                return
            expected = complex_step(self.f, self.inputs, tangents)
        for out, value in zip(found, expected, strict=True):
            if value is not None and np.all(np.isfinite(value)):
                wrong = disagreement(out, value, 30 * self.tolerance([out]))
                if wrong is not None:
                    raise self.error(f"{which}it disagrees with the complex step: {wrong}", "jvp")

    def linearity(self) -> None:
        """``jvp`` is linear in the tangents, and what `linearize` records is the same linear map, well-typed."""
        if not self.active or not self.inexact_out:
            return
        one, two = self.tangents(self.active), self.tangents(self.active)
        with self.doing("jvp", "jvp"):
            first, second = self.push(one), self.push(two)
            both, double = self.push(moved_tangents(one, two, 1)), self.push(moved_tangents(one, one, 1))
        with np.errstate(all="ignore"):
            total = [x if typeof(x).dtype == float0 else x + y for x, y in zip(first, second, strict=True)]
            twice = [x if typeof(x).dtype == float0 else x + x for x in first]
        tolerance = 10 * self.tolerance(first)
        self.same(both, total, "the tangent for t1 + t2", "jvp", types=False, tolerance=tolerance)
        self.same(double, twice, "the tangent for 2 t", "jvp", types=False, tolerance=tolerance)
        with self.doing("linearize", "jvp"):
            outs, linear_map = linearize(self.of_active(self.f), *self.active_inputs)
            recorded = linear_map(*(one[i] for i in self.active))
        self.same(outs, self.outs, "the output under linearize", "jvp")
        self.same(recorded, first, "the tangent under linearize", "jvp", types=False, tolerance=tolerance)
        with self.doing("checking the recorded tangent program", "jvp"):
            check(linear_map.jaxpr)

    def reverse(self) -> None:
        """``vjp`` against ``jvp``: the inner product, and the types of the cotangents."""
        if not self.active or not self.inexact_out:
            return
        tangents, cts = self.tangents(self.active), self.cotangents()
        with self.doing("jvp", "jvp"):
            pushed = self.push(tangents)
        with self.doing("vjp", "transpose"):
            outs, pullback = vjp(self.of_active(self.f), *self.active_inputs)
            found = pullback(cts)
        self.same(outs, self.outs, "the output under vjp", "jvp")
        self.cotangents_fit(found, self.active, "transpose")
        self.pairing(cts, pushed, found, [tangents[i] for i in self.active], "vjp against jvp", "transpose")

    # --- batching ---

    def batching(self, limit: int = MAX_MIXES) -> None:
        """``vmap`` against a loop, for every mix of batched arguments and positions of the batch axis."""
        mixes = self.mixes()
        if len(mixes) > limit:
            chosen = self.rng.choice(len(mixes), limit, replace=False)
            mixes = [mixes[i] for i in sorted(chosen)]
        for mix in mixes:
            self.mapped(mix, int(self.rng.integers(1, 4)))

    def mixes(self) -> list[tuple[int | None, ...]]:
        # A batch of Python numbers is an array, of a dtype: the cotangents of a derivative would no longer be of the right one.
        fixed = [bool(self.context) and typeof(a).weak_type for a in self.inputs]
        choices = [[None] if f else [None, *range(len(np.shape(a)) + 1)] for a, f in zip(self.inputs, fixed, strict=True)]
        total = int(np.prod([len(c) for c in choices]))
        if total > 2000:
            drawn = {tuple(c[self.rng.integers(len(c))] for c in choices) for _ in range(40)}
            return [m for m in sorted(drawn, key=str) if any(d is not None for d in m)]
        return list(itertools.product(*choices))[1:]

    def mapped(self, axes: Sequence[int | None], size: int) -> None:
        what = f"for a batch of {size} with in_axes={tuple(axes)}"
        args = self.batch(axes, size)
        with self.doing("the loop over examples", "impl"):
            expected = self.loop(args, axes, size)
        with self.doing(f"vmap {what}", "batch"):
            found = vmap(self.f, tuple(axes))(*args)
        self.same(found, expected, f"{what} it disagrees with a loop", "batch")

    def varied(self, x: Any) -> Any:
        return super().varied(x) if self.options.vary is None else self.options.vary(self.rng, x)

    # --- staging ---

    def staging(self) -> None:
        """The staged program against eager evaluation; it checks, cleans, prints and parses."""
        if self.inputs:
            self.examine(self.f, self.inputs, "it")

    # --- derivatives, as functions to be checked in their turn ---

    def forward_function(self) -> FunctionChecks:
        """``(*args, *tangents) -> tangents of the outputs``."""
        n = len(self.inputs)
        chosen = list(self.active)

        def pushed(*values: Any) -> list[Any]:
            tangents: list[Any] = [None] * n
            for i, t in zip(chosen, values[n:], strict=True):
                tangents[i] = t
            return inexact(jvp(self.f, values[:n], tangents)[1])

        tangents = [random_like(self.rng, self.inputs[i]) for i in chosen]
        return self.derived(pushed, tangents)

    def reverse_function(self) -> FunctionChecks:
        """``(*args, *cotangents) -> cotangents of the arguments``."""
        n = len(self.inputs)
        chosen = list(self.active)

        def pulled(*values: Any) -> list[Any]:
            cts = iter(values[n:])
            args = values[:n]

            def of_active(*xs: Any) -> list[Any]:
                full = list(args)
                for i, x in zip(chosen, xs, strict=True):
                    full[i] = x
                return self.f(*full)

            outs, pullback = vjp(of_active, *(args[i] for i in chosen))
            return list(pullback([next(cts) if is_inexact(o) else None for o in outs]))

        cts = [random_like(self.rng, o) for o in self.outs if is_inexact(o)]
        return self.derived(pulled, cts)

    def derived(self, f: Function, directions: list[Any]) -> FunctionChecks:
        n = len(self.inputs)
        options = self.options._replace(differentiable=(*self.active, *range(n, n + len(directions))))
        return type(self)(f, [*self.inputs, *directions], options, self.describe, " at second order")

    def second_order(self, *, batch: bool = True, staged: bool = True) -> None:
        """The first derivatives, in both modes, are functions that pass the same checks."""
        if not self.active or not self.inexact_out:
            return
        for derived in (self.forward_function, self.reverse_function):
            with self.doing("the derivative", "jvp"):
                function = derived()
            function.derivative([tuple(function.active)], analytic=False)
            function.reverse()
            if batch:
                function.batching(limit=2)
            if staged:
                function.staging()


def inexact(values: Sequence[Any]) -> list[Any]:
    return [v for v in values if is_inexact(v)]


def moved_tangents(xs: Sequence[Any], ys: Sequence[Any], step: int) -> list[Any]:
    return [None if x is None else x + step * y for x, y in zip(xs, ys, strict=True)]


class RuleChecks:
    """The checks of the rules of a primitive, called directly, at one point."""

    def __init__(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any], options: Options):
        self.primitive = primitive
        self.inputs = list(args)
        self.params = params
        name = primitive.name
        check_hashable(name, params)
        case = "".join(f"\n  argument {i}: {brief_argument(a)}" for i, a in enumerate(self.inputs))
        case = f"  {name}({', '.join(f'{k}={v!r}' for k, v in params.items())}) at{case or ' no arguments'}"
        self.before = [np.array(a) for a in self.inputs]
        apply = lambda *xs: primitive.bind(*xs, **params)
        through = options.through
        f = (lambda *xs: as_list(apply(*xs))) if through is None else (lambda *xs: as_list(through(apply, *xs, **params)))
        self.direct = FunctionChecks(lambda *xs: as_list(apply(*xs)), args, options, (name, case))
        self.function = self.direct if through is None else FunctionChecks(f, args, options, (name, case))

    def run(self) -> None:
        """All checks, the simplest first, so that the rule blamed is the one that is wrong."""
        f = self.function
        self.arguments_are_unchanged()
        self.rules_write_into_nothing()
        self.abstract()
        self.structure()
        f.staging()
        if f.active and f.inexact_out:
            self.jvp_types()
            f.derivative(f.subsets())
            self.transposes()
            f.linearity()
            f.reverse()
        f.batching()
        if f.options.order > 1:
            f.second_order()
        self.arguments_are_unchanged()

    def abstract(self) -> None:
        """The abstract rule gives the types of what the implementation returns."""
        direct = self.direct
        with direct.doing("the rule", "abstract"):
            avals = as_list(self.primitive.abstract(*map(typeof, self.inputs), **self.params))
        if len(avals) != len(direct.outs):
            raise direct.error(f"it gives {len(avals)} outputs, and the impl returns {len(direct.outs)}", "abstract")
        for i, (aval, out) in enumerate(zip(avals, direct.outs, strict=True)):
            if aval != typeof(out):
                raise direct.error(f"it says {aval} for output {i}, and the impl returns {typeof(out)}", "abstract")

    def structure(self) -> None:
        """A structural primitive moves the numbers of elements as it moves the elements."""
        direct, kind = self.direct, self.primitive.kind
        if not isinstance(kind, Structural):
            return
        numbers, elements = list(self.inputs), [np.zeros(1)]
        for i in kind.positions or range(len(numbers)):
            first, x = sum(map(len, elements)), np.asarray(self.inputs[i])
            numbers[i] = np.arange(first, first + x.size).reshape(x.shape)
            elements.append(x.ravel())
        with direct.doing("the implementation on the numbers of elements", "kind"):
            places = as_list(self.primitive.impl(*numbers, **self.params))
        moved = [np.take(np.concatenate(elements), m, mode="clip") for m in places]
        direct.same(moved, direct.outs, "it is of the kind Structural, and moves their numbers elsewhere", "kind", types=False)

    def jvp_types(self) -> None:
        """The JVP rule returns the output, and tangents of the types of the outputs; also for symbolic zeros."""
        direct, primitive = self.direct, self.primitive
        if primitive.jvp is None:
            raise direct.error("there is none, and the primitive is declared differentiable", "jvp")
        for places in direct.subsets():
            tangents = [typeof(a).zero if t is None else t for a, t in zip(self.inputs, direct.tangents(places), strict=True)]
            with direct.doing("the rule", "jvp"):
                out, tangent = primitive.jvp(self.inputs, tangents, **self.params)
            direct.same(as_list(out), direct.outs, "the output that it returns", "jvp")
            for i, (o, t) in enumerate(zip(direct.outs, as_list(tangent), strict=True)):
                aval, wanted = typeof(t), typeof(o).tangent()
                if (aval.shape, aval.dtype) != (wanted.shape, wanted.dtype):
                    raise direct.error(f"tangent {i} is of type {aval} for an output of type {typeof(o)}", "jvp")

    # --- transposition ---

    def transposes(self) -> None:
        """The transpose rule, for every set of arguments that the primitive declares itself linear in."""
        primitive = self.primitive
        if primitive.transpose is None or primitive.linear is None:
            return
        n = len(self.inputs)
        masks = itertools.product((False, True), repeat=n) if n <= 5 else [tuple(i == j for i in range(n)) for j in range(n)]
        for mask in masks:
            places = [i for i, m in enumerate(mask) if m]
            if places and all(is_inexact(self.inputs[i]) for i in places) and self.is_linear(tuple(mask)):
                self.transpose(places)

    def is_linear(self, mask: tuple[bool, ...]) -> bool:
        """Whether the primitive is declared linear, with all outputs, in the arguments that ``mask`` marks."""
        try:
            answer: Any = self.primitive.linear(mask, self.params)  # type: ignore[misc]
        except LinearityError:  # how a primitive with a program says no
            return False
        return all(answer) if isinstance(answer, (list, tuple)) else bool(answer)

    def transpose(self, places: list[int]) -> None:
        direct = self.direct
        x, y = direct.tangents(places), direct.tangents(places)
        with direct.doing("applying the primitive to tangents", "transpose"):
            out, other, both = (direct.f(*self.with_linear(v)) for v in (x, y, moved_tangents(x, y, 1)))
        if not any(map(is_inexact, out)):
            return
        declared = f"it is declared linear in arguments {places}, but A(x + y) ≠ A x + A y"
        total = [a + b for a, b in zip(out, other, strict=True)]
        direct.same(both, total, declared, "transpose", types=False, tolerance=10 * direct.tolerance(out))
        cts = [random_like(direct.rng, o) for o in out]
        found = self.transposed(places, cts)
        what = f"transposed in argument{'s' * (len(places) > 1)} {', '.join(map(str, places))}"
        linear = [x[i] for i in places]
        direct.pairing(cts, out, found, linear, what, "transpose")
        for i, ct in enumerate(cts):
            if ct is not None and len(cts) > 1:
                alone: list[Any] = [None] * i + [ct] + [None] * (len(cts) - i - 1)
                found_alone = self.transposed(places, alone)
                direct.pairing(alone, out, found_alone, linear, f"{what}, with a cotangent of output {i} alone", "transpose")
        if all(typeof(v).dtype.kind == "c" for v in (*linear, *out)):
            rotated = direct.f(*self.with_linear([None if v is None else 1j * v for v in x]))
            self.complex_pairing(rotated, linear, out, cts, found, what)

    def complex_pairing(self, rotated: Any, linear: Any, out: Any, cts: Any, found: Any, what: str) -> None:
        """A complex-linear map, which takes i x to i A x, satisfies the pairing in its imaginary part as well."""
        direct = self.direct
        if all(disagreement(r, 1j * o, 10 * direct.tolerance(out)) is None for r, o in zip(rotated, out, strict=True)):
            direct.pairing(cts, out, found, linear, what, "transpose", real=False)

    def with_linear(self, values: Sequence[Any]) -> list[Any]:
        return [a if v is None else v for a, v in zip(self.inputs, values, strict=True)]

    def transposed(self, places: list[int], cts: list[Any]) -> list[Any]:
        """The cotangents that the rule gives to the arguments at ``places``; the others must get none."""
        direct, primitive = self.direct, self.primitive
        args = [Var(typeof(a).tangent()) if i in places else a for i, a in enumerate(self.inputs)]
        ct: Any = [Zero(typeof(o).tangent()) if c is None else c for c, o in zip(cts, direct.outs, strict=True)]
        with direct.doing("the rule", "transpose"):
            results = list(primitive.transpose(ct if primitive.multiple_results else ct[0], *args, **self.params))  # type: ignore[misc]
        if len(results) != len(args):
            raise direct.error(f"it returned {len(results)} cotangents for {len(args)} arguments", "transpose")
        for i, result in enumerate(results):
            if i not in places and result is not None:
                raise direct.error(f"it returned a cotangent for argument {i}, which is not linear here", "transpose")
        return [self.cotangent(i, results[i]) for i in places]

    def cotangent(self, place: int, ct: Any) -> Any:
        """A cotangent as an array of the type of its argument."""
        direct = self.direct
        aval = typeof(self.inputs[place])
        if ct is None or isinstance(ct, Zero):
            return np.zeros(aval.shape, aval.dtype)
        if isinstance(ct, Accumulate):
            buffer = np.zeros(aval.shape, aval.dtype)
            with direct.doing("accumulating the cotangent", "transpose"):
                ct.add_into(buffer, ct.value)
                whole = ct.scatter([ct], aval)
            direct.same([buffer], [whole], "add_into against scatter", "transpose", types=False)
            ct = whole
        if (typeof(ct).shape, typeof(ct).dtype) != (aval.shape, aval.dtype):
            raise direct.error(f"the cotangent of argument {place} is of type {typeof(ct)} for {aval}", "transpose")
        return ct

    def rules_write_into_nothing(self) -> None:
        """What the user wrote leaves alone what it is given, also where that is a copy, of which nobody else sees anything."""
        p, direct, xs, tries = self.primitive, self.direct, self.inputs, self.writes_into_nothing
        if p.trusted:
            return
        tries("impl", p.rules.get("impl") or p.kind.fn, lambda xs: xs, argument=xs)
        batches, dims = direct.batch([0] * len(xs), 2), [0] * len(xs)
        if xs:
            tries("batch", p.rules.get("batch") or getattr(p.kind, "batch", None), lambda xs: (2, xs, dims), argument=batches)
        if direct.active and direct.inexact_out:
            tangents = [typeof(a).zero if t is None else t for a, t in zip(xs, direct.tangents(direct.active), strict=True)]
            for name in ("jvp", "linearize"):
                tries(name, p.rules.get(name), lambda xs, ts: (xs, ts), primal=xs, tangent=tangents)
            for i, derivative in enumerate(getattr(p.kind, "derivatives", ())):
                tries(
                    "derivative",
                    derivative if i in direct.active else None,
                    lambda outs, xs: (*outs, *xs),
                    output=direct.outs,
                    argument=xs,
                )

    def writes_into_nothing(self, name: str, rule: Any, arguments: Callable[..., Any], **values: Sequence[Any]) -> None:
        """Call a rule with ``arguments(*values)`` of copies of these values, and see whether they are what they were."""
        if rule is None or isinstance(rule, np.ufunc):
            return
        given = {what: copies(xs) for what, xs in values.items()}
        with self.direct.doing("the rule", name):
            rule(*arguments(*given.values()), **self.params)
        for what, xs in given.items():
            for i, (x, was) in enumerate(zip(xs, values[what], strict=True)):
                if not isinstance(x, Zero) and not np.array_equal(x, was, equal_nan=typeof(x).dtype.kind in "fc"):
                    text = f"it writes into {what} {i}, which was {brief(was)}; let it make an array of its own"
                    raise self.direct.error(text, name)

    def arguments_are_unchanged(self) -> None:
        for i, (a, before) in enumerate(zip(self.inputs, self.before, strict=True)):
            if not np.array_equal(np.asarray(a), before, equal_nan=before.dtype.kind in "fc"):
                raise self.direct.error(f"something wrote into argument {i}, which was {brief(before)}", "impl")


def brief_argument(x: Any) -> str:
    return repr(x) if type(x) in (bool, int, float, complex) else brief(x)
