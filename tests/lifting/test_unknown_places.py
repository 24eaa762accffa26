"""Reads and writes at places that are not known under ``jit`` and ``vmap``: what NumPy does at the same places."""

import numpy as np
import pytest

import covector as cv

X = np.array([0.7, 2.1, -3.4, 0.5])

READS = """
    A[[0, p]]; A[[0, p], 1]; A[[0, p], [p - 1, 1]]; A[[[0, p], [p, 1]]]; A[1:, [0, p - 1]]; x[[0, p]]; A.T[[p, 0]]
    A.flat[[0, p]]; A.flat[p]; x.flat[[p, 0]]; x.flat[np.array([p, 0])]; A[np.ix_(np.array([0, p]), [0, 1])]
    np.take(A, p); np.take(A, p, 0); np.take(A, [0, p], 1); A.take([p, 0], axis=0); A.take(p); x.take([p, 0])
    np.take(A, [p, -p], mode='wrap'); np.take(A, [9 * p, -p], mode='clip'); np.roll(A, p); np.roll(A, (p, 1), (0, 1))
    np.roll(x, p); np.take_along_axis(A, np.array([[p, 0, 1]]), 0); np.eye(4)[p]; np.eye(4)[[p]]
"""

WRITES = """
    A[[0, p]] = A[[p, 0]]; A[[0, p]] += x[0]; A[[0, p], 1] = x[:2]; A.T[[p, 0]] = 7.0; A[1:, [0, p - 1]] *= 2.0
    A.flat[[0, p]] = x[:2]; A.flat[p] = 7.0; A.T.flat[[p, 9, 0]] = [1.5, x[0]]; A.flat[np.array([p, 0])] = 5.0
    np.put(A, [0, p], x[:2]); np.put(A, p, 7.0); A.put([p, 0], [1.5]); np.put(A.T, [p, 9], x); np.put(A, [p, 1, 9], x[:2])
    np.put(A, [p, -1], 7.0, mode='wrap'); np.put(A, [50 * p, -p], x[:2], mode='clip'); np.put(A, [9 * p, 0], 4, mode='wrap')
    np.put(A, np.array([[p, 0]]), x[:2]); np.put(A[::2], [p, 0], x[:2]); np.put(A, [p], [])
    np.put_along_axis(A, np.array([[p, 0, 1]]), x[0], 0); np.put_along_axis(A, np.array([[p - 1]] * 4), x[:, None], 1)
    np.put_along_axis(A, np.array([p, 0]), 9.0, None); np.put_along_axis(A[1:], np.array([[p, 0, 1]]) - 1, [[1., 2., 3.]], 0)
    np.add.at(A, [0, p], x[:2, None]); np.add.at(A, ([0, p], [p, 1]), 1.0); np.copyto(A[0], 7.0, where=[True, x[0] > 0, p > 5])
    np.place(x := x.copy(), [True, False, p > 1, p > 5], 7.0); np.putmask(x := x.copy(), [True, False, p > 1, p > 5], 7.0)
"""


def listed(text):
    return [t.strip() for line in text.splitlines() for t in line.split(";") if t.strip()]


def program(lines):
    names = {"np": np}
    start = "A = np.arange(12.0).reshape(4, 3)\nA[0] *= 3\np = np.argmin(x)"
    exec("def f(x):\n" + "\n".join(f"    {line}" for line in [*start.splitlines(), *lines.splitlines()]), names)
    return names["f"]


RUN = {
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: cv.vmap(f)(np.stack([x[::-1], x]))[1],
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", listed(READS))
def test_reads(text, run):
    f = program(f"return ({text}) + 0 * x[0]")
    np.testing.assert_array_equal(RUN[run](cv.lift(f), X), f(X))


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", listed(WRITES))
def test_writes(text, run):
    f = program(f"{text}\nreturn np.append(A, x)")
    np.testing.assert_array_equal(RUN[run](cv.lift(f), X), f(X))


@pytest.mark.parametrize("text", listed(WRITES))
def test_derivatives_of_writes(text):
    f = program(f"{text}\nreturn np.sum(np.append(A, x) ** 2)")
    steps = 1e-6 * np.eye(4)
    expected = [(f(X + e) - f(X - e)) / 2e-6 for e in steps]
    np.testing.assert_allclose(cv.jit(cv.grad(cv.lift(f)))(X), expected, rtol=1e-6, atol=1e-6)


def test_partial_pivoting():
    def solve(A, b):
        A, b, n = A.copy(), b.copy(), len(b)
        for k in range(n):
            p = k + np.argmax(np.abs(A[k:, k]))
            A[[k, p]] = A[[p, k]]
            b[[k, p]] = b[[p, k]]
            for i in range(k + 1, n):
                m = A[i, k] / A[k, k]
                A[i, k:] -= m * A[k, k:]
                b[i] -= m * b[k]
        for k in reversed(range(n)):
            b[k] = (b[k] - A[k, k + 1 :] @ b[k + 1 :]) / A[k, k]
        return b

    A, b = np.array([[0.1, 2.0, 1.0], [3.0, 0.2, -1.0], [1.0, 4.0, 0.3]]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cv.jit(cv.lift(solve))(A, b), np.linalg.solve(A, b), rtol=1e-12)
    np.testing.assert_allclose(cv.jit(cv.jacrev(cv.lift(solve), argnums=1))(A, b), np.linalg.inv(A), rtol=1e-12, atol=1e-14)
    many = np.stack([A, A[::-1], A.T])
    np.testing.assert_allclose(cv.vmap(cv.lift(solve), (0, None))(many, b), [np.linalg.solve(m, b) for m in many], rtol=1e-12)


SHOWN = """
    np.split(y, [p])[0][:] = 9.0; np.array_split(y, np.array([p]))[1][:] = 9.0; np.trim_zeros(y)[:1] = 9.0; y[:p] = 9.0
    np.diagonal(z, p - 1) * 1.0; np.swapaxes(z, 0, p // 2)[0] = 9.0; np.moveaxis(z, p // 2, 0)[0] = 9.0; z[:, p:][:1] = 9.0
    np.expand_dims(y, p // 2)[0] = 9.0; y.reshape(p // 2 + 1, -1)[0] = 9.0; np.flip(z, p // 2)[:2] = 9.0
    np.rot90(z, p)[:1] = 9.0; z.flat[p] = 9.0; z[np.unravel_index(p, z.shape)] = 9.0; y[y > 0][:] = 9.0
    y[y > 0] = y[y > 0] * 2; y[np.nonzero(y)] = 9.0; np.hsplit(z, [p])[1][:] = 9.0
"""


@pytest.mark.parametrize("run", ["split", "jvp"])
@pytest.mark.parametrize("text", listed(SHOWN))
def test_what_is_shown_by_places_that_are_asked_for(text, run):
    """A function that shows a part of an array, chosen by a value, shows it to writes as well."""
    f = program(f"y = x * 1.0\nz = np.outer(y, y)\n{text}\nreturn np.append(z, y)")
    xs = np.stack([X, [0.0, 1.0, -2.0, 0.0], -X])
    if run == "split":
        np.testing.assert_array_equal(cv.vmap(cv.lift(f), branches="split")(xs), [f(x) for x in xs])
    else:
        for x in xs:
            np.testing.assert_array_equal(cv.jvp(cv.lift(f), (x,), (x,))[0], f(x))


@pytest.mark.parametrize("run", RUN)
def test_shapes_of_lists_of_traced_values(run):
    def f(x):
        rows = [[x[0], 1.0], [2.0, x[1]], [x[2], x[3]]]
        assert np.shape(rows) == (3, 2) and np.ndim(rows) == 2 and np.size(rows) == 6 and np.size(rows, 0) == 3
        assert np.shape([x, x]) == (2, 4) and np.ndim((x[0], 2)) == 1 and np.ndim(x[0]) == 0 and np.shape([1.0]) == (1,)
        return np.array(rows)

    np.testing.assert_array_equal(RUN[run](cv.lift(f), X), f(X))


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("mode", ["True", "None", "np._CopyMode.ALWAYS", "np._CopyMode.IF_NEEDED"])
@pytest.mark.parametrize("start", ["y = x * 1.0", "y = np.arange(4.0)"])
def test_copies_where_they_are_needed(start, mode, run):
    copies = f"u = np.array(y, copy={mode})\nu[0] = 9.0\nv = np.array(y, dtype=np.float32, copy={mode})\nv[1] = 8"
    f = program(f"{start}\n{copies}\nreturn y + x")
    np.testing.assert_array_equal(RUN[run](cv.lift(f), X), f(X))
