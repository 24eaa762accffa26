"""Statements of random programs: each is tried on plain arrays as it is written, so that most programs run.

A `Writer` holds the variables that the lines so far have made.  A statement is a function of the writer that returns text;
`KINDS` are all of them with their weights.  What is read and written is chosen by looking at the arrays that are there now.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from views import views_of

import covector as cv

HELPERS = '''
def scale(u, k=0.5):
    u *= k
    return u

def store(u, v):
    u[...] = v

def bump(u, i=0, k=1.0):
    u[i] += k
    return u[i]

def shift(u):
    u[1:] = u[:-1]
    return u[::-1]

def normalise(u):
    u /= np.sqrt(1.0 + np.sum(abs(u) ** 2))
    return u

def exchange(u, i, j):
    u[i], u[j] = u[j].copy(), u[i].copy()

def smooth(u, steps=2):
    for _ in range(steps):
        u[1:-1] = 0.5 * (u[:-2] + u[2:])
    return u

def prefix(u):
    v = np.zeros_like(u)
    for i in range(len(u)):
        v[i] = u[i] + (v[i - 1] if i else 0)
    return v

class State:
    def __init__(self, u):
        self.u, self.total = u, np.zeros(u.shape)
    def step(self, k=0.5):
        self.total += self.u.real
        self.u *= k
        return self.total
'''

# What a program calls by name: by itself in NumPy, and with covector's transformations inside of lifted code.
IN_NUMPY = """
def compiled(u):
    return np.tanh(u) * 2.0

def derived(u):
    return np.sin(2.0 * u)

def pushed(u):
    return np.cos(u) * u

def mapped(u):
    return np.stack([r * np.sum(r) for r in u])

def scanned(u):
    return np.ascontiguousarray(np.stack([r * np.sum(u[:i], axis=0) for i, r in enumerate(u)]))

def chosen(u):
    return np.sin(u) if np.sum(u) > 0 else np.cos(u)

def in_place(u):
    return np.concatenate([8.0 * np.sin(2.0 * u[:1]), 2.0 * np.sin(2.0 * u[1:])])

def looped(u):
    return u * 8.0

def numpys(error):
    pass
"""
IN_COVECTOR = """
compiled = cv.jit(lambda u: np.tanh(u) * 2.0)

derived = cv.grad(lambda u: np.sum(np.sin(u) ** 2))

pushed = lambda u: cv.jvp(np.sin, (u,), (u,))[1]

mapped = cv.vmap(lambda r: r * np.sum(r))

scanned = lambda u: cv.lax.scan(lambda c, r: (c + r, r * c), np.zeros(u.shape[1:]), u)[1]

chosen = lambda u: cv.lax.cond(np.sum(u) > 0, np.sin, np.cos, u)

@cv.grad
def in_place(u):
    v = np.zeros(u.shape)
    v[...] = np.sin(u)
    v[0] *= 2.0
    return 2.0 * np.sum(v * v)

looped = lambda u: cv.lax.fori_loop(0, 3, lambda i, c: c * 2.0, u)

def numpys(error):
    if isinstance(error, cv.errors.CovectorError):
        raise error
"""
INNER = ("compiled", "derived", "pushed", "mapped", "scanned", "chosen", "in_place", "looped")
LIMIT = 200.0  # of absolute values, so that rounding stays small


def table(texts: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts.split(";"))


UNARY = table("""
    np.sin({}); np.cos({}); np.tanh({}); 0.5 * {}; -{}; 1.0 - {}; {} * {}; {} + 1; np.exp(-({}) ** 2); {} / 2;
    np.sqrt(1.0 + {} * {}); ({}) ** 2; abs({}); np.real({}); np.conj({}); {}.conj(); np.negative({}); +{}
""")
BINARY = table("""
    {} + {}; {} - {}; {} * {}; {} / (2.0 + np.cos({})); np.multiply({}, {}); np.add({}, {}); np.subtract({}, {});
    np.where({0} > {1}, {0}, {1}); np.maximum({}, {}); np.minimum({}, {}); np.hypot({}, {}); np.where({} > 0.25, 0.5, {})
""")
COPIES = table("""
    {}.copy(); {}.copy('F'); {}.copy(order='K'); np.copy({}); np.array({}); np.array({}, order='F'); {} + 0; 1.0 * {};
    {}.flatten(); {}.flatten('F'); {}.astype(float); {}.astype(complex); {}.astype(np.float32); {}.astype(int); {}[[0, -1]];
    {}[:, [0, 0]]; np.take({}, [1, 0], axis=0); np.take({}, [0, 1, 0]); np.repeat({}, 2); np.tile({}, 2); np.roll({}, 1);
    np.take({0}, [0, np.argmax({0})]); {0}[[-1, np.argmin({0}) % len({0})]]; np.roll({0}, np.argmax({0}));
    np.sort({}); np.cumsum({}); np.cumsum({}, axis=0); np.concatenate([{0}, {0}]); np.stack([{0}, {0}], axis=-1); np.diff({});
    np.tril({}); np.diag({}); {0} @ {0}.T; np.outer({}, [1.0, 2.0]); np.sum({}, axis=0); {}.sum(axis=-1, keepdims=True);
    {}.mean(0);
    {}.max(axis=-1); np.pad({}, 1); np.append({}, 1.0); np.delete({}, 0, 0); np.insert({}, 1, 2.0, axis=0);
    np.vstack([{0}, {0}]); np.hstack([{0}, {0}[:1]]); np.where({0} > 0, {0}, 0.0); {0}[{0} > 0];
    np.argsort({}); {} > 0; np.clip({}, -0.5, 0.5);
    np.round({}, 1); np.ones(2) * {}; np.nan_to_num({}); np.array({}.tolist());
    np.array(list({})); np.r_[{}, 0.0];
    np.c_[{0}, {0}]; np.kron({}, [1.0, -1.0]); {}.round(1); np.cross({}, [0.0, 1.0, 0.0]); np.trapezoid({});
    np.ravel({}).copy();
    np.linalg.inv({} + 9 * np.eye(len({}))); np.interp({}, [-1.0, 0.0, 2.0], [0.0, 1.0, 0.5]); np.prod({});
    np.compress([True, False], {}, axis=0); np.choose([0, 1, 0], [{0}, -{0}]); np.apply_along_axis(np.cumsum, 0, {});
    np.ptp({}, 0); np.select([{0} > 0, {0} < -1], [{0}, 2 * {0}], 0.5);
    np.piecewise({0}, [{0} < 0, {0} >= 0], [lambda u: -u, lambda u: u * u]);
    np.vectorize(lambda u: u * u)({}); np.linalg.norm({}); np.convolve({}, [1.0, 2.0]); np.trace({}); np.gradient({});
    np.median({})
""")
ELEMENTS = table("""
    {a}[{i}]; {a}[{i}]; {a}[{i}]; {a}.item({f}); {a}.flat[{f}]; 0.5 * {a}[{i}]; np.sin({a}[{i}]); math.sin({a}[{i}]);
    math.exp(-abs({a}[{i}]))
""")
SLICES = (":", "1:", ":-1", "::-1", "::2", ":2", "-2:", "0", "-1", "1")
AUGMENTED = ("+=", "-=", "*=", "/=", "**=", "//=", "%=", "@=", "&=", "|=", "^=", "<<=", ">>=")
RARE = ("trim", "windows", "view", "meshgrid", "as_strided")  # what is refused more often than not
UFUNCS = ("add", "subtract", "multiply", "maximum", "minimum", "divide", "power")
Statement = Callable[["Writer"], "str | None"]
KINDS: dict[Statement, float] = {}


def statement(weight: float) -> Callable[[Statement], Statement]:
    return lambda make: KINDS.setdefault(make, weight) and make


class Writer:
    """Lines, and the variables that they have made; ``r`` chooses."""

    def __init__(self, r: random.Random, inputs: dict[str, Callable[[], np.ndarray]]):
        self.r, self.inputs = r, inputs
        self.lines: list[str] = []
        self.names = list(inputs)  # expressions that are arrays, the latest last
        self.other: list[str] = []  # lists, dictionaries and the like
        self.scope = self.start()

    def start(self) -> dict[str, Any]:
        return namespace() | {name: make() for name, make in self.inputs.items()}

    def run(self, text: str) -> Exception | None:
        try:
            exec(text, self.scope)
        except Exception as error:
            return error
        return None

    def add(self, text: str) -> Exception | None:
        """The error that NumPy raises for the text, or None if it is now part of the program."""
        error = self.run(text)
        if error is None and not self.is_sane():
            error = OverflowError()
        if error is None:
            self.lines.append(text)
        else:
            self.scope = self.start()
            for line in self.lines:
                self.run(line)
            self.names = [n for n in self.names if self.array(n) is not None]
        return error

    def is_sane(self) -> bool:
        for name in self.names:
            a = self.array(name)
            if a is None or a.size > 40 or a.ndim > 4:
                return False
            if a.size and a.dtype.kind in "fci" and not (abs(a).max() < LIMIT and abs(a).min() >= 0):
                return False
        return True

    def array(self, text: str) -> np.ndarray | None:
        try:
            found = eval(text, self.scope)
        except Exception:
            return None
        return found if type(found) is np.ndarray else None

    def value_of(self, text: str) -> Any:
        try:
            return eval(text, self.scope)
        except Exception:
            return None

    def new(self) -> str:
        for n in "abcdefghklmpqstuvw":
            if n not in self.scope:
                return n
        return f"n{len(self.lines)}"

    # what is there
    def pick(self, wanted: Callable[[np.ndarray], bool] = lambda a: True) -> tuple[str, np.ndarray] | None:
        """An expression that is a wanted array: rather a late one."""
        for _ in range(6):
            i = max(self.r.randrange(len(self.names)), self.r.randrange(len(self.names)))
            a = self.array(self.names[i])
            if a is not None and wanted(a):
                return self.names[i], a
        return None

    def view(self, text: str, a: np.ndarray) -> tuple[str, np.ndarray]:
        """A view of an array, or the array itself."""
        if a.dtype.kind not in "fcibu":
            return text, a
        families = views_of(a.shape, a.dtype.kind)
        name = self.r.choice([*families])
        if name in RARE and self.r.random() < 0.9:
            return text, a
        new = self.r.choice(families[name]).format(a=text)
        found = self.array(new)
        return (text, a) if found is None or found.size > 40 else (new, found)

    def any_view(self, wanted: Callable[[np.ndarray], bool] = lambda a: True) -> tuple[str, np.ndarray] | None:
        for _ in range(5):
            found = self.pick()
            for _ in range(self.r.choice((0, 1, 1, 2, 3))):
                found = found and self.view(*found)
            if found and wanted(found[1]):
                return found
        return None

    def target(self, wanted: Callable[[np.ndarray], bool] = lambda a: True) -> tuple[str, np.ndarray] | None:
        """What may be written: an array or a view of one, by chance one that NumPy does not let be written."""
        strict = self.r.random() > 0.02
        find = self.pick if self.r.random() < 0.6 else self.any_view
        return find(lambda a: (a.flags.writeable or not strict) and wanted(a))

    # what is read
    def number(self) -> str:
        return self.r.choice(("0.5", "-1.5", "2", "0.0", "1", "0.25", "-1", "3.0"))

    def scalar(self) -> str:
        """A number, rather one that is traced."""
        found = self.pick(lambda a: a.size > 0)
        if found is None or self.r.random() < 0.2:
            return self.number()
        text, a = found
        if self.r.random() < 0.3:
            return self.r.choice(("{}.sum()", "np.mean({})", "{}.max()", "np.sum({0} * {0})", "{}.min()")).format(text)
        if not a.ndim:
            return text
        index = self.element(a)
        return self.r.choice(ELEMENTS).format(a=text, i=index, f=self.r.randrange(a.size))

    def element(self, a: np.ndarray) -> str:
        return ", ".join(str(self.r.randrange(-n, n)) if n else "0" for n in a.shape) or "()"

    def fitting(self, shape: tuple[int, ...]) -> str:
        """What broadcasts to a shape, rather an array or a view of one."""
        for _ in range(4):
            found = self.any_view(lambda a: a.ndim <= len(shape) and a.size > 0)
            if found is not None and (found[1].shape == shape or self.broadcasts(found[1].shape, shape)):
                return found[0]
        if len(shape) == 1 and 0 < shape[0] < 4 and self.r.random() < 0.5:
            row = ", ".join(self.scalar() for _ in range(shape[0]))
            return self.r.choice((f"[{row}]", f"np.array([{row}])", f"({row},)"))
        if self.r.random() < 0.5 and (found := self.pick(lambda a: a.size > 0)):
            return f"np.resize({found[0]}, {shape})"
        return self.scalar()

    @staticmethod
    def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
        return all(m in (1, n) for m, n in zip(shape[::-1], to[::-1], strict=False))

    def value(self, shape: tuple[int, ...]) -> str:
        how = self.r.random()
        if how < 0.2:
            return self.scalar()
        first = self.fitting(shape)
        if how < 0.45 or first[0] in "[(":
            return first
        if how < 0.7:
            return self.r.choice(UNARY).replace("{}", first)
        return self.r.choice(BINARY).format(first, self.fitting(shape)) if how < 0.95 else f"np.broadcast_to({first}, {shape})"

    def mask(self, text: str, a: np.ndarray) -> str:
        plain = repr(np.array([self.r.random() < 0.5 for _ in range(a.size)]).reshape(a.shape).tolist())
        return self.r.choice((f"{text} > 0", f"np.abs({text}) < 1", f"np.array({plain}, bool)", f"np.array({plain}, bool)"))

    def key(self, text: str, a: np.ndarray) -> str:
        """An index of an array as it is written between brackets."""
        r = self.r
        kind = r.random()
        if kind < 0.3 or not a.ndim:
            return self.element(a)
        if kind < 0.4:
            return r.choice((":", "..."))
        if kind < 0.7:
            parts = [r.choice(SLICES) for _ in range(r.randint(1, a.ndim))]
            if r.random() < 0.2:
                parts.insert(r.randint(0, len(parts)), r.choice(("...", "None")))
            return ", ".join(parts)
        if kind < 0.8:
            return self.mask(text, a)
        if kind < 0.85:
            found = ("np.argmax({a}) % {n}", "np.nonzero({a} > 0)", "np.where({a} < 0.5)", "np.argsort({a}, axis=0)[0]")
            return r.choice(found).format(a=text, n=len(a))
        n = a.shape[0]
        whole = self.pick(lambda k: k.dtype.kind == "i" and k.ndim == 1 and k.size > 0 and bool(np.all(abs(k) < n)))
        some = [r.randrange(-n, n) for _ in range(r.randint(1, 3))] if n else []
        if r.random() < 0.7:
            some = r.sample(range(n), min(n, len(some)))
        plain = r.choice((f"{some}", f"np.array({some}, int)"))
        if a.ndim > 1 and r.random() < 0.5:
            other = [r.randrange(a.shape[1]) for _ in some] if a.shape[1] else []
            keys = ("{0}, {1}", "np.ix_({0}, {1})", ":, {1}", "{0}, 0", "1:, {1}", "..., {1}")
            return r.choice(keys).format(some, other)
        return whole[0] if whole and r.random() < 0.5 else plain


_helpers = compile(HELPERS, "<helpers>", "exec")


class Meaningless(Exception):
    """What nobody says: memory beyond the array's, or that was not written before it is read."""


# In dictionaries, where nothing else is bound to them while functions are lifted.
_modules = {"np": np, "math": math, "operator": operator, "cv": cv}
_real = {"empty": np.empty, "empty_like": np.empty_like, "einsum": np.einsum, "as_strided": np.lib.stride_tricks.as_strided}
_rubbish = random.Random(0)


def _within(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    low, high = np.lib.array_utils.byte_bounds(x.base if type(x.base) is np.ndarray else x)
    found = _real["as_strided"](x, shape, strides, **options)
    first, last = np.lib.array_utils.byte_bounds(found)
    if found.size and not low <= first <= last <= high:
        raise Meaningless
    return found


def _of_something(*operands: Any, **options: Any) -> Any:
    """``einsum('ii->i', a)`` of shape (0, 3) is three numbers that are nobody's."""
    if any(type(a) is np.ndarray and not a.size for a in operands):
        raise Meaningless
    return _real["einsum"](*operands, **options)


def _filled(name: str) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        made = _real[name](*args, **options)
        made.fill(_rubbish.randrange(2, 90))
        return made

    return make


@contextmanager
def strict_memory() -> Iterator[None]:
    """``as_strided`` and ``einsum`` look at the memory that there is, and ``empty`` is something else each time."""
    real = _modules["np"]
    real.lib.stride_tricks.as_strided, real.einsum = _within, _of_something
    real.empty, real.empty_like = _filled("empty"), _filled("empty_like")
    try:
        yield
    finally:
        real.empty, real.empty_like, real.einsum = _real["empty"], _real["empty_like"], _real["einsum"]
        real.lib.stride_tricks.as_strided = _real["as_strided"]


def namespace(scope: dict[str, Any] | None = None, inner: str = IN_NUMPY) -> dict[str, Any]:
    """What a program may use."""
    scope = {} if scope is None else scope
    scope.update(_modules, Box=SimpleNamespace)
    exec(_helpers, scope)
    exec(inner, scope)
    return scope
