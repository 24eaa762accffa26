"""What NumPy says of a program: its value, and by seven points on a line its first and second derivative along it.

Where differences of two orders do not agree there is a kink, or a jump: nothing is said of the derivative.
"""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from statements import HELPERS, IN_COVECTOR, Meaningless, namespace, strict_memory

LAYOUTS = {
    "C": "{a}",
    "F": "np.asfortranarray({a})",
    "sliced": "np.repeat({a}, 2, axis=-1)[..., ::2]",
    "rows": "np.repeat({a}, 2, axis=0)[1::2]",
    "reversed": "{a}[..., ::-1].copy()[..., ::-1]",
    "swapped": "np.swapaxes({a}, 0, -1).copy().swapaxes(0, -1)",
    "turned": "np.moveaxis(np.moveaxis({a}, -2 % {a}.ndim, 0).copy(), 0, -2 % {a}.ndim)",
    "broadcast": "np.broadcast_to({a}[:1], {shape})",
}
_real = {"np": np}  # NumPy itself, whatever is bound to the name while functions are lifted
_layouts = {name: eval("lambda a: " + text.format(a="a", shape="a.shape"), _real) for name, text in LAYOUTS.items()}


def lay_out(a: np.ndarray, layout: str) -> np.ndarray:
    return _layouts[layout](a)


@dataclass(frozen=True)
class Input:
    """An argument: its numbers, how they lie in memory, and whether it is traced, or plain, or outside of the function."""

    name: str
    values: np.ndarray
    layout: str
    role: str

    def at(self, values: np.ndarray) -> np.ndarray:
        return lay_out(np.array(values), self.layout)

    def text(self) -> str:
        a = f"np.array({self.values.tolist()}, {str(self.values.dtype)!r})"
        return f"{self.name} = " + LAYOUTS[self.layout].format(a=a, shape=self.values.shape)


def name_of(part: str) -> str:
    found = re.search(r"(?:def|class) (\w+)|^(\w+) =", part)
    assert found is not None
    return found[1] or found[2]


@dataclass(frozen=True)
class Program:
    seed: int
    inputs: tuple[Input, ...]
    lines: tuple[str, ...]
    returned: tuple[str, ...]

    @property
    def source(self) -> str:
        names = ", ".join(i.name for i in self.arguments)
        last = f"return {', '.join(self.returned)}" + "," * (len(self.returned) == 1)
        body = "\n".join([*self.lines, last])
        return f"def program({names}):\n" + "\n".join("    " + line for line in body.split("\n")) + "\n"

    def script(self) -> str:
        """The program as code that runs by itself."""
        helpers = (HELPERS + IN_COVECTOR).replace("\n\n\n", "\n\n").strip().split("\n\n")
        parts = [part for part in helpers if re.search(rf"\b{name_of(part)}\(", self.source)]
        box = ["from types import SimpleNamespace as Box"] if "Box(" in self.source else []
        box += [f"import {name}" for name in ("math", "operator") if f"{name}." in self.source]
        box += ["import covector as cv"] * any("cv." in part for part in parts)
        inputs = [i.text() + f"  # {i.role}" for i in self.inputs]
        return "\n".join(["import numpy as np", *box, *parts, self.source + "", *inputs])

    @property
    def arguments(self) -> tuple[Input, ...]:
        return tuple(i for i in self.inputs if i.role != "global")

    @property
    def traced(self) -> tuple[Input, ...]:
        return tuple(i for i in self.inputs if i.role == "traced")

    @property
    def active(self) -> tuple[Input, ...]:
        return tuple(i for i in self.traced if i.values.dtype.kind in "fc")

    def is_low(self) -> bool:
        """Whether numbers of single precision may occur."""
        single = ("float32", "complex64")
        return any(s in self.source for s in single) or any(str(i.values.dtype) in single for i in self.inputs)


def draw_values(r: Random, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of two digits, no two the same."""
    n = int(np.prod(shape))
    numbers = np.round(np.array(r.sample(range(-200, 200), 2 * n)) / 100 + 0.003, 3)
    if dtype == "bool":
        return (numbers[:n] > 0).reshape(shape)
    if dtype == "int64":
        return np.array([r.randrange(-2, 2) for _ in range(n)], int).reshape(shape)
    return (numbers[:n] + (1j * numbers[n:] if dtype.startswith("complex") else 0)).astype(dtype).reshape(shape)


PLAIN = namespace()
MODULE = types.ModuleType("lifted_programs")
MODULE.__file__ = __file__
sys.modules["lifted_programs"] = MODULE
namespace(vars(MODULE), IN_COVECTOR)

STEPS = (-3, -2, -1, 0, 1, 2, 3)
Values = dict[str, np.ndarray]


STAIRS = re.compile("round|//|%|int|divmod|fix|bool")


class Undetermined(Exception):
    """NumPy does not say what the derivative is."""


class Oracle:
    """The program as NumPy runs it, at points on a line and at another point."""

    def __init__(self, program: Program):
        self.program = program
        self.code = compile(program.source, f"<program {program.seed}>", "exec")
        r = Random(program.seed + 1)
        self.here = {i.name: i.values for i in program.inputs}
        self.there = self.here | {i.name: draw_values(r, i.values.shape, str(i.values.dtype)) for i in program.traced}
        self.tangents = {i.name: self.tangent(r, i) for i in program.active}
        self.expected = self.run(self.here)
        if "empty" in program.source and not same_results(self.expected, self.run(self.here)):
            self.expected = Meaningless()
        if "writeable" in program.source and any(i.layout == "broadcast" for i in program.inputs):
            self.expected = Meaningless()  # under a transformation all arguments may be written
        dtypes = [] if isinstance(self.expected, Exception) else [str(o.dtype) for o in self.expected]
        self.low = program.is_low() or not {"float16", "float32", "complex64"}.isdisjoint(dtypes)
        self.weights = [] if isinstance(self.expected, Exception) else [self.weight(r, o) for o in self.expected]
        self._line: Any = None

    @staticmethod
    def tangent(r: Random, i: Input) -> np.ndarray:
        t = draw_values(r, i.values.shape, str(i.values.dtype)) / 2
        return lay_out(t, i.layout) if i.layout == "broadcast" else t

    @staticmethod
    def weight(r: Random, o: np.ndarray) -> np.ndarray:
        w = np.array([r.uniform(0.5, 1.5) * r.choice((-1, 1)) for _ in range(2 * o.size)])
        w = w[: o.size] + 1j * w[o.size :] if o.dtype.kind == "c" else w[: o.size]
        return w.reshape(o.shape).astype(o.dtype if o.dtype.kind in "fc" else float)

    def run(self, values: Values, arguments: dict[str, np.ndarray] | None = None) -> list[np.ndarray] | Exception:
        """Copies of what the program returns, or what it raises."""
        exec(self.code, PLAIN)
        arrays = {i.name: i.at(values[i.name]) for i in self.program.inputs}
        PLAIN.update({i.name: arrays[i.name] for i in self.program.inputs if i.role == "global"})
        try:
            with strict_memory():
                out = PLAIN["program"](*(arrays[i.name] for i in self.program.arguments))
        except Exception as error:
            return error
        if arguments is not None:
            arguments.update(arrays)
        return [np.array(o) for o in out]

    def line(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The first and the second derivative of each result along the tangents."""
        if self._line is None:
            steps = (0.05, 0.015) if self.low else (0.01, 4e-4)
            stairs = bool(STAIRS.search(self.program.source))
            if (stairs and self.low) or self.overflows():
                self._line = ()
                raise Undetermined
            found: list[Any] = []
            for h in steps:
                if not found or stairs:
                    found += filter(None, [self.differences(h)])
            self._line = found[0] if found and (not stairs or self.agree(found, len(steps))) else ()
        if not self._line:
            raise Undetermined
        return self._line

    def overflows(self) -> bool:
        """Whether numbers become infinite or NaN on the way: derivatives may be NaN then, also where they are not used."""
        with np.errstate(all="raise", under="ignore"):
            return isinstance(self.run(self.here), FloatingPointError)

    def agree(self, found: list[Any], count: int) -> bool:
        """Whether steps of all sizes say the same: what is cut to integers goes up by stairs, on which some look straight."""
        return len(found) == count and all(close(a, b, 1e-5) for a, b in zip(found[0][0], found[-1][0], strict=True))

    def differences(self, h: float) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
        points = []
        for k in STEPS:
            at = self.here | {n: (self.here[n] + h * k * t).astype(t.dtype) for n, t in self.tangents.items()}
            points.append(self.run(at) if k else self.expected)
        if any(isinstance(p, Exception) for p in points):
            return None
        first, second = [], []
        accuracy = 3e-4 if self.low else 1e-6
        for column in zip(*points, strict=True):
            if len({(o.shape, o.dtype) for o in column}) > 1:
                return None
            if column[0].dtype.kind not in "fc":
                if any(np.any(o != column[0]) for o in column):
                    return None
                first.append(np.zeros(column[0].shape))
                second.append(np.zeros(column[0].shape))
                continue
            a3, a2, a1, f, b1, b2, b3 = (o.astype(np.result_type(o.dtype, float)) for o in column)
            d4 = (8 * (b1 - a1) - (b2 - a2)) / (12 * h)
            d6 = (45 * (b1 - a1) - 9 * (b2 - a2) + (b3 - a3)) / (60 * h)
            s4 = (-(b2 + a2) + 16 * (b1 + a1) - 30 * f) / (12 * h * h)
            s6 = (2 * (b3 + a3) - 27 * (b2 + a2) + 270 * (b1 + a1) - 490 * f) / (180 * h * h)
            if not (np.all(np.isfinite(f)) and close(d6, d4, accuracy) and close(h * s6, h * s4, accuracy)):
                return None
            first.append(d6)
            second.append(s6)
        return first, second

    def loss(self, parts: list[np.ndarray]) -> float:
        return float(sum(np.sum(np.real(w * p)) for w, p in zip(self.weights, parts, strict=True)))


def same_results(a: Any, b: Any) -> bool:
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b)
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc") for x, y in zip(a, b, strict=True))


def close(a: Any, b: Any, accuracy: float) -> bool:
    scale = accuracy * (1.0 + np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.abs(a - b) <= scale))
