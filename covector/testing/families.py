"""The families of operations that random programs are made of: a template a line.

Slots of a template:

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
    of_any_type = [
        f"lax.map(lambda i: {f.name}({x.name} * i)[0], np.array([0.5, 1.0]))",
        f"checkpoint({f.name})({x.name})[0]",
    ]
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

GAPS = "np.diff(np.sort({f1}, axis={axis}), axis={axis})"

FAMILIES: dict[str, list[Maker]] = {
    "arithmetic": [
        op("{x} + {y}"),
        op("{x} - {y}"),
        op("{x} * {y}"),
        op("{x} / (2.0 + np.cos({g}))"),
        op("{x} / {y}", "np.abs({y})", 0.3),
        op("-{x}"),
        op("{x} ** 2"),
        op("{x} ** 3"),
        op("{k} * {x}"),
        op("{x} - {k}"),
        op("{k} / (2.0 + np.sin({f}))"),
        op("{x} * {x} + {x}"),
        op("(1.5 + {f} ** 2) ** {k}"),
        op("(1.2 + {f} * {f}) ** np.tanh({g})"),
        op("np.square({x})"),
        op("np.reciprocal(2.0 + np.sin({f}))"),
        op("np.hypot({f}, 1.0 + {g} ** 2)"),
        op("np.arctan2({f}, 1.5 + {g} * {g})"),
        op("{n} * {x}"),
        op("{n} + {n}"),
        op("{x} * np.array({k})"),
        op("np.multiply({x}, np.float64({k}))"),
        op("np.float32({k}) * {x}"),
        op("({k} + {k}) * {x}"),
        op("np.add({x}, {b})"),
        op("np.divide({x}, 2.0 + np.cos({g}))"),
        op("np.where({f} * {f} > -1.0, {x}, {y})"),
        op("np.subtract({x}, {y})"),
        op("np.negative({x})"),
        op("np.positive({x})"),
        op("np.power(1.5 + {f} * {f}, {g})"),
        op("np.float_power(1.5 + {f} * {f}, {k})"),
        op("{k} ** {f}", "{k}", 0.1),
        op("np.add.outer({f1}, {f1})"),
        op("np.ldexp({f}, 2)"),
        op("{f} // 1.0 + {f} % 1.0", "np.abs({f} - np.rint({f}))"),
        op("np.nan_to_num({x})"),
    ],
    "exponential": [
        op("np.sin({x})"),
        op("np.cos({x})"),
        op("np.tanh({f})"),
        op("np.exp(-{f} * {f})"),
        op("np.exp(0.5 * {x})"),
        op("np.expm1(0.3 * {x})"),
        op("np.exp2(0.5 * {f})"),
        op("np.log(1.5 + {f} * {f})"),
        op("np.log1p({f} * {f})"),
        op("np.log2(1.5 + np.sin({f}))"),
        op("np.log10(2.5 + np.cos({f}))"),
        op("np.sqrt(1.0 + {f} ** 2)"),
        op("np.cbrt(2.0 + {f} * {f})"),
        op("np.arctan({f})"),
        op("np.arcsin(0.7 * np.sin({f}))"),
        op("np.arccos(0.7 * np.cos({f}))"),
        op("np.arcsinh({f})"),
        op("np.arccosh(1.5 + {f} * {f})"),
        op("np.arctanh(0.7 * np.tanh({f}))"),
        op("np.sinh(np.sin({x}))"),
        op("np.cosh(np.cos({x}))"),
        op("np.tan(np.sin({f}))"),
        op("np.logaddexp({f}, {g})"),
        op("np.logaddexp2({f}, {g})"),
        op("np.log({c})", "np.abs({c}.imag)", 0.3),
        op("np.sqrt({c})", "np.abs({c}.imag)", 0.3),
        op("np.deg2rad({f}) + np.rad2deg(0.01 * {f})"),
        op("np.sinc({f})"),
        op("np.i0({f})"),
        op("np.radians({f}) - np.degrees(0.01 * {f})"),
    ],
    "comparison": [
        op("np.where({f} > {g}, {x}, {y})", "np.abs({f} - {g})"),
        op("np.where({f} < {k}, {x}, {k})", "np.abs({f} - {k})"),
        op("np.where({b}, {x}, {y})"),
        op("{f} > {k}"),
        op("({f} > {k}) & ({g} <= {k})"),
        op("np.maximum({f}, {g})", "np.abs({f} - {g})"),
        op("np.minimum({f}, {k})", "np.abs({f} - {k})"),
        op("np.fmax({f}, {g})", "np.abs({f} - {g})"),
        op("np.abs({f})", "np.abs({f})"),
        op("np.sign({f}) * {g}", "np.abs({f})"),
        op("np.copysign({f}, {g})", "np.minimum(np.abs({f}), np.abs({g}))"),
        op("np.clip({f}, -1.0, 1.0)", "np.abs(np.abs({f}) - 1.0)"),
        op("np.floor({f}) + {f}", "np.abs({f} - np.rint({f}))"),
        op("np.rint({f}) * {f}", "0.5 - np.abs({f} - np.rint({f}))"),
        op("np.remainder({f}, 2.0)", "np.abs(np.sin(np.pi * {f} / 2))", 0.1),
        op("np.fmod({f}, 1.5)", "np.abs(np.sin(np.pi * {f} / 1.5))", 0.1),
        op("np.heaviside({f}, 0.5)", "np.abs({f})"),
        op("np.logical_not({b})"),
        op("np.isfinite({x})"),
        op("np.fmin({f}, {g})", "np.abs({f} - {g})"),
        op("np.fabs({f})", "np.abs({f})"),
        op("np.modf({f})[0]", "np.abs({f} - np.rint({f}))"),
        op("np.frexp({f})[0]", "np.abs(np.sin(np.pi * np.log2(np.abs({f}))))", 0.1),
        op("np.ceil({f}) * {f}", "np.abs({f} - np.rint({f}))"),
        op("np.trunc({f}) + {f}", "np.abs({f} - np.rint({f}))"),
        op("np.round({f}, 0) * {f}", "0.5 - np.abs({f} - np.rint({f}))"),
        op("np.select([{f} > 0.5, {f} > -0.5], [{f}, {f} ** 2], {k})", "np.abs(np.abs({f}) - 0.5)"),
        op(
            "np.interp({f}, [-2.5, -1.0, 0.5, 2.5], [1.0, -1.0, 2.0, 0.5])",
            "np.min(np.abs(np.subtract.outer({f}, [-2.5, -1.0, 0.5, 2.5])), axis=-1)",
        ),
        op("np.isclose({f}, {g})"),
        op("np.piecewise({f1}, [{f1} > 0.0, {f1} <= 0.0], [np.sin, 0.5])", "np.abs({f1})"),
        op("np.clip({f}, -{g} * {g} - 0.5, 1.5)", "np.minimum(np.abs({f} + {g} * {g} + 0.5), np.abs({f} - 1.5))"),
    ],
    "reductions": [
        op("np.sum({x}, axis={axes})"),
        op("np.sum({x}, axis={axes}, keepdims=True)"),
        op("np.sum({f}, where={f} > {k})", "np.abs({f} - {k})"),
        op("{x}.sum()"),
        op("np.mean({x}, axis={axes})"),
        op("{x}.mean()"),
        op("np.prod({x}, axis={axes})"),
        op("np.var({f}, axis={axes})"),
        op("np.std({f1}, axis={axis})", "np.std({f1}, axis={axis})", 0.2),
        op("np.max({f1}, axis={axis})", GAPS),
        op("np.min({f1}, axis={axis}, keepdims=True)", GAPS),
        op("np.max({f1})", "np.diff(np.sort({f1}, axis=None))"),
        op("np.cumsum({x1}, axis={axis})"),
        op("np.cumprod({x1}, axis={axis})"),
        op("np.argmax({f1}, axis={axis})", GAPS),
        op("np.any({b}, axis={axes})"),
        op("np.all({f} > {k})", "np.abs({f} - {k})"),
        op("np.add.reduce({x1}, axis={axis})"),
        op("np.trace({x2})"),
        op("np.argmin({f1}, axis={axis})", GAPS),
        op("np.average({x1}, axis={axis}, weights=np.arange(1.0, 1.0 + np.shape({x1})[{axis}]))"),
        op("np.nansum({x}, axis={axes})"),
        op("np.nanmean({f1}, axis={axis})"),
        op("np.count_nonzero({f} > {k})"),
        op("np.ptp({f1}, axis={axis})", GAPS),
        op("np.median({f1}, axis={axis})", GAPS),
        op("np.percentile({f1}, 30.0, axis={axis})", GAPS),
        op("np.quantile({f1}, [0.2, 0.9], axis={axis})", GAPS),
        op("np.trapezoid({x1}, axis={axis})"),
        op("cnp.logsumexp({f1}, axis={axis})"),
        op("cnp.cummax({f1}, axis={axis})", GAPS),
        op("np.multiply.reduce({x1}, axis={axis})"),
        op("np.maximum.accumulate({f1}, axis={axis})", GAPS),
        op("np.logaddexp.reduce({f1}, axis={axis})"),
        op("np.cov({f2})"),
        op("np.amax({f1}, initial={k})", "np.abs(np.max({f1}) - {k})"),
        op("np.mean({f}, where={f} > -9.0)"),
    ],
    "shapes": [
        reshape,
        transpose,
        broadcast_to,
        join,
        take_apart,
        op("{x}.T"),
        op("np.ravel({x})"),
        op("np.expand_dims({x}, 0)"),
        op("np.squeeze({x})"),
        op("np.swapaxes({x2}, 0, -1)"),
        op("np.moveaxis({x2}, 0, -1)"),
        op("np.flip({x1}, axis={axis})"),
        op("np.roll({x1}, 1, axis={axis})"),
        op("np.repeat({x1}, 2, axis={axis})"),
        op("np.tile({x}, 2)"),
        op("np.pad({x1}, 1)"),
        op("np.pad({f1}, (1, 2), constant_values=0.5)"),
        op("np.atleast_2d({x})"),
        op("np.stack([{x}, {x}])"),
        op("np.triu({x2})"),
        op("np.diag({x1})"),
        op("np.zeros_like({x})"),
        op("np.full_like({f}, {k})"),
        op("np.ones_like({x}) * {x}"),
        op("np.hstack([{x1}, {x1}])"),
        op("np.vstack([{x1}, {x1}])"),
        op("np.dstack([{x}, {x}])"),
        op("np.column_stack([{x1}, {x1}])"),
        op("np.block([[{x2}, {x2}], [{x2}, {x2}]])"),
        op("np.rot90({x2})"),
        op("np.fliplr({x2})"),
        op("np.flipud({x1})"),
        op("np.kron({x}, {y})"),
        op("np.tril({x2}, -1)"),
        op("np.diagflat({x1})"),
        op("np.delete({x1}, 0, axis={axis})"),
        op("np.insert({x1}, 0, {k}, axis={axis})"),
        op("np.append({x1}, {x1})"),
        op("np.diff({x1}, axis={axis})"),
        op("np.gradient({f1}, axis={axis})"),
        op("np.ediff1d({x1})"),
        op("np.resize({x1}, (2, 3))"),
        op("np.atleast_3d({x})"),
        op("np.meshgrid({x1}, {x1})[0]"),
        op("np.linspace({f}, {g}, 4)"),
        op("np.vander({f1}, 3)"),
        op("np.broadcast_arrays({x}, {y})[0]"),
        op("np.compress([True, False], {x1}, axis={axis})"),
        op("np.array_split({x1}, 2, axis={axis})[0]"),
        op("np.copy({x})"),
        op("cnp.array([{k}, 2.0]) * np.sum({x})"),
        op("np.pad({x1}, 1, mode='reflect')"),
        op("np.pad({x1}, 1, mode='edge')"),
        op("np.where({f1} > 0, {f1}, 0.0)", "np.abs({f1})"),
        op("{x1}.reshape(-1)"),
        op("{x2}.swapaxes(0, 1)"),
        op("{x}.ravel()"),
    ],
    "indexing": [
        read,
        read,
        read,
        read_by_variable,
        write,
        write,
        op("np.take({x1}, [0, -1, 0], axis={axis})"),
        op("np.take_along_axis({f1}, np.argsort({f1}, axis={axis}), axis={axis})", GAPS),
        op("np.diagonal({x2})"),
    ],
    "contraction": [
        *(multiply_matrices, multiply_matrices, contract, contract),
        op("np.outer({x1}, {x1})"),
        op("np.convolve({x1}.ravel()[:3], np.array([1.0, -0.5]))"),
        op("np.correlate({x1}.ravel()[:3], np.array([1.0, -0.5]), 'full')"),
        op("np.vecdot({x1}, {x1})"),
        op("np.cross({x1}.ravel()[:1] * np.arange(3.0), np.array([0.5, 1.0, -1.0]))"),
        op("np.polyval(np.array([1.0, -0.5, 0.25]), {f})"),
        op("np.polyval({x1}.ravel()[:2], {k})"),
        op("np.linalg.multi_dot([{s}, {s}, {s}])"),
        op("np.linalg.matrix_power({s}, 3)"),
        op("np.einsum('...i,...i->...', {x1}, {x1})"),
    ],
    "linear algebra": [
        op("np.linalg.inv({s})"),
        op("np.linalg.det({s})"),
        op("np.linalg.slogdet({s})[1]"),
        op("np.linalg.cholesky({p})"),
        solve,
        op("np.linalg.solve({p}, {p})"),
        op("np.linalg.eigh({p})[0]", "np.diff(np.linalg.eigvalsh({p}))", 0.1),
        op("np.abs(np.linalg.qr({s})[1])", "np.abs(np.linalg.qr({s})[1])"),
        op("np.linalg.svd({s}, compute_uv=False)", "-np.diff(np.linalg.svd({s}, compute_uv=False))", 0.1),
        op("np.linalg.norm({x1})", "np.linalg.norm({x1})", 0.2),
        op("np.linalg.pinv({s})"),
        op("np.linalg.lstsq({s}, np.ones(np.shape({s})[-1]))[0]"),
        op("np.linalg.norm({s}, axis=(-2, -1))"),
        op("np.linalg.norm({f1}, 3, axis={axis})", "np.abs({f1})"),
        op("np.linalg.matrix_norm({s}, ord='nuc')", "-np.diff(np.linalg.svd({s}, compute_uv=False))", 0.1),
        op("np.linalg.matrix_transpose({s})"),
        op("np.linalg.cond({s})", "-np.diff(np.linalg.svd({s}, compute_uv=False))", 0.1),
        op("np.linalg.eigvalsh({p})", "np.diff(np.linalg.eigvalsh({p}))", 0.1),
    ],
    "sorting": [
        op("np.sort({f1}, axis={axis})", GAPS),
        op("np.argsort({f1}, axis={axis})", GAPS),
        op("np.sort({f1}, axis={axis})[::-1]", GAPS),
        op("np.take(np.partition({f1}, 0, axis={axis}), [0], axis={axis})", GAPS),  # the order of the rest is open
        op(
            "np.searchsorted(np.array([-1.0, 0.0, 1.0]), {f})",
            "np.min(np.abs(np.subtract.outer({f}, [-1.0, 0.0, 1.0])), axis=-1)",
        ),
        op("np.digitize({f}, [-1.0, 0.0, 1.0])"),
        op("np.lexsort(({f1}, {f1}))", GAPS.replace("{axis}", "-1")),
        op("np.take_along_axis({f1}, np.argmax({f1}, axis={axis}, keepdims=True), axis={axis})", GAPS),
    ],
    "dtypes": [
        op("{f}.astype(np.complex128)"),
        op("{f}.astype(np.float64)"),
        op("{x}.astype(np.complex64)"),
        op("{f}.astype(np.float32)"),
        op("{n}.astype(np.float64)"),
        op("{b}.astype(np.float64)"),
        op("{f}.astype(np.int64)", "np.abs({f} - np.rint({f}))"),
        op("{f}.astype(np.longdouble)"),
        op("{n} * np.float16(0.5)"),
        op("np.sum({x}, dtype=np.complex128)"),
        op("np.float32({k}) + {f}.astype(np.float32)"),
        op("{n} / 3"),
        op("{n} ** 2"),
        op("{n} // 2"),
        op("np.sqrt({n})"),
        op("np.invert({b})"),
        op("{b} & {b}"),
        op("{n} % 3"),
        op("np.sum({b})"),
        op("np.bitwise_xor({n}, 3)"),
        op("np.gcd({n}, 6)"),
    ],
    "complex": [
        op("np.real({x})"),
        op("np.imag({x})"),
        op("np.conj({x})"),
        op("{c} * np.conj({c})"),
        op("{f} + 1j * {g1}"),
        op("np.exp(1j * {f1})"),
        op("np.abs({c})", "np.abs({c})", 0.3),
        op("np.angle({c})", "np.abs({c}.imag)", 0.3),
        op("{c}.real * {c}.imag"),
    ],
    "calls": [call, transformed],
    "control flow": [
        *(loop, loop, loop),
        op("lax.fori_loop(0, 3, lambda i, c: np.sin(c) * {k} * 0.1 + {f}, {f})"),
        op("lax.fori_loop(0, np.minimum(np.abs(np.sum({n})), 3), lambda i, c: np.sin(c) + 0.1 * i, {f})"),
        op("lax.scan(lambda c, z: (np.sin(c + z), c * z), {f1}[0], {f1})[1]"),
        op("lax.scan(lambda c, z: (np.sin(c + z), c * z), {f1}[0], {f1}, reverse=True, unroll=2)[1]"),
        op("lax.scan(lambda c, z: (np.sin(c + z), c * z), {f1}[0], {f1}, checkpoint='binomial')[1]"),
        op("lax.scan(lambda c, z: (np.sin(c + z), None), {f1}[0], {f1}, checkpoint='sqrt')[0]"),
        op("lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, np.sin(c[1]) + 0.5 * {f}), (0, {f}))[1]"),
        op("lax.while_loop(lambda c: c[0] < np.sum({n}) % 4, lambda c: (c[0] + 1, np.cos(c[1]) * {f}), (0, {f}))[1]"),
        op("lax.cond(np.sum({f}) > 0.1, lambda u: np.sin(u) * 2.0, lambda u: u * u, {g})", "np.abs(np.sum({f}) - 0.1)"),
        op("lax.switch(np.abs(np.sum({n})) % 3, [np.sin, np.tanh, lambda u: u * {k}], {f})"),
        op("lax.map(lambda r: np.sum(np.sin(r)) * r, {f1})"),
        op("lax.associative_scan(np.multiply, np.cos({f1}))"),
        op("checkpoint(lambda u: np.sin(u) * np.exp(-u * u))({f})"),
    ],
    "custom rules": [
        *(ruled, ruled, ruled),
        op("with_jvp(lambda u: np.sin(u) * u)({f})"),
        op("with_jvp(lambda u, v: np.tanh(u * v) + v)({f}, {g})"),
        op("with_vjp(lambda u: np.exp(-u * u))({f})"),
        op("with_vjp(lambda u, v: np.tanh(u * v) + v)({f}, {g})"),
        op("with_vjp(with_jvp(lambda u: np.sin(u) * np.sum(u)))({f})"),
        op("checkpoint(with_both(lambda u, v: np.sin(u * v)))({f}, {g})"),
        op("vmap(with_both(lambda u: np.tanh(u) * np.sum(u)))({f1})"),
        op("with_zeros(lambda u, v: np.sin(u) * v)({f}, {k})"),
        op("linear_call(lambda r, u: u * np.cos(r), lambda r, ct: ct * np.cos(r), {k}, {f})"),
        op("lax.scan(lambda c, z: (with_vjp(np.sin)(c + z), with_jvp(np.cos)(c)), {f1}[0], {f1})[1]"),
    ],
}
"""The makers of each family; add an entry to extend what random programs consist of."""
