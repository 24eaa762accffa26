"""What Python was doing when it asked a traced value for its truth, its integer or its array: the fix that fits it.

>>> import covector as cv
>>> cv.jit(lambda n: [k for k in range(n)])(3)
Traceback (most recent call last):
    ...
covector.core.errors.TracerIntegerConversionError: the integer value of a traced value of type weak_i64[] was asked for ...
  Fix: loop with covector.lax.fori_loop(start, stop, step, carry) instead of range; or make the argument static ...

The instruction that the user's frame is executing has a place in the source; what stands there (``range(n)``, ``while x > 0``,
``table[i]``) says what to write instead.  This is looked up when an error is raised, never before; without the source (in an
interactive session, say) the general advice remains.
"""

from __future__ import annotations

import ast
import linecache
import sys
from functools import lru_cache

import numpy as np

from covector.core.noise import fix_of_noise
from covector.core.source import Source, beside_covector, is_library, user_frame, user_source

STATIC = "make the argument static (static_argnums) under jit"

BRANCH = f"covector.lax.cond(condition, f, g, *operands), or np.where(condition, a, b) to choose between values; or {STATIC}"
LOOP = f"covector.lax.while_loop(condition, step, carry); or {STATIC}"
TRUTH_OF_STATEMENTS: dict[type[ast.AST], str] = {
    ast.While: f"write the loop as {LOOP}",
    ast.Assert: "use covector.checkify.check(condition, message) instead of assert",
    ast.If: f"use {BRANCH}",
    ast.IfExp: f"use {BRANCH}",
    ast.comprehension: "choose with np.where(condition, a, b): how many elements a list has must be known",
}
"""What to write instead of a statement or expression whose test is a traced value."""

TRUTH_OF_CALLS = {
    "max": "use np.maximum(a, b), or np.max of an array",
    "min": "use np.minimum(a, b), or np.min of an array",
    "sorted": "use np.sort of an array",
    "any": "use np.any of an array",
    "all": "use np.all of an array",
    "bool": "leave bool() out: comparisons give arrays of booleans",
}
INTEGER_OF_CALLS = {
    "range": f"loop with covector.lax.fori_loop(start, stop, step, carry) instead of range; or {STATIC}",
    "int": f"keep an array, converted with x.astype(int) or np.floor(x); or {STATIC}",
    "len": "use x.shape",
    "round": "use np.round(x)",
}
NAMING = "or covector.lift(f, packages=[...]), which keeps the derivative in the packages that are named"
FLOAT_OF_CALLS = {
    "float": "leave float() out, or write x.astype(float): a traced number is an array of no axes already",
    "complex": f"leave complex() out, or write x.astype(complex) and a + 1j * b; {NAMING}",
    "format": "print it with covector.debug.print('{}', x), or return it (has_aux=True) and format it outside",
    "print": "print it with covector.debug.print('{}', x)",
}
NUMBERS = "float16 half float32 single float64 double complex64 csingle complex128 cdouble".split()
SIZE = "shapes and numbers of elements must be known while the function is traced: take them from the shape of an array"
SLICE = (
    "the bounds of a slice must be known while the function is traced: keep the shape, as in"
    f" np.where(np.arange(len(x)) < n, x, 0); or {STATIC}"
)
ARRAY_OF_NUMPY_FUNCTIONS = {
    **dict.fromkeys(["repeat", "tile", "broadcast_to", "linspace", "eye"], f"{SIZE}, or {STATIC}"),
    **dict.fromkeys(
        ["array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"],
        "leave it out (a traced value is an array already), or use covector.numpy.array and asarray; np.stack([...]) makes an"
        " array of several values",
    ),
    **dict.fromkeys(
        NUMBERS,
        f"leave it out, or write x.astype: a traced number is an array of no axes already; {NAMING}",
    ),
    "full": "use covector.numpy.full(shape, x), or x * np.ones(shape)",
    "arange": "use covector.numpy.arange, or np.arange of known numbers times x",
}
ATTRIBUTES = {
    "at": "write covector.at(x)[i].set(v) instead of x.at[i].set(v): that works on arrays too",
    "values": "x is the array itself",
    "numpy": "x is the array itself; as a plain value it is known outside of the transformed function",
    "backward": "gradients are functions of functions: covector.grad(f)(x)",
    "detach": "use covector.stop_gradient(x)",
    "block_until_ready": "leave it out: NumPy has computed when it returns",
    "append": "use np.append(x, value), or build a list and np.stack it",
    **dict.fromkeys(
        ["strides", "data", "base", "flags", "ctypes"], "take it from a plain array: a traced value has no memory to look into"
    ),
    **dict.fromkeys(
        ["resize", "put", "itemset", "partition", "setfield", "setflags"],
        "use the function that returns a new value (np.partition, covector.at(x)[i].set(v)): traced values are immutable",
    ),
}
"""What to write instead of an attribute that plain arrays, other libraries' arrays, or lists, have."""


ASKING = ("_matmul_dispatch", "_multiply_2d_with_broadcasting", "_divide")
"""The functions of scipy.sparse in which an operator asks for an array, and gives up where there is none."""
OPERATORS = {f"__{side}{name}__" for side in ("", "r") for name in ("matmul", "mul", "truediv")}


def by_operator_of(package: str) -> bool:
    """Whether an array was asked for within an operator of a package's values, by frames of that package alone."""
    if package not in sys.modules:
        return False
    frame = sys._getframe(2)
    if frame.f_code.co_name not in ASKING:
        return False
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package + "._"):
        if frame.f_code.co_name in OPERATORS:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def dotted(node: ast.AST) -> str:
    """The name in the source that an expression is, as ``np.random.normal``; only its last part where it begins otherwise."""
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else node.attr
    return node.id if isinstance(node, ast.Name) else ""


@lru_cache(maxsize=4)
def _parsed(path: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def call_of(source: Source | None) -> str:
    """The function that is called at a place in the user's code, as it is written there; "" where that is not known."""
    return called_in(enclosing_nodes(source)) or ""


def enclosing_nodes(source: Source | None) -> list[ast.AST]:
    """The expression at a place in the user's code and what it is in, from the inside out; none where it is not to be had."""
    span = source.span if source is not None else None
    if source is None or span is None:
        return []
    module = _parsed(source.code.co_filename, "".join(linecache.getlines(source.code.co_filename)))
    return list(_enclosing(module, span)) if module is not None else []


def called_in(enclosing: list[ast.AST]) -> str | None:
    """The dotted name of the function that is being called there, if that is what is going on."""
    node = enclosing[0] if enclosing else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        return "format"  # "%f" % x
    return dotted(node.func) if isinstance(node, ast.Call) else None


def _enclosing(node: ast.AST, span: tuple[int, int, int, int]) -> list[ast.AST]:
    """The nodes that contain a span of the source, the smallest first."""
    line, column, end_line, end_column = span
    found: list[ast.AST] = []
    while True:
        found.append(node)
        for child in ast.iter_child_nodes(node):
            begin, end = _extent(child)
            if begin <= (line, column) and (end_line, end_column) <= end:
                node = child
                break
        else:
            return found[:0:-1]


def _extent(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    if isinstance(node, ast.comprehension):  # has no place of its own
        (begin, _), (_, end) = _extent(node.target), _extent((node.ifs or [node.iter])[-1])
        return begin, end
    if not isinstance(node, (ast.expr, ast.stmt)):
        return (1 << 30, 0), (0, 0)
    first = next(iter(getattr(node, "decorator_list", ())), node)  # the place of a definition is that of its name
    return (first.lineno, first.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def fix_of_truth(default: str) -> str:
    """The fix where the truth of a traced value was asked for."""
    by_code = fix_by_code()
    if by_code is not None:
        return by_code
    enclosing = enclosing_nodes(user_source())
    for node, parent in zip(enclosing, [*enclosing[1:], None], strict=False):
        if isinstance(node, ast.Call):
            return TRUTH_OF_CALLS.get(dotted(node.func), default)
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            return "write a < x < b as (a < x) & (x < b)"
        if isinstance(node, ast.BoolOp):
            return "use & and | (with parentheses around comparisons), or np.logical_and and np.logical_or"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return "use ~condition or np.logical_not(condition)"
        if parent is not None and type(parent) in TRUTH_OF_STATEMENTS and node in _tests(parent):
            return TRUTH_OF_STATEMENTS[type(parent)]
    return default


def _tests(node: ast.AST | None) -> list[ast.AST]:
    return [*getattr(node, "ifs", []), getattr(node, "test", None)]


def fix_of_integer(default: str) -> str:
    """The fix where the integer value of a traced value was asked for."""
    enclosing = enclosing_nodes(user_source())
    call = called_in(enclosing)
    if not enclosing:
        return default
    if call is not None:
        return INTEGER_OF_CALLS.get(call) or fix_of_noise(call, user_frame()) or f"{SIZE}, or {STATIC}"
    if isinstance(enclosing[0], ast.Subscript):
        return SLICE if any(isinstance(node, ast.Slice) for node in ast.walk(enclosing[0].slice)) else default
    return f"keep the computation in arrays, or {STATIC}"


MASK = (
    "keep the shape, for that of a[mask] depends on the mask: np.where(mask, a, other) instead of a[mask], and"
    " np.sum(a, where=mask) instead of np.sum(a[mask])"
)


FIX_BY_MODULE = {
    "numpy.polynomial": "use covector.numpy.polynomial, which has the same functions and classes for traced values",
    "numpy.lib._index_tricks_impl": "use covector.numpy.r_ and c_, which take traced values too",
}
"""What to use instead of what is in a module of NumPy, or in one below it, that is written in Python and makes arrays."""

FIX_BY_FUNCTION = {
    **{
        name: f"use covector.numpy.{name}, of which any argument may be traced"
        for name in ("full_like", "histogram", "interp", "nan_to_num", "pad", "polyint", "select", "unwrap")
    },
    **{
        name: f"combine it with the result: np.{operation}(initial, np.{name}(a)); or make a traced (a + 0 * x)"
        for name, operation in {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}.items()
    },
    **{
        name: f"make the first argument of np.{name} a traced value (a + 0 * x), for that is what NumPy goes by"
        for name in ("piecewise", "var", "std", "nanvar", "nanstd", "nanmean", "nansum", "nanmax", "nanmin")
    },
    "_call_as_normal": "use covector.numpy.vectorize, which takes traced values too, or covector.vmap",
    "fill_diagonal": "x = covector.at(x)[np.diag_indices_from(x)].set(value)",
    "as_strided": "use np.lib.stride_tricks.sliding_window_view(x, n), or index with an array of places",
}
"""The same for functions of ``numpy.lib`` and ``numpy._core``, by their names."""


def fix_by_code() -> str | None:
    """The fix for the Python code of NumPy that the user called, if there is one for it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        name = frame.f_globals.get("__name__", "")
        if name.startswith("numpy."):
            in_core = name.startswith(("numpy.lib.", "numpy._core."))
            found = FIX_BY_FUNCTION.get(frame.f_code.co_name) if in_core else None
            found = found or next((fix for module, fix in FIX_BY_MODULE.items() if f"{name}.".startswith(f"{module}.")), None)
            if found is not None:
                return found
        frame = frame.f_back
    return None


def fix_of_conversion(default: str, is_mask: bool = False) -> str:
    """The fix where a traced value was to become a number or an array."""
    enclosing = enclosing_nodes(user_source())
    call = called_in(enclosing)
    by_code = fix_by_code()
    if by_code is not None:
        return _fix_of_list(call, enclosing[0]) or by_code if call in OF_LISTS else by_code
    by_package = _fix_in_package()
    if by_package is not None:
        return by_package
    if enclosing and isinstance(enclosing[0], ast.Subscript):
        if isinstance(enclosing[0].ctx, ast.Store):
            return "covector.at(a)[i].set(x) instead of a[i] = x, or build the array of its parts with np.stack([...])"
        if is_mask:
            return MASK
        return "covector.numpy.take(a, i, axis=0) or covector.at(a)[i].get() instead of a[i] for a plain array a"
    if call is None:
        listed = enclosing and isinstance(enclosing[0], ast.BinOp) and _has_list(enclosing[0])
        return "np.stack the list before: np.stack([...]) * x, for NumPy does not ask its elements" if listed else default
    if call in FLOAT_OF_CALLS:
        return FLOAT_OF_CALLS[call]
    noise = fix_of_noise(call, user_frame())
    if noise is not None:
        return noise
    module, _, name = call.rpartition(".")
    if module in ("np", "numpy") and name in ARRAY_OF_NUMPY_FUNCTIONS:
        return ARRAY_OF_NUMPY_FUNCTIONS[name]
    if module in ("math", "cmath"):
        found = MATH_NAMES.get(name, name)
        return f"use np.{found} instead of {call}" if hasattr(np, found) else f"use scipy.special's function instead of {call}"
    return _fix_of_list(call, enclosing[0]) or default


def _fix_in_package() -> str | None:
    """The fix where the code of another package asks, which the user does not write."""
    frame = beside_covector()
    if frame is None or not is_library(frame.f_code.co_filename):
        return None
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    if package in ("numpy", "scipy") or package in sys.stdlib_module_names:
        return None
    call = called_in(enclosing_nodes(Source(frame.f_code, frame.f_lasti, ""))) or ""
    if call in ("float", "complex") or call.rpartition(".")[2] in NUMBERS:
        return f"name the package, covector.lift(f, packages=[{package!r}]): in its modules {call}(x) keeps the derivative"
    lift = "transform covector.lift(f) in place of f, for code that was written for plain arrays"
    return f"{package} asks for one: {lift}; what a function imports when it runs is not reached"


OF_LISTS = {f"np.{name}" for name in ("sum", "prod", "max", "min", "var", "std", "nansum", "nanmean", "nanmax", "nanmin")}
"""Functions whose first argument may have been written as a list."""


def _fix_of_list(call: str | None, node: ast.AST) -> str | None:
    if not _has_list(node):
        return None
    return f"np.stack the list: {call}(np.stack([...])), for NumPy asks a list, not its elements, what {call} means"


def _has_list(node: ast.AST) -> bool:
    """Whether a call or an operation has a list, or a tuple, written out among its operands."""
    operands = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else [*ast.iter_child_nodes(node)]
    return any(isinstance(x, (ast.List, ast.Tuple, ast.ListComp)) for x in operands)


def fix_of_write(default: str) -> str:
    """The fix where something was to be written into a traced value."""
    return fix_of_noise(call_of(user_source()), user_frame()) or default


MATH_NAMES = {"pow": "power", "fabs": "abs", "dist": "linalg.norm", "fsum": "sum", "phase": "angle"}
"""The functions of the math module that have another name in NumPy."""
