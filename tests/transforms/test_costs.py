"""What programs cost, against what one counts by hand."""

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.passes.costs import Count, costs

A, B, X = np.ones((4, 3)), np.ones((3, 5)), np.ones(3)


def analysis(f, *args):
    return cv.jit(f).lower(*args).cost_analysis()


@pytest.mark.parametrize(
    ("f", "args", "flops", "transcendentals"),
    [
        (lambda a, b: a @ b, (A, B), 2 * 4 * 3 * 5, 0),
        (lambda a, x: a @ x, (A, X), 2 * 4 * 3, 0),
        (lambda x: x @ x, (X,), 2 * 3, 0),
        (lambda x: np.multiply.outer(x, x), (X,), 9, 0),
        (lambda a: a * a + 1.0, (A,), 24, 0),
        (lambda a: np.exp(np.sin(a)), (A,), 0, 24),
        (lambda a: np.sum(a, axis=0), (A,), 12, 0),
        (lambda a: a.T[1:].reshape(8), (A,), 0, 0),
        (lambda a: a**2 + a**2.5, (A,), 24, 12),
        (lambda a: np.var(a), (A,), 48, 0),
        (lambda a: np.where(a > 0, a, 0.0), (A,), 12, 0),
        (lambda a: np.cumsum(a, axis=1), (A,), 12, 0),
        (lambda x: np.sort(x), (np.ones(8),), 8 * 3, 0),
        (lambda x: np.fft.fft(x), (np.ones(8, complex),), 5 * 8 * 3, 0),
        (lambda x: np.fft.fft(x), (np.ones((4, 1), complex),), 0, 0),
        (lambda x: np.fft.rfft(x), (np.ones((2, 8)),), 2 * 5 * 8 * 3 // 2, 0),
        (lambda x, y: np.convolve(x, y), (np.ones(8), X), 2 * 8 * 3, 0),
        (lambda a, v: np.searchsorted(a, v), (np.arange(7.0), np.ones(5)), 5 * 3, 0),
        (lambda x, t: cv.jvp(lambda x, y: x * y, (x, x), (t, t))[1], (X, X), 3 * (2 + 1), 0),
        (lambda s: np.linalg.cholesky(s), (np.eye(6),), 72, 0),
        (lambda s: np.linalg.eigh(s), (np.eye(6),), 9 * 216, 0),
        (lambda s: np.linalg.eigvalsh(s), (np.ones((2, 6, 6)),), 2 * 288, 0),
        (lambda a: np.linalg.svd(a), (A,), 6 * 4 * 9 + 20 * 27, 0),
        (lambda a: np.linalg.svd(a.T, compute_uv=False), (A,), 2 * 4 * 9 + 2 * 27, 0),
        (lambda a: np.linalg.qr(a), (A,), 4 * (4 * 9 - 9), 0),
        (lambda a: np.linalg.qr(a.T), (A,), 4 * (4 * 9 - 9), 0),
        (lambda a: np.linalg.qr(a, "r"), (A,), 2 * (4 * 9 - 9), 0),
        (lambda s, b: np.linalg.solve(s, b), (np.eye(6), np.ones(6)), 144 + 72, 0),
        (lambda s, b: np.linalg.solve(s, b), (np.eye(6), np.ones((6, 2))), 144 + 144, 0),
        (lambda s: lax.scan(lambda c, x: (c * x + 1.0, np.sin(c)), 1.0, s), (np.ones(10),), 20, 10),
        (lambda c: lax.while_loop(lambda c: c < 9.0, lambda c: c * 2.0 + 1.0, c), (1.0,), 3, 0),
        (lambda c: lax.cond(c > 0, lambda v: v * v * v, lambda v: -v, c), (np.float64(1.0),), 3, 0),
    ],
)
def test_operations(f, args, flops, transcendentals):
    found = analysis(f, *args)
    assert (found["flops"], found["transcendentals"]) == (flops, transcendentals)


def test_bytes_of_each_operation():
    assert analysis(lambda a, b: a @ b, A, B)["bytes accessed"] == 8 * (12 + 15 + 20)
    assert analysis(lambda a: np.sum(np.sin(a.T)), A.astype(np.float32))["bytes accessed"] == 4 * (12 + 12 + 12 + 1)
    rows = np.array([0, 2])
    assert analysis(lambda a, i: a[i], A, rows)["bytes accessed"] == 8 * (2 * 6 + 2)
    assert analysis(lambda xs: lax.scan(lambda c, x: (c + x, None), 0.0, xs)[0], np.ones(7))["bytes accessed"] == 7 * 24


def test_peak_memory():
    x = np.ones(1000)
    assert analysis(lambda x: np.sin(x), x)["peak memory"] == 16_000
    assert analysis(lambda x: np.sin(np.cos(np.exp(x))), x)["peak memory"] == 24_000  # of the chain two are there at a time
    assert analysis(lambda x: np.sin(x).reshape(10, 100).T[:3], x)["peak memory"] == 16_000  # views
    assert analysis(lambda x: np.sum(np.sin(x)), x)["peak memory"] == 16_008
    kept = np.arange(1000.0)
    assert analysis(lambda x: x * kept, x)["peak memory"] == 24_000


def test_loops_of_unknown_length_and_unknown_operations_are_said():
    found = analysis(lambda c: lax.while_loop(lambda c: c < 9.0, lambda c: c * 2.0, c), 1.0)
    assert found["loops of unknown length"] == 1 and "not counted" not in found
    called = lambda x: cv.pure_callback(np.sin, cv.ShapedArray((), np.float64), x)
    assert analysis(called, 1.0)["not counted"] == {"pure_callback": 1}
    assert analysis(lambda x: np.linalg.pinv(A * called(called(x))), 1.0)["not counted"] == {"pure_callback": 2, "pinv": 1}
    loop = lambda c: lax.while_loop(lambda c: c < 9.0, lambda c: c * 2.0, c)
    assert analysis(lambda xs: lax.map(loop, xs), X)["loops of unknown length"] == 3
    for f in (np.sin, lambda x: lax.scan(lambda c, _: (c * x, None), x, None, length=3)[0]):
        assert "loops of unknown length" not in analysis(f, 1.0)


def test_a_rule_of_ones_own():
    from covector.extend import Elementwise, Primitive

    twice_p = Primitive("twice_cost_test", Elementwise(lambda x: 2 * x))
    assert costs(cv.make_jaxpr(twice_p.bind)(A)).operations == Count(0, 12)
    twice_p.def_rule("cost", lambda eqn: Count(eqn.outputs[0].aval.size))
    assert costs(cv.make_jaxpr(twice_p.bind)(A)).operations == Count(12, 0)


def test_derivatives_cost_more():
    loss = lambda w, x: np.sum(np.tanh(x @ w))
    w, x = np.ones((3, 5)), A
    forward, backward = analysis(loss, w, x), analysis(cv.grad(loss), w, x)
    assert backward["flops"] >= 2 * 2 * 4 * 3 * 5 and backward["flops"] > forward["flops"]
