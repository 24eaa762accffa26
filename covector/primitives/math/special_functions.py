"""SciPy's special functions: each ufunc of `scipy.special` with its partial derivatives, a line each.

>>> from covector import grad
>>> float(grad(special.gammaln)(1.0))  # minus Euler's constant
-0.5772156649015329

Importing this module gives the ufuncs their meaning on tracers.  A derivative is a function of the output and the arguments,
as for `elementwise`; it is written with these functions and NumPy's, so that it has derivatives too.  The formulas are those of
the *Digital Library of Mathematical Functions* (DLMF, dlmf.nist.gov), chapters 5 to 8, 10, 13, 15, 18, 19 and 25.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import _ufuncs

from covector.core.avals import dtype_of, typeof
from covector.core.errors import NonDifferentiableError
from covector.core.kinds import Elementwise, Opaque, Step
from covector.core.primitive import Primitive
from covector.core.tracer import register_ufunc
from covector.primitives.derivations import jvp_of_one
from covector.primitives.math import special_ufuncs as special
from covector.primitives.math.far_out import FAR, far_bessel, far_error
from covector.primitives.math.order_derivatives import iv_in_v, jv_in_v, kv_in_v, zeta_in_s
from covector.primitives.math.quadrature import gauss_legendre
from covector.primitives.math.ring import scale
from covector.primitives.math.shape_derivatives import betainc_in_a, gammainc_in_a
from covector.primitives.math.trigamma import trigamma

ZETA = _ufuncs._zeta
SQRT_PI = np.sqrt(np.pi)
TABLE: dict[str, np.ufunc] = {}
"""The functions that are defined here, by name."""


def define(name: str, *derivatives: Callable[..., Any] | None) -> None:
    """Give a ufunc of `scipy.special` its partial derivatives; none at all for a function that is piecewise constant."""
    ufunc = getattr(_ufuncs, name)
    kind = Elementwise(ufunc, *map(in_single, derivatives)) if derivatives else Step(ufunc)
    register_ufunc(ufunc, Primitive(f"scipy_{name}", kind, trusted=True, makes_new=True))
    TABLE[name] = ufunc


def singles(args: Sequence[Any]) -> list[Any]:
    """Arguments in half precision as single ones: SciPy computes so, and what derivatives are made of overflows in half."""
    return [np.astype(x, np.float32) if dtype_of(x) == np.float16 else x for x in args]


def in_single(derivative: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """A derivative that computes in single precision at least."""
    return derivative and (lambda out, *args: derivative(out, *singles(args)))


def is_complex(x: Any) -> bool:
    return dtype_of(x).kind == "c"


def of_real(name: str, argument: str, derivative: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative that is known where the last argument is real, and refused where it is complex."""
    refuse = refused(name, argument, " for complex numbers")
    return lambda out, *args: refuse(out, *args) if is_complex(args[-1]) else derivative(out, *args)


def refused(name: str, argument: str, where: str = "") -> Callable[..., Any]:
    """The derivative in an argument in which none is known."""

    def refuse(*args: Any) -> Any:
        why = f"no formula for the derivative of scipy.special.{name} in its argument {argument}{where} is known to covector"
        fix = f"pass {argument} as a number that is not differentiated, or stop_gradient it"
        raise NonDifferentiableError(f"scipy.special.{name}", "a transformation", map(typeof, args[1:]), why=why, fix=fix)

    return refuse


# --- gamma and its relatives: DLMF 5, 25.11 ---------------------------------------------------------------------------


def _rgamma_derivative(out: Any, x: Any) -> Any:
    """-psi(x) / gamma(x); near the poles of psi, at 0, -1, -2, …, by reflection."""
    left = (np.real(x) < 0.5) & (np.abs(np.imag(x)) < 1)
    y, away = np.where(left, x, 0.0), np.where(left, 0.5, x)
    n = np.round(np.real(y))
    sign, angle = np.cos(np.pi * n), np.pi * (y - n)
    reflected = sign * special.gamma(1 - y) * (np.cos(angle) - special.psi(1 - y) * np.sin(angle) / np.pi)
    return np.where(left, reflected, -special.psi(away) * special.rgamma(away))


def _psi_difference(x: Any, y: Any) -> Any:
    return special.psi(x) - special.psi(y)


define("gamma", lambda out, x: out * special.psi(x))
define("gammaln", lambda out, x: special.psi(x))
define("loggamma", lambda out, x: special.psi(x))
define("rgamma", _rgamma_derivative)
define("psi", lambda out, x: trigamma(x) if is_complex(x) else ZETA(2.0, x))
define("_riemann_zeta", lambda out, s: zeta_in_s(s, 1.0))
define("_zeta", lambda out, s, q: zeta_in_s(s, q) + 0 * out, lambda out, s, q: -s * ZETA(s + 1.0, q))
define("gammasgn")
define("beta", lambda out, a, b: out * _psi_difference(a, a + b), lambda out, a, b: out * _psi_difference(b, a + b))
define("betaln", lambda out, a, b: _psi_difference(a, a + b), lambda out, a, b: _psi_difference(b, a + b))
define("poch", lambda out, a, m: out * _psi_difference(a + m, a), lambda out, a, m: out * special.psi(a + m))
define(
    "binom",
    lambda out, n, k: out * _psi_difference(n + 1.0, n - k + 1.0),
    lambda out, n, k: out * _psi_difference(n - k + 1.0, k + 1.0),
)

# --- error functions: DLMF 7 ------------------------------------------------------------------------------------------


def _gauss(x: Any) -> Any:
    return 2 / SQRT_PI * np.exp(-(x * x))


define("erf", lambda out, x: _gauss(x))
define("erfc", lambda out, x: -_gauss(x))
define("erfcx", far_error(lambda out, x: 2 * x * out - 2 / SQRT_PI, 2 / SQRT_PI, -1, lambda x: np.real(x) > FAR))
define("erfi", lambda out, x: 2 / SQRT_PI * np.exp(x * x))
define("dawsn", far_error(lambda out, x: 1 - 2 * x * out, -1, 1, lambda x: np.real(x * x) > FAR * FAR))
define(
    "wofz",
    far_error(
        lambda out, x: 2j / SQRT_PI - 2 * x * out, -2j / SQRT_PI, 1, lambda x: (np.imag(x) >= 0) & (np.abs(x) > FAR)
    ),
)
define("erfinv", lambda out, x: SQRT_PI / 2 * np.exp(out * out))
define("erfcinv", lambda out, x: -SQRT_PI / 2 * np.exp(out * out))

# --- the normal distribution, and what statistics and learning make of exponentials -----------------------------------


def _normal_density(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _log_ndtr_derivative(out: Any, x: Any) -> Any:
    """The density over the distribution function, both scaled on the left, where they underflow."""
    left = np.sqrt(2 / np.pi) / special.erfcx(np.where(x < 0, -x, 0.0) / np.sqrt(2))
    y, out = np.where(x < 0, 0.0, x), np.where(x < 0, -np.log(2.0), out)
    return np.where(x < 0, left, np.exp(-y * y / 2 - np.log(2 * np.pi) / 2 - out))


def _log_or_zero(x: Any, y: Any) -> Any:
    """The logarithm of y, and 0 where x is: the limit from there."""
    return np.where((x == 0) & (y == 0), 0.0, np.log(np.where((x == 0) & (y == 0), 1.0, y)))


def _ratio_or_zero(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is."""
    return np.where(x == 0, 0.0, x / np.where(x == 0, 1.0, y))


define("ndtr", lambda out, x: _normal_density(x))
define("log_ndtr", _log_ndtr_derivative)
define("ndtri", lambda out, x: np.sqrt(2 * np.pi) * np.exp(out * out / 2))
define("ndtri_exp", lambda out, x: np.sqrt(2 * np.pi) * np.exp(out * out / 2 + x))
define("expit", lambda out, x: special.expit(x) * special.expit(-x))
define("log_expit", lambda out, x: special.expit(-x))
define("logit", lambda out, x: 1 / (x * (1 - x)))
define("xlogy", lambda out, x, y: _log_or_zero(x, y), lambda out, x, y: _ratio_or_zero(x, y))
define("xlog1py", lambda out, x, y: np.log1p(y), lambda out, x, y: _ratio_or_zero(x, 1 + y))
define("entr", lambda out, x: np.where(x < 0, np.nan, -1 - np.log(np.where(x < 0, 1.0, x))))
define("rel_entr", lambda out, x, y: 1 + np.log(x / y), lambda out, x, y: -x / y)
define("kl_div", lambda out, x, y: np.log(x / y), lambda out, x, y: 1 - x / y)
define("huber", lambda out, d, r: np.where(np.abs(r) <= d, 0.0, np.abs(r) - d), lambda out, d, r: np.clip(r, -d, d))
define(
    "pseudo_huber",
    lambda out, d, r: 2 * d * (np.sqrt(1 + (r / d) ** 2) - 1) - r * r / (d * np.sqrt(1 + (r / d) ** 2)),
    lambda out, d, r: r / np.sqrt(1 + (r / d) ** 2),
)

# --- powers, logarithms and exponentials that are exact where the obvious formula is not ------------------------------


def _exprel_derivative(out: Any, x: Any) -> Any:
    """(e^x - out) / x, and its series near 0."""
    near = np.abs(x) < 0.5
    far, small = np.where(near, 1.0, x), np.where(near, x, 0.0)
    series = sum((k + 1) / special.factorial(k + 2) * small**k for k in range(14))
    return np.where(near, series, (np.exp(far) * (far - 1) + 1) / (far * far))


def _boxcox_derivative(x: Any, log_x: Any, p: Any) -> Any:
    """The derivative of (exp(p l) - 1) / p in p: l² exprel'(p l)."""
    return log_x * log_x * _exprel_derivative(None, p * log_x)


define("cbrt", lambda out, x: 1 / (3 * out * out))
define("exp2", lambda out, x: np.log(2) * out)
define("exp10", lambda out, x: np.log(10) * out)
define("expm1", lambda out, x: np.exp(x))
define("log1p", lambda out, x: 1 / (1 + x))
define("cosm1", lambda out, x: -np.sin(x))
define("exprel", _exprel_derivative)
define("powm1", lambda out, x, y: y * x ** (y - 1), lambda out, x, y: x**y * np.log(x))
define("boxcox", lambda out, x, p: x ** (p - 1), lambda out, x, p: _boxcox_derivative(x, np.log(x), p))
define("boxcox1p", lambda out, x, p: (1 + x) ** (p - 1), lambda out, x, p: _boxcox_derivative(x, np.log1p(x), p))
define(
    "inv_boxcox",
    lambda out, y, p: out ** (1 - p),
    lambda out, y, p: -_boxcox_derivative(out, np.log(out), p) * out ** (1 - p),
)
define(
    "inv_boxcox1p",
    lambda out, y, p: (1 + out) ** (1 - p),
    lambda out, y, p: -_boxcox_derivative(out, np.log1p(out), p) * (1 + out) ** (1 - p),
)

# --- angles in degrees ------------------------------------------------------------------------------------------------

DEGREE = np.pi / 180
define("sindg", lambda out, x: DEGREE * special.cosdg(x))
define("cosdg", lambda out, x: -DEGREE * special.sindg(x))
define("tandg", lambda out, x: DEGREE * (1 + out * out))
define("cotdg", lambda out, x: -DEGREE * (1 + out * out))

# --- Bessel functions: DLMF 10.6, 10.29, of which 10.15 and 10.38 are derivatives in the order -------------------------


def _half_difference(name: str) -> Callable[..., Any]:
    """The derivative of J, Y and the Hankel functions: half the difference of their neighbours."""
    f = getattr(special, name)
    return lambda out, v, x: (f(v - 1.0, x) - f(v + 1.0, x)) / 2


def _half_sum(name: str, sign: int, of_scale: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """That of I (and K with the sign -1): half the sum; where the function is scaled, so is the derivative."""
    f = getattr(special, name)
    half = lambda out, v, x: sign * (f(v - 1.0, x) + f(v + 1.0, x)) / 2
    return half if of_scale is None else lambda out, v, x: half(out, v, x) + of_scale(x) * out


def _of_whole_order(derivative: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy drops the fraction of an order that is to be an integer."""
    return lambda out, n, x: derivative(out, np.trunc(n), x)


define("j0", lambda out, x: -special.j1(x))
define("j1", lambda out, x: (special.j0(x) - special.jv(2.0, x)) / 2)
define("y0", lambda out, x: -special.y1(x))
define("y1", lambda out, x: (special.y0(x) - special.yv(2.0, x)) / 2)
define("i0", lambda out, x: special.i1(x))
define("i1", lambda out, x: (special.i0(x) + special.iv(2.0, x)) / 2)
define("i0e", far_bessel(lambda out, x: special.i1e(x) - np.sign(x) * out, 0, -1))
define("i1e", far_bessel(lambda out, x: (special.i0e(x) + special.ive(2.0, x)) / 2 - np.sign(x) * out, 1, -1))
define("k0", lambda out, x: -special.k1(x))
define("k1", lambda out, x: -(special.k0(x) + special.kv(2.0, x)) / 2)
define("k0e", far_bessel(lambda out, x: out - special.k1e(x), 0, 1))
define("k1e", far_bessel(lambda out, x: out - (special.k0e(x) + special.kve(2.0, x)) / 2, 1, 1))
define("jv", of_real("jv", "v", lambda out, v, x: jv_in_v(v, x)), _half_difference("jv"))
define("yv", refused("yv", "v"), _half_difference("yv"))
define("iv", of_real("iv", "v", lambda out, v, x: iv_in_v(v, x)), _half_sum("iv", 1))
define("kv", of_real("kv", "v", lambda out, v, x: kv_in_v(v, x)), _half_sum("kv", -1))
define("kn", refused("kn", "n"), _of_whole_order(_half_sum("kv", -1)))
define("yn", refused("yn", "n"), _of_whole_order(_half_difference("yv")))
define(
    "ive",  # exp(-|Re z|) I(z) of complex z has no complex derivative
    of_real("ive", "v", lambda out, v, x: np.exp(-np.abs(x)) * iv_in_v(v, x)),
    of_real("ive", "z", _half_sum("ive", 1, lambda x: -np.sign(x))),
)
define("kve", of_real("kve", "v", lambda out, v, x: np.exp(x) * kv_in_v(v, x)), _half_sum("kve", -1, lambda x: 1.0))

# --- integrals: DLMF 6, 8.19, 19.4 ------------------------------------------------------------------------------------


define("expi", lambda out, x: np.exp(x) / x)
define("exp1", lambda out, x: -np.exp(-x) / x)
define("spence", lambda out, x: np.where(x == 1, -1.0, np.log(x) / (1 - np.where(x == 1, 0.0, x))))


def _expn_in_x(out: Any, n: Any, x: Any) -> Any:
    """-E of the order n - 1, which SciPy has from the order 0 on."""
    return -np.where(n == 0, np.exp(-x) * (1 + x) / (x * x), special.expn(np.maximum(n - 1, 0), x))


define("expn", refused("expn", "n"), _of_whole_order(_expn_in_x))
define("ellipk", lambda out, m: np.pi / 8 * special.hyp2f1(1.5, 1.5, 2.0, m))
define("ellipkm1", lambda out, p: -np.pi / 8 * special.hyp2f1(1.5, 1.5, 2.0, 1 - p))
define("ellipe", lambda out, m: -np.pi / 8 * special.hyp2f1(0.5, 1.5, 2.0, m))


def _root(phi: Any, m: Any) -> Any:
    return np.sqrt(1 - m * np.sin(phi) ** 2)


def _over_angle(phi: Any, m: Any, power: float) -> Any:
    """Half the integral of sin² (1 - m sin²)^power from 0 to phi: that over whole turns, and over the rest."""
    nodes, weights = gauss_legendre(96)

    def up_to(angle: Any) -> Any:
        squared = np.sin(np.expand_dims(angle, -1) * nodes) ** 2
        return angle * np.sum(weights * squared * (1 - np.expand_dims(m, -1) * squared) ** power, axis=-1) / 2

    turns = np.round(phi / np.pi)
    return np.where(turns == 0, 0.0, 2 * turns * up_to(np.full_like(phi, np.pi / 2))) + up_to(phi - turns * np.pi)


define("ellipkinc", lambda out, phi, m: 1 / _root(phi, m), lambda out, phi, m: _over_angle(phi, m, -1.5))
define("ellipeinc", lambda out, phi, m: _root(phi, m), lambda out, phi, m: -_over_angle(phi, m, -0.5))
define(
    "owens_t",
    lambda out, h, a: -_normal_density(h) * special.erf(a * h / np.sqrt(2)) / 2,
    lambda out, h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a)),
)

# --- incomplete gamma and beta functions, and their inverses: DLMF 8.8.13, 8.17.20 ------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    is_last = x == np.inf
    x = np.where(is_last, 1.0, x)
    return np.where(is_last, 0.0, np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a)))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


define("gammainc", lambda out, a, x: gammainc_in_a(a, x), lambda out, a, x: _gamma_density(a, x))
define("gammaincc", lambda out, a, x: -gammainc_in_a(a, x), lambda out, a, x: -_gamma_density(a, x))
define(
    "gammaincinv",
    lambda out, a, y: -gammainc_in_a(a, out) / _gamma_density(a, out),
    lambda out, a, y: 1 / _gamma_density(a, out),
)
define(
    "gammainccinv",
    lambda out, a, y: -gammainc_in_a(a, out) / _gamma_density(a, out),
    lambda out, a, y: -1 / _gamma_density(a, out),
)
define(
    "betainc",
    lambda out, a, b, x: betainc_in_a(a, b, x, 1 - x),
    lambda out, a, b, x: -betainc_in_a(b, a, 1 - x, x),
    lambda out, a, b, x: _beta_density(a, b, x),
)
define(
    "betaincc",
    lambda out, a, b, x: -betainc_in_a(a, b, x, 1 - x),
    lambda out, a, b, x: betainc_in_a(b, a, 1 - x, x),
    lambda out, a, b, x: -_beta_density(a, b, x),
)
define(
    "betaincinv",
    lambda out, a, b, y: -betainc_in_a(a, b, out, 1 - out) / _beta_density(a, b, out),
    lambda out, a, b, y: betainc_in_a(b, a, 1 - out, out) / _beta_density(a, b, out),
    lambda out, a, b, y: 1 / _beta_density(a, b, out),
)

# --- the probabilities of tests: of gamma, chi-squared, F and Student's distributions -----------------------------------


def define_tails(below: str, beyond: str, *derivatives: Callable[..., Any]) -> None:
    """Give a distribution function its derivatives, functions of the arguments, and what is left of it to 1 their negatives."""
    define(below, *(lambda out, *args, d=d: d(*args) for d in derivatives))
    define(beyond, *(lambda out, *args, d=d: -d(*args) for d in derivatives))


def _f_weights(n: Any, m: Any, x: Any) -> tuple[Any, Any]:
    """Where the incomplete beta function is asked, and the rest to 1."""
    return n * x / (m + n * x), m / (m + n * x)


def _f_in_m(n: Any, m: Any, x: Any) -> Any:
    w, rest = _f_weights(n, m, x)
    return (-betainc_in_a(m / 2, n / 2, rest, w) - 2 * _beta_density(n / 2, m / 2, w) * w * rest / m) / 2


def _f_in_n(n: Any, m: Any, x: Any) -> Any:
    w, rest = _f_weights(n, m, x)
    return (betainc_in_a(n / 2, m / 2, w, rest) + 2 * _beta_density(n / 2, m / 2, w) * w * rest / n) / 2


def _f_density(n: Any, m: Any, x: Any) -> Any:
    w, rest = _f_weights(n, m, x)
    return _beta_density(n / 2, m / 2, w) * n * rest * rest / m


def _t_density(df: Any, t: Any) -> Any:
    scale_ = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - (df + 1) / 2 * np.log1p(t * t / df)
    return np.exp(scale_) / np.sqrt(np.pi * df)


def _t_in_df(df: Any, t: Any) -> Any:
    squared = np.where(t == 0, 1.0, t * t)  # by F's distribution of 1 and df degrees of freedom, half on each side
    return np.sign(t) * _f_in_m(np.ones_like(squared), df, squared) / 2


define_tails("chdtr", "chdtrc", lambda v, x: gammainc_in_a(v / 2, x / 2) / 2, lambda v, x: _gamma_density(v / 2, x / 2) / 2)
define(
    "chdtri",
    lambda out, v, p: -gammainc_in_a(v / 2, out / 2) / _gamma_density(v / 2, out / 2),
    lambda out, v, p: -2 / _gamma_density(v / 2, out / 2),
)
define_tails(
    "gdtr",
    "gdtrc",
    lambda a, b, x: _gamma_density(b, a * x) * x,
    lambda a, b, x: gammainc_in_a(b, a * x),
    lambda a, b, x: _gamma_density(b, a * x) * a,
)
define_tails("fdtr", "fdtrc", _f_in_n, _f_in_m, _f_density)
define("stdtr", lambda out, df, t: _t_in_df(df, t), lambda out, df, t: _t_density(df, t))
define("stdtrit", lambda out, df, p: -_t_in_df(df, out) / _t_density(df, out), lambda out, df, p: 1 / _t_density(df, out))

# --- the noncentral chi-squared distribution, and its inverse: N. L. Johnson, S. Kotz and N. Balakrishnan, "Continuous
# Univariate Distributions", volume 2, 1995, chapter 29 ------------------------------------------------------------------


def _ive(v: Any, x: Any) -> Any:
    """`scipy.special.ive`, for large x, where that is NaN, by two terms of DLMF 10.40.1."""
    far = x > 1e8
    large = np.where(far, x, 1.0)
    asymptotic = (1 - (4 * v * v - 1) / (8 * large)) / np.sqrt(2 * np.pi * large)
    return np.where(far, asymptotic, special.ive(v, np.where(far, 1.0, x)))


def _noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """By the Bessel function; where the noncentrality is next to nothing, by the power series of that."""
    order, product = df / 2 - 1, x * nc
    near = product < 1
    small = np.where(near, product, 0.0)
    power = np.exp(special.xlogy(order, x / 2) - (x + nc) / 2 - special.gammaln(df / 2)) / 2
    series = power * special.hyp0f1(df / 2, small / 4)
    x, nc = np.where(near, 1.0, x), np.where(near, 1.0, nc)
    difference = np.sqrt(x) - np.sqrt(nc)
    bessel = np.exp(order / 2 * np.log(x / nc) - difference * difference / 2) * _ive(order, np.sqrt(x) * np.sqrt(nc)) / 2
    return np.where(near, series, bessel)


define(
    "chndtr",
    lambda out, x, df, nc: _noncentral_density(x, df, nc),
    refused("chndtr", "df"),
    lambda out, x, df, nc: -_noncentral_density(x, df + 2.0, nc),
)
define(
    "chndtrix",
    lambda out, p, df, nc: 1 / _noncentral_density(out, df, nc),
    refused("chndtrix", "df"),
    lambda out, p, df, nc: _noncentral_density(out, df + 2.0, nc) / _noncentral_density(out, df, nc),
)

# --- hypergeometric functions and what they contain: DLMF 4.13, 13.3, 15.5, 16.3 --------------------------------------

define("_lambertw", lambda out, z, k, tol: np.exp(-out) / (1 + out), None, None)
define(
    "hyp2f1",
    *(refused("hyp2f1", argument) for argument in "abc"),
    lambda out, a, b, c, z: a * b / c * special.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z),
)
define("hyp1f1", *(refused("hyp1f1", n) for n in "ab"), lambda out, a, b, x: a / b * special.hyp1f1(a + 1.0, b + 1.0, x))
define("hyp0f1", refused("hyp0f1", "v"), lambda out, v, z: special.hyp0f1(v + 1.0, z) / v)
define("hyperu", *(refused("hyperu", n) for n in "ab"), lambda out, a, b, x: -a * special.hyperu(a + 1.0, b + 1.0, x))
define("struve", refused("struve", "v"), lambda out, v, x: special.struve(v - 1.0, x) - v / x * out)
define("modstruve", refused("modstruve", "v"), lambda out, v, x: special.modstruve(v - 1.0, x) - v / x * out)

# --- orthogonal polynomials: DLMF 18.9 --------------------------------------------------------------------------------


def _polynomial(name: str, derivative: Callable[..., Any], parameters: str = "") -> None:
    define(name, *(refused(name, argument) for argument in f"n{parameters}"), derivative)


def _of_lower_degree(f: Callable[..., Any], n: Any, *args: Any) -> Any:
    """A function of the degree n - 1, which is 0 where n is; SciPy has none of the negative integers."""
    known = (n > 0) | (n != np.floor(n))
    return np.where(known, f(np.where(known, n - 1, 0), *args), np.where(n == 0, 0.0, np.nan))


_polynomial("eval_legendre", lambda out, n, x: (n + 1) / 2 * _of_lower_degree(special.eval_jacobi, n, 1.0, 1.0, x))
_polynomial(
    "eval_jacobi",
    lambda out, n, a, b, x: (n + a + b + 1) / 2 * _of_lower_degree(special.eval_jacobi, n, a + 1.0, b + 1.0, x),
    "ab",
)
_polynomial("eval_gegenbauer", lambda out, n, a, x: 2 * a * _of_lower_degree(special.eval_gegenbauer, n, a + 1.0, x), "a")
_polynomial("eval_chebyt", lambda out, n, x: n * _of_lower_degree(special.eval_chebyu, n, x))
_polynomial("eval_chebyu", lambda out, n, x: 2 * _of_lower_degree(special.eval_gegenbauer, n, 2.0, x))
_polynomial("eval_laguerre", lambda out, n, x: -_of_lower_degree(special.eval_genlaguerre, n, 1.0, x))
_polynomial("eval_genlaguerre", lambda out, n, a, x: -_of_lower_degree(special.eval_genlaguerre, n, a + 1.0, x), "a")
_polynomial("eval_hermite", lambda out, n, x: 2 * n * _of_lower_degree(special.eval_hermite, n, x))
_polynomial("eval_hermitenorm", lambda out, n, x: n * _of_lower_degree(special.eval_hermitenorm, n, x))

# --- functions with several results -----------------------------------------------------------------------------------


def define_several(name: str, derivatives: Callable[..., Sequence[Any]]) -> None:
    """Give a ufunc of one argument its derivatives, one for each result: ``derivatives(x, *outs)``."""
    ufunc = getattr(special, name)
    kind = Opaque(lambda x: list(ufunc(x)))
    primitive = Primitive(f"scipy_{name}", kind, multiple_results=True, trusted=True, makes_new=True)
    primitive.def_abstract(lambda x: [typeof(o[()] if x.shape == () else o) for o in ufunc(np.ones(x.shape, x.dtype))])
    primitive.def_batch(lambda size, args, dims: (primitive.bind(*args), [dims[0]] * ufunc.nout))

    def tangents(outs: Sequence[Any], x: Any, t: Any) -> list[Any]:
        found = derivatives(*singles((x,)), *outs)
        return [np.astype(scale(d, t), dtype_of(o)) for d, o in zip(found, outs, strict=True)]

    primitive.def_jvp(jvp_of_one(primitive, tangents))
    register_ufunc(ufunc, lambda x: tuple(primitive.bind(x)))
    TABLE[name] = ufunc


def _hyperbolic_ratio(x: Any) -> Any:
    if is_complex(x):
        return np.sinc(1j / np.pi * x)
    return (special.exprel(x) + special.exprel(-x)) / 2


define_several("sici", lambda x, si, ci: (np.sinc(x / np.pi), np.cos(x) / x))
define_several("shichi", lambda x, shi, chi: (_hyperbolic_ratio(x), np.cosh(x) / x))
define_several("fresnel", lambda x, s, c: (np.sin(np.pi / 2 * x * x), np.cos(np.pi / 2 * x * x)))
define_several("airy", lambda x, ai, aip, bi, bip: (aip, x * ai, bip, x * bi))
