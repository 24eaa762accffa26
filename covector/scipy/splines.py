"""Splines in the basis of B-splines: values, derivatives and integrals.

>>> from covector import grad
>>> t, c = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])
>>> float(grad(BSpline(t, c, 2))(0.5))
1.0
>>> grad(lambda c: BSpline(t, c, 2)(0.5))(c)
array([0.25, 0.5 , 0.25])

Basis functions are found by the recurrence of Cox and de Boor (de Boor, A Practical Guide to Splines, 2001, ch. IX and X),
which is differentiable in the point, in the knots and, for it is linear in them, the coefficients.  At a knot the derivative is
that of the interval that begins there, the last one at the end.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np
import scipy.interpolate as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.errors import ArgumentError, describe
from covector.core.pytrees import register_when_needed
from covector.numpy.registry import as_array, canonical_axis, cast, contains_tracer
from covector.numpy.undetermined import nan_where
from covector.primitives.arrays.subscripts import concrete, index
from covector.scipy.checks import double
from covector.scipy.sparse.arrays import SparseArray
from covector.scipy.sparse.construction import csr_array


def real(x: Any) -> Any:
    """In double precision; raises ``TypeError`` for complex numbers."""
    return cast(as_array(x), np.float64, "same_kind")


def value_of(x: Any) -> Any:
    """The array behind a value where it is known, as it is while it is differentiated; else the value itself."""
    value = concrete(x)
    return x if value is None else value


def rises(x: Any, strictly: bool = True) -> Any:
    steps = np.diff(value_of(x))
    return np.all(steps > 0 if strictly else steps >= 0)


def all_finite(*values: Any) -> Any:
    return functools.reduce(operator.and_, (np.all(np.isfinite(value_of(v))) for v in values))


def undetermined(*checks: tuple[Any, str], error: type[Exception] = ValueError) -> Any:
    """Whether something is wrong, by conditions and their texts: True ones raise; None if all are known, else what decides it.

    >>> undetermined((np.array(False), "it is wrong")) is None
    True
    """
    unknown = []
    for wrong, text in checks:
        if (found := concrete(wrong)) is None:
            unknown.append(wrong)
        elif found:
            raise error(text)
    return functools.reduce(operator.or_, unknown) if unknown else None


def nan_if(wrong: Any, *arrays: Any) -> tuple[Any, ...]:
    """Arrays, as NaN with NaN for derivatives where what `undetermined` has found turns out to be wrong."""
    return arrays if wrong is None else tuple(nan_where(wrong, x) for x in arrays)


def degree(k: Any, who: str) -> int:
    k = operator.index(k)
    if k < 0:
        raise ValueError(f"{who} got the degree k={k}, which is negative")
    return int(k)


# --- the basis --------------------------------------------------------------------------------------------------------


def interval_of(t: Any, k: int, x: Any) -> Any:
    """The i with ``t[i] <= x < t[i+1]``; the first or last interval of the base for points outside."""
    return np.clip(np.searchsorted(t, x, side="right") - 1, k, shape_of(t)[0] - k - 2)


def basis(t: Any, k: int, x: Any, i: Any, nu: int = 0) -> Any:
    """The derivatives of order ``nu`` at x of the k + 1 basis functions that are not zero in the interval i: ``f[...,k+1]``."""
    knots = index(t, i[..., None] + np.arange(1 - k, k + 1))
    values: list[Any] = [np.ones(np.broadcast_shapes(shape_of(x), shape_of(i)))]
    for j in range(1, k + 1):
        found: list[Any] = [0.0] * (j + 1)
        for n in range(1, j + 1):
            high, low = knots[..., n + k - 1], knots[..., n + k - 1 - j]
            none = high == low
            share = np.where(none, 0.0, values[n - 1] / np.where(none, 1.0, high - low))
            falls, rises = (high - x, x - low) if j <= k - nu else (-float(j), float(j))
            found[n - 1] = found[n - 1] + share * falls
            found[n] = share * rises
        values = found
    return np.stack(values, axis=-1) * (1.0 if nu <= k else 0.0)


# --- splines ----------------------------------------------------------------------------------------------------------


class BSpline:
    """A spline ``sum_j c[j] B_j(x)`` of a degree, in the B-splines of its knots.

    Args:
        t: knots ``f[n+k+1]``, not falling.
        c: coefficients, at least n along the axis, real or complex; computed with in double precision, as in SciPy.
        k: the degree.
        extrapolate: outside of ``t[k] .. t[n]`` there are the polynomials of the first and the last interval (True), NaN
            (False), or the same values again (``"periodic"``).
        axis: along which axis of ``c``.

    All of t, c and the points may be traced; derivatives are those in each.  A spline is a pytree of its t and c.

    Raises:
        ValueError: knots that fall (where their values are known), or are too few; numbers of knots and coefficients that do
            not fit.

    Example:
        >>> hat = BSpline(np.array([0.0, 0.0, 1.0, 3.0, 3.0]), np.array([0.0, 2.0, 0.0]), 1)
        >>> hat(np.array([0.5, 2.0])), hat(0.5, nu=1), hat.integrate(0.0, 3.0)
        (array([1., 1.]), np.float64(2.0), np.float64(3.0))
    """

    def __init__(self, t: Any, c: Any, k: Any, extrapolate: Any = True, axis: int = 0):
        self.k = k = degree(k, "BSpline")
        self.t, c = real(t), double(c)
        self.extrapolate = extrapolate if _is_periodic(extrapolate) else bool(extrapolate)
        self.t, c = nan_if(_check_knots(self.t, k), self.t, c)
        self.axis = canonical_axis(axis, len(shape_of(c)), "BSpline")
        self.c = np.moveaxis(c, self.axis, 0) if self.axis else c
        n = shape_of(self.t)[0] - k - 1
        if shape_of(self.c)[0] < n:
            what = f"BSpline got {shape_of(self.t)[0]} knots and {shape_of(self.c)[0]} coefficients for the degree {k}."
            raise ValueError(describe(what, fix=f"these knots have {n} coefficients"))

    @property
    def tck(self) -> tuple[Any, Any, int]:
        """The knots, the coefficients (along the first axis), and the degree."""
        return self.t, self.c, self.k

    @property
    def _ends(self) -> tuple[Any, Any]:
        return self.t[self.k], self.t[shape_of(self.t)[0] - self.k - 1]

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of an order, at points of any shape, which takes the place of the axis of ``c``."""
        if operator.index(nu) < 0:
            raise ValueError(f"BSpline got nu={nu}: the order of a derivative is not negative")
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = real(x)
        if not contains_tracer((self.t, self.c, x)):
            spline = _scipy.BSpline.construct_fast(self.t, self.c, self.k, self.extrapolate, self.axis)
            return np.asarray(spline(x, nu, extrapolate))[()]
        start, end = self._ends
        if _is_periodic(extrapolate):
            x = start + (x - start) % (end - start)
        i = interval_of(self.t, self.k, x)
        weights, shape, rest = basis(self.t, self.k, x, i, nu), shape_of(x), shape_of(self.c)[1:]
        chosen = index(self.c, np.reshape(i, (-1, 1)) + np.arange(-self.k, 1))
        chosen = np.reshape(chosen, (*shape_of(chosen)[:2], math.prod(rest)))
        flat = np.einsum("na,nar->nr", np.reshape(weights, (-1, self.k + 1)), chosen)
        outside = np.isnan(x) if extrapolate else ~((x >= start) & (x <= end))
        trailing = [1] * len(rest)
        out = np.where(np.reshape(outside, (*shape, *trailing)), np.nan, np.reshape(flat, (*shape, *rest)))
        return np.moveaxis(out, range(len(shape)), range(self.axis, self.axis + len(shape))) if self.axis else out

    @classmethod
    def _of(cls, t: Any, c: Any, k: int, extrapolate: Any, axis: int) -> BSpline:
        """Of coefficients along the first axis, unchecked."""
        spline = object.__new__(cls)
        spline.t, spline.c, spline.k, spline.extrapolate, spline.axis = t, c, k, extrapolate, axis
        return spline

    def _with(self, t: Any, c: Any, k: int, extrapolate: Any) -> BSpline:
        """A spline of other knots and coefficients, of the same axes."""
        return BSpline._of(t, c, k, extrapolate, self.axis)

    def _coefficients(self) -> Any:
        """As many as there are knots: zeros after the last."""
        more = shape_of(self.t)[0] - shape_of(self.c)[0]
        return np.concatenate([self.c, np.zeros((max(more, 0), *shape_of(self.c)[1:]))])

    def _beside(self, gaps: Any) -> Any:
        return np.reshape(gaps, (-1, *[1] * (len(shape_of(self.c)) - 1)))

    def derivative(self, nu: int = 1) -> BSpline:
        """The spline that is the derivative of an order.

        Raises:
            ValueError: the order is higher than the degree; or knots repeat within, so that there is none (where the values
                of the knots are not known, its coefficients there are NaN).
        """
        nu = operator.index(nu)
        if nu < 0:
            return self.antiderivative(-nu)
        if nu > self.k:
            raise ValueError(f"derivative got nu={nu} for a spline of degree {self.k}: the order must not be higher than that")
        t, c, k = self.t, self._coefficients(), self.k
        for _ in range(nu):
            gaps = t[k + 1 : -1] - t[1 : -k - 1]
            text = f"the spline has internal repeated knots, and no derivative of order nu={nu}"
            wrong = undetermined((np.any(value_of(gaps) == 0), text))
            gaps = gaps if wrong is None else np.where(gaps == 0, np.nan, gaps)
            c = (c[1 : -1 - k] - c[: -2 - k]) * k / self._beside(gaps)
            c = np.concatenate([c, np.zeros((k, *shape_of(c)[1:]))])
            t, k = t[1:-1], k - 1
        return self._with(t, c, k, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> BSpline:
        """The spline whose derivative of an order this is, and which is zero, with its derivatives, at the first knot.

        That of a periodic spline is not periodic: it is NaN outside of the base.
        """
        nu = operator.index(nu)
        if nu < 0:
            return self.derivative(-nu)
        t, c, k = self.t, self._coefficients(), self.k
        for _ in range(nu):
            sums = np.cumsum(c[: -k - 1] * self._beside(t[k + 1 :] - t[: -k - 1]), axis=0) / (k + 1)
            c = np.concatenate([np.zeros((1, *shape_of(c)[1:])), sums, *[sums[-1:]] * (k + 2)])
            t, k = np.concatenate([t[:1], t, t[-1:]]), k + 1
        return self._with(t, c, k, False if _is_periodic(self.extrapolate) else self.extrapolate)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from a to b, of a spline that outside of its base is zero if it does not extrapolate.

        Args:
            a, b: numbers, of which the second may be the smaller.
            extrapolate: as for the spline, by default what it has.
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        whole = self.antiderivative()
        whole.axis = 0
        start, end = self._ends
        points = np.stack([real(p) for p in (a, b)])
        if not _is_periodic(extrapolate):
            values = whole(points if extrapolate else np.clip(points, start, end), extrapolate=True)
            return values[1] - values[0]
        periods = np.floor((points - start) / (end - start))
        values = whole(np.concatenate([points - periods * (end - start), np.stack([start, end])]), extrapolate=True)
        return values[1] - values[0] + (periods[1] - periods[0]) * (values[3] - values[2])

    def insert_knot(self, x: Any, m: int = 1) -> BSpline:
        """The same spline with a knot more at x, m times (Boehm, Computer-Aided Design 12, 1980); it must not be periodic.

        Raises:
            ValueError: x is outside of the base (where it is known), or m is not positive.
        """
        x, m, (start, end) = real(x), operator.index(m), self._ends
        text = f"insert_knot got x={x} and m={m}: give a number from {start} to {end}, and a positive one"
        if m < 1 or shape_of(x):
            raise ValueError(text)
        if _is_periodic(self.extrapolate):
            raise NotImplementedError("insert_knot of a periodic spline: covector inserts knots in others alone")
        t, k = self.t, self.k
        n = shape_of(t)[0] - k - 1
        t, c = nan_if(undetermined((value_of((x < start) | (x > end) | np.isnan(x)), text)), t, self.c[:n])
        for _ in range(m):
            i, place = interval_of(t, k, x), np.arange(n + 1)
            low, high = t[: n + 1], t[k : n + k + 1]
            within = (place > i - k) & (place <= i)
            part = np.where(within, (x - low) / np.where(within, high - low, 1.0), place <= i - k)
            before, after = np.concatenate([c[:1], c]), np.concatenate([c, c[-1:]])
            c = self._beside(1 - part) * before + self._beside(part) * after
            t, n = np.sort(np.concatenate([t, np.reshape(x, (1,))])), n + 1
        return self._with(t, c, k, self.extrapolate)

    @classmethod
    def basis_element(cls, t: Any, extrapolate: Any = True) -> BSpline:
        """The basis function of the knots ``f[k+2]``, of degree k.

        Example:
            >>> BSpline.basis_element(np.array([0.0, 1.0, 2.0]))(np.array([0.5, 1.0]))
            array([0.5, 1. ])
        """
        t = real(t)
        k = shape_of(t)[0] - 2
        t = np.concatenate([np.tile(t[:1] - 1, k), t, np.tile(t[-1:] + 1, k)])
        return cls(t, np.arange(3 * k + 2) == k, k, extrapolate)

    @classmethod
    def design_matrix(cls, x: Any, t: Any, k: Any, extrapolate: Any = False) -> SparseArray:
        """The matrix ``f[m,n]`` with ``design_matrix(x, t, k) @ c`` equal to ``BSpline(t, c, k)(x)``, sparse, by rows.

        Args:
            x: points ``f[m]``; in which intervals they are must be known, so they may be differentiated, but not staged.
            t, k, extrapolate: as for a spline, but that by default points outside of the base are an error.

        Raises:
            ValueError: points outside, or knots that are none.
            ArgumentError: the intervals of the points are not known.

        Example:
            >>> BSpline.design_matrix(np.array([0.25, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]), 1).toarray()
            array([[0.75, 0.25],
                   [0.  , 1.  ]])
        """
        x, t, k = real(x), real(t), degree(k, "design_matrix")
        _check_knots(t, k)
        start, end = t[k], t[-k - 1]
        if _is_periodic(extrapolate):
            x = start + (x - start) % (end - start)
        i, outside = interval_of(t, k, x), (x < start) | (x > end)
        if len(shape_of(x)) != 1 or concrete(i) is None or concrete(outside) is None:
            what, why = (
                f"design_matrix got points {typeof(x)}.",
                "the places of its entries are the intervals of a vector of points",
            )
            raise ArgumentError(
                what, why=why, fix="give a vector of known points; or BSpline(t, np.eye(n), k)(x), which is dense"
            )
        if np.any(outside) and not extrapolate:
            raise ValueError(f"design_matrix got points outside of the base, from {start} to {end}: Out of bounds w/ x")
        entries, m = np.reshape(basis(t, k, x, i), (-1,)), shape_of(x)[0]
        columns = np.reshape(i[:, None] + np.arange(-k, 1), (-1,))
        return csr_array((entries, columns, np.arange(m + 1) * (k + 1)), (m, shape_of(t)[0] - k - 1))


register_when_needed(
    BSpline,
    lambda s: ((s.t, s.c), (s.k, s.extrapolate, s.axis)),
    lambda data, leaves: BSpline._of(*leaves, *data),
)


def _is_periodic(extrapolate: Any) -> bool:
    return isinstance(extrapolate, str) and extrapolate == "periodic"


def _check_knots(t: Any, k: int) -> Any:
    """What `undetermined` finds of them."""
    if len(shape_of(t)) != 1:
        raise ValueError(f"BSpline got knots {typeof(t)}: give a vector")
    if shape_of(t)[0] < 2 * k + 2:
        raise ValueError(f"BSpline got {shape_of(t)[0]} knots: need at least {2 * k + 2} knots for degree {k}")
    t = value_of(t)
    return undetermined(
        (~all_finite(t), "BSpline got knots with NaN or infinity among them"),
        (~rises(t, strictly=False), "BSpline got knots that fall: give them in a non-decreasing order"),
        (t[k] == t[-k - 1], "BSpline got knots that are all equal within: need at least two internal knots"),
    )
