"""The spline through given points, and the one that is nearest to them.

>>> from covector import grad
>>> x = np.linspace(0.0, 1.0, 5)
>>> f = lambda y: make_interp_spline(x, y, bc_type="natural").integrate(0.0, 1.0)
>>> np.round(grad(f)(x**2), 4)
array([0.0982, 0.2857, 0.2321, 0.2857, 0.0982])

Coefficients solve the collocation equations (de Boor, A Practical Guide to Splines, 2001, ch. XIII), whose matrix is banded,
but for its corners where the spline is periodic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.errors import describe
from covector.numpy.at import at
from covector.numpy.registry import as_array, canonical_axis
from covector.primitives.arrays.subscripts import concrete, index
from covector.scipy.checks import double
from covector.scipy.splines import (
    BSpline,
    all_finite,
    basis,
    degree,
    interval_of,
    nan_if,
    real,
    rises,
    undetermined,
    value_of,
)
from covector.scipy.structured import solve_banded, solveh_banded

Ends = tuple[list[tuple[int, Any]], list[tuple[int, Any]]]


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: bool = True
) -> BSpline:
    """The spline through given points.

    Args:
        x: places ``f[n]``, rising strictly.
        y: values, n of them along the axis, real or complex.
        k: the degree.
        t: knots ``f[n+k+1]`` or more; by default such that no point beside the ends is a knot (``None`` and "not-a-knot" for
            ``bc_type``), or all points are.
        bc_type: "natural", "clamped", "not-a-knot", "periodic" (the first value counts, not the last, which is equal); or what
            derivatives there are at the ends: a pair of lists of pairs ``(order, value)``, or of one of the first two names.
        axis: along which axis of ``y``.
        check_finite: whether NaN and infinity raise, where values are known.

    Returns:
        A `BSpline`, differentiable in x, y, t and the values of ``bc_type``.

    Raises:
        ValueError: places that do not rise, or are outside of the knots, or values of a period whose first and last differ
            (all is NaN where these are not known); numbers of points, knots and conditions that do not fit.
        LinAlgError: there is no such spline, or there are several.

    Example:
        >>> spline = make_interp_spline(np.arange(5.0), np.arange(5.0) ** 3)
        >>> np.round(spline(np.array([0.5, 2.5])), 12), round(float(spline(0.5, 1)), 12)
        (array([ 0.125, 15.625]), 0.75)
    """
    who = "make_interp_spline"
    k = degree(k, who)
    x, y, axis = _points(x, y, axis, who)
    periodic = isinstance(bc_type, str) and bc_type == "periodic"
    ends = _conditions(bc_type, k, shape_of(y)[1:])
    slopes = [value for end in ends for _, value in end]
    of_places = [(~rises(x), f"{who} got places x that do not rise strictly")]
    of_values = [_same_ends(y, t)] if periodic else []
    if check_finite:
        of_places.insert(0, _finite(who, "x", x))
        of_values.insert(0, _finite(who, "y", y, *slopes))
    is_plain = k == 0 or (k == 1 and t is None)
    if is_plain and (t is not None or ends != ([], []) or (k == 0 and bc_type is not None)):
        raise ValueError(f"{who} got t or bc_type for the degree k={k}: give neither, for there is but one such spline")
    if t is not None:
        t = real(t)
        _check_fit(x, t, k, ends)
        of_places.append(_beyond(x, t, k, who))
    wrong = undetermined(*of_places)
    y, *slopes = nan_if(undetermined(*of_values), y, *slopes)  # not the matrix, which may be known
    if is_plain:
        (y,) = nan_if(wrong, y)
        return _made(np.concatenate([*[x[:1]] * k, x, x[-1:]]), y, k, True, axis)
    if periodic:
        t = _knots_around(x, k)
        return _made(t, _periodic(x, y, t, k, wrong), k, "periodic", axis)
    if t is None:
        t = _knots_within(x, k, ends)
        _check_fit(x, t, k, ends)
    orders = tuple([order for order, _ in end] for end in ends)
    return _made(t, _collocated(x, y, t, k, orders, slopes, wrong), k, True, axis)


def make_lsq_spline(
    x: Any, y: Any, t: Any, k: int = 3, w: Any = None, axis: int = 0, check_finite: bool = True, *, method: str = "norm-eq"
) -> BSpline:
    """The spline of given knots that is nearest to given points: the sum of ``(w (y - spline(x)))**2`` is least.

    Args:
        x: places ``f[m]``, not falling, within the base of the knots.
        y: values, m of them along the axis, real or complex.
        t: knots ``f[n+k+1]``.
        k: the degree.
        w: weights ``f[m]``, by default 1.
        axis: along which axis of ``y``.
        check_finite: whether NaN and infinity raise, where values are known.
        method: "norm-eq": the normal equations; SciPy's other method is not here.

    Returns:
        A `BSpline`, differentiable in x, y, t and w.

    Raises:
        ValueError: places that fall or are outside (all is NaN where these are not known), numbers of points and weights that
            do not fit, fewer points than coefficients.
        LinAlgError: some coefficient is not determined: each basis function needs a point of its own (Schoenberg and Whitney),
            with a weight that is not 0; all is NaN where this is not known.

    Example:
        >>> knots = np.array([0.0, 0.0, 2.0, 4.0, 4.0])
        >>> np.round(make_lsq_spline(np.arange(5.0), np.abs(np.arange(5.0) - 2), knots, 1).c, 12)
        array([2., 0., 2.])
    """
    who = "make_lsq_spline"
    if method != "norm-eq":
        raise ValueError(f"{who} got method={method!r}: give 'norm-eq'")
    k = degree(k, who)
    x, y, axis = _points(x, y, axis, who)
    t, m = real(t), shape_of(x)[0]
    w = np.ones(m) if w is None else real(w)
    if shape_of(w) != (m,):
        raise ValueError(f"{who} got {m} points and weights {typeof(w)}")
    falls = ~rises(x, strictly=False), f"{who} got places x that do not rise"
    finite = [_finite(who, name, v) for name, v in zip("xyw", (x, y, w), strict=True) if check_finite]
    wrong = undetermined(*finite[::2], falls, _beyond(x, t, k, who))
    (y,) = nan_if(undetermined(*finite[1:2]), y)
    n, (cols, values) = shape_of(t)[0] - k - 1, _rows(t, k, x)
    if m < n:
        raise ValueError(f"{who} got {m} points for {n} coefficients. Need more x points.")
    loose = undetermined((_undetermined_by(x, t, k, w), f"{who} got {WITHOUT_POINT}"), error=np.linalg.LinAlgError)
    weighted = w[:, None] * values
    p, q = np.triu_indices(k + 1)
    gram = at(np.zeros((k + 1, n)))[np.broadcast_to(k + p - q, (m, len(p))), cols[:, q]].add(weighted[:, p] * weighted[:, q])
    right = (w[:, None] * np.reshape(y, (m, _size(y))))[:, None, :] * weighted[:, :, None]
    rhs = at(np.zeros((n, shape_of(right)[-1]), typeof(right).dtype))[cols].add(right)
    (gram,) = nan_if(loose, *nan_if(wrong, gram))
    solution = solveh_banded(gram, rhs, check_finite=False)
    return _made(t, np.reshape(solution, (n, *shape_of(y)[1:])), k, True, axis)


def _made(t: Any, c: Any, k: int, extrapolate: Any, axis: int) -> BSpline:
    spline = BSpline(t, c, k, extrapolate)
    spline.axis = axis
    return spline


# --- arguments --------------------------------------------------------------------------------------------------------


Check = tuple[Any, str]
"""What is wrong, and the text of the error."""


def _points(x: Any, y: Any, axis: int, who: str) -> tuple[Any, Any, int]:
    """Places, values along the first axis, and the axis along which they were."""
    x, y = real(x), double(y)
    axis = canonical_axis(axis, len(shape_of(y)), who)
    y = np.moveaxis(y, axis, 0)
    if len(shape_of(x)) != 1 or shape_of(x)[0] != shape_of(y)[0]:
        what = f"{who} got places {typeof(x)} and values {typeof(y)}, of which the first axis counts."
        raise ValueError(describe(what, fix="give a vector of places, and as many values"))
    return x, y, axis


def _finite(who: str, name: str, *values: Any) -> Check:
    return ~all_finite(*values), f"{who} got NaN or infinity in {name}: array must not contain infs or NaNs"


ENDS = {"natural": 2, "clamped": 1}
"""The order of the derivative that is zero."""


def _conditions(bc_type: Any, k: int, shape: tuple[int, ...]) -> Ends:
    """The orders and values of the derivatives at both ends."""
    if bc_type is None or (isinstance(bc_type, str) and bc_type in ("not-a-knot", "periodic")):
        return [], []
    try:
        left, right = (bc_type, bc_type) if isinstance(bc_type, str) else bc_type
        return _at_end(left, k, shape), _at_end(right, k, shape)
    except (TypeError, KeyError):
        what = f"make_interp_spline got bc_type={bc_type!r}."
        fix = "'natural', 'clamped', 'not-a-knot', 'periodic', or a pair of lists of pairs (order, value)"
        raise ValueError(describe(what, fix=fix)) from None


def _at_end(end: Any, k: int, shape: tuple[int, ...]) -> list[tuple[int, Any]]:
    pairs = [(ENDS[end], np.zeros(shape))] if isinstance(end, str) else [] if end is None else list(end)
    for order, value in pairs:
        if not 0 <= order <= k or shape_of(as_array(value)) != shape:
            what = f"make_interp_spline got {typeof(as_array(value))} as the derivative of order {order} at an end."
            raise ValueError(describe(what, fix=f"orders go from 0 to {k}, and values have the shape {shape}"))
    return [(int(order), double(value)) for order, value in pairs]


def _same_ends(y: Any, t: Any) -> Check:
    if t is not None:
        raise NotImplementedError("make_interp_spline got t and bc_type='periodic': the knots of a periodic spline are its own")
    if shape_of(y)[0] < 2:
        raise ValueError("make_interp_spline got bc_type='periodic' and one point: give at least two")
    differ = ~np.all(np.isclose(value_of(y[0]), value_of(y[-1]), atol=1e-15))
    return differ, "make_interp_spline got bc_type='periodic' and values whose first and last differ"


def _check_fit(x: Any, t: Any, k: int, ends: Ends) -> None:
    n, knots, conditions = shape_of(x)[0], shape_of(t)[0], len(ends[0]) + len(ends[1])
    if len(shape_of(t)) != 1 or knots < n + k + 1:
        raise ValueError(f"make_interp_spline got knots {typeof(t)}: give a vector of at least {n + k + 1}")
    if knots - k - 1 - n != conditions:
        what = f"make_interp_spline got {conditions} derivatives at the ends, {n} points and {knots} knots for the degree {k}."
        raise ValueError(describe(what, fix=f"these need {knots - k - 1 - n} derivatives"))


def _beyond(x: Any, t: Any, k: int, who: str) -> Check:
    x, start, end = value_of(x), value_of(t[k]), value_of(t[-max(k, 1)])
    text = f"{who} got places x from {x[0]} to {x[-1]}: the knots begin at {start} and end at {end}"
    return np.any((x < start) | (x > end)) | ~rises(t, strictly=False), text


def _knots_within(x: Any, k: int, ends: Ends) -> Any:
    if ends != ([], []):
        return np.concatenate([*[x[:1]] * k, x, *[x[-1:]] * k])
    half, inner = (k + 1) // 2, x if k % 2 else (x[1:] + x[:-1]) / 2
    return np.concatenate([*[x[:1]] * (k + 1), inner[half:-half], *[x[-1:]] * (k + 1)])


# --- equations --------------------------------------------------------------------------------------------------------


def _size(y: Any) -> int:
    """How many splines there are, beside one another."""
    return math.prod(shape_of(y)[1:])


def _rows(t: Any, k: int, x: Any, nu: int = 0) -> tuple[Any, Any]:
    """For each place the numbers of the basis functions that are not zero there, and their derivatives of an order."""
    i = interval_of(t, k, x)
    return np.reshape(i, (-1, 1)) + np.arange(-k, 1), basis(t, k, x, i, nu)


WITHOUT_POINT = "points and knots with a singular matrix: some basis function has no point of its own (Schoenberg and Whitney)"


def _undetermined_by(x: Any, t: Any, k: int, w: Any) -> Any:
    """Whether there is no choice of distinct places, rising, of which each is where its basis function is not zero.

    The first place that can be had for each is one after that of the function before, if not later, so that what it is beyond
    the number of the function is the largest of those up to there.
    """
    x, t, w = value_of(x), value_of(t), value_of(w)
    counted = np.maximum.accumulate(np.where(w == 0, -np.inf, x))
    number = np.cumsum(np.concatenate([[False], w[:1] != 0, counted[1:] > counted[:-1]]))
    functions, start, end = np.arange(shape_of(t)[0] - k - 1), t[: -k - 1], t[k + 1 :]
    proper = (start < t[-k - 1]) | (k == 0)
    steep = (start == t[k:-1]) & proper  # it is not zero at its first knot; only the last function may be so at its last knot
    ends = (functions == functions[-1]) & (t[1 : shape_of(t)[0] - k] == end) & proper
    first = np.where(steep, np.searchsorted(x, start), np.searchsorted(x, start, side="right"))
    beyond = np.where(ends, np.searchsorted(x, end, side="right"), np.searchsorted(x, end))
    had = functions + np.maximum.accumulate(index(number, first) - functions)
    return np.any(had >= index(number, beyond))


def _collocated(x: Any, y: Any, t: Any, k: int, orders: tuple[list[int], ...], slopes: list[Any], wrong: Any) -> Any:
    """The coefficients of the spline with these values, and derivatives at the ends; NaN where something is wrong."""
    n, size = shape_of(t)[0] - k - 1, _size(y)
    left, right = ([_rows(t, k, place, order) for order in end] for place, end in zip((x[:1], x[-1:]), orders, strict=True))
    columns, weights = (np.concatenate(parts) for parts in zip(*left, _rows(t, k, x), *right, strict=True))
    bands = k + np.arange(n)[:, None] - columns
    beyond = (bands < 0) | (bands > 2 * k)
    misplaced = value_of(beyond & (weights != 0))
    if concrete(misplaced) is not None and np.any(misplaced):
        raise np.linalg.LinAlgError(f"make_interp_spline got {WITHOUT_POINT}")
    singular = np.any(misplaced, axis=1, keepdims=True)  # where this is not known, a row of zeros says it
    weights = np.where(beyond | singular, 0.0, weights)
    matrix = at(np.zeros((2 * k + 1, n)))[np.clip(bands, 0, 2 * k), columns].add(weights)
    before = len(orders[0])
    rhs = np.concatenate([np.reshape(v, (-1, size)) for v in (*slopes[:before], y, *slopes[before:])])
    (matrix,) = nan_if(wrong, matrix)
    solution = solve_banded((k, k), matrix, rhs, check_finite=False)
    return np.reshape(solution, (n, *shape_of(y)[1:]))


def _knots_around(x: Any, k: int) -> Any:
    """The knots of a periodic spline: the places, or for an even degree those between them, continued on both sides."""
    if k % 2 == 0:
        x = np.concatenate([x[:1], (x[:-2] + x[1:-1]) / 2, x[-1:]])
    steps, turns = np.diff(x), np.arange(k) % (shape_of(x)[0] - 1)
    before, after = np.cumsum(index(steps[::-1], turns)), np.cumsum(index(steps, turns))
    return np.concatenate([(x[0] - before)[::-1], x, x[-1] + after])


def _periodic(x: Any, y: Any, t: Any, k: int, wrong: Any) -> Any:
    """The coefficients of the periodic spline, of which the last k are the first again; NaN where something is wrong.

    The matrix is a banded one and k rows that hold its corners: Woodbury's formula (Hager, SIAM Review 31, 1989).
    """
    m, below = shape_of(x)[0] - 1, k // 2
    above, rows = k - below, np.arange(m)
    (weights,) = nan_if(wrong, basis(t, k, x[:-1], k + rows))
    columns = rows[:, None] + np.arange(-below, above + 1)
    within = (columns >= 0) & (columns < m)
    rhs = np.reshape(y[:-1], (m, _size(y)))
    if m <= 2 * k:
        whole = at(np.zeros((m, m)))[np.broadcast_to(rows[:, None], columns.shape), columns % m].add(weights)
        found = np.linalg.solve(whole, rhs)
    else:
        r, a = np.nonzero(within)
        banded = at(np.zeros((k + 1, m)))[above + below - a, columns[r, a]].set(weights[r, a])
        r, a = np.nonzero(~within)
        cut = np.unique(r)
        corners = at(np.zeros((len(cut), m)))[np.searchsorted(cut, r), columns[r, a] % m].set(weights[r, a])
        both = solve_banded((below, above), banded, np.concatenate([rhs, np.eye(m)[:, cut]], axis=1), check_finite=False)
        without, by_row = both[:, : -len(cut)], both[:, -len(cut) :]
        found = without - by_row @ np.linalg.solve(np.eye(len(cut)) + corners @ by_row, corners @ without)
    return np.reshape(found, (m, *shape_of(y)[1:]))[(np.arange(m + k) - below) % m]
