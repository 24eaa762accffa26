"""Programs of many kinds, as people write them: state in objects, closures, generators, recursion, callbacks, buffers.

Each is a function of three positive numbers.  `BRANCHING` are those that ask Python for the truth of a value, and one whose
callback counts its calls in an array from outside: under jit and vmap they are refused.
"""

from __future__ import annotations

import bisect
import contextlib
import copy
import functools
import heapq
import itertools
import math
import operator
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.sparse

# --- objects --------------------------------------------------------------------------------------------------------------


class Filter:
    """State in attributes, written in place by methods."""

    gain = np.array([0.5, 0.25, 0.125])

    def __init__(self, n):
        self.mean, self.cov = np.zeros(n), np.eye(n)
        self.history = []

    def predict(self, q):
        self.cov += q * np.eye(len(self.cov))
        return self

    def update(self, z):
        k = self.cov @ np.linalg.inv(self.cov + np.eye(len(z)))
        self.mean += k @ (z - self.mean)
        self.cov -= k @ self.cov
        self.history.append(self.mean.copy())
        return self

    def __call__(self, z):
        return self.predict(0.1).update(z)


def kalman(x):
    f = Filter(3)
    for k in range(3):
        f(x * (k + 1))
    return np.vstack([*f.history, f.cov]) * Filter.gain


class Cached:
    """A property that is computed once, and one that is set."""

    def __init__(self, x):
        self._x = x

    @functools.cached_property
    def matrix(self):
        m = np.zeros((3, 3))
        m[np.triu_indices(3)] = np.concatenate([self._x, self._x[::-1] ** 2])
        return m

    @property
    def x(self):
        return self._x

    @x.setter
    def x(self, value):
        self._x = np.asarray(value, dtype=float)
        self.__dict__.pop("matrix", None)


def cached_properties(x):
    c = Cached(x)
    first = c.matrix.sum()
    c.matrix[0] *= 2.0
    second = c.matrix.sum()
    c.x = [x[0], x[1] * x[2], 1.0]
    return np.array([first, second, c.matrix.sum()])


class Node:
    __slots__ = ("grad", "left", "op", "right", "value")

    def __init__(self, value, op=None, left=None, right=None):
        self.value, self.op, self.left, self.right = value, op, left, right
        self.grad = 0.0

    def __add__(self, other):
        return Node(self.value + other.value, "+", self, other)

    def __mul__(self, other):
        return Node(self.value * other.value, "*", self, other)


def backward(node, seed):
    node.grad = node.grad + seed
    if node.op == "+":
        backward(node.left, seed)
        backward(node.right, seed)
    elif node.op == "*":
        backward(node.left, seed * node.right.value)
        backward(node.right, seed * node.left.value)


def reverse_mode_by_hand(x):
    a, b, c = (Node(v) for v in x)
    backward(a * b + b * c * a, 1.0)
    return np.array([a.grad, b.grad, c.grad])


@dataclass
class Body:
    position: np.ndarray
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    mass: float = 1.0

    def kick(self, force, dt):
        self.velocity += dt * force / self.mass

    def drift(self, dt):
        self.position += dt * self.velocity


def three_bodies(x):
    bodies = [Body(np.array([math.cos(k), float(k)]) * 1.0, mass=m) for k, m in enumerate(x)]
    for _ in range(3):
        for a, b in itertools.combinations(bodies, 2):
            d = b.position - a.position
            f = a.mass * b.mass * d / (np.dot(d, d) + 0.1) ** 1.5
            a.kick(f, 0.1)
            b.kick(-f, 0.1)
        for body in bodies:
            body.drift(0.1)
    return np.array([body.position for body in bodies])


def replaced_dataclasses(x):
    a = Body(x[:2].copy(), x[1:] * 1.0)
    b = replace(a, mass=x[0])
    b.position[0] = 7.0  # which is that of a too
    c = copy.deepcopy(a)
    c.velocity[:] = 0.0
    d = copy.copy(a)
    d.velocity *= 2.0
    return np.stack([a.position, a.velocity, b.position * b.mass, c.velocity + c.position, d.velocity])


class Vector:
    """A class of the user's around an array, with operators."""

    __array_ufunc__ = None

    def __init__(self, data):
        self.data = np.asarray(data)

    def __add__(self, other):
        return Vector(self.data + (other.data if isinstance(other, Vector) else other))

    __radd__ = __add__

    def __mul__(self, k):
        return Vector(self.data * k)

    __rmul__ = __mul__

    def __iadd__(self, other):
        self.data += other.data
        return self

    def __getitem__(self, i):
        return self.data[i]

    def __setitem__(self, i, v):
        self.data[i] = v

    def __len__(self):
        return len(self.data)


def wrapped_vectors(x):
    v = Vector(np.array(x))
    w = 2.0 * v + x
    w[0] = v[2] * 3.0
    w += v
    return w.data + sum(v) * len(w)


def context_managers(x):
    @contextlib.contextmanager
    def scaled(a, k):
        a *= k
        try:
            yield a
        finally:
            a /= k

    y = np.array(x)
    with scaled(y, 3.0) as z:
        total = (z**2).sum()
        z[1] = total
    return y


# --- closures, generators, recursion --------------------------------------------------------------------------------------


def counters_in_closures(x):
    total, weights = np.zeros(1), np.array([1.0, 2.0, 3.0])

    def add(i):
        nonlocal total
        total[0] += weights[i] * x[i]
        weights[i] *= x[0]
        return add

    add(0)(1)(2)(1)
    total = np.append(total, weights)
    return total


def generators(x):
    def running(a):
        s = 0.0
        for v in a:
            s += v * v
            yield s

    def pairs(a):
        yield from itertools.pairwise(a)

    buffer = np.empty(3)
    for i, s in enumerate(running(x)):
        buffer[i] = s
    return np.concatenate([buffer, np.array([a * b for a, b in pairs(buffer)]), np.fromiter(range(2), float)])


def coroutine(x):
    def averager():
        total, n, mean = 0.0, 0, None
        while True:
            v = yield mean
            total, n = total + v, n + 1
            mean = total / n

    a = averager()
    next(a)
    return np.array([a.send(v) for v in x])


def recursion(x):
    def determinant(m):
        if m.shape[0] == 1:
            return m[0, 0]
        minors = (np.delete(m[1:], j, axis=1) for j in range(len(m)))
        return sum((-1) ** j * m[0, j] * determinant(minor) for j, minor in enumerate(minors))

    m = np.diag(x) + np.outer(x, x[::-1])
    return np.array([determinant(m), determinant(m[:2, :2])])


def fft_by_recursion(x):
    def fft(a):
        n = len(a)
        if n == 1:
            return a
        even, odd = fft(a[::2]), fft(a[1::2])
        out = np.empty(n, dtype=complex)
        turn = np.exp(-2j * np.pi * np.arange(n // 2) / n)
        out[: n // 2] = even + turn * odd
        out[n // 2 :] = even - turn * odd
        return out

    return abs(fft(np.concatenate([x, [1.0], x**2, [0.5]]) + 0j)) ** 2


def hanoi_in_place(x):
    a = np.array(x)

    def move(n, i, j, k):
        if n:
            move(n - 1, i, k, j)
            a[j] += 0.5 * a[i]
            move(n - 1, k, j, i)

    move(3, 0, 1, 2)
    return a


def memo_by_position(x):
    memo = {}

    def best(i, j):
        if (i, j) not in memo:
            memo[i, j] = x[i] * x[j] if j - i < 2 else np.maximum(best(i, j - 1) + x[j], 1.5 * best(i + 1, j))
        return memo[i, j]

    return np.array([best(0, 2), best(1, 2)])


def partial_functions(x):
    scale = functools.partial(np.multiply, x[0])
    compose = functools.reduce(lambda f, g: lambda u: g(f(u)), [scale, np.sin, operator.methodcaller("cumsum")])
    return compose(np.arange(3.0)) * functools.reduce(operator.mul, x)


# --- state in lists and dictionaries --------------------------------------------------------------------------------------


def a_list_of_arrays(x):
    state = [np.zeros(3) for _ in range(3)]
    state[0][:] = x
    for k in range(1, 3):
        state[k] += state[k - 1] ** 2
        state[k - 1], state[k] = state[k], state[k - 1]
    state[0] *= 2.0
    return np.array(state)


def shared_rows(x):
    row = np.array(x)
    table = [row] * 3
    table[1] *= 2.0
    table[2] = table[2] + 1.0
    table[0][0] = x[2]
    return np.stack(table)


def dictionaries(x):
    parameters = OrderedDict(w=np.outer(x, x), b=x.copy())
    moments = {k: np.zeros_like(v) for k, v in parameters.items()}
    for _ in range(2):
        gradients = {"w": parameters["w"] + 1.0, "b": np.cos(parameters["b"])}
        for k, g in gradients.items():
            moments[k] *= 0.9
            moments[k] += 0.1 * g
            parameters[k] -= 0.1 * moments[k] / (np.sqrt(moments[k] ** 2) + 1e-8) ** 0.5
    return np.vstack(list(parameters.values()))


def adjacency(x):
    graph = defaultdict(list)
    for i, j in [(0, 1), (1, 2), (2, 0), (0, 2)]:
        graph[i].append((j, x[i] * x[j]))
    rank = np.full(3, 1.0 / 3.0)
    for _ in range(5):
        new = np.full(3, 0.05)
        for i, edges in graph.items():
            total = sum(w for _, w in edges)
            for j, w in edges:
                new[j] += 0.85 * rank[i] * w / total
        rank = new
    return rank


def queues(x):
    window, out = deque(maxlen=2), []
    for v in itertools.chain(x, x[::-1]):
        window.append(v)
        out.append(sum(window) / len(window))
    window.rotate()
    return np.array(out + list(window))


State = namedtuple("State", "u v")


def named_tuples(x):
    s = State(np.array(x), np.zeros(3))
    for _ in range(3):
        s.v[1:] += np.diff(s.u)
        s = s._replace(u=s.u - 0.1 * s.v)
    return np.concatenate(s)


# --- loops to convergence -------------------------------------------------------------------------------------------------


def newton_to_convergence(x):
    y = np.ones(3)
    while True:
        step = (y**3 - x) / (3.0 * y**2)
        y -= step
        if np.max(np.abs(step)) < 1e-12:
            return y


def power_iteration(x):
    m = np.outer(x, x) + np.diag(x)
    v, old = np.ones(3), 0.0
    for _ in range(200):
        w = m @ v
        new = np.linalg.norm(w)
        v[:] = w / new
        if abs(new - old) < 1e-13 * abs(new):
            break
        old = new
    return np.append(v, new)


def conjugate_gradients(x):
    a = np.diag(x) + np.ones((3, 3))
    b, u = np.arange(1.0, 4.0), np.zeros(3)
    r = b - a @ u
    p, rs = r.copy(), r @ r
    n = 0
    while math.sqrt(rs) > 1e-10 and n < 10:
        ap = a @ p
        alpha = rs / (p @ ap)
        u += alpha * p
        r -= alpha * ap
        rs, old = r @ r, rs
        p *= rs / old
        p += r
        n += 1
    return u


def sinkhorn(x):
    k = np.exp(-np.abs(np.subtract.outer(x, np.arange(3.0))))
    u, v = np.ones(3), np.ones(3)
    for _ in range(20):
        np.divide(1.0 / 3.0, k @ v, out=u)
        np.divide(1.0 / 3.0, k.T @ u, out=v)
    return u[:, None] * k * v


def golden_section(x):
    a, b, g = 0.0, 4.0, (math.sqrt(5.0) - 1.0) / 2.0
    f = lambda t: (t - x[0]) ** 2 + 0.1 * x[1] * t
    while b - a > 1e-3:
        c, d = b - g * (b - a), a + g * (b - a)
        if f(c) < f(d):
            b = d
        else:
            a = c
    return np.array([f(a), f(b)]) * x[2]


def heap_and_bisection(x):
    heap = [(v, i) for i, v in enumerate(x)]
    heapq.heapify(heap)
    smallest, i = heapq.heappop(heap)
    keys = sorted(x)
    place = bisect.bisect(keys, 0.5 * (keys[0] + keys[1]))
    return np.array([smallest * (i + 1), keys[place] * 2.0, max(x) - min(x)])


# --- buffers, iterators, places -------------------------------------------------------------------------------------------


def iterators(x):
    a = np.outer(x, x)
    for e in np.nditer(a, op_flags=["readwrite"]):
        e[...] = e * e
    with np.nditer(a, flags=["multi_index"], op_flags=["readwrite"]) as it:
        for e in it:
            e += it.multi_index[0]
    total = np.zeros(3)
    for (i, j), v in np.ndenumerate(a):
        total[i] += v * j
    for i in np.ndindex(3):
        total[i] += a[i][0]
    return total


def histogram_by_add_at(x):
    bins, counts = np.zeros(4), np.zeros(4, int)
    places = np.array([0, 1, 1, 3, 0, 3])
    np.add.at(bins, places, np.repeat(x, 2))
    np.add.at(counts, places, 1)
    np.multiply.at(bins, [0, 0], x[1])
    np.subtract.at(bins, (np.array([1, 1]),), x[:2])
    return bins / np.maximum(counts, 1)


def finite_elements(x):
    nodes, k, f = 4, np.zeros((4, 4)), np.zeros(4)
    for e in range(nodes - 1):
        dofs = np.array([e, e + 1])
        k[np.ix_(dofs, dofs)] += x[e] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        f[dofs] += 0.5
    free = np.ones(nodes, bool)
    free[0] = False
    u = np.zeros(nodes)
    u[free] = np.linalg.solve(k[free][:, free], f[free])
    return u


def record_arrays(x):
    grid = np.zeros(3, dtype=[("weight", float), ("index", int)])
    grid["weight"] = [0.5, 1.0, 2.0]
    grid["index"] = [2, 0, 1]
    y = x[grid["index"]] * grid["weight"]
    y[grid["weight"] > 0.75] *= 2.0
    return y


def game_of_slices(x):
    u = np.zeros((5, 5))
    u[1:-1, 1:-1] = np.outer(x, x)
    old = u.copy()
    for _ in range(2):
        u[1:-1, 1:-1] += 0.1 * (old[2:, 1:-1] + old[:-2, 1:-1] + old[1:-1, 2:] + old[1:-1, :-2] - 4 * old[1:-1, 1:-1])
        u[0], u[-1] = u[1], u[-2]
        u[:, [0, -1]] = u[:, [1, -2]]
        old, u = u, old
        u[...] = old
    return u[::2, 1::2]


def sorting_in_place(x):
    a = np.array([x, x[::-1] ** 2])
    a.sort(axis=1)
    order = np.argsort(a[:, 0], kind="stable")
    b = a[order]
    b[0, ::-1].partition(1)
    return np.vstack([b, np.take_along_axis(a, np.argsort(-a, axis=1), axis=1)])


def masks(x):
    a = np.outer(x, [1.0, -1.0, 0.5])
    np.putmask(a, [[True, False, False]] * 3, x[:, None] * 2.0)
    np.copyto(a, 0.25, where=np.eye(3, dtype=bool))
    a[np.tril_indices(3, -1)] **= 2
    np.fill_diagonal(a[:, ::-1], x * x[0])
    return np.where(a > 0.0, a, 0.1 * a)


# --- callbacks of SciPy ---------------------------------------------------------------------------------------------------


def a_matrix_by_quadrature(x):
    m = np.empty((2, 2))
    for i in range(2):
        for j in range(i, 2):
            m[i, j] = m[j, i] = scipy.integrate.quad(lambda t, i=i, j=j: t ** (i + j) * np.exp(-x[0] * t), 0.0, 1.0)[0]
    return np.linalg.inv(m + x[1] * np.eye(2))


def a_trajectory_with_a_log(x):
    calls = np.zeros(1)

    def rhs(t, y):
        calls[0] += 1.0
        dy = np.empty_like(y)
        dy[0], dy[1] = y[1], -x[0] * y[0] - 0.1 * x[1] * y[1]
        return dy

    return scipy.integrate.solve_ivp(rhs, (0.0, 1.0), [x[2], 0.0], rtol=1e-9, atol=1e-10).y[:, -1]


def roots_of_a_family(x):
    roots = np.zeros(3)
    for i, a in enumerate(x):
        roots[i] = scipy.optimize.brentq(lambda t, a=a: t + a * t**3 - 1.0, 0.0, 1.0)
    return np.cumsum(roots)


def a_jacobian_filled_in_place(x):
    def residual(t):
        r = np.zeros(2)
        r[0], r[1] = t[0] ** 2 + t[1] - x[0], t[1] ** 3 - x[1] * t[0]
        return r

    def jacobian(t):
        j = np.eye(2)
        j[0, 0], j[0, 1], j[1, 0], j[1, 1] = 2 * t[0], 1.0, -x[1], 3 * t[1] ** 2
        return j

    return scipy.optimize.fsolve(residual, np.ones(2), fprime=jacobian, xtol=1e-13)


def linear_algebra_of_scipy(x):
    a = np.diag(x) + 0.1
    lu = scipy.linalg.lu_factor(a)
    y = scipy.linalg.lu_solve(lu, np.ones(3))
    banded = np.zeros((2, 3))
    banded[0, 1:], banded[1] = 0.1, x
    return np.stack([y, scipy.linalg.solveh_banded(banded, x), scipy.linalg.expm(-a)[0]])


def kernels_by_vectorize(x):
    kernel = np.vectorize(lambda a, b: math.exp(-abs(a - b)) + (1e-6 if a == b else 0.0))
    k = kernel(x[:, None], x[None, :])
    return scipy.linalg.cholesky(k + np.eye(3), lower=True)


PROGRAMS = [
    kalman, cached_properties, reverse_mode_by_hand, three_bodies, replaced_dataclasses, wrapped_vectors, context_managers,
    counters_in_closures, generators, coroutine, recursion, fft_by_recursion, hanoi_in_place, memo_by_position,
    partial_functions, a_list_of_arrays, shared_rows, dictionaries, adjacency, queues, named_tuples, newton_to_convergence,
    power_iteration, conjugate_gradients, sinkhorn, golden_section, heap_and_bisection, iterators, histogram_by_add_at,
    finite_elements, record_arrays, game_of_slices, sorting_in_place, masks,
    a_matrix_by_quadrature, a_trajectory_with_a_log, roots_of_a_family, a_jacobian_filled_in_place, linear_algebra_of_scipy,
    kernels_by_vectorize,
]  # fmt: skip
BRANCHING = {
    newton_to_convergence, power_iteration, conjugate_gradients, golden_section, heap_and_bisection, kernels_by_vectorize,
    a_trajectory_with_a_log,
}  # fmt: skip
