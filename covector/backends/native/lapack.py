"""Systems and factorizations by SciPy's LAPACK: ``cholesky``, ``solve``, ``triangular_solve``, ``inv`` of stacks of matrices.

LAPACK's matrices are columns, ours are rows: in the same memory it sees transposes.  So a lower triangle is an upper one to it,
and right-hand sides are copied.  What LAPACK refuses (a singular matrix, one that is not positive definite) fails the program,
which then runs as Python and raises NumPy's error.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from covector.backends.native.functions import log
from covector.backends.native.ir import Builder, Module, Value, item_size, type_name
from covector.backends.native.plan import Buffer, Plan, Spot
from covector.core.jaxpr import Equation

PREFIX = {"f64": "d", "f32": "s"}


@cache
def address_of(routine: str) -> int:
    """Where a routine of BLAS or LAPACK is, of those that SciPy offers to compiled code."""
    library = "cython_blas" if routine.endswith("trsm") else "cython_lapack"
    capsule = importlib.import_module(f"scipy.linalg.{library}").__pyx_capi__[routine]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


class Shape(NamedTuple):
    """Matrices of n rows, and right-hand sides of k columns if there are any, in a stack."""

    n: int
    k: int
    stack: tuple[int, ...]


def shape_of(eqn: Equation) -> Shape:
    a, out = eqn.inputs[0].aval.shape, eqn.outputs[0].aval.shape
    return Shape(a[-1], out[-1] if len(eqn.inputs) == 2 else 0, out if eqn.primitive.name in ("det", "slogdet") else out[:-2])


def scratch(plan: Plan, eqn: Equation) -> tuple[Spot, ...]:
    """The memory of its own that an equation needs: a matrix, its right-hand sides, pivots, and work of LAPACK's."""
    n, k, _ = shape_of(eqn)
    size = 8 * (2 * n * n + n * k) + 4 * n + 64 * n * 8 + 256
    return (Spot(Buffer("work", -1, size), 0, ()),)


def call(plan: Plan, eqn: Equation, own: tuple[Spot, ...], module: Module) -> tuple[str, list[Spot]]:
    """The function of an equation, with the places that it is given."""
    spots = [plan.spots[x] for x in (*eqn.inputs, *eqn.outputs)]
    shapes = [x.aval.shape for x in (*eqn.inputs, *eqn.outputs)]
    key = (eqn.primitive.name, *shapes, eqn.outputs[0].aval.dtype.str, *eqn.params.items(), *(s.strides for s in spots))
    name = module.named("lapack", lambda name: _Routine(name, eqn, spots, shapes, module).text(), key)
    return name, [*(s._replace(strides=()) for s in spots), *own]


class _Routine:
    def __init__(self, name: str, eqn: Equation, spots: list[Spot], shapes: list[tuple[int, ...]], module: Module):
        count = len(spots)
        self.b = Builder(name, ", ".join([*(f"ptr %p{i}" for i in range(count)), "ptr %own", "ptr %status"]), module)
        self.eqn, self.spots, self.shapes, self.out = eqn, spots, shapes, len(eqn.inputs)
        self.shape = shape_of(eqn)
        self.kind = type_name(eqn.outputs[0].aval.dtype)
        self.at: list[Value] = []
        n, k, _ = self.shape
        item = item_size(self.kind)
        self.matrix, self.right = self.own(0), self.own(n * n * item)
        self.pivots = self.own((n * n + n * k) * item)
        self.work = self.own((n * n + n * k) * item + (4 * n + 63) // 64 * 64)

    def own(self, start: int) -> str:
        return "%own" if start == 0 else self.b.op(f"getelementptr i8, ptr %own, i64 {start}", "i64").text

    def text(self) -> str:
        self.over(0)
        return self.b.text()

    def over(self, axis: int) -> None:
        """The loops over the stack."""
        if axis == len(self.shape.stack):
            getattr(self, self.eqn.primitive.name)()
            return

        def inner(i: Value) -> None:
            self.at.append(i)
            self.over(axis + 1)
            self.at.pop()

        self.b.loop(self.b.index(0), self.b.index(self.shape.stack[axis]), 1, inner)

    def place(self, operand: int, i: Value, j: Value) -> Value:
        """Where an element of the matrix of a step is; of a stack that broadcasts the one matrix is that of all steps."""
        b, strides, shape = self.b, self.spots[operand].strides, self.shapes[operand]
        total = b.add(b.mul(i, b.index(strides[-2])), b.mul(j, b.index(strides[-1])))
        for at, stride, n in zip(reversed(self.at), reversed(strides[:-2]), reversed(shape[:-2]), strict=False):
            if n != 1:
                total = b.add(total, b.mul(at, b.index(stride)))
        return total

    def each(self, rows: int, columns: int, body: Any) -> None:
        b = self.b
        b.loop(b.index(0), b.index(rows), 1, lambda i: b.loop(b.index(0), b.index(columns), 1, lambda j: body(i, j)))

    def element(self, operand: int, i: Value, j: Value) -> Value:
        kind = type_name((*self.eqn.inputs, *self.eqn.outputs)[operand].aval.dtype)
        return self.b.convert(self.b.load(kind, f"%p{operand}", self.place(operand, i, j), pure=False), self.kind)

    def copy_matrix(self) -> None:
        n, b = self.shape.n, self.b
        self.each(n, n, lambda i, j: b.store(self.element(0, i, j), self.matrix, b.add(b.mul(i, b.index(n)), j)))

    def copy_right(self, transposed: bool) -> None:
        """The right-hand sides in rows, or in LAPACK's columns."""
        n, k, b = self.shape.n, self.shape.k, self.b

        def copied(i: Value, j: Value) -> None:
            to = b.add(b.mul(j, b.index(n)), i) if transposed else b.add(b.mul(i, b.index(k)), j)
            b.store(self.element(1, i, j), self.right, to)

        self.each(n, k, copied)

    def put(self, memory: str, rows: int, columns: int, transposed: bool, keep: Any = None) -> None:
        """Copy what was computed to its place; zeros where it is not to be kept."""
        b = self.b

        def copied(i: Value, j: Value) -> None:
            at = b.add(b.mul(j, b.index(rows)), i) if transposed else b.add(b.mul(i, b.index(columns)), j)
            x = b.load(self.kind, memory, at, pure=False)
            x = x if keep is None else b.select(keep(i, j), x, b.like(0, x))
            b.store(x, f"%p{self.out}", self.place(self.out, i, j))

        self.each(rows, columns, copied)

    # --- calls of LAPACK

    def integer(self, n: int) -> str:
        place = self.b.allocate("i32")
        self.b.emit(f"store i32 {n}, ptr {place}")
        return place

    def letter(self, c: str) -> str:
        place = self.b.allocate("i8")
        self.b.emit(f"store i8 {ord(c)}, ptr {place}")
        return place

    def call(self, routine: str, *arguments: str) -> None:
        routine = PREFIX[self.kind] + routine
        name = f"covector_{routine}"
        self.b.module.declare(name, "void", *["ptr"] * len(arguments))
        self.b.module.foreign[name] = lambda: address_of(routine)
        self.b.emit(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")

    def checked(self, routine: str, *arguments: str) -> None:
        """A call whose last argument says whether it failed."""
        info = self.integer(0)
        self.call(routine, *arguments, info)
        self.b.fails_if(self.b.compare("ne", self.b.load("i32", info, self.b.index(0), pure=False), self.b.constant(0, "i32")))

    # --- the primitives

    def cholesky(self) -> None:
        n, upper = self.shape.n, self.eqn.params["upper"]
        self.copy_matrix()
        self.checked("potrf", self.letter("L" if upper else "U"), self.integer(n), self.matrix, self.integer(n))
        self.put(self.matrix, n, n, False, lambda i, j: self.b.compare("ge" if upper else "le", j, i))

    def solve(self) -> None:
        n, k = self.shape.n, self.shape.k
        self.copy_matrix()
        self.copy_right(transposed=True)
        size = self.integer(n)
        self.checked("getrf", size, size, self.matrix, size, self.pivots)
        self.checked("getrs", self.letter("T"), size, self.integer(k), self.matrix, size, self.pivots, self.right, size)
        self.put(self.right, n, k, transposed=True)

    def inv(self) -> None:
        n, size = self.shape.n, self.integer(self.shape.n)
        self.copy_matrix()
        self.checked("getrf", size, size, self.matrix, size, self.pivots)
        self.checked("getri", size, self.matrix, size, self.pivots, self.work, self.integer(64 * n))
        self.put(self.matrix, n, n, False)

    def determinant(self, start: Value, combine: Any) -> Value:
        """What comes of a number and the diagonal of the factorization, each with the sign of its row exchange."""
        n, b = self.shape.n, self.b
        size, info, total, sign = self.integer(n), self.integer(0), b.allocate(self.kind), b.allocate(self.kind)
        self.copy_matrix()
        self.call("getrf", size, size, self.matrix, size, self.pivots, info)  # a zero on the diagonal is no failure
        b.store(start, total, b.index(0))
        b.store(b.constant(1.0, self.kind), sign, b.index(0))
        read: Callable[[str], Value] = lambda place: b.load(self.kind, place, b.index(0), pure=False)

        def step(i: Value) -> None:
            x = b.load(self.kind, self.matrix, b.mul(i, b.index(n + 1)), pure=False)
            pivot = b.load("i32", self.pivots, i, pure=False)
            exchanged = b.compare("ne", b.convert(pivot, "i64"), b.add(i, b.index(1)))
            b.store(b.select(exchanged, b.neg(read(sign)), read(sign)), sign, b.index(0))
            b.store(combine(read(total), x), total, b.index(0))
            if self.eqn.primitive.name == "slogdet":
                turned = b.select(b.compare("olt", x, b.like(0.0, x)), b.neg(read(sign)), read(sign))
                turned = b.select(b.compare("oeq", x, b.like(0.0, x)), b.like(0.0, x), turned)
                b.store(turned, sign, b.index(0))

        b.loop(b.index(0), b.index(n), 1, step)
        self.sign = read(sign)
        return read(total)

    def put_number(self, output: int, x: Value) -> None:
        b, total = self.b, self.b.index(0)
        for at, stride in zip(self.at, self.spots[self.out + output].strides, strict=True):
            total = b.add(total, b.mul(at, b.index(stride)))
        b.store(x, f"%p{self.out + output}", total)

    def det(self) -> None:
        product = self.determinant(self.b.constant(1.0, self.kind), self.b.mul)
        self.put_number(0, self.b.mul(product, self.sign))

    def slogdet(self) -> None:
        b = self.b
        total = self.determinant(b.constant(0.0, self.kind), lambda t, x: b.add(t, log(b, b.intrinsic("fabs", x))))
        self.put_number(0, self.sign)
        self.put_number(1, total)

    def triangular_solve(self) -> None:
        n, k, params = self.shape.n, self.shape.k, self.eqn.params
        self.copy_matrix()
        self.copy_right(transposed=False)
        one = self.b.allocate(self.kind)
        self.b.store(self.b.constant(1.0, self.kind), one, self.b.index(0))
        diagonal = "U" if params["unit_diagonal"] else "N"
        letters = ("R", "U" if params["lower"] else "L", "T" if params["transpose"] else "N", diagonal)
        sizes = self.integer(k), self.integer(n)
        self.call("trsm", *map(self.letter, letters), *sizes, one, self.matrix, sizes[1], self.right, sizes[0])
        self.put(self.right, n, k, transposed=False)
