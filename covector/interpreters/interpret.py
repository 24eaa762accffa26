"""Interpretations of programs: how values are bundled, and what becomes of a program when they are.

>>> import numpy as np
>>> from covector.core.avals import ShapedArray
>>> from covector.primitives.math.ring import add_p
>>> double = staged(lambda x: [add_p.bind(x, x)], [ShapedArray((), np.float64)])
>>> TANGENTS.program(double, [TANGENT]).jaxpr
{ lambda ; a:f64[] b:f64[]. let c:f64[] = add a a; d:f64[] = add b b in (c, d) }

An interpreter that goes forward replaces each value by a *bundle* of values: the value and its tangent, a batch along an axis,
the coefficients of a series, two bounds.  The *form* of a bundle says which of these it is (a tangent or none, which axis, how
many coefficients); None is the form of a value as it is, which can be coerced to every other.

A primitive with programs among its parameters has one rule for all of these, ``interpret(how, bundles, **params) -> bundles``.
It says how bundles thread through its programs, and asks the `Interpretation` for a program of each.  In every section of the
inputs (the carries of a loop, say) the first parts of all bundles come before all second ones.

An interpretation may take *notes*, values that its programs give out beside the results: whether checks hold.  A choice has
room for those of all its branches, and a loop carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial, reduce
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

from covector.core import errors
from covector.core.avals import Zero, instantiate, typeof
from covector.core.checked_rules import shown
from covector.core.jaxpr import Jaxpr
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import jvp
from covector.interpreters.programs import avals_of, cut, grow, rearranged, staged
from covector.interpreters.stage import closed_program

Form = Hashable


class Bundle(NamedTuple):
    """The values that stand for one value."""

    parts: tuple[Any, ...]
    form: Form = None


def interpreting(primitive: Any, asker: str) -> Callable[..., Any]:
    """The rule of a primitive that says how bundles thread through its programs; a user's is checked to give bundles."""
    rule: Callable[..., Any] | None = primitive.rules.get("interpret")
    if rule is None:
        raise errors.MissingRuleError(primitive.name, "interpret", asker)
    if primitive.trusted:
        return rule

    def checked(how: Interpretation, bundles: Sequence[Bundle], **params: Any) -> Any:
        found = rule(how, bundles, **params)
        several = primitive.multiple_results
        given = found if several and isinstance(found, (list, tuple)) else [found]
        if isinstance(found, Bundle) == several or not all(isinstance(b, Bundle) for b in given):
            what = f"the 'interpret' rule of {primitive.name!r} returned {shown(found)}."
            why = "it gives a bundle for each result, in a list" if several else "it gives the bundle of the result"
            raise errors.PrimitiveRuleError(what, why=why, fix="return how.results(program, values), of one result the first")
        return found

    return checked


class Note(NamedTuple):
    """Values that an interpretation keeps beside the results, and what they mean."""

    values: Sequence[Any]
    meaning: Any


def flat(bundles: Sequence[Bundle], sections: Sequence[int] = ()) -> list[Any]:
    """The parts of bundles: all first ones, then all second ones …; in each section apart, of which the last has no length.

    >>> a, b, c = Bundle((1, 2)), Bundle((3, 4)), Bundle((5, 6))
    >>> flat([a, b, c]), flat([a, b, c], [1])
    ([1, 3, 5, 2, 4, 6], [1, 2, 3, 5, 4, 6])
    """
    if sections:
        return [x for section in cut(bundles, *sections) for x in flat(section)]
    values = [b.parts[0] for b in bundles]
    k = 1
    while more := [b.parts[k] for b in bundles if len(b.parts) > k]:
        values += more
        k += 1
    return values


def arguments(bundles: Sequence[Bundle]) -> list[Any]:
    """The parts of the bundles of one section, with arrays for symbolic zeros."""
    return [instantiate(x) if type(x) is Zero else x for x in flat(bundles)]


def places(bundles: Sequence[Bundle], sections: Sequence[int] = ()) -> list[list[int]]:
    """For each bundle where its parts are when they are `flat`."""
    found: list[list[int]] = [[] for _ in bundles]
    for place, i in enumerate(flat([Bundle((i,) * len(b.parts)) for i, b in enumerate(bundles)], sections)):
        found[i].append(place)
    return found


def bundled(values: Sequence[Any], forms: Sequence[Form], places: Sequence[Sequence[int]]) -> list[Bundle]:
    """The bundles of these forms whose parts are at these places."""
    return [Bundle(tuple([values[i] for i in place]), form) for place, form in zip(places, forms, strict=True)]


class Interpreted(NamedTuple):
    """A program on bundles: after the parts of its outputs it gives out its notes."""

    jaxpr: Jaxpr
    forms: Sequence[Form]
    places: Sequence[Sequence[int]]
    """Where the parts of each output are."""
    notes: Sequence[tuple[Sequence[Any], Any]] = ()
    """The avals of the values of each note, and what they mean."""

    @property
    def n_out(self) -> int:
        """The number of its outputs before the notes."""
        return sum(map(len, self.places))

    def with_plain(self, plain: Sequence[bool]) -> Interpreted:
        """The same program with only the first part of these outputs, the value itself (its outputs are one section)."""
        parts = bundled(range(self.n_out), self.forms, self.places)
        kept = [Bundle(b.parts[:1]) if m else b for b, m in zip(parts, plain, strict=True)]
        outputs = [*flat(kept), *range(self.n_out, len(self.jaxpr.out_vars))]
        program = rearranged(self.jaxpr, range(len(self.jaxpr.in_vars)), outputs)
        return Interpreted(program, [b.form for b in kept], places(kept), self.notes)

    @property
    def note_avals(self) -> list[Any]:
        """The avals of all that is noted."""
        return [a for avals, _ in self.notes for a in avals]

    def noted(self, values: Sequence[Any]) -> list[list[Any]]:
        """What is noted, by note."""
        return cut(values, *(len(avals) for avals, _ in self.notes))[:-1]


class Interpretation:
    """What a forward interpreter makes of values.

    Attributes:
        key: what tells it from others where the programs are kept that are made for it.
        keeps_value: the first part of a bundle is the value itself, so that a condition needs no other.
    """

    key: Hashable
    keeps_value: ClassVar[bool] = True

    def run(self, f: Callable[..., Sequence[Any]], bundles: Sequence[Bundle]) -> tuple[list[Bundle], Sequence[Note]]:
        """The outputs of ``f`` on bundles, and what is noted on the way."""
        raise NotImplementedError

    def avals(self, aval: Any, form: Form) -> Sequence[Any]:
        """The avals of the parts of a bundle for a value of this aval."""
        raise self.lacks("avals(aval, form)", "what the parts of a bundle look like")

    def join(self, a: Form, b: Form) -> Form:
        """The least form that bundles of both can be coerced to."""
        return b if a is None else a

    def coerced(self, bundle: Bundle, form: Form) -> Bundle:
        """The same in a higher form; a part may be a symbolic `Zero`."""
        raise self.lacks("coerced(bundle, form)", "how a bundle is written in a higher form")

    def lacks(self, method: str, says: str) -> NotImplementedError:
        """The error for a method that is needed and not there."""
        return NotImplementedError(f"the interpreter {type(self).__name__} has no method {method}, which says {says}.")

    def aligned(self, bundle: Bundle) -> Bundle:
        """The same as loops and choices have it, where there are several ways to have it."""
        return bundle

    def valued(self, bundle: Bundle) -> Bundle:
        """What decides a choice or a loop: the value itself if it is there."""
        return Bundle(bundle.parts[:1]) if self.keeps_value else bundle

    def column(self, bundle: Bundle) -> Bundle:
        """The values of all steps of a loop as columns of parts, and the form that each step gets."""
        return self.aligned(bundle)

    def stacked(self, column: Bundle) -> Bundle:
        """What columns of parts stand for, which are given with the form of each step."""
        return column

    def undecided(self, primitive: Any, bundles: Sequence[Bundle], params: dict[str, Any]) -> list[Bundle]:
        """The results of a choice or a loop where the value that decides it is not plain."""
        raise NotImplementedError

    def ruled(
        self, primitive: Any, bundles: Sequence[Bundle], params: dict[str, Any], f: Callable[..., Sequence[Any]]
    ) -> list[Bundle]:
        """The results of a call of ``f`` that has rules of the user's; by default the rules do not matter."""
        outs, notes = self.run(f, bundles)
        self.take(notes)
        return outs

    def initial(self, avals: Sequence[Any]) -> list[Any]:
        """A note of values of these avals before anything is noted."""
        raise NotImplementedError

    def merged(self, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        """The note of all steps of a loop, from that of the steps before and that of the last one."""
        raise NotImplementedError

    def take(self, notes: Sequence[Note]) -> None:
        """Get what was noted when a program has been run."""

    # --- programs ---

    def program(
        self,
        jaxpr: Jaxpr,
        forms: Sequence[Form],
        needed: Sequence[Form] | None = None,
        ins: tuple[int, ...] = (),
        outs: tuple[int, ...] = (),
    ) -> Interpreted:
        """The program on bundles of these forms; cached on the program.

        With ``needed`` its outputs are aligned, and the first of them of these forms at least.  ``ins`` and ``outs`` divide the
        inputs and the outputs into sections.
        """
        forms, needed = tuple(forms), None if needed is None else tuple(needed)
        make = partial(self._program, jaxpr, forms, needed, ins, outs)
        return jaxpr.once(("interpreted", self.key, forms, needed, ins, outs), make)

    def _program(self, jaxpr: Jaxpr, forms: Any, needed: Any, ins: tuple[int, ...], outs: tuple[int, ...]) -> Interpreted:
        inputs = [Bundle(tuple(self.avals(a, f)), f) for a, f in zip(jaxpr.in_avals, forms, strict=True)]
        in_places = places(inputs, ins)

        def outputs(*args: Any) -> tuple[list[Any], Any]:
            results, notes = self.run(partial(eval_jaxpr, jaxpr), bundled(args, forms, in_places))
            if needed is not None:
                results = [self.raised(self.aligned(b), f) for b, f in zip_longest(results, needed)]
            found = tuple(b.form for b in results), places(results, outs), [(avals_of(values), m) for values, m in notes]
            return [*flat(results, outs), *(x for values, _ in notes for x in values)], found

        program, found = closed_program(outputs, flat(inputs, ins))
        return Interpreted(program, *found)

    def raised(self, bundle: Bundle, form: Form) -> Bundle:
        """The same in a form that is at least this one."""
        wanted = self.join(bundle.form, form)
        return bundle if wanted == bundle.form else self.coerced(bundle, wanted)

    def results(self, program: Interpreted, values: Sequence[Any]) -> list[Bundle]:
        """The outputs of a program, of which it gave these values; what it noted is taken."""
        if len(values) == len(program.forms):  # of one part each, and without notes
            return [*map(Bundle, zip(values), program.forms)]
        if program.notes:
            noted = program.noted(values[program.n_out :])
            self.take([Note(v, meaning) for v, (_, meaning) in zip(noted, program.notes, strict=True)])
        return bundled(values, program.forms, program.places)

    def condition(self, jaxpr: Jaxpr, forms: Sequence[Form], num_consts: int) -> Interpreted:
        """The condition of a loop on bundles of these forms, the consts apart."""
        if not self.keeps_value:
            return self.program(jaxpr, forms, (), (num_consts,))
        others = [a for aval, f in zip(jaxpr.in_avals, forms, strict=True) for a in self.avals(aval, f)[1:]]
        return Interpreted(rearranged(jaxpr, [*range(len(jaxpr.in_vars)), *others]), (None,), ((0,),))

    def choices(self, jaxprs: Sequence[Jaxpr], forms: Sequence[Form]) -> list[Interpreted]:
        """Programs of which one is to be run, with outputs of the same forms, and each with the notes of all."""
        found = [self.program(j, forms, ()).forms for j in jaxprs]
        needed = [reduce(self.join, each) for each in zip(*found, strict=True)]
        programs = [self.program(j, forms, needed) for j in jaxprs]
        return self._with_all_notes(programs) if any(p.notes for p in programs) else programs

    def _with_all_notes(self, programs: list[Interpreted]) -> list[Interpreted]:
        notes = [note for p in programs for note in p.notes]

        def padded(k: int) -> Interpreted:
            def outputs(*args: Any) -> list[Any]:
                outs, own = cut(eval_jaxpr(programs[k].jaxpr, *args), programs[k].n_out)
                return [*outs, *(x for j, p in enumerate(programs) for x in (own if j == k else self.blank(p)))]

            return programs[k]._replace(jaxpr=staged(outputs, programs[k].jaxpr.in_avals), notes=notes)

        first, *others = (p.jaxpr for p in programs)
        return first.once_with(others, "with all notes", lambda: [padded(k) for k in range(len(programs))])

    def blank(self, program: Interpreted) -> list[Any]:
        """The values of the notes of a program that has not been run."""
        return [x for avals, _ in program.notes for x in self.initial(avals)]

    def step(
        self, jaxpr: Jaxpr, forms: Sequence[Form], num_consts: int, num_carry: int, carries_notes: bool = True
    ) -> tuple[Interpreted, list[Form]]:
        """A step ``(*consts, *carry, *x) -> (*carry, *y)`` that keeps the forms of its carries, which are at least those given.

        What is noted is carried too, after the carries, unless it is to come out of each step.  The second result are the forms
        of the inputs.
        """

        def derive(forms: Sequence[Form], needed: Sequence[Form]) -> tuple[Interpreted, Sequence[Form]]:
            program = self.program(jaxpr, forms, needed, (num_consts, num_carry), (num_carry,))
            return program, program.forms

        program, marks, _ = grow(slice(num_consts, num_consts + num_carry), forms, derive, self.join)
        if not (program.notes and carries_notes):
            return program, marks
        n_parts = [len(self.avals(a, f)) for a, f in zip(jaxpr.in_avals, marks, strict=True)]
        n_consts, n_carry = sum(n_parts[:num_consts]), sum(map(len, program.places[:num_carry]))
        carrying = program.jaxpr.once("carrying notes", lambda: self._carrying(program, n_consts, n_carry))
        return program._replace(jaxpr=carrying), marks

    def _carrying(self, program: Interpreted, n_consts: int, n_carry: int) -> Jaxpr:
        note_avals = program.note_avals

        def step(*args: Any) -> list[Any]:
            consts, carry, before, xs = cut(args, n_consts, n_carry, len(note_avals))
            carry_out, ys, now = cut(eval_jaxpr(program.jaxpr, *consts, *carry, *xs), n_carry, program.n_out - n_carry)
            pairs = zip(program.noted(before), program.noted(now), strict=True)
            return [*carry_out, *(x for old, new in pairs for x in self.merged(old, new)), *ys]

        consts, carry, xs = cut(program.jaxpr.in_avals, n_consts, n_carry)
        return staged(step, [*consts, *carry, *note_avals, *xs])


class Tangents(Interpretation):
    """Forward mode: a value, and its tangent where that is not zero."""

    key = "jvp"

    def run(self, f: Callable[..., Sequence[Any]], bundles: Sequence[Bundle]) -> tuple[list[Bundle], Sequence[Note]]:
        outs, tangents = jvp(f, [b.parts[0] for b in bundles], [tangent_of(b) for b in bundles], of_program=True)
        return [with_tangent(*pair) for pair in zip(outs, tangents, strict=True)], ()

    def avals(self, aval: Any, form: Form) -> Sequence[Any]:
        return (aval,) if form is None else (aval, aval.tangent())

    def coerced(self, bundle: Bundle, form: Form) -> Bundle:
        return Bundle((bundle.parts[0], typeof(bundle.parts[0]).zero), TANGENT)


TANGENT = "tangent"
TANGENTS = Tangents()


def with_tangent(primal: Any, tangent: Any) -> Bundle:
    """The bundle of a value and its tangent, which may be a symbolic `Zero`."""
    return Bundle((primal,)) if type(tangent) is Zero else Bundle((primal, tangent), TANGENT)


def tangent_of(bundle: Bundle) -> Any:
    """The tangent in a bundle, or a symbolic `Zero`."""
    return typeof(bundle.parts[0]).zero if bundle.form is None else bundle.parts[1]


def present_tangents(jaxpr: Jaxpr, nonzero: Sequence[bool]) -> list[bool]:
    """Which outputs of a program have a tangent if the marked inputs do."""
    program = TANGENTS.program(jaxpr, marked(nonzero, TANGENT))
    return [f is not None for f in program.forms]


def marked(marks: Sequence[bool], form: Form) -> list[Form]:
    """This form at the marked places, and that of values as they are at the others."""
    return [form if m else None for m in marks]
