"""Interval bounds: where the argument lies between bounds so does the result, up to rounding.

A value is bundled with nothing but its bounds, two values of its type.  What grows or falls with each argument has its bounds
at those of the arguments; products and waves have rules of their own, and sums of products go by midpoints and radii.  A choice
that is left open is the hull of its branches, and a loop that is ends with the hull of all states in which it may end.
"""

from functools import partial, reduce

import numpy as np

from covector import lax
from covector.extend import Bilinear, Bundle, Interpreter, LinearReduction, Primitive, Structural, derives, eval_jaxpr, typeof

BETWEEN = "between"


def bounds(f, low, high):
    """Bounds of ``f`` of one array that lies between two.

    >>> [float(b) for b in bounds(lambda x: x * (x - 1), 0.0, 1.0)]
    [-1.0, 0.0]
    """
    (out,) = Bounds()(lambda x: [f(x)], Bundle((low, high), BETWEEN))
    return Bounds().raised(out, BETWEEN).parts


class Bounds(Interpreter):
    name = "bounds"
    keeps_value = False

    def avals(self, aval, form):
        return (aval,) if form is None else (aval, aval)

    def coerced(self, bundle, form):
        return Bundle((*bundle.parts, *bundle.parts), form)

    def concrete(self, bundle):  # Python may have what can only be one value
        low, high = (getattr(x, "concrete", lambda x=x: x)() for x in bundle.parts)
        return None if low is None or high is None or np.any(low != high) else low

    def undecided(self, primitive, bundles, params):
        return (self.any_branch if primitive.name == "cond" else self.any_number_of_steps)(*bundles, **params)

    def any_branch(self, index, *operands, branches):
        may_be = lambda k: np.logical_and(index.parts[0] <= k, k <= index.parts[1])
        results = [[where_possible(may_be(k), r) for r in self.between(b, operands)] for k, b in enumerate(branches)]
        return [Bundle(reduce(hull, column), BETWEEN) for column in zip(*results, strict=True)]

    def any_number_of_steps(self, *bundles, cond, body, num_cond, num_body, ticks):
        given, consts = bundles[:num_cond], bundles[num_cond:][:num_body]
        carry = [self.raised(b, BETWEEN).parts for b in bundles[num_cond + num_body :]]
        goes_on = lambda carry: self.between(cond, [*given, *(Bundle(parts, BETWEEN) for parts in carry)])[0]

        def step(state):
            carry, ends = state
            may_end = np.logical_not(goes_on(carry)[0])
            ends = [hull(end, where_possible(may_end, parts)) for end, parts in zip(ends, carry, strict=True)]
            return self.between(body, [*consts, *(Bundle(parts, BETWEEN) for parts in carry)]), ends

        ends = [where_possible(np.False_, c) for c in carry]
        ways = lax.while_loop(lambda state: goes_on(state[0])[1], step, (carry, ends))
        return [Bundle(hull(*parts), BETWEEN) for parts in zip(*ways, strict=True)]

    def between(self, jaxpr, bundles):
        return [self.raised(o, BETWEEN).parts for o in self(partial(eval_jaxpr, jaxpr), *bundles)]


def hull(a, b):
    return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])


def of_values(values):
    return Bundle((reduce(np.minimum, values), reduce(np.maximum, values)), BETWEEN)


def where_possible(possible, parts):
    dtype = typeof(parts[0]).dtype  # of nothing the bounds are the wrong way round
    least, most = {"f": (-np.inf, np.inf), "b": (False, True)}.get(dtype.kind) or (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.where(possible, parts[0], dtype.type(most)), np.where(possible, parts[1], dtype.type(least))


def monotone(p, signs, how, *bundles, **params):
    """Of what grows (+) or falls (-) with each argument, where the last sign stands for all that follow."""
    if any(b.form and i not in (getattr(p.kind, "positions", ()) or range(i + 1)) for i, b in enumerate(bundles)):
        raise NotImplementedError(f"the bounds of {p} are not known for indices between bounds")
    falls = [signs[min(i, len(signs) - 1)] == "-" for i in range(len(bundles))]
    at = lambda k: p.bind(*(b.parts[~k if f else k] for b, f in zip(bundles, falls, strict=True)), **params)
    return Bundle((at(0), at(-1)), BETWEEN)


derives("bounds", Structural, LinearReduction)(lambda p, kind: partial(monotone, p, "+"))
MONOTONE = {
    "+": """exp exp2 expm1 log log2 log10 log1p sqrt cbrt arcsin arctan sinh tanh arcsinh arccosh arctanh sign floor ceil rint
        clip convert weaken stop_gradient add maximum minimum logaddexp logical_and logical_or reduce_and reduce_or reduce_max
        reduce_min logsumexp sort cumsum cummax cummin embed add_slice spread scatter_add""",
    **{"-": "neg arccos logical_not", "+-": "sub greater greater_equal", "-+": "less less_equal"},
}
for p, signs in [(Primitive.registry[name], signs) for signs, names in MONOTONE.items() for name in names.split()]:
    p.def_rule("bounds", partial(monotone, p, signs))

rule = lambda *names: lambda f: [Primitive.registry[n].def_rule("bounds", partial(f, Primitive.registry[n])) for n in names]


@rule("square", "abs", "fabs", "cosh", "pow")
def valley(p, how, x, *exponent):
    """What has its least value at 0 or grows: at both ends, and at what is nearest to 0."""
    if any(n.form or not isinstance(n.parts[0], (int, np.integer)) or n.parts[0] < 0 for n in exponent):
        raise NotImplementedError("the bounds of powers are known for exponents that are natural numbers")
    nearest = np.minimum(np.maximum(x.parts[0], 0), x.parts[-1])
    return of_values([p.bind(v, *(n.parts[0] for n in exponent)) for v in (*x.parts, nearest)])


@rule("mul", "sumprod")
def products(p, how, *xs):
    square = Primitive.registry["square"].rule("bounds")
    times = lambda x, y: square(how, x) if x is y else of_values([a * b for a in x.parts for b in y.parts])
    lows, highs = zip(*(times(x, y).parts for x, y in zip(xs[::2], xs[1::2], strict=True)), strict=True)
    return Bundle((sum(lows), sum(highs)), BETWEEN)


@rule("div")
def quotient(p, how, x, y):
    has_zero = np.logical_and(y.parts[0] <= 0, y.parts[-1] >= 0)
    low, high = of_values([a / np.where(has_zero, 1.0, b) for a in x.parts for b in y.parts]).parts
    return Bundle((np.where(has_zero, -np.inf, low), np.where(has_zero, np.inf, high)), BETWEEN)


@rule("sin", "cos")
def wave(p, how, x):
    low, high = of_values([*map(p.bind, x.parts)]).parts
    reaches = lambda place: np.ceil((x.parts[0] - place) / (2 * np.pi)) * 2 * np.pi + place <= x.parts[1]
    top = np.pi / 2 if p.name == "sin" else 0.0
    return Bundle((np.where(reaches(top - np.pi), -1.0, low), np.where(reaches(top), 1.0, high)), BETWEEN)


@rule("select", "keep")
def chosen(p, how, condition, x, *others):
    ways = zip((condition.parts[-1], np.logical_not(condition.parts[0])), (x, *others, Bundle((0.0,))), strict=False)
    return Bundle(hull(*(where_possible(may_be, how.raised(b, BETWEEN).parts) for may_be, b in ways)), BETWEEN)


def of_products(p, how, *bundles, **params):
    middles = [(b.parts[0] + b.parts[-1]) / 2 for b in bundles]
    sizes = [abs(m) + (b.parts[-1] - b.parts[0]) / 2 for m, b in zip(middles, bundles, strict=True)]
    middle, radius = p.bind(*middles, **params), p.bind(*sizes, **params) - p.bind(*map(np.abs, middles), **params)
    return Bundle((middle - radius, middle + radius), BETWEEN)


derives("bounds", Bilinear)(lambda p, kind: partial(of_products, p))
