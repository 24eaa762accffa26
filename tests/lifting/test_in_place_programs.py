"""Small programs as people write them, in place: against NumPy on plain arrays, differences of it, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

import covector as cv
from covector.core.errors import ConcretizationError

# --- programs --------------------------------------------------------------------------------------------------------------


def derivative(u):
    """Differences of second order, one-sided at the ends."""
    du = np.empty_like(u)
    n = len(u)
    du[0] = -1.5 * u[0] + 2.0 * u[1] - 0.5 * u[2]
    for i in range(1, n - 1):
        du[i] = (u[i + 1] - u[i - 1]) / 2.0
    du[n - 1] = 1.5 * u[-1] - 2.0 * u[-2] + 0.5 * u[-3]
    return du


def cholesky(a):
    """Row by row, in a matrix of zeros."""
    n = a.shape[0]
    l = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= l[i, k] * l[j, k]
            if i == j:
                l[i, j] = math.sqrt(s)
            else:
                l[i, j] = s / l[j, j]
    return l


def cholesky_of(x):
    return cholesky(x @ x.T + 4.0 * np.eye(len(x)))


def lu_in_place(x):
    """Doolittle's, on a copy; L and U in one matrix."""
    a = np.array(x, dtype=float)
    a += 5.0 * np.eye(len(a))
    n = len(a)
    for k in range(n - 1):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    return a


def determinant_with_pivots(x):
    a = np.array(x)
    sign = 1.0
    n = a.shape[0]
    for k in range(n):
        p = k + int(np.argmax(np.abs(a[k:, k])))
        if p != k:
            a[[k, p]] = a[[p, k]]
            sign = -sign
        a[k + 1 :, k:] -= np.outer(a[k + 1 :, k] / a[k, k], a[k, k:])
    return sign * np.prod(np.diagonal(a))


def bubble_sort(x):
    a = x.copy()
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a * np.arange(1.0, n + 1.0)


def insertion_sort(x):
    a = list(x)
    for i in range(1, len(a)):
        key, j = a[i], i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    return np.asarray(a) ** 2


def jacobi(b):
    n = len(b)
    a = 4.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    x = np.zeros_like(b)
    for _ in range(6):
        new = np.zeros(n)
        for i in range(n):
            s = 0.0
            for j in range(n):
                if j != i:
                    s += a[i, j] * x[j]
            new[i] = (b[i] - s) / a[i, i]
        x[:] = new
    return x


def gauss_seidel(b):
    u = np.zeros(len(b) + 2)
    for _ in range(4):
        for i in range(1, len(u) - 1):
            u[i] = 0.5 * (u[i - 1] + u[i + 1] + 0.1 * np.sin(b[i - 1]))
    return u[1:-1]


def cumulative_table(x):
    """Sums over rectangles, as for images."""
    n, m = x.shape
    table = np.zeros((n + 1, m + 1), dtype=x.dtype)
    for i in range(n):
        for j in range(m):
            table[i + 1, j + 1] = x[i, j] + table[i, j + 1] + table[i + 1, j] - table[i, j]
    return table[1:, 1:]


def time_warping(x):
    """Soft minimum over the paths of two series."""
    other = np.array([0.2, -0.4, 1.0])
    n, m = len(x), len(other)
    d = np.full((n + 1, m + 1), 1e3)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - other[j - 1]) ** 2
            last = np.array([d[i - 1, j], d[i, j - 1], d[i - 1, j - 1]])
            d[i, j] = cost - np.log(np.sum(np.exp(-last)))
    return d[n, m]


def runge_kutta(p):
    """Lotka and Volterra, written into the rows of a table."""
    steps, h = 5, 0.1
    y = np.empty((steps + 1, 2))
    y[0] = 1.0, 0.5

    def f(z):
        dz = np.zeros(2)
        dz[0] = p[0] * z[0] - p[1] * z[0] * z[1]
        dz[1] = p[2] * z[0] * z[1] - p[0] * z[1]
        return dz

    for i in range(steps):
        k1 = f(y[i])
        k2 = f(y[i] + 0.5 * h * k1)
        k3 = f(y[i] + 0.5 * h * k2)
        k4 = f(y[i] + h * k3)
        y[i + 1] = y[i] + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


def image_filter(image):
    """A box of three by three, inside the border; the border is kept."""
    out = image.copy()
    for i in range(1, image.shape[0] - 1):
        for j in range(1, image.shape[1] - 1):
            acc = 0.0
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    acc += image[i + di, j + dj]
            out[i, j] = np.tanh(acc / 9.0)
    return out


def heat(u):
    u = np.asarray(u, dtype=float).copy()
    for _ in range(5):
        u[1:-1] += 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2]) * (1.0 + 0.1 * u[1:-1])
        u[0] = u[1]
        u[-1] = 0.0
    return u


def normalised(x):
    x = np.array(x)
    x -= x.mean(axis=0)
    x /= np.sqrt((x**2).sum(axis=0) + 1.0)
    return x


def horner(x):
    out = np.full(x.shape, 0.3)
    for c in (1.0, -0.5, 0.25, 2.0):
        np.multiply(out, x, out=out)
        np.add(out, c, out=out)
    return out


def gram_schmidt(x):
    q = np.zeros_like(x)
    for j in range(x.shape[1]):
        v = x[:, j].copy()
        for i in range(j):
            v -= np.dot(q[:, i], x[:, j]) * q[:, i]
        q[:, j] = v / np.linalg.norm(v)
    return q


def back_substitution(b):
    u = np.triu(np.arange(1.0, 17.0).reshape(4, 4)) + 3.0 * np.eye(4)
    x = np.zeros(4)
    for i in range(3, -1, -1):
        x[i] = (b[i] - u[i, i + 1 :] @ x[i + 1 :]) / u[i, i]
    return x


def thomas(d):
    """A tridiagonal system, its right-hand side overwritten."""
    n = len(d)
    c, d = np.full(n, -1.0), d.copy()
    c[0] /= 3.0
    d[0] /= 3.0
    for i in range(1, n):
        m = 3.0 + c[i - 1]
        c[i] /= m
        d[i] = (d[i] + d[i - 1]) / m
    for i in range(n - 2, -1, -1):
        d[i] -= c[i] * d[i + 1]
    return d


def histogram_of_kernels(x):
    counts = np.zeros(4)
    for v in x:
        w = np.exp(-((v - np.arange(4.0)) ** 2))
        counts += w / w.sum()
    return counts


def scatter(x):
    out = np.zeros(3)
    np.add.at(out, [0, 1, 0, 2], x[:4] * x[:4])
    np.multiply.at(out, np.array([1, 1]), x[:2])
    return out


def masked(x):
    y = np.zeros_like(x)
    mask = x > 0
    y[mask] = np.sqrt(x[mask])
    y[~mask] = -(x[~mask] ** 2)
    return y


def rotated_rows(x):
    a = x.copy()
    first = a[0].copy()
    a[:-1] = a[1:]
    a[-1] = first
    a.T[0] *= 2.0
    a.ravel()[::2] += 1.0
    return a * a


def recurrence(x):
    f = [x[0], x[1]]
    for i in range(2, 6):
        f.append(f[i - 1] * 0.5 + math.sin(f[i - 2]))
    return np.array(f)


def kalman(z):
    x, p = np.zeros(2), np.eye(2)
    a, q = np.array([[1.0, 0.1], [0.0, 1.0]]), 0.01 * np.eye(2)
    h = np.array([1.0, 0.0])
    means = np.zeros((len(z), 2))
    for i, zi in enumerate(z):
        x = a @ x
        p = a @ p @ a.T + q
        s = h @ p @ h + 0.1
        k = p @ h / s
        x += k * (zi - h @ x)
        p -= np.outer(k, h @ p)
        means[i, :] = x
    return means


def viscous(x):
    """Two buffers that take turns."""
    old, new = x.copy(), np.empty_like(x)
    for _ in range(3):
        new[1:-1] = old[1:-1] - 0.1 * old[1:-1] * (old[2:] - old[:-2])
        new[0], new[-1] = old[-2], old[1]
        old, new = new, old
    return old


def legendre(x):
    p = np.zeros((5, *x.shape))
    p[0] = 1.0
    p[1] = x
    for n in range(1, 4):
        p[n + 1] = ((2 * n + 1) * x * p[n] - n * p[n - 1]) / (n + 1)
    return p


def softmax_rows(x):
    e = np.array(x, copy=True)
    for row in e:
        row -= row.max()
        np.exp(row, out=row)
        row /= row.sum()
    return e


def forces(x):
    """Pairs of particles, action and reaction."""
    f = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            d = x[i] - x[j]
            w = d / (np.dot(d, d) + 0.5)
            f[i] += w
            f[j] -= w
    return f


def floyd_warshall(x):
    d = np.abs(x) + 0.3
    np.fill_diagonal(d, 0.0)
    for k in range(len(d)):
        d[:] = np.minimum(d, d[:, k, None] + d[None, k, :])
    return d


def filtered(x):
    """A recursive filter with states in a list."""
    state = [0.0, 0.0]
    y = np.zeros(len(x))
    for n in range(len(x)):
        v = x[n] - 0.3 * state[0] - 0.1 * state[1]
        y[n] = v + 0.5 * state[0]
        state[1] = state[0]
        state[0] = v
    return y


def spectrum(x):
    """A sum of complex exponentials, its parts filled one after the other."""
    n = len(x)
    out = np.zeros(n, dtype=complex)
    for k in range(n):
        for j in range(n):
            out.real[k] += x[j] * math.cos(2.0 * math.pi * j * k / n)
            out.imag[k] -= x[j] * math.sin(2.0 * math.pi * j * k / n)
    return np.abs(out) ** 2


VECTOR = np.array([0.7, -0.4, 1.3, 0.2, -1.1])
MATRIX = np.array([[0.5, -1.2, 0.3], [0.8, 0.1, -0.7], [-0.2, 1.4, 0.9]])
WIDE = np.array([[0.5, -1.2, 0.3, 0.6], [0.8, 0.1, -0.7, -0.5], [-0.2, 1.4, 0.9, 1.7]])
PROGRAMS = {
    f: x
    for x, programs in (
        (VECTOR, (derivative, bubble_sort, insertion_sort, jacobi, gauss_seidel, time_warping, runge_kutta)),
        (VECTOR, (heat, horner, thomas)),
        (VECTOR, (histogram_of_kernels, scatter, masked, recurrence, kalman, viscous, legendre, filtered, spectrum)),
        (VECTOR[:4], (back_substitution,)),
        (MATRIX, (cholesky_of, lu_in_place, determinant_with_pivots, cumulative_table, normalised)),
        (MATRIX, (gram_schmidt, rotated_rows, floyd_warshall)),
        (WIDE, (image_filter, softmax_rows, forces)),
    )
    for f in programs
}
BRANCHES = {bubble_sort, insertion_sort, determinant_with_pivots}  # of Python, on values
SIZES = {masked}  # as many numbers as the values say
CLOSED = {
    determinant_with_pivots: np.linalg.det,
    cumulative_table: lambda x: np.cumsum(np.cumsum(x, 0), 1),
    cholesky_of: lambda x: np.linalg.cholesky(x @ x.T + 4.0 * np.eye(len(x))),
    bubble_sort: lambda x: np.sort(x) * np.arange(1.0, len(x) + 1.0),
    spectrum: lambda x: np.abs(np.fft.fft(x)) ** 2,
    horner: lambda x: np.polyval([0.3, 1.0, -0.5, 0.25, 2.0], x),
    legendre: lambda x: np.stack([np.polynomial.Legendre.basis(n)(x) for n in range(5)]),
    back_substitution: lambda b: np.linalg.solve(np.triu(np.arange(1.0, 17.0).reshape(4, 4)) + 3.0 * np.eye(4), b),
    thomas: lambda d: np.linalg.solve(3.0 * np.eye(5) - np.eye(5, k=1) - np.eye(5, k=-1), d),
    softmax_rows: lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
    gram_schmidt: lambda x: np.linalg.qr(x)[0] * np.sign(np.diagonal(np.linalg.qr(x)[1])),
}

# --- what holds of them ------------------------------------------------------------------------------------------------------


def tangent(x):
    return np.cos(1.0 + np.arange(x.size)).reshape(x.shape)


def along(f, x, h=0.01):
    """First and second derivative of a function along the tangent, by differences of sixth order."""
    a3, a2, a1, b0, b1, b2, b3 = (f(x + h * k * tangent(x)) for k in range(-3, 4))
    first = (45 * (b1 - a1) - 9 * (b2 - a2) + (b3 - a3)) / (60 * h)
    return first, (2 * (b3 + a3) - 27 * (b2 + a2) + 270 * (b1 + a1) - 490 * b0) / (180 * h * h)


def weighted(f):
    def loss(x):
        y = f(x)
        return np.sum(y * np.cos(np.arange(float(np.size(y)))).reshape(np.shape(y)))

    return loss


def near(found, wanted, rtol=1e-7):
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)


every = pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
without_branches = pytest.mark.parametrize("f", [f for f in PROGRAMS if f not in BRANCHES | SIZES], ids=lambda f: f.__name__)


@pytest.mark.parametrize("f", CLOSED, ids=lambda f: f.__name__)
def test_closed_forms(f):
    near(f(PROGRAMS[f]), CLOSED[f](PROGRAMS[f]), 1e-12)


@every
def test_value_and_derivative(f):
    x = PROGRAMS[f]
    value, derivative = cv.jvp(cv.lift(f), (x,), (tangent(x),))
    near(value, f(x), 1e-13)
    near(derivative, along(f, x)[0])
    near(cv.linearize(cv.lift(f), x)[1](tangent(x)), derivative, 1e-13)


@every
def test_gradient_and_hessian_vector_product(f):
    x = PROGRAMS[f]
    loss = weighted(cv.lift(f))
    kept = x.copy()
    gradient, product = cv.jvp(cv.grad(loss), (x,), (tangent(x),))
    first, second = along(weighted(f), x)
    near(np.sum(gradient * tangent(x)), first)
    near(np.sum(product * tangent(x)), second, 1e-5)
    near(cv.grad(loss)(x), gradient, 1e-13)
    np.testing.assert_array_equal(x, kept)


@without_branches
def test_compiled(f):
    x = PROGRAMS[f]
    compiled, gradient = cv.jit(cv.lift(f)), cv.jit(cv.grad(weighted(cv.lift(f))))
    for at in (x, x + 0.1 * tangent(x)):
        near(compiled(at), f(at), 1e-12)
        near(gradient(at), cv.grad(weighted(cv.lift(f)))(at), 1e-10)
    near(cv.grad(cv.checkpoint(weighted(cv.lift(f))))(x), gradient(x), 1e-10)


@without_branches
def test_batched(f):
    x = PROGRAMS[f]
    rows = np.stack([x, x + 0.1 * tangent(x), 0.9 * x])
    near(cv.vmap(cv.lift(f))(rows), np.stack([f(row) for row in rows]), 1e-12)
    gradient = cv.grad(weighted(cv.lift(f)))
    near(cv.vmap(gradient)(rows), np.stack([gradient(row) for row in rows]), 1e-10)


@pytest.mark.parametrize("f", sorted(BRANCHES, key=str), ids=lambda f: f.__name__)
def test_batches_that_branch(f):
    x = PROGRAMS[f]
    rows = np.stack([x, x[::-1], -0.9 * x])
    near(cv.vmap(cv.lift(f), branches="split")(rows), np.stack([f(row) for row in rows]), 1e-12)
    gradient = cv.grad(weighted(cv.lift(f)))
    near(cv.vmap(gradient, branches="split")(rows), np.stack([gradient(row) for row in rows]), 1e-10)


@pytest.mark.parametrize("f", sorted(BRANCHES, key=str), ids=lambda f: f.__name__)
def test_branches_are_refused_where_values_are_unknown(f):
    with pytest.raises(ConcretizationError):
        cv.jit(cv.lift(f))(PROGRAMS[f])
    with pytest.raises(ConcretizationError):
        cv.vmap(cv.lift(f))(PROGRAMS[f][None])


@every
def test_plain_calls_are_numpys(f):
    x = PROGRAMS[f]
    np.testing.assert_array_equal(cv.lift(f)(x), f(x))
