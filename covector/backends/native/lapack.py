"""Systems and factorizations by LAPACK: ``solve``, ``cholesky``, ``eigh``, ``svd``, ``qr`` … of stacks of matrices.

LAPACK's matrices are columns, ours are rows: in the same memory it sees transposes.  So a lower triangle is an upper one to it,
and right-hand sides are copied.  Where signs depend on the order of steps (of eigenvectors, say) the matrix is copied as NumPy
copies it.  What LAPACK refuses (a singular matrix, one that is not positive definite) fails the program, which then runs
as Python and raises NumPy's error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from covector.backends.native.complexes import COMPLEX
from covector.backends.native.foreign import Routine
from covector.backends.native.functions import exp, hypot, log
from covector.backends.native.ir import Module, Value, item_size, type_name
from covector.backends.native.libraries import OF_NUMPY, PREFIX, address_of, asked
from covector.backends.native.plan import Spot
from covector.core.jaxpr import Equation

SYSTEMS = ("solve", "triangular_solve")


class Shape(NamedTuple):
    """Matrices of m rows and n columns, and right-hand sides of k columns if there are any, in a stack."""

    m: int
    n: int
    k: int
    stack: tuple[int, ...]


def pieces_of(eqn: Equation) -> int:
    """In how many parts each operand is: complex ones come in two, which LAPACK has in turn."""
    return len(eqn.inputs) // (2 if eqn.primitive.name in SYSTEMS else 1)


def kind_of(eqn: Equation) -> str:
    """The type in which an equation is computed: NumPy's functions take doubles for all, SciPy's do not."""
    kind = type_name(eqn.outputs[0].aval.dtype) if eqn.primitive.name == "triangular_solve" else "f64"
    return {"f64": "c128", "f32": "c64"}[kind] if pieces_of(eqn) == 2 else kind


def shape_of(eqn: Equation) -> Shape:
    *stack, m, n = eqn.inputs[0].aval.shape
    out = eqn.outputs[0].aval.shape
    return Shape(m, n, out[-1], out[:-2]) if eqn.primitive.name in SYSTEMS else Shape(m, n, 0, tuple(stack))


def regions(eqn: Equation) -> dict[str, int]:
    """The memory of its own that an equation needs, in bytes: a matrix, what is computed beside it, and work of LAPACK's."""
    m, n, k, _ = shape_of(eqn)
    kind, params = kind_of(eqn), eqn.params
    item, least = item_size(kind), min(m, n)
    match eqn.primitive.name:
        case "eigh":
            work, *others, integers = eigh_work(kind, params["vectors"], params["lower"], n)
            own = {"work": work * item, "reals": 8 * sum(others), "integers": 8 * integers}
            return {"matrix": m * n * item, "values": n * 8, **own}
        case "svd":
            job, rows, columns = svd_sizes(params, m, n)
            sides = {"left": m * rows * item, "right": n * columns * item} if job != "N" else {}
            reals = svd_reals(job, m, n) if kind == "c128" else 0
            own = {"work": svd_work(kind, job, m, n, columns) * item, "reals": 8 * reals, "integers": 64 * least}
            return {"matrix": m * n * item, "values": least * 8, **sides, **own}
        case "qr":
            columns = qr_columns(params, m, n)
            size = qr_work(kind, m, n, columns)
            return {"matrix": m * max(n, columns) * item, "values": least * item, "work": size * item}
        case name:
            work = 64 * n * item if name == "inv" else 0
            return {"matrix": n * n * item, "right": n * k * item, "pivots": 4 * n, "work": work}


def eigh_work(kind: str, vectors: bool, lower: bool, n: int) -> list[int]:
    """The sizes of work, of that of reals if the matrix is complex, and of integers."""
    given = "NV"[vectors], "UL"[lower], n, None, n, None
    if kind == "c128":
        return asked(kind, "heevd", *given, None, -1, None, -1, None, -1)
    return asked(kind, "syevd", *given, None, -1, None, -1)


def svd_sizes(params: dict[str, Any], m: int, n: int) -> tuple[str, int, int]:
    """The letter that says which vectors are wanted, and how many there are on each side."""
    if not params["compute_uv"]:
        return "N", 1, 1
    return ("A", m, n) if params["full_matrices"] else ("S", min(m, n), min(m, n))


def svd_work(kind: str, job: str, m: int, n: int, columns: int) -> int:
    reals = (None,) if kind == "c128" else ()
    return asked(kind, "gesdd", job, m, n, None, m, None, None, m, None, columns, None, -1, *reals, None)[0]


def svd_reals(job: str, m: int, n: int) -> int:
    """How many real numbers the decomposition of a complex matrix needs beside."""
    least, most = min(m, n), max(m, n)
    return 7 * least if job == "N" else max(5 * least * (least + 1), least * (2 * (least + most) + 1))


def qr_columns(params: dict[str, Any], m: int, n: int) -> int:
    return m if params["mode"] == "complete" else min(m, n)


def qr_work(kind: str, m: int, n: int, columns: int) -> int:
    first = asked(kind, "geqrf", m, n, None, m, None, None, -1)
    return max(*first, *asked(kind, MAKE_Q[kind], m, columns, min(m, n), None, m, None, None, -1))


MAKE_Q = {"f64": "orgqr", "c128": "ungqr"}
"""What makes the orthonormal columns of what geqrf leaves."""


class OfMatrices(Routine):
    """A function that calls LAPACK for each matrix of a stack."""

    regions = staticmethod(regions)

    def __init__(self, name: str, eqn: Equation, spots: list[Spot], module: Module):
        super().__init__(name, eqn, spots, module)
        self.shape, self.type, self.pieces = shape_of(eqn), kind_of(eqn), pieces_of(eqn)
        self.stack = self.shape.stack
        self.kind = f"f{8 * item_size(self.type) // self.pieces}"  # that of a part
        self.integers = "i64" if eqn.primitive.name in OF_NUMPY else "i32"
        self.matrix = self.memory["matrix"]

    def item(self) -> None:
        getattr(self, self.eqn.primitive.name)()

    def each(self, rows: int, columns: int, body: Any) -> None:
        b = self.b
        b.loop(b.index(0), b.index(rows), 1, lambda i: b.loop(b.index(0), b.index(columns), 1, lambda j: body(i, j)))

    def copy(self, operand: int, memory: str, rows: int, columns: int, transposed: bool) -> None:
        """A matrix, or right-hand sides, in rows or in LAPACK's columns."""
        b, first = self.b, operand * self.pieces
        kind = type_name(self.eqn.inputs[first].aval.dtype)

        def copied(i: Value, j: Value) -> None:
            to = b.add(b.mul(j, b.index(rows)), i) if transposed else b.add(b.mul(i, b.index(columns)), j)
            for part in range(self.pieces):
                x = b.read(kind, f"%p{first + part}", self.place(first + part, i, j))
                b.store(b.convert(x, self.kind), memory, self.part(to, part))

        self.each(rows, columns, copied)

    def copy_matrix(self, transposed: bool = False) -> None:
        self.copy(0, self.matrix, self.shape.m, self.shape.n, transposed)

    def copy_right(self, transposed: bool) -> None:
        self.copy(1, self.memory["right"], self.shape.n, self.shape.k, transposed)

    def put(self, memory: str, rows: int, columns: int, apart: tuple[int, int], keep: Any = None, output: int = 0) -> None:
        """Copy what was computed to its place; zeros where it is not to be kept.

        ``apart`` says how far rows and columns lie apart in the memory.
        """
        b = self.b

        def copied(i: Value, j: Value) -> None:
            place = b.add(b.mul(i, b.index(apart[0])), b.mul(j, b.index(apart[1])))
            for part in range(self.pieces):
                x = b.read(self.kind, memory, self.part(place, part))
                x = x if keep is None else b.select(keep(i, j), x, b.like(0, x))
                self.write(output + part, x, i, j)

        self.each(rows, columns, copied)

    def put_values(self, count: int, output: int) -> None:
        b, memory = self.b, self.memory["values"]

        def copied(i: Value) -> None:
            self.write(output, b.read(self.kind, memory, i), i)

        b.loop(b.index(0), b.index(count), 1, copied)

    # --- calls of LAPACK

    def integer(self, n: int) -> str:
        place = self.b.allocate(self.integers)
        self.b.emit(f"store {self.integers} {n}, ptr {place}")
        return place

    def letter(self, c: str) -> str:
        place = self.b.allocate("i8")
        self.b.emit(f"store i8 {ord(c)}, ptr {place}")
        return place

    def call(self, routine: str, *arguments: str) -> None:
        kind, name = self.type, f"covector_{PREFIX[self.type]}{routine}"
        self.b.module.declare(name, "void", *["ptr"] * len(arguments))
        self.b.module.foreign[name] = lambda: address_of(kind, routine)
        self.b.emit(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")

    def checked(self, routine: str, *arguments: str) -> None:
        """A call whose last argument says whether it failed."""
        info = self.integer(0)
        self.call(routine, *arguments, info)
        found = self.b.read(self.integers, info)
        self.b.fails_if(self.b.compare("ne", found, self.b.like(0, found)))

    def if_finite(self, count: int, call: Callable[[], None]) -> None:
        """A call of what may not return from infinities in the matrix."""
        b, missing = self.b, self.b.allocate("i64")
        b.store(b.index(0), missing, b.index(0))

        def check(i: Value) -> None:
            size = b.intrinsic("fabs", b.read(self.kind, self.matrix, i))
            b.branch(b.compare("uge", size, b.like(math.inf, size)), lambda: b.store(b.index(1), missing, b.index(0)))

        b.loop(b.index(0), b.index(count * self.pieces), 1, check)
        is_finite = b.compare("eq", b.read("i64", missing), b.index(0))
        b.branch(is_finite, call, lambda: b.emit("store i64 1, ptr %status"))

    # --- the primitives

    def cholesky(self) -> None:
        n, upper = self.shape.n, self.eqn.params["upper"]
        self.copy_matrix()
        self.checked("potrf", self.letter("L" if upper else "U"), self.integer(n), self.matrix, self.integer(n))
        self.put(self.matrix, n, n, (n, 1), lambda i, j: self.b.compare("ge" if upper else "le", j, i))

    def solve(self) -> None:
        n, k, right, pivots = self.shape.n, self.shape.k, self.memory["right"], self.memory["pivots"]
        self.copy_matrix()
        self.copy_right(transposed=True)
        size = self.integer(n)
        self.checked("getrf", size, size, self.matrix, size, pivots)
        self.checked("getrs", self.letter("T"), size, self.integer(k), self.matrix, size, pivots, right, size)
        self.put(right, n, k, (1, n))

    def inv(self) -> None:
        n, size, pivots = self.shape.n, self.integer(self.shape.n), self.memory["pivots"]
        self.copy_matrix()
        self.checked("getrf", size, size, self.matrix, size, pivots)
        self.checked("getri", size, self.matrix, size, pivots, self.memory["work"], self.integer(64 * n))
        self.put(self.matrix, n, n, (n, 1))

    def sign_and_log(self) -> tuple[list[Value], Value]:
        """Of the determinant, from the diagonal of the factorization: so no product is beyond all numbers on the way."""
        n, b, pieces, pivots = self.shape.n, self.b, self.pieces, self.memory["pivots"]
        size, info = self.integer(n), self.integer(0)
        total, signs = b.allocate(self.kind), [b.allocate(self.kind) for _ in range(pieces)]
        zero, one = b.constant(0.0, self.kind), b.constant(1.0, self.kind)
        self.copy_matrix()
        self.call("getrf", size, size, self.matrix, size, pivots, info)  # a zero on the diagonal is no failure
        for place, x in zip((total, *signs), (zero, one, zero), strict=False):
            b.store(x, place, b.index(0))
        read: Callable[[str], Value] = lambda place: b.read(self.kind, place)

        def step(i: Value) -> None:
            first = b.mul(i, b.index((n + 1) * pieces))
            x = [b.read(self.kind, self.matrix, b.add(first, b.index(part))) for part in range(pieces)]
            far = hypot(b, *x) if pieces == 2 else b.intrinsic("fabs", x[0])
            pivot = b.read("i32", pivots, i)
            exchanged = b.compare("ne", b.convert(pivot, "i64"), b.add(i, b.index(1)))
            product = COMPLEX["mul"].emit if pieces == 2 else lambda b, x, y: (b.mul(x, y),)
            turned = product(b, *map(read, signs), *self.direction(x, far))
            for place, y in zip(signs, turned, strict=True):
                b.store(b.select(exchanged, b.neg(y), y), place, b.index(0))
            b.store(b.add(read(total), log(b, far)), total, b.index(0))

        b.loop(b.index(0), b.index(n), 1, step)
        failed = b.read("i32", info)
        is_zero = b.compare("ne", failed, b.like(0, failed))
        sign = [b.select(is_zero, zero, read(place)) for place in signs]
        return sign, b.select(is_zero, b.constant(-math.inf, self.kind), read(total))

    def direction(self, x: list[Value], far: Value) -> list[Value]:
        """A number over its size, if it is not zero."""
        b = self.b
        if len(x) == 2:
            return [b.div(part, far) for part in x]
        return [b.select(b.compare("olt", x[0], b.like(0.0, far)), b.like(-1.0, far), b.like(1.0, far))]

    def det(self) -> None:
        sign, total = self.sign_and_log()
        for part, x in enumerate(sign):
            self.write(part, self.b.mul(x, exp(self.b, total)))

    def slogdet(self) -> None:
        sign, total = self.sign_and_log()
        for part, x in enumerate((*sign, total)):
            self.write(part, x)

    def triangular_solve(self) -> None:
        n, k, params, right = self.shape.n, self.shape.k, self.eqn.params, self.memory["right"]
        self.copy_matrix()
        self.copy_right(transposed=False)
        one = self.b.allocate(self.kind, count=self.pieces)
        for part in range(self.pieces):
            self.b.store(self.b.constant(1.0 - part, self.kind), one, self.b.index(part))
        diagonal = "U" if params["unit_diagonal"] else "N"
        letters = ("R", "U" if params["lower"] else "L", "T" if params["transpose"] else "N", diagonal)
        sizes = self.integer(k), self.integer(n)
        self.call("trsm", *map(self.letter, letters), *sizes, one, self.matrix, sizes[1], right, sizes[0])
        self.put(right, n, k, (k, 1))

    def eigh(self) -> None:
        n, params, memory = self.shape.n, self.eqn.params, self.memory
        vectors, lower = params["vectors"], params["lower"]
        size = self.integer(n)
        self.copy_matrix(transposed=True)
        given = size, self.matrix, size, memory["values"]
        names = ("work", "integers") if self.pieces == 1 else ("work", "reals", "integers")
        sizes = zip(names, eigh_work(self.type, vectors, lower, n), strict=True)
        own = [x for name, count in sizes for x in (memory[name], self.integer(count))]
        routine = "syevd" if self.pieces == 1 else "heevd"
        self.checked(routine, self.letter("NV"[vectors]), self.letter("UL"[lower]), *given, *own)
        self.put_values(n, 0)
        if vectors:
            self.put(self.matrix, n, n, (1, n), output=1)

    def svd(self) -> None:
        m, n, _, _ = self.shape
        job, rows, columns = svd_sizes(self.eqn.params, m, n)
        memory, leading = self.memory, self.integer(m)
        left, right = (memory["left"], memory["right"]) if job != "N" else (self.matrix, self.matrix)
        reals = [memory["reals"]] if self.pieces == 2 else []
        own = memory["work"], self.integer(svd_work(self.type, job, m, n, columns)), *reals, memory["integers"]
        given = leading, self.integer(n), self.matrix, leading, memory["values"]
        self.copy_matrix(transposed=True)
        arguments = self.letter(job), *given, left, leading, right, self.integer(columns), *own
        self.if_finite(m * n, lambda: self.checked("gesdd", *arguments))
        self.put_values(min(m, n), 0 if job == "N" else self.pieces)
        if job != "N":
            self.put(left, m, rows, (1, m))
            self.put(right, columns, n, (1, columns), output=self.pieces + 1)

    def qr(self) -> None:
        m, n, _, _ = self.shape
        mode, columns = self.eqn.params["mode"], qr_columns(self.eqn.params, m, n)
        memory, leading = self.memory, self.integer(m)
        work = memory["work"], self.integer(qr_work(self.type, m, n, columns))
        self.copy_matrix(transposed=True)
        self.checked("geqrf", leading, self.integer(n), self.matrix, leading, memory["values"], *work)
        in_triangle = lambda i, j: self.b.compare("le", i, j)
        self.put(self.matrix, columns, n, (1, m), in_triangle, output=0 if mode == "r" else self.pieces)
        if mode != "r":
            given = leading, self.integer(columns), self.integer(min(m, n)), self.matrix, leading, memory["values"]
            self.checked(MAKE_Q[self.type], *given, *work)
            self.put(self.matrix, m, columns, (1, m))
