"""Taylor series: what a function makes of ``x(t) = x_0 + x_1 t + … + x_n t^n``, to the same order.

Of a linear function coefficient by coefficient, of a bilinear one by Cauchy products.  Everything else follows from the JVP
rules: of ``y = f(x)`` the derivative by t is ``y' = df(x) x'``, so that coefficient k of y is coefficient k - 1 of the tangent,
divided by k.  The rule is run on series that are one order shorter, and what it computes anew of them is looked up.

A series of order n is a bundle of n + 1 coefficients, the first of which is the value; its form is n.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from covector.extend import Bundle, Interpreter, Program, Zero, typeof


def jet(f, primals, series):
    """The coefficients of ``f`` along curves with these beginnings ``x_0`` and these coefficients ``[x_1, …, x_n]``.

    >>> [float(c) for c in jet(np.exp, [0.0], [[1.0, 0.0, 0.0]])]
    [1.0, 1.0, 0.5, 0.16666666666666666]
    """
    (out,) = Jets()(lambda *xs: [f(*xs)], *(Bundle((x, *coefs), len(coefs)) for x, coefs in zip(primals, series, strict=True)))
    return Jets().coerced(out, len(series[0])).parts


def taylor(f, x, direction, order):
    """The coefficients of ``t -> f(x + t * direction)``."""
    return jet(f, [x], [[direction, *[np.zeros_like(direction)] * (order - 1)]])


class Jets(Interpreter):
    """``known`` is what has been computed, by primitive and coefficients of the arguments."""

    name = "jet"
    follows_rules = True

    def __init__(self):
        self.known = {}

    def join(self, a, b):
        return b if a is None else a if b is None else min(a, b)

    def avals(self, aval, form):
        return (aval, *[aval.tangent()] * (form or 0))

    def coerced(self, bundle, form):
        missing = 0 if bundle.form is not None else form
        return Bundle((*bundle.parts, *[typeof(bundle.parts[0]).tangent().zeros()] * missing)[: form + 1], form)

    def apply(self, primitive, bundles, params):
        order = min(b.form for b in bundles if b.form is not None)
        outs = self.series(primitive, [b if b.form is None else self.coerced(b, order) for b in bundles], params, order)
        return outs if primitive.multiple_results else outs[0]

    def series(self, primitive, bundles, params, order):
        """The outputs of a primitive, from the coefficients of the arguments to an order."""
        args = [b if b.form is None else self.coerced(b, order) for b in bundles]
        key = (primitive, *(id(p) for p in params.values()), *(id(p) for b in args for p in b.parts))
        if key not in self.known:  # what is known is kept with its arguments, so that nothing else has their identities
            self.known[key] = self.computed(primitive, args, params, order), args, params
        return self.known[key][0]

    def computed(self, primitive, args, params, order):
        if order == 0:
            outs = listed(primitive.bind(*(b.parts[0] for b in args), **params))
            return [Bundle((o,), 0 if moves(o) else None) for o in outs]
        before = self.series(primitive, args, params, order - 1)
        pairs = zip(before, self.coefficients(primitive, args, params, order), strict=True)
        return [b if b.form is None else Bundle(b.parts) if c is None else Bundle((*b.parts, c), order) for b, c in pairs]

    def coefficients(self, primitive, args, params, k):
        """Coefficient k of each output, or None where there is none but the first."""
        linear = lambda mask: not isinstance(primitive.kind, Program) and primitive.is_linear_in(tuple(mask), params)
        moving, every = [b.form is not None for b in args], [moves(b.parts[0]) for b in args]
        both = [i for i, m in enumerate(moving) if m]
        for mask in (moving, every):
            if linear(mask):
                parts = [self.coerced(b, k).parts[k] if m else b.parts[0] for b, m in zip(args, mask, strict=True)]
                return listed(primitive.bind(*parts, **params))
        if len(both) == 2 and all(linear(i == j for i in range(len(args))) for j in both):
            first, second = both
            number = lambda i, j: j if i == first else k - j if i == second else 0
            products = ([b.parts[number(i, j)] for i, b in enumerate(args)] for j in range(k + 1))
            return [reduce(np.add, [primitive.bind(*parts, **params) for parts in products])]
        return self.by_rule(primitive, args, params, k)

    def by_rule(self, primitive, args, params, k):
        slopes = [self.slope(b) for b in args if b.form is not None]

        def tangents(*values):
            xs, ts = values[: len(args)], iter(values[len(args) :])
            given = [typeof(x).zero if b.form is None else next(ts) for x, b in zip(xs, args, strict=True)]
            found = listed(primitive.jvp(xs, given, **params)[1])
            present.extend(type(t) is not Zero for t in found)
            return [t if m else 0.0 for t, m in zip(found, present, strict=True)]

        present = []
        found = self(tangents, *(b if b.form is None else self.coerced(b, k - 1) for b in args), *slopes)
        return [self.coerced(t, k - 1).parts[-1] / k if m else None for t, m in zip(found, present, strict=True)]

    def slope(self, bundle):
        """The derivative of a series by t, with the same objects at each call."""
        times = lambda k: self.known.setdefault((id(bundle.parts[k]), k), (k * bundle.parts[k], bundle))[0]
        return Bundle(tuple(times(k) for k in range(1, bundle.form + 1)), bundle.form - 1)


def moves(x):
    """Whether a value may change along a curve: integers do not."""
    return typeof(x).tangent() == typeof(x)


def listed(out):
    return out if isinstance(out, list) else [out]
