"""Every constructor of primitives with every option: what it makes, in every transformation, is what the same function is.

The same function is written in NumPy's, of which covector knows the derivatives by itself.  Primitives are made as the user's,
whose rules are checked, and as trusted ones, which take shorter ways.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.avals import Zero, typeof
from covector.extend import (
    AlongAxis,
    Bilinear,
    Contraction,
    Discrete,
    Elementwise,
    ElementwiseBilinear,
    ElementwiseLinear,
    Factorization,
    Kind,
    Linear,
    LinearReduction,
    Opaque,
    Primitive,
    Reduction,
    Step,
    Structural,
    jointly,
)
from covector.primitives.derivations import loop_batch

stop = lax.stop_gradient
R = np.random.default_rng(7)
VECTOR, MATRIX, COLUMN = R.normal(size=3), R.normal(size=(2, 3)), R.normal(size=(2, 1))
SINGLE, COMPLEX = R.normal(size=3).astype(np.float32), R.normal(size=3) + 1j * R.normal(size=3)
ONE: list[Any] = [(VECTOR,), (MATRIX,), (SINGLE,), (np.float32(0.7),), (0.6,), (COMPLEX,), (np.zeros((0, 2)),)]
TWO: list[Any] = [
    (VECTOR, MATRIX),
    (COLUMN, VECTOR),
    (SINGLE, VECTOR),
    (SINGLE, 0.5),
    (2.0, MATRIX),
    (0.3, 0.5),
    (VECTOR, np.arange(3)),
]
TWO += [(np.arange(1, 4), VECTOR), (COMPLEX, SINGLE), (VECTOR, COMPLEX)]
FLOATS = [case for case in TWO if all(np.asarray(x).dtype.kind in "fc" for x in case)]
REAL_TWO = [case for case in TWO if not any(map(np.iscomplexobj, case))]
SAME: list[Any] = [(VECTOR, 2 * VECTOR), (MATRIX, MATRIX + 1), (SINGLE, SINGLE)]


class Made(NamedTuple):
    """A way to make a primitive, the same function in NumPy's terms, and arguments."""

    make: Callable[..., Any]
    same: Callable[..., Any]
    cases: list[Any]
    params: dict[str, Any] = {}  # noqa: RUF012 - never written to
    linear: tuple[int, ...] | None = None
    """The arguments that it is linear in, where the derivative in the others is not said."""


def kinds(kind: Callable[[], Kind], same: Any, cases: list[Any], params: Any = None, *rules: Any, **options: Any) -> Made:
    """A primitive of a kind, on which some rules are registered: pairs of a name and what makes the rule of the primitive."""

    def make(name: str, **how: Any) -> Any:
        p = Primitive(name, kind(), **options, **how)
        for rule, of in rules:
            getattr(p, f"def_{rule}", lambda r, rule=rule: p.def_rule(rule, r))(of(p))
        return p.bind

    return Made(make, same, cases, params or {})


def made(constructor: Any, *args: Any, same: Any, cases: list[Any], params: Any = None, **options: Any) -> Made:
    def make(name: str, **how: Any) -> Any:
        found = constructor(name, *args, **options, **how)
        return getattr(found, "bind", found)

    return Made(make, same, cases, params or {})


def in_some(f: Any, tangent: Any) -> Any:
    """A function that is differentiated in some of its arguments."""
    g = cv.custom_jvp(f)
    g.defjvp(lambda xs, ts: (g(*xs), np.broadcast_to(tangent(xs, ts), np.shape(g(*xs)))))
    return g


sine, cosine = np.sin, lambda out, x: np.cos(x)
waves = lambda x, y: np.sin(x) * y
by_x, by_y = lambda out, x, y: np.cos(x) * y, lambda out, x, y: np.sin(x)
moved_front = lambda size, args, dims: [a if d is None else np.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)]
doubled = lambda x: 2 * x
tail = lambda x, *, n=1: n * x[..., 1:]
tail_back = lambda ct, x, *, n=1: np.concatenate([np.zeros((*x.shape[:-1], 1), ct.dtype), n * ct], -1)
tail_type = lambda x, *, n=1: cv.core.avals.ShapedArray((*x.shape[:-1], x.shape[-1] - 1), x.dtype)
outer = lambda x, y, *, n=1: n * x[..., :, None] * y[..., None, :]
outer_left = lambda ct, x, y, *, n=1: n * np.sum(ct * y[..., None, :], -1)
outer_right = lambda ct, x, y, *, n=1: n * np.sum(ct * x[..., :, None], -2)
outer_type = lambda x, y, *, n=1: cv.core.avals.ShapedArray((*x.shape, *y.shape), np.result_type(x.dtype, y.dtype))
squares = lambda x, axis: np.sum(x * x, axis)
of_squares = lambda out, x, t, axes: np.sum(2 * x * t, axes)
AXES: list[Any] = [(np.arange(12.0).reshape(2, 3, 2) / 7,), (MATRIX.astype(np.float32)[..., None],)]
LINEAR: list[Any] = [(VECTOR,), (SINGLE,), (COMPLEX,)]


def tail_batch(p: Any) -> Any:
    return lambda size, args, dims, **params: (p().bind(np.moveaxis(args[0], dims[0], 0), **params), 0)


def in_place(kind: Any, *args: Any, **options: Any) -> Any:
    """Kinds are made anew for each primitive."""
    return lambda: kind(*args, **options)


def rules_by_hand(multiple: bool, derivative: str, linear: Any) -> Made:
    """A primitive without a kind: ``x, y -> x - 2 y``, and ``y - x`` if it has two results; linear in both together."""
    fn = (lambda x, y: [x - 2 * y, y - x]) if multiple else lambda x, y: x - 2 * y

    def make(name: str, **how: Any) -> Any:
        p = Primitive(name, multiple_results=multiple, **how)
        p.def_impl(fn)
        p.def_abstract(lambda x, y: [x, x] if multiple else x)

        @(p.def_jvp if derivative == "jvp" else p.def_linearize)
        def rule(primals: Any, tangents: Any) -> Any:
            out = p.bind(*primals)
            if all(type(t) is Zero for t in tangents):
                return out, [typeof(o).zero for o in out] if multiple else typeof(out).zero
            return out, p.bind(*map(cv.instantiate, tangents))

        def transpose(ct: Any, x: Any, y: Any) -> Any:
            if not multiple:
                return [ct, -2 * ct]
            first, second = map(cv.instantiate, ct)
            return [first - second, second - 2 * first]

        if linear is None:
            p.def_transpose(transpose)
        else:
            p.def_transpose(linear=linear)(transpose)

        @p.def_batch
        def batch(size: int, args: Any, dims: Any) -> Any:
            args = [
                np.broadcast_to(a, (size, *np.shape(a))) if d is None else np.moveaxis(a, d, 0)
                for a, d in zip(args, dims, strict=True)
            ]
            out = p.bind(*args)
            return (out, [0, 0]) if multiple else (out, 0)

        return p.bind

    return Made(make, lambda x, y: (x - 2 * y, y - x) if multiple else x - 2 * y, SAME)


ALL: dict[str, Made] = {
    # the functions
    "elementwise": made(cv.elementwise, sine, cosine, same=np.sin, cases=ONE),
    "elementwise exact": made(cv.elementwise, sine, cosine, exact=True, same=np.sin, cases=ONE),
    "elementwise of the output": made(cv.elementwise, np.exp, lambda out, x: out, exact=True, same=np.exp, cases=ONE),
    "elementwise, derivative of another dtype": made(
        cv.elementwise, sine, lambda out, x: np.cos(x).astype(np.float64), same=np.sin, cases=ONE[:5]
    ),
    "elementwise, constant derivative": made(cv.elementwise, doubled, lambda out, x: 2.0, same=doubled, cases=ONE[:4]),
    "elementwise of two": made(cv.elementwise, waves, by_x, by_y, same=waves, cases=TWO),
    "elementwise, first alone": made(
        cv.elementwise, waves, by_x, None, same=in_some(waves, lambda xs, ts: by_x(None, *xs) * ts[0]), cases=FLOATS
    ),
    "elementwise, second alone": made(
        cv.elementwise, waves, None, by_y, same=in_some(waves, lambda xs, ts: by_y(None, *xs) * ts[1]), cases=FLOATS
    ),
    "elementwise, neither": made(cv.elementwise, waves, None, None, same=lambda x, y: waves(stop(x), stop(y)), cases=TWO),
    "elementwise without derivatives": made(cv.elementwise, np.floor, same=np.floor, cases=ONE[:5]),
    "elementwise of three": made(
        cv.elementwise,
        lambda x, y, z, *, n=1: x * y + n * np.sin(z),
        lambda out, x, y, z, *, n=1: y,
        lambda out, x, y, z, *, n=1: x,
        lambda out, x, y, z, *, n=1: n * np.cos(z),
        same=lambda x, y, z, *, n: x * y + n * np.sin(z),
        cases=[(VECTOR, MATRIX, 0.5), (0.2, SINGLE, SINGLE), (COLUMN, 2.0, VECTOR)],
        params={"n": 3},
    ),
    "linear": made(cv.linear, tail, tail_back, same=tail, cases=LINEAR),
    "linear with a parameter": made(cv.linear, tail, tail_back, same=tail, cases=LINEAR, params={"n": 3}),
    "linear, abstract": made(cv.linear, tail, tail_back, abstract=tail_type, same=tail, cases=LINEAR, params={"n": 2}),
    "linear, batch": made(
        cv.linear,
        tail,
        tail_back,
        batch=lambda size, xs, ds, n=1: (tail(np.moveaxis(xs[0], ds[0], 0), n=n), 0),
        same=tail,
        cases=LINEAR,
    ),
    "bilinear": made(cv.bilinear, outer, outer_left, outer_right, same=outer, cases=SAME[::2]),
    "bilinear, abstract": made(
        cv.bilinear, outer, outer_left, outer_right, abstract=outer_type, same=outer, cases=SAME[::2], params={"n": 3}
    ),
    "bilinear, batch": made(
        cv.bilinear,
        outer,
        outer_left,
        outer_right,
        batch=lambda size, args, dims: (outer(*moved_front(size, args, dims)), 0),
        same=outer,
        cases=SAME[::2],
    ),
    **{
        f"reduction over {axes}": made(
            cv.reduction, squares, of_squares, same=lambda x, *, axes: squares(x, axes), cases=AXES, params={"axes": axes}
        )
        for axes in [(), (0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)]
    },
    "reduction that makes new": made(
        cv.reduction,
        squares,
        of_squares,
        makes_new=True,
        same=lambda x, *, axes: squares(x, axes),
        cases=AXES,
        params={"axes": (1,)},
    ),
    "reduction without derivative": made(
        cv.reduction, np.max, same=lambda x, *, axes: stop(np.max(x, axes)), cases=AXES, params={"axes": (0, 1)}
    ),
    "reduction to another dtype": made(
        cv.reduction,
        np.count_nonzero,
        dtype=np.int64,
        same=lambda x, *, axes: np.count_nonzero(x, axes),
        cases=AXES,
        params={"axes": (0, 2)},
    ),
    # the kinds
    "Elementwise": kinds(in_place(Elementwise, sine, cosine), np.sin, ONE),
    "Elementwise, exact": kinds(in_place(Elementwise, sine, cosine, exact=True), np.sin, ONE, makes_new=True),
    "Elementwise, keeps weak": kinds(
        in_place(Elementwise, lambda x, y: x * y, lambda out, x, y: y, lambda out, x, y: x, keeps_weak=True),
        lambda x, y: x * y,
        TWO,
    ),
    "Elementwise like another": kinds(in_place(Elementwise, sine, cosine, like=np.cos), np.sin, ONE),
    "Elementwise, own jvp": kinds(
        in_place(Elementwise, sine),
        np.sin,
        ONE,
        None,
        ("jvp", lambda p: lambda xs, ts: (p.bind(*xs), 0 * xs[0] if type(ts[0]) is Zero else np.cos(xs[0]) * ts[0])),
    ),
    "Step": kinds(in_place(Step, np.sign), lambda x: stop(np.sign(x)), ONE[:5]),
    "Step like another": kinds(in_place(Step, np.round, like=np.rint), lambda x: stop(np.round(x)), ONE[:4], makes_new=True),
    "Linear": kinds(in_place(Linear, tail, tail_back), tail, LINEAR, {"n": 2}),
    "Linear, abstract and batch": kinds(
        in_place(
            Linear,
            tail,
            tail_back,
            abstract=tail_type,
            batch=lambda size, xs, ds, n: (tail(np.moveaxis(xs[0], ds[0], 0), n=n), 0),
        ),
        tail,
        LINEAR,
        {"n": 2},
    ),
    "Linear in the second": kinds(
        in_place(Linear, lambda s, x: s * x[::-1], lambda ct, s, x: (s * ct)[::-1], positions=(1,)),
        lambda s, x: s * x[::-1],
        [(2.0, VECTOR), (VECTOR[:1], VECTOR)],
    )._replace(linear=(1,)),
    "Linear in all": kinds(
        in_place(Linear, lambda x, y: x - 2 * y, lambda ct, x, y: (ct, -2 * ct), positions=()), lambda x, y: x - 2 * y, SAME
    ),
    "Linear in two": kinds(
        in_place(Linear, lambda x, y: x - 2 * y, lambda ct, x, y: (ct, -2 * ct), positions=(0, 1)), lambda x, y: x - 2 * y, SAME
    ),
    "Linear in two, rules for each": kinds(
        in_place(Linear, lambda x, y: x - 2 * y, (lambda ct, x, y: ct, lambda ct, x, y: -2 * ct), positions=(0, 1)),
        lambda x, y: x - 2 * y,
        SAME,
    ),
    "Linear in two, alone": kinds(
        in_place(
            Linear,
            lambda x, y: x - 2 * y,
            lambda ct, x, y: (ct, -2 * ct),
            positions=(0, 1),
            alone=(lambda t, x, y: 1 * t, lambda t, x, y: -2 * t),
        ),
        lambda x, y: x - 2 * y,
        SAME,
    ),
    "Linear in the last and the first, alone": kinds(
        in_place(
            Linear,
            lambda x, s, y: x * s - 2 * y,
            lambda ct, x, s, y: (-2 * ct, ct * s),
            positions=(2, 0),
            alone=(lambda t, x, s, y: -2 * t, lambda t, x, s, y: t * s),
        ),
        lambda x, s, y: x * s - 2 * y,
        [(VECTOR, 3.0, 2 * VECTOR)],
    )._replace(linear=(0, 2)),
    "Structural": kinds(in_place(Structural, np.flip, lambda ct, x: np.flip(ct)), np.flip, [*LINEAR, (MATRIX,)]),
    "ElementwiseLinear": kinds(in_place(ElementwiseLinear, np.negative, lambda ct, x: -ct), np.negative, ONE),
    "ElementwiseLinear, keeps weak": kinds(
        in_place(ElementwiseLinear, lambda x: -x, lambda ct, x: -ct, keeps_weak=True), lambda x: -x, ONE, makes_new=True
    ),
    "ElementwiseLinear like another": kinds(
        in_place(ElementwiseLinear, np.negative, lambda ct, x: -ct, like=np.positive), np.negative, ONE
    ),
    "ElementwiseLinear in two": kinds(
        in_place(ElementwiseLinear, np.subtract, lambda ct, x, y: (ct, -ct), positions=()), np.subtract, TWO
    ),
    "ElementwiseLinear in two, alone": kinds(
        in_place(
            ElementwiseLinear,
            np.subtract,
            (lambda ct, x, y: ct, lambda ct, x, y: -ct),
            positions=(0, 1),
            alone=(lambda t, x, y: t, lambda t, x, y: -t),
        ),
        np.subtract,
        TWO,
    ),
    "ElementwiseLinear in the first": kinds(
        in_place(ElementwiseLinear, np.divide, lambda ct, x, y: ct / y), np.divide, REAL_TWO[:6]
    )._replace(linear=(0,)),
    "Bilinear": kinds(in_place(Bilinear, outer, outer_left, outer_right), outer, SAME[::2], {"n": 3}),
    "Bilinear, abstract and batch": kinds(
        in_place(
            Bilinear,
            outer,
            outer_left,
            outer_right,
            abstract=outer_type,
            batch=lambda size, args, dims, n: (outer(*moved_front(size, args, dims), n=n), 0),
        ),
        outer,
        SAME[::2],
        {"n": 3},
    ),
    "ElementwiseBilinear": kinds(
        in_place(ElementwiseBilinear, np.multiply, like=np.add),
        lambda x, y: np.multiply(x, y),
        SAME,
        None,
        ("transpose", lambda p: lambda ct, x, y: (ct * y, None) if isinstance(x, cv.Var) else (None, x * ct)),
    ),
    "ElementwiseBilinear, keeps weak": kinds(
        in_place(ElementwiseBilinear, lambda x, y: x * y, keeps_weak=True),
        lambda x, y: x * y,
        [*SAME, (0.5, 2.0)],
        None,
        ("transpose", lambda p: lambda ct, x, y: (ct * y, None) if isinstance(x, cv.Var) else (None, x * ct)),
    ),
    "Contraction": kinds(
        in_place(
            Contraction,
            np.dot,
            lambda ct, x, y: np.outer(ct, y),
            lambda ct, x, y: np.dot(ct, x),
        ),
        np.dot,
        [(MATRIX, VECTOR)],
    ),
    "Reduction": kinds(
        in_place(
            Reduction, lambda x, *, axes, n: n * squares(x, axes), lambda out, x, t, *, axes, n: n * of_squares(out, x, t, axes)
        ),
        lambda x, *, axes, n: n * squares(x, axes),
        AXES,
        {"axes": (0, 2), "n": 3},
    ),
    "Reduction to another dtype": kinds(
        in_place(Reduction, lambda x, *, axes: np.sum(x > 0, axes), dtype=lambda of_x: np.dtype(int)),
        lambda x, *, axes: np.sum(x > 0, axes),
        AXES,
        {"axes": (1,)},
    ),
    "LinearReduction": kinds(
        in_place(
            LinearReduction,
            lambda x, *, axes: np.sum(x, axes),
            lambda ct, x, *, axes: np.broadcast_to(np.expand_dims(ct, axes), x.shape),
        ),
        lambda x, *, axes: np.sum(x, axes),
        AXES,
        {"axes": (1,)},
    ),
    "AlongAxis": kinds(
        in_place(AlongAxis, lambda x, *, axis: np.cumsum(x * x, axis), lambda out, x, t, *, axis: np.cumsum(2 * x * t, axis)),
        lambda x, *, axis: np.cumsum(x * x, axis),
        AXES,
        {"axis": 1},
    ),
    "AlongAxis without derivative": kinds(
        in_place(AlongAxis, np.argsort, dtype=lambda of_x: np.dtype(np.intp)), np.argsort, AXES, {"axis": 0}
    ),
    "Opaque": kinds(
        in_place(Opaque, sine),
        np.sin,
        ONE[:4],
        None,
        ("abstract", lambda p: lambda x: x),
        ("jvp", lambda p: lambda xs, ts: (p.bind(*xs), 0 * xs[0] if type(ts[0]) is Zero else np.cos(xs[0]) * ts[0])),
        ("batch", lambda p: lambda size, args, dims: (p.bind(*args), dims[0])),
    ),
    "Discrete": kinds(
        in_place(Discrete, lambda x: np.searchsorted(VECTOR[:1], x)),
        lambda x: np.searchsorted(VECTOR[:1], stop(x)),
        ONE[:3],
        None,
        ("abstract", lambda p: lambda x: cv.core.avals.ShapedArray(x.shape, np.dtype(int))),
        ("batch", lambda p: lambda size, args, dims: (p.bind(*args), dims[0])),
    ),
    "Factorization": kinds(
        in_place(
            Factorization,
            lambda a, *, n: [n * a @ a, np.trace(a, axis1=-2, axis2=-1)],
            lambda a, t, *, n: (
                [n * a @ a, np.trace(a, axis1=-2, axis2=-1)],
                [n * (a @ t + t @ a), np.trace(t, axis1=-2, axis2=-1)],
            ),
            lambda a, *, n: [a, cv.core.avals.ShapedArray(a.shape[:-2], a.dtype)],
        ),
        lambda a, *, n: (n * a @ a, np.trace(a, axis1=-2, axis2=-1)),
        [(R.normal(size=(2, 2)),), (R.normal(size=(3, 2, 2)).astype(np.float32),)],
        {"n": 3},
        multiple_results=True,
    ),
    "Factorization of one result": kinds(
        in_place(
            Factorization,
            lambda a: np.trace(a, axis1=-2, axis2=-1),
            lambda a, t: (np.trace(a, axis1=-2, axis2=-1), np.trace(t, axis1=-2, axis2=-1)),
            lambda a: cv.core.avals.ShapedArray(a.shape[:-2], a.dtype),
        ),
        lambda a: np.trace(a, axis1=-2, axis2=-1),
        [(R.normal(size=(2, 2)),)],
    ),
    # by hand
    **{
        f"by hand, {'two results' if multiple else 'one'}, {derivative}, {name}": rules_by_hand(multiple, derivative, linear)
        for multiple in (False, True)
        for derivative in ("jvp", "linearize")
        for name, linear in (("linear in all", None), ("jointly", jointly(0, 1)))
    },
}

NUMBER = itertools.count()


@pytest.fixture
def fresh() -> Iterator[str]:
    name = f"t_constructed_{next(NUMBER)}"
    yield name
    del Primitive.registry[name]  # other tests look at all primitives that are trusted


def agree(found: Any, expected: Any) -> None:
    """Values, shapes and dtypes, in the same structure."""
    found, expected = (list(x) if isinstance(x, (tuple, list)) else [x] for x in (found, expected))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, (tuple, list)):
            agree(a, b)
        else:
            assert np.shape(a) == np.shape(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype, (np.asarray(a).dtype, np.asarray(b).dtype)
            if np.asarray(b).dtype != cv.float0:
                assert typeof(a).weak_type == typeof(b).weak_type
                np.testing.assert_allclose(a, b, rtol=1e-5 if np.asarray(b).dtype.itemsize == 4 else 1e-10, atol=1e-7)


def like(x: Any) -> Any:
    """A tangent, or a cotangent."""
    aval = typeof(x)
    if aval.dtype.kind not in "fc":
        return np.zeros(aval.shape, cv.float0)
    return 0.4 if aval.weak_type else np.cos(np.arange(aval.size)).reshape(aval.shape).astype(aval.dtype)


def of_inexact(f: Any, args: Any, chosen: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function of some arguments, and these."""
    places = dict(enumerate(args))
    return lambda *xs: f(*(places | dict(zip(chosen, xs, strict=True))).values()), tuple(args[i] for i in chosen)


def pulled(f: Any, *xs: Any) -> Any:
    out, pull = cv.vjp(f, *xs)
    return pull(type(out)(map(like, out)) if isinstance(out, (tuple, list)) else like(out))


def pushed(f: Any, *xs: Any) -> Any:
    return cv.jvp(f, xs, tuple(map(like, xs)))


DERIVED: dict[str, Callable[..., Any]] = {
    "jvp": pushed,
    "linearize": lambda f, *xs: cv.linearize(f, *xs)[1](*map(like, xs)),
    "vjp": pulled,
    "jvp of vjp": lambda f, *xs: pushed(lambda *ys: pulled(f, *ys), *xs),
    "vjp of vjp": lambda f, *xs: pulled(lambda *ys: pulled(f, *ys), *xs),
    "vjp of jvp": lambda f, *xs: pulled(lambda *ys: pushed(f, *ys)[1], *xs),
    "jit of vjp": lambda f, *xs: cv.jit(lambda *ys: pulled(f, *ys))(*xs),
    "vjp of jit": lambda f, *xs: pulled(cv.jit(f), *xs),
}


def batches(args: Any) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Arguments of which some have a batch axis, in front, or in the end for the last."""
    for some in itertools.product([False, True], repeat=len(args)):
        last = max((i for i, s in enumerate(some) if s), default=None)
        if last is not None and all(np.asarray(a).dtype.kind in "fc" or not s for a, s in zip(args, some, strict=True)):
            axes = tuple(
                (-1 if i == last and np.ndim(a) else 0) if s else None for i, (a, s) in enumerate(zip(args, some, strict=True))
            )
            yield (
                tuple(
                    a if d is None else np.stack([a, 0.5 * np.asarray(a), a], d).astype(np.asarray(a).dtype)
                    for a, d in zip(args, axes, strict=True)
                ),
                axes,
            )


def looped(f: Any, args: Any, axes: Any) -> Any:
    """A function of a batch, by one example after the other."""
    outs = [f(*(a if d is None else np.take(a, i, d) for a, d in zip(args, axes, strict=True))) for i in range(3)]
    return [np.stack(o) for o in zip(*outs, strict=True)] if isinstance(outs[0], (tuple, list)) else np.stack(outs)


@pytest.mark.parametrize("trusted", [False, True], ids=["users", "trusted"])
@pytest.mark.parametrize("name", ALL)
def test_a_primitive_is_the_function_that_it_is_made_of(name: str, trusted: bool, fresh: str) -> None:
    entry = ALL[name]
    bind = entry.make(fresh, **({"trusted": True} if trusted else {}))
    p = lambda *args: bind(*args, **entry.params)
    f = lambda *args: entry.same(*args, **entry.params)
    for args in entry.cases:
        expected = f(*args)
        agree(p(*args), expected)
        agree(cv.jit(p)(*args), expected)
        jaxpr = cv.make_jaxpr(p)(*args)
        assert jaxpr.out_avals == [typeof(o) for o in (p(*args) if isinstance(p(*args), list) else [p(*args)])]
        assert str(cv.parse(str(jaxpr))) == str(jaxpr) == str(pickle.loads(pickle.dumps(jaxpr)))
        cv.check(jaxpr)
        for some, axes in batches(args):
            agree(cv.vmap(p, axes)(*some), looped(f, some, axes))
        inexact = entry.linear or tuple(i for i, a in enumerate(args) if np.asarray(a).dtype.kind in "fc")
        for chosen in {inexact, *((i,) for i in inexact)}:
            p_of, xs = of_inexact(p, args, chosen)
            f_of, _ = of_inexact(f, args, chosen)
            for derived in list(DERIVED.values())[: None if args is entry.cases[0] else 3]:
                agree(derived(p_of, *xs), derived(f_of, *xs))
        if args is entry.cases[0]:
            p_of, xs = of_inexact(p, args, inexact)
            f_of, _ = of_inexact(f, args, inexact)
            for some, axes in batches(xs):
                agree(cv.vmap(partial(pulled, p_of), axes)(*some), looped(partial(pulled, f_of), some, axes))


def test_one_example_after_the_other_of_several_results():
    halves = Primitive("halves_of_a_test", multiple_results=True)
    halves.def_impl(lambda x, y: [x[:2] * y, x[2:]])
    halves.def_abstract(lambda x, y: [cv.ShapedArray((2,), x.dtype), cv.ShapedArray((x.shape[0] - 2,), x.dtype)])
    halves.def_batch(loop_batch(halves))
    xs, ys = np.arange(15.0).reshape(5, 3), np.array([2.0, 3.0, 5.0])
    first, second = cv.vmap(lambda x, y: tuple(halves.bind(x, y)), (1, 0))(xs, ys)
    np.testing.assert_array_equal(first, (xs[:2] * ys).T)
    np.testing.assert_array_equal(second, xs[2:].T)
    first, second = cv.vmap(lambda x: tuple(halves.bind(x, 2.0)), 1)(xs[:, :0])
    assert (first.shape, second.shape) == ((0, 2), (0, 3))
