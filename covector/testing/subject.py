"""What every check of a function needs: a `Subject`, a function at a point, which says what is wrong in words of its own.

>>> class Plain(Subject):
...     def error(self, what, blame=""):
...         return AssertionError(what)
...     def tolerance(self, values):
...         return 1e-12
>>> s = Plain(lambda x, n: [np.sin(x) * n], [0.5, 3], np.random.default_rng(0))
>>> s.active
[0]
>>> s.examine(s.f, s.inputs, "f")
>>> s.same(s.outs, [np.float64(1.0)], "f")
Traceback (most recent call last):
    ...
AssertionError: f: found 1.438..., expected 1.0
  found    f64[] 1.438...
  expected f64[] 1.

The laws of programs (`covector.testing.laws`), the checks of primitives and of functions (`covector.testing.rules`) and
covector's own tests are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from covector.core.avals import float0, typeof
from covector.core.check import check
from covector.core.jaxpr import Equation, Jaxpr
from covector.core.text.parser import parse
from covector.interpreters.evaluate import eval_jaxpr, run_equations
from covector.passes.clean import clean
from covector.testing.numerical import brief, disagreement, inner, is_inexact, random_like
from covector.transforms.jit import jit
from covector.transforms.staging import make_jaxpr

Function = Callable[..., list[Any]]


class Subject:
    """A function of flat arguments that returns a list, at a point.

    Attributes:
        active: the arguments that are differentiated.
        outs: the results at the point.
        rng: what directions, cotangents and batches are drawn with.
    """

    def __init__(self, f: Function, inputs: Sequence[Any], rng: np.random.Generator, places: Sequence[int] | None = None):
        self.f = f
        self.inputs = list(inputs)
        self.rng = rng
        self.active = [i for i, x in enumerate(inputs) if is_inexact(x) and (places is None or i in places)]
        with np.errstate(all="ignore"):
            self.outs = f(*inputs)
        self.inexact_out = any(map(is_inexact, self.outs))

    @property
    def active_inputs(self) -> list[Any]:
        return [self.inputs[i] for i in self.active]

    def of_active(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """``f`` as a function of its active arguments alone."""

        def restricted(*xs: Any) -> Any:
            args = list(self.inputs)
            for i, x in zip(self.active, xs, strict=True):
                args[i] = x
            return f(*args)

        return restricted

    # --- what is wrong ---

    def error(self, what: str, blame: str = "") -> AssertionError:
        """The error that says what is wrong; ``blame`` is the rule that is at fault."""
        raise NotImplementedError

    def tolerance(self, values: Sequence[Any]) -> float:
        """How far two ways to compute these may differ, relative to the largest element."""
        raise NotImplementedError

    @contextmanager
    def doing(self, what: str, blame: str = "") -> Iterator[None]:
        """Report any exception as what is wrong."""
        try:
            with np.errstate(all="ignore"):
                yield
        except AssertionError:
            raise
        except Exception as e:
            raise self.raised(what, e, blame) from e

    def raised(self, what: str, error: Exception, blame: str) -> Exception:
        return self.error(f"{what} raised {type(error).__name__}: {error}", blame)

    def same(
        self, found: Any, expected: Any, what: str, blame: str = "", *, types: bool = True, tolerance: float | None = None
    ) -> None:
        """Compare lists of values: how many, their types, their elements."""
        if len(found) != len(expected):
            raise self.error(f"{what}: {len(found)} results for {len(expected)}", blame)
        for i, (x, y) in enumerate(zip(found, expected, strict=True)):
            self.same_value(x, y, f"{what}, result {i}" if len(found) > 1 else what, blame, types=types, tolerance=tolerance)

    def same_value(
        self, x: Any, y: Any, what: str, blame: str = "", *, types: bool = True, tolerance: float | None = None
    ) -> None:
        if is_no_value(x) and is_no_value(y):
            return
        if types and typeof(x) != typeof(y) and not (type(y) is complex and type(x) is np.complex128):  # Python's 1j * float64
            raise self.error(f"{what}: the type is {typeof(x)}, and should be {typeof(y)}", blame)
        wrong = disagreement(x, y, self.tolerance([x, y]) if tolerance is None else tolerance)
        if wrong is not None:
            raise self.error(f"{what}: {wrong}", blame)

    def pairing(self, cts: Any, outs: Any, found: Any, ins: Any, what: str, blame: str = "", real: bool = True) -> None:
        """What transposition is: ``Re⟨ct, A t⟩ = Re⟨Aᵀ ct, t⟩``."""
        (expected, size), (value, other) = inner(cts, outs, real), inner(found, ins, real)
        wrong = disagreement(value, expected, 10 * self.tolerance([*outs, *ins]) * max(1.0, size, other))
        if wrong is not None:
            law = "Re⟨ct, A t⟩ = Re⟨Aᵀ ct, t⟩" if real else "⟨ct, A t⟩ = ⟨Aᵀ ct, t⟩ (complex pairing)"
            detail = "".join(f"\n  Aᵀct[{i}] = {brief(ct)}" for i, ct in enumerate(found) if ct is not None)
            raise self.error(f"{what}: {law} does not hold: {expected} ≠ {value}{detail}", blame)

    def cotangents_fit(self, found: Sequence[Any], places: Sequence[int], blame: str = "") -> None:
        """Cotangents are of the types of the arguments at these places."""
        for i, ct in zip(places, found, strict=True):
            wanted = typeof(self.inputs[i]).tangent()
            if (typeof(ct).shape, typeof(ct).dtype) != (wanted.shape, wanted.dtype):
                raise self.error(f"the cotangent of argument {i} is of type {typeof(ct)} for {typeof(self.inputs[i])}", blame)

    # --- directions ---

    def tangents(self, places: Sequence[int] | None = None) -> list[Any]:
        """A direction in which the arguments at these places move; by default all."""
        return [random_like(self.rng, x) if places is None or i in places else None for i, x in enumerate(self.inputs)]

    def cotangents(self) -> list[Any]:
        return [random_like(self.rng, o) for o in self.outs]

    # --- batches ---

    def varied(self, x: Any) -> Any:
        """Another argument of the same kind: numbers a little different, integers and booleans shuffled."""
        x = np.asarray(x)
        if x.dtype.kind in "fc":
            return (x * (1 + 0.02 * self.rng.uniform(-1, 1, x.shape))).astype(x.dtype)
        return self.rng.permuted(x) if x.ndim else x

    def batch(self, axes: Sequence[int | None], size: int) -> list[Any]:
        """Arguments of which some are batches of variations, along these axes; the first example is the point itself."""
        return [
            x if axis is None else np.stack([np.asarray(x), *(self.varied(x) for _ in range(size - 1))], axis=axis)
            for x, axis in zip(self.inputs, axes, strict=True)
        ]

    def loop(self, args: Sequence[Any], axes: Sequence[int | None], size: int) -> list[Any]:
        """What ``vmap`` must give: the results for one example after the other, stacked."""
        rows = [self.f(*example(args, axes, i)) for i in range(size)]
        return [np.stack([np.asarray(o) for o in column]) for column in zip(*rows, strict=True)]

    # --- programs ---

    def examine(self, f: Function, args: Sequence[Any], what: str) -> None:
        """Stage a function, and see that its program means the same before and after everything that is done to programs."""
        with self.doing(what, "impl"):
            expected = f(*args)
        with self.doing(f"make_jaxpr of {what}", "abstract"):
            jaxpr = make_jaxpr(f)(*args)
        self.examine_program(jaxpr, what)
        with self.doing(f"evaluating the program of {what}", "impl"):
            results = self.typed_evaluation(jaxpr, args, what)
            cleaned = eval_jaxpr(clean(jaxpr), *args)
        self.same(results, expected, f"the program of {what} against eager evaluation", "abstract")
        self.same(cleaned, expected, f"the cleaned program of {what} against eager evaluation", "abstract")
        with self.doing(f"jit of {what}", "impl"):
            compiled = jit(f)(*args)
        self.same(compiled, expected, f"jit of {what} against eager evaluation", "abstract")

    def typed_evaluation(self, jaxpr: Jaxpr, args: Sequence[Any], what: str) -> list[Any]:
        """The outputs of a program, in which every value is seen to be of the type that the program declares."""

        def apply(eqn: Equation, values: list[Any]) -> Any:
            outs = eqn.primitive.bind(*values, **eqn.params)
            for var, out in zip(eqn.outputs, outs if eqn.primitive.multiple_results else [outs], strict=True):
                if typeof(out) != var.aval:
                    text = f"in the program of {what}, {eqn.primitive} returns {typeof(out)} for {var.aval}:\n{jaxpr}"
                    raise self.error(text, "abstract")
            return outs

        return run_equations(jaxpr, args, apply)

    def examine_program(self, jaxpr: Jaxpr, what: str) -> None:
        """A program checks (linearity included, where it is marked), and equals what is read back from its text."""
        with self.doing(f"checking the program of {what}", "abstract"):
            check(jaxpr)
        with self.doing(f"cleaning the program of {what}", "abstract"):
            cleaned = clean(jaxpr)
            check(cleaned)
        for program, name in ((jaxpr, "program"), (cleaned, "cleaned program")):
            with self.doing(f"printing and parsing the {name} of {what}", "impl"):
                text = str(program)
                if "=<" in text:  # it holds Python functions, the rules of a custom function, which no text can give back
                    continue
                parsed = parse(text, consts=program.consts.values())
            if parsed != program:
                text = f"the {name} of {what} is another one after printing and parsing:\n{text}\n{parsed}"
                raise self.error(text, "abstract")


def is_no_value(x: Any) -> bool:
    """Whether this is a tangent or cotangent of an integer."""
    return x is None or bool(typeof(x).dtype == float0)


def example(args: Sequence[Any], axes: Sequence[int | None], i: int) -> list[Any]:
    """The arguments of one example of a batch."""
    return [a if axis is None else np.take(a, i, axis=axis) for a, axis in zip(args, axes, strict=True)]


__all__ = ["Subject"]
