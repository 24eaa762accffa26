"""Operators and ufuncs on what stands for values: the same on the values, and the result is written into ``out``, if given."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, dtype_of, shape_of
from covector.core.primitive import TracerBase
from covector.lifting.active import as_covector
from covector.lifting.cells import Cell
from covector.lifting.indices import index_of
from covector.lifting.lifted import (
    ALL,
    LIFTED,
    NUMBERS,
    OF_NUMPY,
    Lifted,
    as_operand,
    as_truth,
    convert,
    has_traced,
    into_plain_array,
    known,
    means_of_ufunc,
    readings,
    register_method,
    unwrap,
    wrap,
)
from covector.lifting.memory import is_sparse
from covector.lifting.order import as_function, computed_in, like_operands, unsure_as
from covector.lifting.refusals import written_over
from covector.lifting.roots import Root
from covector.lifting.scalars import Number, Scalar, Truth, beside_each_other
from covector.numpy.at import at
from covector.numpy.inplace import OPERATORS
from covector.numpy.registry import as_array

LOGICAL = frozenset({operator.and_, operator.or_, operator.xor})
BINARY = {name: ufunc for name, (_, ufunc) in OPERATORS.items()}
COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
UFUNC_OF = {getattr(operator, name): ufunc for name, ufunc in (BINARY | COMPARISONS).items()}
"""The ufuncs that the operators of arrays are."""

OF_PYTHON = frozenset({*PYTHON_NUMBERS, Number, Truth})
"""Types of Python's numbers, and of what stands for traced ones."""


def _computed(found: Any, operands: Any) -> Any:
    """What NumPy computed of plain operands, element by element."""
    if type(found) is not ndarray or found.dtype.kind not in "biufc":
        return found
    cell = Cell(Root(found), None, found, found)
    return cell if found.ndim < 2 else unsure_as(cell, *operands)


def _operand(x: Any) -> Any:
    """The other operand of an operator; NotImplemented where it decides itself."""
    kind = type(x)
    if issubclass(kind, (TracerBase, ndarray, np.generic)):
        return x
    if issubclass(kind, (list, tuple)) or kind is range or kind is deque:
        return as_operand(x)
    if x is None or getattr(kind, "__array_ufunc__", False) is None or hasattr(kind, "__array_ufunc__"):
        return NotImplemented
    return x


def _by_ufunc(op: Callable[[Any, Any], Any], self: Any, other: Any, flip: bool) -> Any:
    """The operator as the ufunc that it is of arrays, which asks the other operand's ``__array_ufunc__``, if it has one."""
    ufunc = UFUNC_OF.get(op)
    if ufunc is None or getattr(type(other), "__array_ufunc__", None) is None:
        return NotImplemented
    return ufunc(other, self) if flip else ufunc(self, other)


def _repeated(x: Any, times: Scalar) -> Any:
    """A list or tuple so many times, as Python and NumPy multiply them with integers alone."""
    if times.dtype.kind not in "iub":
        raise TypeError(f"can't multiply sequence by non-int of type '{times.dtype}'")
    return x * operator.index(times)


def _binary(op: Callable[[Any, Any], Any], flip: bool = False, ordered: bool = True) -> Callable[[Any, Any], Any]:
    """The operator of cells."""

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        x = self._read()
        if kind is Number:
            other = other.beside(self)
        elif (kind is list or kind is tuple) and type(self) is not Cell:
            if op is operator.mul:
                return _repeated(other, self)
            if type(self) is not Scalar:
                return NotImplemented
        y = other if kind in NUMBERS else other._read() if kind in LIFTED else _operand(other)
        if y is NotImplemented:
            return _by_ufunc(op, self, other, flip)
        if y is other and kind not in NUMBERS and kind is not ndarray and is_sparse(y):
            if not self.shape or type(getattr(y, "data", None)) is Cell:
                return NotImplemented  # SciPy's own code multiplies the entries, or has them in its array
            return wrap(as_covector(op, y, x) if flip else as_covector(op, x, y))
        if type(x) is ndarray:
            if isinstance(y, TracerBase):
                x = self._captured()
            else:
                return _computed(op(y, x) if flip else op(x, y), (self, other))
        elif type(y) is ndarray and kind is Cell:
            y = other._captured()
        found = op(y, x) if flip else op(x, y)
        if not isinstance(found, TracerBase):
            return like_operands(wrap(found), self, other)
        root = Root(found)
        if len(root.shape) < 2:
            return Cell(root, None, found, found) if root.shape else Scalar(found)
        cell = Cell(root, None, found, found)
        return like_operands(cell, self, other) if ordered else cell

    return method


def _of_scalar(op: Callable[[Any, Any], Any], flip: bool, otherwise: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operator of a traced number, at once next to another one."""

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is Scalar:
            other = other._value
        elif kind not in NUMBERS:
            return otherwise(self, other)
        found = op(other, self._value) if flip else op(self._value, other)
        return Scalar(found) if isinstance(found, TracerBase) else found

    return method


def _of_number(make: Callable[[Any], Any], otherwise: Callable[[Any, Any], Any], op: Any, flip: bool) -> Any:
    """The operator of a traced number of Python's: with another one ``make`` of it, else as of NumPy's."""

    def method(self: Number, other: Any) -> Any:
        kind = type(other)
        if kind is Number:
            other = other._value
        elif kind is Truth:
            other = other.counted()._value
        elif kind not in PYTHON_NUMBERS:
            return otherwise(self.beside(other), other)
        return make(op(other, self._value) if flip else op(self._value, other))

    return method


def _ordering(make: Callable[[Any], Any], otherwise: Callable[[Any, Any], Any], op: Any, flip: bool) -> Any:
    """The same for an order, which Python's complex numbers do not have."""
    method = _of_number(make, otherwise, op, flip)

    def checked(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind in OF_PYTHON:
            op(_example(self), other if kind in PYTHON_NUMBERS else _example(other))  # raises as Python does
        return method(self, other)

    return checked


def _example(x: Any) -> Any:
    """A number of Python's of the same type."""
    return x.dtype.type(1).item()


def _as_python_does(make: Callable[[Any], Any], otherwise: Callable[[Any, Any], Any], op: Any, flip: bool) -> Any:
    """The same for what Python refuses of zero, and for powers, of which those of negative numbers are complex."""
    method = _of_number(make, otherwise, op, flip)
    complex_power = _of_number(make, otherwise, lambda x, y: (x + 0j) ** y, flip)

    def checked(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind in OF_PYTHON:
            mine, its = known(self._value), known(other._value if kind in LIFTED else other)
            if mine is not None and its is not None:
                x, y = np.asarray(mine).item(), np.asarray(its).item() if kind in LIFTED else its
                x, y = (y, x) if flip else (x, y)
                if (y == 0 or op is operator.pow) and type(op(x, y)) is complex is not type(x):  # raises where Python does
                    return complex_power(self, other)
            if op is operator.pow and kind is int and other < 0 and not flip and self.dtype.kind == "i":
                return method(self * 1.0, other)
        return method(self, other)

    return checked


def _counting(otherwise: Callable[[Any, Any], Any], op: Callable[[Any, Any], Any], flip: bool) -> Callable[[Any, Any], Any]:
    """The operator of a traced truth value of Python's, which is an integer to other numbers of Python's."""

    def method(self: Truth, other: Any) -> Any:
        kind = type(other)
        if kind not in OF_PYTHON:
            return otherwise(self, other)
        if op in LOGICAL and (kind is bool or kind is Truth):
            return as_truth(op(self._value, unwrap(other)))
        return op(other, self.counted()) if flip else op(self.counted(), other)

    return method


def _compared(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    compare = _binary(op)

    def method(self: Any, other: Any) -> Any:
        if other is not None and type(other) is not str:
            return compare(self, other)
        return wrap(op(np.zeros(self.shape), other)) if self.shape else op(0.0, other)

    return method


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    inplace, op = getattr(operator, "i" + name.rstrip("_")), getattr(operator, name)
    how = {"add": "add", "sub": "subtract"}.get(name)

    def method(self: Cell, other: Any) -> Any:
        root = self.root
        if type(other) is Number:
            other = other.beside(self)
        y = other if type(other) in NUMBERS else as_operand(other)
        if type(root.value) is ndarray and not has_traced(y):
            self.check_write()
            if self._is_memory():
                root.writable()
                inplace(self._read(), y)
                return self
        elif how and self._is_slice() and _is_alike(self, y):
            self._write(ALL, y, how)
            return self
        x = self._captured()
        if op is not operator.matmul:
            return store(self, op(x, y))
        np.matmul.resolve_dtypes((x.dtype, dtype_of(y), self.dtype))  # which NumPy does before it looks at shapes
        found = op(x, y)
        _check_core(np.matmul, (x, y), found, self)
        return store(self, found)

    return method


def _check_core(ufunc: np.ufunc, operands: Any, found: Any, out: Any) -> None:
    """Raise where a result is to be written that is of other lengths along the axes that a generalized ufunc is about."""
    core = str(ufunc.signature).rpartition("->")[2].strip("()").split(",")
    count = len([n for n in core if n]) - (ufunc is np.matmul) * sum(len(shape_of(x)) == 1 for x in operands)
    if count and out.shape[-count:] != shape_of(found)[-count:]:
        what = f"{ufunc.__name__}: Output operand 0 has a mismatch in its core dimensions"
        raise ValueError(f"{what}: the result has the shape {shape_of(found)}, and what it was to be written into {out.shape}")


def _is_alike(cell: Cell, y: Any) -> bool:
    """Whether a sum with y is of an array's own shape and dtype, and differentiable."""
    dtype, shape = cell.dtype, cell.shape
    if dtype.kind not in "fc":
        return False
    if type(y) in (int, float):
        return True
    return dtype_of(y) == dtype and (shape_of(y) == shape or np.broadcast_shapes(shape_of(y), shape) == shape)


def store(target: Any, value: Any, casting: str = "same_kind") -> Any:
    """Write the result of an operation into an array that was given for it; returns that."""
    if type(target) is not Cell:
        if has_traced(value) or type(target) in LIFTED:
            raise into_plain_array()
        np.copyto(target, value, casting=casting)  # type: ignore[arg-type]
        return target
    value = as_array(value)
    shape = target.shape
    if np.broadcast_shapes(shape_of(value), shape) != shape:
        what = f"non-broadcastable output operand with shape {shape} doesn't match the broadcast shape {shape_of(value)}"
        raise ValueError(what)
    if not np.can_cast(value.dtype, target.dtype, casting):  # type: ignore[arg-type]
        what = f"Cannot cast ufunc output from {value.dtype!r} to {target.dtype!r} with casting rule {casting!r}"
        raise TypeError(what)
    return target._assign(value)


# --- ufuncs ---------------------------------------------------------------------------------------------------------------


def _operands(inputs: Any, where: Any, out: Any) -> tuple[list[Any], bool]:
    """The values, and whether any is traced."""
    values = [as_operand(x) for x in inputs]
    return values, any(map(has_traced, values)) or has_traced(where) or has_traced(unwrap(out))


@means_of_ufunc("__call__")
def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, out: Any = None, where: Any = True, **options: Any) -> Any:
    """``ufunc(*inputs)``."""
    if Number in map(type, inputs):
        inputs = beside_each_other(inputs)
    if out is None and where is True and not options:
        plain = readings(inputs)
        if plain is not None and ufunc.signature is None and ufunc.nout == 1:  # nothing keeps them
            return _computed(ufunc(*plain), inputs)
        values = [x._captured() if type(x) in LIFTED else x if type(x) in NUMBERS else as_operand(x) for x in inputs]
        found = ufunc(*values) if ufunc in OF_NUMPY else as_covector(ufunc, *values)
        if isinstance(found, TracerBase):
            root = Root(found)
            if not root.shape:
                return Scalar(found)
            cell = Cell(root, None, found, found)
            return like_operands(cell, *inputs) if len(root.shape) > 1 and ufunc.signature is None else cell
        return like_operands(wrap(found), *inputs) if ufunc.signature is None else wrap(found)
    where = unwrap(where)
    values, traced = _operands(inputs, where, out)
    options = unwrap(options)
    if out is None:
        options |= {} if where is True else {"where": where}
        return computed_in(wrap(ufunc(*values, **options)), options.get("order", "K"), *inputs)
    outs = out if type(out) is tuple else (out,)
    if where is not True and traced:
        values = [np.asarray(x) if type(x) in (list, tuple) else x for x in values]
        values = [x if type(x) in PYTHON_NUMBERS else np.where(where, x, np.ones((), dtype_of(x))) for x in values]
    elif where is not True:
        if any(o is not None and o.dtype.kind == "c" for o in outs):
            ones = ufunc(*[np.ones((), dtype_of(x)) for x in values])
            _check_parts(ufunc, outs, ones if type(ones) is tuple else (ones,))
        copies = tuple([None if o is None else np.array(unwrap(o)) for o in outs])
        found = ufunc(*values, out=copies, where=where, **options)
        return _stored(outs, found if type(found) is tuple else (found,), "unsafe")
    found = ufunc(*values, **{k: v for k, v in options.items() if k != "casting"})
    found = found if type(found) is tuple else (found,)
    if ufunc.signature is not None and outs[0] is not None:
        _check_core(ufunc, values, found[0], outs[0])
    if where is not True:
        _check_parts(ufunc, outs, found)
        found = tuple([r if o is None else np.where(where, r, unwrap(o)) for o, r in zip(outs, found, strict=True)])
    return _stored(outs, found, options.get("casting", "same_kind"))


def _check_parts(ufunc: np.ufunc, outs: Any, found: Any) -> None:
    """Raise where real numbers are to be written into complex ones at a mask."""
    if any(o is not None and o.dtype.kind == "c" != dtype_of(r).kind for o, r in zip(outs, found, strict=True)):
        what = f"numpy.{ufunc.__name__} with where= was to write real numbers into an array of complex ones."
        raise errors.InPlaceWriteError(what, why="NumPy cuts imaginary parts beside the mask too", fix="use np.where")


def _may_share_memory(a: Cell, b: Cell) -> bool:
    return np.shares_memory(a.layout(), b.layout()) if a.root is b.root else a.root.origin is b.root.origin


def _stored(outs: Any, found: Any, casting: str) -> Any:
    cells = [o for o in outs if type(o) is Cell]
    for i, o in enumerate(cells):
        if any(_may_share_memory(o, other) for other in cells[:i]):
            raise written_over()
    done = tuple([wrap(r) if o is None else store(o, r, casting) for o, r in zip(outs, found, strict=True)])
    return done[0] if len(done) == 1 else done


@means_of_ufunc("reduce", "accumulate", "reduceat", "outer")
def reduce_by_ufunc(ufunc: np.ufunc, method: str, inputs: Any, out: Any = None, **options: Any) -> Any:
    """``ufunc.reduce(*inputs)`` and its like."""
    values, options = [as_operand(x) for x in inputs], unwrap(options)
    target = out[0] if type(out) is tuple else out
    if target is not None and method != "outer" and options.get("dtype") is None:
        options |= dtype_of_out(values[0], target)
    found = getattr(ufunc, method)(*values, **options)
    if target is None:
        return like_operands(wrap(found), *inputs) if method == "accumulate" else as_function(wrap(found), inputs)
    if method == "accumulate" and shape_of(found) != target.shape:
        what = f"numpy.{ufunc.__name__}.accumulate of the shape {shape_of(found)} was to be written into {target.shape}."
        raise errors.InPlaceWriteError(what, why="NumPy writes a part of it", fix="give an out of the same shape")
    return store(target, found, options.get("casting", "same_kind") if method == "outer" else "unsafe")


def dtype_of_out(x: Any, out: Any) -> dict[str, Any]:
    """The dtype in which NumPy adds numbers up into an array, where that is a wider one."""
    given = as_array(x).dtype
    return {"dtype": out.dtype} if given != out.dtype and np.can_cast(given, out.dtype, "safe") else {}


AT = {np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.minimum: "min", np.maximum: "max"}
"""Ufuncs that `covector.at` applies for every value where an index repeats."""


@means_of_ufunc("at")
def write_by_ufunc(ufunc: np.ufunc, method: str, inputs: Any) -> None:
    """``ufunc.at(target, index, *values)``: each value counts where an index repeats."""
    target, index, *rest = inputs
    index, values = index_of(index), [as_operand(v) for v in rest]
    traced = has_traced(index) or has_traced(values)
    if type(target) is not Cell:
        if traced or type(target) in LIFTED:
            store(target, values[0] if values else target)
        ufunc.at(target, index, *values)
        return
    value = target._captured()
    if not isinstance(value, TracerBase) and not traced:
        value = value.copy(order="K")
        ufunc.at(value, index, *values)
        target._assign(value)
    elif ufunc in AT and value.dtype == np.result_type(value.dtype, *[dtype_of(v) for v in values]):
        target._assign(getattr(at(value)[index], AT[ufunc])(*values))
    else:
        target._assign(_in_turn(ufunc, value, index, values))


def _in_turn(ufunc: np.ufunc, value: Any, index: Any, values: Any) -> Any:
    """``ufunc.at`` in rounds, each of which meets a place once."""
    if has_traced(index):
        fix = "use np.add.at, subtract.at, multiply.at, minimum.at or maximum.at, or an index that is known"
        what = f"numpy.{ufunc.__name__}.at is not supported at traced places."
        raise errors.UnsupportedFunctionError(what, fix=fix)
    places = np.arange(value.size).reshape(value.shape)[index]
    operands = [np.reshape(np.broadcast_to(as_array(v), places.shape), (-1,)) for v in values]
    places, flat = places.ravel(), np.reshape(value, (-1,))
    order = np.argsort(places, kind="stable")
    turn = np.empty(len(places), int)
    turn[order] = np.arange(len(places)) - np.searchsorted(places[order], places[order])
    for n in range(turn.max(initial=-1) + 1):
        now = np.nonzero(turn == n)[0]
        new = ufunc(flat[places[now]], *[v[now] for v in operands])
        flat = at(flat)[places[now]].set(convert(new, value))
    return np.reshape(flat, value.shape)


# --- installed ------------------------------------------------------------------------------------------------------------


def _unary(op: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: like_operands(wrap(op(self._captured())), self)


def _no_product(self: Any, other: Any) -> Any:
    """Numbers of NumPy's have no products with matrices."""
    if type(other) is Cell or issubclass(type(other), ndarray):
        raise ValueError("matmul: Input operand does not have enough dimensions: a number has none")
    return NotImplemented


def _divmod(self: Any, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Any, other: Any) -> Any:
    return other // self, other % self


def _as_python(found: Any) -> Any:
    return Number(found) if isinstance(found, TracerBase) else found


OF_ZERO = frozenset({operator.truediv, operator.floordiv, operator.mod, operator.pow})
ORDERS = frozenset({operator.lt, operator.le, operator.gt, operator.ge})


def _install(name: str, method: Callable[[Any, Any], Any], op: Callable[[Any, Any], Any], flip: bool = False) -> None:
    register_method(Lifted, f"__{name}__", method)
    of_scalar = _of_scalar(op, flip, method)
    register_method(Scalar, f"__{name}__", of_scalar)
    of_number = _as_python_does if op in OF_ZERO else _ordering if op in ORDERS else _of_number
    register_method(Number, f"__{name}__", of_number(as_truth if name in COMPARISONS else _as_python, of_scalar, op, flip))
    register_method(Truth, f"__{name}__", _counting(of_scalar, op, flip))


def _array_to_power(x: Any, y: Any) -> Any:
    """``x ** y`` of an array, which differs for booleans from that of a number also where there are no axes."""
    return np.square(x) if type(y) is int and y == 2 and dtype_of(x).kind == "b" else x**y


OF_ARRAYS = {operator.pow: _array_to_power}
UFUNC_OF[_array_to_power] = np.power

for _name in BINARY:
    _op, _plain = getattr(operator, _name), _name.rstrip("_")
    _install(_plain, _binary(OF_ARRAYS.get(_op, _op), ordered=_name != "matmul"), _op)
    _install(f"r{_plain}", _binary(_op, True, _name != "matmul"), _op, True)
    register_method(Cell, f"__i{_plain}__", _in_place(_name))
for _name in ("__matmul__", "__rmatmul__"):
    register_method(Scalar, _name, _no_product)
    register_method(Number, _name, lambda self, other: NotImplemented)
    register_method(Truth, _name, lambda self, other: NotImplemented)
for _name in COMPARISONS:
    _install(_name, _compared(getattr(operator, _name)), getattr(operator, _name))
for _name in "neg pos abs invert".split():
    _op = getattr(operator, _name)
    register_method(Lifted, f"__{_name}__", _unary(_op))
    register_method(Number, f"__{_name}__", lambda self, op=_op: _as_python(op(self._value)))
    register_method(Truth, f"__{_name}__", lambda self, op=_op: op(self.counted()))
register_method(Lifted, "__divmod__", _divmod)
register_method(Lifted, "__rdivmod__", _rdivmod)
