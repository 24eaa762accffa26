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

from covector.backends.native import random
from covector.backends.native.elementwise import SCALARS, Scalar, add, maximum, minimum, multiply, of_library
from covector.backends.native.ir import Builder, Value
from covector.backends.native.libraries import OF_NUMPY, has_numpys
from covector.backends.native.transforms import has_transform
from covector.core.errors import PrimitiveRuleError
from covector.core.jaxpr import Equation

Term = tuple[int, int]
"""An axis of a loop nest, and by what it is multiplied."""

Place = tuple[int, tuple[Term, ...]]
"""A place along an axis of an array: a number and multiples of the axes of the loops."""

Index = tuple[Place, ...]
"""A place for each axis of an array."""


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


class Generate(NamedTuple):
    """Random bits of the place of each element: ``emit(b, place, *words of the key)`` writes them."""

    emit: Callable[..., Value]


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
    """A routine of another library, on arrays in memory: of "lapack", or a "transform" of NumPy's."""

    library: str = "lapack"


class Loop(NamedTuple):
    """Programs that are run again and again, or not at all."""


class Free(NamedTuple):
    """Memory that is given back."""


RELEASE = Free()


Rule = Scalar | View | Reduce | Product | Assembly | Gather | Generate | Write | Along | Foreign | Loop | Free


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
    "reduce_max": Reduce(maximum, _lowest),
    "reduce_min": Reduce(minimum, _highest),
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
    "scatter_min": Write(True, True, minimum),
    "scatter_max": Write(True, True, maximum),
    "clear": Write(True, False),
    "erase": Write(True, False),
    "update_slice": Write(True, True),
    "add_slice": Write(True, True, add),
    "overlap": Write(False, True, add),
}

ALONG: dict[str, Along] = {
    "cumsum": Along("accumulate", add),
    "cumprod": Along("accumulate", multiply),
    "cummax": Along("accumulate", maximum),
    "cummin": Along("accumulate", minimum),
    "argmax": Along("argmax"),
    "argmin": Along("argmin"),
}

TABLE: dict[str, Rule] = {
    **SCALARS, **VIEWS, **REDUCTIONS, **ASSEMBLIES, **WRITES, **ALONG,
    **{name: Foreign() for name in ("cholesky", "solve", "triangular_solve", "inv", "det", "slogdet", *OF_NUMPY)},
    "fft": Foreign("transform"), "gather": Gather(), "einsum": Product(), "scan": Loop(), "while": Loop(), "cond": Loop(),
}  # fmt: skip

KNOWN = {
    "axes", "axis", "reverse", "spec", "index", "indices", "shape", "permutation", "dtype", "low", "high", "name", "upper",
    "lower", "transpose", "unit_diagonal", "checked", "num_consts", "num_carry", "length", "progress", "jaxpr", "num_cond",
    "num_body", "ticks", "cond", "body", "branches", "lengths", "sizes", "strides", "dilations", "width", "vectors",
    "full_matrices", "compute_uv", "mode", "what", "decimals", "transform", "n", "norm",
}  # fmt: skip
"""The parameters that the rules of the table read.  An operation with others has a meaning that they do not know."""

SUPPORTED = {np.dtype(name) for name in ("?", "f8", "f4", "f2", *(f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)))}


def is_supported(aval: Any) -> bool:
    """Whether arrays of a type can be dealt with: complex numbers are pairs of such; extended precision cannot."""
    return getattr(getattr(aval, "element", aval), "dtype", None) in SUPPORTED


def unknown_params(eqn: Equation) -> list[str]:
    """The parameters of an operation that say something which the table does not know."""
    return [name for name, value in eqn.params.items() if name not in KNOWN and value is not False]


def is_known(eqn: Equation) -> bool:
    """Whether the table knows all that the parameters of an operation may say."""
    return not unknown_params(eqn)


def rule_of(eqn: Equation) -> Rule | None:
    """What an operation is, if it can be compiled."""
    found = rule_or_why(eqn)
    return None if type(found) is str else found


def rule_of_user(eqn: Equation, rule: Any) -> Any:
    """The rule of a primitive of the user's, whose errors say so; or why it is none for an equation."""
    if type(rule) is not Scalar:
        return f"its native rule is a {type(rule).__name__}, and no Scalar"
    if rule.takes_equation:
        return rule._replace(emit=lambda eqn: told(eqn.primitive, rule.emit(eqn)))
    if eqn.params:
        return "its native rule does not take parameters: Scalar(lambda eqn: lambda b, x: ..., takes_equation=True) does"
    return rule._replace(emit=told(eqn.primitive, rule.emit))


@cache
def told(primitive: Any, emit: Callable[..., Any]) -> Callable[..., Any]:
    """What writes a function of a primitive of the user's: its errors name that."""

    def telling(b: Builder, *values: Value) -> Value:
        what = f"the native rule of {primitive.name!r}"
        fix = "write it with the operations of the builder: Scalar(lambda b, x: b.mul(x, b.like(2.0, x)))"
        try:
            found = emit(b, *values)
        except Exception as error:
            raise PrimitiveRuleError(f"{what} raised {type(error).__name__}: {error}.", fix=fix) from error
        if not isinstance(found, Value):
            raise PrimitiveRuleError(f"{what} returned {found!r}, and no value of the builder.", fix=fix)
        return found

    return telling


def rule_or_why(eqn: Equation) -> Any:
    """What an operation is, or why it cannot be compiled: an empty text where none of the rules is for such operands."""
    name, params = eqn.primitive.name, eqn.params
    rule: Any = eqn.primitive.rules.get("native")
    if not eqn.primitive.trusted:  # and may have the name of one that has not been needed yet
        rule = "no rule" if rule is None else rule_of_user(eqn, rule)
        if type(rule) is str:
            return rule
    if rule is None:
        rule, unknown = TABLE[name] if name in TABLE else of_library(eqn), unknown_params(eqn)
        if rule is None and name != "random_bits":
            return "no rule"
        if unknown:
            return f"no rule with the parameter {', '.join(sorted(unknown))}"
    if not all(is_supported(x.aval) for x in (*eqn.inputs, *eqn.outputs)):
        return ""
    if type(rule) is Product and len(eqn.inputs) == 1:
        return DIAGONAL if len({*params["spec"].split("->")[1]}) == len(eqn.outputs[0].aval.shape) else ""
    if type(rule) is Reduce and eqn.inputs[0].aval.dtype != eqn.outputs[0].aval.dtype:
        return ""  # whether numbers are zero
    if type(rule) is Loop and params.get("progress"):
        return "it shows how far it is"
    if params.get("length", 0) is None and len(eqn.outputs) > params["num_carry"]:
        return "a loop of unknown length that collects values"
    if rule is None:
        return Generate(random.bits(params["width"])) if params["width"] >= 8 else ""
    if type(rule) is Foreign and eqn.outputs[0].aval.dtype.kind != "f":
        return ""
    if name in OF_NUMPY and not has_numpys():
        return "NumPy's LAPACK is not found"
    if type(rule) is Foreign and rule.library == "transform" and not has_transform(eqn):
        return "NumPy's transforms are not found" if eqn.inputs[0].aval.size else ""
    if type(rule) is Along and eqn.inputs[0].aval.dtype.kind == "b":
        return ""
    if type(rule) is Scalar and rule.takes_equation:
        emit = rule.emit(eqn)
        return "" if emit is None else Scalar(emit, rule.cost)
    return rule
