"""NumPy's products on tracers: values, dtypes and errors against NumPy's own, derivatives against numerical ones."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from random_arrays import array
from transformed import agree

import covector
from covector.numpy.contraction import PLANE_VECTORS_ARE_REFUSED
from covector.testing import check_grads

SHAPES = [(), (1,), (3,), (0,), (3, 4), (4, 3), (1, 3), (2, 3, 4), (2, 4, 3), (1, 4, 3), (3, 3), (2, 1, 3, 3)]

PRODUCTS = [
    *(np.dot, np.inner, np.outer, np.kron, np.matmul, np.vdot, np.vecdot, np.linalg.vecdot, np.linalg.matmul),
    *(np.linalg.outer, np.linalg.tensordot, np.tensordot),
    *(getattr(np, name) for name in ("matvec", "vecmat") if hasattr(np, name)),
]


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda f: f.__name__)
def test_products_are_numpys(product):
    for x, y in itertools.product(SHAPES, SHAPES):
        agree(product, array(*x), array(*y))
    for x, y in itertools.product("edgFD", "efDG"):
        agree(product, array(3, 3, dtype=x), array(3, 3, dtype=y))
    for other in (np.arange(9).reshape(3, 3), np.eye(3, dtype=bool), [1, 2, 3], [[1.0], [2.0], [3.0]], 2.0):
        agree(product, array(3, 3), other)


@pytest.mark.parametrize("axes", [0, 1, 2, 3, (0, 1), ([0, 1], [1, 0]), ((0,), (-1,)), ([0, 0], [0, 1]), ([0], [0, 1]), (5, 0)])
def test_tensordot_is_numpys(axes):
    agree(lambda x, y: np.tensordot(x, y, axes), array(3, 4, 3), array(4, 3, 3))
    agree(lambda x, y: np.tensordot(x, y, axes), array(3, 3), array(3, 3))


@pytest.mark.filterwarnings("ignore:numpy.cross:DeprecationWarning")
@pytest.mark.parametrize("cross", [np.cross, np.linalg.cross])
def test_cross_is_numpys(cross):
    for x, y in itertools.product([(3,), (4, 3), (2,), (4, 2), (4, 4), (2, 1, 3)], repeat=2):
        agree(cross, array(*x), array(*y))
    agree(lambda x, y: cross(x, y, axis=0), array(3, 4), array(3, 4, dtype="F"))
    agree(lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), array(3, 4), array(4, 3))
    agree(lambda x, y: np.cross(x, y, axisc=5), array(3, 4), array(4, 3))


@pytest.mark.filterwarnings("ignore:numpy.cross:DeprecationWarning")
@pytest.mark.parametrize("sequence", [list, tuple])
@pytest.mark.parametrize(("m", "n"), itertools.product((2, 3), repeat=2))
def test_cross_of_a_sequence(sequence, m, n):
    a = sequence([1.0, 2.0, 5.0][:m])
    agree(lambda y: np.cross(a, y), array(n))
    agree(lambda y: np.cross(y, a), array(n))


def test_cross_of_two_components_warns_as_numpys_does():
    f = covector.grad(lambda x: np.cross(x, np.ones(2)))
    if PLANE_VECTORS_ARE_REFUSED:  # from NumPy 2.5 on
        with pytest.raises(ValueError, match="3 components"):
            f(np.ones(2))
    else:
        with pytest.warns(DeprecationWarning, match="2 components"):
            f(np.ones(2))


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_convolutions_are_numpys(function):
    for n, m in itertools.product([0, 1, 2, 3, 4, 7], repeat=2):
        for mode, dtype in itertools.product(["full", "same", "valid", 1, "nonsense"], "dD"):
            agree(lambda x, y, mode=mode: function(x, y, mode), array(n, dtype=dtype), array(m, dtype="D"))
    agree(function, array(3), 2.0)
    agree(function, array(3), array(2, 2))


def test_polynomials_are_numpys():
    for p, x in itertools.product([(3,), (1,), (0,)], [(), (3,), (2, 2)]):
        agree(np.polyval, array(*p), array(*x, dtype="F"))
        agree(np.polyval, array(*p), np.arange(3))
    for n, increasing in itertools.product([None, 0, 1, 2, 5], [False, True]):
        agree(lambda x, n=n, i=increasing: np.vander(x, n, i), array(4))
        agree(lambda x, n=n, i=increasing: np.vander(x, n, i), array(4, dtype="f"))
    agree(np.vander, array(2, 2))


def test_aliases_in_linalg_are_numpys():
    for shape in [(3, 3), (2, 3, 4), (3,)]:
        for offset in (0, 1, -1):
            agree(lambda x, k=offset: np.linalg.diagonal(x, offset=k), array(*shape))
            agree(lambda x, k=offset: np.linalg.trace(x, offset=k), array(*shape))
        agree(np.linalg.matrix_transpose, array(*shape))


def test_the_axes_of_generalized_ufuncs():
    agree(lambda x: np.vecdot(x, x, axis=0), array(3, 2, dtype="D"))
    agree(lambda x: np.vecdot(x, x, axis=0, keepdims=True), array(3, 2))
    agree(lambda x: np.matmul(x, x, axes=[(0, 2), (0, 1), (1, 2)]), array(2, 2, 2))
    agree(lambda x: np.matmul(x, x, dtype=np.complex128), array(2, 2))
    agree(lambda x: np.linalg.vecdot(x, x, axis=1), array(3, 2, 2))


def test_operators():
    x, y = array(2, 3), array(3)
    for f in (lambda a: a @ y, lambda a: x @ y + a[0], lambda a: a @ [1, 2, 3], lambda a: x.T.tolist() @ a):
        agree(f, x)
    gradient = covector.grad(lambda w: np.sum(x @ w))(y)  # ndarray @ tracer
    np.testing.assert_allclose(gradient, x.sum(0))
    with pytest.raises(ValueError, match=r"numpy.matmul: the shapes of f64\[2,3\] and f64\[\] do not fit"):
        covector.grad(lambda w: np.sum(w @ np.float64(2)))(x)


def test_errors_name_the_function_the_types_and_the_line():
    with pytest.raises(ValueError) as error:
        covector.grad(lambda x: np.dot(x, np.ones(4)))(np.ones(3))
    text = str(error.value)
    assert "numpy.dot: the shapes of f64[3] and f64[4] do not fit." in text
    assert "test_products.py" in text
    assert "lengths 3 and 4" in text
    with pytest.raises(covector.errors.InPlaceWriteError):
        covector.grad(lambda x: np.dot(x, x, out=np.zeros(())))(np.ones(3))


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.dot, [(3,), (3,)]),
        (np.dot, [(2, 3), (4, 3, 2)]),
        (np.inner, [(2, 3), (4, 3)]),
        (np.vdot, [(2, 3), (2, 3)]),
        (np.outer, [(2, 2), (3,)]),
        (np.kron, [(2, 2), (3,)]),
        (np.cross, [(2, 3), (3,)]),
        (np.matmul, [(1, 2, 3), (4, 3, 2)]),
        (np.matmul, [(3,), (4, 3, 2)]),
        (np.matmul, [(2, 2, 3), (3,)]),
        (np.vecdot, [(2, 1, 3), (4, 3)]),
        (lambda x, y: np.tensordot(x, y, ([0, 2], [1, 0])), [(2, 3, 2), (2, 2, 3)]),
        (lambda x, y: np.convolve(x, y, "same"), [(5,), (3,)]),
        (lambda x, y: np.convolve(x, y, "valid"), [(3,), (5,)]),
        (lambda x, y: np.correlate(x, y, "full"), [(5,), (3,)]),
        (lambda x, y: np.correlate(x, y, "same"), [(3,), (4,)]),
        (lambda x, y: np.correlate(x, y), [(3,), (5,)]),
        (np.polyval, [(4,), (3,)]),
        (lambda x: np.vander(x, 4), [(3,)]),
    ],
)
def test_derivatives(f, shapes, dtype):
    check_grads(f, [array(*shape, dtype=dtype) for shape in shapes], order=2)


@pytest.mark.parametrize("f", [np.dot, np.inner, np.outer, np.kron, np.matmul, np.vdot, np.cross, np.convolve, np.correlate])
def test_batches(f):
    x, y = array(4, 3), array(4, 3)
    expected = [f(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(covector.vmap(f)(x, y), expected)
    np.testing.assert_allclose(covector.vmap(f, (0, None))(x, y[0]), [f(a, y[0]) for a in x])
    np.testing.assert_allclose(covector.vmap(f, (None, 1))(x[0], y.T), [f(x[0], b) for b in y])
    hessian = covector.vmap(covector.hessian(lambda a, b: np.sum(f(a, b) ** 2)))(x, y)
    np.testing.assert_allclose(hessian[2], covector.hessian(lambda a, b: np.sum(f(a, b) ** 2))(x[2], y[2]), atol=1e-12)


def test_no_warning_in_a_plain_product():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        covector.grad(lambda x: np.sum(x @ x))(array(3, 3))


@pytest.mark.parametrize("name", [n for n in ("matmul", "vecdot", "matvec", "vecmat") if hasattr(np, n)])
def test_shapes_that_fit_are_those_of_numpy(name):
    product = getattr(np, name)
    shapes = [(), (1,), (2,), (3,), (2, 2), (2, 3), (3, 2), (4, 2, 3), (1, 3, 3)]
    for x, y in ((np.ones(s), np.ones(t)) for s in shapes for t in shapes):
        try:
            expected = product(x, y).shape
        except ValueError as refused:
            why = "it needs at least" if "enough dimensions" in str(refused) else ""
            with pytest.raises(ValueError, match=rf"numpy\.{name}: the shapes of .* and .* do not fit[\s\S]*{why}"):
                covector.make_jaxpr(product)(x, y)
        else:
            assert covector.make_jaxpr(product)(x, y).out_avals[0].shape == expected
