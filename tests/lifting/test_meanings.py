"""Compiled functions of SciPy's that Python code of SciPy's calls, with traced values: Fourier transforms and rotations."""

import importlib.util

import numpy as np
import pytest
import scipy.fftpack
from scipy.spatial.transform import RigidTransform, Rotation, Slerp

import covector as cv
from covector.testing import check_grads

VECTOR = np.array([0.3, 0.5, 0.9])

TRANSFORMS = """
    fft(x) ifft(x) fft(x,6) rfft(x) irfft(x) rfft(x,3) irfft(x,6) rfft(x,axis=0) irfft(x,axis=0) fft2(x) ifftn(x)
    fftn(x,(3,3)) dct(x)
    dct(x,1) dct(x,3,norm='ortho') idct(x) idct(x,4,norm='ortho') dst(x) idst(x,2,4) dctn(x) idstn(x,norm='ortho') dct(x,axis=0)
""".split()


@pytest.mark.parametrize("shape", [(2, 4), (3, 5), (2, 2)])
@pytest.mark.parametrize("text", TRANSFORMS)
def test_fftpack(text, shape):
    """Each is linear, so its derivative along v is the transform of v."""
    f = eval(f"lambda x: np.asarray(scipy.fftpack.{text})")
    x, v, w = np.random.default_rng(0).normal(size=(3, *shape))
    value, tangent = cv.jvp(cv.lift(f), (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(tangent, f(v), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cv.jit(cv.lift(f))(x), f(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cv.vmap(cv.lift(f))(np.stack([x, w])), [f(x), f(w)], rtol=1e-12, atol=1e-14)
    weights = np.random.default_rng(1).normal(size=f(x).shape)
    found = cv.grad(lambda x: np.sum(weights * np.real(cv.lift(f)(x))))(x)
    np.testing.assert_allclose(np.sum(found * v), np.sum(weights * np.real(f(v))), rtol=1e-10, atol=1e-13)


def test_fftpack_keeps_single_precision():
    x = np.ones((2, 4), np.float32)
    for f in (scipy.fftpack.fft, scipy.fftpack.rfft, scipy.fftpack.dct):
        assert cv.jit(cv.lift(lambda x, f=f: f(x)))(x).dtype == f(x).dtype


OUTSIDE = Rotation.from_rotvec([0.1, 0.2, 0.3])
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
ROTATIONS = {
    "vector": lambda x: Rotation.from_rotvec(x).as_matrix(),
    "of plain values": lambda x: Rotation.from_rotvec(np.array([0.1, 0.2, 0.3])).apply(x),
    "outside": lambda x: (OUTSIDE * Rotation.from_rotvec(x)).as_mrp() + OUTSIDE.apply(x),
    "angles": lambda x: Rotation.from_euler("xyz", x).as_quat(),
    "matrix": lambda x: Rotation.from_matrix(Rotation.from_rotvec(x).as_matrix()).as_rotvec(),
    "near a rotation": lambda x: Rotation.from_matrix(TURN + np.outer(x - VECTOR, VECTOR)).as_quat(),
    "near a rigid one": lambda x: RigidTransform.from_matrix(
        np.block([[TURN + np.outer(VECTOR, x - VECTOR), x[:, None]], [np.zeros(3), 1.0]])
    ).apply([1.0, 2.0, 3.0]),
    "products": lambda x: (Rotation.from_rotvec(x) * Rotation.from_euler("z", 0.3)).inv().as_euler("zyx"),
    "powers": lambda x: (Rotation.from_mrp(x) ** 0.5).magnitude() * x,
    "rows": lambda x: Rotation.from_quat(np.stack([np.append(x, 1.0), np.append(2 * x, -1.0)]))[1].apply([1.0, 2.0, 3.0]),
    "between": lambda x: Slerp([0.0, 1.0], Rotation.from_rotvec(np.stack([x, 2 * x])))(0.3).as_rotvec(),
    "rigid": lambda x: RigidTransform.from_components(x, Rotation.from_rotvec(x)).apply([1.0, 2.0, 3.0]),
}


@pytest.mark.skipif(importlib.util.find_spec("scipy.spatial.transform._rotation_xp") is None, reason="rotations all in C")
@pytest.mark.parametrize("name", ROTATIONS)
def test_rotations_of_scipy(name):
    f = ROTATIONS[name]
    lifted, expected = cv.lift(f), f(VECTOR)
    np.testing.assert_allclose(cv.jit(lifted)(VECTOR), expected, rtol=1e-10, atol=1e-12)
    both = np.stack([VECTOR, 0.9 * VECTOR])
    np.testing.assert_allclose(cv.vmap(lifted)(both), [f(row) for row in both], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(cv.jvp(lifted, (VECTOR,), (VECTOR,))[0], expected, rtol=1e-10, atol=1e-12)
    check_grads(lifted, (VECTOR,), order=2, modes=("fwd", "rev"))
    np.testing.assert_array_equal(f(VECTOR), expected)
