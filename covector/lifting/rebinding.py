"""What modules see in lifted code: other names in the globals of Python modules, put there at the first lift.

NumPy's creators, ``math`` and compiled functions do not dispatch on their arguments, so modules are given functions that do, by
the identity of what their globals hold: ``np`` and ``math`` become `Proxy` modules, ``from numpy import asarray`` another
``asarray``.  NumPy, compiled code and covector go on with the real ones.  Ufuncs stay what they are, for code asks
``if f is np.add``: lists of traced values are refused there.

What is replaced stays so: to put 3,300 names back after each call would take 0.5 ms, and to ask whether lifted code runs takes
0.1 us.  `uninstall` puts all back, `report` lists them.  Names that a function imports when it runs, and defaults and inner
functions that hold functions of NumPy's, are not reached: they raise the errors of traced values.  SciPy's solvers would not
raise, and are redirected themselves (`covector.lifting.redirected`).
"""

from __future__ import annotations

import functools
import math
import sys
import threading
import weakref
from collections.abc import Callable
from types import CellType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from covector.lifting import caught
from covector.lifting.active import StandsFor, guarded, is_active, is_in
from covector.lifting.creation import INNER, NUMPY, OBJECTS, STRIDED, vectorized
from covector.lifting.faults import Errstate, seterr
from covector.lifting.lifted import register_namespace
from covector.lifting.meanings import COMPILED as MEANINGS
from covector.lifting.meanings import Replaced, nearest_rotations
from covector.lifting.namesakes import OfScipy, distribution, namesake
from covector.lifting.numbers import BUILTINS, MATH, STANDING
from covector.lifting.redirected import redirected, restore
from covector.lifting.scalars import Scalar
from covector.lifting.solvers import redirect_solvers
from covector.lifting.sparse import METHODS
from covector.lifting.stand_ins import (
    FUNCTIONS,
    Compiled,
    Proxy,
    Transformed,
    have_stand_in,
    is_function,
    known_stand_in,
    of_covector,
    original_of,
    stand_in,
    when_modules_are_met,
)

LEFT_ALONE = sys.stdlib_module_names | set("numpy covector optree opt_einsum numba llvmlite pytest _pytest hypothesis".split())
"""Packages whose modules keep their names (but for ``__main__``, and ``numpy.polynomial``, which is written in NumPy)."""

COMPILED = frozenset(
    "builtin_function_or_method cython_function_or_method fortran CPUDispatcher nb_func fused_cython_function".split()
)
"""The types of compiled functions; those of Python's and NumPy's own need no shim."""

OF_CPP = ("PyCapsule", "pybind11_")
"""What functions of C++ are bound to."""

SCIPY = ("linalg", "fft", "signal", "ndimage", "spatial.distance", "spatial.transform", "interpolate", "stats", "sparse.linalg")
"""Modules of SciPy's, largely in C, for which covector has its own with the same results.

But linear operators of matrices stay SciPy's, which others may be added to and multiplied with.
"""

OWN = ("comb", "factorial", "multigammaln")
"""Functions of ``scipy.special`` in Python that branch on values, and are covector's with traced ones."""

ARRAY_API_COMPAT = [f"{home}array_api_compat" for home in ("", "scipy._lib.", "scipy._external.", "sklearn.externals.")]
"""The copies of a package that asks the type of an array whether it can be written."""


# --- what stands for what -------------------------------------------------------------------------------------------------


def _declare() -> None:
    """What stands for NumPy and ``math``."""
    if known_stand_in(np) is None:
        register_namespace(stand_in(np, Proxy(np, _numpy_names())))
        stand_in(math, Proxy(math, _guarded_names(math, MATH)))


BYTES = ("hashlib", "zlib", "binascii", "base64")
"""Modules of Python's whose functions take the memory of arrays for bytes."""


def _declare_bytes() -> None:
    """What stands for functions that take bytes: they get the memory of plain arrays."""
    for module in filter(None, map(sys.modules.get, BYTES)):
        if known_stand_in(module) is None:
            found = {n: f for n, f in vars(module).items() if isinstance(f, FUNCTIONS) and not n.startswith("_")}
            stand_in(module, Proxy(module, {n: known_stand_in(f) or stand_in(f, Compiled(f)) for n, f in found.items()}))


def _guarded_names(module: ModuleType, names: dict[str, Any]) -> dict[str, Any]:
    return {n: stand_in(getattr(module, n), guarded(getattr(module, n), f)) for n, f in names.items()}


def _numpy_names() -> dict[str, Any]:
    tricks = np.lib.stride_tricks
    names = _guarded_names(np, NUMPY | {"seterr": seterr})
    names |= {n: stand_in(getattr(np, n), f) for n, f in (OBJECTS | {"errstate": Errstate}).items()}
    for n, replaced in INNER.items():
        module = getattr(np, n)
        names[n] = stand_in(module, Proxy(module, _guarded_names(module, replaced)))
    inner = {"stride_tricks": stand_in(tricks, Proxy(tricks, _guarded_names(tricks, STRIDED))), "scimath": names["emath"]}
    return names | {"lib": Proxy(np.lib, inner)}


def _declare_scipy() -> None:
    """What stands for the functions of the modules of SciPy that are imported."""
    for part in SCIPY:
        name = f"scipy.{part}"
        module = sys.modules.get(name)
        if module is not None and known_stand_in(module) is None:
            values = {n: getattr(module, n, None) for n in getattr(module, "__all__", ()) if n != "aslinearoperator"}
            found = {n: _of_scipy(v, name, n) for n, v in values.items() if is_function(v)}
            stand_in(module, Proxy(module, {n: other for n, other in found.items() if other is not None}))
    redirect_solvers()
    special = sys.modules.get("scipy.special")
    for n in OWN if special is not None else ():
        f = getattr(special, n)
        if known_stand_in(f) is None and not issubclass(type(f), StandsFor):
            stand_in(f, _of_scipy(f, "scipy.special", n))
    for name in ("scipy.spatial", "scipy.sparse", "scipy"):
        module = sys.modules.get(name)
        if module is not None:
            inner = {n: known_stand_in(v) for n, v in vars(module).items() if type(v) is ModuleType and known_stand_in(v)}
            stand_in(module, Proxy(module, inner))


def _of_scipy(value: Any, module: str, name: str) -> Any:
    """What stands for a function of a module of SciPy's, or for a distribution of numbers; None where nothing does."""
    if module != "scipy.stats" or isinstance(value, FUNCTIONS):
        return known_stand_in(value) or stand_in(value, OfScipy(value, functools.partial(namesake, module, name, value)))
    if not isinstance(value, (sys.modules[module].rv_continuous, sys.modules[module].rv_discrete)):
        return None
    return known_stand_in(value) or stand_in(value, distribution(value, name))


def _declare_questions() -> None:
    """Answers to what packages ask of an array: that a traced number cannot be written, and that none is cut out of memory."""
    prune = getattr(sys.modules.get("scipy._lib._util"), "_prune_array", None)
    if prune is not None and known_stand_in(prune) is None:
        stand_in(prune, guarded(prune, lambda array: array))
    nearest = getattr(sys.modules.get("scipy.spatial.transform._rotation_xp"), "from_matrix", None)
    if nearest is not None and known_stand_in(nearest) is None:
        stand_in(nearest, guarded(nearest, functools.partial(nearest_rotations, nearest)))
    for name in ("_rotation", "_rigid_transform"):
        select = getattr(sys.modules.get(f"scipy.spatial.transform.{name}"), "select_backend", None)
        if select is not None and known_stand_in(select) is None:
            stand_in(select, guarded(select, functools.partial(_backend, select)))
    for package in ARRAY_API_COMPAT:
        asks = getattr(sys.modules.get(f"{package}.common._helpers"), "is_writeable_array", None)
        if asks is not None and known_stand_in(asks) is None:
            stand_in(asks, guarded(asks, lambda x, asks=asks: not issubclass(type(x), Scalar) and asks(x)))


def _backend(select: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The compiled functions that a rotation of SciPy's asks for, which it keeps; or those in Python."""
    module = select(*args, **options)
    return _new(module) or module


def _declare_methods() -> None:
    """What stands for methods of classes that are imported: these decide what a traced array loses."""
    for (module, owner, name), meaning in METHODS.items():
        cls: Any = getattr(sys.modules.get(module), owner, None)
        method = None if cls is None else vars(cls).get(name)
        if type(method) is FunctionType and not hasattr(method, "__wrapped__"):
            _methods.append((cls, name, method))
            setattr(cls, name, _in_lifted_code(method, meaning))


def _in_lifted_code(method: FunctionType, meaning: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return meaning(method, self, *args, **kwargs) if is_active() else method(self, *args, **kwargs)

    return call


def _is_compiled(value: Any) -> bool:
    if type(value).__name__ not in COMPILED:
        return False
    owner, home = getattr(value, "__self__", None), str(getattr(value, "__module__", None)).partition(".")[0]
    is_ours = home in ("builtins", "numpy", "covector") or home in sys.stdlib_module_names
    is_bound = owner is not None and type(owner) is not ModuleType and not type(owner).__name__.startswith(OF_CPP)
    return not is_ours and not is_bound


def _compiled(value: Any) -> Compiled:
    meaning = MEANINGS.get(str(getattr(value, "__module__", None)), {}).get(getattr(value, "__name__", ""))
    return Compiled(value) if meaning is None else Replaced(value, meaning)


def _new(value: Any) -> Any:
    """What takes the place of a value in the globals of a module; None if nothing does."""
    known = known_stand_in(value)
    if known is not None:
        return known
    if _is_compiled(value):
        return stand_in(value, _compiled(value))
    if type(value) is functools.partial and any(map(_is_compiled, value.args)):
        return stand_in(value, functools.partial(value.func, *[_new(x) or x for x in value.args], **value.keywords))
    if type(value) is np.vectorize:
        return stand_in(value, vectorized(value))
    if type(value) is ModuleType and str(getattr(value, "__file__", None) or "").endswith((".so", ".pyd")):
        return stand_in(value, Proxy(value, {n: _compiled(v) for n, v in vars(value).items() if _is_compiled(v)}))
    ours = of_covector(value)
    if ours is not value:
        return ours
    if str(type(value).__module__).startswith("covector.transforms") and is_function(value):
        return stand_in(value, Transformed(value))
    return None


# --- installed ------------------------------------------------------------------------------------------------------------

_lock = threading.RLock()
_met: dict[str, tuple[Any, int]] = {}
"""For each module that was looked at what it was loaded by, another object after a reload, and the number of its globals."""
_rows: list[tuple[dict[str, Any], str, Any, Any]] = []
"""Globals, name, what was there, and what is there now."""
_others: list[Any] = []
"""Weakly, functions whose globals are those of no module; these hold their rows themselves, under `ROWS`."""
_cells: list[tuple[CellType, Any]] = []
"""The same of what functions close over."""
_methods: list[tuple[type, str, FunctionType]] = []
"""Classes with the methods that they had."""
_named: set[str] = set()
"""Packages in which ``float`` keeps derivatives."""
_seen = [0]
"""The number of modules when they were last looked at."""

ROWS = "__covector_lifted__"
_MISSING = object()
EMPTY = CellType()


def install(packages: frozenset[str], f: Any = None, anew: bool = True) -> None:
    """Give modules that were imported since the last time, and the globals of a function or frame, the other names.

    Args:
        packages: packages in which ``float`` keeps derivatives.
        f: the function, or a frame.
        anew: look at all its globals; otherwise only whether the names that it uses are still the other ones.
    """
    names, used = _globals_of(f)
    is_known = names is None or _is_left_alone(names) or (not anew and not _is_stale(names, used)) or _is_current(names)
    reloaded = _reloaded(f, names, used) if anew else set()
    if len(sys.modules) == _seen[0] and packages <= _named and is_known and not reloaded:
        return
    with _lock:
        for name in reloaded:
            _met.pop(name, None)
        _declare()
        _declare_bytes()
        _declare_scipy()
        _declare_questions()
        _declare_methods()
        new_packages = packages - _named
        _named.update(packages)
        _seen[0] = len(sys.modules)
        for name, module in list(sys.modules.items()):
            if _is_reached(name) and _is_python(module):
                if _is_being_imported(module):
                    _seen[0] = 0  # to be looked at next time, with all its globals
                elif name not in _met:
                    _rebind(name, vars(module), _rows)
                elif new_packages:
                    _keep_numbers(vars(module), _rows)
        if names is not None and not _is_left_alone(names):
            _rebind_globals(f, names)


when_modules_are_met(lambda: install(frozenset()))


def _globals_of(f: Any) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The globals of a function or a frame, and the names that its code uses."""
    if isinstance(f, FunctionType):
        return f.__globals__, f.__code__.co_names
    return (f.f_globals, f.f_code.co_names) if isinstance(f, FrameType) else (None, ())


def _is_stale(names: dict[str, Any], used: tuple[str, ...]) -> bool:
    """Whether a name stands for the original again, as after another ``import numpy as np`` in a notebook."""
    return any(known_stand_in(names.get(n)) is not None for n in used)


def _reloaded(f: Any, names: dict[str, Any] | None, used: tuple[str, ...]) -> set[str]:
    """The modules that a function uses, or of whose functions it does, that were loaded again since they were looked at."""
    found = set()
    for value in (*map((names or {}).get, used), *[cell.cell_contents for cell in _filled_cells(f)]):
        home = vars(value) if type(value) is ModuleType else value.__globals__ if type(value) is FunctionType else {}
        name = home.get("__name__")
        if name in _met and home.get("__spec__") is not _met[name][0]:
            found.add(name)
    return found


def _is_current(names: dict[str, Any]) -> bool:
    """Whether globals have been looked at, have no new names, and none that stands for an original again."""
    met = _met.get(names.get("__name__", ""))
    return met is not None and met[1] == len(names) and not have_stand_in(names.values())


def _is_left_alone(names: dict[str, Any]) -> bool:
    return not _is_reached(str(names.get("__name__"))) and _is_of_module(names)


def _is_of_module(names: dict[str, Any]) -> bool:
    """Whether globals are those of the module whose name they have."""
    return getattr(sys.modules.get(str(names.get("__name__"))), "__dict__", None) is names


def _is_reached(name: str) -> bool:
    return name == "__main__" or name.startswith("numpy.polynomial") or name.partition(".")[0] not in LEFT_ALONE


def _is_python(module: Any) -> bool:
    return type(module) is ModuleType and str(getattr(module, "__file__", None) or ".py").endswith(".py")


def _is_being_imported(module: ModuleType) -> bool:
    """Whether a module has no more than its first globals yet, as what it imports may lead here."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _rebind_globals(f: Any, names: dict[str, Any]) -> None:
    if _is_of_module(names):
        _rebind(str(names.get("__name__")), names, _rows)
    else:
        if ROWS not in names and isinstance(f, FunctionType):
            _others.append(weakref.ref(f))
        _rebind(None, names, names.setdefault(ROWS, []))
    rebind_closure(f)


def _rebind(module: str | None, names: dict[str, Any], rows: list[Any]) -> None:
    kept = _used_by_numba(names)
    for n, value in list(names.items()):
        new = None if n.startswith("__") or n in kept or issubclass(type(value), StandsFor) else _new(value)
        if new is not None:
            _put(names, n, new, rows)
        if type(value) is FunctionType and (new is None or type(new) is OfScipy):
            rebind_closure(value)
    if _named:
        _keep_numbers(names, rows)
    if module is not None:
        _met[module] = names.get("__spec__"), len(names)


def _used_by_numba(names: dict[str, Any]) -> set[str]:
    """The globals that functions read which numba compiles when they are first called: these stay what they are."""
    found: set[str] = set()
    for value in map(original_of, names.values()):
        if type(value).__name__ in ("CPUDispatcher", "DUFunc", "GUFunc"):
            builder = getattr(value, "gufunc_builder", None) or getattr(value, "_dispatcher", None) or value
            f = getattr(builder, "py_func", None)
            if getattr(f, "__globals__", names) is names:  # others read those of their own modules
                found.update(f.__code__.co_names if type(f) is FunctionType else names)
    return found


def _filled_cells(f: Any) -> list[CellType]:
    """The cells of what a function closes over, but for those in which there is nothing yet."""
    return [cell for cell in getattr(f, "__closure__", None) or () if cell != EMPTY]


def rebind_closure(f: Any) -> None:
    """Give a function the other names in what it closes over, as decorators that bind ``numpy`` make it."""
    for cell in _filled_cells(f):
        held = cell.cell_contents
        new = None if issubclass(type(held), StandsFor) else _new(held)
        if new is not None:
            _cells.append((cell, held))
            cell.cell_contents = new


def _put(names: dict[str, Any], n: str, new: Any, rows: list[Any]) -> None:
    rows.append((names, n, names.get(n, _MISSING), new))
    names[n] = new


def _standing(value: Any) -> Any:
    """What stands for a type of numbers, or None."""
    return STANDING.get(value) if type(value) is type else None


@functools.cache
def _keeping() -> Proxy:
    """NumPy where ``np.float64(x)`` and its like keep the derivative."""
    return Proxy(np, vars(known_stand_in(np)) | {n: _standing(v) for n, v in vars(np).items() if _standing(v) is not None})


def _keep_numbers(names: dict[str, Any], rows: list[Any]) -> None:
    """Let types of numbers keep derivatives in a module, and ``type`` tell of them, if its package is named."""
    if not is_in(str(names.get("__name__")), _named):
        return
    proxy = known_stand_in(np)
    for n, value in list(names.items()):
        new = _keeping() if value is proxy else _standing(value)
        if new is not None:
            _put(names, n, new, rows)
    for n, new in BUILTINS.items():
        if n not in names:
            _put(names, n, new, rows)


def _restore(rows: list[Any]) -> None:
    for names, n, old, new in reversed(rows):
        if names.get(n) is new:
            if old is _MISSING:
                del names[n]
            else:
                names[n] = old
    rows.clear()


def uninstall() -> None:
    """Put back what modules held before the first lift."""
    with _lock:
        _restore(_rows)
        for f in filter(None, (ref() for ref in _others)):
            _restore(f.__globals__.pop(ROWS, []))
        _others.clear()
        for cell, old in _cells:
            cell.cell_contents = old
        _cells.clear()
        for cls, name, method in _methods:
            setattr(cls, name, method)
        _methods.clear()
        restore()
        _met.clear()
        _named.clear()
        _seen[0] = 0
        caught.forget()


def report() -> str:
    """What was replaced, a line for each module; and which errors of covector's lifted code caught, and took another way.

    Example:
        >>> from covector import lift
        >>> lift.uninstall()
        >>> print(lift.report())
        nothing is lifted
    """
    lines: dict[str, set[str]] = {}
    for names, n, _, _ in _rows:
        lines.setdefault(str(names.get("__name__", "?")), set()).add(n)
    for cls, name, _ in _methods:
        lines.setdefault(cls.__module__, set()).add(f"{cls.__name__}.{name}")
    for f in redirected():
        lines.setdefault(f.__module__, set()).add(f"{f.__name__}()")
    replaced = [f"{module}: {', '.join(sorted(found))}" for module, found in sorted(lines.items())]
    return "\n".join([*replaced, *caught.notes()]) or "nothing is lifted"
