"""Rotation of covector.scipy.spatial.transform: SciPy's values, derivatives by differences, the rotation by nothing too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.spatial.transform
from transformed import close

import covector as cv
from covector import errors
from covector.scipy.spatial.transform import Rotation, Slerp
from covector.testing import check_grads

SciPys = scipy.spatial.transform.Rotation
RNG = np.random.default_rng(0)
Q = RNG.normal(size=(5, 4))
M = RNG.normal(size=(5, 3, 3))
M *= np.sign(np.linalg.det(M))[:, None, None]
V = RNG.normal(size=(5, 3))
ANGLES = np.array([[0.3, -0.7, 0.4], [2.0, 0.5, -1.0]])
FRAME = np.linalg.qr(M[0])[0]
LARGE = np.array([[3.0, 0.5, -0.4], [-2.0, 4.0, 3.0]])
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.1, 1.5])
ALL_SEQUENCES = ["".join(s) for s in itertools.product("xyz", repeat=3) if s[0] != s[1] != s[2]]

MAKE = {
    "quat": (lambda R, x: R.from_quat(x), Q),
    "quat, scalar first": (lambda R, x: R.from_quat(x, scalar_first=True), Q),
    "matrix": (lambda R, x: R.from_matrix(x), M),
    "rotvec": (lambda R, x: R.from_rotvec(x), np.concatenate([V, LARGE])),
    "rotvec in degrees": (lambda R, x: R.from_rotvec(x, degrees=True), 50 * V),
    "mrp": (lambda R, x: R.from_mrp(x), V),
    "one angle": (lambda R, x: R.from_euler("y", x), np.array(0.4)),
    "two angles": (lambda R, x: R.from_euler("xz", x, degrees=True), 50 * ANGLES[:, :2]),
    "three angles": (lambda R, x: R.from_euler("XYX", x), ANGLES),
    "own axes": (lambda R, x: R.from_davenport(FRAME, "intrinsic", x), ANGLES),
    "own axes that stay": (lambda R, x: R.from_davenport(FRAME[:2], "e", x), ANGLES[:, :2]),
    "composed": (lambda R, x: R.from_rotvec(x) * R.from_quat(Q), V),
    "inverse": (lambda R, x: R.from_rotvec(x).inv(), V),
    "power": (lambda R, x: R.from_rotvec(x) ** 0.3, V),
    "power 0": (lambda R, x: R.from_rotvec(x) ** 0, V),
    "power -1": (lambda R, x: R.from_rotvec(x) ** -1, V),
    "chosen": (lambda R, x: R.from_rotvec(x)[1:3], V),
    "concatenated": (lambda R, x: R.concatenate([R.from_rotvec(x), R.from_quat(Q[0])]), V),
    "mean": (lambda R, x: R.from_quat(x).mean(), Q),
    "weighted mean": (lambda R, x: R.from_quat(x).mean(WEIGHTS), Q),
    "mean along an axis": (lambda R, x: R.from_quat(x).mean(axis=1), np.stack([Q, Q[::-1] + 0.3])),
    "reduced": (lambda R, x: R.from_quat(x).reduce(R.create_group("T"), R.create_group("C5", "X")), Q),
    "reduced from the right": (lambda R, x: R.from_quat(x).reduce(right=R.create_group("O")), Q),
    "aligned": (lambda R, x: R.align_vectors(x, V[::-1])[0], V),
    "aligned with weights": (lambda R, x: R.align_vectors(x, V[::-1], WEIGHTS)[0], V),
    "aligned at one": (lambda R, x: R.align_vectors(x, V[::-1], [1, 2, np.inf, 0.5, 1])[0], V),
    "aligned alone": (lambda R, x: R.align_vectors(x, V[1])[0], V[0]),
    "aligned alone by more than a right angle": (lambda R, x: R.align_vectors(x, -V[0] + 0.1)[0], V[0]),
}
USE = {
    "matrix": lambda r: r.as_matrix(),
    "rotvec": lambda r: r.as_rotvec(),
    "rotvec in degrees": lambda r: r.as_rotvec(degrees=True),
    "mrp": lambda r: r.as_mrp(),
    "canonical quat": lambda r: r.as_quat(canonical=True, scalar_first=True),
    "euler": lambda r: r.as_euler("ZYX"),
    "euler in degrees": lambda r: r.as_euler("zxz", degrees=True),
    "own axes": lambda r: r.as_davenport(FRAME, "e"),
    "own axes that turn": lambda r: r.as_davenport(FRAME[::-1], "i", degrees=True),
    "applied": lambda r: r.apply(V[0]),
    "applied inversely": lambda r: r.apply(V[:1], inverse=True),
    "magnitude": lambda r: r.magnitude(),
    "length": lambda r: np.float64(len(r)),
}


@pytest.mark.parametrize("make", MAKE)
def test_what_makes_rotations(make):
    f, x = MAKE[make]
    matrix = lambda x: f(Rotation, x).as_matrix()
    expected = f(SciPys, x).as_matrix()
    close(matrix(x), expected)
    close(cv.jit(matrix)(x), expected)
    close(cv.vmap(matrix)(np.stack([x, x]))[1], expected)
    check_grads(matrix, (x,), 2)


@pytest.mark.parametrize("use", USE)
def test_what_is_made_of_rotations(use):
    f = USE[use]
    for q in (Q, -Q, np.stack([Q, Q[::-1]])):
        expected = f(SciPys.from_quat(q))
        close(f(Rotation.from_quat(q)), expected)
        close(cv.jit(lambda q: f(Rotation.from_quat(q)))(q), expected)
    close(cv.vmap(lambda q: USE[use](Rotation.from_quat(q[None])))(Q), np.stack([f(SciPys.from_quat(q[None])) for q in Q]))
    if use != "length":
        check_grads(lambda q: f(Rotation.from_quat(q)), (Q,), 2)
        close(f(Rotation.from_quat(Q[0])), f(SciPys.from_quat(Q[0])))


@pytest.mark.parametrize("use", USE)
def test_half_turns(use):
    """The real component is 0, of either sign: neither quaternion is the one that stands for the rotation by its sign."""
    f = USE[use]
    for half in (Q * [1.0, 1.0, 1.0, 0.0], -Q * [1.0, 1.0, 1.0, 0.0]):
        expected = f(SciPys.from_quat(half))
        close(f(Rotation.from_quat(half)), expected)
        close(cv.jit(lambda q: f(Rotation.from_quat(q)))(half), expected)


@pytest.mark.parametrize("seq", [*ALL_SEQUENCES, *map(str.upper, ALL_SEQUENCES)])
def test_angles_of_all_sequences(seq):
    close(Rotation.from_euler(seq, ANGLES).as_matrix(), SciPys.from_euler(seq, ANGLES).as_matrix())
    close(Rotation.from_quat(Q).as_euler(seq), SciPys.from_quat(Q).as_euler(seq))
    frame = (
        np.eye(3)["xyz".index(seq[0].lower())],
        np.eye(3)["xyz".index(seq[1].lower())],
        np.eye(3)["xyz".index(seq[2].lower())],
    )
    order = "i" if seq.isupper() else "e"
    close(Rotation.from_quat(Q).as_davenport(np.stack(frame), order), SciPys.from_quat(Q).as_davenport(np.stack(frame), order))
    locked = np.array([[0.3, np.pi / 2, 0.1], [0.3, 0.0, 0.1], [0.3, np.pi, 0.1], [0.3, -np.pi / 2, 0.1]])
    ours, theirs = Rotation.from_euler(seq, locked), SciPys.from_euler(seq, locked)
    found, expected = ours.as_euler(seq, suppress_warnings=True), theirs.as_euler(seq, suppress_warnings=True)
    close(Rotation.from_euler(seq, found).as_matrix(), SciPys.from_euler(seq, expected).as_matrix(), atol=1e-7)
    assert np.sum(found[:, 2] == 0) == np.sum(expected[:, 2] == 0) == 2


def test_half_turns_have_scipys_sign():
    """Angles of pi and -pi are those of SciPy for each quaternion of numbers 0, -0, 1 and -1."""
    q = np.array([p for p in itertools.product([0.0, -0.0, 1.0, -1.0], repeat=4) if any(p)])
    for seq in ALL_SEQUENCES + [s.upper() for s in ALL_SEQUENCES]:
        expected = SciPys.from_quat(q).as_euler(seq, suppress_warnings=True)
        found = Rotation.from_quat(q).as_euler(seq, suppress_warnings=True)
        np.testing.assert_allclose(found, expected, atol=1e-7)
    for order in ("extrinsic", "intrinsic"):
        expected = SciPys.from_quat(q).as_davenport(np.eye(3), order, suppress_warnings=True)
        found = cv.jit(lambda q, o=order: Rotation.from_quat(q).as_davenport(np.eye(3), o))(q)
        np.testing.assert_allclose(found, expected, atol=1e-7)
    for axis in "xyz":
        for by in (np.pi, -np.pi):
            expected = SciPys.from_euler(axis, by).as_euler("xyz")
            np.testing.assert_allclose(cv.jit(lambda b, a=axis: Rotation.from_euler(a, b).as_euler("xyz"))(by), expected)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_reduction_of_few_rotations(n):
    """SciPy has that of none without groups alone."""
    alone = lambda R, q: R.from_quat(q).reduce().as_quat()
    with_groups = lambda R, q: R.from_quat(q).reduce(R.create_group("T"), R.create_group("C5", "X")).as_quat()
    for f, expected in ((alone, alone(SciPys, Q[:n])), (with_groups, with_groups(SciPys, Q[:n]) if n else np.zeros((0, 4)))):
        for transform in (lambda g: g, cv.jit):
            close(transform(lambda q, f=f: f(Rotation, q))(Q[:n]), expected)


@pytest.mark.parametrize("at", [np.zeros(3), np.array([1e-9, 0, 0]), np.array([0.0, 1e-3, 2e-3])])
def test_derivatives_at_the_rotation_by_nothing(at):
    v = np.array([1.0, 2.0, 3.0])
    turned = lambda r: Rotation.from_rotvec(r).apply(v)
    for f in (lambda f: f, cv.jit):
        close(f(cv.jacfwd(turned))(np.zeros(3)), -np.array([[0, -3, 2], [3, 0, -1], [-2, 1, 0.0]]))
    for f in (
        turned,
        lambda r: (Rotation.from_rotvec(r) * Rotation.from_rotvec(0.3 * r)).as_rotvec(),
        lambda r: (Rotation.from_rotvec(r) ** 0.7).as_quat(),
    ):
        check_grads(f, (at,), 2)
    identity = lambda r: Rotation.from_rotvec(r).as_rotvec()
    close(cv.jacrev(identity)(at), np.eye(3))
    close(cv.jacfwd(cv.jacfwd(identity))(at), np.zeros((3, 3, 3)))
    close(cv.jacfwd(cv.jacfwd(cv.jacrev(identity)))(at), np.zeros((3, 3, 3, 3)), atol=1e-9)
    close(cv.jacfwd(lambda q: Rotation.from_quat(q).as_rotvec())(np.array([0, 0, 0, 2.0])), np.eye(3, 4))
    close(cv.jacfwd(lambda r: Rotation.from_rotvec(r).as_mrp())(np.zeros(3)), np.eye(3) / 4)
    assert np.all(cv.grad(lambda r: Rotation.from_rotvec(r).magnitude())(np.zeros(3)) == 0)


def test_the_series_agree_with_the_closed_forms_where_they_meet():
    axis = np.array([0.6, 0.0, 0.8])
    for length in (0.99, 1.0, 1.01, 0.394, 0.395, 0.396, 3.1, 1e-7, 1e-160):
        close(Rotation.from_rotvec(axis * length).as_quat(), SciPys.from_rotvec(axis * length).as_quat(), rtol=1e-14, atol=0)
        close(Rotation.from_rotvec(axis * length).as_rotvec(), axis * length, rtol=1e-14, atol=0)
    fourth = lambda r: cv.grad(cv.grad(cv.grad(cv.grad(lambda t: Rotation.from_rotvec(axis * t).as_quat()[3]))))(r)
    for length in (0.5, 0.999, 1.001):
        close(fourth(length), np.cos(length / 2) / 16, rtol=1e-9)


def test_matrices_of_rotations_have_the_derivatives_of_the_nearest_rotation():
    for m in (np.eye(3), FRAME * np.sign(np.linalg.det(FRAME)), np.diag([1.0, -1.0, -1.0]), 2 * np.eye(3)):
        check_grads(lambda m: Rotation.from_matrix(m).as_matrix(), (m,), 2)
        close(Rotation.from_matrix(m, assume_valid=True).as_quat(), SciPys.from_matrix(m).as_quat())
    for m in M:
        u, _, vt = np.linalg.svd(m)
        close(Rotation.from_matrix(m).as_matrix(), u @ vt)


def test_rests_and_sensitivities_of_alignments():
    a, b = V, V[::-1] + 0.1
    for weights in (None, WEIGHTS):
        expected = SciPys.align_vectors(a, b, weights, return_sensitivity=True)
        found = Rotation.align_vectors(a, b, weights, return_sensitivity=True)
        close([found[0].as_matrix(), *found[1:]], [expected[0].as_matrix(), *expected[1:]])
    check_grads(lambda a, b, w: Rotation.align_vectors(a, b, w, return_sensitivity=True)[1:], (a, b, WEIGHTS), 1)
    for weights in ([1, np.inf, 1, 2, 3], [np.inf, 1, 1, 2, 3]):
        close(Rotation.align_vectors(a, b, weights)[1], SciPys.align_vectors(a, b, weights)[1])
    for w in ([2.0], None, [np.inf]):
        close(Rotation.align_vectors(a[:1], b[:1], w)[1], SciPys.align_vectors(a[:1], b[:1], w)[1])
    exact = SciPys.from_quat(Q[0]).apply(V)
    rest = lambda a: Rotation.align_vectors(a, V)[1]
    assert rest(exact) < 1e-14 and np.all(np.isfinite(cv.grad(rest)(exact)))
    for v in np.concatenate([np.eye(3), [[0.3, 0.5, 0.2]]]):
        close(Rotation.align_vectors(v, -v)[0].as_matrix(), SciPys.align_vectors(v, -v)[0].as_matrix())
        near = -v + np.array([0, 1e-9, 1e-9])
        close(Rotation.align_vectors(v, near)[0].apply(near / np.linalg.norm(near)), v / np.linalg.norm(v), atol=1e-9)
    assert np.all(np.isnan(cv.jacfwd(lambda v: Rotation.align_vectors(v, -np.eye(3)[0])[0].as_quat())(np.eye(3)[0])))


def test_what_is_not_determined_has_no_derivative():
    locked = Rotation.from_euler("xyz", [0.3, np.pi / 2, 0.0]).as_rotvec()
    found = cv.jacfwd(lambda v: Rotation.from_rotvec(v).as_euler("xyz", suppress_warnings=True))(locked)
    assert np.all(np.isnan(found))
    with pytest.warns(UserWarning, match="Gimbal lock detected"):
        Rotation.from_rotvec(locked).as_euler("xyz")
    with pytest.warns(UserWarning, match="not uniquely or poorly defined"):
        Rotation.align_vectors([[1, 0, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]])
    bad = cv.jit(lambda m: Rotation.from_matrix(m).as_quat())(np.stack([-np.eye(3), np.eye(3)]))
    assert np.all(np.isnan(bad[0])) and np.array_equal(bad[1], [0, 0, 0, 1])
    assert np.all(np.isnan(cv.jit(lambda q: Rotation.from_quat(q).as_quat())(np.zeros(4))))
    assert np.all(np.isnan(cv.jit(lambda w: Rotation.from_quat(Q).mean(w).as_quat())(-WEIGHTS)))
    assert np.all(np.isnan(cv.jit(lambda w: Rotation.align_vectors(V, V, w)[0].as_quat())(-WEIGHTS)))


def test_rotations_are_pytrees():
    r = Rotation.from_quat(Q)
    turned = cv.jit(lambda r, v: (r * r.inv(), r.apply(v)))(r, V)
    close(turned[0].as_quat(), np.tile([0, 0, 0, 1.0], (5, 1)))
    close(turned[1], SciPys.from_quat(Q).apply(V))
    close(cv.vmap(lambda r, v: r.apply(v))(r, V), turned[1])
    assert cv.vmap(lambda r: r)(r).shape == (5,)
    gradient = cv.grad(lambda r: r.apply(V[0])[0, 0])(r)
    assert isinstance(gradient, Rotation) and gradient.as_quat().shape == (5, 4)


def test_collections():
    r = Rotation.from_quat(np.stack([Q, Q]))
    assert (len(r), r.shape, r.single, r[0, 1].single, r[..., 0].shape, r[np.array([0, 1, 1])].shape) == (
        2,
        (2, 5),
        False,
        True,
        (2,),
        (3, 5),
    )
    assert [x.shape for x in r] == [(5,), (5,)]
    for args, options in [((), {}), ((3,), {}), ((), {"shape": (2, 3)}), ((), {"shape": ()}), ((), {"shape": 3})]:
        close(Rotation.identity(*args, **options).as_quat(), SciPys.identity(*args, **options).as_quat())
    close(Rotation.random(3, rng=0).as_quat(), SciPys.random(3, rng=0).as_quat())
    close(Rotation.create_group("C3", "X").as_quat(), SciPys.create_group("C3", "X").as_quat())
    expected = SciPys.from_quat(Q).reduce(SciPys.create_group("T"), return_indices=True)
    found = Rotation.from_quat(Q).reduce(Rotation.create_group("T"), return_indices=True)
    assert np.array_equal(found[1], expected[1]) and found[2] is None
    assert list(Rotation.from_quat(Q).approx_equal(Rotation.from_quat(-Q))) == [True] * 5
    close(Rotation.concatenate(Rotation.from_quat(Q)).as_quat(), Rotation.from_quat(Q).as_quat())
    assert "Rotation.from_quat(array" in repr(Rotation.identity())
    assert Rotation.from_quat(np.float32(Q)).as_quat().dtype == np.float64
    assert Rotation.from_matrix(np.eye(3, dtype=int)).as_quat().dtype == np.float64
    check_grads(lambda n: (Rotation.from_quat(Q) ** n).as_matrix(), (0.7,), 2)


def test_rotations_between_rotations():
    times, at = np.array([0.0, 1.0, 2.5, 3.0, 4.0]), np.array([0.0, 0.3, 1.0, 2.9, 4.0])
    expected = scipy.spatial.transform.Slerp(times, SciPys.from_quat(Q))(at).as_matrix()
    found = lambda times, q, at: Slerp(times, Rotation.from_quat(q))(at).as_matrix()
    close(found(times, Q, at), expected)
    close(cv.jit(found)(times, Q, at), expected)
    close(cv.vmap(lambda t: Slerp(times, Rotation.from_quat(Q))(t).as_matrix())(at), expected)
    check_grads(found, (times, Q, np.array([0.3, 2.9])), 2)
    check_grads(lambda t: Slerp(times, Rotation.from_quat(Q[[0, 0, 1, 1, 2]]))(t).as_rotvec(), (0.4,), 2)
    outside = cv.jit(lambda t: Slerp(times, Rotation.from_quat(Q))(t).as_quat())(np.array([-1.0, 1.0, 5.0]))
    assert list(np.isnan(outside[:, 0])) == [True, False, True]


ERRORS = [
    (lambda: Slerp(np.arange(3.0), Rotation.identity()), ValueError, "give a Rotation of at least 2"),
    (lambda: Slerp(np.arange(3.0), Rotation.identity(4)), ValueError, r"times f64\[3\] for 4 rotations"),
    (lambda: Slerp(np.zeros(4), Rotation.identity(4)), ValueError, "strictly increasing"),
    (lambda: Slerp(np.arange(4.0), Rotation.identity(4))(4.5), ValueError, "from 0.0 to 3.0"),
    (lambda: Rotation.from_quat(np.ones(3)), ValueError, r"quat of type f64\[3\].*\n(.*\n)*.*shape .\.\.\., 4."),
    (lambda: Rotation.from_quat(np.zeros(4)), ValueError, "Found zero norm quaternions"),
    (lambda: Rotation.from_quat(1j * Q), TypeError, "Cannot cast array data"),
    (lambda: Rotation.from_matrix(np.ones(3)), ValueError, "matrix of type"),
    (lambda: Rotation.from_matrix(-np.eye(3)), ValueError, "Non-positive determinant"),
    (lambda: Rotation.from_rotvec(Q), ValueError, "rotvec of type"),
    (lambda: Rotation.from_mrp(Q), ValueError, "mrp of type"),
    (lambda: Rotation.from_euler("xyw", V), ValueError, "got seq='xyw'"),
    (lambda: Rotation.from_euler("xY", V), ValueError, "got seq='xY'"),
    (lambda: Rotation.from_euler("xxy", V), ValueError, "consecutive axes to be different"),
    (lambda: Rotation.from_euler("xy", V), ValueError, "counts the 2 angles"),
    (lambda: Rotation.from_quat(Q).as_euler("xy"), ValueError, "got seq='xy': give 3 of the letters"),
    (lambda: Rotation.from_davenport(V[:3], "e", ANGLES[0]), ValueError, "Consecutive axes must be orthogonal"),
    (lambda: Rotation.from_davenport(FRAME, "x", ANGLES[0]), ValueError, "got order='x'"),
    (lambda: Rotation.from_davenport(FRAME, "e", 0.3), ValueError, "3 axes and angles"),
    (lambda: Rotation.from_quat(Q).as_davenport(V[:3], "e"), ValueError, "Consecutive axes must be orthogonal"),
    (lambda: Rotation.from_quat(Q).apply(Q), ValueError, "vectors of type"),
    (lambda: Rotation.from_quat(Q).apply(V[:2]), ValueError, r"Cannot broadcast .5,. rotations to .2,. vectors"),
    (lambda: Rotation.from_quat(Q) * Rotation.from_quat(Q[:2]), ValueError, r"to .2,. rotations"),
    (lambda: Rotation.from_quat(Q) * 2, TypeError, "unsupported operand"),
    (lambda: Rotation.from_quat(Q) ** V, ValueError, "exponent"),
    (lambda: pow(Rotation.from_quat(Q), 2, 3), NotImplementedError, "modulus"),
    (lambda: Rotation.from_quat(Q[:0]).mean(), ValueError, "Mean of an empty rotation set"),
    (lambda: Rotation.from_quat(Q).mean(-WEIGHTS), ValueError, "must be non-negative"),
    (lambda: Rotation.from_quat(Q).mean(WEIGHTS[:2]), ValueError, "to .2,. weights"),
    (lambda: Rotation.from_quat(Q).mean(axis=3), ValueError, "axis 3 is out of bounds"),
    (lambda: Rotation.align_vectors(V, V[:2]), ValueError, "as many vectors of both"),
    (lambda: Rotation.align_vectors(V, V, WEIGHTS[:2]), ValueError, "weights of type"),
    (lambda: Rotation.align_vectors(V, V, -WEIGHTS), ValueError, "negative values"),
    (lambda: Rotation.align_vectors(V, V, np.inf * WEIGHTS), ValueError, "Only one infinite weight"),
    (lambda: Rotation.align_vectors(V[0], V[1], return_sensitivity=True), ValueError, "Cannot return sensitivity"),
    (lambda: Rotation.align_vectors(V[0], np.zeros(3)), ValueError, "zero length"),
    (lambda: len(Rotation.identity()), TypeError, "Single rotation has no len"),
    (lambda: Rotation.identity()[0], TypeError, "Single rotation is not subscriptable"),
    (lambda: Rotation.identity(3, shape=3), ValueError, "Only one of"),
    (lambda: Rotation.identity(3).__setitem__(0, Rotation.identity()), errors.InPlaceWriteError, "rotations never change"),
    (lambda: Rotation.concatenate([1]), TypeError, "Rotation objects only"),
    (
        lambda: cv.jit(lambda v: SciPys.from_rotvec(v).as_matrix())(V),
        errors.TracerArrayConversionError,
        r"use covector\.scipy\.spatial\.transform\.Rotation",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
