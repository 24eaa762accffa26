"""A compiled program as a function of Python's: ``entry(native, otherwise)``, called with arrays, returns the list of outputs.

`direct` makes another of it, which ``jit`` puts in its own place: it returns one output, or a tuple of them, and stands aside
where a mode is on.

It is a built-in function whose code is the program's own: it reads the headers of the arrays that it is given, and where one
is not what the program was compiled for (another type or order in memory, unaligned, a subclass), calls ``otherwise``.  All
addresses that it needs are in a table, so that the code can be kept on disk; the table is the ``self`` of the function, and
holds what must live as long.

Where objects or arrays are not laid out as on CPython with NumPy 2, which is tried once, it is called through `ctypes`.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from covector.backends.native.ir import ATTRIBUTES, Builder, Module, Value, unoptimized
from covector.backends.native.module import linked
from covector.backends.native.pairs import starts
from covector.backends.native.program import Native, aligned
from covector.core.context import MODES, NAMED_AXES
from covector.core.jaxpr import Jaxpr, sub_jaxprs

TYPE, DATA, RANK, DIMS, DESCR, FLAGS = 8, 16, 24, 32, 56, 64
"""Where in the memory of an array its parts are."""

PLAIN = 0x101
"""The flags of an array in C order that is aligned."""

SCALAR = 16
"""Where the number of a float is."""

LIST_ITEMS = 24
FASTCALL_WITH_KEYWORDS = 0x82
LIST_SIZE = 16
LIST, ONE, TUPLE = range(3)
"""What is returned: a list, the one output, or a tuple."""

LARGEST_INTEGER = 2**40
"""Sums of several such integers of Python's, and products with small numbers, have 64 bits."""

RELEASING = 200_000
"""From so many elements that are read and written on a program runs without the interpreter's lock."""

LONG_CALL = 5_000
"""From so many on it does not matter how fast arguments are checked: that code takes a third of the time to generate, if it is
not optimized (3.5 ms, not 10, where ten arrays are checked and made), and 15 ns longer to run."""

PYTHON = [
    "PyList_New", "PyTuple_New", "PyFloat_FromDouble", "PyLong_FromLongLong", "PyComplex_FromDoubles", "PyObject_Vectorcall",
    "PyEval_SaveThread", "PyEval_RestoreThread", "Py_DecRef", "PyLong_AsLongLongAndOverflow", "PyErr_Occurred", "PyErr_Clear",
]  # fmt: skip
NUMPY = {"PyArray_New": 93, "PyArray_Scalar": 60}
OBJECTS = ["modes", "axes", "array", "int", "float", "complex"]
TABLE = ["work", "busy", "style", *OBJECTS, *PYTHON, *NUMPY, "malloc", "free", "otherwise"]
"""What the table holds, before the descriptors, the types of numbers, and the constants."""


class Table(np.ndarray):
    """Addresses, and what has to live as long as they are used."""

    owned: Any = None
    otherwise: Any = None
    """What calls are handed on to."""


class _Method(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("call", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


@cache
def numpy_functions() -> dict[str, int]:
    """The addresses of functions of NumPy's C interface."""
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_size_t))
    return {name: table[i] for name, i in NUMPY.items()}


def address_of(function: Any) -> int:
    return ctypes.c_size_t.from_address(ctypes.addressof(function)).value


@cache
def is_laid_out_as_known() -> bool:
    """Whether arrays, numbers and lists are in memory as the code reads them."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    if sys.maxsize < 2**32 or sys.byteorder != "little" or np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return False
    x = np.arange(6.0).reshape(2, 3)
    at: Callable[..., int] = lambda obj, offset, kind: kind.from_address(id(obj) + offset).value
    dims = at(x, DIMS, ctypes.c_int64)
    found = (
        at(x, TYPE, ctypes.c_int64) == id(np.ndarray),
        at(x, DATA, ctypes.c_int64) == x.ctypes.data,
        at(x, RANK, ctypes.c_int32) == 2,
        [ctypes.c_int64.from_address(dims + 8 * i).value for i in range(2)] == [2, 3],
        at(x, DESCR, ctypes.c_int64) == id(x.dtype) == id(np.dtype(np.float64)),
        at(x, FLAGS, ctypes.c_int32) & PLAIN == PLAIN,
        at(x.T, FLAGS, ctypes.c_int32) & PLAIN != PLAIN,
        at(2.5, SCALAR, ctypes.c_double) == 2.5 == at(np.float64(2.5), SCALAR, ctypes.c_double),
        at(np.float32(2.5), SCALAR, ctypes.c_float) == 2.5 and at(np.int8(-3), SCALAR, ctypes.c_int8) == -3,
        at(1.5 + 2.5j, SCALAR, ctypes.c_double) == 1.5 == at(np.complex128(1.5 + 2.5j), SCALAR, ctypes.c_double),
        at(1.5 + 2.5j, SCALAR + 8, ctypes.c_double) == 2.5 == at(np.complex128(1.5 + 2.5j), SCALAR + 8, ctypes.c_double),
        at(np.complex64(1.5 + 2.5j), SCALAR + 4, ctypes.c_float) == 2.5,
        at(np.float16(1.0), SCALAR, ctypes.c_uint16) == 0x3C00,
        at(np.int64(7), SCALAR, ctypes.c_int64) == 7 and at(np.True_, SCALAR, ctypes.c_uint8) == 1,
        at([1, 2, 3], LIST_SIZE, ctypes.c_int64) == 3 and at((7,), LIST_ITEMS, ctypes.c_int64) == id(7),
    )
    items = [x, found]
    return all(found) and ctypes.c_int64.from_address(at(items, LIST_ITEMS, ctypes.c_int64)).value == id(x)


def workspace(size: int) -> Any:
    """Memory for what a program computes in between."""
    return np.empty(size, np.uint8)


def entry(
    native: Native, otherwise: Callable[..., list[Any]], later: list[Callable[[], None]] | None = None
) -> Callable[..., list[Any]]:
    """The function that runs a program, or ``otherwise`` for arguments of other kinds.

    With ``later`` its code is made in haste, unless it is on disk; a function is appended that puts the better one in its
    place, here and in whatever `direct` makes of it.
    """
    if not is_laid_out_as_known():
        native.link()
        return _through_ctypes(native, otherwise)
    writer = _Entry(native)
    text = writer.text()
    code = linked(text, ["entry"], native.module.foreign, in_haste=later is not None)
    table = writer.table(otherwise)
    method = _Method(b"program", code.address("entry"), FASTCALL_WITH_KEYWORDS, None)
    table.owned = (*table.owned, code, native.constants)

    def improve() -> None:
        better = linked(text, ["entry"], native.module.foreign)
        table.owned = (*table.owned, better)  # beside the other, in which another thread may be now
        method.call = better.address("entry")

    if later is not None and code.is_hasty:
        later.append(improve)
    return _function(method, table, otherwise)


def _function(method: _Method, table: Table, otherwise: Any) -> Callable[..., Any]:
    table.owned, table.otherwise = (*table.owned, method), otherwise
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    function: Callable[..., Any] = make(ctypes.addressof(method), table, None)
    return function


def direct(run: Any, otherwise: Callable[..., Any], style: int) -> Callable[..., Any] | None:
    """A function like ``run``, made by `entry`, that returns in another style, and hands on all calls where a mode is on.

    None if ``run`` is no such function.
    """
    table = getattr(run, "__self__", None)
    if type(table) is not Table:
        return None
    own = table.copy()
    method = next(x for x in table.owned if type(x) is _Method)
    for name, value in (("style", style), ("modes", id(MODES)), ("axes", id(NAMED_AXES)), ("otherwise", id(otherwise))):
        own[TABLE.index(name)] = value
    own[TABLE.index("busy")] = 0
    work = workspace(table.owned[0].size)
    own[TABLE.index("work")] = aligned(work)
    own.owned = (work, table)
    return _function(method, own, otherwise)


NOTHING: list[Any] = []
"""Always empty: no mode is in it."""


def text_of(native: Native) -> str:
    """The whole module of a program, with its entry."""
    return _Entry(native).text()


def work_of(jaxpr: Jaxpr) -> float:
    """How many elements a program reads and writes; of loops at each step, and if nobody knows how often, many."""
    total = float(sum(v.aval.size for v in (*jaxpr.in_vars, *jaxpr.out_vars)))
    for eqn in jaxpr.equations:
        inner = sum(map(work_of, sub_jaxprs(eqn.params)))
        total += RELEASING if eqn.primitive.name == "while" else inner * (eqn.params.get("length", 1) or RELEASING)
    return total


class _Entry:
    """Writes ``entry(table, arguments, their number, the names of those passed by name) -> object``."""

    def __init__(self, native: Native):
        self.native = native
        jaxpr = native.jaxpr
        self.ins, self.outs = [v.aval for v in jaxpr.in_vars], [v.aval for v in jaxpr.out_vars]
        self.dtypes = list(dict.fromkeys(np.dtype(a.dtype) for a in (*self.ins, *self.outs)))
        self.work = work_of(jaxpr)
        self.b = Builder("entry", "ptr %self, ptr %args, i64 %count, ptr %names", Module(), "ptr")
        self.checks = 0
        self.made: list[str] = []

    def table(self, otherwise: Any) -> Table:
        work = workspace(self.native.workspace + 64)
        c_library = ctypes.CDLL(None)
        known = {
            "work": aligned(work), "busy": 0, "style": LIST, "modes": id(NOTHING), "axes": id(NOTHING),
            "array": id(np.ndarray), "int": id(int), "float": id(float), "complex": id(complex),
            "malloc": address_of(c_library.malloc), "free": address_of(c_library.free), "otherwise": id(otherwise),
            **{name: address_of(getattr(ctypes.pythonapi, name)) for name in PYTHON}, **numpy_functions(),
        }  # fmt: skip
        constants = [c.ctypes.data for c in self.native.constants]
        numbers = [*(known[name] for name in TABLE), *map(id, self.dtypes), *(id(d.type) for d in self.dtypes), *constants]
        table = np.array(numbers, np.uint64).view(Table)
        table.owned = (work, self.dtypes)
        return table

    # --- pieces of text

    def at(self, pointer: str, offset: int, type_: str) -> str:
        b, place = self.b, pointer
        if offset:
            place = b.fresh("q")
            b.emit(f"{place} = getelementptr i8, ptr {pointer}, i64 {offset}")
        name = b.fresh("q")
        b.emit(f"{name} = load {type_}, ptr {place}")
        return name

    def entry(self, name: str, type_: str = "ptr") -> str:
        """What the table says."""
        return self.at("%table", 8 * TABLE.index(name), type_)

    def op(self, text: str) -> str:
        name = self.b.fresh("q")
        self.b.emit(f"{name} = {text}")
        return name

    def check(self, condition: str) -> None:
        """Go on if a condition holds, else to the other function."""
        self.checks += 1
        self.b.emit(f"br i1 {condition}, label %right{self.checks}, label %otherwise")
        self.b.label(f"right{self.checks}")

    def equal(self, type_: str, x: str, y: Any) -> str:
        return self.op(f"icmp eq {type_} {x}, {y}")

    # --- the function

    def text(self) -> str:
        b, native = self.b, self.native
        slots = len(native.constants) + sum(len(starts(a.dtype)) for a in (*self.ins, *self.outs))
        rank = max([1, *(len(a.shape) for a in self.outs)])
        b.allocated += [f"  %pointers = alloca [{max(slots, 1)} x ptr]", f"  %dims = alloca [{rank} x i64]"]
        b.emit(f"%holder = getelementptr i8, ptr %self, i64 {DATA}")
        b.emit("%table = load ptr, ptr %holder")
        self.check(self.equal("i64", "%count", len(self.ins)))
        self.check(self.equal("ptr", "%names", "null"))
        for modes in ("modes", "axes"):
            self.check(self.equal("i64", self.at(self.entry(modes), LIST_SIZE, "i64"), 0))
        pointers = [p for i, a in enumerate(self.ins) for p in self.parts(self.argument(i, a), a)]
        self.point(pointers, 0)
        self.point_to_constants(len(pointers))
        outs = [self.output(a) for a in self.outs]
        where = [self.at(o, DATA, "ptr") if a.shape else o for o, a in zip(outs, self.outs, strict=True)]
        made = [p for x, a in zip(where, self.outs, strict=True) for p in self.parts(x, a)]
        self.point(made, len(pointers) + len(native.constants))
        self.run()
        failed = self.op(f"icmp ne i64 {self.at('%failed', 0, 'i64')}, 0")
        b.emit(f"br i1 {failed}, label %failure, label %success")
        b.label("failure")
        for o in self.made:
            b.emit(f"call void {self.entry('Py_DecRef')}(ptr {o})")
        b.emit("br label %otherwise")
        b.label("success")
        results = self.result(outs)
        b.emit(f"ret ptr {results}")
        self.give_back()
        b.label("otherwise")
        call, function = self.entry("PyObject_Vectorcall"), self.entry("otherwise")
        rest = self.op(f"call ptr {call}(ptr {function}, ptr %args, i64 %count, ptr %names)")
        own = b.text(f"ret ptr {rest}").replace("define internal", "define")
        own = own if self.work < LONG_CALL else unoptimized(own)
        program = native.text.replace(ATTRIBUTES, "").replace("define void @program", "define internal void @program")
        declared = [text for name, text in b.module.declared.items() if name not in native.module.declared]
        return "\n".join([program, *declared, own, ATTRIBUTES])

    def point(self, addresses: list[str], start: int) -> None:
        """Write addresses where the program reads them, from one place on."""
        for i, address in enumerate(addresses, start):
            self.b.emit(f"store ptr {address}, ptr {self.op(f'getelementptr ptr, ptr %pointers, i64 {i}')}")

    def point_to_constants(self, start: int) -> None:
        """The same of those of the constants, which are in the table."""
        count = len(self.native.constants)
        if count:
            source = self.op(f"getelementptr ptr, ptr %table, i64 {len(TABLE) + 2 * len(self.dtypes)}")
            target = self.op(f"getelementptr ptr, ptr %pointers, i64 {start}")
            self.b.module.declare("llvm.memcpy.p0.p0.i64", "void", "ptr", "ptr", "i64", "i1")
            self.b.emit(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {8 * count}, i1 false)")

    def parts(self, pointer: str, aval: Any) -> list[str]:
        """The addresses of the parts of the numbers that are at one."""
        return [self.op(f"getelementptr i8, ptr {pointer}, i64 {start}") if start else pointer for start in starts(aval.dtype)]

    def argument(self, i: int, aval: Any) -> str:
        """The address of an argument's elements, once it is known to be what is expected."""
        x = self.at("%args", 8 * i, "ptr")
        type_ = self.at(x, TYPE, "i64")
        if aval.weak_type and aval.dtype == np.int64 and self.native.takes_integers:
            return self.integer(x, type_)
        if aval.weak_type:
            of_python = {np.dtype(float): "float", np.dtype(complex): "complex"}.get(aval.dtype)
            self.check(self.equal("i64", type_, self.entry(of_python, "i64")) if of_python else "false")
            return self.op(f"getelementptr i8, ptr {x}, i64 {SCALAR}")
        return self.array(x, type_, aval) if aval.shape else self.number_or_array(x, type_, aval)

    def integer(self, x: str, type_: str) -> str:
        """The address of an integer of Python's, once it is known to be one that is not large."""
        self.check(self.equal("i64", type_, self.entry("int", "i64")))
        place, beyond = self.b.allocate("i64"), self.b.allocate("i32")
        value = self.op(f"call i64 {self.entry('PyLong_AsLongLongAndOverflow')}(ptr {x}, ptr {beyond})")
        self.check(self.equal("i32", self.at(beyond, 0, "i32"), 0))
        self.check(self.op(f"icmp ule i64 {self.op(f'add i64 {value}, {LARGEST_INTEGER}')}, {2 * LARGEST_INTEGER}"))
        self.b.emit(f"store i64 {value}, ptr {place}")
        return place

    def number_or_array(self, x: str, type_: str, aval: Any) -> str:
        """The address of a number of NumPy's, or of the element of an array without axes."""
        b, place = self.b, self.b.allocate("i64")
        number = self.at("%table", 8 * (len(TABLE) + len(self.dtypes) + self.dtypes.index(aval.dtype)), "i64")
        is_number = Value(self.equal("i64", type_, number), "bool")
        own = self.op(f"getelementptr i8, ptr {x}, i64 {SCALAR}")
        b.branch(
            is_number,
            lambda: b.emit(f"store ptr {own}, ptr {place}"),
            lambda: b.emit(f"store ptr {self.array(x, type_, aval)}, ptr {place}"),
        )
        return self.op(f"load ptr, ptr {place}")

    def array(self, x: str, type_: str, aval: Any) -> str:
        """The address of the elements of an array, once it is known to be what is expected."""
        self.check(self.equal("i64", type_, self.entry("array", "i64")))
        descr = self.at("%table", 8 * (len(TABLE) + self.dtypes.index(aval.dtype)), "i64")
        self.check(self.equal("i64", self.at(x, DESCR, "i64"), descr))
        flags = self.op(f"and i32 {self.at(x, FLAGS, 'i32')}, {PLAIN}")
        self.check(self.equal("i32", flags, PLAIN))
        self.check(self.equal("i32", self.at(x, RANK, "i32"), len(aval.shape)))
        dims = self.at(x, DIMS, "ptr") if aval.shape else ""
        for axis, n in enumerate(aval.shape):
            self.check(self.equal("i64", self.at(dims, 8 * axis, "i64"), n))
        return self.at(x, DATA, "ptr")

    def output(self, aval: Any) -> str:
        """A new array; for a number its place on the stack."""
        if aval.shape == ():
            return self.b.allocate("i64", count=len(starts(aval.dtype)))
        for axis, n in enumerate(aval.shape):
            place = self.op(f"getelementptr i64, ptr %dims, i64 {axis}")
            self.b.emit(f"store i64 {n}, ptr {place}")
        arguments = f"i32 {len(aval.shape)}, ptr %dims, i32 {aval.dtype.num}, ptr null, ptr null, i32 0, i32 0, ptr null"
        array = self.op(f"call ptr {self.entry('PyArray_New')}(ptr {self.entry('array')}, {arguments})")
        missing, n = self.op(f"icmp eq ptr {array}, null"), len(self.made)
        self.b.emit(f"br i1 {missing}, label %none{n}, label %some{n}")
        self.b.label(f"some{n}")
        self.made.append(array)
        return array

    def give_back(self) -> None:
        """Where there is no memory for an output: those before it are let go, and there is an error."""
        for n in reversed(range(len(self.made))):
            self.b.label(f"none{n}")
            if n:
                self.b.emit(f"call void {self.entry('Py_DecRef')}(ptr {self.made[n - 1]})")
            self.b.emit(f"br label %none{n - 1}" if n else "ret ptr null")

    def call(self, work: str) -> None:
        """Call the program, and take down how it went."""
        self.b.emit(f"store i64 0, ptr {work}")
        self.b.emit(f"call void @program(ptr %pointers, ptr {work})")
        self.b.emit(f"store i64 {self.at(work, 0, 'i64')}, ptr %failed")

    def run(self) -> None:
        """Call the program, in the workspace if no other thread is in it."""
        b = self.b
        b.allocated.append("  %failed = alloca i64")
        if self.work < RELEASING:
            self.call(self.entry("work"))
            self.look_for_errors()
            return
        flag = self.op(f"getelementptr i8, ptr %table, i64 {8 * TABLE.index('busy')}")
        size = self.native.workspace + 64
        state = self.op(f"call ptr {self.entry('PyEval_SaveThread')}()")
        taken = self.op(f"atomicrmw xchg ptr {flag}, i64 1 acquire")
        is_free = self.op(f"icmp eq i64 {taken}, 0")
        own, malloc, free = self.entry("work"), self.entry("malloc"), self.entry("free")

        def inside() -> None:
            self.call(own)
            b.emit(f"store atomic i64 0, ptr {flag} release, align 8")

        def beside() -> None:
            block = self.op(f"call ptr {malloc}(i64 {size})")

            def run() -> None:
                up = self.op(f"add i64 {self.op(f'ptrtoint ptr {block} to i64')}, 63")
                self.call(self.op(f"inttoptr i64 {self.op(f'and i64 {up}, -64')} to ptr"))
                b.emit(f"call void {free}(ptr {block})")

            is_missing = Value(self.op(f"icmp eq ptr {block}, null"), "bool")
            b.branch(is_missing, lambda: b.emit("store i64 1, ptr %failed"), run)

        b.branch(Value(is_free, "bool"), inside, beside)
        b.emit(f"call void {self.entry('PyEval_RestoreThread')}(ptr {state})")
        self.look_for_errors()

    def look_for_errors(self) -> None:
        """Functions of SciPy's raise where `scipy.special.errstate` says so: then the other function does, and says where."""
        if not self.native.module.may_raise:
            return
        error = self.op(f"call ptr {self.entry('PyErr_Occurred')}()")

        def fail() -> None:
            self.b.emit(f"call void {self.entry('PyErr_Clear')}()")
            self.b.emit("store i64 1, ptr %failed")

        self.b.branch(Value(self.op(f"icmp ne ptr {error}, null"), "bool"), fail)

    def result(self, outs: list[str]) -> str:
        """The list of the outputs, of which those without axes are numbers."""
        items = [o if a.shape else self.number(o, a) for o, a in zip(outs, self.outs, strict=True)]
        b, style = self.b, self.entry("style", "i64")
        if len(items) == 1:
            b.emit(f"br i1 {self.equal('i64', style, ONE)}, label %one, label %several")
            b.label("one")
            b.emit(f"ret ptr {items[0]}")
            b.label("several")
        is_tuple = self.equal("i64", style, TUPLE)
        make = self.op(f"select i1 {is_tuple}, ptr {self.entry('PyTuple_New')}, ptr {self.entry('PyList_New')}")
        found = self.op(f"call ptr {make}(i64 {len(items)})")
        place = self.op(f"getelementptr i8, ptr {found}, i64 {LIST_ITEMS}")  # the items of a tuple are in it
        if items:
            of_list = self.at(place, 0, "ptr")
            place = self.op(f"select i1 {is_tuple}, ptr {place}, ptr {of_list}")
        for i, item in enumerate(items):
            b.emit(f"store ptr {item}, ptr {self.op(f'getelementptr ptr, ptr {place}, i64 {i}')}")
        return found

    def number(self, place: str, aval: Any) -> str:
        """A number of NumPy's, or of Python's if it is weakly typed."""
        if aval.weak_type and aval.dtype.kind in "if":
            type_, make = ("double", "PyFloat_FromDouble") if aval.dtype.kind == "f" else ("i64", "PyLong_FromLongLong")
            value = self.op(f"load {type_}, ptr {place}")
            return self.op(f"call ptr {self.entry(make)}({type_} {value})")
        if aval.weak_type and aval.dtype.kind == "c":
            values = (self.op(f"load double, ptr {p}") for p in self.parts(place, aval))
            arguments = ", ".join(f"double {x}" for x in values)
            return self.op(f"call ptr {self.entry('PyComplex_FromDoubles')}({arguments})")
        descr = self.at("%table", 8 * (len(TABLE) + self.dtypes.index(aval.dtype)), "ptr")
        return self.op(f"call ptr {self.entry('PyArray_Scalar')}(ptr {place}, ptr {descr}, ptr null)")


def _through_ctypes(native: Native, otherwise: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The same, slower."""
    ins = [v.aval for v in native.jaxpr.in_vars]

    def run(*args: Any) -> list[Any]:
        for x, aval in zip(args, ins, strict=True):
            is_number = aval.shape == () and type(x) is (type(aval.dtype.type().item()) if aval.weak_type else aval.dtype.type)
            if not is_number and not (type(x) is np.ndarray and x.dtype == aval.dtype and x.shape == aval.shape):
                return otherwise(*args)
        outs = native(*args)
        if outs is None:
            return otherwise(*args)
        found = zip(outs, native.jaxpr.out_vars, strict=True)
        return [x.item() if v.aval.weak_type else x[()] for x, v in found]

    return run
