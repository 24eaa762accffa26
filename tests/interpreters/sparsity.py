"""Sparsity: which elements of a result depend on which elements of the argument, so where the Jacobian may not be zero.

A value is bundled with a batch of marks, one array of its shape for each element of the argument: not zero where it depends on
that.  An elementwise function depends on what its arguments do.  A linear one is applied to the marks themselves, weighted so
that nothing cancels; a bilinear one to those of either argument, beside the other or beside ones.  Of what is left each element
depends on all that its arguments do.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from covector import extend
from covector.extend import Bundle, Interpreter, derives, typeof

MARKED = "marked"


def jacobian_pattern(f, x):
    """For ``f`` of one array the booleans, of the shape of its Jacobian, where this may not be zero.

    >>> jacobian_pattern(lambda x: x[1:] * x[:-1], np.ones(3))
    array([[ True,  True, False],
           [False,  True,  True]])
    """
    n = np.size(x)
    how = Dependence(n)
    (out,) = how(lambda x: [f(x)], Bundle((x, np.reshape(np.eye(n), (n, *np.shape(x)))), MARKED))
    value, marks = how.raised(out, MARKED).parts
    return np.reshape(np.moveaxis(marks, 0, -1), (*np.shape(value), *np.shape(x))) != 0


class Dependence(Interpreter):
    """``size`` is the number of elements of the argument."""

    name = "sparsity"

    def __init__(self, size):
        self.size = size

    @property
    def key(self):
        return self.name, self.size

    def avals(self, aval, form):
        return (aval,) if form is None else (aval, aval.batched(self.size, 0))

    def coerced(self, bundle, form):
        return Bundle((*bundle.parts, typeof(bundle.parts[0]).batched(self.size, 0).zeros()), form)

    def column(self, bundle):
        return self.moved(bundle, 0, 1)

    def stacked(self, column):
        return self.moved(column, 1, 0)

    def moved(self, bundle, source, destination):
        """The marks of a column are in front of those of each step; in a stack of unknown length that is one axis for both."""
        if bundle.form is None or not is_array(bundle.parts[0]):
            return bundle
        return Bundle((bundle.parts[0], np.moveaxis(bundle.parts[1], source, destination)), MARKED)


def rule_of(marks_of):
    """A derivation of rules from ``marks_of(how, primitive, values, marks, params)``: the marks of each result."""

    def derivation(primitive, kind):
        def rule(how, *bundles, **params):
            values, marks = [b.parts[0] for b in bundles], [b.parts[1] if b.form else None for b in bundles]
            outs = primitive.bind(*values, **params)

            def bundle(out):
                aval = typeof(out)
                if aval != aval.tangent():  # an integer
                    return Bundle((out,))
                return Bundle((out, any_of(marks_of(how, primitive, values, marks, params), how.size, aval)), MARKED)

            return [*map(bundle, outs)] if primitive.multiple_results else bundle(outs)

        return rule

    return derivation


derives("sparsity", extend.Step)(lambda p, kind: lambda how, *bs, **kw: Bundle((p.bind(*(b.parts[0] for b in bs), **kw),)))


@derives("sparsity", extend.Kind)
@rule_of
def of_anything(how, primitive, values, marks, params):
    return all_of(marks)


@derives("sparsity", extend.Elementwise, extend.ElementwiseLinear)
@rule_of
def of_elementwise(how, primitive, values, marks, params):
    matters = [d is not None for d in primitive.kind.derivatives] or [True] * len(values)
    return [m for m, counts in zip(marks, matters, strict=True) if counts and m is not None]


@derives("sparsity", extend.Reduction)
@rule_of
def of_reduction(how, primitive, values, marks, params):
    return [np.any(marks[0] != 0, axis=tuple(axis + 1 for axis in params["axes"]))]


@derives("sparsity", extend.Linear)
@rule_of
def of_linear(how, primitive, values, marks, params):
    positions = primitive.kind.positions or range(len(values))
    if any(m is not None and i not in positions for i, m in enumerate(marks)):
        return all_of(marks)
    return [applied(how, primitive, [typeof(x).zeros() if i in positions else x for i, x in enumerate(values)], marks, params)]


@derives("sparsity", extend.Bilinear)
@rule_of
def of_bilinear(how, primitive, values, marks, params):
    others = [x if m is None else np.ones_like(x) for x, m in zip(values, marks, strict=True)]
    alone = lambda i: [m if j == i else None for j, m in enumerate(marks)]
    return [applied(how, primitive, others, alone(i), params) for i, m in enumerate(marks) if m is not None]


def all_of(marks):
    """For each argument whether any of its elements has marks."""
    return [np.any(m != 0, axis=tuple(range(1, np.ndim(m)))) for m in marks if m is not None]


def applied(how, primitive, values, marks, params):
    """Where a function of values, or of weighted marks in their place, is not zero."""
    weights = np.random.default_rng(0)
    weigh = lambda m: m * weights.uniform(1, 2, np.shape(m)) if is_array(m) else m
    args = [x if m is None else weigh(m) for x, m in zip(values, marks, strict=True)]
    out, axis = primitive.batch(how.size, args, [None if m is None else 0 for m in marks], **params)
    return np.moveaxis(out, axis, 0) if is_array(out) else out


def any_of(marks, size, aval):
    """Marks where one of several has some, broadcast to those of a result."""
    if not hasattr(aval, "shape"):
        return reduce(aval.batched(size, 0).add, marks)
    fitted = [np.reshape(m, (size, *[1] * (len(aval.shape) + 1 - np.ndim(m)), *np.shape(m)[1:])) for m in marks]
    found = reduce(np.logical_or, [m != 0 for m in fitted], np.False_)
    return np.broadcast_to(found, (size, *aval.shape)).astype(aval.dtype)


def is_array(x):
    return hasattr(typeof(x), "shape")
