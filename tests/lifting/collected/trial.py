"""One function of another package under every transformation, each result against plain NumPy and differences of it.

Differences are central, at steps a factor of ten apart; the pair that agrees best is believed, as far as it agrees.  Where no
pair agrees to a hundredth (kinks, noise of iterations) the derivative counts as not checked, never as right.
"""

from __future__ import annotations

import re
import signal
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import covector as cv

from .package import NAMES, Package

CHECKS = ("value", "jvp", "vjp", "vmap", "jit", "vmap(grad)", "jit(grad)", "hvp", "after")
STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
MOST_COORDINATES = 24
EPS = np.finfo(float).eps


class TooLong(BaseException):
    """The time limit, as nothing that ``except Exception`` in a package would catch."""


class Wrong(Exception):
    """A number that is not what NumPy, or differences, say."""


class NotANumber(Exception):
    """A NaN where NumPy, or differences, have a number."""


class NotChecked(Exception):
    """There is nothing to compare with."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooLong(f"more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# --- the function, and its arguments ---------------------------------------------------------------------------------------


def functions_of(package: Package) -> list[Callable[..., Any]]:
    """The calls as functions of a module that looks to everybody like one written in a file."""
    module = types.ModuleType(f"collected_{package.imported}")
    module.__file__ = __file__
    sys.modules[module.__name__] = module
    exec(package.before, module.__dict__)
    return [_function(module, text, len(values)) for text, *values in package.calls]


def _function(module: types.ModuleType, text: str, count: int) -> Callable[..., Any]:
    names = ", ".join(NAMES[:count])
    body = text if re.search(r"\breturn\b", text) else f"return {text}"
    exec(f"def call({names}): {body}", module.__dict__)
    return module.__dict__.pop("call")


def arguments(values: list[Any]) -> tuple[Any, ...]:
    return tuple(np.array(v, float) if isinstance(v, list) else float(v) for v in values)


def numbers(result: Any) -> list[Any]:
    """The floating point leaves of a result."""
    return [x for x in cv.tree.leaves(result) if isinstance(x, (float, complex)) or _kind(x) in ("f", "c")]


def _kind(x: Any) -> str:
    return getattr(getattr(x, "dtype", None), "kind", "")


def vector(leaves: list[Any]) -> np.ndarray:
    """Plain leaves as one real vector."""
    flat = [np.atleast_1d(np.asarray(x)).reshape(-1) for x in leaves]
    return np.concatenate([part for x in flat for part in ((x.real, x.imag) if np.iscomplexobj(x) else (x,))] or [np.zeros(0)])


def moved(args: tuple[Any, ...], directions: tuple[Any, ...], t: float) -> tuple[Any, ...]:
    """args + t directions, always a copy; a number stays a float."""
    return tuple(a + t * d if isinstance(a, np.ndarray) else float(a + t * d) for a, d in zip(args, directions, strict=True))


def scales(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """How far each number may be moved, for a step of one."""
    return tuple(np.maximum(np.abs(a), 0.3 * np.max(np.abs(a), initial=1e-3)) for a in args)


# --- what NumPy says -------------------------------------------------------------------------------------------------------


class Reference:
    """A function on plain arrays, and its differences."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.f, self.args = f, args
        rng = np.random.default_rng(0)
        self.value = self(args)
        if not self.value.size or not np.isfinite(self.value).all():
            raise NotChecked("no finite number in the result")
        self.weights = rng.uniform(0.5, 1.5, self.value.size)
        self.direction = tuple(s * rng.uniform(-1, 1, np.shape(a)) for s, a in zip(scales(args), args, strict=True))
        self.others = self._others()

    def __call__(self, args: tuple[Any, ...]) -> np.ndarray:
        return vector(numbers(self.f(*moved(args, args, 0.0))))

    def loss(self, args: tuple[Any, ...]) -> float:
        return float(self.weights @ self(args))

    def _others(self) -> list[tuple[Any, ...]]:
        """Three points, as far from each other as the function lets them be."""
        for t in (1e-2, 1e-4, 1e-6, 1e-8, 0.0):
            points = [moved(self.args, self.direction, k * t) for k in range(3)]
            try:
                values = [self(p) for p in points]
            except Exception:
                continue
            if all(v.shape == self.value.shape and np.isfinite(v).all() for v in values):
                return points
        raise NotChecked("fails beside its arguments")


def differences(f: Callable[[tuple[Any, ...]], Any], args: tuple[Any, ...], direction: tuple[Any, ...]) -> tuple[Any, Any]:
    """The derivative of f along a direction, and how far to believe it."""
    found, noise = [], []
    for h in STEPS:
        try:
            up, down = f(moved(args, direction, h)), f(moved(args, direction, -h))
            found.append((up - down) / (2 * h))
            noise.append(8 * EPS * np.max(np.abs(up)) / h)
        except Exception:
            found.append(np.nan)
            noise.append(np.nan)
    pairs = [(np.max(np.abs(a - b)) + n, b) for a, b, n in zip(found, found[1:], noise[1:], strict=False)]
    pairs = [(error, d) for error, d in pairs if np.isfinite(error)]
    if not pairs:
        raise NotChecked("no difference is finite")
    error, best = min(pairs, key=lambda pair: pair[0])
    size = max(np.max(np.abs(best)), 1e-12)
    if error > 1e-2 * size and error > 1e-9:
        raise NotChecked(f"differences disagree: {error / size:.1e}")
    return best, 3 * error + 1e-6 * size + 1e-10


def same(found: np.ndarray, expected: np.ndarray, what: str, tolerance: float = 0.0) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Wrong(f"{what}: {found.size} numbers for {expected.size}")
    bound = tolerance + 1e-9 * np.nanmax(np.abs(expected), initial=1e-300)
    bad = ~((np.abs(found - expected) <= bound) | (np.isnan(found) & np.isnan(expected)))
    if bad.any():
        if np.isnan(found[bad]).all() and np.isfinite(expected).all():
            raise NotANumber(f"{what}: {int(bad.sum())} of {bad.size} are NaN")
        i = int(np.argmax(np.where(np.isfinite(found - expected), np.abs(found - expected), np.inf)))
        raise Wrong(f"{what}: {found.flat[i]:.10g} for {expected.flat[i]:.10g} (within {bound:.1e})")


# --- what covector says ----------------------------------------------------------------------------------------------------


class Trial:
    """The checks of one function, as it is or lifted."""

    def __init__(self, reference: Reference, f: Callable[..., Any]) -> None:
        self.of = reference
        self.f = lambda *args: numbers(f(*args))
        self.argnums = tuple(range(len(reference.args)))

    def loss(self, *args: Any) -> Any:
        total, used = 0.0, 0
        for leaf in self.f(*args):
            parts = (np.real(leaf), np.imag(leaf)) if np.dtype(getattr(leaf, "dtype", type(leaf))).kind == "c" else (leaf,)
            for part in parts:
                n = int(np.prod(np.shape(part)))
                total = total + np.sum(part * self.of.weights[used : used + n].reshape(np.shape(part)))
                used += n
        if used != self.of.weights.size:
            raise Wrong(f"a result of {used} numbers for {self.of.weights.size}")
        return total

    def gradient(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        given = moved(args, args, 0.0)
        found = cv.grad(self.loss, self.argnums)(*given)
        same(vector(list(given)), vector(list(args)), "arguments after grad")
        return found

    def value(self) -> None:
        same(vector(self.f(*moved(self.of.args, self.of.args, 0.0))), self.of.value, "value")

    def jvp(self) -> None:
        primals = moved(self.of.args, self.of.args, 0.0)
        tangents = moved(self.of.direction, self.of.direction, 0.0)
        values, derivatives = cv.jvp(self.f, primals, tangents)
        same(vector(values), self.of.value, "value in jvp")
        same(vector(list(primals)), vector(list(self.of.args)), "arguments after jvp")
        expected, tolerance = differences(self.of, self.of.args, self.of.direction)
        same(vector(derivatives), expected, "jvp", tolerance)

    def vjp(self) -> None:
        gradient = self.gradient(self.of.args)
        expected, tolerance = differences(self.of.loss, self.of.args, self.of.direction)
        along = sum(float(np.sum(g * d)) for g, d in zip(gradient, self.of.direction, strict=True))
        same(along, expected, "vjp along a direction", tolerance)
        self._coordinates(gradient)

    def _coordinates(self, gradient: tuple[Any, ...]) -> None:
        rng = np.random.default_rng(1)
        places = [(k, i) for k, a in enumerate(self.of.args) for i in np.ndindex(np.shape(a))]
        for k, i in (places[j] for j in rng.permutation(len(places))[:MOST_COORDINATES]):
            unit = [np.zeros(np.shape(a)) for a in self.of.args]
            unit[k][i] = np.asarray(scales(self.of.args)[k])[i]
            try:
                expected, tolerance = differences(self.of.loss, self.of.args, tuple(unit))
            except NotChecked:
                continue
            same(np.asarray(gradient[k])[i] * unit[k][i], expected, f"vjp of argument {k} at {i}", tolerance)

    def _batch(self) -> tuple[Any, ...]:
        return tuple(np.stack([np.asarray(p[k]) for p in self.of.others]) for k in self.argnums)

    def vmap(self, **options: Any) -> None:
        results = cv.vmap(self.f, **options)(*self._batch())
        for b, point in enumerate(self.of.others):
            same(vector([np.asarray(x)[b] for x in results]), self.of(point), f"vmap, row {b}", 1e-12)

    def jit(self) -> None:
        f = cv.jit(self.f)
        for point in self.of.others:
            same(vector(f(*moved(point, point, 0.0))), self.of(point), "jit", 1e-12)

    def vmap_grad(self) -> None:
        results = cv.vmap(cv.grad(self.loss, self.argnums))(*self._batch())
        for b, point in enumerate(self.of.others):
            same(vector([np.asarray(x)[b] for x in results]), vector(list(self.gradient(point))), f"vmap(grad), row {b}", 1e-12)

    def jit_grad(self) -> None:
        f = cv.jit(cv.grad(self.loss, self.argnums))
        for point in self.of.others:
            same(vector(list(f(*moved(point, point, 0.0)))), vector(list(self.gradient(point))), "jit(grad)", 1e-12)

    def hvp(self) -> None:
        primals = moved(self.of.args, self.of.args, 0.0)
        tangents = moved(self.of.direction, self.of.direction, 0.0)
        _, found = cv.jvp(cv.grad(self.loss, self.argnums), primals, tangents)
        gradient = lambda args: vector(list(self.gradient(args)))
        expected, tolerance = differences(gradient, self.of.args, self.of.direction)
        same(vector(list(found)), expected, "hvp", tolerance)

    def after(self) -> None:
        """A call that was traced leaves nothing behind, in a cache say."""
        same(self.of(self.of.args), self.of.value, "value afterwards")


# --- what happened ---------------------------------------------------------------------------------------------------------


def where(error: BaseException) -> str:
    """The innermost line that is neither covector's nor this file's."""
    own = (cv.__path__[0], __file__)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(own)]
    if not frames:
        return ""
    place = re.sub(r"^.*(site-packages|lib/python3\.\d+)/", "", frames[-1].filename)
    return f"{place}:{frames[-1].lineno}: {frames[-1].line}"


def outcome(check: Callable[[], None], seconds: float) -> dict[str, str]:
    """What a check came to: ok, wrong, not checked, or the class, message and place of an error."""
    try:
        with at_most(seconds), warnings.catch_warnings(record=True) as heard, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            check()
    except Wrong as error:
        return {"is": "wrong", "message": str(error)}
    except NotANumber as error:
        said = {str(w.message)[:200] for w in heard if "covector" in str(w.filename) + str(w.message)}
        return {"is": "nan", "message": f"{error}; warnings: {sorted(said)}"}
    except NotChecked as error:
        return {"is": "not checked", "message": str(error)}
    except TooLong as error:
        return {"is": "error", "class": "TooLong", "message": str(error), "where": ""}
    except RecursionError:
        return {"is": "error", "class": "RecursionError", "message": "", "where": ""}
    except Exception as error:
        return {"is": "error", "class": type(error).__name__, "message": str(error)[:2000], "where": where(error)}
    return {"is": "ok"}


def reference_of(f: Callable[..., Any], values: list[Any], seconds: float) -> tuple[Reference | None, dict[str, str]]:
    made: list[Reference] = []
    found = outcome(lambda: made.append(Reference(f, arguments(values))), seconds)
    return (made[0] if made else None), found


def all_checks(reference: Reference, f: Callable[..., Any], seconds: float) -> dict[str, dict[str, str]]:
    trial = Trial(reference, f)
    results: dict[str, dict[str, str]] = {}
    for name in CHECKS:
        results[name] = outcome(getattr(trial, name.replace("(", "_").replace(")", "")), seconds)
    if results["vmap"]["is"] == "error":
        results["split"] = outcome(lambda: trial.vmap(branches="split"), seconds)
    return results
