"""Primitives and dispatch: ``Primitive.bind : args -> outputs``.

>>> import covector as cv
>>> sin_p = Primitive.registry["sin"]
>>> sin_p.bind(0.0)  # no tracer among the arguments: the implementation
np.float64(0.0)
>>> cv.make_jaxpr(sin_p.bind)(0.0)  # a tracer: its trace says what the operation means, here an equation
{ lambda ; a:weak_f64[]. let b:f64[] = sin a in (b,) }

*Dispatch follows the data.*  The innermost trace among the arguments decides what an operation means; without a tracer among
them, the primitive's ``impl`` runs.  A primitive is one object that carries all its rules:

========== ====================================================================== =============================================
rule       signature                                                              meaning
========== ====================================================================== =============================================
impl       ``(*arrays, **params) -> out``                                         what it computes
abstract   ``(*avals, **params) -> out_aval``                                     the shape and dtype of the result
jvp        ``(primals, tangents, **params) -> (out, tangent_out)``                 forward derivative; tangents may be `Zero`
linearize  ``(primals, tangents, **params) -> (out, tangent_out)``                 the same, for staged tangents
transpose  ``(cotangent, *args, **params) -> cotangents of the args``              linear arguments are `Var`; None for others
batch      ``(size, args, dims, **params) -> (out, out_dim)``                      dims are axes, or None where not batched
linear     ``(mask, params) -> bool``                                             may exactly the arguments in mask be linear?
record     ``(trace, args, params) -> tracer or None``                            linearize, for plain arrays, at once
pull       ``(arrived, cotangent, out, inputs, params) -> None``                  transpose, for plain arrays, at once
========== ====================================================================== =============================================

A primitive with ``multiple_results`` returns, and its rules take and return, a list of outputs.

What a rule returns is checked, unless the primitive was made ``trusted``, as those of this package are.

The table is open: an interpreter calls its rules what it likes.  ``p.rule(name)`` is the rule that was registered on the
primitive (``@p.def_rule(name)``), or else the one that follows from its kind (``@derives(name, kind)``; `covector.core.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, ClassVar, Self, TypeVar
from weakref import WeakSet

from covector.core import errors
from covector.core.checked_rules import (
    check_classes,
    checked_abstract,
    checked_batch,
    checked_jvp,
    checked_params,
    checked_transpose,
    lending,
)
from covector.core.context import CAPTURING, MODES, WATCH, enter, leave, open_traces, value_of
from covector.core.context import TracerBase as TracerBase
from covector.core.kinds import Kind, Program, checked_kind, checked_linearity
from covector.core.kinds import jointly as jointly
from covector.core.kinds import one_of as one_of
from covector.core.rule_errors import told
from covector.core.source import Source, user_source

Rule = TypeVar("Rule", bound=Callable[..., Any])


class Trace:
    """An interpretation of primitives; it owns exactly the tracers that carry it (``tracer.trace is self``).

    ``level`` orders nested traces, in whatever thread or task they are opened: of two traces that meet in an operation the
    inner one was opened later.  A trace is closed when the transformation that opened it returns.
    """

    __slots__ = ("closed", "level", "name", "origin")

    captures: ClassVar[bool] = False
    """Whether, while it is open, what is done with tracers of outer traces is done here too, and not there."""

    runs_once: ClassVar[bool] = False
    """Whether the function runs as it would untraced: once, with one value for each of its own."""

    follows_rules: ClassVar[bool] = True
    """Whether derivative rules of the user's matter to it; otherwise it takes functions that have some as what they do."""

    axis_name: Any = None
    """The name of the axis that it provides, of as many values as its ``size`` says: it takes the collectives over it."""

    collective: Callable[..., Any] | None = None
    """``collective(primitive, *arrays, **params)`` of plain arrays that vary over the axis; None where none do (in a batch)."""

    def __init__(self, name: str = "", origin: Source | None = None):
        self.level = next(levels)
        self.closed = False
        self.name = name
        self.origin = origin

    def __enter__(self) -> Self:
        enter(self)
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.closed = True
        leave(self)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """What applying ``primitive`` means here; at least one of the arguments is a tracer of this trace."""
        raise NotImplementedError(f"the trace {type(self).__name__} has no method process(primitive, args, params).")

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        """Whether a `ContextPrimitive` has its meaning here although none of its arguments is a tracer of this trace."""
        return False

    def users_code(self, runs: bool) -> bool:
        """Take note that code of the user's runs from now on, or does not; returns whether it did before."""
        return False


levels = count(0, 2)
"""Levels are even; the tape of a linearization has the odd one above its trace, with nothing in between."""


def in_users_code(rule: Rule) -> Rule:
    """A rule that is the user's, or calls functions of the user's."""

    def run(*args: Any, **params: Any) -> Any:  # without a context manager, which would cost as much as the rule
        traces = open_traces()
        before = [trace.users_code(True) for trace in traces]
        try:
            return rule(*args, **params)
        finally:
            for trace, was in zip(traces, before, strict=True):
                trace.users_code(was)

    return run  # type: ignore[return-value]


def captured(trace: Trace) -> Trace:
    """The trace in which an operation on tracers of ``trace`` is done: the innermost that captures it, or ``trace`` itself."""
    for candidate in reversed(open_traces()):
        if candidate.level <= trace.level:
            break
        if candidate.captures:
            return candidate  # type: ignore[no-any-return]
    return trace


def trace_among(args: Sequence[Any]) -> Trace | None:
    """The trace in which an operation on these arguments is done; None where no tracer is among them."""
    trace: Trace | None = max((a._trace for a in args if isinstance(a, TracerBase)), key=lambda t: t.level, default=None)
    return trace and captured(trace)


TraceType = TypeVar("TraceType", bound=Trace)


def open_trace(trace_type: Callable[..., TraceType], *args: Any, **kwargs: Any) -> TraceType:
    """``with open_trace(trace_type, *args) as trace``: open a trace above all others, and close it on leaving."""
    return new_trace(trace_type, *args, **kwargs) if MODES else trace_type(*args, **kwargs)


def new_trace(trace_type: Callable[..., TraceType], *args: Any, **kwargs: Any) -> TraceType:
    """A trace, or one of its kind that reports what is computed where that is watched."""
    watch = value_of(WATCH) if MODES else None
    if watch is None:
        return trace_type(*args, **kwargs)
    return _watched_trace[0](trace_type, watch, *args, **kwargs)  # type: ignore[no-any-return]


_watched_trace: list[Callable[..., Any]] = []


def watch_traces(watched_trace: Callable[..., Any]) -> None:
    """Declare ``watched_trace(trace_type, watch, *args)``, what is opened where results of operations are watched."""
    _watched_trace[:] = [watched_trace]


def apply_to_one(primitive: Primitive, x: Any, params: dict[str, Any]) -> Any:
    """``primitive.bind(x, **params)`` for one operand, which has only one trace to ask."""
    if isinstance(x, TracerBase) and not CAPTURING:
        return x._trace.process(primitive, (x,), params)
    return primitive.bind(x, **params)


NO_PARAMS: dict[str, Any] = {}
"""The parameters of a primitive that has none; shared, never written to."""


class Registry(dict[str, "Primitive"]):
    """Primitives by their names; those that are not there yet are imported when they are asked for."""

    def __missing__(self, name: str) -> Primitive:
        found = find_primitive(name)
        if found is None:
            raise KeyError(name)
        return found


class Primitive:
    """An operation and all its rules.

    >>> cube_p = Primitive("cube")
    >>> @cube_p.def_impl
    ... def cube(x):
    ...     return x**3
    >>> cube_p.bind(2.0)
    8.0
    """

    registry: ClassVar[Registry] = Registry()

    asks_context: ClassVar[bool] = False
    """Whether the open traces matter to what it means besides those of its arguments."""

    __slots__ = (
        "__weakref__",
        "abstract",
        "batch",
        "collective",
        "effect",
        "from_kind",
        "impl",
        "inlined",
        "jvp",
        "keeps_weak",
        "kind",
        "linear",
        "linear_masks",
        "linearize",
        "makes_new",
        "multiple_results",
        "name",
        "origin",
        "overwrite",
        "pull",
        "record",
        "repeatable",
        "rules",
        "transpose",
        "trusted",
    )

    def __init__(
        self,
        name: str,
        kind: Kind | None = None,
        *,
        multiple_results: bool = False,
        trusted: bool = False,
        makes_new: bool = False,
    ):
        self.name = name
        self.kind = checked_kind(kind)
        """What it is, from which rules follow that are not registered."""
        self.origin = None if trusted else user_source()
        """Where it was made."""
        self.trusted = trusted
        """Whether its rules are known to be right, and neither keep nor change what they are given or return.

        By default what they return is checked, and they get and give copies of arrays.
        """
        check_replaced(self)
        self.multiple_results = multiple_results
        self.keeps_weak = self.kind.keeps_weak
        """Whether the result for Python scalars is a Python scalar (as for the arithmetic operators)."""
        self.collective = False
        """Whether its abstract rule says over which named axes the outputs vary."""
        self.effect = False
        """Whether applying it does something besides computing its results, so that it stays in a program that needs none."""
        self.repeatable = False
        """Whether an effect may as well happen several times for the same values, as an assertion may."""
        self.inlined = False
        """Whether its meaning is that of its parameter ``jaxpr``, which may stand in its place."""
        self.makes_new = makes_new
        """Whether no result ever shares memory with an argument, or is an array that something else holds (may be unknown)."""
        self.overwrite: Callable[..., Any] | None = None
        """An implementation that may write the result into its first argument, of the result's shape and dtype."""
        self.rules: dict[str, Callable[..., Any]] = {}
        """The rules that were registered on it, by the names that interpreters give them."""
        self.from_kind: dict[str, Callable[..., Any]] = {}
        """Those that follow from its kind, as far as somebody asked for them."""
        self.impl: Callable[..., Any] = self._missing("impl", "evaluation")
        self.abstract: Callable[..., Any] = self._missing("abstract", "staging (make_jaxpr, jit)")
        self.jvp: Callable[..., Any] | None = None
        self.linearize: Callable[..., Any] | None = None
        self.transpose: Callable[..., Any] | None = None
        self.batch: Callable[..., Any] | None = None
        self.record: Callable[..., Any] | None = None
        self.pull: Callable[..., Any] | None = None
        self.linear = self.kind.linear
        self.linear_masks: dict[tuple[bool, ...], bool] = {}
        for rule in SLOTS:
            self.derive(rule)
        Primitive.registry[name] = self
        _made.add(self)

    def bind(self, /, *args: Any, **params: Any) -> Any:
        """Apply the primitive: by the innermost trace among ``args``, or plainly if there is none."""
        trace = None
        for a in args:
            if isinstance(a, TracerBase) and (trace is None or a._trace.level > trace.level):
                trace = a._trace
        if CAPTURING or self.asks_context:
            trace = self.place(trace, params)
        if not self.trusted:
            check_classes(args)
            params = checked_params(self, params, trace is not None) if params else params
        if trace is None:
            return self.impl(*args, **params)
        return trace.process(self, args, params)

    def place(self, trace: Trace | None, params: dict[str, Any]) -> Trace | None:
        """Where an operation is done whose arguments have ``trace`` as the innermost: in one that captures it, or there."""
        return trace and captured(trace)

    def __reduce__(self) -> Any:
        if Primitive.registry.get(self.name) is not self:
            raise errors.ArgumentError(
                f"the primitive {self.name!r}, defined at {self.origin}, cannot be pickled.",
                why="a primitive is pickled by its name, and another one has taken it",
                fix="trace the program again, with the primitive that has the name now",
            )
        return primitive_named, (self.name,)

    def __deepcopy__(self, memo: Any) -> Primitive:
        return self

    def __copy__(self) -> Primitive:
        return self

    def _missing(self, rule: str, asker: str) -> Callable[..., Any]:
        def missing_rule(*args: Any, **params: Any) -> Any:
            raise errors.MissingRuleError(self.name, rule, asker)

        missing_rule.is_default = missing_rule.is_missing = True  # type: ignore[attr-defined]
        return missing_rule

    # --- the table of rules ---

    def def_rule(self, name: str, rule: Rule | None = None) -> Any:
        """Register the rule that interpreters call ``name``; as a decorator, ``@p.def_rule("jet")``, without ``rule``."""
        if rule is None:
            return partial(self.def_rule, name)
        if name in self.rules and not self.trusted:
            errors.warn(
                f"the rule {name!r} of the primitive {self.name!r} is registered again. Programs that have been traced, among"
                " them the bodies of loops, keep what they made of the old one."
            )
        self.rules[name] = rule
        if name in SLOTS:
            self._install(name, rule)
        for short_cut, rules in SHORT_CUTS.items():
            if name in rules and self.from_kind.pop(short_cut, None) is not None:
                setattr(self, short_cut, None)
        if name == "impl":
            for other in [other for other in SLOTS if other in self.from_kind]:
                self.derive(other)  # anew: it may have been made of the implementation
        return rule

    def rule(self, name: str) -> Callable[..., Any] | None:
        """The rule of a name: the one registered here, else that which follows from the kind; None if there is none."""
        if name in SLOTS:
            rule = getattr(self, name)
            return None if hasattr(rule, "is_missing") else rule
        return self.rules.get(name) or self.from_kind.get(name) or self.derive(name)

    def derive(self, name: str) -> Callable[..., Any] | None:
        """Let the rule follow from the kind, unless one was registered here, or one for which it is a short cut."""
        if name in self.rules or not self.rules.keys().isdisjoint(SHORT_CUTS.get(name, ())):
            return None
        for kind in type(self.kind).__mro__:
            found = _derivations.get((name, kind))
            rule: Callable[..., Any] | None = found and found[0](self, self.kind)
            if found is not None and rule is not None:
                self.from_kind[name] = rule
                if name in SLOTS:
                    self._install(name, rule, found[1])
                return rule
        return None

    def _install(self, name: str, rule: Callable[..., Any], checked: bool = False) -> None:
        """Put a rule into its slot.  A primitive with only one of ``jvp`` and ``linearize`` uses that for both."""
        rule = rule if self.trusted or checked else SLOTS[name](self, rule)
        setattr(self, name, rule)
        if name == "jvp" and "linearize" not in self.rules:
            self.linearize = rule
        elif name == "linearize" and not ("jvp" in self.rules or "jvp" in self.from_kind):
            self.jvp = rule

    def def_impl(self, rule: Rule) -> Rule:
        """Register what the primitive computes: ``rule(*arrays, **params) -> out``."""
        return self.def_rule("impl", rule)  # type: ignore[no-any-return]

    def def_abstract(self, rule: Rule) -> Rule:
        """Register the shape and dtype rule: ``rule(*avals, **params) -> out_aval``."""
        return self.def_rule("abstract", rule)  # type: ignore[no-any-return]

    def def_jvp(self, rule: Rule) -> Rule:
        """Register the forward derivative: ``rule(primals, tangents, **params) -> (out, tangent_out)``."""
        return self.def_rule("jvp", rule)  # type: ignore[no-any-return]

    def def_linearize(self, rule: Rule) -> Rule:
        """Register a derivative for staged tangents, for a primitive with sub-programs; signature as ``def_jvp``."""
        return self.def_rule("linearize", rule)  # type: ignore[no-any-return]

    def def_transpose(self, rule: Rule | None = None, *, linear: Any = None) -> Any:
        """Register the transpose: ``rule(cotangent, *args, **params) -> [cotangent or None for each arg]``.

        Args:
            rule: the rule; arguments that the output is linear in come as `Var`, of which only the aval is known.
            linear: which arguments may be linear, as made by `jointly` or `one_of`; by default jointly all of them.
        """
        if rule is None:
            return partial(self.def_transpose, linear=linear)
        self.linear = checked_linearity(linear) or self.linear or jointly()
        return self.def_rule("transpose", rule)

    def def_batch(self, rule: Rule) -> Rule:
        """Register the batching rule: ``rule(size, args, dims, **params) -> (out, out_dim)``."""
        return self.def_rule("batch", rule)  # type: ignore[no-any-return]

    def is_linear_in(self, mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
        """Whether the output is linear in exactly the arguments that ``mask`` marks, given the others."""
        known = self.linear_masks.get(mask)
        if known is None:
            known = self.linear is not None and bool(self.linear(mask, params))
            if getattr(self.linear, "ignores_params", False):
                self.linear_masks[mask] = known
        return known

    def __repr__(self) -> str:
        return self.name


SLOTS: dict[str, Callable[[Primitive, Any], Any]] = {
    "impl": lambda p, rule: told(p, "impl", rule, lending(rule)),
    "abstract": lambda p, rule: told(p, "abstract", rule, checked_abstract(p.name, p.multiple_results, rule)),
    "batch": lambda p, rule: told(p, "batch", rule, checked_batch(p, rule)),
    "jvp": lambda p, rule: told(p, "jvp", rule, in_users_code(checked_jvp(p, "JVP", rule))),
    "linearize": lambda p, rule: told(p, "linearize", rule, in_users_code(checked_jvp(p, "linearize", rule))),
    "transpose": lambda p, rule: told(p, "transpose", rule, checked_transpose(p.name, rule)),
    "record": lambda p, rule: None,
    "pull": lambda p, rule: None,
}
"""The rules that are attributes of the primitive, since dispatch needs them at once, and how they are checked."""

SHORT_CUTS = {"record": ("jvp", "linearize"), "pull": ("transpose",)}
"""Rules that do for plain arrays what others do, in fewer steps: of trusted primitives alone, for they are not checked."""


# --- rules that follow from the kind ----------------------------------------------------------------------------------

Derivation = Callable[[Primitive, Any], Any]
_derivations: dict[tuple[str, type[Kind]], tuple[Derivation, bool]] = {}
_made: WeakSet[Primitive] = WeakSet()
"""All primitives, for derivations that are registered after them."""


def derives(name: str, *kinds: Any, checked: bool = False) -> Callable[[Rule], Rule]:
    """Register how the rule ``name`` follows from a kind: ``derivation(primitive, kind) -> rule``, or None where it does not.

    It is asked once for each primitive of the kind (or of one that is a subclass, for which there is none or which gives none),
    also for those made before.  A rule that is registered on the primitive wins.

    Args:
        name: what the interpreter calls its rule.
        kinds: classes of `covector.core.kinds`; `Kind` itself stands for all primitives.
        checked: the rule checks by itself what functions of the user's return.

    Example:
        How many values a result is made of:

        >>> from covector.core.kinds import Elementwise, Kind
        >>> @derives("made_of_example", Kind)
        ... def of_any(primitive, kind):
        ...     return lambda *args: sum(a.size for a in args)
        >>> @derives("made_of_example", Elementwise)
        ... def of_elementwise(primitive, kind):
        ...     return lambda *args: len(args)
    """

    def register(derivation: Rule) -> Rule:
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Kind)):
                what = f"derives({name!r}, ...) takes classes of kinds, and got {kind!r}."
                raise errors.ArgumentError(what, fix="name a class, such as covector.extend.Elementwise")
            if name in SLOTS and (name, kind) in _derivations:
                what = f"what {name!r} is for the kind {kind.__name__} is registered already."
                why = "the meaning of every primitive of the kind would change"
                fix = "register the rule on single primitives, or for a subclass of the kind"
                raise errors.ArgumentError(what, why=why, fix=fix)
            _derivations[name, kind] = derivation, checked
            for primitive in [p for p in list(_made) if isinstance(p.kind, kind)]:
                primitive.from_kind.pop(name, None)
                if name in SLOTS:
                    primitive.derive(name)
        return derivation

    return register


def derived(name: str, *kinds: Any, checked: bool = False) -> Callable[[Rule], Rule]:
    """The same for the rule itself, which is given the primitive and its kind before its arguments."""
    register = derives(name, *kinds, checked=checked)

    def register_rule(rule: Rule) -> Rule:
        register(lambda primitive, kind: partial(rule, primitive, kind))
        return rule

    return register_rule


# --- primitives by their names ----------------------------------------------------------------------------------------


def check_replaced(new: Primitive) -> None:
    """A primitive takes over the name of another one, as when a notebook cell is run twice; not one of covector's own."""
    if not new.trusted:
        for load in _more[:-1]:
            load()
    old = Primitive.registry.get(new.name)
    if old is None:
        return
    if old.trusted:
        raise errors.ArgumentError(
            f"the name {new.name!r} is that of a primitive of covector's own.",
            why="programs are printed and parsed by these names, and covector's rules refer to them",
            fix="choose another name for the primitive",
        )
    errors.warn(
        f"the primitive {new.name!r} is defined again, at {new.origin}; it was defined at {old.origin}. Programs that have been"
        " traced keep the old one."
    )


_more: list[Callable[[], None]] = []


def more_primitives(*loads: Callable[[], None]) -> None:
    """Declare what imports the modules whose primitives are not there yet, last what is slow."""
    _more[:] = loads


def find_primitive(name: str) -> Primitive | None:
    """The primitive that has a name, for programs that come as text or from another process."""
    for load in _more:
        if name not in Primitive.registry:
            load()
    return Primitive.registry.get(name)


def primitive_named(name: str) -> Primitive:
    """The primitive that has a name; an error if none has."""
    found = find_primitive(name)
    if found is None:
        raise errors.ParseError(
            f"there is no primitive named {name!r}.",
            why="programs name their primitives, and the module that defines this one has not been imported",
            fix="import the module first",
        )
    return found


class ContextPrimitive(Primitive):
    """A primitive that needs no tracer to be traced: an effect, an index along a named axis, a call without array arguments.

    Beside the traces of its arguments, the open traces that ``takes`` it decide what it means.
    """

    __slots__ = ()

    asks_context = True

    def place(self, trace: Trace | None, params: dict[str, Any]) -> Trace | None:
        for candidate in reversed(open_traces()):
            if trace is not None and candidate.level <= trace.level:
                break
            if candidate.takes(self, params) or (trace is not None and candidate.captures):
                return candidate  # type: ignore[no-any-return]
        return trace


class NestedPrimitive(ContextPrimitive):
    """A primitive with programs among its parameters; the context matters to it if it does to them."""

    __slots__ = ()

    def __init__(self, name: str, *, multiple_results: bool = False, trusted: bool = False):
        super().__init__(name, Program(), multiple_results=multiple_results, trusted=trusted)
