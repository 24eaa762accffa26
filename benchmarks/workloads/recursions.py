"""Recursions of linear algebra and probabilities: small matrices inside of loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload


def log_sum_exp(xp: Any, x: Any, axis: int) -> Any:
    top = xp.max(x, axis=axis, keepdims=True)
    return xp.log(xp.sum(xp.exp(x - top), axis=axis)) + xp.max(x, axis=axis)


@workload(full={"states": 16, "steps": 500}, tiny={"states": 3, "steps": 4})
def hidden_markov(fw: Any, rng: Any, states: int, steps: int) -> Any:
    """The gradient of the log-likelihood of a hidden Markov model: the forward recursion in log space."""
    xp = fw.xp
    observed = fw.array(rng.integers(0, 5, steps))

    def log_likelihood(transitions: Any, emissions: Any) -> Any:
        a = transitions - log_sum_exp(xp, transitions, 1)[:, None]
        b = (emissions - log_sum_exp(xp, emissions, 1)[:, None]).T[observed]
        step = lambda alpha, e: (log_sum_exp(xp, alpha[:, None] + a, 0) + e, None)
        return log_sum_exp(xp, fw.scan(step, b[0], b[1:])[0], 0)

    return fw.grad(log_likelihood, (0, 1)), (
        fw.array(rng.normal(size=(states, states))),
        fw.array(rng.normal(size=(states, 5))),
    )


@workload(full={"n": 8, "steps": 10}, tiny={"n": 3, "steps": 3})
def newton(fw: Any, rng: Any, n: int, steps: int) -> Any:
    """The gradient through Newton steps that are written out: each solves a system with a Jacobian of its own."""
    xp, a = fw.xp, fw.array(rng.normal(size=(n, n)) / n)
    identity = fw.array(np.eye(n))

    def loss(b: Any) -> Any:
        x = b
        for _ in range(steps):
            residual = x + 0.1 * x**3 + a @ x - b
            jacobian = identity + a + identity * (0.3 * x * x)
            x = x - xp.linalg.solve(jacobian, residual)
        return xp.sum(x * x)

    return fw.grad(loss), (fw.array(rng.normal(size=n)),)
