"""``math`` on traced numbers, and in packages that are named ``float`` and other types of numbers, which keep derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import dtype_of
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_map
from covector.core.tracer import TracedArray
from covector.lifting.creation import listed
from covector.lifting.lifted import (
    LIFTED,
    as_number,
    as_truth,
    convert,
    corrected,
    has_traced,
    known,
    make_scalar,
    unwrap,
    wrap,
)
from covector.numpy.elementwise import of_parts
from covector.numpy.registry import as_array
from covector.numpy.undetermined import zero_unless
from covector.transforms.utilities import stop_gradient

UFUNCS = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "pow": np.power, "fabs": np.abs, "modf": np.modf, "ldexp": np.ldexp,
    **{name: getattr(np, name) for name in """
        sin cos tan sinh cosh tanh exp exp2 log10 log2 log1p expm1 sqrt cbrt isnan isinf isfinite degrees radians copysign fmod
    """.split()},
}  # fmt: skip


DOUBLE = np.empty((), float)


def _number(x: Any, like: Any = DOUBLE) -> Any:
    """The value of a number; of an array with one element that element, as Python's functions take it."""
    x = unwrap(x)
    if isinstance(x, TracerBase) and x.shape:  # type: ignore[attr-defined]
        if x.size != 1:  # type: ignore[attr-defined]
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        x = np.reshape(x, ())  # type: ignore[call-overload]
    return convert(x, like) if isinstance(x, TracerBase) else x  # Python computes in double precision


def _result(value: Any) -> Any:
    if isinstance(value, TracerBase) and dtype_of(value).kind in "fb":
        return as_number(value)
    return bool(value) if type(value) is np.bool_ else wrap(value)


def _of_numbers(original: Callable[..., Any], lifted: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        if not any(type(x) in LIFTED or isinstance(x, TracerBase) for x in args):
            return original(*args)
        values = list(map(_number, args))
        numbers = list(map(known, values))
        if None not in numbers:  # raises where Python does: of a negative number, say
            found = original(*numbers)
            if not has_traced(values):
                return found
        return tree_map(_result, lifted(*values))

    return call


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _hypot(*xs: Any) -> Any:
    return np.hypot(*xs) if len(xs) == 2 else _norm(np.stack([as_array(x) for x in xs]))


def _norm(x: Any) -> Any:
    """The length of a vector, also where the squares of its elements are too large or too small."""
    scale = stop_gradient(np.max(np.abs(x), initial=0.0))
    scale = np.where((scale == 0) | np.isinf(scale), 1.0, scale)
    return scale * np.linalg.norm(x / scale)


def _remainder(x: Any, y: Any) -> Any:
    """``x - n y`` for the integer n next to x / y, the even one of two; remainders by division are exact."""
    size = np.abs(y)
    rest = np.fmod(np.abs(x), 2.0 * size)
    rest = np.where(rest >= 1.5 * size, rest - 2.0 * size, np.where(rest > 0.5 * size, rest - size, rest))
    return np.where(x < 0, -rest, rest)


def _of_sequence(original: Callable[..., Any], lifted: Callable[..., Any], is_exact: bool = False) -> Callable[..., Any]:
    """A function of sequences; in double precision, and exact where values are known, if that is what ``math`` gives."""

    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple([x if type(x) in LIFTED else list(x) for x in args])
        values, options = [listed(x) for x in args], unwrap(kwargs)
        if not has_traced((values, options)):
            return original(*args, **kwargs)
        values = list(map(as_array, values))
        if not is_exact:
            return wrap(lifted(*values, **options))
        found, numbers = lifted(*[convert(x, np.empty((), float)) for x in values]), list(map(known, values))
        if any(x is None for x in numbers):
            return as_number(found)
        return as_number(corrected(found, original(*[np.asarray(x).tolist() for x in numbers])))

    return call


def _isclose(a: Any, b: Any, *, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    """``math.isclose``: Python's truth of known numbers, else a traced one, which `branches="split"` answers."""
    values = [_number(x) for x in (a, b, rel_tol, abs_tol)]
    numbers = list(map(known, values))
    if not any(x is None for x in numbers):
        return math.isclose(numbers[0], numbers[1], rel_tol=numbers[2], abs_tol=numbers[3])
    if any(known(t) is not None and known(t) < 0 for t in values[2:]):
        raise ValueError("tolerances must be non-negative")
    x, y, rel, least = values
    apart = np.abs(x - y)
    is_near = apart <= np.maximum(rel * np.maximum(np.abs(x), np.abs(y)), least)
    return as_truth((x == y) | (is_near & np.isfinite(apart)))


def _whole(name: str) -> Callable[..., Any]:
    original = getattr(math, name)

    def call(x: Any) -> Any:
        if type(x) not in LIFTED and not isinstance(x, TracerBase):
            return original(x)
        value = _number(x)
        found = known(value)
        if found is not None:
            return original(found)
        return as_number(getattr(np, name)(value).astype(int) + zero_unless(np.logical_not(np.abs(value) < 2.0**63)))

    return call


def _special(name: str) -> Callable[[Any], Any]:
    def lifted(x: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(x)

    return lifted


OF_NUMBERS = {
    **UFUNCS, "remainder": _remainder, "log": _log, "hypot": _hypot,
    "erf": _special("erf"), "erfc": _special("erfc"), "gamma": _special("gamma"), "lgamma": _special("gammaln"),
}  # fmt: skip
MATH: dict[str, Callable[..., Any]] = {
    **{name: _of_numbers(getattr(math, name), f) for name, f in OF_NUMBERS.items()},
    **{name: _whole(name) for name in ("floor", "ceil", "trunc")},
    "isclose": _isclose,
    "fsum": _of_sequence(math.fsum, np.sum, is_exact=True),
    "prod": _of_sequence(math.prod, lambda x, start=1: start * np.prod(x)),
    "dist": _of_sequence(math.dist, lambda p, q: _norm(p - q), is_exact=True),
}
"""What stands for functions of ``math`` in lifted code, by their names."""


# --- float, complex and NumPy's numbers --------------------------------------------------------------------------------------


class _Standing(type):
    """A class that is another one to ``isinstance``, ``issubclass`` and ``==``."""

    stands_for: Any

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.stands_for)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.stands_for)

    def __eq__(cls, other: object) -> bool:
        return other is cls.stands_for or type.__eq__(cls, other)

    def __hash__(cls) -> int:
        return hash(cls.stands_for)


def _standing(stands_for: type) -> Any:
    like: Any = np.empty((), stands_for)
    is_numpys = issubclass(stands_for, np.generic)

    def new(cls: type, *args: Any, **options: Any) -> Any:
        if type(cls) is not _Standing:  # a class made of the original, which says float.__new__(cls, x)
            return stands_for.__new__(cls, *args, **options)
        if len(args) != 1 or options:
            parts = dict(zip(("real", "imag"), args, strict=False)) | options
            is_traced = has_traced([unwrap(x) for x in parts.values()])
            return as_number(_of_parts(**parts)) if is_traced else stands_for(*args, **options)
        (x,) = args
        if is_numpys and type(x) in LIFTED and x.shape:
            return np.array(x, like.dtype) if type(x._read()) is np.ndarray else wrap(convert(x._captured(), like))
        value = _number(x, like)
        if not isinstance(value, TracerBase):
            return stands_for(value)
        return make_scalar(value) if is_numpys else as_number(value)

    return _Standing(stands_for.__name__, (stands_for,), {"__new__": new, "dtype": like.dtype, "stands_for": stands_for})


def _of_parts(real: Any = 0.0, imag: Any = 0.0) -> Any:
    """The complex number of two real ones, infinite ones too; of complex ones as Python adds them."""
    real, imag = unwrap(real), unwrap(imag)
    if "c" in dtype_of(real).kind + dtype_of(imag).kind:
        return real + 1j * imag
    return of_parts(*(convert(x, DOUBLE) for x in (real, imag)))


TYPES: tuple[type, ...] = (float, complex, np.float16, np.float32, np.float64, np.complex64, np.complex128)
STANDING = {t: _standing(t) for t in TYPES}
"""What stands for Python's and NumPy's types of numbers in the modules of packages that are named."""


class _Asking(type):
    """The metaclass of what stands for ``type``, of which one value asks for its type."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if cls is not TYPE:  # a metaclass that was made of it
            return super().__call__(*args, **options)
        if len(args) != 1 or options:
            return type(*args, **options)
        kind = args[0].__class__ if type(args[0]) in LIFTED else type(args[0])
        return np.ndarray if kind is TracedArray else TYPE if kind is type else STANDING.get(kind, kind)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, type) if cls is TYPE else super().__instancecheck__(x)

    def __subclasscheck__(cls, x: type) -> bool:
        return issubclass(x, type) if cls is TYPE else super().__subclasscheck__(x)

    def __eq__(cls, other: object) -> bool:
        return other is type if cls is TYPE and other is not cls else cls is other

    def __hash__(cls) -> int:
        return hash(type) if cls is TYPE else type.__hash__(cls)


TYPE = _Asking("type", (type,), {})
"""What stands for ``type`` there, so that an array of the run has NumPy's, and a number one of those above."""

BUILTINS = {t.__name__: STANDING[t] for t in (float, complex)} | {"type": TYPE}
