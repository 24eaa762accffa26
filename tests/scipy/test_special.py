"""covector.scipy.special: values are SciPy's, derivatives against differences and recorded ones, in every argument."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.special

import covector as cv
from covector import errors
from covector.core.primitive import primitive_named
from covector.primitives.math.special_functions import TABLE
from covector.scipy import special
from covector.testing import check_case, check_function, check_grads

UNIT, REAL, POSITIVE = (0.1, 0.9), (-2.5, 2.5), (0.2, 9.0)
GROUPS = {
    "erf erfc erfcx erfi dawsn ndtr log_ndtr expit log_expit exprel wofz exp2 exp10 expm1 cosm1 sindg cosdg tandg": [REAL],
    "sici shichi fresnel airy": [REAL],
    "gamma gammaln loggamma psi rgamma j0 j1 y0 y1 k0 k1 k0e k1e": [POSITIVE],
    "i0 i1 i0e i1e ellipk ellipe": [(0.2, 0.8)],
    "beta betaln poch binom gammainc gammaincc": [POSITIVE, POSITIVE],
    "jv iv ive yv": [(0.1, 4.0), (0.2, 30.0)],
    "kv kve": [(-2.0, 4.0), (0.2, 9.0)],
    "gammaincinv gammainccinv": [POSITIVE, UNIT],
    "betainc betaincc betaincinv": [POSITIVE, POSITIVE, UNIT],
    "chdtr chdtrc": [POSITIVE, POSITIVE],
    "chdtri stdtrit": [POSITIVE, UNIT],
    "fdtr fdtrc gdtr gdtrc": [POSITIVE, POSITIVE, POSITIVE],
    "stdtr": [POSITIVE, REAL],
    "ellipkinc ellipeinc": [(0.1, 1.4), (-2.0, 0.9)],
    "ndtri_exp": [(-3.0, -0.2)],
    "owens_t": [REAL, REAL],
    "hyp2f1": [POSITIVE, POSITIVE, POSITIVE, (-0.8, 0.7)],
    "_zeta": [(1.5, 4.0), (0.3, 5.0)],
    "_riemann_zeta": [(1.5, 4.0)],
    "chndtr": [POSITIVE, POSITIVE, POSITIVE],
    "chndtrix": [UNIT, POSITIVE, POSITIVE],
}
RANGES = {name: ranges for names, ranges in GROUPS.items() for name in names.split()}
INTEGERS = {"kn": (1, 4), "yn": (1, 4), "expn": (1, 4), **{n: (0, 5) for n in TABLE if n.startswith("eval_")}}
"""The first argument is an integer in this range."""


def points(name):
    """Arguments inside of the domain: three of each."""
    rng = np.random.default_rng(len(name))
    nin = 1 if name == "_lambertw" else TABLE[name].nin
    args = [rng.uniform(*r, 3) for r in RANGES.get(name, [UNIT] * nin)]
    if name in INTEGERS:
        args[0] = np.sort(rng.integers(*INTEGERS[name], 3, endpoint=True))
    return args


def function(name):
    """The function of arguments in which it has a derivative, and these arguments; the others are fixed."""
    if name == "_lambertw":
        return (lambda z: np.real(special.lambertw(z))), points(name)
    args = points(name)
    fixed = {i for i, a in enumerate(args) if a.dtype.kind == "i" or i in REFUSED.get(name, ())}
    free = [a for i, a in enumerate(args) if i not in fixed]

    def f(*given):
        rest = iter(given)
        outs = TABLE[name](*(args[i][0] if i in fixed else next(rest) for i in range(len(args))))
        return tuple(map(np.real, outs)) if isinstance(outs, tuple) else np.real(outs)

    return f, free


REFUSED = {
    **dict.fromkeys(["chndtr", "chndtrix"], (1,)),
    **dict.fromkeys(["yv", "hyp0f1", "struve", "modstruve"], (0,)),
    **dict.fromkeys(["hyp1f1", "hyperu", "eval_gegenbauer", "eval_genlaguerre"], (0, 1)),
    **dict.fromkeys(["hyp2f1", "eval_jacobi"], (0, 1, 2)),
}


@pytest.mark.parametrize("name", [n for n in TABLE if n != "gammasgn"])
def test_derivatives_batches_and_programs(name):
    f, args = function(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_function(f, tuple(args), tolerance=1e-5)


def check_rules(name, args, fixed, **options):
    """Of its own rules, in the arguments that are not ``fixed``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = [i for i in range(len(args)) if i not in fixed]
        check_case(primitive_named(f"scipy_{name}"), args, differentiable=places, **options)


def real_parts(apply, *args):
    """Without the complex step: SciPy's functions of complex numbers lose tiny imaginary parts."""
    outs = apply(*args)
    return [np.real(o) for o in (outs if isinstance(outs, list) else [outs])]


@pytest.mark.parametrize("name", [n for n in TABLE if n != "_lambertw"])
def test_rules_for_operands_of_two_dtypes_that_broadcast(name):
    """The first is of single precision, the last has one element."""
    first, *between = points(name)
    args = [first[:2].astype(np.float32) if first.dtype.kind == "f" else first[:2], *(a[:2] for a in between)]
    args[-1] = args[-1][:1]
    check_rules(name, args, REFUSED.get(name, ()), through=real_parts, order=2 if len(args) == 1 else 1)


ANALYTIC = [n for n, f in TABLE.items() if any(t.split("->")[0].endswith("D") for t in f.types) and n != "ive"]


@pytest.mark.parametrize("name", ANALYTIC)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_rules_for_a_complex_operand(name, dtype):
    """The last, beside real ones; in their orders no Bessel function has a derivative then."""
    *orders, x = points(name)
    fixed = {0} if name in ("jv", "iv", "kv", "kve") else REFUSED.get(name, ())
    args = [*(a[:2] for a in orders), (x[:2] * (1 + 0.2j)).astype(dtype)]
    check_rules(name, args, fixed, order=1 if dtype is np.complex64 else 2)


def test_rules_of_lambertw():
    check_rules("_lambertw", (np.array([0.3 + 0.1j, 0.8]), 0, 1e-8), {1, 2})


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("order", range(4))
def test_derivatives_of_the_lowest_orders(name, order):
    """Where a recurrence would need an order that there is not."""
    *between, x = [float(a[0]) for a in points(name)[1:]]
    f, h = lambda x: TABLE[name](order, *between, x), 1e-6
    np.testing.assert_allclose(cv.grad(f)(x), (f(x + h) - f(x - h)) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in TABLE if n not in ("gammasgn", "eval_hermite", "eval_hermitenorm", "kn", "yn")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_those_of_scipy(name, dtype):
    if name == "_lambertw":
        return
    args = [a.astype(dtype) for a in points(name)]
    expected, found = TABLE[name](*args), cv.jit(TABLE[name])(*args)
    for e, o in zip(*([x] if not isinstance(x, tuple) else x for x in (expected, found)), strict=True):
        assert o.dtype == e.dtype
        np.testing.assert_array_equal(o, e)


@pytest.mark.parametrize(("name", "places"), REFUSED.items())
def test_what_has_no_derivative_says_so(name, places):
    args = [float(a[0]) for a in points(name)]
    for i in places:
        with pytest.raises(errors.NonDifferentiableError, match=f"derivative of scipy.special.{name} in its argument"):
            cv.grad(lambda x, i=i: TABLE[name](*args[:i], x, *args[i + 1 :]))(args[i])


# --- derivatives in shapes and orders, as mpmath has them with 40 digits ----------------------------------------------

RECORDED = {
    "gammainc": [
        (0.01, 0.5, -0.5655459117152578),
        (0.3, 1e-05, -0.39970078700930334),
        (0.3, 2.0, -0.09925266010124012),
        (2.0, 3.0, -0.19742541957920248),
        (10.0, 7.0, -0.08580423750488878),
        (50.0, 60.0, -0.02128499278634949),
        (100.0, 30.0, -8.902177111131385e-24),
        (1000.0, 980.0, -0.010406175936332673),
        (10000.0, 10100.0, -0.0024156880031763668),
    ],
    "betainc": [
        (0.05, 0.3, 0.4, -2.6143073292368326, 0.4296691217484784),
        (0.3, 2.0, 0.1, -1.014544830980788, 0.09822410761715655),
        (2.0, 3.0, 0.5, -0.1952886866349624, 0.1541084939249829),
        (10.0, 0.5, 0.99, -0.016414333231001874, 0.8136863632290575),
        (50.0, 60.0, 0.45, -0.04185583869400924, 0.034542652433946934),
        (1000.0, 10.0, 0.992, -0.0010048236732116522, 0.11353370731186764),
        (0.5, 1000.0, 0.001, -0.3896315147679695, 0.00020757965343020778),
        (0.001, 10000.0, 1e-09, -10.81844711577883, 9.891625223271855e-08),
        (0.01, 0.04, 0.1, -17.337576445506343, 3.926591646289985),
        (0.02, 0.02, 0.5, -12.50782176390845, 12.50782176390845),
        (2.5, 0.001, 0.3, -3.980461714517868e-05, 0.025306396063123286),
    ],
    "jv": [
        (0.0, 0.1, -2.409976437967912),
        (0.3, 5.0, -0.299617384283154),
        (2.5, 11.0, 0.09199421683997593),
        (1.0, 13.0, -0.31407771218458014),
        (10.0, 40.0, -0.061194789299213674),
        (30.0, 29.0, -0.03968691064977421),
        (3.0, 500.0, -0.053506772896994716),
        (-30.5, 1.0, -9.62486810818348e40),
        (-50.2, 20.0, -73684783270239.05),
    ],
    "iv": [
        (0.0, 0.1, -2.4270690247020164),
        (0.3, 5.0, -1.8370619625701547),
        (2.5, 31.0, -154498182785.4712),
        (10.0, 100.0, -6.52071386561822e40),
        (30.0, 29.0, -118789.77276244109),
        (3.0, 500.0, -1.4908906603442515e213),
    ],
    "kv": [
        (0.0, 0.1, 0.0),
        (0.3, 5.0, 0.00020460713581295747),
        (2.5, 31.0, 6.759582839089202e-16),
        (10.0, 100.0, 7.605225471178872e-46),
        (30.0, 29.0, 8.272513523198439e-08),
        (3.0, 500.0, 2.414600813633995e-221),
    ],
    "_zeta": [
        (1.01, 1.0, -9999.927281160435),
        (2.5, 0.1, 727.6942065121684),
        (4.0, 3.0, -0.025589567111128798),
        (20.0, 1.5, -0.00012194506988443217),
        (1.5, 100.0, -1.323341545360719),
    ],
}


@pytest.mark.parametrize("name", RECORDED)
def test_derivatives_in_shapes_and_orders(name):
    for *args, expected in [r if name != "betainc" else r[:-1] for r in RECORDED[name]]:
        found = cv.grad(TABLE[name])(*args)
        assert abs(found - expected) <= 2e-10 * max(abs(expected), abs(TABLE[name](*args)) if name[1] == "v" else 0), args
    if name == "betainc":
        for a, b, x, _, expected in RECORDED[name]:
            np.testing.assert_allclose(cv.grad(TABLE[name], 1)(a, b, x), expected, rtol=1e-9)


def test_where_no_formula_is_good_the_derivative_in_the_order_is_nan():
    assert np.isnan(cv.grad(special.jv)(1.0, 1e4))
    assert np.isnan(cv.grad(special.jv)(190.0, 590.0))
    assert np.isnan(cv.grad(special.iv)(90.0, 590.0))
    assert np.isnan(cv.grad(special.iv)(-2.3, 1.4))


# --- special points ----------------------------------------------------------------------------------------------------


def test_limits():
    assert cv.grad(special.xlogy)(0.0, 0.0) == 0
    assert cv.grad(special.xlogy, 1)(0.0, 0.0) == 0
    assert cv.grad(special.rgamma)(0.0) == 1
    np.testing.assert_allclose(cv.grad(special.rgamma)(-2.0), 2.0)
    assert cv.grad(special.exprel)(0.0) == 0.5
    np.testing.assert_allclose(cv.grad(special.boxcox, 1)(2.0, 0.0), np.log(2) ** 2 / 2)
    np.testing.assert_allclose(cv.grad(special.ellipk)(0.0), np.pi / 8)
    np.testing.assert_allclose(cv.grad(special.i1)(0.0), 0.5)
    np.testing.assert_allclose(cv.grad(special.log_ndtr)(-1e10), 1e10)


@pytest.mark.parametrize("phi", [40.0, -7.0])
def test_elliptic_integrals_over_several_turns(phi):
    for f in (special.ellipkinc, special.ellipeinc):
        slope = (f(phi, -2.3 + 1e-5) - f(phi, -2.3 - 1e-5)) / 2e-5
        np.testing.assert_allclose(cv.grad(f, 1)(phi, -2.3), slope, rtol=1e-7)
        assert np.isfinite(cv.grad(cv.grad(lambda m, f=f: f(np.float64(phi), m)))(-2.3))


def test_fractions_of_orders_and_degrees():
    for name in ("eval_legendre", "eval_chebyt", "eval_chebyu", "eval_laguerre"):
        f = TABLE[name]
        for n in (-2.3, 0.3, 2.5):
            np.testing.assert_allclose(cv.grad(f, 1)(n, 0.4), (f(n, 0.4 + 1e-5) - f(n, 0.4 - 1e-5)) / 2e-5, rtol=1e-7)
        assert np.isnan(cv.grad(f, 1)(-2, 0.4))
        assert cv.grad(f, 1)(0, 0.4) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's, that it drops the fraction
        for f in (special.kn, special.yn, special.expn):
            assert cv.grad(f, 1)(2.7, 1.3) == cv.grad(f, 1)(2, 1.3)


# --- functions of our own ----------------------------------------------------------------------------------------------

OWN = {
    "polygamma": (lambda x: special.polygamma(np.array([0, 1, 2]), x), scipy.special.polygamma([0, 1, 2], 0.7), 0.7),
    "comb": (lambda x: special.comb(x, 2.5), scipy.special.comb(4.2, 2.5), 4.2),
    "comb with repetition": (lambda x: special.comb(x, 2.0, repetition=True), scipy.special.comb(4, 2, repetition=True), 4.0),
    "factorial": (special.factorial, 24.0, 4.0),
    "multigammaln": (lambda x: special.multigammaln(x, 3), scipy.special.multigammaln(4.2, 3), 4.2),
    "zeta": (lambda x: special.zeta(x, 1.5), scipy.special.zeta(3.0, 1.5), 3.0),
    "softmax": (lambda x: special.softmax(x * np.arange(4.0).reshape(2, 2)), scipy.special.softmax([[0, 1.0], [2, 3]]), 1.0),
    "log_softmax": (
        lambda x: special.log_softmax(x * np.arange(4.0).reshape(2, 2), axis=0),
        scipy.special.log_softmax([[0, 1.0], [2, 3]], axis=0),
        1.0,
    ),
    "logsumexp": (lambda x: special.logsumexp(x * np.arange(4.0)), scipy.special.logsumexp(np.arange(4.0)), 1.0),
}


@pytest.mark.parametrize("name", OWN)
def test_functions_that_scipy_does_not_dispatch(name):
    f, expected, at = OWN[name]
    np.testing.assert_allclose(f(at), expected, rtol=1e-13)
    np.testing.assert_allclose(cv.jit(f)(at), expected, rtol=1e-13)
    check_grads(f, (at,), order=2)


def test_a_tracer_given_to_scipy_works_whatever_was_imported_first():
    for first, second in [("scipy.special", "covector as cv"), ("covector as cv", "scipy.special")]:
        code = f"import {first}; import {second}; print(float(cv.grad(scipy.special.expit)(0.0)))"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "0.25"


def test_what_is_exported_is_tested():
    tried = {*TABLE, *(n.split()[0] for n in OWN), "digamma", "jn", "lambertw", "sinc"}
    assert set(special.__all__) <= tried
    assert len(special.__all__) >= 60


TRIGAMMA = {  # psi'(z), psi''(z), by mpmath
    1 + 2j: (0.12493116214094459 - 0.47782555014722977j, 0.21502435405364953 + 0.12456747595869701j),
    -2.3 - 0.4j: (1.0081944015594955 - 2.6576604387562655j, -14.862411836975422 - 10.450725824243378j),
    0.2 + 7j: (-0.00614264641747664 - 0.14283723772636348j, 0.020399496003033393 - 0.0017608726557930582j),
}


@pytest.mark.parametrize("z", TRIGAMMA)
def test_digamma_of_complex_numbers(z):
    first, second = TRIGAMMA[z]
    one = np.complex128(1.0)
    for transform in (lambda f: f, cv.jit):
        slope = transform(lambda z: cv.jvp(special.psi, (z,), (one,))[1])
        np.testing.assert_allclose(slope(z), first, rtol=1e-14)
        np.testing.assert_allclose(cv.jvp(slope, (z,), (one,))[1], second, rtol=1e-13)
    np.testing.assert_allclose(cv.grad(special.psi, holomorphic=True)(z), first, rtol=1e-14)
    batch = np.array([z, z.conjugate()], np.complex64)
    found = cv.vmap(cv.grad(special.psi, holomorphic=True))(batch)
    np.testing.assert_allclose(found, [first, first.conjugate()], rtol=1e-5)
    assert found.dtype == np.complex64


@pytest.mark.parametrize("name", ["gamma", "loggamma", "rgamma", "psi", "shichi"])
def test_relatives_of_gamma_and_integrals_are_holomorphic(name):
    def f(z):
        out = getattr(special, name)(z)
        return out[0] + 2 * out[1] if isinstance(out, tuple) else out

    check_grads(f, (np.array([1.2 + 0.7j, -1.4 - 0.6j, 4.5 + 0.1j]),), order=2, rtol=1e-5)


def test_the_derivative_of_one_over_gamma_at_its_zeros_on_the_complex_plane():
    slope = cv.grad(special.rgamma, holomorphic=True)
    np.testing.assert_allclose([slope(n + 0j) for n in (0, -1, -2, -3)], [1, -1, 2, -6])


@pytest.mark.parametrize("name, argument", [("jv", "v"), ("iv", "v"), ("kv", "v"), ("ive", "v"), ("kve", "v"), ("ive", "z")])
def test_what_has_no_derivative_at_complex_numbers_says_so(name, argument):
    f = getattr(special, name)
    message = rf"scipy.special.{name} in its argument {argument} for complex numbers is known"
    with pytest.raises(errors.NonDifferentiableError, match=message):
        if argument == "z":
            cv.jvp(lambda z: f(1.5, z), (1 + 2j,), (1 + 0j,))
        else:
            cv.jvp(lambda v: f(v, 1 + 2j), (1.5,), (1.0,))


INCOMPLETE_BETA = {  # its derivatives in a and b, by mpmath
    (2.0, 3.0, 1e-20): (-2.7281021115928543e-38, 3.4999999999999998e-40),
    (0.5, 3.0, 1e-300): (-1.2932041148091506e-147, 3.381980729002051e-151),
    (2.0, 3.0, 1 - 1e-12): (-4.333045757327273e-36, 1.0951690452298235e-34),
    (2.0, 3.0, 0.0): (0.0, 0.0),
    (2.0, 3.0, 1.0): (0.0, 0.0),
}


@pytest.mark.parametrize("point", INCOMPLETE_BETA)
def test_the_incomplete_beta_function_far_out(point):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cv.grad(special.betainc, (0, 1))(*point)
        complement = cv.grad(special.betaincc, (0, 1))(*point)
    np.testing.assert_allclose(found, INCOMPLETE_BETA[point], rtol=1e-11)
    np.testing.assert_allclose(complement, np.negative(INCOMPLETE_BETA[point]), rtol=1e-11)


def slope_in_shape(f, *args, shape):
    """The slope in the last argument of the derivative in a shape."""
    return float(cv.grad(cv.grad(f, shape), len(args) - 1)(*args))


@pytest.mark.parametrize(("a", "steep", "in_b"), [(0.3, -np.inf, np.inf), (1.0, -np.inf, 1.0), (1.7, 0.0, 0.0)])
def test_incomplete_functions_begin_as_their_densities_say(a, steep, in_b):
    """The slope in a is that of the density, ``x^(a-1) (log(x) - ...)``; for a = 1 the beta density is b at 0."""
    with np.errstate(divide="ignore"):  # the square root has an infinite slope at 0
        assert slope_in_shape(special.gammainc, a, 0.0, shape=0) == steep
        assert slope_in_shape(special.gammaincc, a, 0.0, shape=0) == -steep
        for b, (f, sign) in itertools.product((0.4, 1.0, 2.5), ((special.betainc, 1), (special.betaincc, -1))):
            assert slope_in_shape(f, a, b, 0.0, shape=0) == sign * steep
            assert slope_in_shape(f, a, b, 0.0, shape=1) == sign * in_b
            assert slope_in_shape(f, b, a, 1.0, shape=1) == sign * steep
            assert slope_in_shape(f, b, a, 1.0, shape=0) == sign * in_b


def test_incomplete_gamma_functions_are_flat_at_infinity():
    for f, a in itertools.product((special.gammainc, special.gammaincc), (0.3, 1.0, 1.7, 300.0)):
        for order in (0, 1), (1, 0), (0, 0), (1, 1):
            assert cv.grad(f, order[0])(a, np.inf) == 0
            assert cv.grad(cv.grad(f, order[0]), order[1])(a, np.inf) == 0


@pytest.mark.parametrize("name", ["sici", "shichi", "fresnel", "airy", "gammaln", "erf"])
def test_tangents_have_the_dtype_of_results_of_half_precision(name):
    x = np.array([0.5, 1.5], np.float16)
    for way in (lambda f: f, cv.jit):
        outs, tangents = way(lambda x: cv.jvp(getattr(scipy.special, name), (x,), (x,)))(x)
        outs, tangents = (v if isinstance(v, tuple) else (v,) for v in (outs, tangents))
        assert [t.dtype for t in tangents] == [o.dtype for o in outs]


def test_derivatives_in_half_precision_do_not_overflow_within():
    np.testing.assert_allclose(cv.grad(scipy.special.zeta)(np.float16(3), np.float16(1.2)), -0.2805, rtol=1e-3)
    assert np.isfinite(cv.grad(scipy.special.poch, 1)(np.float16(2.5), np.float16(4.0)))


@pytest.mark.parametrize("name", ["betainc", "betaincc", "betaincinv"])
def test_shapes_that_are_numbers_of_pythons_beside_an_array(name):
    f, x = getattr(scipy.special, name), np.array([0.1, 0.3])
    for k in range(2):
        moved = lambda t, k=k: f(*(v + t * (i == k) for i, v in enumerate((2.0, 1.5))), x)
        _, found = cv.jvp(moved, (0.0,), (1.0,))
        np.testing.assert_allclose(found, (moved(1e-6) - moved(-1e-6)) / 2e-6, rtol=1e-7)
    np.testing.assert_allclose(cv.grad(lambda a: np.sum(f(a, 1.5, x)))(2.0), np.sum(cv.jacfwd(lambda a: f(a, 1.5, x))(2.0)))
