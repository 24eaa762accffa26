"""Tracers: arrays to NumPy and to the user, dispatch to covector.

>>> import covector as cv
>>> def f(x):
...     print(x, x.shape, x.dtype)
...     return np.sum(x * x)
>>> cv.jit(f)(np.ones(3))
Traced<f64[3]> (3,) float64
np.float64(3.0)

`Tracer` implements NumPy's protocols (``__array_ufunc__``, ``__array_function__``, ``__array_namespace__``), so plain NumPy
code reaches the primitives.  What each NumPy function means is registered from above, by function object, with
`register_ufunc` and `register_function`, and the operators and methods with `register_method`.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from covector.core import asked, errors
from covector.core.avals import PLAIN_TYPES, Shape, check_class, register_type
from covector.core.context import CAPTURING
from covector.core.counterparts import called_function, fix_of_call, fix_of_write
from covector.core.primitive import NO_PARAMS, Primitive, TracerBase
from covector.core.source import Source

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc means on tracers: called with its inputs."""

UFUNC_PRIMITIVES: dict[np.ufunc, Primitive] = {}
"""Ufuncs that are just a primitive: next to plain operands the trace that decides is known without `Primitive.bind`."""

UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
"""What ``ufunc.reduce``, ``accumulate``, ``outer``, ``at`` mean, and a call with keyword arguments (under "__call__")."""

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What a NumPy function means on tracers: called with its arguments."""

LATER: dict[Any, str] = {}
"""For functions of NumPy that not every program calls, or the name of their module: ours that says what they mean, imported
when that is asked."""

VIEWS: dict[Callable[..., Any], Callable[..., bool]] = {}
"""NumPy's functions whose result may share memory with an argument, so that a write into one is seen in the other: with which
arguments."""

ITSELF: set[Callable[..., Any]] = set()
"""NumPy's functions that make something new, but for some options return an argument itself (``np.diff(x, 0)``)."""

NO_ARRAY = np.array(None, dtype=object)
"""What NumPy makes of something that is no array."""

OUR_OPERANDS: set[type] = {*PLAIN_TYPES, np.float32, np.int64, np.bool_}
"""Types of operands next to which a tracer handles an operation; others are asked whether they override it."""


class TracedArray(np.ndarray):
    """The ``__class__`` of a traced value with axes: an array to `isinstance`, but not the class of plain arrays itself.

    SciPy's sparse matrices pass what says that it is of that one to code in C, and ask others for an array first.
    """


class Tracer(TracerBase):
    """A value that is being transformed; to the user's code it is an immutable array."""

    __slots__ = ()
    __array_priority__ = 1000.0

    def __init_subclass__(cls) -> None:
        register_tracer(cls, lambda x: x.aval)

    def _class(self) -> Any:
        """What ``isinstance`` is told: a value with axes is an array; one without may be a scalar of Python or NumPy."""
        return TracedArray if getattr(self.aval, "shape", ()) else type(self)

    __class__ = property(_class)

    # What each kind of tracer answers for itself.

    @property
    def aval(self) -> Any:
        """The shape, dtype and weak type of the value."""
        raise NotImplementedError(f"the tracer {type(self).__name__} has no property aval, which says what type its value has.")

    def concrete(self) -> Any:
        """The array behind the tracer if it is known, else None (``bool`` and ``int`` work where it is)."""
        return None

    def answer(self) -> Any:
        """What Python goes on with where the examples of a batch differ: the value of most (None where that cannot be)."""
        return None

    def is_zero(self) -> bool:
        """Whether the value is known to be zero, and so are its derivatives."""
        return False

    def duplicate(self) -> Any:
        """The same value as another object, as a copy of an array is."""
        new = object.__new__(type(self))
        for cls in type(self).__mro__:
            for slot in cls.__dict__.get("__slots__", ()):
                if slot != "viewed":
                    setattr(new, slot, getattr(self, slot))
        if hasattr(self, "__dict__"):  # of a class without slots
            vars(new).update(vars(self))
        return new

    def made_at(self) -> Source | None:
        """Where in the user's code the value was made, if that is known."""
        return None

    # --- static properties ---

    @property
    def shape(self) -> Shape:
        return self.aval.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.aval.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise self._refuse_axes("len(x)")
        return self.shape[0]

    def _refuse_axes(self, what: str) -> errors.ArgumentError:
        why = f"x is a traced value of type {self.aval}, a number without axes"
        return errors.ArgumentError(f"{what} was asked for.", why=why, fix="np.atleast_1d(x) gives it an axis")

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise self._refuse_axes("iteration over x")
        return (self[i] for i in range(self.shape[0]))  # type: ignore[index]

    def __repr__(self) -> str:
        value = self.concrete()
        shown = "" if value is None else f": {np.array2string(np.asarray(value), threshold=8, edgeitems=2)}"
        return f"Traced<{self.aval}{shown}>"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        fix = "print it with covector.debug.print('{}', x), or return it (has_aux=True) and format it outside"
        return format(np.asarray(self._known(errors.ConcretizationError, "the text", fix))[()], spec)

    def __hash__(self) -> int:
        fix = "use the position, a name or the shape as the key, or make the argument static (static_argnums) under jit"
        raise self._refuse(errors.TracerHashError, "the hash", fix, "it is an array, and arrays are not hashable")

    # --- Python asks for a value ---

    def _refuse(
        self, error: type[errors.ConcretizationError], what: str, fix: str, why: str = ""
    ) -> errors.ConcretizationError:
        made = self.made_at()
        called = called_function()
        refusal = error(
            f"{what} of a traced value of type {self.aval}{f', made at {made},' if made else ''} was asked for"
            f"{f' by {called}' if called else ''} inside {self._trace.name or 'a transformation'}.",
            why=why or self.unknown_because(),
            fix=fix_of_call(called) if called else fix,
        )
        asker: Any = sys._getframe(1)
        while asker.f_code.co_filename == __file__:
            asker = asker.f_back
        errors.note_refusal(asker, refusal)
        return refusal

    def unknown_because(self) -> str:
        """Why this tracer cannot be a plain Python or NumPy value."""
        return "its value is not known while the function is being traced"

    def _known(
        self, error: type[errors.ConcretizationError], what: str, fix: str, fitting: Callable[[str], str] | None = None
    ) -> Any:
        """The value, where it is known; the error says the ``fix``, or the one ``fitting`` what Python is doing."""
        value = self.concrete()
        if value is None:
            value = self.answer()
        if value is None:
            raise self._refuse(error, what, fitting(fix) if fitting is not None else fix)
        return value

    def __bool__(self) -> bool:
        return bool(
            self._known(
                errors.TracerBoolConversionError,
                "the truth",
                "choose between values with np.where(condition, a, b), or make the argument static (static_argnums) under jit",
                asked.fix_of_truth,
            )
        )

    def __int__(self) -> int:
        return int(self._whole())

    def __floor__(self) -> int:
        return math.floor(self._whole())  # type: ignore[no-any-return]

    def __ceil__(self) -> int:
        return math.ceil(self._whole())  # type: ignore[no-any-return]

    def __trunc__(self) -> int:
        return math.trunc(self._whole())  # type: ignore[no-any-return]

    def _whole(self) -> Any:
        """The value, of which Python makes an integer."""
        fix = "make the argument static (static_argnums) under jit, or keep the computation in arrays"
        return self._known(errors.TracerIntegerConversionError, "the integer value", fix, asked.fix_of_integer)

    def __index__(self) -> int:
        fix = (
            "index a tracer (not a list or an ndarray) with it: covector.at(A)[i].get() works, A[i] on a plain array A does not"
        )
        value = self._known(errors.TracerIntegerConversionError, "the integer value", fix, asked.fix_of_integer)
        if self.dtype.kind not in "iu":
            raise errors.ArgumentError(
                f"a traced value of type {self.aval} was used as an integer.",
                why=f"only values of integer types are, as for NumPy, and this is {self.dtype.name}",
                fix="x.astype(int) where integers are meant; shapes and positions of Python's lists are Python's integers",
            )
        return value.__index__()  # type: ignore[no-any-return]

    def __float__(self) -> float:
        whole = self.answer() if self.dtype.kind in "biu" else None  # which has no derivative
        if whole is not None:
            return float(whole)
        raise self._refuse(
            errors.TracerFloatConversionError,
            "the float value",
            asked.fix_of_conversion(
                "use np.sin and its like instead of math.sin; build arrays with np.stack([...]) or covector.at(x)[i].set(v)"
                " instead of A[i] = v; return the value (has_aux=True) to look at it"
            ),
        )

    def __complex__(self) -> complex:
        raise self._refuse(
            errors.TracerFloatConversionError,
            "the complex value",
            asked.fix_of_conversion("use NumPy functions instead of cmath and complex()"),
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if asked.by_operator_of("scipy.sparse"):
            return NO_ARRAY  # it then leaves the operator to this value
        raise self._refuse(
            errors.TracerArrayConversionError,
            "a NumPy array",
            asked.fix_of_conversion(
                "use np.stack([...]) or covector.numpy.array([...]) instead of np.array([...]), covector.numpy.take(a, i,"
                " axis=0) instead of a[i] for a plain array, and functions that dispatch on their arguments; for a function"
                " that cannot be traced, register a primitive",
                is_mask=self.dtype == np.bool_,
            ),
        )

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
        fix = "compute in NumPy's functions, or give the other library the result; covector.pure_callback calls it on arrays"
        raise self._refuse(errors.TracerArrayConversionError, "the memory", fix)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the CPU, as of NumPy's arrays

    def item(self, *args: Any) -> Any:
        fix = "keep it an array, or return it from the function"
        raise self._refuse(errors.TracerFloatConversionError, "the Python value", fix)

    def tolist(self) -> Any:
        raise self._refuse(errors.TracerArrayConversionError, "a list", "keep it an array, or return it from the function")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise errors.InPlaceWriteError(
            f"x[...] = v writes in place into a traced value of type {self.aval}.",
            why="traced values are immutable: other values may have been computed from them",
            fix=fix_of_write("x = covector.at(x)[index].set(v); there are also .add, .multiply, .min and .max"),
        )

    # --- NumPy's protocols ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            primitive = UFUNC_PRIMITIVES.get(ufunc)
            if primitive is not None and not CAPTURING and (len(inputs) == 1 or is_alone(self, inputs)):
                return self._trace.process(primitive, inputs, NO_PARAMS)
            handler = UFUNCS.get(ufunc)
            if handler is not None:
                for x in inputs:
                    if type(x) not in OUR_OPERANDS:
                        if foreign_override(x):
                            return NotImplemented
                        return handler(*map(as_operand, inputs))
                return handler(*inputs)
        return UFUNC_METHODS[method](ufunc, *inputs, **kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        handler = FUNCTIONS.get(func) or meaning_from_later(func)
        if handler is None:
            raise unsupported(func)
        for cls in types:
            if cls not in OUR_OPERANDS and foreign_type(cls):
                return NotImplemented
        out = handler(*args, **kwargs)
        may_view = VIEWS.get(func)
        if may_view is not None:
            if may_view(*args, **kwargs):
                mark_views(out, (*args, *kwargs.values()))
        elif isinstance(out, Tracer) and (hasattr(out, "viewed") or is_first(out, args[0] if args else None)):
            return out if func in ITSELF else out.duplicate()  # it is new, whatever it was made with
        return out

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version is not None and api_version not in API_VERSIONS:
            raise errors.VersionError(
                f"x.__array_namespace__ was asked for version {api_version!r} of the array API standard.",
                why=f"covector.numpy conforms to {', '.join(API_VERSIONS)}",
                fix="ask for one of these, or for none",
            )
        return _namespace

    @property
    def device(self) -> str:
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Any:
        """The value itself, for the array API: there is one device, the CPU."""
        if device != "cpu":
            raise ValueError(f"unknown device {device!r}: covector's arrays live on 'cpu'")
        return self


def is_alone(tracer: Tracer, operands: Sequence[Any]) -> bool:
    """Whether no other operand is a tracer, or anything but an array or a number."""
    for x in operands:  # noqa: SIM110 - a generator takes as long as what this saves
        if x is not tracer and type(x) not in PLAIN_TYPES:
            return False
    return True


def is_first(out: Any, first: Any) -> bool:
    """Whether a result is the first argument, or the first of a list there."""
    return out is first or (issubclass(type(first), (list, tuple)) and len(first) > 0 and out is first[0])


def view_of(x: Any, part: Any) -> Any:
    """A part of x, or x in another shape, with the note that a write into one is seen in the other."""
    if part is not x and isinstance(part, Tracer) and isinstance(x, Tracer):
        part.viewed = (x,)
    return part


def mark_views(out: Any, args: Sequence[Any]) -> None:
    """Note on each result that is a tracer that it is a view of the arguments that are tracers."""
    if isinstance(out, Tracer):
        if not any(out is a for a in args):
            out.viewed = tuple(a for a in args if isinstance(a, Tracer))
    elif isinstance(out, (list, tuple)):
        for part in out:
            mark_views(part, args)


def register_tracer(cls: type[Tracer], aval: Callable[[Any], Any]) -> None:
    """Say how `typeof` finds the aval of a kind of tracer, which by default is by its property ``aval``."""
    register_type(cls, aval)
    OUR_OPERANDS.add(cls)


def register_method(name: str, method: Any) -> None:
    """Give tracers a method, an operator or a property."""
    setattr(Tracer, name, method)


def register_ufunc(ufunc: np.ufunc, meaning: Any) -> None:
    """Say what a ufunc means on tracers: a primitive, or a function of its inputs."""
    if isinstance(meaning, Primitive):
        UFUNC_PRIMITIVES[ufunc] = meaning
        meaning = meaning.bind
    UFUNCS[ufunc] = meaning


def register_ufunc_method(name: str, meaning: Callable[..., Any]) -> None:
    """Say what a method of ufuncs means on tracers."""
    UFUNC_METHODS[name] = meaning


def register_function(function: Callable[..., Any], meaning: Callable[..., Any]) -> None:
    """Say what a NumPy function means on tracers."""
    FUNCTIONS[function] = meaning


def has_meaning(function: Any) -> bool:
    """Whether a function or ufunc of NumPy works on tracers."""
    return function in FUNCTIONS or function in UFUNCS or meaning_from_later(function) is not None


def register_later(ours: str, *theirs: Callable[..., Any] | str) -> None:
    """Say which module, when it is imported, says what functions of NumPy, or of modules of NumPy, mean on tracers."""
    LATER.update(dict.fromkeys(theirs, ours))


def meaning_from_later(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """What a function means where the module that says so is imported when that is asked."""
    module = LATER.get(function) or LATER.get(getattr(function, "__module__", ""))
    if module is not None:
        importlib.import_module(module)
    return FUNCTIONS.get(function)


def register_views(*functions: Callable[..., Any], when: Callable[..., bool] = lambda *args, **kwargs: True) -> None:
    """Say that the results of NumPy functions may share memory with their arguments, and with which arguments they do."""
    VIEWS.update(dict.fromkeys(functions, when))


def register_itself(*functions: Callable[..., Any]) -> None:
    """Say that NumPy functions that make something new return an argument itself for some options."""
    ITSELF.update(functions)


API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
"""The versions of the array API standard that the namespace conforms to."""

_namespace: Any = None
"""The module that ``__array_namespace__`` answers."""


def register_namespace(module: Any) -> None:
    """Say which module ``__array_namespace__`` answers."""
    global _namespace
    _namespace = module


def foreign_type(cls: type) -> bool:
    """Whether a type overrides NumPy functions and is not ours; raises for a subclass of ndarray that changes operations."""
    check_class(cls)
    return not issubclass(cls, (Tracer, np.ndarray)) and getattr(cls, "__array_function__", None) is not None


def foreign_override(x: Any) -> bool:
    """Whether an operand of unknown type wants to handle ufuncs itself, or opts out of them (``__array_ufunc__ = None``).

    Raises for masked arrays and their like.
    """
    check_class(type(x))
    if issubclass(type(x), (Tracer, np.ndarray, np.generic)):
        OUR_OPERANDS.add(type(x))
        return False
    return hasattr(type(x), "__array_ufunc__") or _adopter_of(type(x)) is not None


Adopter = Callable[[], Callable[[str, Any, Any], Any]]

ADOPTERS: dict[str, tuple[tuple[str, ...], Adopter]] = {}
"""For a package: the names of its classes, and what loads ``operator(symbol, x, tracer)``."""


def register_adopter(package: str, classes: tuple[str, ...], load: Adopter) -> None:
    """Declare what operators mean between values of another package, of these classes, and tracers, which it does not know."""
    ADOPTERS[package] = classes, load


def _adopter_of(cls: type) -> Adopter | None:
    for package, (names, load) in ADOPTERS.items():
        module = sys.modules.get(package)  # whose values there are, if any
        if module is not None and issubclass(cls, tuple(getattr(module, name, ()) for name in names)):
            return load
    return None


def foreign_operator(symbol: str, x: Any, tracer: Any) -> Any:
    """What ``x.__symbol__(tracer)`` is for an operand that is not ours: as a rule its own affair."""
    load = _adopter_of(type(x))
    return NotImplemented if load is None else load()(symbol, x, tracer)


def as_operand(x: Any) -> Any:
    """An array for a list (which may hold tracers); anything else unchanged."""
    return _namespace.asarray(x) if isinstance(x, (list, tuple)) else x


def public_name(func: Callable[..., Any]) -> str:
    """The name under which a user knows a function of NumPy or another package; ufuncs do not say where they are from."""
    name = getattr(func, "__name__", str(func))
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is func:
            return f"{module}.{name}"
    home = getattr(func, "__module__", None)
    return f"{home}.{name}" if home else f"the ufunc {name!r}"


def unsupported(func: Callable[..., Any], detail: str = "") -> errors.UnsupportedFunctionError:
    """The error for a NumPy function, or an option of one, that has no meaning on tracers."""
    return errors.UnsupportedFunctionError(
        f"{public_name(func)}{' with ' + detail if detail else ''} is not supported on traced values.",
        why="covector has no rule for it" if not detail else "its meaning cannot be kept while tracing",
        fix="write it with functions that are (covector.numpy lists them), or register a primitive for it",
    )


# --- attributes that are not there ----------------------------------------------------------------------------------------


def _missing(name: str, fix: str) -> property:
    def missing(self: Tracer) -> Any:
        what, why = f"a traced value of type {self.aval} has no {name!r}.", "it is traced in place of an array"
        raise errors.TracerAttributeError(what, why=why, fix=fix)

    return property(missing)


for _name, _fix in asked.ATTRIBUTES.items():  # not __getattr__: with that, all attributes take longer to find
    register_method(_name, _missing(_name, _fix))


# --- the methods of ndarray, each the NumPy function of the same name ----------------------------------------------------


def _method_of_numpy(name: str) -> Callable[..., Any]:
    """NumPy's function of a name as a method."""
    function = getattr(np, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"``numpy.{name}`` of this value."
    return method


SAME_AS_FUNCTION = """
    all any argmax argmin argpartition argsort choose cumprod cumsum diagonal dot max mean min nonzero prod ravel repeat round
    searchsorted std sum swapaxes take trace var squeeze
""".split()
for _name in SAME_AS_FUNCTION:
    register_method(_name, _method_of_numpy(_name))
