"""``covector.numpy.polynomial``: every function and class against NumPy's, with derivatives, batches, programs and dtypes."""

from __future__ import annotations

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from transformed import close

import covector as cv
from covector.numpy import polynomial
from covector.testing import check_grads

RNG = np.random.default_rng(3)
C, D = RNG.normal(size=5), np.array([0.7, -1.1, 0.9])
C2, C3 = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2, 2))
X, Y, Z = RNG.uniform(-1, 1, size=(3, 4))
PLACES, VALUES = np.linspace(-1, 1, 7), RNG.normal(size=7)
ROOTS = np.array([0.3, -0.8, 1.2, 0.5])
BASES = {
    "poly": polynomial.polynomial,
    "cheb": polynomial.chebyshev,
    "leg": polynomial.legendre,
    "herm": polynomial.hermite,
    "herme": polynomial.hermite_e,
    "lag": polynomial.laguerre,
}
CLASSES = [getattr(polynomial, name) for name in ("Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre")]


def functions(prefix):
    """Calls of all functions of a basis: name, function of values to be traced, values."""

    def f(name):
        return getattr(BASES[prefix], prefix + name)

    weights = 1 + VALUES**2
    calls = [
        ("add", f("add"), (C, D)),
        ("sub", f("sub"), (D, C)),
        ("mul", f("mul"), (C, D)),
        ("mul by longer", f("mul"), (D, C)),
        ("mulx", f("mulx"), (C,)),
        ("div", f("div"), (C, D)),
        ("div by longer", f("div"), (D, C)),
        ("div by constant", f("div"), (C, D[:1])),
        ("pow", lambda c: f("pow")(c, 3), (D,)),
        ("pow 0", lambda c: f("pow")(c, 0) * c[0], (D,)),
        ("val", f("val"), (X, C)),
        ("val at a number", f("val"), (0.3, C)),
        ("val of a constant", f("val"), (X, C[:1])),
        ("val of several", f("val"), (X, C2)),
        ("val with tensor", lambda x, c: f("val")(x, c, tensor=False), (X[:2], C2)),
        ("val2d", f("val2d"), (X, Y, C2)),
        ("val3d", f("val3d"), (X, Y, Z, C3)),
        ("grid2d", f("grid2d"), (X, Y, C2)),
        ("grid3d", f("grid3d"), (X[:2], Y[:3], Z, C3)),
        ("vander", lambda x: f("vander")(x, 4), (X,)),
        ("vander 0", lambda x: f("vander")(x, 0) * x[:, None], (X,)),
        ("vander2d", lambda x, y: f("vander2d")(x, y, [2, 3]), (X, Y)),
        ("vander3d", lambda x, y, z: f("vander3d")(x, y, z, [2, 1, 2]), (X[:2], Y[:2], Z[:2])),
        ("der", lambda c, s: f("der")(c, 2, s), (C, 1.5)),
        ("der along axis", lambda c: f("der")(c, axis=1), (C2,)),
        ("der beyond", lambda c: f("der")(c, 7), (C,)),
        ("int", lambda c, k, lower, s: f("int")(c, 2, [k, 1.0], lower, s), (C, 0.3, 0.4, 1.5)),
        ("int along axis", lambda c: f("int")(c, axis=1), (C2,)),
        ("int constant", lambda k: f("int")([1.0, 2.0, 3.0], 1, k), (0.3,)),
        ("line", f("line"), (0.3, 0.4)),
        ("fromroots", f("fromroots"), (ROOTS,)),
        ("fit", lambda x, y: f("fit")(x, y, 3), (PLACES, VALUES)),
        ("fit several", lambda y, w: f("fit")(PLACES, y, [0, 2, 3], w=w), (np.stack([VALUES, VALUES**2], 1), weights)),
        ("companion", f("companion"), (C,)),
        ("companion of a line", f("companion"), (D[:2],)),
        ("roots", lambda c: f("roots")(c) + 0j, (C,)),
        ("root of a line", f("roots"), (D[:2],)),
    ]
    if prefix == "poly":
        return [*calls, ("valfromroots", BASES[prefix].polyvalfromroots, (X, ROOTS))]
    to, back = (getattr(BASES[prefix], name) for name in (f"{prefix}2poly", f"poly2{prefix}"))
    return [*calls, ("to powers", to, (C,)), ("from powers", back, (C,))]


CALLS = [pytest.param(f, args, id=f"{prefix} {name}") for prefix in BASES for name, f, args in functions(prefix)]


@pytest.mark.parametrize(("f", "args"), CALLS)
def test_values_derivatives_and_programs_are_numpys(f, args):
    expected = f(*args)
    close(cv.vjp(f, *args)[0], expected)
    close(cv.jit(f)(*args), expected)
    check_grads(f, args, order=2, modes=["rev"])


@pytest.mark.parametrize("prefix", BASES)
def test_batches_agree_with_a_loop(prefix):
    for name, f, args in functions(prefix):
        if name in ("fit", "fit several", "div", "roots", "val", "mul", "int", "fromroots", "companion"):
            batch = [np.stack([np.asarray(a), np.asarray(a) * 1.1]) for a in args]
            rows = [f(*[b[i] for b in batch]) for i in range(2)]
            for i, row in enumerate(rows):
                close([leaf[i] for leaf in cv.tree_util.tree_leaves(cv.vmap(f)(*batch))], row, name)


@pytest.mark.parametrize("prefix", BASES)
@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128, np.int64])
def test_dtypes_are_numpys(prefix, dtype):
    c = np.array([3, 1, 2], dtype) + (np.array([0, 1j, 0], dtype) if np.dtype(dtype).kind == "c" else 0)
    m = BASES[prefix]
    for name in ("add", "mul", "div"):
        f = getattr(m, prefix + name)
        traced, plain = cv.jit(f)(c, c[:2]), f(c, c[:2])
        for a, b in zip(cv.tree_util.tree_leaves(traced), cv.tree_util.tree_leaves(plain), strict=True):
            assert a.dtype == b.dtype, name
            np.testing.assert_allclose(a[: len(b)], b, rtol=1e-5, atol=1e-5)
    f = getattr(m, prefix + "line")
    assert cv.jit(f)(c[0], c[1]).dtype == f(c[0], c[1]).dtype
    for name in ("der", "int", "companion", "mulx", "fromroots"):
        f = getattr(m, prefix + name)
        traced, plain = cv.jit(f)(c), f(c)
        assert traced.dtype == plain.dtype, name
        np.testing.assert_allclose(traced, plain, rtol=1e-5, atol=1e-5)
    x = np.array([0.25, 0.5], np.float32)
    f = getattr(m, prefix + "val")
    assert cv.jit(f)(x, c).dtype == f(x, c).dtype


def test_all_coefficients_are_kept():
    zeros = np.array([1.0, 2.0, 0.0])
    np.testing.assert_array_equal(polynomial.polynomial.polyadd(zeros, [0.0]), [1, 2])
    np.testing.assert_array_equal(cv.jit(polynomial.polynomial.polyadd)(zeros, np.zeros(1)), [1, 2, 0])
    np.testing.assert_array_equal(cv.grad(lambda c: np.sum(polynomial.chebyshev.chebmul(c, [1.0])))(zeros), [1, 1, 1])


def test_trailing_zeros_that_decide_about_a_result_are_refused():
    zeros = np.array([1.0, 2.0, 0.0])
    message = r"hermite.hermdiv got traced coefficients of type f64\[3\] of which the last one is zero"
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=message):
        cv.grad(lambda c: np.sum(polynomial.hermite.hermdiv([1.0, 2.0, 3.0], c)[0]))(zeros)
    with pytest.raises(cv.errors.UnsupportedFunctionError, match="drop the last coefficients before"):
        cv.grad(lambda c: np.sum(np.abs(polynomial.polynomial.polyroots(c))))(zeros)


def test_trim():
    trim = polynomial.polynomial.polytrim
    c = np.array([1.0, 2.0, 1e-9])
    np.testing.assert_array_equal(cv.grad(lambda c: np.sum(trim(c, 1e-6) ** 2))(c), [2, 4, 0])
    np.testing.assert_array_equal(cv.vjp(lambda c: trim(c, 5), c)[0], [0.0])
    with pytest.raises(cv.errors.TracerArrayConversionError, match="trimcoef was called on a traced value"):
        cv.jit(lambda c: trim(c, 1e-6))(c)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_classes_are_numpys(cls):
    plain = getattr(np.polynomial, cls.__name__)
    options = {"domain": [-2.0, 1.0], "symbol": "t"}

    def evaluate(cls, c, d, x):
        p, q = cls(c, **options), cls(d, **options)
        quotient, remainder = divmod(p, q)
        others = [p + q, p - q, p * q, p**2, -p, p * 2.0, 3.0 + p, p / 2.0, p // q, p % q, p + D[:1], [1.0] - p, quotient,
                  remainder, p.integ(2, lbnd=0.5), p.deriv(), p.truncate(3), p.cutdeg(1), p.convert(domain=[0.0, 1.0]),
                  p.convert(kind=plain), p.copy(), cls.fromroots(d), cls.fromroots(d, domain=None), p(q),
                  cls.fit(x, d, 2), cls.fit(x, d, 1, domain=[]), cls.identity(symbol="t") + p.convert(),
                  cls.basis(2, **options) + p]  # fmt: skip
        return [p(x), p.roots() + 0j, p.linspace(5)[1]] + [r(x) for r in others] + [r.coef for r in others]

    args = C, D, np.array([0.1, 0.4, 0.8])
    expected = evaluate(plain, *args)
    ours = partial(evaluate, cls)
    for found in (ours(*args), cv.jit(ours)(*args), cv.vjp(ours, *args)[0]):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a[: len(b)], b, rtol=1e-9, atol=1e-10)
    real = lambda *a: [v for v in ours(*a) if v.dtype.kind == "f"]
    check_grads(real, args, order=1, modes=["rev"], rtol=1e-5, atol=1e-5)


def test_polynomials_are_pytrees():
    p = polynomial.Legendre(C, domain=[0.0, 2.0], symbol="t")
    gradient = cv.grad(lambda p: np.sum(p(X)))(p)
    assert isinstance(gradient, polynomial.Legendre)
    assert gradient.symbol == "t"
    np.testing.assert_allclose(gradient.coef, np.polynomial.legendre.legvander(X - 1, 4).sum(0))
    doubled = cv.jit(lambda p: p * 2)(p)
    np.testing.assert_allclose(doubled.coef, 2 * C)
    assert isinstance(doubled, np.polynomial.Legendre)
    assert pickle.loads(pickle.dumps(doubled)) == doubled


def test_a_polynomial_of_numpy_combines_with_one_of_covector():
    q = np.polynomial.Polynomial([1.0, 2.0])
    check_grads(lambda c: (polynomial.Polynomial(c) * q)(0.5), (C,), order=2)
    check_grads(lambda c: (q - polynomial.Polynomial(c))(0.5), (C,), order=2)
    with pytest.raises(TypeError, match="Polynomial types differ"):
        polynomial.Polynomial([1.0]) + np.polynomial.Chebyshev([1.0])
    with pytest.raises(TypeError, match="Domains differ"):
        polynomial.Polynomial([1.0]) + np.polynomial.Polynomial([1.0], domain=[0, 1])


def test_a_traced_factor():
    def f(t):
        p = polynomial.Chebyshev([1.0, 2.0, 3.0])
        return (p * t + t * p - p / t)(0.3)

    check_grads(f, (0.7,), order=2)
    check_grads(cv.jit(f), (0.7,), order=2)


def test_interpolation_with_a_traced_function():
    expected = np.polynomial.Chebyshev.interpolate(lambda x: np.exp(0.5 * x), 6, domain=[0, 2])
    f = cv.jit(lambda a: polynomial.Chebyshev.interpolate(lambda x: np.exp(a * x), 6, domain=[0, 2]).coef)
    close(f(0.5), expected.coef)
    check_grads(f, (0.5,), order=2)
    close(polynomial.chebyshev.chebinterpolate(np.tanh, 8), np.polynomial.chebyshev.chebinterpolate(np.tanh, 8), rtol=0, atol=0)


def test_domains_of_traced_points():
    points = np.array([1.0, 3.0, 2.0])
    getdomain = polynomial.polyutils.getdomain
    np.testing.assert_array_equal(cv.jacrev(getdomain)(points), [[1, 0, 0], [0, 1, 0]])
    close(cv.vjp(getdomain, points * (1 + 2j))[0], np.polynomial.polyutils.getdomain(points * (1 + 2j)))
    check_grads(lambda x: polynomial.Polynomial.fit(x, np.ones(3), 1).domain, (points,), order=1)
    np.testing.assert_array_equal(cv.vjp(lambda x: polynomial.Polynomial.fit(x, x, 0).domain, np.ones(2))[0], [0, 2])


def test_fits_say_what_they_found():
    fit = cv.jit(lambda y: polynomial.polynomial.polyfit(PLACES, y, 2, full=True))
    found, status = fit(VALUES)
    expected, wanted = np.polynomial.polynomial.polyfit(PLACES, VALUES, 2, full=True)
    close([found, *status[:3]], [expected, *wanted[:3]])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cv.vjp(lambda y: polynomial.polynomial.polyfit(np.ones(3), y, 2), np.ones(3))
    assert any(issubclass(w.category, np.exceptions.RankWarning) for w in caught)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: polynomial.polynomial.polyadd(c[:0], c), ValueError, "Coefficient array is empty"),
        (lambda c: polynomial.polynomial.polyadd(c[None], c), ValueError, "Coefficient array is not 1-d"),
        (lambda c: polynomial.polynomial.polypow(c, -1), ValueError, "Power must be a non-negative integer"),
        (lambda c: polynomial.chebyshev.chebpow(c, 17), ValueError, "Power is too large"),
        (lambda c: polynomial.chebyshev.chebder(c, 1.5), TypeError, "the order of derivation must be an integer"),
        (lambda c: polynomial.chebyshev.chebder(c, -1), ValueError, "order of derivation must be non-negative"),
        (lambda c: polynomial.chebyshev.chebint(c, -1), ValueError, "order of integration must be non-negative"),
        (lambda c: polynomial.chebyshev.chebint(c, 1, [1, 2]), ValueError, "Too many integration constants"),
        (lambda c: polynomial.chebyshev.chebint(c, lbnd=[1, 2]), ValueError, "lbnd must be a scalar"),
        (lambda c: polynomial.chebyshev.chebvander(c, -1), ValueError, "deg must be non-negative"),
        (lambda c: polynomial.chebyshev.chebvander2d(c, c, [1]), ValueError, "Expected 2 dimensions of degrees, got 1"),
        (lambda c: polynomial.chebyshev.chebval2d(c, c[:2], c), ValueError, "x, y are incompatible"),
        (lambda c: polynomial.chebyshev.chebcompanion(c[:1]), ValueError, "maximum degree of at least 1"),
        (lambda c: polynomial.chebyshev.chebfit(c, c, -1), ValueError, "expected deg >= 0"),
        (lambda c: polynomial.chebyshev.chebfit(c, c[:2], 1), TypeError, "expected x and y to have same length"),
        (lambda c: polynomial.chebyshev.chebfit(c, c, 1, w=c[:2]), TypeError, "expected x and w to have same length"),
        (lambda c: polynomial.chebyshev.chebtrim(c, -1), ValueError, "tol must be non-negative"),
        (lambda c: polynomial.Chebyshev(c, domain=[1]), ValueError, "Domain has wrong number of elements"),
        (lambda c: polynomial.Chebyshev(c) / c, TypeError, "unsupported types for true division"),
    ],
)
def test_errors_are_numpys(call, error, message):
    with pytest.raises(error, match=message):
        cv.jit(call)(np.ones(3))


def test_numpys_functions_of_two_variables_dispatch():
    for name in ("polyval2d", "polygrid2d"):
        f = getattr(np.polynomial.polynomial, name)
        close(cv.jit(f)(X, Y, C2), f(X, Y, C2))
