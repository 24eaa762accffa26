"""The language: a typed first-order program over arrays, ``Jaxpr : in_vars -> out_vars``.

>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sin(x) * 2.0)(np.zeros(2))
>>> program
{ lambda ; a:f64[2]. let b:f64[2] = sin a; c:f64[2] = mul b 2.0 in (c,) }
>>> program.equations[1].inputs, program(np.zeros(2))
([Var(f64[2]), Literal(2.0)], [array([0., 0.])])

A program is a list of equations ``outputs = primitive[params] inputs``.  Its inputs are `Var`s; an atom on the right-hand
side is a `Var` or a `Literal`.  Arrays that the traced function closed over are its ``consts``.  Programs are immutable once
made, so whatever is derived from one (its cleaned, compiled, differentiated forms) is cached on it and dies with it.
"""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from covector.core import errors
from covector.core.avals import typeof, with_varying
from covector.core.source import Source

if TYPE_CHECKING:
    from covector.core.primitive import Primitive

T = TypeVar("T")


class Var:
    """A variable; two variables are the same only if they are the same object.

    In transpose rules a `Var` also stands for an argument that the rule's output is linear in: of such an argument only the
    aval is known.
    """

    __slots__ = ("aval",)

    def __init__(self, aval: Any):
        self.aval = aval

    def __repr__(self) -> str:
        return f"Var({self.aval})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            known = f"a variable knows nothing of a value but its type, as x.aval.{name}"
            raise AttributeError(f"'Var' object has no attribute {name!r}: {known}", name=name, obj=self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        what = f"the value of a variable of type {self.aval} was asked for."
        why = "a transpose rule gets a Var for each argument that the output is linear in, and of that only the aval is known"
        fix = "compute its cotangent from the cotangent and the other arguments (are two arguments swapped?)"
        raise errors.PrimitiveRuleError(what, why=why, fix=fix)


class Literal:
    """A scalar constant, written in the program where it is used; a Python scalar keeps its weak type."""

    __slots__ = ("aval", "value")

    def __init__(self, value: Any):
        self.value = value
        self.aval = typeof(value)

    @property
    def val(self) -> Any:
        """The value, under JAX's name."""
        return self.value

    def __repr__(self) -> str:
        return f"Literal({self.value!r})"


Atom = Var | Literal


class Equation:
    """``outputs = primitive[params] inputs``, with the place in the user's code that it came from.

    Its text has the names of the program that it is in.
    """

    __slots__ = ("inputs", "outputs", "params", "primitive", "scope", "source")

    def __init__(
        self,
        primitive: Primitive,
        inputs: Sequence[Any],
        params: dict[str, Any],
        outputs: Sequence[Var],
        source: Source | None = None,
    ):
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.outputs = outputs
        self.source = source
        self.scope: Scope | None = None

    @property
    def invars(self) -> list[Any]:
        """The inputs, under JAX's name."""
        return list(self.inputs)

    @property
    def outvars(self) -> list[Var]:
        """The outputs, under JAX's name."""
        return list(self.outputs)

    def parts(self) -> tuple[Any, ...]:
        """What it is made of."""
        return self.primitive, self.inputs, self.params, self.outputs, self.source

    def __reduce__(self) -> Any:
        return Equation, self.parts()

    def __str__(self) -> str:
        return _meaning("equation_text")(self)  # type: ignore[no-any-return]

    __repr__ = __str__


class Scope:
    """All variables of a program in their order, which its equations know, for the names; they do not keep the program."""

    __slots__ = ("binders", "inputs", "names", "out_vars", "outputs")

    def __init__(self, binders: Sequence[Var], equations: Sequence[Equation], out_vars: Sequence[Any]):
        self.binders = binders
        self.inputs = [e.inputs for e in equations]
        self.outputs = [e.outputs for e in equations]
        self.out_vars = out_vars
        self.names: Any = None
        """The names, once an equation has been printed."""


class Jaxpr:
    """A closed program.

    Attributes:
        in_vars: the inputs.
        equations: the equations, each after those whose outputs it uses.
        out_vars: the outputs (atoms).
        consts: the arrays that the program closes over, by variable.
        linear: for each input whether the program is marked linear in it; None for a program without such a mark.
            ``check`` verifies the mark.
    """

    __slots__ = ("__weakref__", "_made", "consts", "equations", "in_vars", "linear", "out_vars")

    def __init__(
        self,
        in_vars: Sequence[Var],
        equations: Sequence[Equation],
        out_vars: Sequence[Atom],
        consts: dict[Var, Any] | None = None,
        linear: Sequence[bool] | None = None,
    ):
        self.in_vars = tuple(in_vars)
        self.out_vars = tuple(out_vars)
        self.consts = {} if consts is None else consts
        self.linear = None if linear is None else tuple(linear)
        self._made: dict[Any, Any] = {}
        # an equation of another program is copied, for its variables have other names there
        self.equations = tuple([e if e.scope is None else Equation(*e.parts()) for e in equations])
        scope = self.scope()
        for e in self.equations:
            e.scope = scope

    def scope(self) -> Scope:
        """All variables."""
        return Scope((*self.consts, *self.in_vars), self.equations, self.out_vars)

    def __call__(self, *args: Any) -> list[Any]:
        """The outputs for these inputs, which may be traced values.

        Raises:
            ArgumentError: there are more or fewer inputs, or one has another shape or dtype.
        """
        return _meanings["evaluate"](self, *args)  # type: ignore[no-any-return]

    # JAX's names, by which its interpreters walk programs: a program is open (``invars``, ``constvars``) and closed at once.

    @property
    def jaxpr(self) -> Jaxpr:
        """The program itself."""
        return self

    @property
    def invars(self) -> list[Var]:
        """The inputs."""
        return list(self.in_vars)

    @property
    def constvars(self) -> list[Var]:
        """The variables of the constants."""
        return list(self.consts)

    @property
    def literals(self) -> list[Any]:
        """The constants."""
        return list(self.consts.values())

    @property
    def eqns(self) -> list[Equation]:
        """The equations."""
        return list(self.equations)

    @property
    def outvars(self) -> list[Atom]:
        """The outputs."""
        return list(self.out_vars)

    @property
    def in_avals(self) -> list[Any]:
        """The avals of the inputs."""
        return [v.aval for v in self.in_vars]

    @property
    def out_avals(self) -> list[Any]:
        """The avals of the outputs."""
        return [v.aval for v in self.out_vars]

    def __reduce__(self) -> Any:
        return Jaxpr, (self.in_vars, self.equations, self.out_vars, self.consts, self.linear)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What ``make()`` returns, computed once for each key and kept as long as this program, to which it must not refer."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[no-any-return]

    def once_with(self, others: Sequence[Jaxpr], key: Any, make: Callable[[], T]) -> T:
        """The same for what is made of this program and ``others``; it must refer to none of them."""
        key = (key, *map(id, others))
        known = self._made.get(key)
        if known is None or any(reference() is not other for reference, other in zip(known[0], others, strict=True)):
            known = self._made[key] = [*map(weakref.ref, others)], make()
        return known[1]

    def __str__(self) -> str:
        return _meaning("text")(self)  # type: ignore[no-any-return]

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        """Equality up to the names of variables: same equations in the same order, same constants."""
        if self is other:
            return True
        return isinstance(other, Jaxpr) and same_program(self, other)

    def __hash__(self) -> int:
        return hash((tuple(self.in_avals), tuple(e.primitive.name for e in self.equations), tuple(self.out_avals)))


_meanings: dict[str, Callable[..., Any]] = {}


def _meaning(name: str) -> Callable[..., Any]:
    if name not in _meanings:
        importlib.import_module("covector.core.text.printer")  # not always needed
    return _meanings[name]


def register_meanings(**functions: Callable[..., Any]) -> None:
    """Say what ``text`` a program has, what ``equation_text`` an equation has, and how to ``evaluate`` a program."""
    _meanings.update(functions)


def check_program(x: Any, who: str) -> None:
    """Reject what is no program."""
    if not isinstance(x, Jaxpr):
        what = f"{who} got {x!r} of type {type(x).__name__}, which is no program."
        raise errors.ArgumentError(what, fix="pass what make_jaxpr(f)(*args) returns")


def eval_jaxpr(jaxpr: Jaxpr, consts: Any, *args: Any) -> list[Any]:
    """The outputs of a program with these values for its constants, as JAX's ``core.eval_jaxpr``.

    Args:
        jaxpr: a program.
        consts: its own, ``jaxpr.consts``, or other values for them (a dictionary like it, or a sequence in its order), which
            may be traced.
        args: the inputs, which may be traced.

    Raises:
        ArgumentError: it is no program; or there are more or fewer values than constants or inputs, or one has another shape
            or dtype.

    Example:
        >>> import covector as cv
        >>> program = cv.make_jaxpr(lambda x: x * np.ones(2))(np.float64(1.0))
        >>> eval_jaxpr(program, [np.array([3.0, 4.0])], np.float64(2.0))
        [array([6., 8.])]
    """
    check_program(jaxpr, "eval_jaxpr")
    if consts is jaxpr.consts:
        return jaxpr(*args)
    values = list(consts.values()) if isinstance(consts, dict) else list(consts)
    if len(values) != len(jaxpr.consts):
        what = f"eval_jaxpr got {len(values)} values for the constants of a program that has {len(jaxpr.consts)}."
        raise errors.ArgumentError(what, fix="pass jaxpr.consts, or a value for each of them")
    opened = lambda: Jaxpr([*jaxpr.consts, *jaxpr.in_vars], jaxpr.equations, jaxpr.out_vars)
    return jaxpr.once("of constants", opened)(*values, *args)


def with_programs(params: dict[str, Any], f: Callable[[Jaxpr], Jaxpr]) -> dict[str, Any]:
    """The parameters of an equation with ``f(program)`` in place of each program among them."""

    def changed(value: Any) -> Any:
        if isinstance(value, Jaxpr):
            return f(value)
        return tuple(map(changed, value)) if isinstance(value, tuple) and any(isinstance(v, Jaxpr) for v in value) else value

    return {name: changed(value) for name, value in params.items()}


def sub_jaxprs(params: dict[str, Any]) -> Sequence[Jaxpr]:
    """The programs among the parameters of an equation."""
    if not params:  # of most equations
        return ()
    found: list[Jaxpr] = []
    for value in params.values():
        if isinstance(value, Jaxpr):
            found.append(value)
        elif isinstance(value, tuple):
            found += [v for v in value if isinstance(v, Jaxpr)]
    return found


class ReadOnly(dict[str, Any]):
    """The parameters of an equation that somebody else sees: what is derived from its program would go on with the old ones."""

    def refuse(self, *given: Any, **named: Any) -> NoReturn:
        why = "what was derived from the program (its compiled form, its derivatives) would not change with it"
        fix = "make another one: Jaxpr(program.in_vars, equations, program.out_vars, program.consts), with new equations"
        raise errors.ArgumentError("the parameters of an equation of a finished program are read-only.", why=why, fix=fix)

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = setdefault = clear = refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def read_only(jaxpr: Jaxpr) -> Jaxpr:
    """The program, in which and in whose inner programs nobody can write to parameters any more."""

    def protected() -> bool:
        for eqn in jaxpr.equations:
            eqn.params = ReadOnly(eqn.params)
            for inner in sub_jaxprs(eqn.params):
                read_only(inner)
        return True

    jaxpr.once("read only", protected)
    return jaxpr


def inside_out(jaxpr: Jaxpr, key: Any, find: Callable[[Jaxpr], T]) -> T:
    """What ``find(program)`` says, asked of the programs nested in it first, so that ``find`` gets at their answers at once.

    It does not recurse: programs may be nested deep.
    """
    if key not in jaxpr._made:
        waiting = [jaxpr]
        while waiting:
            program = waiting[-1]
            inner = [p for eqn in program.equations if eqn.params for p in sub_jaxprs(eqn.params) if key not in p._made]
            waiting += inner
            if not inner:
                waiting.pop()
                if key not in program._made:
                    program._made[key] = find(program)
    return jaxpr._made[key]  # type: ignore[no-any-return]


def count_equations(jaxpr: Jaxpr) -> int:
    """The number of equations, those of nested programs included (a call itself counts for nothing)."""

    def count(program: Jaxpr) -> int:
        inner = [sub_jaxprs(eqn.params) for eqn in program.equations]
        return sum(sum(map(count_equations, programs)) if programs else 1 for programs in inner)

    return inside_out(jaxpr, "count", count)


def recorded_avals(primitive: Primitive, params: dict[str, Any], avals: Sequence[Any], out: Any) -> Any:
    """What an equation's outputs are by their abstract rule (one aval, or several), varying over what its inputs vary over.

    Collectives and primitives with sub-programs say themselves what their outputs vary over.
    """
    if primitive.collective or sub_jaxprs(params):
        return out
    varying: frozenset[Any] = frozenset().union(*(a.varying for a in avals))
    if not varying:
        return out
    return [with_varying(a, varying) for a in out] if primitive.multiple_results else with_varying(out, varying)


def collective_axes(params: dict[str, Any]) -> frozenset[Any]:
    """The named axes that programs among the parameters of an equation have collectives over."""
    return frozenset().union(*map(program_axes, sub_jaxprs(params)))


def program_axes(jaxpr: Jaxpr) -> frozenset[Any]:
    """The named axes that a program has collectives over."""

    def find(program: Jaxpr) -> frozenset[Any]:
        own: set[Any] = set()
        for eqn in program.equations:
            own.update(eqn.params["axes"] if eqn.primitive.collective else collective_axes(eqn.params))
        return frozenset(own)

    return inside_out(jaxpr, "collective axes", find)


def has_effects(primitive: Primitive, params: dict[str, Any]) -> bool:
    """Whether applying a primitive does something besides computing its results, itself or in a nested program."""
    return primitive.effect or (bool(params) and any(map(program_has_effects, sub_jaxprs(params))))


def is_act(primitive: Any) -> bool:
    """Whether a primitive is an effect that must happen exactly as often as it is asked for."""
    return bool(primitive.effect and not primitive.repeatable)


def acts(primitive: Any, params: dict[str, Any]) -> bool:
    """Whether applying a primitive has such an effect, itself or in a nested program."""
    return is_act(primitive) or any(map(program_acts, sub_jaxprs(params)))


def program_acts(jaxpr: Jaxpr) -> bool:
    """Whether running a program has effects that must happen exactly as often as they are asked for."""
    return inside_out(jaxpr, "acts", lambda program: any(acts(e.primitive, e.params) for e in program.equations))


def program_has_effects(jaxpr: Jaxpr) -> bool:
    """Whether running a program does something besides computing its outputs."""
    find = lambda program: any(has_effects(eqn.primitive, eqn.params) for eqn in program.equations)
    return inside_out(jaxpr, "effects", find)


_found_equal: ContextVar[set[tuple[int, int]] | None] = ContextVar("covector_found_equal", default=None)


def same_program(a: Jaxpr, b: Jaxpr) -> bool:
    """Whether two programs are equal up to the names of variables; a pair of nested programs is compared once."""
    known = _found_equal.get()
    if known is None:
        token = _found_equal.set(set())
        try:
            return same_program(a, b)
        finally:
            _found_equal.reset(token)
    if (id(a), id(b)) in known:
        return True
    equal = _Matching().jaxprs(a, b)
    if equal:
        known.add((id(a), id(b)))
    return equal


class _Matching:
    """A one-to-one renaming of the variables of one program into those of another, grown as they are compared."""

    def __init__(self) -> None:
        self.renaming: dict[Var, Var] = {}
        self.taken: set[Var] = set()

    def jaxprs(self, a: Jaxpr, b: Jaxpr) -> bool:
        return (
            len(a.equations) == len(b.equations)
            and (a.linear or (False,) * len(a.in_vars)) == (b.linear or (False,) * len(b.in_vars))
            and self.binders(list(a.consts), list(b.consts))
            and all(same_value(x, y) for x, y in zip(a.consts.values(), b.consts.values(), strict=True))
            and self.binders(a.in_vars, b.in_vars)
            and all(self.equations(x, y) for x, y in zip(a.equations, b.equations, strict=True))
            and self.atoms(a.out_vars, b.out_vars)
        )

    def equations(self, a: Equation, b: Equation) -> bool:
        return (
            a.primitive is b.primitive
            and self.atoms(a.inputs, b.inputs)
            and a.params.keys() == b.params.keys()
            and all(same_value(x, b.params[name]) for name, x in a.params.items())
            and self.binders(a.outputs, b.outputs)
        )

    def binders(self, a: Sequence[Var], b: Sequence[Var]) -> bool:
        if len(a) != len(b):
            return False
        for x, y in zip(a, b, strict=True):
            if x.aval != y.aval or x in self.renaming or y in self.taken:
                return False
            self.renaming[x] = y
            self.taken.add(y)
        return True

    def atoms(self, a: Sequence[Any], b: Sequence[Any]) -> bool:
        return len(a) == len(b) and all(self.atom(x, y) for x, y in zip(a, b, strict=True))

    def atom(self, a: Any, b: Any) -> bool:
        if isinstance(a, Var):
            return self.renaming.get(a) is b
        return isinstance(b, Literal) and a.aval == b.aval and same_value(a.value, b.value)


def same_value(a: Any, b: Any) -> bool:
    """Structural equality of parameters and constants: arrays by dtype and bits (NaN equals NaN), programs by structure."""
    if all(issubclass(type(x), (np.ndarray, np.generic, float, complex)) for x in (a, b)):
        if type(a) is not type(b):
            return False
        x, y = np.asarray(a), np.asarray(b)
        return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind in "fc") and same_signs(x, y)
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same_value(a[k], b[k]) for k in a)  # in one order, which a function can see
    if isinstance(a, (tuple, list)) and type(a) is type(b):
        return len(a) == len(b) and all(map(same_value, a, b))
    return type(a) is type(b) and bool(a == b)


def same_signs(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    """Whether equal arrays agree in the signs of their zeros and NaNs too."""
    if x.dtype.kind == "c":
        return same_signs(x.real, y.real) and same_signs(x.imag, y.imag)
    return x.dtype.kind != "f" or bool(np.array_equal(np.signbit(x), np.signbit(y)))
