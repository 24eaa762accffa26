"""NumPy's functions on what stands for values: those that show memory, those that write, and all others."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib import stride_tricks

from covector.core import errors
from covector.core.avals import shape_of
from covector.core.primitive import TracerBase
from covector.core.tracer import has_meaning
from covector.lifting import views
from covector.lifting.active import as_covector
from covector.lifting.cells import Cell, of_one_root, shows_memory
from covector.lifting.lifted import (
    LIFTED,
    as_cell,
    as_operand,
    convert,
    has_traced,
    known,
    means,
    means_otherwise,
    readings,
    unwrap,
    wrap,
)
from covector.lifting.methods import check_known_order
from covector.lifting.operators import dtype_of_out, store
from covector.lifting.order import as_asked, as_function, copied, in_unknown_order, like_operands, ordered_as
from covector.lifting.roots import UNSURE, Root
from covector.lifting.scalars import FROM_2_5
from covector.numpy.registry import as_array
from covector.numpy.undispatched import first_tracer
from covector.primitives.arrays.shaping import strengthened
from covector.primitives.arrays.subscripts import answered

SHOW_MEMORY: list[Any] = [
    *map(np.__dict__.get, """
        swapaxes moveaxis rollaxis squeeze expand_dims diagonal diag split array_split hsplit vsplit dsplit
        broadcast_to flip fliplr flipud rot90 permute_dims matrix_transpose unstack
    """.split()),
    stride_tricks.sliding_window_view, np.linalg.diagonal, np.linalg.matrix_transpose,
]  # fmt: skip
"""Functions whose result shows memory of their first argument, as far as NumPy says so of one that lies in memory alike."""

IN_ORDER = frozenset({np.dot, np.inner, np.outer, np.tensordot, np.interp, np.linalg.solve, np.linalg.inv})
"""Functions whose results lie in memory in C order, whatever the order of the arguments."""

ASKED = frozenset({
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block, np.tile, np.repeat, np.roll,
    np.append, np.resize,
})  # fmt: skip
"""Functions that put elements elsewhere, whatever they are: of how the result lies in memory NumPy is asked."""

ARRAYS = frozenset({
    np.where, np.select, np.tensordot, np.linalg.tensordot, np.resize, np.cov, np.roll, np.i0, np.cross, np.tile, np.block,
    np.pad, np.polyint, np.isin, np.broadcast_to, np.expand_dims, np.linalg.tensorsolve, np.fft.fftn, np.fft.ifftn,
})  # fmt: skip
"""Functions that return an array, which can be written, also where it has no axes."""

LIKE_OPERANDS = frozenset({np.clip, np.nan_to_num, np.angle})
COPIED = frozenset({np.sort, np.partition})


# --- all others -----------------------------------------------------------------------------------------------------------


@means_otherwise
def apply(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A function on the values: its result in new cells, or written into ``out``."""
    out, place = kwargs.get("out"), _place_of_out(func)
    if len(args) > place:
        out, args = args[place], (*args[:place], *(() if len(args) == place + 1 else (None, *args[place + 1 :])))
    plain = readings((*args, *kwargs.values())) if out is None else None
    if plain is not None:  # nothing keeps them
        found = as_covector(func, *plain[: len(args)], **dict(zip(kwargs, plain[len(args) :], strict=True)))
        return _laid_out_by(func, found, args, kwargs)
    values, options = unwrap(args), {k: unwrap(v) for k, v in kwargs.items() if k != "out"}
    target = out[0] if type(out) is tuple else out
    if type(target) is Cell and func not in CHECKED and not has_traced((values, options)):
        scratch = np.empty_like(target.layout(), dtype=target.dtype)  # of which dtype it is decides how NumPy computes
        return target._assign(as_covector(func, *values, **options, out=scratch))
    if target is not None and func in ADDING:
        values, options = _with_dtype(values, options, ADDING[func], target)
    found = as_covector(_of_traced(func, values, options), *values, **options)
    if target is not None:
        return _written(func, target, found, args, kwargs.get("casting"))
    return _laid_out_by(func, found, args, kwargs)


def _of_traced(func: Callable[..., Any], values: Any, options: Any) -> Any:
    """What a function means where anything is traced: NumPy does not ask all arguments, as a default or what is in lists."""
    tracer = first_tracer((*values, *options.values())) if has_meaning(func) else None
    return func if tracer is None else lambda *args, **kwargs: tracer.__array_function__(func, (), args, kwargs)


def _with_dtype(values: Any, options: dict[str, Any], place: int, out: Any) -> Any:
    """The arguments of a function that computes in the dtype of ``out`` if it is given none."""
    is_positional = len(values) > place
    given = values[place] if is_positional else options.get("dtype")
    wide = {} if given is not None else dtype_of_out(values[0], out)
    if wide and is_positional:
        return (*values[:place], wide["dtype"], *values[place + 1 :]), options
    return values, options | wide


def _laid_out_by(func: Callable[..., Any], found: Any, args: Any, kwargs: Any) -> Any:
    """The result of a function in new cells, which lie in memory as NumPy's does, or in views of the arguments."""
    cells = [x for x in (*args, *kwargs.values()) if type(x) is Cell]
    if func in ARRAYS and type(found) is not tuple and not shape_of(found):
        found = as_cell(found)
    cell = wrap(found) if isinstance(found, TracerBase) else owned(found, cells)
    if type(cell) is not Cell or len(cell.root.shape) < 2:
        return cell
    if func in LIKE_OPERANDS:
        return like_operands(cell, *args)
    if func in COPIED:
        return copied(cell, args[0], "K")
    if func in (np.cross, np.linalg.cross) and (kwargs or len(args) > 2):  # it moves the axis, which makes a view
        return in_unknown_order(cell)
    if func in ASKED:
        return as_asked(cell, func, args, kwargs)
    return cell if func in IN_ORDER else as_function(cell, [*args, *kwargs.values()])


@functools.cache
def _place_of_out(func: Callable[..., Any]) -> int:
    """The position of the parameter ``out`` of a function; beyond all if it has none, or is not known."""
    try:
        names = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        return 1 << 30
    return next((i for i, p in enumerate(names) if p.name == "out" and p.kind is not p.KEYWORD_ONLY), 1 << 30)


def _written(func: Callable[..., Any], target: Any, found: Any, args: Any, casting: str | None) -> Any:
    """The result of a function written into what was given for it."""
    if func in (np.concatenate, np.stack) and any(of_one_root(x, target) for x in args[0]):
        what = f"numpy.{func.__name__} was to write into one of its own arguments."
        raise errors.InPlaceWriteError(what, why="NumPy writes part after part", fix="x[...] = without out=")
    if func is np.ptp and of_one_root(args[0], target):
        what = "numpy.ptp was to write into its own argument."
        raise errors.InPlaceWriteError(what, why="NumPy writes the maxima before it reads the minima", fix="leave out= out")
    if func is np.dot and type(target) is Cell:
        check_known_order(target, "np.dot(out=)")
        if not (target.layout().flags.c_contiguous and target.dtype == found.dtype and target.shape == shape_of(found)):
            raise ValueError("output array is not acceptable: it must have the right datatype and shape, and be a C-Array")
    if math.prod(shape_of(found)) != math.prod(lengths_of(target)) and func is not np.clip:
        what = f"output array has the shape {lengths_of(target)}, and the result of numpy.{func.__name__} {shape_of(found)}"
        raise ValueError(what)
    if func in (np.take, np.compress) and not FROM_2_5:
        check_cast(target.dtype, found.dtype)  # it works on a copy of out
    return store(target, found, casting or ("unsafe" if func in REDUCTIONS else "same_kind"))


def check_cast(given: Any, dtype: Any, rule: Any = "safe") -> None:
    """Raise where NumPy would not convert an array of one dtype to another."""
    if not np.can_cast(given, dtype, rule):
        raise TypeError(f"Cannot cast array data from {given!r} to {dtype!r} according to the rule {rule!r}")


CHECKED = frozenset({np.concatenate, np.stack, np.dot})
"""What may be written into depends on more than its shape and dtype."""

REDUCTIONS = frozenset({np.max, np.min, np.sum, np.prod, np.mean, np.std, np.var, np.any, np.all, np.ptp, np.take, np.compress,
                        np.choose, np.cumsum, np.cumprod, np.argmax, np.argmin})  # fmt: skip
"""They write whatever they find into ``out``."""

ADDING = {
    np.trace: 4,
    **dict.fromkeys((np.sum, np.prod, np.mean, np.cumsum, np.cumprod, np.nansum, np.nanprod, np.nanmean), 2),
}
"""They compute in the dtype of ``out`` if they are given none: for each the position of that."""


def owned(found: Any, cells: list[Cell], outer: list[ndarray] | None = None) -> Any:
    """Results of a function as new cells, or as views of the cells whose memory they are; what is outer stays so."""
    if type(found) in (tuple, list):
        return type(found)([owned(x, cells, outer) for x in found])
    if type(found) is ndarray:
        if any(shows_memory(found, x) for x in outer or ()):
            return found
        for cell in cells:
            value = cell.root.value
            if shows_memory(found, value):
                return _view_of_plain(cell.root, value, found)
    return as_function(wrap(found), cells) if isinstance(found, (TracerBase, tuple)) else wrap(found)


def _view_of_plain(root: Root, value: ndarray, found: ndarray) -> Any:
    """A result that is memory of a plain root."""
    layout = views.Layout(value, value.view(), 0)
    view = views.shown(found, layout) if found.dtype == value.dtype and root.strides is None else None
    return Cell(root, view, found, value) if view is not None else wrap(found.copy(order="K"))


def _asked(x: Any) -> Any:
    """Arguments that decide what a function shows, as plain values where they are known."""
    if type(x) in (tuple, list):
        return type(x)(map(_asked, x))
    if type(x) is dict:
        return {k: _asked(v) for k, v in x.items()}
    found = answered(x) if isinstance(x, TracerBase) else None
    return x if found is None else found


def _through(func: Callable[..., Any]) -> Callable[..., Any]:
    def meaning(x: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _asked(unwrap(args)), _asked(unwrap(kwargs))
        if type(x) is Cell and not has_traced((args, kwargs)):
            return x.through(lambda v: func(v, *args, **kwargs))
        return apply(func, (x, *args), kwargs)

    return meaning


for _func in SHOW_MEMORY:
    means(_func)(_through(_func))


def _at_least(func: Callable[..., Any]) -> Callable[..., Any]:
    def meaning(*arrays: Any) -> Any:
        found = [a.through(func) if type(a) is Cell else wrap(func(as_operand(a))) for a in arrays]
        return found[0] if len(found) == 1 else tuple(found)

    return meaning


for _func in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    means(_func)(_at_least(_func))


@means(np.ravel)
def _ravel(a: Any, order: str = "C") -> Any:
    return a.ravel(order) if type(a) in LIFTED else apply(np.ravel, (a, order), {})


@means(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    if type(a) is not Cell:
        return apply(np.transpose, (a, axes), {})
    return a.transpose() if axes is None else a.transpose(axes)


@means(np.reshape)
def _reshape(a: Any, /, shape: Any = None, order: str = "C", *, copy: bool | None = None) -> Any:
    if type(a) is not Cell:
        return apply(np.reshape, (a, shape, order), {} if copy is None else {"copy": copy})
    return a.reshape(shape, order=order, copy=copy)


for _func, _name in ((np.real, "real"), (np.imag, "imag")):
    means(_func)(lambda val, _name=_name, _func=_func: getattr(val, _name) if type(val) in LIFTED else apply(_func, (val,), {}))


@means(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    return a.squeeze(axis) if type(a) in LIFTED else apply(np.squeeze, (a, axis), {})


@means(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    if type(a) not in LIFTED or a.dtype.kind != "c":
        return a if type(a) in LIFTED else apply(np.real_if_close, (a, tol), {})
    values = answered(a._read())
    if values is None:
        return apply(np.real_if_close, (a, tol), {})
    return a.real if np.isrealobj(np.real_if_close(values, tol)) else a


@means(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    if type(filt) is Cell and not (filt.shape if axis is None else np.size(axis)):
        return filt
    values = answered(filt._read()) if type(filt) is Cell else None
    if values is None:
        return apply(np.trim_zeros, (filt, trim, axis), {})
    values = values.copy()
    trimmed = np.trim_zeros(values, trim, axis)  # type: ignore[arg-type]
    view = views.shown(trimmed, views.Layout(values, values, 0))
    if view is None:  # of no elements
        return filt[tuple([slice(0, n) for n in trimmed.shape])]
    return filt[tuple([slice(a.start, a.start + len(a)) if type(a) is range else slice(a, a + 1) for a in view.axes])]


@means(np.einsum)
def _einsum(*args: Any, **kwargs: Any) -> Any:
    cells = [i for i, x in enumerate(args) if hasattr(x, "dtype")]
    if len(cells) == 1 and type(args[cells[0]]) is Cell and kwargs.keys() <= {"optimize"}:
        (at,) = cells
        return args[at].through(lambda v: np.einsum(*args[:at], v, *args[at + 1 :], **kwargs))
    if type(kwargs.get("out")) is Cell and cells:
        given, out = np.result_type(*[args[i].dtype for i in cells]), kwargs["out"].dtype
        check_cast(kwargs.get("dtype") or given, out, kwargs.get("casting", "safe"))
        if np.result_type(given, out) != given:  # it computes in what all of them convert to
            args = tuple([x.astype(np.result_type(given, out)) if i in cells else x for i, x in enumerate(args)])
    found = apply(np.einsum, args, kwargs)
    if kwargs.get("out") is not None:
        return found
    if type(args[0]) is not str or kwargs.get("optimize"):
        return in_unknown_order(found)
    small = [np.empty([min(n, 2) for n in lengths_of(x)], np.int8) for x in args[1:]]  # in C order, as all are if that is known
    return ordered_as(found, np.einsum(args[0], *small))


@means(np.ix_)
def _ix(*args: Any) -> Any:
    found = list(apply(np.ix_, args, {}))
    for i, x in enumerate(args):
        if type(x) is Cell and x.size and x.dtype.kind != "b":
            found[i] = x.reshape(found[i].shape)
    return tuple(found)


@means(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    found = apply(np.histogram_bin_edges, (a, bins, range, weights), {})
    return bins if type(bins) is Cell and bins.shape else found


@means(np.copy)
def _copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    if type(a) is Cell:
        return a.copy(order)
    is_traced = type(a) in LIFTED or has_traced(unwrap(a))
    return as_cell(unwrap(a)) if is_traced else wrap(np.array(a, order=order, subok=subok))


@means(np.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return x.astype(dtype, copy=copy)


@means(np.shape)
def lengths_of(a: Any) -> Any:
    return a.shape if type(a) in LIFTED else shape_of(as_operand(a))


@means(np.ndim)
def _ndim(a: Any) -> int:
    return len(lengths_of(a))


@means(np.size)
def _size(a: Any, axis: Any = None) -> int:
    shape = lengths_of(a)
    return int(np.prod(shape)) if axis is None else shape[axis]


@means(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(lengths_of, args))
    cells = [a if type(a) is Cell else as_cell(as_operand(a)) for a in args]
    return tuple([cell if cell.shape == shape else np.broadcast_to(cell, shape) for cell in cells])


@means(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if copy:
        found = np.meshgrid(*[as_operand(x) for x in xi], sparse=sparse, indexing=indexing)  # type: ignore[call-overload]
        return wrap(found)
    xi, axes = tuple([x if type(x) is Cell else as_cell(as_operand(x)) for x in xi]), list(range(len(xi)))
    axes[:2] = axes[:2][::-1] if indexing == "xy" else axes[:2]
    grids = [np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes, strict=True)]
    if sparse:
        return grids
    shape = np.broadcast_shapes(*map(lengths_of, grids))
    return tuple([as_strided(x, shape, [s * (n > 1) for s, n in zip(x.strides, x.shape, strict=True)]) for x in grids])


def _text_of(func: Callable[..., str], otherwise: Callable[[Any], str]) -> Callable[..., str]:
    def meaning(a: Any, *args: Any, **kwargs: Any) -> str:
        value = known(unwrap(a))
        return otherwise(a) if value is None or has_traced(value) else func(np.asarray(value), *args, **kwargs)

    return meaning


for _func, _otherwise in ((np.array_repr, repr), (np.array_str, str), (np.array2string, str)):
    means(_func)(_text_of(_func, _otherwise))


def _itself_for(func: Callable[..., Any], name: str, itself: int) -> Callable[..., Any]:
    """A function that returns its argument where a number of times is ``itself``."""

    def meaning(a: Any, *args: Any, **kwargs: Any) -> Any:
        n = args[0] if args else kwargs.get(name)
        return a if type(a) is Cell and n == itself else apply(func, (a, *args), kwargs)

    return meaning


for _func, _name, _n in ((np.diff, "n", 0), (np.polyder, "m", 0), (np.polyint, "m", 0), (np.linalg.matrix_power, "n", 1)):
    means(_func)(_itself_for(_func, _name, _n))


@means(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    found = copied(apply(np.nan_to_num, (x,), {"nan": nan, "posinf": posinf, "neginf": neginf}), x, "K")
    if copy or type(x) is not Cell:
        return found
    written = store(x, unwrap(found)) if x.dtype.kind in "fc" else x
    return written if written.shape else written[()]


@means(np.round, np.around)
def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    if type(out) is not Cell:
        return apply(np.round, (a, decimals), {} if out is None else {"out": out})
    value = as_array(as_operand(a))
    if out.size != math.prod(shape_of(value)):
        raise ValueError("invalid output shape")
    if out.dtype.kind != "c" and value.dtype.kind == "c":
        raise TypeError("array does not have imaginary part to set")
    if not decimals or out.dtype.kind not in "fc":
        return apply(np.round, (a, decimals), {"out": out})
    scale, unscale = (np.multiply, np.divide) if decimals > 0 else (np.divide, np.multiply)
    rounded = np.round(convert(scale(value, 10.0 ** abs(decimals)), out))  # as a number of out's dtype
    return store(out, unscale(rounded, 10.0 ** abs(decimals)))


def _like(func: Callable[..., Any]) -> Callable[..., Any]:
    """``zeros_like`` and its like: new arrays in the order of another one."""

    def meaning(a: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        a = wrap(as_operand(a)) if type(a) in (list, tuple) else a
        if type(a) is not Cell:
            return apply(func, (a, *args), {"dtype": dtype, **kwargs})
        args, kwargs = unwrap(args), unwrap(kwargs)
        if func is not np.full_like and args:
            dtype, args = args[0], args[1:]
        dtype = a.dtype if dtype is None else dtype
        fill = args[0] if args else kwargs.get("fill_value")
        if has_traced(fill):
            kwargs.pop("fill_value", None)
            result = wrap(np.empty_like(a.layout(), dtype=dtype, **kwargs))
            result[...] = strengthened(as_operand(fill))
        else:
            result = wrap(func(a.layout(), *args, dtype=dtype, **kwargs))
        if type(result) is Cell and len(result.root.shape) > 1:
            result.root.state |= a.root.state & UNSURE
        return result

    return meaning


for _func in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    means(_func)(_like(_func))


def as_strided(x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True, **more: Any) -> Any:
    """``numpy.lib.stride_tricks.as_strided`` of a cell: a view by any strides within its memory."""
    if type(x) is not Cell:
        return stride_tricks.as_strided(unwrap(x), shape, strides, subok, writeable, **more)
    if not x.size and np.prod(x.shape if shape is None else shape):
        what = "as_strided of an array that has no elements, which shows memory of another one."
        raise errors.UnsupportedFunctionError(what, fix="take the array that has them")
    size = x.dtype.itemsize
    if strides is not None and any(s % size for s in strides):
        what = f"as_strided with strides {tuple(strides)}, which lead into the middle of elements of {size} bytes."
        raise errors.UnsupportedFunctionError(what, fix="give multiples of x.itemsize")
    steps = None if strides is None else [s // size for s in strides]

    def act(v: ndarray) -> ndarray:
        by = None if steps is None else [s * v.itemsize for s in steps]
        return stride_tricks.as_strided(v, shape, by, writeable=writeable)

    layout = x.root.layout()
    view = views.shown(act(x.layout()), layout)
    return Cell(x.root, view) if view is not None else wrap(act(np.asarray(x)))
