"""What must hold of a program that is lifted, under each transformation.

An error of covector's is a refusal; any other difference from NumPy is wrong.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from oracle import MODULE, Input, Oracle, Program, Undetermined, Values, close
from statements import INNER, Meaningless

import covector as cv
from covector.core.errors import CovectorError


class Wrong(AssertionError):
    pass


class Nothing(Exception):
    """Covector raised nothing where NumPy did."""


class Lifted:
    """The program lifted, as functions of what is traced."""

    def __init__(self, oracle: Oracle):
        self.oracle, self.program = oracle, oracle.program
        exec(oracle.code, vars(MODULE))
        self.lift = cv.lift(MODULE.program)

    def function(self, traced: tuple[Input, ...]) -> Callable[..., tuple]:
        names = [i.name for i in traced]

        def f(*xs: Any) -> tuple:
            given = dict(zip(names, xs, strict=True))
            for i in self.program.inputs:
                if i.role == "global":
                    setattr(MODULE, i.name, i.at(i.values))
            return self.lift(*(given[i.name] if i.name in given else i.at(i.values) for i in self.program.arguments))

        return f

    def inexact(self, *xs: Any) -> list[Any]:
        return [o for o in self.function(self.program.active)(*xs) if is_inexact(o)]

    def loss(self, *xs: Any) -> Any:
        weights = [w for w, o in zip(self.oracle.weights, self.oracle.expected, strict=True) if is_inexact(o)]
        if not weights:
            raise Undetermined
        return sum(np.sum(np.real(w * o)) for w, o in zip(weights, self.inexact(*xs), strict=True))

    def points(self, traced: tuple[Input, ...], values: Values | None = None) -> tuple[np.ndarray, ...]:
        return tuple(i.at((values or self.oracle.here)[i.name]) for i in traced)


def is_inexact(o: Any) -> bool:
    return np.dtype(getattr(o, "dtype", type(o))).kind in "fc"


def same_value(what: str, found: Any, wanted: np.ndarray, low: bool) -> None:
    found = np.asarray(found)
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        raise Wrong(f"{what} is {found.dtype}{list(found.shape)}, NumPy's is {wanted.dtype}{list(wanted.shape)}")
    ok = np.isclose(found, wanted, rtol=1e-4 if low else 1e-9, atol=1e-4 if low else 1e-10, equal_nan=True)
    if not np.all(ok):
        raise Wrong(f"{what} is {found.tolist()}, NumPy's is {wanted.tolist()}")


def same_derivative(what: str, found: Any, wanted: Any, low: bool) -> None:
    found = np.asarray(found)
    if not close(found, wanted, 1e-2 if low else 2e-5):
        raise Wrong(f"{what} is {found.tolist()}, by differences {np.asarray(wanted).tolist()}")


def same_outputs(found: Any, wanted: Any, low: bool, strong: bool = False) -> None:
    """``strong``: under vmap Python's numbers decide dtypes, so that a result may be of more precision."""
    if isinstance(wanted, Exception):
        raise Nothing
    if len(found) != len(wanted):
        raise Wrong("number of results")
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if strong and a.dtype == np.result_type(b.dtype, float) and b.dtype.kind in "fc":
            a = a.astype(b.dtype)
        same_value(f"result {i}", a, b, low)


def paired(gradients: Any, tangents: list[np.ndarray]) -> float:
    return float(sum(np.sum(np.real(np.asarray(g) * t)) for g, t in zip(gradients, tangents, strict=True)))


class Checks:
    """One method for each transformation: it raises `Wrong`, or what covector raises."""

    def __init__(self, oracle: Oracle):
        self.o, self.p, self.lifted = oracle, oracle.program, Lifted(oracle)
        self.tangents = [oracle.tangents[i.name] for i in self.p.active]
        failed = isinstance(oracle.expected, Exception)
        self.inexact = oracle.expected if failed else [o for o in oracle.expected if is_inexact(o)]
        self.argnums = tuple(range(len(self.p.active)))

    def same_gradient(self, gradients: Any) -> None:
        wanted = self.o.loss(self.o.line()[0])
        same_derivative("gradient along the line", paired(gradients, self.tangents), wanted, self.o.low)

    def has_numbers(self) -> bool:
        """Whether there may be Python's numbers that an array gave."""
        return bool(re.search(r"\.item\(|tolist|math\.", self.p.source))

    def unchanged(self, arrays: tuple[np.ndarray, ...], traced: tuple[Input, ...]) -> None:
        for a, i in zip(arrays, traced, strict=True):
            if not np.array_equal(a, i.at(i.values)):
                raise Wrong(f"argument {i.name} of the caller was written")

    def jvp(self) -> None:
        xs = self.lifted.points(self.p.active)
        out, tangents = cv.jvp(self.lifted.function(self.p.active), xs, tuple(self.tangents))
        same_outputs(out, self.o.expected, self.o.low)
        self.unchanged(xs, self.p.active)
        for i, (t, d, o) in enumerate(zip(tangents, self.o.line()[0], out, strict=True)):
            if is_inexact(o):
                same_derivative(f"tangent {i}", t, d, self.o.low)

    def vjp(self) -> None:
        self.pull(cv.vjp)

    def checkpoint(self) -> None:
        self.pull(lambda f, *xs: cv.vjp(cv.checkpoint(f), *xs))

    def pull(self, vjp: Any) -> None:
        xs = self.lifted.points(self.p.active)
        out, back = vjp(self.lifted.inexact, *xs)
        same_outputs(out, self.inexact, self.o.low)
        gradients = back([w for w, o in zip(self.o.weights, self.o.expected, strict=True) if is_inexact(o)])
        self.unchanged(xs, self.p.active)
        for g, i in zip(gradients, self.p.active, strict=True):
            if np.shape(g) != i.values.shape or np.asarray(g).dtype != i.values.dtype:
                raise Wrong(f"gradient of {i.name} is {np.asarray(g).dtype}{list(np.shape(g))}")
        self.same_gradient(gradients)

    def linearize(self) -> None:
        out, push = cv.linearize(self.lifted.inexact, *self.lifted.points(self.p.active))
        same_outputs(out, self.inexact, self.o.low)
        wanted = [d for d, o in zip(self.o.line()[0], self.o.expected, strict=True) if is_inexact(o)]
        for i, (t, d) in enumerate(zip(push(*self.tangents), wanted, strict=True)):
            same_derivative(f"tangent {i}", t, d, self.o.low)

    def jit(self) -> None:
        f = cv.jit(self.lifted.function(self.p.traced))
        for values in (self.o.here, self.o.there, self.o.here):
            wanted = self.o.run(values)
            if isinstance(wanted, Exception):
                raise Undetermined
            xs = self.lifted.points(self.p.traced, values)
            same_outputs(f(*xs), wanted, self.o.low)
            if values is self.o.here:
                self.unchanged(xs, self.p.traced)

    def batch(self) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """Three examples, and what NumPy has for each: a row of a batch lies in C order."""
        rows = [self.o.here, self.o.there, {n: self.o.here[n] + 0.01 * self.o.tangents.get(n, 0) for n in self.o.here}]
        rows = [{n: v.astype(self.o.here[n].dtype) for n, v in row.items()} for row in rows]
        results = [self.o.run(row) for row in rows]
        if any(isinstance(result, Exception) for result in results):
            raise Undetermined
        if any([(o.shape, o.dtype) for o in result] != [(o.shape, o.dtype) for o in results[0]] for result in results):
            raise Undetermined
        return [np.stack([row[i.name] for row in rows]) for i in self.p.traced], results

    def vmap(self, **options: Any) -> None:
        xs, results = self.batch()
        found = cv.vmap(self.lifted.function(self.p.traced), **options)(*xs)
        same_outputs(found, [np.stack(column) for column in zip(*results, strict=True)], self.o.low, self.has_numbers())

    def split(self) -> None:
        self.vmap(branches="split")

    def grad(self, wrap: Any = lambda f: f) -> None:
        xs = self.lifted.points(self.p.active)
        gradients = wrap(cv.grad(self.lifted.loss, self.argnums))(*xs)
        self.same_gradient(gradients)

    def jit_grad(self) -> None:
        self.grad(cv.jit)

    def grad_jit(self) -> None:
        xs = self.lifted.points(self.p.active)
        gradients = cv.grad(cv.jit(self.lifted.loss), self.argnums)(*xs)
        self.same_gradient(gradients)

    def rows(self, vmapped: Any) -> None:
        """Derivatives of a batch, each example of which is the same."""
        xs = [np.stack([x, x]) for x in self.lifted.points(self.p.active)]
        out, tangents = vmapped(xs, [np.stack([t, t]) for t in self.tangents])
        same_outputs(out, [np.stack([o, o]) for o in self.inexact], self.o.low, self.has_numbers())
        wanted = [d for d, o in zip(self.o.line()[0], self.o.expected, strict=True) if is_inexact(o)]
        for i, (t, d) in enumerate(zip(tangents, wanted, strict=True)):
            same_derivative(f"tangent {i}", t, np.stack([d, d]), self.o.low)

    def vmap_jvp(self) -> None:
        self.rows(lambda xs, ts: cv.vmap(lambda xs, ts: cv.jvp(self.lifted.inexact, tuple(xs), tuple(ts)))(xs, ts))

    def jvp_vmap(self) -> None:
        self.rows(lambda xs, ts: cv.jvp(cv.vmap(self.lifted.inexact), tuple(xs), tuple(ts)))

    def vmap_grad(self) -> None:
        batched = [np.stack([x, x]) for x in self.lifted.points(self.p.active)]
        gradients = cv.vmap(cv.grad(self.lifted.loss, self.argnums))(*batched)
        for row in range(2):
            self.same_gradient([g[row] for g in gradients])

    def hvp(self) -> None:
        if self.o.low:
            raise Undetermined
        xs = self.lifted.points(self.p.active)
        gradients, products = cv.jvp(cv.grad(self.lifted.loss, self.argnums), xs, tuple(self.tangents))
        first, second = self.o.line()
        same_derivative("gradient along the line", paired(gradients, self.tangents), self.o.loss(first), False)
        wanted = self.o.loss(second)
        if abs(paired(products, self.tangents) - wanted) > 1e-3 * (1 + max(np.max(np.abs(s), initial=0) for s in second)):
            raise Wrong(f"second derivative along the line is {paired(products, self.tangents)}, by differences {wanted}")

    def plain(self) -> None:
        """Without a trace the function is the function: it writes its arguments."""
        if any(f"{name}(" in self.p.source for name in INNER):  # whose results lie in memory as covector has it
            raise Undetermined
        written: dict[str, np.ndarray] = {}
        self.o.run(self.o.here, written)
        arguments = [i.at(i.values) for i in self.p.arguments]
        self.lifted.function(())  # sets what is outside
        for i in self.p.inputs:
            if i.role == "global":
                setattr(MODULE, i.name, i.at(i.values))
        same_outputs(self.lifted.lift(*arguments), self.o.expected, self.o.low)
        for a, i in zip(arguments, self.p.arguments, strict=True):
            same_value(f"argument {i.name}", a, written[i.name], self.o.low)


BATCHED = ("vmap", "split", "vmap_jvp", "jvp_vmap", "vmap_grad")  # the examples of a batch lie in C order
ALWAYS = ("jvp", "vjp")
IN_TURN = ("jit", "vmap", "hvp", "jit_grad", "split", "vmap", "jit", "grad", "vmap_grad", "linearize", "checkpoint", "grad_jit")
IN_TURN += ("plain", "vmap_jvp", "jvp_vmap")
OF_VALUES = ("jvp", "vjp", "grad", "hvp", "linearize", "plain")
"""Elsewhere what has no axes is a number, which nobody writes into: whether it was an array is not known."""

EVERY = tuple(dict.fromkeys(ALWAYS + IN_TURN))


def outcome(checks: Checks, mode: str) -> str:
    """right, undetermined, refused: and why, or wrong: and how."""
    expected = checks.o.expected
    try:
        getattr(checks, mode)()
    except Wrong as error:
        return f"wrong: {error}"
    except Undetermined:
        return "undetermined"
    except Nothing:
        pass
    except Exception as error:
        told = isinstance(error, CovectorError) or "bytes-like object is required, not 'Cell'" in str(error)
        if isinstance(expected, Exception):
            expected_kind = told or isinstance(error, type(expected)) or isinstance(expected, type(error))
            return "right" if expected_kind else f"wrong: raises {describe(error)}, NumPy {describe(expected)}"
        told |= "underlying buffer is not C-contiguous" in str(error)  # a copy of what is read-only may lie otherwise
        told |= "read-only" in str(error)  # ufunc.at of one argument writes it in NumPy
        told |= "'multiply' output from dtype('float64') to dtype('bool')" in str(error)  # np.round of booleans
        told |= "numpy boolean negative" in str(error)  # a branch that NumPy does not take, of a condition that is not known
        return f"refused: {reason(error)}" if told else f"wrong: raises {describe(error)}"
    if isinstance(expected, Exception):
        return f"wrong: raises nothing, NumPy {describe(expected)}"
    return "right"


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:150] if str(error).strip() else ''}"


def reason(error: Exception) -> str:
    return re.sub(r"[\d.]+", "0", describe(error))


LENIENT = ("read-only", "output array is not acceptable", "no attribute", "inplace matrix multiplication", "Incompatible shape")


def is_lenient(text: str) -> bool:
    """NumPy lets nobody write into what is read-only, or not contiguous; under a trace there is a copy that may be written."""
    if not text.startswith("wrong: raises nothing"):
        return text.startswith("wrong: raises") and "read-only" in text.partition(", NumPy ")[2]  # another error
    return any(part in text for part in LENIENT)


def check(program: Program, modes: tuple[str, ...]) -> dict[str, str]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        oracle = Oracle(program)
        if isinstance(oracle.expected, Meaningless):
            return {}
        if any(i.role == "traced" and not i.values.shape for i in program.inputs):
            modes = tuple(m for m in modes if m in OF_VALUES)
        if isinstance(oracle.expected, Exception):
            modes = tuple(m for m in modes if m in ("jvp", "vjp", "plain"))
            oracle.weights = []
        checks = Checks(oracle)
        found = {mode: outcome(checks, mode) for mode in modes if mode not in BATCHED}
        if len(found) < len(modes):
            in_order = tuple(replace(i, layout="C") if i.role == "traced" else i for i in program.inputs)
            oracle = Oracle(replace(program, inputs=in_order))
            if not isinstance(oracle.expected, Exception):
                checks = Checks(oracle)
                found |= {mode: outcome(checks, mode) for mode in modes if mode in BATCHED}
        return found


def modes_of(program: Program) -> tuple[str, ...]:
    return (*ALWAYS, IN_TURN[program.seed % len(IN_TURN)])
