"""Rotations of space: `Rotation`.

>>> import numpy as np
>>> from covector import jacobian
>>> jacobian(lambda v: Rotation.from_rotvec(v).as_rotvec())(np.zeros(3))
array([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])

A rotation is a pytree whose leaf is its quaternion: rotations go in and out of transformed functions, and `vmap` batches them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
import scipy.spatial.transform as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.errors import InPlaceWriteError, describe
from covector.core.pytrees import register_when_needed
from covector.numpy.registry import as_array, canonical_axes, cast, contains_tracer
from covector.primitives.arrays.subscripts import index
from covector.scipy.spatial import quaternions as of

DEGREE = np.pi / 180


def double(x: Any, last: tuple[int, ...], what: str) -> Any:
    """In double precision, as SciPy computes; the last axes have these lengths."""
    x = cast(as_array(x), np.float64, "same_kind")
    if shape_of(x)[len(shape_of(x)) - len(last) :] != last:
        lengths = ", ".join(map(str, last))
        raise ValueError(describe(f"Rotation got {what} of type {typeof(x)}.", fix=f"give an array of shape (..., {lengths})"))
    return x


def _refused(bad: Any, text: str) -> Any:
    """Raise where something is known to be wrong; where that is not known, the places that are to be NaN."""
    if not contains_tracer(bad) and np.any(bad):
        raise ValueError(text)
    return bad


def _broadcast(a: tuple[int, ...], b: tuple[int, ...], text: str) -> None:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        raise ValueError(f"Cannot broadcast {a} rotations to {b} {text}.") from None


class Rotation:
    """Rotations of space, one or an array of them, by unit quaternions.

    Args:
        quat: quaternions ``f[..., 4]``, of which the last component is the real one.
        normalize: whether they are divided by their lengths.
        copy: without a meaning: rotations never change.
        scalar_first: whether the first component is the real one.

    Rotations are composed by ``*`` (``p * q`` turns by q first), raised to powers, and indexed as arrays.  Everything is in
    double precision, and differentiable, also at the rotation by nothing; where the shortest way between vectors, the nearest
    rotation or an angle is not determined, derivatives are NaN.

    Raises:
        ValueError: shapes do not fit, or a quaternion is zero (NaN where values are not known).

    Example:
        >>> turn = Rotation.from_euler("z", 90, degrees=True)
        >>> np.round(turn.apply(np.array([1.0, 0.0, 0.0])), 12), np.round((turn**0.5).as_euler("xyz", degrees=True), 12)
        (array([0., 1., 0.]), array([ 0., 0., 45.]))
    """

    __array_ufunc__ = None

    def __init__(self, quat: Any, normalize: bool = True, copy: bool = True, scalar_first: bool = False):
        q = double(quat, (4,), "quat")
        q = np.roll(q, -1, axis=-1) if scalar_first else q
        if normalize:
            zero = np.all(q == 0, axis=-1, keepdims=True)
            _refused(zero, "Found zero norm quaternions in `quat`.")
            q = of.unit(q)
        self._quat = q

    @classmethod
    def _of(cls, q: Any) -> Rotation:
        made = object.__new__(cls)
        made._quat = q
        return made

    # --- from ---

    @classmethod
    def from_quat(cls, quat: Any, *, scalar_first: bool = False) -> Rotation:
        """Of quaternions ``f[..., 4]`` of any length but 0.

        Example:
            >>> Rotation.from_quat(np.array([0.0, 0.0, 2.0, 0.0])).as_matrix()
            array([[-1., 0., 0.], [ 0., -1., 0.], [ 0., 0., 1.]])
        """
        return cls(quat, scalar_first=scalar_first)

    @classmethod
    def from_matrix(cls, matrix: Any, *, assume_valid: bool = False) -> Rotation:
        """Of matrices ``f[..., 3, 3]``: the rotation that is nearest, by Davenport's eigenvalue problem.

        Args:
            matrix: matrices of positive determinant.
            assume_valid: whether that is taken for granted.

        Raises:
            ValueError: a determinant is not positive (NaN where values are not known).

        Example:
            >>> Rotation.from_matrix(np.diag([2.0, 2.0, 2.0])).as_quat()
            array([0., 0., 0., 1.])
        """
        m = double(matrix, (3, 3), "matrix")
        if not assume_valid:
            text = "Non-positive determinant (left-handed or null coordinate frame) in a rotation matrix."
            left_handed = _refused(np.linalg.det(m) <= 0, text)
            q = of.principal(of.davenport(np.where(left_handed[..., None, None], np.eye(3), m)))
            return cls._of(np.where(left_handed[..., None], np.nan, q))
        return cls._of(of.principal(of.davenport(m)))

    @classmethod
    def from_rotvec(cls, rotvec: Any, degrees: bool = False) -> Rotation:
        """Of vectors ``f[..., 3]``: about each, by its length.

        Example:
            >>> np.round(Rotation.from_rotvec(np.array([0.0, 0.0, np.pi / 2])).apply(np.array([1.0, 0.0, 0.0])), 12)
            array([0., 1., 0.])
        """
        v = double(rotvec, (3,), "rotvec")
        return cls._of(of.from_rotation_vector(v * DEGREE if degrees else v))

    @classmethod
    def from_mrp(cls, mrp: Any) -> Rotation:
        """Of modified Rodrigues parameters ``f[..., 3]``: the axis by the tangent of a quarter of the angle.

        Example:
            >>> Rotation.from_mrp(np.array([0.0, 0.0, 1.0])).as_quat()
            array([0., 0., 1., 0.])
        """
        v = double(mrp, (3,), "mrp")
        square = np.sum(v * v, axis=-1, keepdims=True)
        return cls._of(np.concatenate([2 * v, 1 - square], axis=-1) / (1 + square))

    @classmethod
    def from_euler(cls, seq: str, angles: Any, degrees: bool = False) -> Rotation:
        """Of angles ``f[..., n]`` about n axes, at most 3.

        Args:
            seq: the axes: of "x", "y", "z" that stay, or of "X", "Y", "Z" that turn, no two equal ones in a row.
            angles: one for each axis (a number for a single one).
            degrees: whether they are in degrees.

        Example:
            >>> np.round(Rotation.from_euler("xz", np.array([90.0, 90.0]), degrees=True).as_quat(), 12)
            array([0.5, 0.5, 0.5, 0.5])
        """
        axes, intrinsic = _axes(seq, range(1, 4))
        angles = np.atleast_1d(double(angles, (), "angles"))
        if shape_of(angles)[-1] != len(axes):
            what = f"from_euler got angles {typeof(angles)} for seq={seq!r}."
            raise ValueError(describe(what, fix=f"the last axis counts the {len(axes)} angles"))
        return cls._composed(np.eye(3)[axes], angles * (DEGREE if degrees else 1.0), intrinsic)

    @classmethod
    def _composed(cls, axes: Any, angles: Any, intrinsic: bool) -> Rotation:
        q: Any = None
        for i in range(shape_of(axes)[-2]):
            turn = of.rotated_about(axes[..., i, :], angles[..., i])
            q = turn if q is None else of.product(q, turn) if intrinsic else of.product(turn, q)
        return cls._of(q)

    @classmethod
    def from_davenport(cls, axes: Any, order: str, angles: Any, degrees: bool = False) -> Rotation:
        """Of angles ``f[..., n]`` about n axes ``f[..., n, 3]``, each orthogonal to the one before; at most 3.

        Args:
            axes: vectors; ``f[3]`` is one.
            order: "extrinsic" or "e", if the axes stay; "intrinsic" or "i", if they turn.
            angles: one for each axis.
            degrees: whether they are in degrees.

        Example:
            >>> np.round(Rotation.from_davenport(np.array([0.0, 0.0, 2.0]), "e", np.pi / 2).as_rotvec(), 6)
            array([0.      , 0.      , 1.570796])
        """
        axes, angles = double(axes, (3,), "axes"), np.atleast_1d(double(angles, (), "angles"))
        axes = axes[None] if len(shape_of(axes)) == 1 else axes
        n = shape_of(axes)[-2]
        if not 1 <= n <= 3 or shape_of(angles)[-1] != n:
            what = f"from_davenport got {n} axes and angles {typeof(angles)}."
            raise ValueError(describe(what, fix="give an angle for each of at most 3 axes"))
        axes = _orthogonal(axes, n)
        return cls._composed(axes, angles * (DEGREE if degrees else 1.0), _is_intrinsic(order))

    # --- as ---

    def as_quat(self, canonical: bool = False, *, scalar_first: bool = False) -> Any:
        """The quaternions ``f[..., 4]``.

        Args:
            canonical: whether the sign is chosen such that the real component, or the first one that is not 0, is positive.
            scalar_first: whether the real component comes first.
        """
        q = of.canonical(self._quat) if canonical else self._quat
        return np.roll(q, 1, axis=-1) if scalar_first else q

    def as_matrix(self) -> Any:
        """The matrices ``f[..., 3, 3]``."""
        return of.to_matrix(self._quat)

    def as_rotvec(self, degrees: bool = False) -> Any:
        """The vectors ``f[..., 3]`` along the axes, as long as the angles, which are at most pi."""
        return of.to_rotation_vector(self._quat) / (DEGREE if degrees else 1.0)

    def as_mrp(self) -> Any:
        """The modified Rodrigues parameters ``f[..., 3]``, of length at most 1."""
        q = self._quat * np.where(self._quat[..., 3:] < 0, -1.0, 1.0)
        return q[..., :3] / (1 + q[..., 3:])

    def as_euler(self, seq: str, degrees: bool = False, *, suppress_warnings: bool = False) -> Any:
        """The angles ``f[..., 3]`` about three axes, by Bernardes and Viollet (PLoS ONE 17, 2022).

        Args:
            seq: as for `from_euler`, of three axes.
            degrees: whether they are in degrees.
            suppress_warnings: whether nothing is said where the angles are not determined: the third is 0 there, and
                derivatives are NaN.
        """
        axes, intrinsic = _axes(seq, (3,))
        parts, sign = of.in_frame(self._quat, tuple(axes[::-1] if intrinsic else axes))  # type: ignore[arg-type]
        return of.three_angles(parts, not intrinsic, sign, np.pi / 2, suppress_warnings) / (DEGREE if degrees else 1.0)

    def as_davenport(self, axes: Any, order: str, degrees: bool = False, *, suppress_warnings: bool = False) -> Any:
        """The angles ``f[..., 3]`` about three axes ``f[..., 3, 3]``, each orthogonal to the one before; as `as_euler`."""
        axes, extrinsic = _orthogonal(double(axes, (3, 3), "axes"), 3), not _is_intrinsic(order)
        first, middle, last = (axes[..., i, :] for i in ((0, 1, 2) if extrinsic else (2, 1, 0)))
        across = np.cross(first, middle)
        shift = np.arctan2(np.sum(last * across, axis=-1), np.sum(last * first, axis=-1))
        turned = shift < 0
        flip = np.where(turned, -1.0, 1.0)
        middle, across, shift = flip[..., None] * middle, flip[..., None] * across, flip * shift
        q = of.product(of.rotated_about(middle, shift), self._quat)
        parts = (q[..., 3], *(np.sum(q[..., :3] * v, axis=-1) for v in (first, middle, across)))
        found = of.three_angles(parts, extrinsic, 1.0, shift, suppress_warnings)
        found = np.stack([found[..., 0], flip * found[..., 1], found[..., 2]], axis=-1)
        return found / (DEGREE if degrees else 1.0)

    # --- what is done with rotations ---

    def apply(self, vectors: Any, inverse: bool = False) -> Any:
        """The rotated vectors ``f[..., 3]``; vectors and rotations broadcast together.

        Args:
            vectors: ``f[..., 3]``.
            inverse: whether the inverse rotations are applied.
        """
        vectors = double(vectors, (3,), "vectors")
        _broadcast(self.shape, shape_of(vectors)[:-1], "vectors")
        return np.einsum("...ji,...j->...i" if inverse else "...ij,...j->...i", self.as_matrix(), vectors)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Rotation):
            return NotImplemented
        _broadcast(self.shape, other.shape, "rotations")
        return Rotation(of.product(self._quat, other._quat))

    def __pow__(self, n: Any, modulus: None = None) -> Rotation:
        if modulus is not None:
            raise NotImplementedError("Rotation: pow takes no modulus")
        n = double(n, (), "an exponent")
        if shape_of(n) not in ((), (1,)):
            raise ValueError(f"Rotation got an exponent {typeof(n)}: give a number")
        n = np.reshape(n, ())
        if not contains_tracer(n) and n in (0, 1, -1):
            return {0: Rotation._of(0 * self._quat + of.IDENTITY), 1: self, -1: self.inv()}[int(n)]
        return Rotation._of(of.from_rotation_vector(n * of.to_rotation_vector(self._quat)))

    def inv(self) -> Rotation:
        """The inverse rotations."""
        return Rotation._of(self._quat * of.CONJUGATE)

    def magnitude(self) -> Any:
        """The angles ``f[...]``, from 0 to pi; the derivative at 0 is 0, as that of a length."""
        return of.angle(self._quat)

    def approx_equal(self, other: Rotation, atol: Any = None, degrees: bool = False) -> Any:
        """Whether the angle between rotations is less than ``atol``, 1e-8 radians by default."""
        atol = 1e-8 if atol is None else atol * (DEGREE if degrees else 1.0)
        return (other * self.inv()).magnitude() < atol

    def mean(self, weights: Any = None, axis: Any = None) -> Rotation:
        """The mean of rotations, nearest to all in the sum of squared distances of matrices (Markley et al., 2007).

        Args:
            weights: numbers that are not negative, which broadcast to the rotations; by default 1.
            axis: along which axes; None for all.

        Raises:
            ValueError: there is no rotation, a weight is negative (NaN where that is not known), or shapes do not fit.
        """
        if 0 in self.shape:
            raise ValueError("Mean of an empty rotation set is undefined.")
        axes = canonical_axes(axis, len(self.shape), "Rotation.mean")
        w = double(1.0 if weights is None else weights, (), "weights")
        _broadcast(self.shape, shape_of(w), "weights")
        w = np.broadcast_to(w, np.broadcast_shapes(self.shape, shape_of(w)))
        negative = _refused(w < 0, "`weights` must be non-negative.")
        outer = np.where(negative, 0.0, w)[..., None, None] * self._quat[..., :, None] * self._quat[..., None, :]
        q = of.principal(np.sum(outer, axis=axes))
        return Rotation._of(np.where(np.any(negative, axis=axes)[..., None], np.nan, q))

    def reduce(self, left: Rotation | None = None, right: Rotation | None = None, return_indices: bool = False) -> Any:
        """For each rotation p the ``l * p * r`` by the smallest angle, with l and r from two groups.

        Args:
            left, right: the groups; by default of one element.
            return_indices: whether the second and third results are there.

        Returns:
            The rotations; with ``return_indices`` also the places of l and r in their groups, None for one that is not given.
        """
        p = np.reshape(self._quat, (-1, 4))
        groups = [np.reshape(g._quat if g is not None else of.IDENTITY, (-1, 4)) for g in (left, right)]
        all_products = of.product(groups[0][:, None, None], of.product(p[None, :, None], groups[1][None, None]))
        by_rotation = np.reshape(np.moveaxis(all_products, 1, 0), (len(p), len(groups[0]) * len(groups[1]), 4))
        best = np.argmax(np.abs(by_rotation[..., 3]), axis=1)
        q = np.take_along_axis(by_rotation, best[:, None, None], axis=1)[:, 0]
        found = Rotation._of(np.reshape(q, shape_of(self._quat)))
        if not return_indices:
            return found
        places = np.divmod(best, len(groups[1]))
        return found, *(place if g is not None else None for place, g in zip(places, (left, right), strict=True))

    @classmethod
    def align_vectors(cls, a: Any, b: Any, weights: Any = None, return_sensitivity: bool = False) -> Any:
        """The rotation that takes vectors b nearest to vectors a, by Davenport's eigenvalue problem.

        Args:
            a, b: vectors ``f[n, 3]``, or ``f[3]``: then, and for n = 1, the shortest rotation between their directions.
            weights: ``f[n]``, not negative; by default 1.  One may be infinite, if its value is known: these vectors are
                aligned exactly.
            return_sensitivity: whether the third result is there.

        Returns:
            The rotation; the root of the sum of ``weights * |a - R b|**2``, with derivative 0 where that is 0; and the
            covariance ``f[3,3]`` of small errors of the rotation, for vectors with errors of variance 1.

        Raises:
            ValueError: shapes do not fit, or weights are negative, or several are infinite.

        Example:
            >>> turn, rest = Rotation.align_vectors(np.eye(3), np.eye(3)[[2, 0, 1]])
            >>> np.round(turn.apply(np.array([1.0, 2.0, 3.0])), 12), round(float(rest), 12)
            (array([3., 1., 2.]), 0.0)
        """
        a, b = (v[None] if len(shape_of(v)) == 1 else v for v in (double(a, (3,), "a"), double(b, (3,), "b")))
        n = shape_of(a)[0]
        if shape_of(a) != shape_of(b) or len(shape_of(a)) != 2:
            raise ValueError(f"align_vectors got {typeof(a)} and {typeof(b)}: give as many vectors of both, f[n,3]")
        w = np.ones(n) if weights is None else double(weights, (n,), "weights")
        negative = np.any(_refused(w < 0, "`weights` may not contain negative values"))
        w = np.where(negative, 1.0, w)
        exact = [0] if n == 1 else [] if contains_tracer(w) else np.flatnonzero(np.isinf(w)).tolist()
        if len(exact) > 1:
            raise ValueError("Only one infinite weight is allowed")
        if exact and return_sensitivity:
            raise ValueError("Cannot return sensitivity matrix with an infinite weight or one vector pair")
        q = _aligned_at_one(a, b, w, exact[0]) if exact else _aligned(a, b, w)
        found = cls._of(np.where(negative, np.nan, q))
        finite = w if contains_tracer(w) else np.where(np.isinf(w), 0.0, w)
        rest = np.linalg.norm(np.sqrt(finite)[:, None] * (a - found.apply(b)))
        return (found, rest, _sensitivity(a, b, w, found.as_matrix())) if return_sensitivity else (found, rest)

    # --- collections ---

    @classmethod
    def concatenate(cls, rotations: Any) -> Rotation:
        """All rotations of a list, one after the other."""
        if isinstance(rotations, Rotation):
            return rotations
        if not all(isinstance(r, Rotation) for r in rotations):
            raise TypeError("input must contain Rotation objects only")
        return cls._of(np.concatenate([np.atleast_2d(r._quat) for r in rotations]))

    @classmethod
    def identity(cls, num: int | None = None, *, shape: Any = None) -> Rotation:
        """Rotations by nothing: one, ``num`` of them, or an array of them."""
        if num is not None and shape is not None:
            raise ValueError("Only one of `num` or `shape` can be specified.")
        sizes = num if shape is None else shape
        return cls._of(np.tile(of.IDENTITY, (*np.ravel(() if sizes is None else sizes).astype(int), 1)))

    @classmethod
    def random(cls, num: int | None = None, rng: Any = None) -> Rotation:
        """Rotations that SciPy draws uniformly, with NumPy's generators: none of it is traced."""
        return cls._of(np.asarray(_scipy.Rotation.random(num, rng=rng).as_quat()))

    @classmethod
    def create_group(cls, group: str, axis: str = "Z") -> Rotation:
        """The rotations of a group: "I", "O", "T", "Dn" or "Cn"."""
        return cls._of(np.asarray(_scipy.Rotation.create_group(group, axis).as_quat()))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of rotations, () of one."""
        return shape_of(self._quat)[:-1]

    @property
    def single(self) -> bool:
        """Whether this is one rotation, not an array of them."""
        return not self.shape

    def __len__(self) -> int:
        if self.single:
            raise TypeError("Single rotation has no len().")
        return self.shape[0]

    def __getitem__(self, indexer: Any) -> Rotation:
        if self.single:
            raise TypeError("Single rotation is not subscriptable.")
        parts = indexer if isinstance(indexer, tuple) else (indexer,)
        rest = () if any(part is Ellipsis for part in parts) else (Ellipsis,)
        return Rotation._of(index(self._quat, (*parts, *rest, slice(None))))

    def __iter__(self) -> Iterator[Rotation]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, indexer: Any, value: Any) -> NoReturn:
        what, why = "rotations[...] = r writes in place into a Rotation.", "rotations never change, for they may be traced"
        raise InPlaceWriteError(what, why=why, fix="Rotation.from_quat(covector.at(rotations.as_quat())[...].set(r.as_quat()))")

    def __repr__(self) -> str:
        return f"Rotation.from_quat({self._quat!r})"


register_when_needed(Rotation, lambda r: ((r._quat,), None), lambda _, leaves: Rotation._of(leaves[0]))


# --- arguments --------------------------------------------------------------------------------------------------------


def _axes(seq: Any, lengths: Iterable[int]) -> tuple[list[int], bool]:
    """The axes by number, and whether they turn."""
    if not isinstance(seq, str) or len(seq) not in lengths or not re.fullmatch("[xyz]*|[XYZ]*", seq):
        allowed = " or ".join(map(str, lengths))
        raise ValueError(f"Rotation got seq={seq!r}: give {allowed} of the letters 'xyz', or of 'XYZ'")
    if any(i == j for i, j in pairwise(seq)):
        raise ValueError(f"Expected consecutive axes to be different, got {seq}")
    return ["xyz".index(letter) for letter in seq.lower()], seq.isupper()


def _is_intrinsic(order: Any) -> bool:
    if order not in ("e", "extrinsic", "i", "intrinsic"):
        raise ValueError(f"Rotation got order={order!r}: give 'e', 'extrinsic', 'i' or 'intrinsic'")
    return order[0] == "i"  # type: ignore[no-any-return]


def _orthogonal(axes: Any, n: int) -> Any:
    """The unit vectors along axes, each of which is orthogonal to the one before."""
    axes = of.unit(axes)
    dots = [np.abs(np.sum(axes[..., i, :] * axes[..., i + 1, :], axis=-1)) > 1e-7 for i in range(n - 1)]
    bad = np.any(np.stack(dots, axis=-1), axis=-1)[..., None, None] if dots else np.False_
    return np.where(_refused(bad, "Consecutive axes must be orthogonal."), np.nan, axes)


# --- alignment --------------------------------------------------------------------------------------------------------


def _aligned(a: Any, b: Any, w: Any) -> Any:
    k = of.davenport((w[:, None] * a).T @ b)
    ambiguous = of.is_ambiguous(k)
    if not contains_tracer(ambiguous) and ambiguous:
        warnings.warn("Optimal rotation is not uniquely or poorly defined for the given sets of vectors.", stacklevel=3)
    return of.principal(k)


def _aligned_at_one(a: Any, b: Any, w: Any, i: int) -> Any:
    """The rotation that aligns the vectors number i exactly, and the others as well as a turn about that axis can."""
    axis, start = of.unit(a[i]), of.unit(b[i])
    for name, v in (("a", a[i]), ("b", b[i])):
        _refused(np.all(v == 0), f"Cannot align zero length primary vectors ({name})")
    q = of.between(axis, start)
    if shape_of(a)[0] == 1:
        return q
    rest = np.delete(np.arange(shape_of(a)[0]), i)
    c, a, w = Rotation._of(q).apply(b[rest]), a[rest], w[rest]
    sine = np.sum(w * (np.cross(c, a) @ axis))
    cosine = np.sum(w * (np.sum(c * a, axis=-1) - (c @ axis) * (a @ axis)))
    return of.product(of.rotated_about(axis, np.arctan2(sine, cosine)), q)


def _sensitivity(a: Any, b: Any, w: Any, rotation: Any) -> Any:
    """The covariance of errors (Markley, Journal of the Astronautical Sciences 38, 1988), by the invariants of ``R.T @ B``."""
    profile = (w[:, None] * a).T @ b
    s = rotation.T @ profile
    first, second = np.trace(s), (np.trace(s) ** 2 - np.trace(s @ s)) / 2
    product = first * second - np.linalg.det(s)
    return np.mean(w) / product * (second * np.eye(3) + profile @ profile.T)
