"""Descents inside of descents: nested loops over scalars that end where the data say so, derivatives of derivatives.

The two problems are by Pearlmutter and Siskind ("Using programming language theory to make automatic differentiation sound and
efficient", 2008), and are part of GradBench as ``saddle`` and ``particle``.  Outer derivatives are by forward mode, for not all
frameworks have reverse mode through such loops; inner ones by reverse mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload


def forward_gradient(fw: Any, f: Any, n: int) -> Any:
    basis = [fw.array(e) for e in np.eye(n)]
    return lambda x: fw.xp.stack([fw.jvp(f, (x,), (e,))[1] for e in basis])


def descent(fw: Any, f: Any, gradient: Any, start: Any, tolerance: float) -> Any:
    """Where ``f`` is least.  A step that goes up halves the rate; ten steps in a row that go down double it."""
    xp = fw.xp

    def goes_on(state: Any) -> Any:
        _, _, g, _, _, moves = state
        return (xp.sum(g * g) > tolerance**2) & moves

    def step(state: Any) -> Any:
        x, fx, g, rate, downs, moves = state
        is_tenth = downs == 10
        rate, downs = xp.where(is_tenth, 2.0 * rate, rate), xp.where(is_tenth, 0.0 * downs, downs)
        y = x - rate * g
        moves = xp.sum((x - y) * (x - y)) > tolerance**2
        fy = f(y)
        is_down = (fy < fx) & moves
        g = fw.cond(is_down, lambda y, g: gradient(y), lambda y, g: g, y, g)
        return (
            xp.where(is_down, y, x),
            xp.where(is_down, fy, fx),
            g,
            xp.where(is_down, rate, 0.5 * rate),
            xp.where(is_down, downs + 1.0, 0.0 * downs),
            moves,
        )

    zero = xp.sum(start) * 0.0
    state = (start, f(start), gradient(start), zero + tolerance, zero, zero == zero)
    return fw.while_loop(goes_on, step, state)[0]


@workload(full={"n": 2, "digits": 5}, tiny={"n": 2, "digits": 2}, tolerance=1e-4, needs_derivatives=True)
def saddle(fw: Any, rng: Any, n: int, digits: int) -> Any:
    """The saddle point of ``|x|² − |y|²``: the least over x of the greatest over y, each by descent."""
    xp = fw.xp
    f = lambda x, y: xp.sum(x * x) - xp.sum(y * y)

    def best_reply(x: Any, start: Any) -> Any:
        negative = lambda y: -f(x, y)
        return descent(fw, negative, fw.grad(negative), start, 10.0**-digits)

    def solve(start: Any) -> Any:
        greatest = lambda x: f(x, best_reply(x, start))
        x = descent(fw, greatest, forward_gradient(fw, greatest, n), start, 10.0**-digits)
        return xp.concatenate([x, best_reply(x, start)])

    return solve, (fw.array(np.ones(n)),)


@workload(full={"n": 1, "digits": 5}, tiny={"n": 1, "digits": 2}, tolerance=1e-4, needs_derivatives=True)
def particle(fw: Any, rng: Any, n: int, digits: int) -> Any:
    """The charge whose place makes a particle fall on the origin: descent on the end of a trajectory by Euler's steps."""
    xp, h = fw.xp, 0.1
    above, at, dropped = (fw.array(np.array(p)) for p in ([10.0, 10.0], [10.0, 0.0], [0.0, 1.0]))
    start, speed = fw.array(np.array([0.0, 8.0])), fw.array(np.array([0.75, 0.0]))

    def missed_by(w: Any) -> Any:
        distance = lambda x, charge: xp.sqrt(xp.sum((x - charge) * (x - charge)))
        potential = lambda x: 1.0 / distance(x, above - w[0] * dropped) + 1.0 / distance(x, at)
        force = fw.grad(lambda x: -potential(x))

        def fall(state: Any) -> Any:
            x, v = state
            return x + h * v, v + h * force(x)

        x, v = fw.while_loop(lambda s: s[0][1] + h * s[1][1] > 0.0, fall, (start, speed + 0.0 * w[0]))
        end = x[0] - x[1] / v[1] * v[0]
        return end * end

    def solve(w: Any) -> Any:
        w = descent(fw, missed_by, forward_gradient(fw, missed_by, n), w, 10.0**-digits)
        return w, missed_by(w)

    return solve, (fw.array(np.zeros(n)),)
