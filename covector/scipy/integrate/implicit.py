"""The implicit method Radau IIA of order 5, for stiff equations.

Hairer and Wanner, Solving Ordinary Differential Equations II, IV.8: the stages of a step are found by Newton's method with the
Jacobian at its beginning, in the coordinates in which the matrix of the method is diagonal; the error is that of an embedded
formula of order 3.  The Jacobian is exact and new for each step, where SciPy's Radau keeps an old one as long as it can; so the
steps are not SciPy's, and neither are the numbers of calls.

The derivative of the stages is that of the equations which they solve, by the implicit function theorem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.lax.choice import cond
from covector.lax.loops import while_loop
from covector.scipy.integrate.steps import Known, Try, rms
from covector.transforms.jacobian import jacfwd

ROOT6 = 6**0.5
A = np.array([
    [(88 - 7 * ROOT6) / 360, (296 - 169 * ROOT6) / 1800, (-2 + 3 * ROOT6) / 225],
    [(296 + 169 * ROOT6) / 1800, (88 + 7 * ROOT6) / 360, (-2 - 3 * ROOT6) / 225],
    [(16 - ROOT6) / 36, (16 + ROOT6) / 36, 1 / 9],
])  # fmt: skip
C = np.sum(A, axis=1)
E = np.array([-13 - 7 * ROOT6, -13 + 7 * ROOT6, -1.0]) / 3
"""The error, but for the slope at the beginning, from the stages."""
POWERS = np.linalg.inv(C[:, None] ** np.arange(1, 4))
"""From the stages to the coefficients of the polynomial through them."""


def _diagonal() -> tuple[Any, Any, Any]:
    """The eigenvalues of ``A⁻¹``, the real one and one of the other two, and the coordinates to and from their vectors."""
    values, vectors = np.linalg.eig(np.linalg.inv(A))
    order = [int(np.argmin(np.abs(values.imag))), int(np.argmax(values.imag))]
    to = np.linalg.inv(vectors)[order]
    return values[order], to, vectors[:, order]


VALUES, TO, FROM = _diagonal()
ITERATIONS = 6
SAFETY = 0.9


class Radau:
    """The method, for vectors of real numbers; ``k`` are the stages less the value at the beginning, ``f[3,n]``."""

    order = 3
    calls_between = 0
    jacobians = 1
    factorizations = 2
    is_real = True

    def nothing(self, f: Any) -> Any:
        return np.zeros((3, *shape_of(f)), typeof(f).dtype)

    def begin(self, y: Any, f: Any, h: Any) -> tuple[Any, Any]:
        return (), ()

    def attempt(self, slope: Any, u: Any, y: Any, f: Any, h: Any, memory: Any, known: Known) -> Try:
        (rtol, atol, rejected), dtype = known[:3], typeof(y).dtype
        j = jacfwd(slope, 1)(u, y)
        one = np.eye(shape_of(y)[0])
        finite = np.all(np.isfinite(j))
        j = np.where(finite, j, 0.0)
        inverses = tuple(np.linalg.inv(value * one - h * j) for value in (VALUES[0].real, VALUES[1]))
        scale = atol + np.abs(y) * rtol
        tolerance = np.maximum(10 * np.finfo(float).eps / np.min(rtol), np.minimum(0.03, np.min(rtol) ** 0.5))
        ahead = (1 + C[:, None] * h / known.h) ** np.arange(1, 4) - 1
        guess = ahead @ (POWERS @ known.k)  # the polynomial of the step before, continued
        k, count, converged = self.newton(slope, u, y, h, inverses, scale, tolerance, guess)
        y_new = np.astype(y + k[2], dtype)
        scale = atol + np.maximum(np.abs(y), np.abs(y_new)) * rtol
        estimate: Any = lambda f: inverses[0] @ (h * f + E @ k)
        error = estimate(f)
        again = rejected & (rms(error / scale) > 1)
        error = cond(again, lambda: estimate(slope(u, np.astype(y + error, dtype))), lambda: error)
        size = np.where(converged & finite, np.astype(rms(error / scale), np.float64), np.nan)
        safety = SAFETY * (2 * ITERATIONS + 1) / (2 * ITERATIONS + count)
        calls = 3 * count + 1 + again
        return Try(y_new, slope(u + h, y_new), np.astype(k, dtype), size, safety, np.astype(calls, np.int64))

    def newton(self, slope: Any, u: Any, y: Any, h: Any, inverses: Any, scale: Any, tolerance: Any, guess: Any) -> Any:
        """The stages, the number of iterations and whether they converged."""
        dtype = typeof(y).dtype

        def iterate(s: Any) -> Any:
            count, w, w2, before, _, _ = s
            k = _stages(w, w2)
            fs = h * _slopes(slope, u, y, h, np.astype(k, dtype))
            d = inverses[0] @ (TO[0].real @ fs - VALUES[0].real * w)
            d2 = inverses[1] @ (TO[1] @ fs - VALUES[1] * w2)
            size = rms(np.reshape(_stages(d, d2) / scale, (-1,)))
            rate = size / np.where(before > 0, before, 1.0)
            is_first = count == 0
            left = rate / np.where(rate < 1, 1 - rate, 1.0) * size
            hopeless = rate ** (ITERATIONS - count) / np.where(rate < 1, 1 - rate, 1.0) * size > tolerance
            diverges = ~np.isfinite(size) | ~is_first & ((rate >= 1) | hopeless)
            done = ~diverges & ((size == 0) | ~is_first & (left < tolerance))
            w, w2 = (np.where(diverges, old, old + new) for old, new in ((w, d), (w2, d2)))
            return count + 1, w, w2, np.astype(size, np.float64), done, diverges

        w, w2 = TO[0].real @ guess, TO[1] @ guess
        begin = (np.int64(0), w, w2, np.float64(0.0), np.bool_(False), np.bool_(False))
        count, w, w2, _, done, _ = while_loop(lambda s: (s[0] < ITERATIONS) & ~s[4] & ~s[5], iterate, begin)
        return _stages(w, w2), count, done

    def smoothly(
        self, slope: Any, u: Any, y: Any, h: Any, memory: Any, known: Known, tried: Try, consts: Any
    ) -> Callable[..., Any]:
        k = tried.k
        n, dtype = shape_of(y)[0], typeof(y).dtype
        js = np.stack([jacfwd(slope, 1)(u + c * h, y + k[i], *consts) for i, c in enumerate(C)])
        matrix = np.eye(3 * n) - h * np.reshape(np.einsum("ij,jab->iajb", A, js), (3 * n, 3 * n))

        def again(u: Any, y: Any, f: Any, memory: Any, consts: Any) -> Any:
            at: Any = lambda u, y: slope(u, y, *consts)
            miss = k - h * (A @ _slopes(at, u, y, h, k))
            exact = np.astype(k - np.reshape(np.linalg.solve(matrix, np.reshape(miss, (3 * n,))), (3, n)), dtype)
            y_new = np.astype(y + exact[2], dtype)
            return y_new, at(u + h, y_new), exact, memory

        return again

    def factor(self, tried: Try, h: Any, before: Any) -> Any:
        """Gustafsson's control, from the errors of two steps."""
        h_old, error_old = before
        error = np.where(tried.error == 0, 1.0, tried.error)
        known = (error_old > 0) & (h_old > 0)
        multiplier = np.where(known, h / np.where(known, h_old, 1.0) * (np.where(known, error_old, 1.0) / error) ** 0.25, 1.0)
        return np.minimum(1.0, multiplier) * error**-0.25

    def between(self, slope: Any, x: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any) -> Any:
        powers = np.stack([x, x**2, x**3])
        return y + np.sum(powers[:, None] * (POWERS @ k), axis=0)


def _stages(w: Any, w2: Any) -> Any:
    """The stages, from their coordinates along the real vector and one of the complex ones."""
    return FROM[:, :1].real * w + 2 * np.real(FROM[:, 1:] * w2)


def _slopes(slope: Any, u: Any, y: Any, h: Any, k: Any) -> Any:
    return np.stack([slope(u + float(c) * h, y + k[i]) for i, c in enumerate(C)])
