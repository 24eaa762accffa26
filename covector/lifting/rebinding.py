"""What modules see in lifted code: other names in the globals of Python modules, put there at the first lift.

NumPy's creators, ``math`` and compiled functions do not dispatch on their arguments, so modules are given functions that do, by
the identity of what their globals hold: ``np`` and ``math`` become `Proxy` modules, ``from numpy import asarray`` another
``asarray``.  NumPy, compiled code and covector go on with the real ones.

What is replaced stays so: to put 3,300 names back after each call would take 0.5 ms, and to ask whether lifted code runs takes
0.1 us.  `uninstall` puts all back, `report` lists them.  Names that a function imports when it runs, and defaults and inner
functions that hold functions of NumPy's, are not reached: they raise the errors of traced values.
"""

from __future__ import annotations

import math
import sys
import threading
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from covector.lifting import caught
from covector.lifting.active import guarded
from covector.lifting.creation import FFT, LINALG, NUMPY, OBJECTS, STRIDED
from covector.lifting.numbers import FLOAT, FLOAT64, MATH
from covector.lifting.stand_ins import (
    Compiled,
    CovectorProxy,
    OfScipy,
    Proxy,
    StandIn,
    Transformed,
    is_function,
    known_stand_in,
    of_covector,
    stand_in,
)

LEFT_ALONE = sys.stdlib_module_names | set("numpy covector optree opt_einsum numba llvmlite pytest _pytest hypothesis".split())
"""Packages whose modules keep their names (but for ``__main__``, and ``numpy.polynomial``, which is written in NumPy)."""

COMPILED = frozenset(
    "builtin_function_or_method cython_function_or_method fortran CPUDispatcher nb_func fused_cython_function".split()
)
"""The types of compiled functions; those of Python's and NumPy's own need no shim."""

SCIPY = ("linalg", "fft", "signal", "ndimage", "spatial.distance")
"""Modules of SciPy's in C, whose functions have covector's own with the same results beside them."""


# --- what stands for what -------------------------------------------------------------------------------------------------


def _declare() -> None:
    """What stands for NumPy and ``math``."""
    if known_stand_in(np) is None:
        stand_in(np, Proxy(np, _numpy_names()))
        stand_in(math, Proxy(math, _guarded_names(math, MATH)))


def _guarded_names(module: ModuleType, names: dict[str, Any]) -> dict[str, Any]:
    return {n: stand_in(getattr(module, n), guarded(getattr(module, n), f)) for n, f in names.items()}


def _numpy_names() -> dict[str, Any]:
    tricks = np.lib.stride_tricks
    names = _guarded_names(np, NUMPY) | {n: stand_in(getattr(np, n), f) for n, f in OBJECTS.items()}
    names |= {m.__name__[6:]: stand_in(m, Proxy(m, _guarded_names(m, f))) for m, f in ((np.linalg, LINALG), (np.fft, FFT))}
    return names | {"lib": Proxy(np.lib, {"stride_tricks": stand_in(tricks, Proxy(tricks, _guarded_names(tricks, STRIDED)))})}


def _declare_scipy() -> None:
    """What stands for the functions of the modules of SciPy that are imported."""
    for part in SCIPY:
        name = f"scipy.{part}"
        module = sys.modules.get(name)
        if module is not None and known_stand_in(module) is None:
            names = {}
            for n in getattr(module, "__all__", ()):
                value = getattr(module, n, None)
                if isinstance(value, (FunctionType, BuiltinFunctionType)) or type(value).__name__ in COMPILED:
                    names[n] = known_stand_in(value) or stand_in(value, OfScipy(value, name, n))
            stand_in(module, Proxy(module, names))
    for name in ("scipy.spatial", "scipy"):
        module = sys.modules.get(name)
        if module is not None:
            inner = {n: known_stand_in(v) for n, v in vars(module).items() if type(v) is ModuleType and known_stand_in(v)}
            stand_in(module, Proxy(module, inner))


def _is_compiled(value: Any) -> bool:
    if type(value).__name__ not in COMPILED:
        return False
    owner, home = getattr(value, "__self__", None), str(getattr(value, "__module__", None)).partition(".")[0]
    is_ours = home in ("builtins", "numpy", "covector") or home in sys.stdlib_module_names
    return not is_ours and (owner is None or type(owner) is ModuleType)


def _new(value: Any) -> Any:
    """What takes the place of a value in the globals of a module; None if nothing does."""
    known = known_stand_in(value)
    if known is not None:
        return known
    if _is_compiled(value):
        return stand_in(value, Compiled(value))
    if type(value) is ModuleType and str(getattr(value, "__file__", None) or "").endswith((".so", ".pyd")):
        return stand_in(value, Proxy(value, {n: Compiled(v) for n, v in vars(value).items() if _is_compiled(v)}))
    ours = of_covector(value)
    if ours is not value:
        return ours
    if str(type(value).__module__).startswith("covector.transforms") and is_function(value):
        return stand_in(value, Transformed(value))
    return None


# --- installed ------------------------------------------------------------------------------------------------------------

_lock = threading.RLock()
_installed: dict[str, dict[str, Any]] = {}
"""For each module that was looked at its globals."""
_rows: list[tuple[dict[str, Any], str, Any, Any]] = []
"""Globals, name, what was there, and what is there now."""
_cells: list[tuple[CellType, Any]] = []
"""The same of what functions close over."""
_named: set[str] = set()
"""Packages in which ``float`` keeps derivatives."""
_seen = [0]
"""The number of modules when they were last looked at."""


def install(packages: frozenset[str] = frozenset(), of: dict[str, Any] | None = None) -> None:
    """Give modules that were imported since the last time, and the globals ``of`` a function, the other names."""
    if len(sys.modules) == _seen[0] and packages <= _named and (of is None or _is_installed(of)):
        return
    with _lock:
        _declare()
        _declare_scipy()
        for name, module in list(sys.modules.items()):
            if name not in _installed and _is_reached(name) and _is_python(module):
                _rebind(name, vars(module))
        if of is not None and not _is_installed(of):
            _rebind(f"globals {id(of)}", of)
        for package in packages - _named:
            _named.add(package)
            _keep_floats(package)
        _seen[0] = len(sys.modules)


def _is_installed(of: dict[str, Any]) -> bool:
    name = str(of.get("__name__"))
    is_module = getattr(sys.modules.get(name), "__dict__", None) is of
    return (is_module and not _is_reached(name)) or _installed.get(name) is of or f"globals {id(of)}" in _installed


def _is_reached(name: str) -> bool:
    return name == "__main__" or name.startswith("numpy.polynomial") or name.partition(".")[0] not in LEFT_ALONE


def _is_python(module: Any) -> bool:
    return type(module) is ModuleType and str(getattr(module, "__file__", None) or ".py").endswith(".py")


def _rebind(name: str, names: dict[str, Any]) -> None:
    _installed[name] = names
    for n, value in list(names.items()):
        kind = type(value)
        new = None if n.startswith("__") or issubclass(kind, (StandIn, Proxy, CovectorProxy)) else _new(value)
        if new is not None:
            _put(names, n, new)
        elif kind is FunctionType:
            for cell in value.__closure__ or ():
                _rebind_cell(cell)


def _rebind_cell(cell: CellType) -> None:
    """What a function closes over, as decorators that bind ``numpy`` make it."""
    try:
        held = cell.cell_contents
    except ValueError:  # nothing yet
        return
    new = known_stand_in(held)
    if new is not None:
        _cells.append((cell, held))
        cell.cell_contents = new


def _put(names: dict[str, Any], n: str, new: Any) -> None:
    _rows.append((names, n, names.get(n, _MISSING), new))
    names[n] = new


_MISSING = object()


def _keep_floats(package: str) -> None:
    """Let ``float`` and ``np.float64`` keep derivatives in the modules of a package."""
    proxy = known_stand_in(np)
    keeping = Proxy(np, {**{n: v for n, v in vars(proxy).items() if n != "_real"}, "float64": FLOAT64, "double": FLOAT64})
    for name, names in list(_installed.items()):
        home = str(names.get("__name__", name))
        if package in ("*", home) or home.startswith(f"{package}."):
            for n, value in list(names.items()):
                if value is proxy or value is np.float64:
                    _put(names, n, keeping if value is proxy else FLOAT64)
            if "float" not in names:
                _put(names, "float", FLOAT)


def uninstall() -> None:
    """Put back what modules held before the first lift."""
    with _lock:
        for names, n, old, new in reversed(_rows):
            if names.get(n) is new:
                if old is _MISSING:
                    del names[n]
                else:
                    names[n] = old
        for cell, old in _cells:
            cell.cell_contents = old
        _cells.clear()
        _rows.clear()
        _installed.clear()
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
    replaced = [f"{module}: {', '.join(sorted(found))}" for module, found in sorted(lines.items())]
    return "\n".join([*replaced, *caught.notes()]) or "nothing is lifted"
