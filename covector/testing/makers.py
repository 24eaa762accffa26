"""Makers: what writes one operation of a random program.

Most are a template, `op`.  Its slots:

===================== ===============================================================================================
``{f} {g} {h}``       real floating variables; ``g`` and ``h`` broadcast with those before
``{x} {y}``           floating or complex variables, likewise
``{c}``               a complex variable
``{n} {b}``           an integer, a boolean variable
``{f1} {x1}``         one with at least one axis (``{f2} {x2}``: two axes)
``{s}``               a square matrix far from singular, ``{p}`` a symmetric positive definite one: expressions
``{k}``               a Python float
``{axis}``            an axis of the first variable;  ``{axes}``: None, one axis, or a tuple of them
``{size}``            the length of the first variable's axis 0; ``{last}``: of its last axis
===================== ===============================================================================================
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from covector.testing.programs import Builder

Maker = Callable[["Builder"], "str | None"]

KINDS = {"f": "f", "g": "f", "h": "f", "x": "fc", "y": "fc", "c": "c", "n": "iu", "b": "b"}


def op(template: str, guard: str = "", margin: float = 0.05) -> Maker:
    """The maker of a template; where ``guard`` is less than ``margin`` the operation is not used."""
    slots = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    slots = list(dict.fromkeys(slots))

    def maker(b: Builder) -> str:
        filled = fill(b, slots)
        if guard:
            b.guarded(guard.format(**filled), margin)
        return template.format(**filled)

    maker.__doc__ = template
    return maker


def fill(b: Builder, slots: list[str]) -> dict[str, str]:
    """An expression for each slot."""
    filled: dict[str, str] = {}
    values: list[Any] = []

    def fits(ndim: int) -> Callable[[Any], bool]:
        return lambda v: np.ndim(v) >= ndim and (ndim == 0 or np.size(v) > 0) and broadcast(v, values)

    for slot in slots:
        if slot == "k":
            filled[slot] = b.literal()
        elif slot in ("s", "p"):
            filled[slot] = matrix(b, slot)
        elif slot in ("axis", "axes", "size", "last"):
            filled[slot] = of_shape(b, slot, np.shape(values[0]))
        else:
            found = operand(b, KINDS[slot[0]], fits(int(slot[1:] or 0)))
            filled[slot] = found
            values.append(b.value(found))
    return filled


def operand(b: Builder, kinds: str, fits: Callable[[Any], bool]) -> str:
    """A variable of these kinds, or a short expression for one where there is none."""
    if b.has(kinds, fits) or kinds in ("f", "fc"):
        return b.variable(kinds, fits).name
    if kinds == "iu":
        return f"({b.integer(1, 3)})"
    x = b.variable("f", fits).name
    if kinds == "c":
        return f"({x} + 1j)"
    threshold = b.literal()
    b.guarded(f"np.abs({x} - {threshold})")
    return f"({x} > {threshold})"


def broadcast(value: Any, others: list[Any]) -> bool:
    try:
        np.broadcast_shapes(np.shape(value), *map(np.shape, others))
    except ValueError:
        return False
    return True


def of_shape(b: Builder, slot: str, shape: tuple[int, ...]) -> str:
    ndim = len(shape)
    if slot in ("size", "last"):
        return str(shape[0 if slot == "size" else -1])
    if slot == "axis":
        return str(b.integer(-ndim, ndim - 1)) if ndim else "None"
    options: list[Any] = [None, *range(-ndim, ndim), tuple(range(ndim)), (-1,) if ndim else (), (0, -1) if ndim > 1 else None]
    return str(b.choose(options))


def matrix(b: Builder, slot: str) -> str:
    """A square matrix made of a real or complex variable that has two axes or more."""
    x = b.variable("fc", lambda v: np.ndim(v) >= 2 and np.size(v) > 0)
    m, n = np.shape(x.value)[-2:]
    if slot == "s" and m == n:
        return f"(2.0 * np.eye({n}) + 0.5 * np.sin({x.name}))"
    adjoint = f"np.conj(np.swapaxes({x.name}, -1, -2))"
    spread = f"np.diag(1.0 + np.arange({m}))"
    return f"({spread} + 0.1 * ({x.name} @ {adjoint}))"


# --- makers that are no templates -------------------------------------------------------------------------------------


def reshape(b: Builder) -> str:
    x = b.variable("fcib")
    size = np.size(x.value)
    options = [(-1,), (size,), (1, size), (size, 1)] + [(m, size // m) for m in (2, 3, 6) if size and size % m == 0]
    return f"np.reshape({x.name}, {b.choose(options)})"


def transpose(b: Builder) -> str:
    x = b.variable("fc", lambda v: np.ndim(v) >= 2)
    ndim = np.ndim(x.value)
    orders = [tuple(np.roll(range(ndim), k).tolist()) for k in range(1, ndim)] + [tuple(range(ndim))[::-1]]
    return f"np.transpose({x.name}, {b.choose(orders)})"


def broadcast_to(b: Builder) -> str:
    x = b.variable("fc")
    shape = tuple(2 if n == 1 else n for n in np.shape(x.value))
    return f"np.broadcast_to({x.name}, {b.choose([(2, *shape), shape, (1, *np.shape(x.value))])})"


def join(b: Builder) -> str:
    x = b.variable("fc", lambda v: np.ndim(v) >= 1)
    shape = np.shape(x.value)
    y = b.variable("fci", lambda v: np.shape(v) == shape)
    axis = b.integer(-len(shape), len(shape) - 1)
    name = b.choose(["concatenate", "stack"])
    return f"np.{name}([{x.name}, {y.name}, {x.name}], axis={axis})"


def take_apart(b: Builder) -> str:
    x = b.variable("fc", lambda v: np.ndim(v) >= 1)
    axis = b.integer(0, np.ndim(x.value) - 1)
    if np.shape(x.value)[axis] < 2:
        return f"np.split({x.name}, 1, axis={axis})[0]"
    return f"np.split({x.name}, [1], axis={axis})[{b.integer(0, 1)}]"


def read(b: Builder) -> str:
    """NumPy indexing of all kinds."""
    x = b.variable("fc", lambda v: np.ndim(v) >= 1 and np.shape(v)[0] > 0)
    n = np.shape(x.value)[0]
    options = ["0", "-1", "...", "None", "::-1", "1:", ":1, ...", "..., None", f"[0, {n - 1}, 0]", "np.array([[0], [-1]])"]
    options += [f"np.arange({n}) % 2 == 0", f"np.array([True] + [False] * {n - 1})", "[]"]
    if np.ndim(x.value) >= 2 and np.shape(x.value)[1] > 0:
        options += [
            "0, 0",
            ":, 0",
            "[0, -1], [0, -1]",
            "..., [0, -1]",
            "[0], :, ...",
            "None, 0, ..., None",
            ":, [[0], [-1]]",
            "[0, 0], 0",
        ]
    return f"{x.name}[{b.choose(options)}]"


def read_by_variable(b: Builder) -> str:
    """An integer variable as index, by functions that take one whether or not it is traced."""
    x = b.variable("fc", lambda v: np.ndim(v) >= 1 and np.shape(v)[0] > 0)
    n = np.shape(x.value)[0]
    i = b.variable("iu", lambda v: bool(np.all(np.asarray(v) < n) and np.all(np.asarray(v) >= -n)))
    return b.choose(["cnp.at({})[{}].get()", "cnp.at({})[{}].multiply(2.0)"]).format(x.name, i.name)


def write(b: Builder) -> str:
    """``at(x)[index].set(value)`` and its relatives; the value broadcasts, and has no wider dtype."""
    x = b.variable("fc", lambda v: np.ndim(v) >= 1 and np.shape(v)[0] > 0)
    n = np.shape(x.value)[0]
    index = b.choose(["0", "-1", "1:", "::2", f"[0, {n - 1}]", "...", f"np.arange({n}) % 2 == 0", "[0, 0]"])
    method = b.choose(["set", "add", "multiply"])
    part = f"np.arange(1.0, 1.0 + np.size({x.name}[{index}])).reshape(np.shape({x.name}[{index}])) * {x.name}[{index}]"
    scalars = [v.name for v in b.variables("f", lambda v: np.ndim(v) == 0)]
    return f"cnp.at({x.name})[{index}].{method}({b.choose([b.literal(), part, *scalars])})"


def multiply_matrices(b: Builder) -> str:
    x = b.variable("fc", lambda v: np.ndim(v) >= 1)
    last = np.shape(x.value)[-1]
    fits = [
        v for v in b.scope if np.asarray(v.value).dtype.kind in "fci" and np.ndim(v.value) and np.shape(v.value)[-2:][0] == last
    ]
    constant = f"np.cos(np.arange({2.0 * last})).reshape({last}, 2)"
    other = b.choose([constant, *(v.name for v in fits)])
    return b.choose(["{} @ {}", "np.matmul({}, {})", "np.dot({}, {})"]).format(x.name, other)


def contract(b: Builder) -> str:
    x = b.variable("fc", lambda v: 1 <= np.ndim(v) <= 3)
    ndim = np.ndim(x.value)
    y = b.variable("fc", lambda v: np.shape(v) == np.shape(x.value))
    letters = "abc"[:ndim]
    out = b.choose(["", letters, letters[::-1], letters[0], letters[-1]])
    other = b.choose([letters, letters.replace("a", "d")]) if ndim < 3 else letters
    free = "d" if "d" in other and b.integer(0, 1) else ""
    return b.choose(
        [
            f"np.einsum('{letters},{other}->{out}{free}', {x.name}, {y.name})",
            f"np.einsum('{letters}->{out}', {x.name})",
            f"np.tensordot({x.name}, {y.name}, axes={ndim})",
            f"np.tensordot({x.name}, {y.name}, axes=([0], [0]))",
            f"np.inner({x.name}, {y.name})",
            f"np.outer({x.name}, {y.name})",
            f"np.vdot({x.name}, {y.name})",
        ]
    )


def solve(b: Builder) -> str:
    s = matrix(b, "s")
    n = np.shape(b.value(s))[-1]
    sides = [v.name for v in b.scope if np.asarray(v.value).dtype.kind in "fc" and np.shape(v.value)[-2:-1] in ((), (n,))]
    sides = [name for name in sides if np.shape(b.value(name))[-1:] == (n,) or np.ndim(b.value(name)) == 2]
    return f"np.linalg.solve({s}, {b.choose([f'np.arange({n}.0)', *sides])})"


def call(b: Builder) -> None:
    """A nested function under ``jit``, called once or twice."""
    arguments = [b.variable("fcib") for _ in range(b.integer(1, 2))]
    deeper = b.families if b.depth < 2 else [f for f in b.families if f != "calls"]
    f = b.function(arguments, b.integer(1, 3), deeper, "@jit")
    names = [b.fresh() for _ in f.values]
    b.bind(names, f"{f.name}{_arguments(a.name for a in arguments)}" + ("" if len(names) > 1 else "[0]"), f.values)
    if b.integer(0, 3) == 3:
        halves = [f"0.5 * {a.name}" if np.asarray(a.value).dtype.kind in "fc" else a.name for a in arguments]
        b.add(f"{f.name}{_arguments(halves)}[0]")


def _arguments(names: Any) -> str:
    return f"({', '.join(names)})"


def transformed(b: Builder) -> None:
    """A nested function of a real array under ``jvp``, ``vjp``, ``grad``, ``linearize`` or ``vmap``."""
    x = b.variable(
        "f", lambda v: issubclass(type(v), (np.ndarray, np.generic)) and np.asarray(v).dtype == np.float64 and np.size(v) > 0
    )
    smooth = [f for f in b.families if f in SMOOTH]
    example = np.ndim(x.value) > 0 and b.integer(0, 2) == 0
    argument = x._replace(value=np.asarray(x.value)[0]) if example else x
    f = b.function([argument], b.integer(1, 3), smooth or ["exponential"])
    if example:
        b.add(f"vmap({f.name})({x.name})[0]")
        return
    options = [
        f"jvp({f.name}, ({x.name},), (np.cos({x.name}),))[1][0]",
        f"linearize({f.name}, {x.name})[1]({x.name})[0]",
        f"grad(lambda u: np.sum(np.real({f.name}(u)[0]) * 1.0))({x.name})",
        f"vjp({f.name}, {x.name})[1](jvp({f.name}, ({x.name},), ({x.name},))[1])[0]",
    ]
    b.add(b.choose(options))


def ruled(b: Builder) -> None:
    """A nested function with derivative rules of its own, which closes over nothing: a rule knows the arguments only."""
    arguments = [b.variable("f", lambda v: np.size(v) > 0) for _ in range(b.integer(1, 2))]
    smooth = [f for f in b.families if f in SMOOTH] or ["exponential"]
    decorators = ["@with_jvp", "@with_vjp", "@with_both", "@checkpoint\n@with_vjp", "@jit\n@with_jvp"]
    f = b.function(arguments, b.integer(1, 3), smooth, b.choose(decorators), closed=True)
    b.add(f"{f.name}{_arguments(a.name for a in arguments)}[0]")


def loop(b: Builder) -> None:
    """A nested function as the body of a loop, or two as the branches of a choice."""
    # of double precision, which no Python number that is closed over changes when a batch makes an array of it
    x = b.variable("f", lambda v: np.size(v) > 0 and np.asarray(v).dtype == np.float64)
    smooth = [f for f in b.families if f in SMOOTH] or ["exponential"]
    f = b.function([x], b.integer(1, 3), smooth)
    options = [
        f"lax.fori_loop(0, 2, lambda i, c: np.tanh({f.name}(c)[0]), {x.name})",
        f"lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, np.tanh({f.name}(c[1])[0])), (0, {x.name}))[1]",
        f"lax.scan(lambda c, i: (np.tanh({f.name}(c)[0]), c * i), {x.name}, np.arange(3.0))[1]",
        f"lax.cond(np.sum({x.name}) > 0.1, lambda u: {f.name}(u)[0], lambda u: np.sin(u), {x.name})",
    ]
    of_any_type = [f"lax.map(lambda i: {f.name}({x.name} * i)[0], np.array([0.5, 1.0]))", f"checkpoint({f.name})({x.name})[0]"]
    steps = f"(np.floor(40.0 * np.sum({x.name})) % 4.0).astype(int)"  # differs between examples that are slightly different
    diverging = [
        f"lax.fori_loop(0, {steps}, lambda i, c: np.tanh({f.name}(c)[0]) + 0.1 * i, {x.name})",
        f"lax.while_loop(lambda c: c[0] < {steps}, lambda c: (c[0] + 1, np.tanh({f.name}(c[1])[0])), (0, {x.name}))[1]",
        f"lax.switch({steps}, [np.sin, lambda u: {f.name}(u)[0], lambda u: u * u, np.tanh], {x.name})",
    ]
    # a Python number takes the type of the other result, which an array in its place does not
    adapts = isinstance(x.value, float) and np.asarray(f.values[0]).dtype != np.float64
    chosen = b.choose(of_any_type if adapts else [*options, *of_any_type, *diverging, *diverging])
    if chosen in diverging:
        b.guarded(f"0.5 - np.abs(40.0 * np.sum({x.name}) % 1.0 - 0.5)")
    if "cond" in chosen:
        b.guarded(f"np.abs(np.sum({x.name}) - 0.1)")
    b.add(chosen)


SMOOTH = ("arithmetic", "exponential", "shapes", "contraction", "linear algebra")
"""Families without kinks, which stay smooth wherever they are evaluated."""
