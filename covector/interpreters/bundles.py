"""Forward interpreters of one's own: what a value is a bundle of, and rules for what primitives make of bundles.

An interpreter that counts how often its inputs are added up:

>>> import numpy as np
>>> from covector.extend import Bundle, Interpreter
>>> class Terms(Interpreter):
...     name = "terms_example"
...     def avals(self, aval, form):
...         return (aval,) if form is None else (aval, typeof(0))
...     def coerced(self, bundle, form):
...         return Bundle((*bundle.parts, 0), form)
>>> from covector.primitives.math.ring import add_p
>>> @add_p.def_rule("terms_example")
... def terms_of_sum(how, x, y):
...     (x, n), (y, m) = how.raised(x, "n").parts, how.raised(y, "n").parts
...     return Bundle((x + y, n + m), "n")
>>> Terms()(lambda x: [x + x + 1.0], Bundle((2.0, 1), "n"))
[Bundle(parts=(5.0, 2), form='n')]

Loops, choices and calls need no rules: `covector.interpreters.interpret` threads bundles through their programs.  What is
done with the parts is seen by every transformation around, so an interpreter composes with these as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from covector.core import errors
from covector.core.avals import is_value, typeof
from covector.core.checked_rules import alike, has_written_abstract, shown
from covector.core.kinds import Elementwise
from covector.core.memory import copies, is_hashable
from covector.core.primitive import Primitive, Trace, open_trace
from covector.core.rule_errors import explained_rule
from covector.core.tracer import Tracer
from covector.interpreters.interpret import Bundle, Interpretation, Note, interpreting
from covector.interpreters.stage import leaked


class BundleTracer(Tracer):
    """A value of which there is a bundle."""

    __slots__ = ("bundle",)

    def __init__(self, trace: BundleTrace, bundle: Bundle):
        self._trace = trace
        self.bundle = bundle

    @property
    def aval(self) -> Any:
        return self._trace.how.aval(self.bundle)

    def concrete(self) -> Any:
        return self._trace.how.concrete(self.bundle)

    def unknown_because(self) -> str:
        return f"as a plain value it would lose what {self._trace.name} knows of it"


class BundleTrace(Trace):
    """Applies the rules of an interpreter."""

    __slots__ = ("how",)

    def __init__(self, how: Interpreter):
        super().__init__(how.name)
        self.how = how

    @property
    def follows_rules(self) -> bool:  # type: ignore[override]
        return self.how.follows_rules

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        bundles = [self.lower(a) for a in args]
        if "interpret" in primitive.rules:
            results = interpreting(primitive, self.name)(self.how, bundles, **params)
        else:
            results = self.how.apply(primitive, bundles, params)
        return [self.lift(b) for b in results] if primitive.multiple_results else self.lift(results)

    def lift(self, bundle: Bundle) -> Any:
        """A tracer of this trace, or the value as it is."""
        return bundle.parts[0] if bundle.form is None else BundleTracer(self, bundle)

    def lower(self, x: Any) -> Bundle:
        """The bundle of any value."""
        return x.bundle if type(x) is BundleTracer and x._trace is self else Bundle((x,))


class Interpreter(Interpretation):
    """A forward interpreter; a subclass says what a value is a bundle of, and registers rules under its ``name``.

    A rule is ``rule(how, *bundles, **params) -> bundle``, for a primitive with several results a list of bundles.

    Attributes:
        name: what its rules are called, and what it is called in errors.
        follows_rules: whether a function with derivative rules of the user's is a primitive that has these; otherwise what the
            function does is interpreted.
    """

    name: ClassVar[str]
    follows_rules: ClassVar[bool] = False

    @property
    def key(self) -> Any:  # type: ignore[override]
        options = tuple(vars(self).items())
        return (type(self), *options) if is_hashable(options) else self

    def __call__(self, f: Callable[..., Sequence[Any]], *bundles: Bundle) -> list[Bundle]:
        """The outputs of ``f`` for these bundles of its arguments."""
        self.check_call(bundles)
        with open_trace(BundleTrace, self) as trace:
            outs = f(*map(trace.lift, bundles))
            if not isinstance(outs, (list, tuple)):
                what = f"{self.name} interprets a function that returned {shown(outs)}."
                raise errors.ArgumentError(what, why="its results are bundles, one for each", fix="return a list, of one too")
            for i, x in enumerate(outs):
                if not is_value(x):
                    what = f"{self.name} interprets a function whose result {i} is {shown(x)}."
                    raise errors.ArgumentError(what, why="each is to be a value, with a bundle", fix="return a flat list")
            results = [trace.lower(o) for o in outs]
        for x in (x for b in results for x in b.parts):
            if type(x) is BundleTracer and x._trace.how is self:
                what = f"a rule closes over a value of type {x.aval} of which {self.name} keeps a bundle."
                raise errors.CustomRuleError(what, fix="pass the value to the function as an argument")
        return results

    def check_call(self, bundles: Sequence[Any]) -> None:
        """Refuse arguments that are no bundles, and an interpreter of which nobody knows what its rules are called."""
        if not isinstance(getattr(self, "name", None), str):
            what = f"the interpreter {type(self).__name__} has no name."
            raise errors.ArgumentError(what, why="its rules are registered under that", fix='write name = "..." in the class')
        for i, b in enumerate(bundles):
            if not (isinstance(b, Bundle) and isinstance(b.parts, tuple)):
                what = f"{self.name} got {b!r} of type {type(b).__name__} for argument {i}."
                raise errors.ArgumentError(what, why="it is called with bundles", fix="give Bundle((value, ...), form)")
            check_form(b, errors.ArgumentError, f"{self.name} got", f" for argument {i}", "give")

    def run(self, f: Callable[..., Sequence[Any]], bundles: Sequence[Bundle]) -> tuple[list[Bundle], Sequence[Note]]:
        return self(f, *bundles), ()

    def ruled(self, primitive: Any, bundles: Sequence[Bundle], params: Any, f: Callable[..., Sequence[Any]]) -> list[Bundle]:
        return self.apply(primitive, bundles, params) if self.follows_rules else self(f, *bundles)

    def undecided(self, primitive: Any, bundles: Sequence[Bundle], params: dict[str, Any]) -> list[Bundle]:
        what = f"the value that decides {primitive.name!r} is none as it is in {self.name!r}."
        fix = "give the interpreter a method undecided(primitive, bundles, params) that returns the bundles of the results"
        raise errors.ConcretizationError(what, why="it could go several ways", fix=fix)

    def aval(self, bundle: Bundle) -> Any:
        """The aval of the value that a bundle stands for."""
        return typeof(bundle.parts[0])

    def concrete(self, bundle: Bundle) -> Any:
        """The array that Python gets for a value, or None where there is not one."""
        value = bundle.parts[0] if self.keeps_value else None
        return value.concrete() if isinstance(value, Tracer) else value

    def apply(self, primitive: Primitive, bundles: Sequence[Bundle], params: dict[str, Any]) -> Any:
        """What a primitive without programs makes of bundles: by default its rule says that."""
        rule = primitive.rule(self.name)
        if rule is None:
            raise errors.MissingRuleError(primitive.name, self.name, self.name)
        try:
            out = rule(self, *bundles, **params)
        except Exception as error:
            better = explained_rule(error, primitive, repr(self.name), rule, (self, *bundles), params)
            if better is error:
                raise
            raise better from None
        outs = [*out] if primitive.multiple_results else [out]
        for b in outs:
            if not isinstance(b, Bundle):
                what = f"the {self.name!r} rule of {primitive.name!r} returned a result of type {type(b).__name__}."
                raise errors.PrimitiveRuleError(what, fix="return Bundle(parts, form) for each result")
        for b in outs:
            check_form(b, errors.PrimitiveRuleError, f"the {self.name!r} rule of {primitive.name!r} returned", "", "return")
        outs = [b._replace(parts=tuple(copies(b.parts))) for b in outs]  # a rule may write to its arrays again
        self.check_types(primitive, bundles, params, outs)
        return outs if primitive.multiple_results else outs[0]

    def check_types(self, primitive: Primitive, bundles: Sequence[Bundle], params: dict[str, Any], outs: list[Bundle]) -> None:
        """Refuse results that stand for values of other types than the primitive gives, where it need not run to tell these."""
        if not (has_written_abstract(primitive) or isinstance(primitive.kind, Elementwise)):
            return
        avals = primitive.abstract(*map(self.aval, bundles), **params)
        found, wanted = [self.aval(b) for b in outs], avals if primitive.multiple_results else [avals]
        if len(found) != len(wanted) or not all(map(alike, found, wanted)):
            got, due = (", ".join(map(str, types)) or "nothing" for types in (found, wanted))
            rule = f"the {self.name!r} rule of {primitive.name!r}"
            what = f"{rule} returned what stands for {got}, where the primitive gives {due}."
            why = f"{type(self).__name__}.aval says what a bundle stands for, and what follows goes by that"
            raise errors.PrimitiveRuleError(what, why=why, fix="return bundles that stand for values of these types")


def check_form(bundle: Bundle, error: type[errors.CovectorError], who: str, where: str, verb: str) -> None:
    """Refuse a bundle of several parts without a form, which somebody gave or returned."""
    if bundle.form is None and len(bundle.parts) > 1:
        what = f"{who} a bundle of {len(bundle.parts)} parts without a form{where}."
        why = "the form None is that of a value as it is, which is one part"
        raise error(what, why=why, fix=f"{verb} Bundle(parts, form)")
