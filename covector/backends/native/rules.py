"""What operations are to this backend: ``rule_of(equation)`` is a `Scalar`, a `View`, a `Reduce` … or None.

>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sin(x.T))(np.ones((2, 3)))
>>> [type(rule_of(e)).__name__ for e in program.equations]
['View', 'Scalar']

The table is by the names of primitives, and loaded with this backend: programs of which nothing is compiled do not wait for it.
A primitive of one's own takes part by ``primitive.def_rule("native", Scalar(lambda b, x: b.mul(x, x)))``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from covector.backends.native import functions as f
from covector.backends.native.ir import Builder, Value, type_name
from covector.core.jaxpr import Equation

Term = tuple[int, int]
"""An axis of a loop nest, and by what it is multiplied."""

Place = tuple[int, tuple[Term, ...]]
"""A place along an axis of an array: a number and multiples of the axes of the loops."""

Index = tuple[Place, ...]
"""A place for each axis of an array."""


class Scalar(NamedTuple):
    """A function of elements.

    Attributes:
        emit: ``emit(b, *values)`` writes it with the `Builder` b; the values come in the dtypes of the operands.
        cost: about how many multiplications it takes as long as.
        takes_equation: ``emit`` is rather ``(equation) -> emit or None``.
    """

    emit: Callable[..., Any]
    cost: float = 1
    takes_equation: bool = False


class View(NamedTuple):
    """Elements of one operand: ``operand(equation, index of the result) -> index of the operand``, or None if it is none."""

    operand: Callable[[Equation, Index], Index | None]


class Reduce(NamedTuple):
    """A combination of all elements along axes: ``combine(b, x, y)``, and what combines to nothing, for a type."""

    combine: Callable[[Builder, Value, Value], Value]
    identity: Callable[[str], Any]


class Product(NamedTuple):
    """Sums of products, as `einsum_p` has them."""


class Assembly(NamedTuple):
    """Parts in places of an array of zeros, where they are added: ``parts(equation)``, an index of NumPy's for each."""

    parts: Callable[[Equation], Sequence[Any]]


class Gather(NamedTuple):
    """Elements of the first operand at places that the others, arrays of integers, say."""


class Write(NamedTuple):
    """An array, or zeros, of which places are written.

    Attributes:
        operand: whether the first argument is the array.
        values: whether the next one is what is written; else zeros are.
        combine: how what is written combines with what is there; None replaces it.

    The places are those of a static ``index`` among the parameters, or what the other arguments, arrays of integers, say.
    """

    operand: bool
    values: bool
    combine: Callable[[Builder, Value, Value], Value] | None = None

    def given(self, eqn: Equation) -> tuple[Any, Any, list[Any]]:
        """The array, the values, and the index arrays of an equation; None for zeros."""
        rest = list(eqn.inputs)
        operand = rest.pop(0) if self.operand else None
        values = rest.pop(0) if self.values else None
        return operand, values, rest


class Along(NamedTuple):
    """A function along the axis in the parameter ``axis``, one element after the other: "accumulate", "argmax", "argmin"."""

    what: str
    combine: Callable[[Builder, Value, Value], Value] | None = None


def is_better(b: Builder, rule: Along, x: Value, before: Value) -> Value:
    """Whether an element comes before the best so far: the first NaN comes before all."""
    greater = rule.what == "argmax"
    if not x.is_float:
        return b.compare("gt" if greater else "lt", x, before)
    better = b.compare("ugt" if greater else "ult", x, before)
    return b.logical("and", better, b.compare("ord", before, before))


class Foreign(NamedTuple):
    """A routine of another library, on arrays in memory."""


class Loop(NamedTuple):
    """Programs that are run again and again, or not at all."""


Rule = Scalar | View | Reduce | Product | Assembly | Gather | Write | Along | Foreign | Loop


# --- elementwise ----------------------------------------------------------------------------------------------------------


def _maximum(b: Builder, x: Value, y: Value) -> Value:
    if x.kind == "bool":
        return b.logical("or", x, y)
    first = b.compare("oge" if x.is_float else "ge", x, y)
    return b.select(b.logical("or", first, b.compare("uno", x, x)) if x.is_float else first, x, y)


def _minimum(b: Builder, x: Value, y: Value) -> Value:
    if x.kind == "bool":
        return b.logical("and", x, y)
    first = b.compare("ole" if x.is_float else "le", x, y)
    return b.select(b.logical("or", first, b.compare("uno", x, x)) if x.is_float else first, x, y)


def _ignoring_nan(extremum: Callable[..., Value]) -> Callable[..., Value]:
    def of_two(b: Builder, x: Value, y: Value) -> Value:
        if not x.is_float:
            return extremum(b, x, y)
        y_or_x = b.select(b.compare("uno", y, y), x, y)
        return b.select(b.compare("uno", x, x), y_or_x, extremum(b, x, y_or_x))

    return of_two


def _abs(b: Builder, x: Value) -> Value:
    if x.kind[0] in "ub":
        return x
    return b.intrinsic("fabs", x) if x.is_float else b.select(b.compare("lt", x, b.like(0, x)), b.neg(x), x)


def _sign(b: Builder, x: Value) -> Value:
    positive, negative = b.compare("ogt" if x.is_float else "gt", x, b.like(0, x)), None
    if x.kind[0] != "u":
        negative = b.compare("olt" if x.is_float else "lt", x, b.like(0, x))
    y = b.select(positive, b.like(1, x), b.like(0, x) if negative is None else b.select(negative, b.like(-1, x), b.like(0, x)))
    return b.select(b.compare("uno", x, x), x, y) if x.is_float else y


def _floor_divide(b: Builder, x: Value, y: Value) -> Value:
    """Of integers, as NumPy has it: 0 where the divisor is; the smallest number divided by -1 is itself."""
    zero = b.compare("eq", y, b.like(0, y))
    if x.kind[0] == "u":
        safe = b.select(zero, b.like(1, y), y)
        return b.select(zero, b.like(0, x), b.binary("udiv", x, safe))
    minus = b.compare("eq", y, b.like(-1, y))
    safe = b.select(b.logical("or", zero, minus), b.like(1, y), y)
    q = b.binary("sdiv", x, safe)
    rest = b.sub(x, b.mul(q, safe))
    down = b.logical("and", b.compare("ne", rest, b.like(0, x)), b.compare("lt", b.binary("xor", rest, safe), b.like(0, x)))
    q = b.select(down, b.sub(q, b.like(1, x)), q)
    return b.select(zero, b.like(0, x), b.select(minus, b.neg(x), q))


def _remainder(b: Builder, x: Value, y: Value) -> Value:
    zero = b.compare("eq", y, b.like(0, y))
    return b.select(zero, b.like(0, x), b.sub(x, b.mul(_floor_divide(b, x, y), y)))


def _float_remainder(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of the divisor, as Python and NumPy have it."""
    rest = f.C_LIBRARY["fmod"](b, x, y)
    signs = [b.intrinsic("copysign", b.like(1.0, v), v) for v in (rest, y)]
    other_sign = b.compare("olt", b.mul(*signs), b.like(0, x))
    zero = b.compare("oeq", rest, b.like(0, x))
    moved = b.select(b.logical("and", other_sign, b.invert(zero)), b.add(rest, y), rest)
    return b.select(zero, b.intrinsic("copysign", b.like(0.0, x), y), moved)


def _shift(instruction: str) -> Callable[..., Value]:
    def shifted(b: Builder, x: Value, y: Value) -> Value:
        bits = int(x.kind[1:])
        far = b.logical("or", b.compare("lt", y, b.like(0, y)), b.compare("ge", y, b.like(bits, y)))
        near = b.binary(instruction if x.kind[0] == "i" or instruction == "shl" else "lshr", x, b.select(far, b.like(0, y), y))
        beyond = b.like(0, x)
        if instruction == "ashr" and x.kind[0] == "i":
            beyond = b.binary("ashr", x, b.like(bits - 1, x))
        return b.select(far, beyond, near)

    return shifted


def _truth(b: Builder, x: Value) -> Value:
    return b.convert(x, "bool")


def _of_truth(instruction: str) -> Callable[..., Value]:
    return lambda b, x, y: b.logical(instruction, _truth(b, x), _truth(b, y))


def _compared(of_floats: str, of_integers: str) -> Callable[..., Value]:
    return lambda b, x, y: b.compare(of_floats if x.is_float else of_integers, x, y)


def _power(b: Builder, x: Value, y: Value) -> Value:
    """By products where the exponent is a small whole number that stands in the program."""
    match y.number:
        case -1:
            return b.div(b.like(1.0, x), x)
        case 0.5:
            return f.sqrt(b, x)
        case 1:
            return x
        case 2:
            return b.mul(x, x)
        case 3:
            return b.mul(b.mul(x, x), x)
        case 4:
            square = b.mul(x, x)
            return b.mul(square, square)
    return f.C_LIBRARY["pow"](b, x, y)


def _clip(eqn: Equation) -> Callable[..., Value]:
    low, high = eqn.params["low"], eqn.params["high"]

    def clip(b: Builder, x: Value) -> Value:
        x = x if low is None else _maximum(b, x, b.like(low, x))
        return x if high is None else _minimum(b, x, b.like(high, x))

    return clip


def multiply(b: Builder, x: Value, y: Value) -> Value:
    return b.logical("and", x, y) if x.kind == "bool" else b.mul(x, y)


def add(b: Builder, x: Value, y: Value) -> Value:
    return b.logical("or", x, y) if x.kind == "bool" else b.add(x, y)


def _sumprod(b: Builder, *factors: Value) -> Value:
    total = b.mul(factors[0], factors[1])
    for x, y in zip(factors[2::2], factors[3::2], strict=True):
        total = b.add(total, b.mul(x, y))
    return total


@cache
def converted(kind: str) -> Callable[[Builder, Value], Value]:
    """What makes a value one of another type."""
    return lambda b, x: b.convert(x, kind)


def _converted(eqn: Equation) -> Callable[..., Value] | None:
    before, after = eqn.inputs[0].aval.dtype, eqn.outputs[0].aval.dtype
    if before.kind == "f" and after.kind in "iu":
        return None  # of what has no integer NumPy's answer is the machine's, and with a warning
    return converted(type_name(after))


def _floats(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    """For floats alone."""
    return lambda eqn: emit if all(x.aval.dtype.kind == "f" for x in (*eqn.inputs, *eqn.outputs)) else None


def _integers(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    return lambda eqn: emit if eqn.outputs[0].aval.dtype.kind in "iu" else None


def _remainder_of(eqn: Equation) -> Callable[..., Value] | None:
    kind = eqn.outputs[0].aval.dtype.kind
    return _float_remainder if kind == "f" else _remainder if kind in "iu" else None


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda b, *xs: b.intrinsic(name, *xs)


def _heaviside(b: Builder, x: Value, y: Value) -> Value:
    step = b.select(b.compare("olt", x, b.like(0, x)), b.like(0, x), b.like(1, x))
    step = b.select(b.compare("oeq", x, b.like(0, x)), y, step)
    return b.select(b.compare("uno", x, x), x, step)


def _bits_test(b: Builder, x: Value) -> Value:
    bits = b.cast("bitcast", x, f"i{x.kind[1:]}")
    return b.compare("lt", bits, b.like(0, bits))


def _direction(b: Builder, size: Value, coordinate: Value) -> Value:
    return b.div(coordinate, b.select(b.compare("oeq", size, b.like(0, size)), b.like(1, size), size))


def _normal_cdf(b: Builder, x: Value) -> Value:
    return b.mul(b.like(0.5, x), f.C_LIBRARY["erfc"](b, b.mul(x, b.like(-math.sqrt(0.5), x))))


def _same(eqn: Equation) -> Callable[..., Value] | None:
    return (lambda b, x: x) if eqn.inputs[0].aval.dtype == eqn.outputs[0].aval.dtype else None


NAMES = ("identity", "weaken", "stop_gradient", "name", "conj", "real")

SCALARS: dict[str, Scalar] = {
    "add": Scalar(add),
    "sub": Scalar(lambda e: Builder.sub if e.outputs[0].aval.dtype.kind != "b" else None, 1, True),
    "mul": Scalar(multiply),
    "div": Scalar(_floats(Builder.div), 8, True),
    "neg": Scalar(lambda e: Builder.neg if e.outputs[0].aval.dtype.kind != "b" else None, 1, True),
    "square": Scalar(lambda b, x: x if x.kind == "bool" else b.mul(x, x)),
    "reciprocal": Scalar(_floats(lambda b, x: b.div(b.like(1.0, x), x)), 8, True),
    "sumprod": Scalar(lambda e: _sumprod if e.outputs[0].aval.dtype.kind != "b" else None, 3, True),
    "abs": Scalar(_abs),
    "fabs": Scalar(_floats(_abs), 1, True),
    "sign": Scalar(lambda e: _sign if e.outputs[0].aval.dtype.kind != "b" else None, 2, True),
    "maximum": Scalar(_maximum, 2),
    "minimum": Scalar(_minimum, 2),
    "fmax": Scalar(_ignoring_nan(_maximum), 3),
    "fmin": Scalar(_ignoring_nan(_minimum), 3),
    "clip": Scalar(_clip, 3, True),
    "select": Scalar(Builder.select),
    "keep": Scalar(lambda b, c, x: b.select(c, x, b.like(0, x))),
    "convert": Scalar(_converted, 0, True),
    "equal": Scalar(_compared("oeq", "eq")),
    "not_equal": Scalar(_compared("une", "ne")),
    "less": Scalar(_compared("olt", "lt")),
    "less_equal": Scalar(_compared("ole", "le")),
    "greater": Scalar(_compared("ogt", "gt")),
    "greater_equal": Scalar(_compared("oge", "ge")),
    "logical_not": Scalar(lambda b, x: b.invert(_truth(b, x))),
    "logical_and": Scalar(_of_truth("and")),
    "logical_or": Scalar(_of_truth("or")),
    "logical_xor": Scalar(_of_truth("xor")),
    "bitwise_and": Scalar(lambda b, x, y: b.logical("and", x, y)),
    "bitwise_or": Scalar(lambda b, x, y: b.logical("or", x, y)),
    "bitwise_xor": Scalar(lambda b, x, y: b.logical("xor", x, y)),
    "invert": Scalar(Builder.invert),
    "left_shift": Scalar(_integers(_shift("shl")), 2, True),
    "right_shift": Scalar(_integers(_shift("ashr")), 2, True),
    "floor_divide": Scalar(_integers(_floor_divide), 20, True),
    "remainder": Scalar(_remainder_of, 25, True),
    "isnan": Scalar(lambda e: (lambda b, x: b.compare("uno", x, x)) if e.inputs[0].aval.dtype.kind == "f" else None, 1, True),
    "isinf": Scalar(
        lambda e: (lambda b, x: b.compare("oeq", b.intrinsic("fabs", x), b.like(math.inf, x)))
        if e.inputs[0].aval.dtype.kind == "f" else None, 1, True,
    ),
    "isfinite": Scalar(
        lambda e: (lambda b, x: b.compare("olt", b.intrinsic("fabs", x), b.like(math.inf, x)))
        if e.inputs[0].aval.dtype.kind == "f" else None, 1, True,
    ),
    "signbit": Scalar(lambda e: _bits_test if e.inputs[0].aval.dtype.kind == "f" else None, 1, True),
    "copysign": Scalar(_floats(_intrinsic("copysign")), 1, True),
    "heaviside": Scalar(_floats(_heaviside), 2, True),
    "direction": Scalar(_floats(_direction), 8, True),
    "pow": Scalar(_floats(_power), 40, True),
    "float_power": Scalar(lambda e: _power if all(x.aval.dtype == np.float64 for x in e.inputs) else None, 40, True),
    "deg2rad": Scalar(_floats(lambda b, x: b.mul(x, b.like(math.pi / 180, x))), 1, True),
    "rad2deg": Scalar(_floats(lambda b, x: b.mul(x, b.like(180 / math.pi, x))), 1, True),
    **{n: Scalar(_floats(_intrinsic(m)), 1, True) for n, m in
       {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}.items()},
    "sqrt": Scalar(_floats(f.sqrt), 8, True),
    "root": Scalar(_floats(f.sqrt), 8, True),
    **{n: Scalar(_floats(getattr(f, n)), 20, True) for n in ("exp", "expm1", "tanh", "log", "log1p", "sin", "cos")},
    "logaddexp": Scalar(_floats(f.logaddexp), 50, True),
    "scipy_expit": Scalar(_floats(f.expit), 25, True),
    **{n: Scalar(_floats(emit), 60, True) for n, emit in f.C_LIBRARY.items() if hasattr(np, n)
       and n not in ("pow", "nextafter")},
    **{f"scipy_{n}": Scalar(_floats(f.C_LIBRARY[n]), 60, True) for n in ("erf", "erfc", "cbrt", "exp2")},
    "scipy_expm1": Scalar(_floats(f.expm1), 20, True),
    "scipy_log1p": Scalar(_floats(f.log1p), 20, True),
    "scipy_ndtr": Scalar(_floats(_normal_cdf), 60, True),
    "nextafter": Scalar(lambda e: f.C_LIBRARY["nextafter"] if e.outputs[0].aval.dtype == np.float64 else None, 60, True),
    **{n: Scalar(_same, 0, True) for n in NAMES},
}  # fmt: skip


# --- views ----------------------------------------------------------------------------------------------------------------


def at(n: int) -> Place:
    return n, ()


def moved(place: Place, start: int, step: int) -> Place:
    """``start + step * place``."""
    n, terms = place
    return start + step * n, terms if step == 1 else tuple((axis, factor * step) for axis, factor in terms)


def added(x: Place, y: Place) -> Place:
    factors = dict(x[1])
    for axis, factor in y[1]:
        factors[axis] = factors.get(axis, 0) + factor
    return x[0] + y[0], tuple(sorted((a, c) for a, c in factors.items() if c))


def broadcast_index(index: Index, shape: Sequence[int]) -> Index:
    """The index into an array of this shape that broadcasts to the one indexed."""
    last = index[len(index) - len(shape) :] if shape else ()
    return tuple(at(0) if n == 1 else i for i, n in zip(last, shape, strict=True))


def _transposed(eqn: Equation, index: Index) -> Index:
    operand: list[Any] = [None] * len(index)
    for i, axis in zip(index, eqn.params["permutation"], strict=True):
        operand[axis] = i
    return tuple(operand)


def _sliced(eqn: Equation, index: Index) -> Index:
    rest, operand = iter(index), []
    for entry in eqn.params["index"]:
        operand.append(at(entry) if isinstance(entry, int) else moved(next(rest), entry[0], entry[2]))
    return (*operand, *rest)


def _reshaped(eqn: Equation, index: Index) -> Index | None:
    return reshaped(eqn.outputs[0].aval.shape, index, eqn.inputs[0].aval.shape)


def reshaped(shape: Sequence[int], index: Index, operand: Sequence[int]) -> Index | None:
    """The index into the array before a reshape, if that only splits axes; None if it merges some."""
    result: list[Place] = []
    i = 0
    for n in operand:
        if n == 1:
            result.append(at(0))
            continue
        place, size = at(0), 1
        while size < n:
            if i >= len(shape) or n % (size * shape[i]):
                return None
            if shape[i] != 1:
                place, size = added(moved(place, 0, shape[i]), index[i]), size * shape[i]
            i += 1
        result.append(place)
    return tuple(result)


def _diagonal(eqn: Equation, index: Index) -> Index:
    term, out = eqn.params["spec"].split("->")
    place = dict(zip(out, index, strict=True))
    return tuple(place[c] for c in term)


def _windowed(eqn: Equation, index: Index) -> Index:
    """Windows that slide over the last axes: which one, and where in it."""
    strides, dilations = eqn.params["strides"], eqn.params["dilations"]
    k = len(strides)
    lead, which, within = index[: len(index) - 2 * k], index[len(index) - 2 * k : len(index) - k], index[len(index) - k :]
    places = zip(which, within, strides, dilations, strict=True)
    return (*lead, *(added(moved(w, 0, s), moved(i, 0, d)) for w, i, s, d in places))


def written_part(eqn: Equation, out: Any) -> Any:
    """The part of an array that an equation writes: a view of ``out``, in which elements may be several times."""
    if eqn.primitive.name != "overlap":
        return out[(*numpy_index(eqn.params["index"]), ...)]
    k = len(eqn.params["sizes"])
    steps = out.strides[out.ndim - k :]
    between = (b * s for b, s in zip(steps, eqn.params["strides"], strict=True))
    within = (b * d for b, d in zip(steps, eqn.params["dilations"], strict=True))
    strided: Any = np.lib.stride_tricks.as_strided
    return strided(out, eqn.inputs[0].aval.shape, (*out.strides[: out.ndim - k], *between, *within), writeable=False)


DIAGONAL = View(_diagonal)
"""An einsum of one operand that has letters twice, and its result each once."""

VIEWS: dict[str, View] = {
    "broadcast_to": View(lambda e, index: broadcast_index(index, e.inputs[0].aval.shape)),
    "transpose": View(_transposed),
    "slice": View(_sliced),
    "reshape": View(_reshaped),
    "windows": View(_windowed),
}


# --- the others -----------------------------------------------------------------------------------------------------------


def _lowest(kind: str) -> Any:
    return -math.inf if kind[0] == "f" else False if kind == "bool" else 0 if kind[0] == "u" else -(2 ** (int(kind[1:]) - 1))


def _highest(kind: str) -> Any:
    if kind[0] == "f":
        return math.inf
    return True if kind == "bool" else 2 ** (int(kind[1:]) - (kind[0] == "i")) - 1


REDUCTIONS: dict[str, Reduce] = {
    "reduce_sum": Reduce(add, lambda kind: 0),
    "reduce_prod": Reduce(multiply, lambda kind: 1),
    "reduce_max": Reduce(_maximum, _lowest),
    "reduce_min": Reduce(_minimum, _highest),
    "reduce_and": Reduce(lambda b, x, y: b.logical("and", x, y), lambda kind: True),
    "reduce_or": Reduce(lambda b, x, y: b.logical("or", x, y), lambda kind: False),
}


def _concatenated(eqn: Equation) -> list[Any]:
    axis, start, parts = eqn.params["axis"], 0, []
    for x in eqn.inputs:
        parts.append((*[slice(None)] * axis, slice(start, start := start + x.aval.shape[axis])))
    return parts


def numpy_index(index: Any) -> Any:
    """An index of NumPy's for one in a program's parameters."""
    return tuple(i if isinstance(i, int) else slice(*i) for i in index)


ASSEMBLIES: dict[str, Assembly] = {
    "stack": Assembly(lambda e: [(*[slice(None)] * e.params["axis"], i) for i in range(len(e.inputs))]),
    "concatenate": Assembly(_concatenated),
    "embed": Assembly(lambda e: [numpy_index(i) for i in e.params["indices"]]),
}

WRITES: dict[str, Write] = {
    "spread": Write(False, True, add),
    "scatter": Write(True, True),
    "scatter_add": Write(True, True, add),
    "scatter_mul": Write(True, True, multiply),
    "scatter_min": Write(True, True, _minimum),
    "scatter_max": Write(True, True, _maximum),
    "clear": Write(True, False),
    "erase": Write(True, False),
    "update_slice": Write(True, True),
    "add_slice": Write(True, True, add),
    "overlap": Write(False, True, add),
}

ALONG: dict[str, Along] = {
    "cumsum": Along("accumulate", add),
    "cumprod": Along("accumulate", multiply),
    "cummax": Along("accumulate", _maximum),
    "cummin": Along("accumulate", _minimum),
    "argmax": Along("argmax"),
    "argmin": Along("argmin"),
}

TABLE: dict[str, Rule] = {
    **SCALARS, **VIEWS, **REDUCTIONS, **ASSEMBLIES, **WRITES, **ALONG,
    **{name: Foreign() for name in ("cholesky", "solve", "triangular_solve", "inv", "det", "slogdet")},
    "gather": Gather(), "einsum": Product(), "scan": Loop(), "while": Loop(), "cond": Loop(),
}  # fmt: skip

KNOWN = {
    "axes", "axis", "reverse", "spec", "index", "indices", "shape", "permutation", "dtype", "low", "high", "name", "upper",
    "lower", "transpose", "unit_diagonal", "checked", "num_consts", "num_carry", "length", "progress", "jaxpr", "num_cond",
    "num_body", "ticks", "cond", "body", "branches", "lengths", "sizes", "strides", "dilations",
}  # fmt: skip
"""The parameters that the rules of the table read.  An operation with others has a meaning that they do not know."""

KINDS = {"f64", "f32", "bool", *(f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64))}


def is_supported(aval: Any) -> bool:
    """Whether arrays of a type can be dealt with: complex numbers, float16 and extended precision cannot."""
    dtype = getattr(aval, "dtype", None)
    return isinstance(dtype, np.dtype) and (
        dtype.kind == "b" or (dtype.kind in "iuf" and f"{dtype.kind}{8 * dtype.itemsize}" in KINDS and dtype.isnative)
    )


def rule_of(eqn: Equation) -> Rule | None:
    """What an operation is, if it can be compiled."""
    if not all(is_supported(x.aval) for x in (*eqn.inputs, *eqn.outputs)):
        return None
    rule: Any = eqn.primitive.rules.get("native")
    if rule is None and all(name in KNOWN or value is False for name, value in eqn.params.items()):
        rule = TABLE.get(eqn.primitive.name)
    if type(rule) is Product and len(eqn.inputs) == 1:
        return DIAGONAL if len({*eqn.params["spec"].split("->")[1]}) == len(eqn.outputs[0].aval.shape) else None
    if type(rule) is Reduce and eqn.inputs[0].aval.dtype != eqn.outputs[0].aval.dtype:
        return None  # whether numbers are zero
    params = eqn.params
    if type(rule) is Loop and (params.get("progress") or params.get("length", 0) is None or params.get("ticks") is not None):
        return None  # it shows how far it is, or its stacks are as long as it turns out
    if type(rule) is Foreign and eqn.outputs[0].aval.dtype.kind != "f":
        return None
    if type(rule) is Along and eqn.inputs[0].aval.dtype.kind == "b":
        return None
    if type(rule) is Scalar and rule.takes_equation:
        emit = rule.emit(eqn)
        return None if emit is None else Scalar(emit, rule.cost)
    return rule  # type: ignore[no-any-return]
