"""Batches of no examples: results have the shape of those of one example, with a batch axis of length 0."""

import numpy as np
import pytest

import covector as cv
import covector.numpy as cnp
from covector import lax
from covector.core.errors import BatchSizeError

V, M, I = np.array([1.0, 2.0, 4.0]), np.array([[2.0, 1.0], [1.0, 3.0]]), np.int64(1)
U = np.array([0.5, 1.5, 2.5])

OF_VECTORS = [
    *(np.sin, np.abs, np.isnan, np.sum, np.prod, np.max, np.min, np.mean, np.std, np.var, np.all, np.any, np.argmax, np.argmin),
    *(np.median, np.ptp, np.nansum, np.nanmax, np.nanmean, np.nanstd, np.nanmedian, np.cumsum, np.cumprod, np.sort, np.argsort),
    *(np.flip, np.ravel, np.diff, np.gradient, np.average, np.count_nonzero, np.trapezoid, np.vander, np.unwrap, np.poly),
]  # fmt: skip
OF_MATRICES = [
    *(np.linalg.inv, np.linalg.det, np.linalg.eigvalsh, np.linalg.cholesky, np.linalg.pinv, np.linalg.norm),
    *(np.linalg.matrix_rank, np.trace, np.diag, np.tril, np.transpose, np.cov, np.corrcoef),
]  # fmt: skip
OTHERS = {
    "quantile": (lambda x: np.quantile(x, 0.3), V),
    "percentiles": (lambda x: np.nanpercentile(x, [20, 50]), V),
    "interp": (lambda x: np.interp(x, U, V), V),
    "where": (lambda x: np.where(x > 1, x, 0), V),
    "a traced index": (lambda i: cnp.take(V, i), I),
    "a traced index of a row": (lambda i: cnp.take(M, i, axis=0), I),
    "an array and an index": (lambda p: p[0][p[1]], (V, I)),
    "at.set": (lambda p: cv.at(p[0])[p[1]].set(9.0), (V, I)),
    "at.add twice": (lambda x: cv.at(x)[np.array([0, 0])].add(2.0), V),
    "searchsorted": (lambda x: np.searchsorted(V, x), V),
    "convolve": (lambda x: np.convolve(x, U), V),
    "einsum": (lambda a: np.einsum("ij,jk->ik", a, a), M),
    "kron": (lambda a: np.kron(a, M), M),
    "solve": (lambda a: np.linalg.solve(a, np.ones(2)), M),
    "eigh": (lambda a: tuple(np.linalg.eigh(a)), M),
    "svd": (lambda a: tuple(np.linalg.svd(a)), M),
    "qr": (lambda a: tuple(np.linalg.qr(a)), M),
    "slogdet": (lambda a: tuple(np.linalg.slogdet(a)), M),
    "concatenate": (lambda x: np.concatenate([x, U]), V),
    "pad": (lambda x: np.pad(x, 1, mode="reflect"), V),
    "split": (lambda x: np.split(x, 3), V),
    "bincount": (lambda x: np.bincount(np.array([0, 1, 1]), x, 3), V),
    "accumulate": (lambda x: np.maximum.accumulate(x), V),
    "scan": (lambda x: lax.scan(lambda c, u: (c * u, c), 1.0, x), V),
    "scan in segments": (lambda x: lax.scan(lambda c, u: (c * u, c), 1.0, x, checkpoint="sqrt"), V),
    "while_loop": (lambda x: lax.while_loop(lambda c: np.sum(c) < 10, lambda c: c + 1, x), V),
    "fori_loop": (lambda x: lax.fori_loop(0, 3, lambda k, c: c * x, x), V),
    "fori_loop with a batched bound": (lambda n: lax.fori_loop(0, n, lambda k, c: c + 1.0, 0.0), I),
    "cond": (lambda x: lax.cond(x[0] > 1, np.sin, np.cos, x), V),
    "switch": (lambda i: lax.switch(i, [lambda: 1.0, lambda: 2.0]), I),
    "map": (lambda x: lax.map(np.sin, x), V),
    "associative_scan": (lambda x: lax.associative_scan(np.add, x), V),
    "jit": (cv.jit(lambda x: x * 2), V),
    "checkpoint": (cv.checkpoint(np.sin), V),
    "sequential callback": (lambda x: cv.pure_callback(np.sin, x, x, vmap_method="sequential"), V),
    "callback of the batch": (lambda x: cv.pure_callback(np.sin, x, x, vmap_method="broadcast_all"), V),
    "io_callback": (lambda x: cv.io_callback(np.sin, x, x), V),
    "vmap": (cv.vmap(np.sin), V),
}
CASES = {**{f.__name__: (f, V) for f in OF_VECTORS}, **{f.__name__: (f, M) for f in OF_MATRICES}, **OTHERS}
INTEGERS = {name for name, (_, x) in CASES.items() if any(np.asarray(leaf).dtype.kind != "f" for leaf in cv.tree.leaves(x))}
WAYS = {"vmap": cv.vmap, "jit of vmap": lambda f: cv.jit(cv.vmap(f)), "vmap of jit": lambda f: cv.vmap(cv.jit(f))}


def nothing_like(tree):
    return cv.tree.map(lambda x: np.zeros((0, *np.shape(x)), np.asarray(x).dtype), tree)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:::numpy")
def test_no_examples_give_no_results_of_the_right_shape(name):
    f, example = CASES[name]
    want = [((0, *np.shape(x)), np.asarray(x).dtype) for x in cv.tree.leaves(f(example))]
    for way in WAYS.values():
        got = cv.tree.leaves(way(f)(nothing_like(example)))
        assert [(np.shape(x), np.asarray(x).dtype) for x in got] == want


def scalar(f):
    floats = lambda tree: [x for x in cv.tree.leaves(tree) if x.dtype.kind in "fc"]
    return lambda x: sum((np.sum(np.real(y)) for y in floats(f(x))), 0.0 * np.sum(x))


NOT_DIFFERENTIABLE = {"sequential callback", "callback of the batch", "io_callback"}


@pytest.mark.parametrize("name", [n for n in CASES if n not in INTEGERS | NOT_DIFFERENTIABLE])
def test_derivatives_of_no_examples(name):
    f, example = CASES[name]
    empty = nothing_like(example)
    for gradient in (cv.vmap(cv.grad(scalar(f))), cv.grad(scalar(cv.vmap(f))), cv.jit(cv.grad(scalar(cv.vmap(f))))):
        assert gradient(empty).shape == empty.shape
    out, tangent = cv.jvp(scalar(cv.vmap(f)), (empty,), (empty,))
    assert out == 0.0 and tangent == 0.0


COLLECTIVES = [lax.psum, lax.pmax, lax.pmin, lax.pmean]


@pytest.mark.parametrize("collective", COLLECTIVES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
@pytest.mark.filterwarnings("ignore:::numpy")
def test_collectives_over_no_examples(collective, shape):
    f = cv.vmap(lambda x: collective(x, "i"), axis_name="i")
    empty = np.zeros((0, *shape))
    with np.errstate(all="ignore"):
        assert f(empty).shape == cv.jit(f)(empty).shape == empty.shape
        assert cv.grad(lambda x: np.sum(f(x)))(empty).shape == empty.shape


def test_an_empty_table():
    empty, none = np.zeros(0), np.zeros(0, int)
    assert cv.vmap(lambda i: cnp.take(empty, i))(none).shape == cv.jit(lambda i: cnp.take(empty, i))(none).shape == (0,)
    with pytest.raises(IndexError):
        cv.jit(lambda i: cnp.take(empty, i))(np.array([0]))


def test_functions_of_no_elements_mean_what_they_mean_in_numpy():
    empty = np.zeros(0)
    for f in (np.nanmedian, lambda x: np.nanquantile(x, 0.3), np.median, np.mean):
        with pytest.warns(RuntimeWarning):
            assert np.isnan(cv.jit(f)(empty))
    with pytest.raises(IndexError, match="no elements"):
        cv.jit(lambda x: np.quantile(x, 0.3))(empty)
    np.testing.assert_array_equal(cv.jit(np.argsort)(np.array(3.0)), np.argsort(np.array(3.0)))


def test_split_branches_need_an_example_to_ask():
    f = cv.vmap(lambda x: x if x > 0 else -x, branches="split")
    with pytest.raises(BatchSizeError, match=r"batch of size 0"):
        f(np.zeros(0))
    assert cv.vmap(lambda x: x * 2, branches="split")(np.zeros((0, 3))).shape == (0, 3)


def test_isclose_of_booleans_and_small_integers():
    b, u = np.array([True, False]), np.array([3, 5], np.uint8)
    assert cv.jit(np.allclose)(b, b) == np.True_
    np.testing.assert_array_equal(cv.jit(np.isclose)(b, ~b), np.isclose(b, ~b))
    np.testing.assert_array_equal(cv.jit(lambda x: np.isclose(x, u + 1, atol=2))(u), np.isclose(u, u + 1, atol=2))
