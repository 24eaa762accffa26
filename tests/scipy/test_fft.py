"""scipy.fft on tracers, by its backend: the functions themselves, with types, norms, numbers of points, axes and dtypes."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import scipy.fft
from transformed import check, close, same

import covector as cv
from covector import errors
from covector.scipy import fft

RNG = np.random.default_rng(0)
ONE_AXIS = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
TRIGONOMETRIC = ["dct", "idct", "dst", "idst"]
NORMS = [None, "ortho", "forward"]
REAL = ("rfft", "ihfft", "rfft2", "ihfft2", "rfftn", "ihfftn", "fht", "ifht")
X = RNG.normal(size=(3, 4))


def points(shape, name):
    """Complex numbers where the function takes them."""
    return RNG.normal(size=shape) + (0 if name in REAL else 1j * RNG.normal(size=shape))


def check_linear(f, shape, only_real=True):
    """Its values on unit vectors are the derivatives of a linear function, forward and in reverse, batched and staged."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    matrix = np.moveaxis(np.stack([f(e) for e in units]), 0, -1).reshape(*f(units[0]).shape, *shape)
    x = RNG.normal(size=shape)
    same(cv.jit(f)(x), f(x))
    same(cv.jacfwd(f)(x), matrix)
    same(cv.vmap(f, in_axes=1, out_axes=-1)(np.stack([x, 2 * x], 1)), np.stack([f(x), f(2 * x)], -1))
    weights = points(f(x).shape, "fft")
    pull = cv.jit(lambda w: cv.vjp(f, x)[1](w)[0])
    if np.iscomplexobj(f(x)):
        close(pull(weights), np.tensordot(weights, matrix, weights.ndim).real)
    else:
        close(pull(weights.real), np.tensordot(weights.real, matrix, weights.ndim))
    if not only_real:
        close(cv.vjp(f, x + 0j)[1](weights)[0], np.tensordot(weights, matrix, weights.ndim))


@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize(("n", "norm"), [*product([None, 1, 4, 7], NORMS)])
def test_fourier_transforms_along_one_axis(name, n, norm):
    f = getattr(scipy.fft, name)
    check_linear(lambda x: f(x, n, 0, norm, overwrite_x=True, workers=1), (5, 2))


@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize(
    ("s", "axes", "norm"), [(None, None, None), ((2, 5), (1, 0), "ortho"), ((-1, 3), None, "forward"), (3, 1, None)]
)
def test_fourier_transforms_along_several_axes(name, s, axes, norm):
    f = getattr(scipy.fft, f"{name}n")
    check_linear(lambda x: f(x, s, axes, norm=norm), (3, 4))
    x = points((2, 3, 4), f"{name}n")
    of_two = lambda x: getattr(scipy.fft, f"{name}2")(x, norm=norm)
    same(cv.jit(of_two)(x), of_two(x))


@pytest.mark.parametrize("name", ["hfft", "ihfftn", "hfft2", "irfftn"])
def test_half_spectra_under_every_transformation(name):
    check(getattr(scipy.fft, name), points((3, 4), name))


@pytest.mark.parametrize(("name", "type"), [*product(TRIGONOMETRIC, [1, 2, 3, 4])])
@pytest.mark.parametrize(("norm", "orthogonalize"), [*product(NORMS, [None, True, False])])
def test_cosine_and_sine_transforms(name, type, norm, orthogonalize):
    f = getattr(scipy.fft, name)
    check_linear(lambda x: f(x, type, None, 0, norm, orthogonalize=orthogonalize), (5, 2), orthogonalize is not None)
    check_linear(lambda x: f(x, type, norm=norm, orthogonalize=orthogonalize), (2,))


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("name", TRIGONOMETRIC)
def test_other_numbers_of_points(name, n):
    check_linear(lambda x: getattr(scipy.fft, name)(x, 3, n, axis=-1, workers=1), (2, 4))


@pytest.mark.parametrize("name", TRIGONOMETRIC)
@pytest.mark.parametrize(
    ("s", "axes", "norm"), [(None, None, None), ((2, 5), (1, 0), "ortho"), ((-1, 3), None, "forward"), (3, 1, None)]
)
def test_cosine_and_sine_transforms_along_several_axes(name, s, axes, norm):
    check_linear(lambda x: getattr(scipy.fft, f"{name}n")(x, 2, s, axes, norm), (3, 4), only_real=False)


@pytest.mark.parametrize("name", TRIGONOMETRIC)
def test_a_cosine_transform_under_every_transformation(name):
    check(lambda x: getattr(scipy.fft, name)(x, 1), X + 0.3j)
    check(lambda x: getattr(scipy.fft, name)(x) ** 2, X)


@pytest.mark.parametrize("name", ["fht", "ifht"])
@pytest.mark.parametrize(("n", "bias"), [*product([1, 6, 7], [0.0, 0.3])])
def test_hankel_transforms(name, n, bias):
    f = lambda x: getattr(scipy.fft, name)(x, 0.2, mu=0.7, offset=0.1, bias=bias)
    check_linear(f, (2, n))
    check(lambda x: f(x) ** 2, RNG.normal(size=(2, n)))


def test_the_order_of_frequencies_and_the_frequencies():
    for f in (scipy.fft.fftshift, scipy.fft.ifftshift):
        check(lambda x, f=f: f(x, axes=1), X)
    for f in (scipy.fft.fftfreq, scipy.fft.rfftfreq):
        check(lambda d, f=f: f(5, d), 0.3)
    offset = lambda *a: scipy.fft.fhtoffset(*a, initial=0.1)
    close(cv.jit(offset)(0.3, 1.0), offset(0.3, 1.0))
    cv.testing.check_grads(offset, (0.3, 1.0), 1)


@pytest.mark.parametrize("dtype", ["b1", "i1", "u8", "f2", "f4", "f8", "g", "F", "D", "G"])
@pytest.mark.parametrize("name", [*ONE_AXIS, *TRIGONOMETRIC, "fht", "ifht", "fftn", "dctn"])
def test_dtypes_are_those_of_scipy(name, dtype):
    if name in REAL and dtype in "FDG":
        return
    f = getattr(scipy.fft, name)
    if name in ("fht", "ifht"):
        f = lambda x: getattr(scipy.fft, name)(x, 0.3, 0.5, bias=0.1 if dtype == "f4" else 0)
    x = (np.arange(4) % 2).astype(dtype)
    same(cv.jit(f)(x), f(x), rtol=1e-6)
    same(cv.vmap(f)(np.stack([x, x]))[1], f(x), rtol=1e-6)
    if np.dtype(dtype).kind in "fc" and dtype != "f2":
        back = cv.vjp(f, x)[1](f(x))[0]
        assert back.dtype == x.dtype


def test_lists_of_traced_values_and_empty_choices_of_axes():
    check(lambda a, b: scipy.fft.fft([a, b, 1.0]), 0.5, 2.0)
    for f in (scipy.fft.fftn, scipy.fft.dctn):
        for x in (X, np.arange(3)):
            same(cv.jit(lambda x, f=f: f(x, axes=()))(x), f(x, axes=()))


ERRORS = [
    (lambda x: fft.fft(x, 0), ValueError, "Invalid number of FFT data points"),
    (lambda x: fft.fft(x, norm="half"), ValueError, "Invalid norm value half"),
    (lambda x: fft.fft(x, axis=3), IndexError, "axis 3 is out of bounds"),
    (lambda x: fft.fft(x, 2.5), TypeError, "cannot be interpreted as an integer"),
    (lambda x: fft.fft(x, workers=0), ValueError, "fft got workers=0: workers must not be zero"),
    (lambda x: fft.fft(x, plan=3), NotImplementedError, "fft got plan=3"),
    (lambda x: fft.fft(x, points=3), TypeError, "points"),
    (lambda x: fft.rfft(x * 1j), TypeError, r"rfft got c128\[3,3\].*\n.*\n.*x must be a real sequence"),
    (lambda x: fft.fft2(x, (1, 2, 3)), ValueError, "different lengths"),
    (lambda x: fft.fftn(x, (1, 2, 3)), ValueError, "fftn got s=.1, 2, 3. for .*requires more axes than are present"),
    (lambda x: fft.fftn(x, axes=(0, -2)), ValueError, "fftn got axes=.0, -2.: all axes must be unique"),
    (lambda x: fft.fftn(x, (0, 1)), ValueError, "fftn got s=.0, 1.: invalid number of data points"),
    (lambda x: fft.irfftn(x, axes=()), ValueError, "irfftn got axes=..: at least 1 axis must be transformed"),
    (lambda x: fft.dct(x, 5), ValueError, "dct got type=5: give 1, 2, 3 or 4"),
    (lambda x: fft.dst(x, 2, 0), ValueError, "dst got n=0: invalid number of data points"),
    (lambda x: fft.dct(x, 1, 1), ValueError, r"dct of type 1 got f64\[3,1\], with 1 points along axis 1"),
    (lambda x: fft.dct(x, norm="half"), ValueError, "Invalid norm value half"),
    (lambda x: fft.idct(x * 1j, orthogonalize=True), ValueError, "idct got orthogonalize=True with norm=None for c128"),
    (lambda x: fft.dctn(x, axes=(0, 0)), ValueError, "dctn got axes=.0, 0.: all axes must be unique"),
    (lambda x: fft.fht(x * 1j, 0.1, 1.0), TypeError, "fht got c128"),
    (lambda x: fft.fht(x, 0.1, x[0, 0]), errors.ArgumentError, r"fht got mu = f64\[\], a traced value"),
    (lambda x: fft.ifht(np.ones(3), x[0, 0], 1.0), errors.ArgumentError, r"ifht got dln = f64\[\]"),
    (lambda x: fft.fht(x[0, 0], 0.1, 1.0), errors.ArgumentError, r"fht got f64\[\], without points"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        cv.jit(call)(np.ones((3, 3)))


def test_all_names_are_scipys_and_plain_arrays_are_left_to_it():
    assert all(getattr(fft, name) is getattr(scipy.fft, name) for name in scipy.fft.__all__)
    multimethods = {name for name, f in vars(scipy.fft).items() if type(f).__name__ == "_Function"}
    assert multimethods == {*fft.HANDLERS}
    assert type(scipy.fft.fft(X)) is np.ndarray
    with pytest.raises(ValueError, match="workers must not be zero"):
        scipy.fft.fft(X, workers=0)


IMPORTED_AFTER = """
import covector as cv, numpy as np, sys
assert "scipy.fft" not in sys.modules
import scipy.fft
print(cv.grad(lambda x: np.sum(scipy.fft.dct(x, norm="ortho") ** 2))(np.ones(2)))
"""
IMPORTED_WITHIN = """
import covector as cv, numpy as np
def f(x):
    import scipy.fft
    return scipy.fft.fft(x)
try:
    cv.jit(f)(np.ones(2))
except cv.errors.TracerArrayConversionError as error:
    print("use covector.scipy.fft.fft (" in str(error))
print(cv.jit(f)(np.ones(2)))
"""


@pytest.mark.parametrize(("code", "printed"), [(IMPORTED_AFTER, "[2. 2.]\n"), (IMPORTED_WITHIN, "True\n[2.+0.j 0.+0.j]\n")])
def test_scipy_fft_works_where_covectors_was_never_imported(code, printed):
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout == printed, found.stderr


def test_a_backend_that_is_set_is_asked_first():
    with (
        scipy.fft.set_backend("scipy"),
        pytest.raises(errors.TracerArrayConversionError, match=r"not within scipy\.fft\.set_backend"),
    ):
        cv.jit(scipy.fft.fft)(X)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("name", ["irfftn", "irfft2", "hfftn"])
def test_half_spectra_of_one_number(name, shape):
    f, x = getattr(scipy.fft, name), np.arange(2.0, 2.0 + np.prod(shape)).reshape(shape)
    if name != "irfft2" or len(shape) == 2:
        same(cv.jit(f)(x), f(x))
        check(f, x, order=1)
