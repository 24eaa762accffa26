"""Likelihoods and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.catalogue import workload


@workload(full={"n": 20_000, "features": 100}, tiny={"n": 12, "features": 3})
def logistic(fw: Any, rng: Any, n: int, features: int) -> Any:
    """The gradient of a logistic regression."""
    xp = fw.xp
    x, y = fw.array(rng.normal(size=(n, features))), fw.array((rng.uniform(size=n) > 0.5) * 1.0)

    def loss(w: Any, b: Any) -> Any:
        z = x @ w + b
        return xp.mean(xp.logaddexp(0.0, z) - y * z)

    return fw.grad(loss, (0, 1)), (fw.array(rng.normal(size=features) * 0.1), fw.array(0.1))


@workload(full={"n": 2000, "k": 10, "d": 4}, tiny={"n": 6, "k": 3, "d": 2})
def gaussian_mixture(fw: Any, rng: Any, n: int, k: int, d: int) -> Any:
    """The gradient of the log-likelihood of a Gaussian mixture in means, log scales and log weights."""
    xp, data = fw.xp, fw.array(rng.normal(size=(n, d)))

    def log_likelihood(means: Any, scales: Any, weights: Any) -> Any:
        z = (data[:, None, :] - means[None]) * xp.exp(-scales)[None]
        weights = weights - xp.log(xp.sum(xp.exp(weights)))
        q = -0.5 * xp.sum(z * z, axis=-1) - xp.sum(scales, axis=-1)[None] + weights[None]
        top = xp.max(q, axis=1, keepdims=True)
        return xp.sum(xp.log(xp.sum(xp.exp(q - top), axis=1)) + top[:, 0])

    args = rng.normal(size=(k, d)), rng.normal(size=(k, d)) * 0.1, rng.normal(size=k)
    return fw.grad(log_likelihood, (0, 1, 2)), tuple(map(fw.array, args))


@workload(full={"n": 200, "d": 3}, tiny={"n": 6, "d": 2})
def gaussian_process(fw: Any, rng: Any, n: int, d: int) -> Any:
    """The gradient of a log marginal likelihood in scales, amplitude and noise."""
    xp = fw.xp
    x, y, identity = fw.array(rng.normal(size=(n, d))), fw.array(rng.normal(size=n)), fw.array(np.eye(n))

    def negative_log_likelihood(scales: Any, amplitude: Any, noise: Any) -> Any:
        z = x * xp.exp(-scales)
        difference = z[:, None, :] - z[None, :, :]
        k = xp.exp(2.0 * amplitude - 0.5 * xp.sum(difference * difference, axis=-1)) + xp.exp(2.0 * noise) * identity
        factor = xp.linalg.cholesky(k)
        white = fw.solve_triangular(factor, y, lower=True)
        return 0.5 * xp.sum(white * white) + xp.sum(xp.log(xp.diag(factor)))

    return fw.grad(negative_log_likelihood, (0, 1, 2)), (fw.array(rng.normal(size=d) * 0.1), fw.array(0.1), fw.array(-1.0))
