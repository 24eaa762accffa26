"""Kinds: what a primitive is, as data, so that every interpreter can derive its own rule from it.

>>> import numpy as np
>>> from covector.core.primitive import Primitive
>>> halved_p = Primitive("halved", Elementwise(lambda x: x / 2, lambda out, x: 0.5))
>>> halved_p.kind.derivatives[0](None, 7.0)
0.5

A kind computes nothing by itself.  What ``jvp`` or ``vmap`` make of it is a derivation, ``@derives("jvp", Elementwise)``, and
an interpreter in any other file derives its rules in the same way; a rule that is registered on the primitive itself wins.

A kind of one's own is a subclass: what is not derived for it is derived as for its bases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core.errors import ArgumentError

Rule = Callable[..., Any]
Linearity = Callable[[tuple[bool, ...], dict[str, Any]], Any]


def checked_kind(kind: Any) -> Kind:
    """The kind that a primitive is given, or that of which nothing is known."""
    if kind is None or isinstance(kind, Kind):
        return kind or Kind()
    what = f"a primitive got {kind!r} of type {type(kind).__name__} for its kind."
    raise ArgumentError(what, fix='make one of functions: Primitive("name", covector.extend.Linear(fn, transpose))')


def checked_linearity(linear: Any) -> Linearity | None:
    """Which arguments a transpose rule is registered for; None where it is not said."""
    if linear is None or callable(linear):
        return linear  # type: ignore[no-any-return]
    what = f"def_transpose got {linear!r} of type {type(linear).__name__} for linear."
    raise ArgumentError(what, fix="say in which arguments it is linear: covector.jointly(0), or covector.one_of(0, 1)")


def check_functions(kind: Kind, *functions: Any) -> None:
    """Refuse what is no function where a kind takes one, before it is called."""
    for f in functions:
        if f is not None and not callable(f):
            what = f"the kind {type(kind).__name__} got {f!r} of type {type(f).__name__}, where a function is needed."
            raise ArgumentError(what, fix="give a function of arrays by position and parameters by keyword")


class Kind:
    """A primitive of which nothing is known but the rules that are registered on it."""

    linear: Linearity | None = None
    """Which arguments may be linear, as made by `jointly` or `one_of`."""

    fn: Rule | None = None
    """What it computes on NumPy arrays: ``fn(*args, **params)``."""

    keeps_weak: bool = False
    """Whether the result for Python scalars is a Python scalar (as for the arithmetic operators)."""


class Elementwise(Kind):
    """A function of elements that broadcasts and promotes as ufuncs do.

    Args:
        fn: what it computes, which broadcasts and promotes.
        derivatives: for each argument its partial derivative ``lambda out, *args, **params: ...``, written in terms of the
            output and the arguments with NumPy functions; None where it is zero.  No derivatives at all: they
            are in a JVP rule of the primitive.
        exact: the derivatives are known to come in the dtype of the output, so need no cast, and there are no parameters.
        keeps_weak: it gives a Python number for Python numbers.
        like: a function (a ufunc, which need not be run) whose results have the same dtypes; by default ``fn``.
    """

    derivatives: tuple[Rule | None, ...] = ()

    def __init__(
        self,
        fn: Rule,
        *derivatives: Rule | None,
        exact: bool = False,
        keeps_weak: bool = False,
        like: Rule | None = None,
    ):
        check_functions(self, fn, *derivatives)
        self.fn = fn
        self.derivatives = derivatives
        self.exact = exact
        self.keeps_weak = keeps_weak
        self.like = like


class Step(Elementwise):
    """An elementwise function that is constant between its jumps: every derivative is zero."""


class Linear(Kind):
    """A function that is linear in one of its arguments, or in several together.

    Args:
        fn: ``fn(*args, **params)`` on NumPy arrays.
        transpose: ``transpose(cotangent, *args, **params)`` is the cotangent of the linear argument, of which only the aval is
            given.  If there are several: a tuple of cotangents; or a tuple of rules, one for each linear argument, in the order
            of ``positions``, of which those that are needed run.  None: the primitive has a transpose rule.
        positions: which arguments are linear; none stands for all.
        alone: for each of two linear arguments ``(tangent, *args, **params) -> tangent of the result`` where the other has no
            tangent; by default that is an array of zeros.
        abstract: the abstract rule; by default the aval of ``fn`` on arrays of ones.
        batch: the batching rule; by default one call for each example.
    """

    def __init__(
        self,
        fn: Rule | None = None,
        transpose: Rule | tuple[Rule, ...] | None = None,
        *,
        positions: tuple[int, ...] = (0,),
        alone: tuple[Rule, ...] = (),
        abstract: Rule | None = None,
        batch: Rule | None = None,
    ):
        check_functions(self, fn, abstract, batch, *(transpose if type(transpose) is tuple else [transpose]))
        self.fn = fn
        self.transpose = transpose
        self.positions = positions
        self.alone = alone
        self.abstract = abstract
        self.batch = batch
        self.linear = jointly(*positions)


class Structural(Linear):
    """A linear function that only moves elements, repeats them, leaves some out, and brings in zeros.

    The primitive's ``impl`` does so for elements of any dtype: applied to an array of the numbers of elements, counted from 1,
    it says which one is where, and 0 where there is none.
    """


class ElementwiseLinear(Linear, Elementwise):
    """An elementwise function that is linear in some arguments; their cotangents are of the shape and dtype of the result.

    Args:
        like, keeps_weak: as for `Elementwise`; the others as for `Linear`.
    """

    def __init__(
        self,
        fn: Rule | None = None,
        transpose: Rule | tuple[Rule, ...] | None = None,
        *,
        keeps_weak: bool = False,
        like: Rule | None = None,
        **options: Any,
    ):
        Linear.__init__(self, fn, transpose, **options)
        self.keeps_weak = keeps_weak
        self.like = like


class Bilinear(Kind):
    """A function of two arguments that is linear in each.

    Args:
        fn: ``fn(x, y, **params)`` on NumPy arrays.
        transposes: ``(cotangent, x_aval, y, **params) -> cotangent of x``, and ``(cotangent, x, y_aval, **params) -> that of
            y``.  None at all: the primitive has a transpose rule.
        abstract, batch: as for `Linear`.
    """

    def __init__(self, fn: Rule, *transposes: Rule, abstract: Rule | None = None, batch: Rule | None = None):
        check_functions(self, fn, abstract, batch, *transposes)
        self.fn = fn
        self.transposes = transposes
        self.abstract = abstract
        self.batch = batch
        self.linear = one_of(0, 1)


class ElementwiseBilinear(Bilinear, Elementwise):
    """An elementwise function of two arguments that is linear in each."""

    def __init__(self, fn: Rule, *, keeps_weak: bool = False, like: Rule | None = None):
        Bilinear.__init__(self, fn)
        self.keeps_weak = keeps_weak
        self.like = like


class Contraction(Bilinear):
    """Sums of products of elements of two arguments, or sums of elements of one."""


class OverAxes(Kind):
    """A function of one array over one or some of its axes, which parameters name; the other axes enumerate examples.

    Args:
        fn: ``fn(x, **params)`` on NumPy arrays.
        jvp: ``jvp(out, x, tangent, **params)`` is the tangent of the output, in NumPy functions.  None: it is zero, or in
            a JVP rule of the primitive.
        dtype: ``dtype(that of x)`` is the dtype of the result; by default it is the same.
    """

    def __init__(self, fn: Rule, jvp: Rule | None = None, *, dtype: Rule | None = None):
        check_functions(self, fn, jvp, dtype)
        self.fn = fn
        self.jvp = jvp
        self.dtype = dtype


class Reduction(OverAxes):
    """A function that removes the axes in its parameter ``axes``, a tuple of non-negative integers."""


class LinearReduction(Linear, Reduction):
    """A reduction that is linear."""

    dtype = None


class AlongAxis(OverAxes):
    """A function along the axis in its parameter ``axis``, not negative, that keeps the shape."""


class Opaque(Kind):
    """A function of which nothing is known but what it computes, and its rules."""

    def __init__(self, fn: Rule | None = None):
        self.fn = fn


class Discrete(Opaque):
    """A function of integers, or constant between its jumps: every derivative is zero."""


class Factorization(Kind):
    """A function of a stack of matrices, in the last two axes, of which each result is made of the whole matrix.

    Args:
        fn: ``fn(a, **params)`` on NumPy arrays.
        jvp: ``jvp(a, tangent, **params)`` is the result, which it may need more of than is asked for, and its tangent.
        abstract: the abstract rule.
    """

    def __init__(self, fn: Rule, jvp: Rule, abstract: Rule):
        check_functions(self, fn, jvp, abstract)
        self.fn = fn
        self.jvp = jvp
        self.abstract = abstract


class Program(Kind):
    """A primitive that runs programs among its parameters.

    Its rule ``interpret`` says how values thread through them, whatever the interpreter; see `covector.interpreters.interpret`.
    """


class Effect(Kind):
    """A primitive that is applied for what it does, besides or instead of computing results."""


# --- which arguments a primitive is linear in -------------------------------------------------------------------------


def jointly(*positions: int) -> Linearity:
    """Linear in all the arguments at ``positions`` together (default: all arguments), and in no proper subset of them.

    ``add`` is: ``x + y`` is linear in (x, y), but for a known y merely affine in x.
    """
    linear = jointly_in(lambda count, params: positions or range(count))
    linear.ignores_params = True  # type: ignore[attr-defined]
    return linear


def jointly_in(wanted: Callable[[int, dict[str, Any]], Sequence[int]]) -> Linearity:
    """The same for the positions ``wanted(number of arguments, params)``."""

    def linear(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
        positions = wanted(len(mask), params)
        return all(m == (i in positions) for i, m in enumerate(mask))

    def completed(mask: tuple[bool, ...], zero: tuple[bool, ...], params: dict[str, Any]) -> tuple[bool, ...]:
        positions = wanted(len(mask), params)
        return tuple(m or (z and i in positions) for i, (m, z) in enumerate(zip(mask, zero, strict=True)))

    linear.completed = completed  # type: ignore[attr-defined]
    return linear


def one_of(*positions: int) -> Linearity:
    """Linear in any one of the arguments at ``positions`` (default: any argument), given the others: ``mul`` is."""

    def linear(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
        marked = [i for i, m in enumerate(mask) if m]
        return len(marked) == 1 and (not positions or marked[0] in positions)

    linear.ignores_params = True  # type: ignore[attr-defined]
    return linear
