"""covector.scipy.ndimage: what it makes of traced values is what SciPy makes of arrays; derivatives by differences."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.ndimage
from transformed import of_real_numbers, outcome, same

import covector as cv
from covector.core.pytrees import tree_leaves
from covector.primitives.math.spline_filter import SHORT, spline_filter_p
from covector.scipy import ndimage
from covector.testing import check_function

RNG = np.random.default_rng(0)
X, LONG = RNG.normal(size=(5, 4)), RNG.normal(size=7)
COMPLEX = X + 1j * X[::-1]
WHOLE = RNG.integers(0, 50, (6, 8))
W, ROW = RNG.normal(size=(3, 2)), RNG.normal(size=4)
FOOTPRINT = np.array([[1, 0, 1], [1, 1, 0]], bool)
LABELS = RNG.integers(0, 4, X.shape)
MATRIX = np.array([[0.8, 0.3], [-0.2, 1.1]])
POINTS = np.concatenate([RNG.uniform(-9, 12, (2, 9)), RNG.uniform(0, 3, (2, 6))], 1)
HALF = X.astype(np.float16)
MODES = ("reflect", "mirror", "nearest", "wrap", "constant", "grid-wrap", "grid-constant", "grid-mirror")


def smooth(v):
    return np.sum(v**3) - v[0] * v[-1]


def second_difference(s, x, *rest):
    return s.correlate1d(x, [1.0, -2.0, 1.0], *rest)


LINEAR = {
    "correlate1d": (lambda s, x, w: s.correlate1d(x, w), (X, ROW)),
    "convolve1d": (lambda s, x, w: s.convolve1d(x, w, axis=0, origin=1, mode="wrap"), (X, ROW)),
    "gaussian_filter1d": (lambda s, x: s.gaussian_filter1d(x, 0.7, mode="constant", cval=2.0), (LONG,)),
    "gaussian_filter1d of an order": (lambda s, x: s.gaussian_filter1d(x, 0.7, order=3), (LONG,)),
    "gaussian_filter": (lambda s, x: s.gaussian_filter(x, (0.7, 0.4), order=(1, 0)), (X,)),
    "uniform_filter1d": (lambda s, x: s.uniform_filter1d(x, 4, mode="mirror"), (LONG,)),
    "uniform_filter": (lambda s, x: s.uniform_filter(x, (3, 2), origin=(-1, 0)), (X,)),
    "correlate": (lambda s, x, w: s.correlate(x, w, mode="nearest"), (X, W)),
    "convolve": (lambda s, x, w: s.convolve(x, w, mode="constant", cval=1.5, origin=(0, -1)), (X, W)),
    "convolve of complex numbers": (lambda s, x, w: s.convolve(x, w * 1j), (COMPLEX, W)),
    "correlate1d of complex numbers": (lambda s, x, w: s.correlate1d(x, w * (1 + 2j)), (COMPLEX, ROW)),
    "correlate over one axis": (lambda s, x, w: s.correlate(x, w, axes=0), (X, ROW[:3])),
    "prewitt": (lambda s, x: s.prewitt(x, axis=0), (X,)),
    "sobel": (lambda s, x: s.sobel(x, mode=("wrap", "mirror")), (X,)),
    "laplace": (lambda s, x: s.laplace(x), (X,)),
    "gaussian_laplace": (lambda s, x: s.gaussian_laplace(x, 0.6), (X,)),
    "generic_laplace": (lambda s, x: s.generic_laplace(x, lambda *a: second_difference(s, *a), axes=(1,)), (X,)),
    "spline_filter1d": (lambda s, x: s.spline_filter1d(x, axis=0), (X,)),
    "spline_filter1d reflected": (lambda s, x: s.spline_filter1d(x, 5, axis=0, mode="reflect"), (X,)),
    "spline_filter1d around": (lambda s, x: s.spline_filter1d(x, 4, mode="grid-wrap"), (LONG,)),
    "spline_filter": (lambda s, x: s.spline_filter(x, 2), (X,)),
    "sum": (lambda s, x: s.sum(x, LABELS, [1, 3, 1, 9]), (X,)),
    "sum_labels": (lambda s, x: s.sum_labels(x, LABELS), (X,)),
    "mean": (lambda s, x: s.mean(x, LABELS, [1, 3]), (X,)),
}
CURVED = {
    "gaussian_filter of a traced width": (lambda s, x, a: s.gaussian_filter(x, a, radius=3), (LONG, 0.8)),
    "gaussian_filter1d of a traced width": (lambda s, x, a: s.gaussian_filter1d(x, a, order=2, radius=2), (LONG, 0.8)),
    "gaussian_gradient_magnitude": (lambda s, x: s.gaussian_gradient_magnitude(x, 0.6), (X,)),
    "generic_gradient_magnitude": (lambda s, x: s.generic_gradient_magnitude(x, s.sobel), (X,)),
    "map_coordinates": (lambda s, x, p: s.map_coordinates(x, p), (X, POINTS[:, 9:])),
    "map_coordinates beyond": (lambda s, x, p: s.map_coordinates(x, p, order=2, mode="reflect"), (X, POINTS)),
    "map_coordinates of order 5": (lambda s, x, p: s.map_coordinates(x, p, order=5, mode="nearest"), (X, POINTS[:, 5:])),
    "map_coordinates, complex": (lambda s, x, p: s.map_coordinates(x, p, order=1), (COMPLEX, POINTS[:, 9:])),
    "affine_transform": (lambda s, x, m, o: s.affine_transform(x, m, o, mode="mirror"), (X, MATRIX, np.array([0.37, -0.53]))),
    "affine_transform, diagonal": (lambda s, x, m: s.affine_transform(x, m, 0.17, mode="grid-wrap"), (X, ROW[:2] + 1)),
    "shift": (lambda s, x, by: s.shift(x, by, mode="wrap"), (X, np.array([1.3, -0.4]))),
    "shift of a constant border": (lambda s, x, by: s.shift(x, by, mode="grid-constant", cval=2.0), (X, np.array([1.3, -0.4]))),
    "rotate": (lambda s, x, a: s.rotate(x, a, reshape=False, mode="reflect"), (X, 33.0)),
    "zoom": (lambda s, x: s.zoom(x, (1.6, 0.7), mode="nearest"), (X,)),
    "zoom of a grid": (lambda s, x: s.zoom(x, 2.3, order=1, mode="grid-constant", grid_mode=True), (X,)),
    "geometric_transform": (lambda s, x: s.geometric_transform(x, lambda p: (p[0] * 0.7, p[1] - 0.4), (4, 3)), (X,)),
    "minimum_filter1d": (lambda s, x: s.minimum_filter1d(x, 3, origin=-1), (LONG,)),
    "maximum_filter1d": (lambda s, x: s.maximum_filter1d(x, 4, axis=0, mode="constant"), (X,)),
    "minimum_filter": (lambda s, x: s.minimum_filter(x, (2, 3), mode="wrap"), (X,)),
    "maximum_filter": (lambda s, x: s.maximum_filter(x, footprint=FOOTPRINT, mode="mirror"), (X,)),
    "median_filter": (lambda s, x: s.median_filter(x, 3), (X,)),
    "percentile_filter": (lambda s, x: s.percentile_filter(x, -30, footprint=FOOTPRINT), (X,)),
    "rank_filter": (lambda s, x: s.rank_filter(x, 1, (2, 3), mode="nearest"), (X,)),
    "variance": (lambda s, x: s.variance(x, LABELS, [1, 3]), (X,)),
    "standard_deviation": (lambda s, x: s.standard_deviation(x, LABELS, 2), (X,)),
    "center_of_mass": (lambda s, x: s.center_of_mass(x, LABELS, [1, 3]), (X,)),
    "minimum": (lambda s, x: s.minimum(x, LABELS, [1, 3, 9]), (X,)),
    "maximum": (lambda s, x: s.maximum(x, LABELS), (X,)),
    "median": (lambda s, x: s.median(x, LABELS, [1, 3]), (X,)),
    "minimum_position": (lambda s, x: s.minimum_position(x, LABELS, [1, 3]), (X,)),
    "maximum_position": (lambda s, x: s.maximum_position(x), (X,)),
    "extrema": (lambda s, x: s.extrema(x, LABELS, 2), (X,)),
    "labeled_comprehension": (lambda s, x: s.labeled_comprehension(x, LABELS, [1, 9], np.mean, float, -1.0), (X,)),
}
HEIGHTS = np.array([[0.3, 0.0, 0.2], [0.1, 0.5, 0.7]])
GREY = {
    "grey_erosion": (lambda s, x, h: s.grey_erosion(x, structure=h), (X, HEIGHTS)),
    "grey_dilation": (lambda s, x, h: s.grey_dilation(x, structure=h, footprint=FOOTPRINT, mode="wrap"), (X, HEIGHTS)),
    "grey_dilation, of a size": (lambda s, x: s.grey_dilation(x, (2, 3), origin=(-1, 0)), (X,)),
    "grey_opening": (lambda s, x: s.grey_opening(x, (2, 3)), (X,)),
    "grey_closing": (lambda s, x: s.grey_closing(x, footprint=FOOTPRINT, mode="nearest"), (X,)),
    "morphological_gradient": (lambda s, x: s.morphological_gradient(x, 3), (X,)),
    "morphological_laplace": (lambda s, x: s.morphological_laplace(x, structure=HEIGHTS), (X,)),
    "white_tophat": (lambda s, x: s.white_tophat(x, (3, 2)), (X,)),
    "black_tophat": (lambda s, x: s.black_tophat(x, 2, axes=(1,)), (X,)),
    "generic_filter": (lambda s, x: s.generic_filter(x, smooth, (2, 3), mode="wrap"), (X,)),
    "generic_filter, with arguments": (lambda s, x: s.generic_filter(x, np.quantile, 3, extra_arguments=(0.3,)), (X,)),
}
CURVED |= {
    "fourier_gaussian": (lambda s, x, a: s.fourier_gaussian(x, a), (COMPLEX, np.array([0.7, 1.2]))),
    "fourier_gaussian, real": (lambda s, x, a: s.fourier_gaussian(x, a, 7, 1), (COMPLEX, 0.7)),
    "fourier_uniform": (lambda s, x: s.fourier_uniform(x, (2, 3), 6), (COMPLEX,)),
    "fourier_uniform, of real numbers": (lambda s, x, a: s.fourier_uniform(x, a), (X, 1.5)),
    "fourier_shift": (lambda s, x, a: s.fourier_shift(x, a), (COMPLEX, np.array([0.7, -1.2]))),
    "fourier_shift, real": (lambda s, x: s.fourier_shift(x, 1.3, 6), (X,)),
}
LINEAR |= GREY  # linear between kinks
CASES = LINEAR | CURVED


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args = CASES[name]
    same(cv.jit(lambda *a: f(ndimage, *a))(*args), f(scipy.ndimage, *args), rtol=1e-10)
    orders = {"median_filter", "percentile_filter", "rank_filter"}
    order = 1 if name in LINEAR or name.split("_")[0] in ("minimum", "maximum") or name in orders else 2
    check_function(of_real_numbers(lambda *a: f(ndimage, *a), args), args, order=order, tolerance=1e-4)


# --- modes, dtypes and shapes -----------------------------------------------------------------------------------------

FILTERS = {
    "even, moved": lambda s, x, m: s.correlate1d(x, ROW, mode=m, cval=2.0, origin=-2),
    "longer than the axis": lambda s, x, m: s.correlate1d(x, np.arange(21.0) / 9, mode=m, cval=2.0, axis=0),
    "complex weights": lambda s, x, m: s.convolve1d(x, ROW[:3] + 1j, mode=m, cval=2.0, axis=0),
    "gaussian": lambda s, x, m: s.gaussian_filter(x, (1.3, 0.5), mode=m, cval=2.0),
    "gaussian along one": lambda s, x, m: s.gaussian_filter(x, 1.3, order=2, mode=m, cval=2.0, radius=2, axes=(1,)),
    "uniform": lambda s, x, m: s.uniform_filter(x, (3, 2), mode=m, cval=2.0, origin=(-1, 0)),
    "over all": lambda s, x, m: s.correlate(x, W, mode=m, cval=2.0, origin=(1, -1)),
    "convolution over all": lambda s, x, m: s.convolve(x, W * (1 + 2j), mode=m, cval=2.0),
    "sobel": lambda s, x, m: s.sobel(x, mode=m, cval=2.0),
    "gradient": lambda s, x, m: s.generic_gradient_magnitude(x, s.prewitt, mode=m, cval=2.0),
    "gaussian laplace": lambda s, x, m: s.gaussian_laplace(x, (1.0, 2.0), mode=m, cval=2.0),
    "in another dtype": lambda s, x, m: s.gaussian_filter(x, 1.0, mode=m, output=np.float32),
    "least": lambda s, x, m: s.minimum_filter(x, (2, 3), mode=m, cval=2.0, origin=(0, 1)),
    "largest of a footprint": lambda s, x, m: s.maximum_filter(x, footprint=FOOTPRINT, mode=m, cval=2.0, origin=(0, 1)),
    "largest along one": lambda s, x, m: s.maximum_filter(x, footprint=[1, 0, 1], mode=m, cval=2.0, axes=(1,)),
    "median": lambda s, x, m: s.median_filter(x, 3, mode=m, cval=2.0),
    "median along one": lambda s, x, m: s.median_filter(x, 4, mode=m, cval=2.0, axes=0),
    "grey": lambda s, x, m: s.grey_opening(x, structure=np.array([[1, 0, 2]]), mode=m, cval=2.0),
    "top hat": lambda s, x, m: s.white_tophat(x, (3, 2), mode=m, cval=2.0),
    "rank": lambda s, x, m: s.rank_filter(x, -2, (3, 4), mode=m, cval=2.0, origin=(1, 1)),
    "least of all ranks": lambda s, x, m: s.rank_filter(x, 0, (3, 4), mode=m, cval=2.0),
}


def agree(f, x, rtol=None):
    """SciPy's values and dtypes for a traced array, or an error of the same class."""
    expected = outcome(lambda: f(scipy.ndimage, x))
    found = outcome(lambda: cv.jit(lambda x: f(ndimage, x))(x))
    if isinstance(expected, Exception):
        assert type(found) is type(expected), (found, expected)
    else:
        assert not isinstance(found, Exception), found
        same(found, expected, rtol)


@pytest.mark.parametrize("mode", [*MODES, "unheard of"])
@pytest.mark.parametrize("name", FILTERS)
def test_filters_of_all_modes_and_dtypes(name, mode):
    for x in (X, X.astype(np.float32), WHOLE, WHOLE.astype(np.uint8), WHOLE > 25, COMPLEX, X[:1], X[:, :1], HALF):
        if (name, x.dtype) != ("median along one", np.float16):  # of which SciPy takes vectors alone
            agree(lambda s, x: FILTERS[name](s, x, mode), x, 1e-6 if x.dtype == np.float32 else None)


INTERPOLATION = {
    "at points": lambda s, x, m, k: s.map_coordinates(x, POINTS, mode=m, cval=2.0, order=k),
    "of coefficients": lambda s, x, m, k: s.map_coordinates(x, POINTS.reshape(2, 3, 5), mode=m, order=k, prefilter=False),
    "coefficients": lambda s, x, m, k: s.spline_filter1d(x, k, 0, mode=m),
    "affine": lambda s, x, m, k: s.affine_transform(x, MATRIX, (0.3, -0.5), mode=m, cval=2.0, order=k),
    "of other rank": lambda s, x, m, k: s.affine_transform(x, MATRIX[:, :1], 0.3, (9,), mode=m, cval=2.0, order=k),
    "homogeneous": lambda s, x, m, k: s.affine_transform(x, np.block([[MATRIX, ROW[:2, None]], [0, 0, 1]]), mode=m, order=k),
    "diagonal": lambda s, x, m, k: s.affine_transform(x, [0.7, 1.3], (0.3, -0.5), (8, 9), mode=m, cval=2.0, order=k),
    "shift": lambda s, x, m, k: s.shift(x, (1.3, -2.7), mode=m, cval=2.0, order=k),
    "zoom": lambda s, x, m, k: s.zoom(x, (1.6, 0.7), mode=m, cval=2.0, order=k),
    "zoom by 1": lambda s, x, m, k: s.zoom(x, 1, mode=m, cval=2.0, order=k),
    "zoom of a grid": lambda s, x, m, k: s.zoom(x, 2.3, mode=m, cval=2.0, order=k, grid_mode=True),
    "rotate": lambda s, x, m, k: s.rotate(x, 33, mode=m, cval=2.0, order=k),
    "rotate stacks": lambda s, x, m, k: s.rotate(np.stack([x, x * 2], 1), 20, axes=(0, 2), mode=m, cval=2.0, order=k),
}


@pytest.mark.parametrize("mode", [*MODES, "unheard of"])
@pytest.mark.parametrize("name", INTERPOLATION)
def test_interpolation_of_all_modes_and_orders(name, mode):
    for order in range(7):
        for x in (X, X[:1], X[:2, :2], X.astype(np.float32)):
            agree(lambda s, x, k=order: INTERPOLATION[name](s, x, mode, k), x, 1e-6 if x.dtype == np.float32 else 1e-10)
    for x in (WHOLE, WHOLE.astype(np.uint8)):
        agree(lambda s, x: INTERPOLATION[name](s, x, mode, 1), x)
    if name != "zoom of a grid":
        agree(lambda s, x: INTERPOLATION[name](s, x, mode, 3), COMPLEX, 1e-10)


def test_coordinates_that_are_not_finite():
    for mode in MODES:
        for x in (LONG, LONG[:1]):
            agree(lambda s, x, m=mode: s.map_coordinates(x, [[np.nan, -np.inf, np.inf]], cval=2.0, mode=m, order=1), x)


MEASURED = ("sum", "mean", "variance", "standard_deviation", "minimum", "maximum", "center_of_mass")


@pytest.mark.parametrize("name", [*MEASURED, "median", "minimum_position", "maximum_position", "extrema"])
def test_measurements(name):
    distinct = RNG.permutation(X.size).reshape(X.shape)
    for x in (X, X.astype(np.float32), distinct):
        for labels in (None, LABELS, LABELS[0], LABELS * 1.0, -LABELS):
            for index in (None, 1, [1, 2], np.array([3, 0, 3])):
                if labels is None or np.all(np.isin(-1 if index is None else index, labels)) or name in MEASURED:
                    agree(lambda s, x, a=labels, i=index: getattr(s, name)(x, a, i), x, 1e-6)
    if name in MEASURED:
        for index in (None, 1, [1, 3, 2]):
            found = cv.jit(lambda x, a, i=index: getattr(ndimage, name)(x, a, i))(X, LABELS)
            same(tree_leaves(found), tree_leaves(getattr(scipy.ndimage, name)(X, LABELS, index)), 1e-10)


@pytest.mark.parametrize("shape", [(2,), (1,), (2, 2)])
@pytest.mark.parametrize("dtype", ["d", "f"])
def test_the_standard_deviation_of_equal_elements_has_slope_0(shape, dtype):
    x = np.full(shape, 3.0, dtype)
    ones = np.ones(x.shape, int)
    for args in ((), (ones,), (ones, 1), (ones, [1]), (ones, [1, 1])):
        f = lambda x, a=args: np.sum(ndimage.standard_deviation(x, *a))
        same([cv.grad(f)(x), cv.jit(cv.grad(f))(x)], [np.zeros_like(x)] * 2)
        assert cv.jvp(f, (x,), (x,))[1] == 0.0
    assert cv.jvp(ndimage.standard_deviation, (x + 1j,), (x + 0j,))[1] == 0.0


@pytest.mark.parametrize("name", ["minimum", "maximum", "extrema"])
def test_extremes_of_complex_numbers(name):
    numbers = np.round(X) + 1j * X[::-1]
    for x in (numbers, numbers.astype(np.complex64)):
        for index in (None, 1, [1, 2], [3, 0, 3], [1, 9]):
            if name != "extrema" or 9 not in np.ravel(index):
                agree(lambda s, x, i=index: getattr(s, name)(x, LABELS, i), x, 1e-6)


@pytest.mark.parametrize("dtype", ["?", "B", "i", "e", "f", "d", "F", "D"])
def test_the_dtype_of_medians_where_a_label_is_absent(dtype):
    x = X.astype(dtype) if dtype in "efdFD" else WHOLE[:5, :4].astype(dtype)
    f = lambda s: lambda x: s.median(x, LABELS, [1, 9])
    assert cv.jit(f(ndimage))(x).dtype == f(scipy.ndimage)(x).dtype


def test_a_label_that_no_element_has():
    found = cv.jit(lambda x: ndimage.median(x, LABELS, [1, 9]))(X)
    assert np.isfinite(found[0]) and np.isnan(found[1])
    assert ndimage.minimum_position(X, LABELS, [9]) == cv.jit(lambda x: ndimage.minimum_position(x, LABELS, [9]))(X)


# --- what else has to hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["mirror", "reflect", "grid-wrap"])
@pytest.mark.parametrize("n", [1, 2, 3, SHORT - 1, SHORT, SHORT + 8])
def test_the_transposed_filter_is_that_of_the_transposed_matrix(n, mode):
    for order in (2, 3, 4, 5):
        params = {"order": order, "axis": 1, "mode": mode}
        matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
        x = RNG.normal(size=(2, n)) + 1j * RNG.normal(size=(2, n))
        np.testing.assert_allclose(spline_filter_p.bind(x, transposed=False, **params), x @ matrix.T, atol=1e-12)
        np.testing.assert_allclose(spline_filter_p.bind(x, transposed=True, **params), x @ matrix, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_spline_filter_under_every_transformation(axis):
    check_function(lambda x: spline_filter_p.bind(x, order=3, axis=axis, mode="reflect", transposed=True), (X,), order=1)


@pytest.mark.parametrize("heights", ["f8", "u1", "i1"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i4", "i8", "u8"])
@pytest.mark.parametrize("name", ["grey_erosion", "grey_dilation", "grey_opening", "white_tophat", "morphological_laplace"])
def test_heights_on_integers(name, dtype, heights):
    r = np.random.default_rng(0)
    x, h = (r.random((5, 6)) * 10).astype(dtype), (r.random((3, 3)) * 3).astype(heights)
    found = cv.jit(lambda x: getattr(ndimage, name)(x, structure=h))(x)
    wanted = getattr(scipy.ndimage, name)(x, structure=h)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_erosion_needs_a_shape():
    for f in (ndimage.grey_erosion, ndimage.grey_dilation):
        with pytest.raises(ValueError, match="must be specified"):
            cv.jit(f)(X)
    with pytest.raises(cv.errors.InPlaceWriteError, match="array output="):
        cv.jit(lambda x: ndimage.morphological_gradient(x, 3, output=np.zeros_like(X)))(X)


def test_signatures_are_those_of_scipy():
    for name in vars(ndimage):
        theirs = getattr(scipy.ndimage, name, None)
        if callable(theirs) and not name.startswith("_") and name != "sum":
            mine, expected = (list(inspect.signature(f).parameters.values()) for f in (getattr(ndimage, name), theirs))
            assert [(p.name, p.kind) for p in mine] == [(p.name, p.kind) for p in expected], name
            assert [p.default for p in mine] == [p.default for p in expected], name


def test_plain_arrays_are_left_to_scipy():
    out = np.zeros_like(X)
    assert ndimage.gaussian_filter(X, 1.0, output=out) is out


def test_no_derivative_where_the_magnitude_is_zero():
    assert not np.any(cv.grad(lambda x: np.sum(ndimage.generic_gradient_magnitude(x, ndimage.sobel)))(np.ones((4, 4))))


ERRORS = {
    "an array to write into": (lambda x: ndimage.sobel(x, output=np.zeros(7)), cv.errors.InPlaceWriteError, "array output="),
    "an unknown width": (lambda x: ndimage.gaussian_filter1d(LONG, x[0]), cv.errors.ConcretizationError, "give radius"),
    "an unknown angle": (lambda x: ndimage.rotate(X, x[0]), cv.errors.ConcretizationError, "give reshape=False"),
    "an unknown factor": (lambda x: ndimage.zoom(X, x[0]), cv.errors.ConcretizationError, "scipy.ndimage.zoom"),
    "complex, of a grid": (lambda x: ndimage.zoom(x * 1j, 2, grid_mode=True), ValueError, "out of account for complex"),
    "a complex border": (lambda x: ndimage.correlate1d(x, [1, 2], mode="constant", cval=1j), TypeError, "not complex"),
    "half precision": (lambda x: ndimage.gaussian_filter(np.astype(x, np.float16), 1), RuntimeError, "float16"),
    "an origin": (lambda x: ndimage.correlate1d(x, [1, 2, 3], origin=2), ValueError, "Invalid origin"),
    "no weights": (lambda x: ndimage.correlate1d(x, []), RuntimeError, "no filter weights"),
    "axes twice": (lambda x: ndimage.gaussian_filter(x, 1, axes=(0, 0)), ValueError, "unique"),
    "a rank": (lambda x: ndimage.rank_filter(x, 5, 3), RuntimeError, "rank not within"),
    "an empty footprint": (lambda x: ndimage.minimum_filter(x, footprint=[0, 0]), ValueError, "All-zero"),
    "complex numbers": (lambda x: ndimage.median_filter(x * 1j, 3), TypeError, "Complex type"),
    "coordinates": (lambda x: ndimage.map_coordinates(x, np.zeros((2, 3))), RuntimeError, "invalid shape"),
    "a matrix": (lambda x: ndimage.affine_transform(x, np.zeros((2, 2))), ValueError, "bottom row"),
    "an axis": (lambda x: ndimage.rotate(x, 3), ValueError, "at least 2D"),
    "traced labels": (lambda x: ndimage.median(LONG, np.astype(x, int)), cv.errors.ConcretizationError, "ndimage.median"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        cv.jit(call)(LONG)
