"""Trajectories, forces, fields: loops of small steps, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload


def runge_kutta(rhs: Any, h: float) -> Any:
    """One step of the classical method of fourth order."""

    def step(s: Any) -> Any:
        k1 = rhs(s)
        k2 = rhs(s + h / 2 * k1)
        k3 = rhs(s + h / 2 * k2)
        return s + h / 6 * (k1 + 2.0 * k2 + 2.0 * k3 + rhs(s + h * k3))

    return step


@workload(full={"steps": 2000}, tiny={"steps": 4}, tolerance=1e-4)
def lorenz(fw: Any, rng: Any, steps: int) -> Any:
    """The gradient of where Lorenz's system ends, in where it begins; rounding grows by a factor of 10⁴ on the way."""
    xp = fw.xp

    def rhs(s: Any) -> Any:
        x, y, z = s[0], s[1], s[2]
        return xp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8 / 3 * z])

    step = runge_kutta(rhs, 0.005)
    final = lambda s: xp.sum(fw.scan(lambda s, _: (step(s), None), s, None, length=steps)[0])
    return fw.grad(final), (fw.array(np.array([1.0, 1.0, 1.0])),)


@workload(full={"n": 100}, tiny={"n": 4})
def nbody(fw: Any, rng: Any, n: int) -> Any:
    """The forces between bodies, as the gradient of their energy."""
    xp, mass = fw.xp, fw.array(rng.uniform(0.5, 1.5, n))

    def energy(q: Any) -> Any:
        d = q[:, None, :] - q[None, :, :]
        return -0.5 * xp.sum(mass[:, None] * mass[None, :] / xp.sqrt(xp.sum(d * d, axis=-1) + 0.01))

    return fw.grad(energy), (fw.array(rng.normal(size=(n, 3))),)


@workload(full={"n": 300, "steps": 200}, tiny={"n": 6, "steps": 3})
def heat(fw: Any, rng: Any, n: int, steps: int) -> Any:
    """The gradient through steps of the heat equation on a rod: a stencil in a scan."""
    xp = fw.xp

    def step(u: Any, _: Any) -> Any:
        return u + 0.1 * (xp.concatenate([u[1:], u[-1:]]) - 2.0 * u + xp.concatenate([u[:1], u[:-1]])), None

    return fw.grad(lambda u: xp.sum(fw.scan(step, u, None, length=steps)[0] ** 2)), (fw.array(rng.normal(size=n)),)


@workload(full={"steps": 300}, tiny={"steps": 3})
def ode_sensitivities(fw: Any, rng: Any, steps: int) -> Any:
    """How the populations of predators and prey at all times depend on the parameters: four forward derivatives of a scan."""
    xp, start = fw.xp, fw.array(np.array([10.0, 5.0]))
    basis = [fw.array(e) for e in np.eye(4)]

    def trajectory(p: Any) -> Any:
        rhs = lambda s: xp.stack([p[0] * s[0] - p[1] * s[0] * s[1], p[2] * s[0] * s[1] - p[3] * s[1]])
        step = runge_kutta(rhs, 0.02)

        def recorded(s: Any, _: Any) -> Any:
            s = step(s)
            return s, s

        return fw.scan(recorded, start, None, length=steps)[1]

    f = lambda p: xp.stack([fw.jvp(trajectory, (p,), (e,))[1] for e in basis])
    return f, (fw.array(np.array([1.1, 0.1, 0.05, 0.6])),)


@workload(full={"batch": 100, "steps": 100}, tiny={"batch": 2, "steps": 3})
def pendulums(fw: Any, rng: Any, batch: int, steps: int) -> Any:
    """Gradients of the final height of double pendulums in their beginnings: a batch of trajectories by vmap."""
    xp = fw.xp

    def rhs(s: Any) -> Any:
        a, b, u, v = s[0], s[1], s[2], s[3]
        c, d = xp.cos(a - b), xp.sin(a - b)
        below = 2.0 - c * c
        du = (-d * (v * v + c * u * u) - 9.8 * (2.0 * xp.sin(a) - c * xp.sin(b))) / below
        dv = (d * (2.0 * u * u + c * v * v) - 19.6 * (xp.sin(b) - c * xp.sin(a))) / below
        return xp.stack([u, v, du, dv])

    step = runge_kutta(rhs, 0.01)

    def height(s: Any) -> Any:
        s = fw.scan(lambda s, _: (step(s), None), s, None, length=steps)[0]
        return xp.cos(s[0]) + xp.cos(s[1])

    return lambda s: fw.vmap(fw.grad(height))(s), (fw.array(rng.normal(size=(batch, 4))),)
