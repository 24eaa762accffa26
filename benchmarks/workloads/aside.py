"""Workloads that are kept aside: they are reported by themselves, and nobody tunes the compiler for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload


@workload(full={"d": 4, "steps": 200}, tiny={"d": 2, "steps": 3}, kept_aside=True)
def kalman(fw: Any, rng: Any, d: int, steps: int) -> Any:
    """The gradient of the log-likelihood of a Kalman filter in its dynamics and noise: products and solutions in a scan."""
    xp, observed = fw.xp, fw.array(rng.normal(size=(steps, 2)))
    see, eye = fw.array(rng.normal(size=(2, d))), fw.array(np.eye(d))
    noise = fw.array(0.5 * np.eye(2))

    def log_likelihood(a: Any, q: Any) -> Any:
        def step(carry: Any, y: Any) -> Any:
            mean, cov = carry
            mean, cov = a @ mean, a @ cov @ a.T + xp.exp(q) * eye
            surprise, s = y - see @ mean, see @ cov @ see.T + noise
            gain = xp.linalg.solve(s, see @ cov).T
            term = surprise @ xp.linalg.solve(s, surprise) + xp.linalg.slogdet(s)[1]
            return (mean + gain @ surprise, cov - gain @ see @ cov), term

        return -0.5 * xp.sum(fw.scan(step, (xp.sum(eye, axis=1) * 0.0, eye), observed)[1])

    return fw.grad(log_likelihood, (0, 1)), (fw.array(rng.normal(size=(d, d)) / d), fw.array(-1.0))


@workload(full={"knots": 50, "n": 2000}, tiny={"knots": 5, "n": 8}, kept_aside=True)
def spline(fw: Any, rng: Any, knots: int, n: int) -> Any:
    """The gradient of the misfit of a natural cubic spline in its values at the knots: a solution, gathers, polynomials."""
    xp, h = fw.xp, 1.0 / (knots - 1)
    t = rng.uniform(0, 1, n)
    cell = np.minimum((t / h).astype(np.int64), knots - 2)
    i, u, y = fw.array(cell), fw.array(t / h - cell), fw.array(np.sin(6 * t) + 0.1 * rng.normal(size=n))
    inner = np.arange(1, knots - 1)
    system, second = np.eye(knots), np.zeros((knots, knots))
    for offset, weight, difference in (-1, 1.0, 1.0), (0, 4.0, -2.0), (1, 1.0, 1.0):
        system[inner, inner + offset], second[inner, inner + offset] = weight, difference
    a, b = fw.array(system), fw.array(6.0 * second)

    def misfit(values: Any) -> Any:
        m = xp.linalg.solve(a, b @ values)
        w = 1.0 - u
        s = w * values[i] + u * values[i + 1] + ((w**3 - w) * m[i] + (u**3 - u) * m[i + 1]) / 6.0
        return xp.sum((s - y) ** 2)

    return fw.grad(misfit), (fw.array(rng.normal(size=knots)),)


@workload(full={"n": 40, "modes": 10}, tiny={"n": 4, "modes": 2}, kept_aside=True)
def vibrations(fw: Any, rng: Any, n: int, modes: int) -> Any:
    """The gradient of the lowest frequencies and shapes of a chain of springs in their stiffnesses: an eigendecomposition."""
    xp = fw.xp
    ends = np.eye(n, n + 1) - np.eye(n, n + 1, 1)
    d, weights = fw.array(ends), fw.array(rng.normal(size=(n, modes)))

    def f(stiffness: Any) -> Any:
        values, shapes = xp.linalg.eigh((d * xp.exp(stiffness)) @ d.T)
        return xp.sum(xp.sqrt(values[:modes])) + xp.sum(weights * shapes[:, :modes] ** 2)

    return fw.grad(f), (fw.array(rng.normal(size=n + 1) * 0.3),)


@workload(full={"n": 100, "m": 100}, tiny={"n": 4, "m": 3}, kept_aside=True)
def time_warping(fw: Any, rng: Any, n: int, m: int) -> Any:
    """The gradient of the soft alignment of two series: a recursion over antidiagonals in log space."""
    xp, far = fw.xp, 1e6
    y, last = fw.array(rng.normal(size=m)), n + m - 1
    # On the antidiagonal k of the table, row i is column k − i.
    column = np.arange(last)[:, None] - np.arange(n)[None, :]
    is_inside, column = fw.array((column >= 0) & (column < m)), fw.array(np.clip(column, 0, m - 1))
    wall = fw.array(np.full(1, far))

    def alignment(x: Any) -> Any:
        costs = xp.where(is_inside, (x[None, :] - y[column]) ** 2, far)

        def step(carry: Any, cost: Any) -> Any:
            before, previous = carry
            steps = xp.stack([-xp.concatenate([wall, before[:-1]]), -xp.concatenate([wall, previous[:-1]]), -previous])
            top = xp.max(steps, axis=0)
            return (previous, cost - top - xp.log(xp.sum(xp.exp(steps - top), axis=0))), None

        return fw.scan(step, (0.0 * costs[0] + far, costs[0]), costs[1:])[0][1][-1]

    return fw.grad(alignment), (fw.array(rng.normal(size=n)),)


@workload(full={"n": 64, "steps": 60}, tiny={"n": 5, "steps": 3}, tolerance=1e-4, kept_aside=True)
def waves(fw: Any, rng: Any, n: int, steps: int) -> Any:
    """The gradient of a recorded wave in the speeds of a square medium: a stencil in two dimensions in a scan, in float32."""
    xp, f32 = fw.xp, np.float32
    still = fw.array(np.zeros((n, n), f32))
    pulse, target = np.zeros((n, n), f32), fw.array(rng.normal(size=steps).astype(f32))
    pulse[n // 2, n // 2] = 1.0
    pulse = fw.array(pulse)
    row, side = fw.array(np.zeros((1, n), f32)), fw.array(np.zeros((n, 1), f32))

    def misfit(speed: Any) -> Any:
        c = 0.2 * speed * speed

        def step(carry: Any, _: Any) -> Any:
            u, old = carry
            vertical = xp.concatenate([u[1:], row]) + xp.concatenate([row, u[:-1]])
            horizontal = xp.concatenate([u[:, 1:], side], axis=1) + xp.concatenate([side, u[:, :-1]], axis=1)
            new = 2.0 * u - old + c * (vertical + horizontal - 4.0 * u)
            return (new, u), new[n // 4, n // 4]

        return xp.sum((fw.scan(step, (pulse, still), None, length=steps)[1] - target) ** 2)

    return fw.grad(misfit), (fw.array(rng.uniform(0.8, 1.2, (n, n)).astype(f32)),)
