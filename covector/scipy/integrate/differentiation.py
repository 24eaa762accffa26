"""The backward differentiation formulas of orders 1 to 5, for stiff equations, with steps of varying length.

L. F. Shampine and M. W. Reichelt, "The MATLAB ODE Suite", SIAM J. Sci. Comput. 18, 1997, with their modified coefficients, as
in SciPy's BDF; G. D. Byrne and A. C. Hindmarsh, ACM Trans. Math. Softw. 1, 1975, for how the length changes.  What a step goes
on from are the backward differences of the solution.  The Jacobian is exact and new for each step, where SciPy's BDF keeps an
old one as long as it can; so the steps are not SciPy's, and neither are the numbers of calls.

The derivative of a step is that of the equation that it solves, by the implicit function theorem, also through the differences
that it goes on from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.lax.loops import while_loop
from covector.scipy.integrate.steps import Known, Try, rms
from covector.transforms.jacobian import jacfwd

HIGHEST = 5
ROWS = np.arange(HIGHEST + 3)[:, None]
KAPPA = np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])
GAMMA = np.concatenate([[0], np.cumsum(1 / np.arange(1, HIGHEST + 1))])
ALPHA = (1 - KAPPA) * GAMMA
ERRORS = KAPPA * GAMMA + 1 / np.arange(1, HIGHEST + 2)
"""By which a difference is the error of a step, for each order."""
ITERATIONS = 4
SAFETY, LONGEST = 0.9, 10.0


def _of_order(table: Any, order: Any) -> Any:
    """An entry of a table, 0 beyond its ends."""
    return np.sum(np.where(np.arange(len(table)) == order, table, 0.0))


def _is(row: Any) -> Any:
    return np.equal(ROWS, row)


def _up_to(row: Any) -> Any:
    return np.less_equal(ROWS, row)


def _row(differences: Any, i: Any) -> Any:
    return np.sum(np.where(_is(i), differences, 0.0), axis=0)


def _to_length(factor: Any) -> Any:
    """From differences at one distance to those at ``factor`` times that, of the highest order (and, cut, of a lower one)."""
    rows, columns = np.arange(1, HIGHEST + 1)[:, None], np.arange(HIGHEST + 1)
    first = np.ones((1, HIGHEST + 1))

    def products(factor: Any) -> Any:
        return np.cumprod(np.concatenate([first, (rows - 1 - factor * columns) / rows]), axis=0)

    return products(factor) @ products(1.0)


class BDF:
    """The method, for vectors of real numbers.

    The memory are the differences ``f[8,n]``, of which those up to the order count and two more tell the error of the orders
    beside it.  The control is their order, their distance, after how many steps of it they are, and by how much the next step
    should be longer.  ``k`` are the differences from the first on, of the polynomial through the last values.
    """

    order = 1
    calls_between = 0
    jacobians = 1
    factorizations = 1
    is_real = True

    def nothing(self, f: Any) -> Any:
        return np.zeros((HIGHEST, *shape_of(f)), typeof(f).dtype)

    def begin(self, y: Any, f: Any, h: Any) -> tuple[Any, Any]:
        differences = np.where(_is(0), y, np.where(_is(1), np.astype(h, typeof(y).dtype) * f, np.zeros_like(y)))
        return differences, (np.int64(1), np.astype(h, np.float64), np.int64(0), np.float64(1.0))

    def predicted(self, memory: Any, known: Known, h: Any) -> tuple[Any, Any, Any]:
        """The differences at the distance h, the value that they predict, and what the formula takes from them."""
        order, distance, _, _ = known.control
        change = _to_length(h / distance)
        counts = np.arange(HIGHEST + 1) <= order
        turned = np.where(counts, change, 0.0).T @ np.where(counts[:, None], memory[: HIGHEST + 1], 0.0)
        turned = np.concatenate([turned, memory[HIGHEST + 1 :]])
        same = np.abs(h / distance - 1) < 1e-10
        differences = np.astype(np.where(same | ~_up_to(order), memory, turned), typeof(memory).dtype)
        taken = np.where(_up_to(order), differences, 0.0)
        weights = np.concatenate([GAMMA, [0.0, 0.0]])[:, None]
        return differences, np.sum(taken, axis=0), np.sum(weights * taken, axis=0) / _of_order(ALPHA, order)

    def finished(self, differences: Any, d: Any, order: Any) -> tuple[Any, Any]:
        """The differences after a step whose value is d beyond what was predicted, and k."""
        new = np.where(_is(order + 1), d, np.where(_is(order + 2), d - _row(differences, order + 1), differences))
        sums = np.triu(np.ones((HIGHEST + 3, HIGHEST + 3))) @ np.where(_up_to(order + 1), new, 0.0)
        new = np.astype(np.where(_up_to(order), sums, new), typeof(differences).dtype)
        return new, np.where(_up_to(order), new, 0.0)[1 : HIGHEST + 1]

    def attempt(self, slope: Any, u: Any, y: Any, f: Any, h: Any, memory: Any, known: Known) -> Try:
        (rtol, atol), dtype = known[:2], typeof(y).dtype
        order, distance, equal, _ = known.control
        differences, start, psi = self.predicted(memory, known, h)
        c = h / _of_order(ALPHA, order)
        j = jacfwd(slope, 1)(u + h, np.astype(start, dtype))
        finite = np.all(np.isfinite(j))
        inverse = np.linalg.inv(np.eye(shape_of(y)[0]) - c * np.where(finite, j, 0.0))
        scale = atol + np.abs(start) * rtol
        d, count, converged = self.newton(slope, u + h, start, psi, c, inverse, scale, rtol, dtype)
        y_new = np.astype(start + d, dtype)
        scale = atol + np.abs(y_new) * rtol
        size = np.where(converged & finite, np.astype(rms(_of_order(ERRORS, order) * d / scale), np.float64), np.nan)
        safety = SAFETY * (2 * ITERATIONS + 1) / (2 * ITERATIONS + count)
        new, k = self.finished(differences, d, order)
        equal = np.where(np.abs(h / distance - 1) < 1e-10, equal, 0) + 1
        control = self.next_order(new, order, equal, size, scale, h, safety)
        return Try(y_new, self.slope_at_end(psi, d, c, dtype), k, size, safety, np.astype(count, np.int64), new, control)

    def slope_at_end(self, psi: Any, d: Any, c: Any, dtype: Any) -> Any:
        """The slope that solves the formula, without another call."""
        return np.astype((psi + d) / np.where(c > 0, c, 1.0), dtype)

    def newton(
        self, slope: Any, u: Any, start: Any, psi: Any, c: Any, inverse: Any, scale: Any, rtol: Any, dtype: Any
    ) -> tuple[Any, Any, Any]:
        """The step beyond what was predicted, the number of iterations and whether they converged."""
        tolerance = np.maximum(10 * np.finfo(float).eps / np.min(rtol), np.minimum(0.03, np.min(rtol) ** 0.5))

        def iterate(s: Any) -> Any:
            count, d, before, _, _ = s
            change = inverse @ (c * slope(u, np.astype(start + d, dtype)) - psi - d)
            size = np.astype(rms(change / scale), np.float64)
            is_first = count == 0
            rate = size / np.where(before > 0, before, 1.0)
            left = rate / np.where(rate < 1, 1 - rate, 1.0) * size
            hopeless = rate ** (ITERATIONS - count) / np.where(rate < 1, 1 - rate, 1.0) * size > tolerance
            diverges = ~np.isfinite(size) | ~is_first & ((rate >= 1) | hopeless)
            done = ~diverges & ((size == 0) | ~is_first & (left < tolerance))
            return count + 1, np.where(diverges, d, d + change), size, done, diverges

        begin = (np.int64(0), np.zeros_like(psi), np.float64(0.0), np.bool_(False), np.bool_(False))
        count, d, _, done, _ = while_loop(lambda s: (s[0] < ITERATIONS) & ~s[3] & ~s[4], iterate, begin)
        return d, count, done

    def next_order(self, new: Any, order: Any, equal: Any, size: Any, scale: Any, h: Any, safety: Any) -> Any:
        """The control after a step: after enough of one length, the order of which the steps may be longest."""

        def longer(other: Any, error: Any, possible: Any) -> Any:
            error = np.where(possible, error, 1.0)
            least = np.where(error > 0, error, 1.0) ** (-1 / (other + 1))
            return np.where(possible, np.where(error > 0, least, LONGEST / SAFETY), 0.0)

        def error(other: Any, row: Any) -> Any:
            return rms(_of_order(ERRORS, other) * _row(new, row) / scale)

        lower = longer(order - 1, error(order - 1, order), order > 1)
        higher = longer(order + 1, error(order + 1, order + 2), order < HIGHEST)
        same = longer(order, size, True)
        enough = equal > order
        best = np.maximum(np.maximum(lower, same), higher)
        step = np.where(enough & (best > same), np.where(lower == best, -1, 1), 0)
        return order + step, np.astype(h, np.float64), np.where(enough, 0, equal), np.where(enough, best, 1 / safety)

    def smoothly(
        self, slope: Any, u: Any, y: Any, h: Any, memory: Any, known: Known, tried: Try, consts: Any
    ) -> Callable[..., Any]:
        order, dtype = known.control[0], typeof(y).dtype
        c = h / _of_order(ALPHA, order)
        d = tried.y - self.predicted(memory, known, h)[1]
        matrix = np.eye(shape_of(y)[0]) - c * jacfwd(slope, 1)(u + h, tried.y, *consts)

        def again(u: Any, y: Any, f: Any, memory: Any, consts: Any) -> Any:
            differences, start, psi = self.predicted(memory, known, h)
            miss = d + psi - c * slope(u + h, np.astype(start + d, dtype), *consts)
            exact = d - np.linalg.solve(matrix, miss)
            y_new = np.astype(start + exact, dtype)
            new, k = self.finished(differences, exact, order)
            return y_new, self.slope_at_end(psi, exact, c, dtype), k, new

        return again

    def factor(self, tried: Try, h: Any, before: Any) -> Any:
        order, _, _, longer = tried.control
        return np.where(tried.error < 1, longer, np.where(tried.error > 0, tried.error, 1.0) ** (-1 / (order + 1)))

    def between(self, slope: Any, x: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any) -> Any:
        total, product = y_new, 1.0
        for i in range(HIGHEST):
            product = product * (x - 1 + i) / (i + 1)
            total = total + k[i] * product
        return total
