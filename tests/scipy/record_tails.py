"""Writes ``tails_of_mpmath.json``: probabilities far out and their derivatives, by mpmath in 200 digits, for `test_stats`.

Run it as ``PYTHONPATH=tests python tests/scipy/record_tails.py``, where mpmath is installed.
"""

import json
from pathlib import Path

import mpmath as mp
import numpy as np
import scipy.stats
from test_stats import SHAPES

mp.mp.dps = 200
m = mp.mpf
N = lambda x: mp.erfc(-x / mp.sqrt(2)) / 2


def gi(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def gc(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def bi(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def beta(a, b, odds):  # odds
    return bi(a, b, odds / (1 + odds)), bi(b, a, 1 / (1 + odds))


def rice(x, b):  # a mixture of gamma distributions by Poisson's
    weights = [mp.exp(-b * b / 2) * (b * b / 2) ** j / mp.factorial(j) for j in range(150)]
    return tuple(mp.fsum(w * f(j + 1, x * x / 2) for j, w in enumerate(weights)) for f in (gi, gc))


REFERENCES = {
    "norm": lambda x: (N(x), N(-x)),
    "halfnorm": lambda x: (mp.erf(x / mp.sqrt(2)), mp.erfc(x / mp.sqrt(2))),
    "lognorm": lambda x, s: (N(mp.log(x) / s), N(-mp.log(x) / s)),
    "foldnorm": lambda x, c: (N(x - c) - N(-x - c), N(c - x) + N(-c - x)),
    "truncnorm": lambda x, a, b: ((N(x) - N(a)) / (N(b) - N(a)), (N(b) - N(x)) / (N(b) - N(a))),
    "exponnorm": lambda x, K: (
        N(x) - mp.exp(1 / (2 * K * K) - x / K) * N(x - 1 / K),
        N(-x) + mp.exp(1 / (2 * K * K) - x / K) * N(x - 1 / K),
    ),
    "johnsonsu": lambda x, a, b: (N(a + b * mp.asinh(x)), N(-a - b * mp.asinh(x))),
    "expon": lambda x: (-mp.expm1(-x), mp.exp(-x)),
    "gamma": lambda x, a: (gi(a, x), gc(a, x)),
    "chi2": lambda x, a: (gi(a / 2, x / 2), gc(a / 2, x / 2)),
    "chi": lambda x, a: (gi(a / 2, x * x / 2), gc(a / 2, x * x / 2)),
    "invgamma": lambda x, a: (gc(a, 1 / x), gi(a, 1 / x)),
    "loggamma": lambda x, a: (gi(a, mp.exp(x)), gc(a, mp.exp(x))),
    "gengamma": lambda x, a, c: (gi(a, x**c), gc(a, x**c)),
    "rayleigh": lambda x: (-mp.expm1(-x * x / 2), mp.exp(-x * x / 2)),
    "maxwell": lambda x: (gi(m(1.5), x * x / 2), gc(m(1.5), x * x / 2)),
    "nakagami": lambda x, n: (gi(n, n * x * x), gc(n, n * x * x)),
    "invgauss": lambda x, mu: (
        N((x - mu) / mu / mp.sqrt(x)) + mp.exp(2 / mu) * N(-(x + mu) / mu / mp.sqrt(x)),
        N(-(x - mu) / mu / mp.sqrt(x)) - mp.exp(2 / mu) * N(-(x + mu) / mu / mp.sqrt(x)),
    ),
    "rice": rice,
    "levy": lambda x: (mp.erfc(1 / mp.sqrt(2 * x)), mp.erf(1 / mp.sqrt(2 * x))),
    "gumbel_r": lambda x: (mp.exp(-mp.exp(-x)), -mp.expm1(-mp.exp(-x))),
    "gumbel_l": lambda x: (-mp.expm1(-mp.exp(x)), mp.exp(-mp.exp(x))),
    "weibull_min": lambda x, c: (-mp.expm1(-(x**c)), mp.exp(-(x**c))),
    "weibull_max": lambda x, c: (mp.exp(-((-x) ** c)), -mp.expm1(-((-x) ** c))),
    "genextreme": lambda x, c: (mp.exp(-((1 - c * x) ** (1 / c))), -mp.expm1(-((1 - c * x) ** (1 / c)))),
    "genpareto": lambda x, c: (-mp.expm1(-mp.log1p(c * x) / c), (1 + c * x) ** (-1 / c)),
    "pareto": lambda x, b: (-mp.expm1(-b * mp.log(x)), x**-b),
    "lomax": lambda x, c: (-mp.expm1(-c * mp.log1p(x)), (1 + x) ** -c),
    "fisk": lambda x, c: (1 / (1 + x**-c), 1 / (1 + x**c)),
    "burr12": lambda x, c, d: (-mp.expm1(-d * mp.log1p(x**c)), (1 + x**c) ** -d),
    "laplace": lambda x: (1 - mp.exp(-x) / 2, mp.exp(-x) / 2) if x > 0 else (mp.exp(x) / 2, 1 - mp.exp(x) / 2),
    "logistic": lambda x: (1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))),
    "hypsecant": lambda x: (2 / mp.pi * mp.atan(mp.exp(x)), 2 / mp.pi * mp.atan(mp.exp(-x))),
    "cauchy": lambda x: (mp.atan2(1, -x) / mp.pi, mp.atan2(1, x) / mp.pi),
    "halfcauchy": lambda x: (2 / mp.pi * mp.atan(x), 2 / mp.pi * mp.atan2(1, x)),
    "t": lambda x, n: (lambda v: (1 - v / 2, v / 2) if x > 0 else (v / 2, 1 - v / 2))(bi(n / 2, m(0.5), n / (n + x * x))),
    "gennorm": lambda x, b: (lambda v: (1 - v / 2, v / 2) if x > 0 else (v / 2, 1 - v / 2))(gc(1 / b, abs(x) ** b)),
    "uniform": lambda x: (x, 1 - x),
    "beta": lambda x, a, b: (bi(a, b, x), bi(b, a, 1 - x)),
    "betaprime": lambda x, a, b: beta(a, b, x),
    "f": lambda x, n, k: beta(n / 2, k / 2, n * x / k),
    "powerlaw": lambda x, a: (x**a, -mp.expm1(a * mp.log(x))),
    "arcsine": lambda x: (2 / mp.pi * mp.asin(mp.sqrt(x)), 2 / mp.pi * mp.asin(mp.sqrt(1 - x))),
    "triang": lambda x, c: (x * x / c, 1 - x * x / c) if x < c else (1 - (1 - x) ** 2 / (1 - c), (1 - x) ** 2 / (1 - c)),
}
REFERENCES["wald"] = lambda x: REFERENCES["invgauss"](x, m(1))


def logarithm(name, which, x, shapes):
    value, rest = REFERENCES[name](x, *shapes)[:: 1 if which == "logcdf" else -1]
    return mp.log(value) if value < 0.5 else mp.log1p(-rest)


def derivatives(name, which, args):
    found = []
    for i, a in enumerate(args):
        h = mp.mpf(10) ** -40 * abs(a)
        up, down = ([*args[:i], a + s * h, *args[i + 1 :]] for s in (1, -1))
        found.append((logarithm(name, which, up[0], up[1:]) - logarithm(name, which, down[0], down[1:])) / (2 * h))
    return [float(d) for d in found]


def places(name):
    """Where a tail has the probabilities that SciPy still knows, and three times as far."""
    theirs, shapes = getattr(scipy.stats, name), SHAPES.get(name, ())
    low, high = theirs.support(*shapes)
    with np.errstate(all="ignore"):
        at = [9.0, 40.0] if name == "rice" else []  # where SciPy knows nothing any more
        at += [float(f(q, *shapes)) * k for q in (1e-300, 1e-20) for f in (theirs.ppf, theirs.isf) for k in (1, 3)]
    return sorted({x for x in at if low < x < high and np.isfinite(x) and not (name.startswith("gumbel") and abs(x) > 1e3)})


def record():
    table = {}
    for name in REFERENCES:
        for x in places(name):
            args = [m(x), *map(m, SHAPES.get(name, ()))]
            if any(isinstance(p, mp.mpc) or p <= 0 for p in REFERENCES[name](*args)):
                continue  # at a bound, but for rounding
            row = [x]
            for which in ("logcdf", "logsf"):
                row += [float(logarithm(name, which, args[0], args[1:])), derivatives(name, which, args)]
            table.setdefault(name, []).append(row)
    path = Path(__file__).with_name("tails_of_mpmath.json")
    path.write_text("{\n" + ",\n".join(f'"{n}": {json.dumps(rows)}' for n, rows in sorted(table.items())) + "\n}\n")


if __name__ == "__main__":
    record()
