"""Equations as expressions of NumPy: ``expression(module, equation, operands) -> Expression``.

>>> import covector as cv
>>> from covector.backends.readable.spelling import Module
>>> program = cv.make_jaxpr(lambda x: np.sum(x * 2.0, axis=0))(np.ones((2, 3)))
>>> [expression(Module(), e, [Expression("x")]).text for e in program.equations[1:]]
['np.sum(x, axis=0)']

What has no words here is written by the form that the NumPy backend has for it (`covector.backends.forms`), if that calls
functions that a file can import, or as the primitive's ``bind``, which does the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.backends.forms import Form, has_methods
from covector.backends.readable.spelling import Module, importable
from covector.core.jaxpr import Equation, Literal
from covector.core.kinds import Elementwise
from covector.core.primitive import Primitive

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)


class Expression(NamedTuple):
    """Text, and how strongly its parts hold together."""

    text: str
    level: int = ATOM

    def inside(self, level: int) -> str:
        """The text, in parentheses where operators of a level are next to it."""
        return self.text if self.level >= level else f"({self.text})"


INFIX = {
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), COMPARISON),
    "bitwise_or": OR, "bitwise_xor": XOR, "bitwise_and": AND, "left_shift": SHIFT, "right_shift": SHIFT,
    "add": SUM, "sub": SUM, "mul": PRODUCT, "div": PRODUCT, "floor_divide": PRODUCT, "remainder": PRODUCT,
}  # fmt: skip
SYMBOLS = {
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "bitwise_or": "|", "bitwise_xor": "^", "bitwise_and": "&", "left_shift": "<<", "right_shift": ">>",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floor_divide": "//", "remainder": "%",
}  # fmt: skip
KEEPS_PYTHON_NUMBERS = {"add", "sub", "mul", "neg", "sumprod"}
"""Operators that do the same to Python's numbers as the program does; others fail where NumPy gives an infinity."""

Words = Callable[[Module, Equation, Sequence[Expression]], Expression | None]


def expression(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    """An equation of one result as an expression of its operands; of several results the expression of their list."""
    name, trusted = eqn.primitive.name, eqn.primitive.trusted
    if eqn.primitive.multiple_results:
        words = _RESULTS.get(name)
        return (words and words(module, eqn, operands)) or _bind(module, eqn, operands)
    aval = eqn.outputs[0].aval
    is_weak = getattr(aval, "weak_type", False)
    if is_weak and name not in KEEPS_PYTHON_NUMBERS:
        python_type = {"f": "float", "c": "complex", "i": "int", "u": "int", "b": "bool"}[aval.dtype.kind]
        if name == "weaken":
            return Expression(f"{python_type}({operands[0].text})")
        return Expression(f"{python_type}({_found(module, eqn, operands).text})")
    return _found(module, eqn, operands) if trusted else _bind(module, eqn, operands)


def _found(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    words = _WORDS.get(eqn.primitive.name, _infix if eqn.primitive.name in INFIX else None)
    found = words(module, eqn, operands) if words is not None and eqn.primitive.trusted else None
    return found or _of_form(module, eqn, operands) or _bind(module, eqn, operands)


def literal(module: Module, atom: Any, eqn: Equation | None) -> Expression:
    """A constant in an equation: as a Python number where NumPy makes the same of it beside the other operands."""
    value = atom.value
    if eqn is not None and isinstance(value, np.generic) and value.dtype.char not in "gG":
        others = [x.aval for x in eqn.inputs if type(x) is not Literal]
        same = any(a.dtype == value.dtype and not a.weak_type for a in others if hasattr(a, "weak_type"))
        if same and isinstance(eqn.primitive.kind, Elementwise) and len({a.dtype for a in others}) == 1:
            value = value.item()
    text = module.value(value)
    return Expression(text, UNARY if text.startswith("-") else ATOM)


def call(function: str, *arguments: Any, **keywords: Any) -> Expression:
    """``function(*arguments, **keywords)`` of texts; a keyword that is None is left out."""
    named = [f"{k}={v}" for k, v in keywords.items() if v is not None]
    return Expression(f"{function}({', '.join([*map(str, arguments), *named])})")


def _texts(operands: Sequence[Expression]) -> list[str]:
    return [x.text for x in operands]


def _is_array(eqn: Equation, n: int = 0) -> bool:
    return has_methods(eqn.inputs[n].aval)


def _infix(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    """An operator, where an operand is NumPy's."""
    name, level = eqn.primitive.name, INFIX[eqn.primitive.name]
    if name not in KEEPS_PYTHON_NUMBERS and all(getattr(x.aval, "weak_type", False) for x in eqn.inputs):
        return None
    if eqn.inputs[0].aval.dtype.kind == eqn.inputs[1].aval.dtype.kind == "b" and name not in ("bitwise_or", "bitwise_and"):
        return None
    x, y = operands
    return Expression(f"{x.inside(level + (level == COMPARISON))} {SYMBOLS[name]} {y.inside(level + 1)}", level)


# --- by the form of the NumPy backend ------------------------------------------------------------------------------------


def _of_form(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    lower = eqn.primitive.rule("lower")
    form: Form | None = lower(eqn) if lower is not None else None
    if form is None:
        return None
    if form.kind == "subscript":
        return Expression(f"{operands[0].inside(ATOM)}[{subscript(form.head)}]")
    more = [module.value(m) for m in form.more]
    keywords = {k: module.value(v) for k, v in form.keywords.items() if v is not None}
    if form.kind == "method":
        return call(f"{operands[0].inside(ATOM)}.{form.head}", *_texts(operands[1:]), *more, **keywords)
    if form.kind != "call":
        return None
    reduced = getattr(form.head, "__self__", None)
    if isinstance(reduced, np.ufunc):
        return call(f"{module.thing(reduced)}.{form.head.__name__}", *_texts(operands), *more, **keywords)
    where, name = importable(form.head)
    is_own = where.startswith(("covector", "_operator")) or (not name and not isinstance(form.head, np.ufunc))
    if is_own:
        return None
    return call(module.thing(form.head), *_texts(operands), *more, **keywords)


def subscript(index: Any) -> str:
    """What stands in brackets."""
    return ", ".join(map(_entry, index)) or "()"


def _entry(entry: Any) -> str:
    if type(entry) is not tuple:
        return str(entry)
    start, stop, step = entry
    text = f"{start or ''}:{'' if stop is None else stop}" if step > 0 else f"{start}:{'' if stop is None else stop}"
    return text if step == 1 else f"{text}:{step}"


def _bind(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    """The primitive applied, which works for all."""
    keywords = {k: module.value(v) for k, v in eqn.params.items()}
    return call(f"{primitive(module, eqn.primitive)}.bind", *_texts(operands), **keywords)


def primitive(module: Module, p: Primitive) -> str:
    """The name of a primitive: that of the variable that holds it in a module, if one does."""
    attribute = f"{p.name}_p"
    first = getattr(p.impl, "__module__", None)
    for name in [n for n in (first, *sys.modules) if isinstance(n, str) and n != "__main__"]:
        if getattr(sys.modules.get(name), "__dict__", {}).get(attribute) is p:
            return module.member(name, attribute)
    found = module.member("covector.extend", "Primitive")
    return f"{found}.registry[{p.name!r}]"


# --- words for single primitives -----------------------------------------------------------------------------------------


def _axis(axes: Sequence[int], ndim: int) -> str | None:
    """The axes of a reduction, None for all."""
    axes = tuple(axes)
    if axes == tuple(range(ndim)):
        return None
    return repr(axes[0]) if len(axes) == 1 else repr(axes)


def _reduction(function: str, keeps_type: bool = False) -> Words:
    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        x = eqn.inputs[0].aval
        dtype = module.type_of(x.dtype) if keeps_type and x.dtype.kind not in "fc" and x.dtype.itemsize < 8 else None
        more = {k: module.value(v) for k, v in eqn.params.items() if k != "axes" and v}
        return call(function, operands[0].text, axis=_axis(eqn.params["axes"], len(x.shape)), dtype=dtype, **more)

    return words


def _method(name: str, parameter: str) -> Words:
    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        value = eqn.params[parameter]
        if name == "transpose" and value == tuple(reversed(range(len(value)))) and _is_array(eqn):
            return Expression(f"{operands[0].inside(ATOM)}.T")
        if not _is_array(eqn):
            return call(f"np.{name}", operands[0].text, value)
        return call(f"{operands[0].inside(ATOM)}.{name}", *(value if len(value) > 1 else [value]))

    return words


def _convert(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    x, dtype = eqn.inputs[0].aval, eqn.params["dtype"]
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        real = f"np.real({operands[0].text})" if _is_array(eqn) else f"np.asarray({operands[0].text}).real[()]"
        return call(f"{real}.astype", module.type_of(dtype))
    if not _is_array(eqn):
        if x.weak_type and (dtype.kind in "fc" or dtype == np.int64):
            return call(module.type_of(dtype), operands[0].text)
        return call(f"np.asarray({operands[0].text})[()].astype", module.type_of(dtype))
    return call(f"{operands[0].inside(ATOM)}.astype", module.type_of(dtype))


def _broadcast_to(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    x, shape = eqn.inputs[0], eqn.params["shape"]
    if x.aval.shape or not shape:
        return call("np.broadcast_to", operands[0].text, shape)
    if x.aval.dtype != np.float64 and type(x) is Literal:
        return call("np.full", shape, module.value(x.value), dtype=module.type_of(x.aval.dtype))
    if type(x) is Literal and str(x.value) in ("0.0", "1.0"):
        return call("np.zeros" if x.value == 0 else "np.ones", shape)
    return call("np.full", shape, operands[0].text)


MULTIPLIED = {
    "ij,jk->ik": "{x} @ {y}", "ij,kj->ik": "{x} @ {y}.T", "ij,ik->jk": "{x}.T @ {y}", "ij,kj->ki": "{y} @ {x}.T",
    "ij,ik->kj": "{y}.T @ {x}", "ij,ki->kj": "{y} @ {x}", "ij,j->i": "{x} @ {y}", "i,ij->j": "{x} @ {y}",
    "ij,i->j": "{y} @ {x}", "i,ji->j": "{y} @ {x}", "i,i->": "{x} @ {y}", "ijk,ikl->ijl": "{x} @ {y}",
}  # fmt: skip
"""Contractions that are products of matrices."""


def _einsum(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    spec = eqn.params["spec"]
    long = any(x.aval.dtype.char in "gG" or not x.aval.size for x in eqn.inputs)
    out = spec.split("->")[1]
    if spec in MULTIPLIED:
        x, y = [o.inside(ATOM) for o in operands]
        return Expression(MULTIPLIED[spec].format(x=x, y=y), PRODUCT)
    if spec == "i,j->ij":
        return call("np.multiply.outer", *_texts(operands))
    if not spec.isascii() or long or len(set(out)) < len(out):
        return None
    optimize = "True" if len(operands) > 1 else None
    return call("np.einsum", repr(spec), *_texts(operands), optimize=optimize)


def _sumprod(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    pairs = zip(operands[::2], operands[1::2], strict=True)
    return Expression(" + ".join(f"{x.inside(PRODUCT)} * {y.inside(UNARY)}" for x, y in pairs), SUM)


def _pow(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    x, y = eqn.inputs
    if x.aval.dtype.kind == "b" or (getattr(x.aval, "weak_type", False) and getattr(y.aval, "weak_type", False)):
        return call("np.power", *_texts(operands))
    return Expression(f"{operands[0].inside(ATOM)} ** {operands[1].inside(UNARY)}", POWER)


def _gather(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    x, *indices = operands
    text = f"{x.inside(ATOM)}[{', '.join(_texts(indices))}]"
    return Expression(text)


def _joined(function: str) -> Words:
    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        axis = eqn.params["axis"] or None
        return call(function, f"[{', '.join(_texts(operands))}]", axis=axis)

    return words


def _along(function: str, *parameters: str) -> Words:
    """A function of an axis and of further parameters, in this order."""

    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        given = {p: module.value(eqn.params[p]) for p in parameters if eqn.params[p] is not None}
        ndim = len(eqn.inputs[0].aval.shape)
        axis = eqn.params["axis"]
        return call(function, operands[0].text, **given, axis=None if axis == ndim - 1 else axis)

    return words


def _accumulation(function: str) -> Words:
    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
        axis, x = eqn.params["axis"], eqn.inputs[0].aval
        if eqn.params.get("exclusive"):
            return None
        is_short = x.dtype.kind not in "fc" and x.dtype.itemsize < 8 and function in ("np.add", "np.multiply")
        dtype = module.type_of(x.dtype) if is_short else None
        if not eqn.params["reverse"]:
            return call(f"{function}.accumulate", operands[0].text, axis=axis or None, dtype=dtype)
        back = f"[{':, ' * axis}::-1]"
        flipped = f"{operands[0].inside(ATOM)}{back}"
        return Expression(call(f"{function}.accumulate", flipped, axis=axis or None, dtype=dtype).text + back)

    return words


def _fft(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    p, x = eqn.params, eqn.inputs[0].aval
    n = None if p["transform"] != "irfft" and p["n"] == x.shape[p["axis"]] else p["n"]
    axis = None if p["axis"] == len(x.shape) - 1 else p["axis"]
    norm = None if p["norm"] == "backward" else repr(p["norm"])
    return call(f"np.fft.{p['transform']}", operands[0].text, n=n, axis=axis, norm=norm)


def _where_else_zero(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    return call("np.where", *_texts(operands), "0")


def _clip(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
    low, high = (module.value(eqn.params[k]) for k in ("low", "high"))
    return call("np.minimum", call("np.maximum", operands[0].text, low).text, high)


def _function(name: str, *positional: str) -> Words:
    """A function of NumPy's that takes the parameters of the primitive, some of them by position."""

    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        return call(name, *_texts(operands), *(module.value(eqn.params[p]) for p in positional))

    return words


def _searchsorted(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    return None if eqn.params["batch"] else call("np.searchsorted", *_texts(operands), repr(eqn.params["side"]))


def _arg_reduction(name: str) -> Words:
    def words(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression:
        is_only = len(eqn.inputs[0].aval.shape) == 1
        return call(name, operands[0].text, axis=None if is_only else eqn.params["axis"])

    return words


def _invert(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    return Expression(f"~{operands[0].inside(UNARY)}", UNARY) if not eqn.inputs[0].aval.weak_type else None


_WORDS: dict[str, Words] = {
    "neg": lambda module, eqn, operands: Expression(f"-{operands[0].inside(UNARY)}", UNARY),
    "abs": _function("np.abs"),
    "invert": _invert,
    "pow": _pow,
    "sumprod": _sumprod,
    "clip": _clip,
    "keep": _where_else_zero,
    "round": _function("np.round", "decimals"),
    "reduce_sum": _reduction("np.sum", keeps_type=True),
    "reduce_prod": _reduction("np.prod", keeps_type=True),
    "reduce_max": _reduction("np.max"),
    "reduce_min": _reduction("np.min"),
    "reduce_and": _reduction("np.all"),
    "reduce_or": _reduction("np.any"),
    "variance": _reduction("np.var"),
    "argmax": _arg_reduction("np.argmax"),
    "argmin": _arg_reduction("np.argmin"),
    "reshape": _method("reshape", "shape"),
    "transpose": _method("transpose", "permutation"),
    "broadcast_to": _broadcast_to,
    "convert": _convert,
    "einsum": _einsum,
    "gather": _gather,
    "concatenate": _joined("np.concatenate"),
    "stack": _joined("np.stack"),
    "sort": _along("np.sort", "kind"),
    "argsort": _along("np.argsort", "kind"),
    "argpartition": _along("np.argpartition", "kth"),
    "searchsorted": _searchsorted,
    "cumsum": _accumulation("np.add"),
    "cumprod": _accumulation("np.multiply"),
    "cummax": _accumulation("np.maximum"),
    "cummin": _accumulation("np.minimum"),
    "fft": _fft,
    "solve": _function("np.linalg.solve"),
    "det": _function("np.linalg.det"),
    "inv": lambda module, eqn, operands: call("np.linalg.inv", operands[0].text) if eqn.params["checked"] else None,
    "cholesky": lambda module, eqn, operands: call(
        "np.linalg.cholesky", operands[0].text, upper="True" if eqn.params["upper"] else None
    ),
}


# --- several results -----------------------------------------------------------------------------------------------------


def _eigh(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    if not eqn.params["vectors"]:
        return None
    return call("np.linalg.eigh", operands[0].text, UPLO=None if eqn.params["lower"] else "'U'")


def _svd(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    if not eqn.params["compute_uv"]:
        return None
    return call("np.linalg.svd", operands[0].text, full_matrices=eqn.params["full_matrices"])


def _qr(module: Module, eqn: Equation, operands: Sequence[Expression]) -> Expression | None:
    return None if eqn.params["mode"] == "r" else call("np.linalg.qr", operands[0].text, repr(eqn.params["mode"]))


_RESULTS: dict[str, Words] = {
    "eigh": _eigh,
    "svd": _svd,
    "qr": _qr,
    "slogdet": _function("np.linalg.slogdet"),
}
