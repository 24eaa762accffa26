"""What tracing costs: no reference cycles, no traces that double with the depth, nothing quadratic, deep nesting."""

import gc
import itertools
import time

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.lax import carries

# --- nothing is left to the cycle collector ---


def backwards(f):
    g = cv.custom_vjp(lambda x: f(x))
    g.defvjp(lambda x: (f(x), x), lambda x, ct: (cv.vjp(f, x)[1](ct)[0],))
    return g


def forwards(f):
    g = cv.custom_jvp(lambda x: f(x))
    g.defjvp(lambda p, t: cv.jvp(f, p, t))
    return g


def step(c, u):
    return np.sin(c) * u, c * u


def less(s):
    return s[1] < 3


def later(s):
    return np.sin(s[0]) * s[0], s[1] + 1


US = np.arange(1.0, 6.0)


def sine(x):
    return cv.pure_callback(np.sin, x, x, vmap_method="sequential", jvp=lambda p, t: (np.sin(p[0]), np.cos(p[0]) * t[0]))


# Each makes a function whose functions are new, so that nothing has been traced before.
CONSTRUCTS = {
    "plain": lambda: lambda x: np.sum(np.sin(x) * x),
    "cond": lambda: lambda x: lax.cond(np.sum(x) > 0, lambda y: np.sum(y * y), lambda y: np.sum(y), x),
    "switch": lambda: lambda x: lax.switch(1, [lambda y: np.sum(y * y), lambda y: np.sum(y), lambda y: np.prod(y)], x),
    "scan": lambda: lambda x: np.sum(lax.scan(lambda c, u: step(c, u), x, US)[1]),
    "scan in segments": lambda: lambda x: np.sum(lax.scan(lambda c, u: step(c, u), x, US, checkpoint="sqrt")[1]),
    "binomial scan": lambda: lambda x: np.sum(lax.scan(lambda c, u: step(c, u), x, US, checkpoint=2)[1]),
    "unrolled scan": lambda: lambda x: np.sum(lax.scan(lambda c, u: step(c, u), x, US, unroll=2)[1]),
    "while_loop": lambda: lambda x: np.sum(lax.while_loop(less, lambda s: later(s), (x, 0))[0]),
    "online while_loop": lambda: lambda x: np.sum(lax.while_loop(less, lambda s: later(s), (x, 0), checkpoint=2)[0]),
    "fori_loop": lambda: lambda x: np.sum(lax.fori_loop(0, 3, lambda i, c: np.sin(c) * i, x)),
    "map": lambda: lambda x: np.sum(lax.map(lambda u: np.sin(u) * u, x)),
    "jit": lambda: lambda x: cv.jit(lambda y: np.sum(np.sin(y) * y))(x),
    "checkpoint": lambda: lambda x: cv.checkpoint(lambda y: np.sum(np.sin(y) * y))(x),
    "custom_vjp": lambda: lambda x: np.sum(backwards(np.square)(x)),
    "custom_jvp in a scan": lambda: lambda x: np.sum(lax.scan(lambda c, u: (forwards(np.sin)(c), u), x, US)[0]),
    "callback": lambda: lambda x: np.sum(sine(x)),
    "custom_root": lambda: (
        lambda x: np.sum(cv.custom_root(lambda y: y * y - x, x, lambda f, y: np.sqrt(y), lambda g, y: y / g(np.ones(3))))
    ),
    "custom_linear_solve": lambda: (
        lambda x: np.sum(cv.custom_linear_solve(lambda y: 2.0 * y, x, lambda matvec, b: b / 2.0, symmetric=True))
    ),
    "linear_call": lambda: lambda x: np.sum(cv.linear_call(lambda _, y: 2.0 * y, lambda _, ct: 2.0 * ct, (), x)),
    "cond in a scan": lambda: (
        lambda x: np.sum(lax.scan(lambda c, u: (lax.cond(u > 2, lambda y: np.sin(y), lambda y: y * y, c), np.sum(c)), x, US)[1])
    ),
}
X = np.array([0.3, 0.4, 0.5])
TRANSFORMATIONS = {
    "value": lambda f: f(X),
    "grad": lambda f: cv.grad(f)(X),
    "jvp": lambda f: cv.jvp(f, (X,), (X,)),
    "vmap": lambda f: cv.vmap(f)(np.stack([X, 2 * X])),
    "jit": lambda f: cv.jit(f)(X),
    "check of make_jaxpr": lambda f: cv.check(cv.make_jaxpr(f)(X)),
    "jit of vmap of grad": lambda f: cv.jit(cv.vmap(cv.grad(f)))(np.stack([X, 2 * X])),
    "grad of jit": lambda f: cv.grad(cv.jit(f))(X),
    "hessian": lambda f: cv.hessian(f)(X),
    "linearize": lambda f: cv.linearize(f, X)[1](X),
    "vjp": lambda f: cv.vjp(f, X)[1](1.0),
}


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_nothing_is_left_to_the_cycle_collector(construct):
    left = {}
    for name, transformation in TRANSFORMATIONS.items():
        transformation(CONSTRUCTS[construct]())  # fills the tables that stay
        gc.disable()
        gc.freeze()  # what there is need not be looked at
        try:
            transformation(CONSTRUCTS[construct]())
            left[name] = gc.collect()
        finally:
            gc.enable()
            gc.unfreeze()
    assert left == dict.fromkeys(TRANSFORMATIONS, 0)


# --- the number of traces ---


class Nest:
    """Loops inside of each other, each beginning with a number of Python's."""

    def __init__(self, kind, start, closes_over_the_outer_one):
        self.kind, self.start, self.closes, self.calls = kind, start, closes_over_the_outer_one, 0

    def __call__(self, depth, outer):
        if depth == 0:
            self.calls += 1
            return np.sin(outer) + 1.0
        step = lambda c: self(depth - 1, c + outer if self.closes else c) * 0.1 + c
        if self.kind == "fori_loop":
            return lax.fori_loop(0, 2, lambda i, c: step(c), self.start)
        if self.kind == "scan":
            return lax.scan(lambda c, _: (step(c), None), self.start, None, length=2)[0]
        return lax.while_loop(lambda s: s[1] < 2, lambda s: (step(s[0]), s[1] + 1), (self.start, 0))[0]

    def in_python(self, depth, outer):
        if depth == 0:
            return np.sin(outer) + 1.0
        c = self.start
        for _ in range(2):
            c = self.in_python(depth - 1, c + outer if self.closes else c) * 0.1 + c
        return c


@pytest.mark.parametrize(
    "kind, start, closes", list(itertools.product(["fori_loop", "scan", "while_loop"], [0, 0.0, 0.1j], [False, True]))
)
def test_nested_loops_are_traced_a_number_of_times_that_is_linear_in_the_depth(kind, start, closes):
    calls = []
    for depth in (2, 4, 8):
        nest = Nest(kind, start, closes)
        out = nest(depth, np.float64(1.0))
        calls.append(nest.calls)
        if depth <= 4:
            np.testing.assert_allclose(out, nest.in_python(depth, np.float64(1.0)), rtol=1e-12)
    assert calls[2] <= 3 * 8 and calls[2] - calls[1] <= 2 * (calls[1] - calls[0])


STARTS = [0, 0.0, 1j, np.float32(0.5), np.float64(0.5), np.complex64(1)]


def random_nest(rng, depth):
    """A function of a value with loops nested in it whose carries meet values of several types."""
    kinds = [int(rng.integers(3)) for _ in range(depth)]
    starts = [STARTS[int(rng.integers(len(STARTS)))] for _ in range(depth)]
    factors = [STARTS[int(rng.integers(len(STARTS)))] for _ in range(depth)]

    def level(d, outer):
        if d == depth:
            return outer * 0.5
        start, factor = starts[d], factors[d]
        if kinds[d] == 0:
            return lax.fori_loop(0, 1, lambda i, c: level(d + 1, c) * factor + c, start)
        if kinds[d] == 1:
            return lax.fori_loop(0, 1, lambda i, c: level(d + 1, outer) + c, start)
        inner = lambda c: lax.fori_loop(0, 1, lambda i, e: level(d + 1, e) + outer * factor, c[0])
        return lax.fori_loop(0, 1, lambda i, c: (inner(c), c[1] * factor + c[1]), (start, 0))[0]

    return lambda x: level(0, x)


def test_what_earlier_passes_found_changes_no_types(monkeypatch):
    outcomes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        f = random_nest(rng, 3)
        x = STARTS[int(rng.integers(len(STARTS)))]
        results = []
        for found_before in (carries.found_before, lambda f: None):
            with monkeypatch.context() as patch:
                patch.setattr(carries, "found_before", found_before)
                try:
                    results.append((str(cv.eval_shape(f, x)), str(cv.make_jaxpr(f)(x))))
                except cv.errors.CarryTypeError as error:
                    results.append(str(error).split("\n")[0])
        assert results[0] == results[1]
        outcomes.append(isinstance(results[0], tuple))
    assert 10 < sum(outcomes) < 60


# --- time that is linear in the length ---


def seconds(f):
    times = []
    for _ in range(3):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return min(times)


def long_program(n):
    def f(x):
        for _ in range(n):
            x = np.sin(x) * 2.0 + 0.5
        return x

    return cv.make_jaxpr(f)(1.0), cv.linearize(f, 1.0)[1].jaxpr


def test_checking_takes_time_that_is_linear_in_the_length():
    short, long = (long_program(n) for n in (200, 2000))
    for a, b in zip(short, long, strict=True):
        assert seconds(lambda b=b: cv.check(b)) < 40 * seconds(lambda a=a: cv.check(a)) + 0.01


def test_a_wrong_literal_is_named_all_the_same():
    program = cv.make_jaxpr(lambda x: x * 2.0)(1.0)
    literal = program.equations[0].inputs[1]
    literal.aval = cv.ShapedArray((), np.int64)
    with pytest.raises(
        cv.errors.JaxprTypeError, match=r"the literal 2\.0\S* is declared i64\[\], but its value is weak_f64\[\]"
    ):
        cv.check(program)


# --- deep nesting ---


def nested(n, transformation):
    f = lambda x: x * 2.0
    for _ in range(n):
        f = transformation(lambda x, f=f: f(x) + 1.0)
    return f


def test_two_hundred_jits_inside_of_each_other():
    f = nested(200, cv.jit)
    assert f(1.0) == 202.0 and cv.grad(f)(1.0) == 2.0
    np.testing.assert_array_equal(cv.vmap(f)(np.array([1.0, 2.0])), [202.0, 204.0])
    assert str(cv.make_jaxpr(f)(1.0)).count("jit[") == 200
    assert cv.jit(cv.grad(f))(1.0) == 2.0 and cv.hessian(f)(1.0) == 0.0
    assert cv.grad(nested(200, cv.checkpoint))(1.0) == 2.0


@pytest.mark.parametrize("transformation", [cv.jit, cv.checkpoint, lambda f: lambda x: cv.vmap(f)(np.ones(1) * x)[0]])
def test_fifty_transformations_inside_of_each_other(transformation):
    f = nested(50, transformation)
    assert f(1.0) == 52.0
    assert cv.grad(f)(1.0) == 2.0 and cv.jit(cv.grad(f))(1.0) == 2.0 and cv.jvp(f, (1.0,), (3.0,))[1] == 6.0


def test_an_error_in_deep_nesting_arrives():
    def fail(x):
        raise KeyError("deep")

    f = fail
    for _ in range(50):
        f = cv.jit(lambda x, f=f: f(x))
    with pytest.raises(KeyError, match="deep"):
        f(1.0)
    with pytest.raises(cv.errors.TracerBoolConversionError, match="test_tracing_costs"):
        nested(50, cv.jit)(1.0), cv.jit(lambda x: nested(50, cv.jit)(x) if x > 0 else x)(1.0)
