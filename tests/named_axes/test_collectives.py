"""Collectives against the same written for the whole batch in NumPy, and their derivatives against those of that."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import close

import covector as cv
from covector import lax

N = 4
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(N, 3))
SQUARES = RNG.normal(size=(N, N, 2))
W = np.array([0.4, -0.9, 1.3])
V = np.array([1.0, 0.5, -2.0])
PERM = [(0, 2), (2, 1), (3, 3)]


def named(f, **options):
    return cv.vmap(f, axis_name="i", **options)


def permuted(x):
    out = np.zeros_like(x)
    for source, destination in PERM:
        out = cv.at(out)[destination].set(x[source])
    return out


# for each collective: what it does to one example, and to the batch (N, N, 2)
COLLECTIVES = {
    "psum": (lambda x: lax.psum(x, "i"), lambda x: np.broadcast_to(np.sum(x, 0), x.shape)),
    "pmean": (lambda x: lax.pmean(x, "i"), lambda x: np.broadcast_to(np.mean(x, 0), x.shape)),
    "pmax": (lambda x: lax.pmax(x, "i"), lambda x: np.broadcast_to(np.max(x, 0), x.shape)),
    "pmin": (lambda x: lax.pmin(x, "i"), lambda x: np.broadcast_to(np.min(x, 0), x.shape)),
    "all_gather": (lambda x: lax.all_gather(x, "i"), lambda x: np.broadcast_to(x, (N, *x.shape))),
    "all_gather axis": (
        lambda x: lax.all_gather(x, "i", axis=1),
        lambda x: np.broadcast_to(np.moveaxis(x, 0, 1), (N, N, N, 2)),
    ),
    "all_gather tiled": (
        lambda x: lax.all_gather(x, "i", axis=0, tiled=True),
        lambda x: np.broadcast_to(np.reshape(x, (N * N, 2)), (N, N * N, 2)),
    ),
    "all_gather of what all share": (
        lambda x: lax.all_gather(lax.psum(x, "i"), "i", axis=1),
        lambda x: np.broadcast_to(np.sum(x, 0)[:, None], (N, N, N, 2)),
    ),
    "psum_scatter": (lambda x: lax.psum_scatter(x, "i"), lambda x: np.sum(x, 0)),
    "psum_scatter tiled": (
        lambda x: lax.psum_scatter(np.concatenate([x, 2 * x]), "i", tiled=True),
        lambda x: np.reshape(np.sum(np.concatenate([x, 2 * x], 1), 0), (N, 2, 2)),
    ),
    "all_to_all": (lambda x: lax.all_to_all(x, "i", 0, 1), lambda x: np.transpose(x, (1, 2, 0))),
    "all_to_all first": (lambda x: lax.all_to_all(x, "i", 0, 0), lambda x: np.transpose(x, (1, 0, 2))),
    "all_to_all tiled": (lambda x: lax.all_to_all(x, "i", 0, 0, tiled=True), lambda x: np.transpose(x, (1, 0, 2))),
    "ppermute": (lambda x: lax.ppermute(x, "i", PERM), permuted),
    "axis_index": (lambda x: x * lax.axis_index("i"), lambda x: x * np.arange(N)[:, None, None]),
    "pvary": (lambda x: x * lax.pvary(lax.psum(x, "i"), "i") + lax.pvary(2.0, "i"), lambda x: x * np.sum(x, 0) + 2.0),
    "axis_size": (lambda x: x * lax.axis_size("i"), lambda x: x * N),
}


GROUPS = [[0, 3], [2, 1]]
MEMBERS = [[0, 3], [2, 1], [2, 1], [0, 3]]  # of each example's group
PLACES = [0, 1, 0, 1]


def by_group(f):
    """The result for each example, of the values of its group in order and its place there."""
    return lambda x: np.stack([f(x[np.array(m)], p) for m, p in zip(MEMBERS, PLACES, strict=True)])


OPTIONS = {"axis_index_groups": GROUPS}
COLLECTIVES |= {
    "psum of groups": (lambda x: lax.psum(x, "i", **OPTIONS), by_group(lambda g, p: np.sum(g, 0))),
    "pmean of groups": (lambda x: lax.pmean(x, "i", **OPTIONS), by_group(lambda g, p: np.mean(g, 0))),
    "pmax of groups": (lambda x: lax.pmax(x, "i", **OPTIONS), by_group(lambda g, p: np.max(g, 0))),
    "all_gather of groups": (lambda x: lax.all_gather(x, "i", axis=1, **OPTIONS), by_group(lambda g, p: np.moveaxis(g, 0, 1))),
    "all_gather of groups, tiled": (
        lambda x: lax.all_gather(x, "i", tiled=True, **OPTIONS),
        by_group(lambda g, p: np.reshape(g, (2 * N, 2))),
    ),
    "psum_scatter of groups": (lambda x: lax.psum_scatter(x[:2], "i", **OPTIONS), by_group(lambda g, p: np.sum(g, 0)[p])),
    "all_to_all of groups": (
        lambda x: lax.all_to_all(x[:2], "i", 0, 1, **OPTIONS),
        by_group(lambda g, p: np.transpose(g[:, p])),
    ),
}


@pytest.mark.parametrize("name", COLLECTIVES)
def test_values_and_outer_derivatives(name):
    one, whole = COLLECTIVES[name]
    f = named(lambda x: one(np.sin(x)))
    g = lambda xs: whole(np.sin(xs))
    close(f(SQUARES), g(SQUARES))
    close(cv.jit(f)(SQUARES), g(SQUARES))
    close(named(cv.jit(lambda x: one(np.sin(x))))(SQUARES), g(SQUARES))
    weights = RNG.normal(size=g(SQUARES).shape)
    loss = lambda h: lambda xs: np.sum(weights * h(xs) ** 2)
    tangents = RNG.normal(size=SQUARES.shape)
    for h in (f, named(cv.jit(lambda x: one(np.sin(x)))), named(cv.checkpoint(lambda x: one(np.sin(x))))):
        close(cv.grad(loss(h))(SQUARES), cv.grad(loss(g))(SQUARES))
        close(cv.jvp(h, (SQUARES,), (tangents,)), cv.jvp(g, (SQUARES,), (tangents,)))
        close(cv.jit(cv.grad(loss(h)))(SQUARES), cv.grad(loss(g))(SQUARES))
        hvp = lambda loss: cv.jvp(cv.grad(loss), (SQUARES,), (tangents,))[1]
        close(hvp(loss(h)), hvp(loss(g)))


@pytest.mark.parametrize("name", COLLECTIVES)
def test_an_inner_batch_along_any_axis(name):
    one, whole = COLLECTIVES[name]
    rows = np.stack([SQUARES, 2 * SQUARES, np.sin(SQUARES)])
    for axis in range(3):
        close(named(cv.vmap(one, axis))(np.moveaxis(rows, 0, axis + 1)), np.stack([whole(x) for x in rows], 1))


def test_the_tangent_of_a_shared_value_may_be_each_examples_own():
    f = lambda x: cv.jvp(lambda w: lax.pvary(w, "i") * x, (W,), (x,))
    close(named(f)(XS), (W * XS, XS * XS))


def test_values_that_are_shared_over_several_axes():
    f = lambda x: cv.vmap(lambda y: lax.pvary(2.0, ("i", "j")) * x * y, axis_name="j")(V)
    close(named(f)(W), 2.0 * np.outer(W, V))


def test_the_cotangent_of_some_elements_of_a_shared_value():
    read = lambda x: cv.grad(lambda w: lax.psum(np.sum(w[np.array([0, 2, 0])] * x), "i"))(W)
    total = np.sum(XS, 0)
    close(named(read)(XS), np.broadcast_to([total[0] + total[2], 0.0, total[1]], (N, 3)))


def test_each_output_of_a_pullback_may_depend_on_other_arguments():
    """One that all examples share on the first, one of each example's own on the second."""

    def pulled(x, y):
        return cv.vjp(lambda x, y: (lax.psum(np.sin(x), "i"), np.cos(y)), x, y)[1]((1.0, 1.0))

    close(named(pulled)(W, V), (np.cos(W), -np.sin(V)))


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit, cv.checkpoint], ids=["plain", "jit", "checkpoint"])
@pytest.mark.parametrize("name", COLLECTIVES)
def test_the_gradient_inside_of_a_sum_is_the_true_gradient(name, wrap):
    """With respect to w, which all examples share, and to x, of which each has its own."""
    one, whole = COLLECTIVES[name]

    def local(w, x):
        return np.sum(np.cos(one(x * np.sum(w**2) + w[0])) * (1.0 + lax.axis_index("i")))

    def total(w, xs):
        weights = 1.0 + np.arange(N)
        return np.sum(np.cos(whole(xs * np.sum(w**2) + w[0])) * weights.reshape(N, *(1,) * (whole(xs).ndim - 1)))

    def gradients(x):
        return cv.grad(wrap(lambda w, x: lax.psum(local(w, x), "i")), (0, 1))(W, x)

    of_w, of_x = named(gradients)(SQUARES)
    wanted_w, wanted_x = cv.grad(total, (0, 1))(W, SQUARES)
    close(of_w, np.broadcast_to(wanted_w, (N, 3)))
    close(of_x, wanted_x)
    of_w, of_x = cv.jit(named(gradients))(SQUARES)
    close(of_w, np.broadcast_to(wanted_w, (N, 3)))
    close(of_x, wanted_x)
    second = named(lambda x: cv.jvp(cv.grad(wrap(lambda w: lax.psum(local(w, x), "i"))), (W,), (V,))[1])(SQUARES)
    close(second, np.broadcast_to(cv.jvp(cv.grad(total), (W, SQUARES), (V, 0 * SQUARES))[1], (N, 3)))


def test_a_name_alone_changes_nothing():
    loss = lambda w, x: np.sum(np.tanh(w * x) ** 2)
    for transform in (cv.grad, cv.value_and_grad, cv.hessian, lambda f: cv.jit(cv.grad(f)), lambda f: cv.grad(cv.jit(f))):
        f = transform(loss)
        close(named(f, in_axes=(None, 0))(W, XS), cv.vmap(f, (None, 0))(W, XS))


def test_gradients_of_each_example_through_a_sum():
    """Each example's own output depends on the others' inputs: its gradient counts the outputs of all."""
    f = lambda x: x[0] * lax.psum(np.sin(x[1]), "i")
    found = named(cv.grad(f))(XS)
    wanted = cv.grad(lambda xs: np.sum(xs[:, 0] * np.sum(np.sin(xs[:, 1]))))(XS)
    close(found, wanted)
    close(named(cv.grad(cv.jit(f)))(XS), wanted)


def test_outputs_that_vary_over_different_axes_are_pulled_back_together():
    pulled = named(lambda x: cv.vjp(lambda x: (x * x, lax.psum(x, "i")), x)[1]((1.0, 1.0))[0])
    xs = np.array([1.0, 2.0, 3.0])
    close(pulled(xs), 2 * xs + 1)
    close(cv.jit(pulled)(xs), 2 * xs + 1)


def test_data_parallel_training_is_training_on_the_batch():
    ys = RNG.normal(size=N)
    loss = lambda w, x, y: (np.tanh(x @ w) - y) ** 2
    step = lambda w, x, y: w - 0.1 * lax.pmean(cv.grad(loss)(w, x, y), "i")
    other = lambda w, x, y: w - 0.1 * cv.grad(lambda w: lax.pmean(loss(w, x, y), "i"))(w)
    batch = W - 0.1 * cv.grad(lambda w: np.mean(cv.vmap(loss, (None, 0, 0))(w, XS, ys)))(W)
    for f in (step, other):
        close(named(f, in_axes=(None, 0, 0), out_axes=None)(W, XS, ys), batch)
        close(cv.jit(named(f, in_axes=(None, 0, 0), out_axes=None))(W, XS, ys), batch)


def test_batch_norm():
    def norm(x):
        centred = x - lax.pmean(x, "i")
        return centred / np.sqrt(lax.pmean(centred**2, "i") + 1e-5)

    whole = lambda xs: (xs - np.mean(xs, 0)) / np.sqrt(np.var(xs, 0) + 1e-5)
    close(named(norm)(XS), whole(XS))
    loss = lambda f: lambda xs: np.sum(f(xs) ** 3)
    close(cv.grad(loss(named(norm)))(XS), cv.grad(loss(whole))(XS))
    close(cv.hessian(loss(named(norm)))(XS), cv.hessian(loss(whole))(XS))


def test_two_names():
    xss = RNG.normal(size=(2, 3))
    f = lambda x: x / lax.psum(x, ("i", "j")) + lax.psum(x, "i") * lax.axis_index("j") + lax.axis_index(("j", "i"))
    both = cv.vmap(cv.vmap(f, axis_name="i"), axis_name="j")
    wanted = xss / np.sum(xss) + np.sum(xss, 1, keepdims=True) * np.arange(2)[:, None] + np.arange(6).reshape(2, 3)
    close(both(xss), wanted)
    total = lambda w, x: lax.psum(np.sin(w * x) * lax.psum(x, "i"), ("i", "j"))
    found = cv.vmap(cv.vmap(lambda x: cv.grad(total)(2.0, x), axis_name="i"), axis_name="j")(xss)
    wanted = np.sum(np.cos(2.0 * xss) * xss * np.sum(xss, 1, keepdims=True))
    close(found, np.full((2, 3), wanted))
    unnamed = named(lambda x: cv.vmap(lambda y: y * lax.psum(y, "i"))(x))(XS)
    close(unnamed, XS * np.sum(XS, 0))


def test_in_loops_and_branches():
    def f(x):
        return lax.fori_loop(0, 3, lambda k, c: np.sin(c) + 0.1 * lax.psum(c, "i"), x)

    def whole(xs):
        for _ in range(3):
            xs = np.sin(xs) + 0.1 * np.sum(xs, 0)
        return xs

    close(named(f)(XS), whole(XS))
    loss = lambda h: lambda xs: np.sum(h(xs) ** 2)
    close(cv.grad(loss(named(f)))(XS), cv.grad(loss(whole))(XS))
    shared = lambda p, x: lax.cond(p, lambda x: lax.psum(x, "i"), lambda x: x, x)
    close(named(shared, in_axes=(None, 0))(True, XS), np.broadcast_to(np.sum(XS, 0), XS.shape))


def test_trees_integers_and_programs():
    found = named(lambda t: lax.psum(t, "i"))({"a": np.arange(N), "b": (XS, 1.0 * np.arange(N))})
    close(found, {"a": np.full(N, 6), "b": (np.broadcast_to(np.sum(XS, 0), XS.shape), np.full(N, 6.0))})
    assert found["a"].dtype == np.int64
    assert named(lambda x: lax.psum(1, "i") * x)(np.ones(N)).tolist() == [4.0] * N
    programs = []

    def f(x):
        inner = lambda w, x: lax.psum(w * np.sin(x) * lax.axis_index("i"), "i")
        programs.append(cv.make_jaxpr(cv.grad(inner))(2.0, x))
        return x

    named(f)(np.arange(3.0))
    (jaxpr,) = programs
    cv.check(jaxpr)
    assert 'varying(f64[], "i")' in str(jaxpr)
    assert cv.parse(str(jaxpr)) == jaxpr


def test_jitted_functions_are_traced_again_for_another_axis():
    f = cv.jit(lambda x: x / lax.psum(1.0, "i") + lax.axis_index("i"))
    for n in (2, 5):
        close(named(lambda _, f=f: f(1.0), axis_size=n)(np.zeros(n)), 1.0 / n + np.arange(n))


def test_errors():
    with pytest.raises(cv.errors.AxisNameError, match=r"no batch axis named 'i'[\s\S]*no axis has a name here"):
        lax.psum(1.0, "i")
    with pytest.raises(cv.errors.AxisNameError, match=r"named 'j'[\s\S]*the named axes here are 'i'"):
        named(lambda x: lax.axis_index("j"))(XS)
    with pytest.raises(cv.errors.ArgumentError, match=r"psum_scatter is to divide axis 0 of f64\[3\].* among 4 examples"):
        named(lambda x: lax.psum_scatter(x, "i"))(XS)
    with pytest.raises(cv.errors.ArgumentError, match="ppermute got destinations"):
        named(lambda x: lax.ppermute(x, "i", [(0, 1), (2, 1)]))(XS)
    for groups in ([[0, 1], [2]], [[0, 1], [1, 2]], [[0, 1, 2], [3]]):
        with pytest.raises(cv.errors.ArgumentError, match=r"psum got axis_index_groups=[\s\S]*the axis 'i' of 4 examples"):
            named(lambda x, g=groups: lax.psum(x, "i", axis_index_groups=g))(XS)
    with pytest.raises(cv.errors.ArgumentError, match="branches='split' and an axis_name"):
        named(lambda x: x, branches="split")(XS)
    with pytest.raises(cv.errors.AxisNameError, match="not all examples take part"):
        named(lambda x: lax.cond(x[0] > 0, lambda x: lax.psum(x, "i"), lambda x: x, x))(XS)
    with pytest.raises(cv.errors.AxisNameError, match="not all examples take part"):
        named(lambda x: lax.while_loop(lambda v: v[0] < 3, lambda v: v + lax.psum(v * v, "i"), x))(XS)


def several(name, axis):
    """A collective of the table over another axis, which may be several."""
    return {
        "psum": lambda x: lax.psum(x, axis),
        "pmax": lambda x: lax.pmax(x, axis),
        "all_gather": lambda x: lax.all_gather(x, axis, axis=1),
        "all_gather tiled": lambda x: lax.all_gather(x, axis, axis=0, tiled=True),
        "psum_scatter": lambda x: lax.psum_scatter(x, axis),
        "psum_scatter tiled": lambda x: lax.psum_scatter(np.concatenate([x, 2 * x]), axis, tiled=True),
        "all_to_all": lambda x: lax.all_to_all(x, axis, 0, 1),
        "all_to_all tiled": lambda x: lax.all_to_all(x, axis, 0, 0, tiled=True),
        "ppermute": lambda x: lax.ppermute(x, axis, [(0, 1), (1, 5), (5, 2), (4, 4)]),
        "axis_index": lambda x: x * lax.axis_index(axis),
        "axis_size": lambda x: x * lax.axis_size(axis),
    }[name]


SEVERAL = [
    "psum", "pmax", "all_gather", "all_gather tiled", "psum_scatter", "psum_scatter tiled", "all_to_all", "all_to_all tiled",
    "ppermute", "axis_index", "axis_size",
]  # fmt: skip


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("name", SEVERAL)
def test_several_axes_are_as_one(name, order):
    """Over the axes of two nested batches together, a collective does what it does over one axis with all of their examples."""
    x = RNG.normal(size=(2, 3, 6, 2))  # axes a and b
    nested = lambda f: cv.vmap(cv.vmap(lambda x: f(np.sin(x)), axis_name="b"), axis_name="a")
    flat = x if order == "ab" else np.swapaxes(x, 0, 1)
    together = cv.vmap(lambda x: several(name, "i")(np.sin(x)), axis_name="i")
    as_one = lambda x: together(np.reshape(x if order == "ab" else np.swapaxes(x, 0, 1), (6, 6, 2)))
    f = nested(several(name, tuple(order)))

    def arranged(y):
        y = np.reshape(y, (*flat.shape[:2], *np.shape(y)[1:]))
        return y if order == "ab" else np.swapaxes(y, 0, 1)

    want = arranged(as_one(x))
    for h in (f, cv.jit(f), nested(cv.jit(several(name, tuple(order))))):
        close(h(x), want)
    weights = RNG.normal(size=want.shape)
    gradient = cv.grad(lambda x: np.sum(weights * arranged(as_one(x)) ** 2))(x)
    close(cv.grad(lambda x: np.sum(weights * f(x) ** 2))(x), gradient)
    close(cv.jit(cv.grad(lambda x: np.sum(weights * f(x) ** 2)))(x), gradient)


INNER = {"jit": cv.jit, "checkpoint": cv.checkpoint, "cond": lambda f: lambda x: lax.cond(True, f, f, x)}
SHARED = {
    "psum": lambda x: lax.psum(x, "i"),
    "pmin": lambda x: lax.pmin(x, "i"),
    "all_gather": lambda x: lax.all_gather(x, "i")[0],
}


@pytest.mark.parametrize("second", [*SHARED, "ppermute"])
@pytest.mark.parametrize("first", SHARED)
@pytest.mark.parametrize("inner", INNER)
def test_what_examples_share_varies_no_more_outside_of_a_program(inner, first, second):
    after = {**SHARED, "ppermute": lambda x: lax.ppermute(x, "i", [(0, 1), (1, 0)])}[second]
    f = cv.vmap(lambda x: after(INNER[inner](SHARED[first])(x)), axis_name="i")
    x = RNG.normal(size=(4, 2))
    for h in (cv.jit(f), lambda x: cv.jit(cv.vmap(f))(x[None])[0]):
        close(h(x), f(x))
