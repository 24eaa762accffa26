"""Quaternions ``f[..., 4]``, of which the last component is the real one, for rotations of space.

>>> np.round(product(from_rotation_vector(np.array([0.0, 0.0, np.pi])), IDENTITY), 12)
array([0., 0., 1., 0.])

Functions of the angle are analytic in its square: near zero they are their power series, so all derivatives are right there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.numpy.registry import contains_tracer
from covector.numpy.undetermined import nan_where
from covector.transforms.custom_rules import custom_jvp
from covector.transforms.utilities import stop_gradient

CONJUGATE = np.array([-1.0, -1.0, -1.0, 1.0])
IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def product(p: Any, q: Any) -> Any:
    """The quaternion of the rotation p after q."""
    pv, pw, qv, qw = p[..., :3], p[..., 3:], q[..., :3], q[..., 3:]
    vector = pw * qv + qw * pv + np.cross(pv, qv)
    return np.concatenate([vector, pw * qw - np.sum(pv * qv, axis=-1, keepdims=True)], axis=-1)


def unit(v: Any) -> Any:
    """Vectors divided by their lengths; those of length 0 are NaN."""
    square = np.sum(v * v, axis=-1, keepdims=True)
    return v / np.sqrt(np.where(square == 0, np.nan, square))


def canonical(q: Any) -> Any:
    """The one of ``q`` and ``-q`` whose last component that is not 0, from the last to the first of x, y, z, is positive."""
    x, y, z, w = (q[..., i] for i in range(4))
    rest = (x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0))))
    return np.where(((w < 0) | ((w == 0) & rest))[..., None], -q, q)


# --- functions of the angle -------------------------------------------------------------------------------------------


def _series(u: Any, coefficients: Sequence[float]) -> Any:
    """A polynomial, by Horner's rule."""
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * u + c
    return total


HALF_SINE = [0.5 * (-0.25) ** j / math.factorial(2 * j + 1) for j in range(11)]
HALF_COSINE = [(-0.25) ** j / math.factorial(2 * j) for j in range(11)]
ARC = [(-1.0) ** j / (2 * j + 1) for j in range(20)]


def from_rotation_vector(v: Any) -> Any:
    """The quaternion of a rotation about v by its length: ``sin(|v|/2) v/|v|`` and ``cos(|v|/2)``."""
    square = np.sum(v * v, axis=-1, keepdims=True)
    near = square < 1.0
    length = np.sqrt(np.where(near, 1.0, square))
    small = np.where(near, square, 0.0)
    sine = np.where(near, _series(small, HALF_SINE), np.sin(length / 2) / length)
    cosine = np.where(near, _series(small, HALF_COSINE), np.cos(length / 2))
    return np.concatenate([v * sine, cosine], axis=-1)


def to_rotation_vector(q: Any) -> Any:
    """The vector of a rotation by at most half a turn: ``2 atan2(|v|, w) v/|v|`` of the quaternion ``(v, w)``."""
    q = canonical(q)
    v, w = q[..., :3], q[..., 3:]
    square = np.sum(v * v, axis=-1, keepdims=True)
    near = square < 0.04 * w * w
    real, length = np.where(near, w, 1.0), np.sqrt(np.where(near, 1.0, square))
    series = 2 / real * _series(np.where(near, square, 0.0) / real**2, ARC)
    return v * np.where(near, series, 2 * np.arctan2(length, w) / length)


def angle(q: Any) -> Any:
    """The angle of a rotation, from 0 to pi; its derivative is 0 where it is 0."""
    return 2 * np.arctan2(np.linalg.norm(q[..., :3], axis=-1), np.abs(q[..., 3]))


# --- matrices ---------------------------------------------------------------------------------------------------------


def to_matrix(q: Any) -> Any:
    """The matrices ``f[..., 3, 3]`` of rotations."""
    x, y, z, w = (q[..., i] for i in range(4))
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), w * w - x * x + y * y - z * z, 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), w * w - x * x - y * y + z * z],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@custom_jvp
def principal(k: Any) -> Any:
    """The unit eigenvectors of the largest eigenvalue of symmetric matrices; the largest component is positive.

    Derivatives are those of the eigenvalue equation (Magnus, Econometric Theory 1, 1985), which asks nothing of the other
    eigenvalues; NaN where the largest is not a single one.
    """
    q = np.linalg.eigh(k)[1][..., -1]
    largest = np.argmax(np.abs(q), axis=-1, keepdims=True)
    return q * np.where(np.take_along_axis(q, largest, axis=-1) < 0, -1.0, 1.0)


def is_ambiguous(k: Any) -> Any:
    """Whether the largest eigenvalue is not a single one, up to rounding."""
    values = np.linalg.eigvalsh(stop_gradient(k))
    return values[..., -1] - values[..., -2] <= 16 * np.finfo(float).eps * np.max(np.abs(values), axis=-1)


@principal.defjvp  # type: ignore[untyped-decorator]
def _principal_jvp(primals: Any, tangents: Any) -> Any:
    (k,), (t,) = primals, tangents
    q, ambiguous = principal(k), is_ambiguous(k)[..., None]
    change, value = np.einsum("...ij,...j->...i", t, q), np.einsum("...i,...ij,...j->...", q, k, q)[..., None, None]
    change = change - q * np.sum(q * change, axis=-1, keepdims=True)
    gaps = value * (np.eye(4) + q[..., :, None] * q[..., None, :]) - k
    turned = np.linalg.solve(np.where(ambiguous[..., None], np.eye(4), gaps), change[..., None])[..., 0]
    return q, nan_where(ambiguous, turned)


def davenport(m: Any) -> Any:
    """The symmetric matrices ``f[..., 4, 4]`` for which ``q @ k @ q`` is the trace of ``R.T @ m``, for the R of a unit q.

    The eigenvector of the largest eigenvalue is the rotation nearest to m (Markley and Mortari, Journal of the Astronautical
    Sciences 48, 2000).
    """
    mt = np.swapaxes(m, -1, -2)
    trace = np.trace(m, axis1=-2, axis2=-1)[..., None, None]
    skew = np.stack([m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], axis=-1)
    upper = np.concatenate([m + mt - trace * np.eye(3), skew[..., None]], axis=-1)
    lower = np.concatenate([skew[..., None, :], trace], axis=-1)
    return np.concatenate([upper, lower], axis=-2)


# --- three angles -----------------------------------------------------------------------------------------------------


@custom_jvp
def _without_slope(x: Any, where: Any) -> Any:
    """``x``, with derivatives that are NaN at some places."""
    return 1.0 * x


@_without_slope.defjvp  # type: ignore[untyped-decorator]
def _without_slope_jvp(primals: Any, tangents: Any) -> Any:
    x, where = primals
    return _without_slope(x, where), nan_where(where, tangents[0])


LOCKED = 1e-7
"""How near to 0 or pi the second angle leaves the other two undetermined."""


def three_angles(parts: tuple[Any, Any, Any, Any], extrinsic: bool, sign: float | None, shift: Any, quiet: bool) -> Any:
    """The angles about three axes, by Bernardes and Viollet (PLoS ONE 17, 2022), from the parts (a, b, c, d) of a quaternion.

    Where the second angle leaves only the sum or the difference of the others determined, the third is 0, and derivatives are
    NaN.

    Args:
        parts: the components in the frame of the axes.
        extrinsic: whether the axes stay fixed.
        sign: of the third angle; None where the first axis is the third.
        shift: what is taken from the second angle where it is not.
        quiet: whether there is no warning.
    """
    a, b, c, d = parts
    whole, part = np.hypot(a, b), np.hypot(c, d)
    second = 2 * np.arctan2(part, whole)
    flat, upside = np.abs(second) <= LOCKED, np.abs(second - np.pi) <= LOCKED
    locked = flat | upside
    if not quiet and not contains_tracer(locked) and np.any(locked):
        text = "Gimbal lock detected. Setting third angle to zero since it is not possible to uniquely determine all angles."
        warnings.warn(text, stacklevel=3)
    half_sum, half_difference = np.arctan2(b, a), np.arctan2(d, c)
    alone = np.where(flat, 2 * half_sum, (-2.0 if extrinsic else 2.0) * half_difference)
    first = np.where(locked, alone if extrinsic else 0.0, half_sum - half_difference)
    third = np.where(locked, 0.0 if extrinsic else alone, half_sum + half_difference)
    if sign is not None:
        third, second = third * sign, second - shift
    found = np.stack([first, second, third] if extrinsic else [third, second, first], axis=-1)
    turns = np.where(found > np.pi, 1.0, np.where(found < -np.pi, -1.0, 0.0))  # none at -pi and pi, which are told apart
    return _without_slope(found - 2 * np.pi * turns, locked[..., None])


def in_frame(q: Any, axes: tuple[int, int, int]) -> tuple[tuple[Any, Any, Any, Any], float | None]:
    """The parts for `three_angles` of a quaternion, for three of the axes of coordinates, and the sign."""
    i, j, k = axes
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = float((i - j) * (j - k) * (k - i) // 2)
    qi, qj, qk, w = q[..., i], q[..., j], q[..., k] * sign, q[..., 3]
    return ((w, qi, qj, qk), None) if symmetric else ((w - qj, qi + qk, qj + w, qk - qi), sign)


def rotated_about(axis: Any, by: Any) -> Any:
    """The quaternions of rotations by angles ``f[...]`` about unit vectors ``f[..., 3]``."""
    half = by[..., None] / 2
    return np.concatenate([axis * np.sin(half), np.cos(half) + 0 * axis[..., :1]], axis=-1)


# --- vectors ----------------------------------------------------------------------------------------------------------


def between(a: Any, b: Any) -> Any:
    """The shortest rotation that turns the unit vector b to a; derivatives are NaN where they are opposite."""
    cross, dot = np.cross(b, a), np.sum(a * b)
    cross = cross - a * np.sum(a * cross)  # which is 0 but for rounding, that matters where they are nearly opposite
    square = np.sum(cross * cross)
    opposite = (square == 0) & (dot < 0)
    real = np.where(dot < 0, square / (1 - np.where(dot < 0, dot, 0.0)), 1 + dot)
    across = np.cross(np.arange(3) == np.argmin(np.abs(a)), a)
    q = np.concatenate([np.where(opposite, across, cross), np.reshape(real, (1,))])
    return _without_slope(unit(q), opposite)
