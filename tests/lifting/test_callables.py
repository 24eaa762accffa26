"""Every public function of SciPy's that takes a callable, given one that closes over a traced value, in lifted code.

What it gives is right, against finite differences of SciPy's own, or it raises an error of covector's: it is never a derivative
of 0, or a number of another run, in silence.  A function whose documentation speaks of a callable and that is not here fails.
"""

from __future__ import annotations

import importlib
import inspect
import re

import numpy as np
import pytest
from scipy import differentiate, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, stats
from scipy.cluster import hierarchy
from scipy.optimize import elementwise
from scipy.stats import sampling

import covector as cv

A = 1.3
X = np.array([0.5, 1.0, 2.0, 3.5, 4.0, 6.0])
M = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 5.0]])
B = np.array([1.0, 2.0, 3.0])
BOX = [(-5.0, 5.0)]


def cubic(a):
    return lambda x: x**3 + x - a


def bowl(a):
    return lambda x: np.sum((x - a) ** 2 + x * a)


def slope(a):
    return lambda x: 2 * (x - a) + a


def operator(a):
    apply = lambda v: M @ v + a * v
    return sparse.linalg.LinearOperator((3, 3), matvec=apply, rmatvec=apply, dtype=float)


def decay(a):
    return lambda t, y: -a * y


def stepped(kind):
    def last(a):
        solver = kind(decay(a), 0.0, [1.0], 1.0, rtol=1e-8, atol=1e-10)
        while solver.status == "running":
            solver.step()
        return solver.y[0]

    return last


def by_ode(kind):
    def last(a):
        solver = kind(decay(a)).set_integrator("dopri5", rtol=1e-9)
        solver.set_initial_value([1.0], 0.0)
        return np.real(solver.integrate(1.0)[0])

    return last


def solved_bvp(a):
    ends = lambda u, v: np.array([u[0], v[0] - 1.0])
    f = lambda x, y: np.vstack([y[1], -a * y[0]])
    return integrate.solve_bvp(f, ends, np.linspace(0, 1, 5), np.zeros((2, 5)), tol=1e-8).y[1, 0]


def fitted_by_odr(a):
    odr = pytest.importorskip("scipy.odr")  # until SciPy 1.19
    model = odr.Model(lambda p, x: p[0] * x * a)
    return odr.ODR(odr.Data(X, X**2), model, beta0=[1.0]).run().beta[0]


def city(a):
    """A metric, and a function of an array."""
    return lambda u, v: np.sum(np.abs(u - v)) * a


def total(a):
    return lambda v: np.sum(v) * a


def density(a):
    return lambda x: np.exp(-a * x * x)


LEAST = {
    "minimize": lambda a: optimize.minimize(bowl(a), [0.5], tol=1e-10).x[0],
    "minimize_scalar": lambda a: optimize.minimize_scalar(bowl(a)).x,
    "golden": lambda a: optimize.golden(bowl(a)),
    "brent": lambda a: optimize.brent(bowl(a)),
    "fminbound": lambda a: optimize.fminbound(bowl(a), -5, 5, xtol=1e-10),
    "fmin": lambda a: optimize.fmin(bowl(a), [0.5], disp=0, xtol=1e-10, ftol=1e-14)[0],
    **{n: lambda a, n=n: getattr(optimize, n)(bowl(a), [0.5], slope(a), disp=0)[0] for n in
       ("fmin_bfgs", "fmin_cg", "fmin_ncg")},
    "fmin_powell": lambda a: optimize.fmin_powell(bowl(a), [0.5], disp=0, ftol=1e-12)[0],
    "fmin_cobyla": lambda a: optimize.fmin_cobyla(bowl(a), [0.5], [], rhoend=1e-9)[0],
    "fmin_slsqp": lambda a: optimize.fmin_slsqp(bowl(a), [0.5], iprint=0, acc=1e-14)[0],
    "fmin_l_bfgs_b": lambda a: optimize.fmin_l_bfgs_b(bowl(a), [0.5], slope(a))[0][0],
    "fmin_tnc": lambda a: optimize.fmin_tnc(bowl(a), [0.5], slope(a), disp=0, ftol=1e-14)[0][0],
    "basinhopping": lambda a: optimize.basinhopping(bowl(a), [0.5], niter=1, rng=1).x[0],
    "brute": lambda a: optimize.brute(bowl(a), BOX, Ns=5, finish=optimize.fmin)[0],
    "differential_evolution": lambda a: optimize.differential_evolution(bowl(a), BOX, maxiter=5, rng=1).x[0],
    "dual_annealing": lambda a: optimize.dual_annealing(bowl(a), BOX, maxiter=3, rng=1).x[0],
    "direct": lambda a: optimize.direct(bowl(a), BOX, maxiter=20).x[0],
    "shgo": lambda a: optimize.shgo(bowl(a), BOX).x[0],
    "elementwise.find_minimum": lambda a: elementwise.find_minimum(lambda x: (x - a) ** 2 + x * a, (-3.0, 0.0, 5.0)).x,
    "NonlinearConstraint": lambda a: optimize.minimize(
        bowl(0.0), [1.0], constraints=optimize.NonlinearConstraint(lambda x: x - a / 2, 0.0, np.inf)
    ).x[0],
}  # fmt: skip
"""All have the minimum a / 2."""

ZEROS = {
    **{n: lambda a, n=n: getattr(optimize, n)(cubic(a), 0.0, 5.0) for n in ("brentq", "brenth", "ridder", "bisect", "toms748")},
    **{n: lambda a, n=n: getattr(optimize, n)(cubic(a), [0.5], f_tol=1e-11)[0] for n in
       ("broyden1", "broyden2", "anderson", "diagbroyden", "newton_krylov")},
    "linearmixing": lambda a: optimize.linearmixing(cubic(a), [0.5], alpha=-0.3, f_tol=1e-11)[0],
    "excitingmixing": lambda a: optimize.excitingmixing(lambda x: a - x, [0.5])[0] + optimize.brentq(cubic(a), 0.0, 5.0) - a,
    "KrylovJacobian": lambda a: optimize.root(cubic(a), [0.5], method="krylov", options={"fatol": 1e-11}).x[0],
    "newton": lambda a: optimize.newton(cubic(a), 0.5),
    "root_scalar": lambda a: optimize.root_scalar(cubic(a), bracket=(0.0, 5.0)).root,
    "root": lambda a: optimize.root(cubic(a), [0.5]).x[0],
    "fsolve": lambda a: optimize.fsolve(cubic(a), [0.5])[0],
    "leastsq": lambda a: optimize.leastsq(cubic(a), [0.5])[0][0],
    "least_squares": lambda a: optimize.least_squares(cubic(a), [0.5]).x[0],
    "elementwise.find_root": lambda a: elementwise.find_root(cubic(a), (0.0, 5.0)).x,
}  # fmt: skip

OPTIMIZE = {
    **LEAST, **ZEROS,
    "fixed_point": lambda a: optimize.fixed_point(lambda x: np.cos(x) * a / 3, 0.5),
    "curve_fit": lambda a: optimize.curve_fit(lambda t, k: k * t * a, X, X**2)[0][0],
    "approx_fprime": lambda a: optimize.approx_fprime(np.array([1.0]), bowl(a))[0],
    "check_grad": lambda a: optimize.check_grad(lambda x: np.sum(x**2 * a), lambda x: x * a, np.array([1.0])),
    "line_search": lambda a: optimize.line_search(bowl(a), slope(a), np.array([5.0]), np.array([-1.0]))[0],
    "bracket": lambda a: optimize.bracket(bowl(a))[1],
    "elementwise.bracket_root": lambda a: elementwise.bracket_root(cubic(a), 0.0, 1.0).bracket[1],
    "elementwise.bracket_minimum": lambda a: elementwise.bracket_minimum(lambda x: (x - a) ** 2, 0.0).bracket[1],
    "lsq_linear": lambda a: optimize.lsq_linear(M + a * np.eye(3), B).x[0],
    "linprog": lambda a: optimize.linprog([-1.0, -2.0], [[1.0, 1.0]], np.array([a]), bounds=[(0, 3), (0, 2)]).x[1],
}  # fmt: skip

INTEGRATE = {
    "quad": lambda a: integrate.quad(density(a), 0, 1)[0],
    "quad_vec": lambda a: integrate.quad_vec(density(a), 0, 1)[0],
    "dblquad": lambda a: integrate.dblquad(lambda y, x: np.exp(-a * x * y), 0, 1, 0, lambda x: x * a)[0],
    "tplquad": lambda a: integrate.tplquad(lambda z, y, x: z * y * x * a, 0, 1, 0, 1, 0, lambda x, y: a, epsabs=1e-3)[0],
    "nquad": lambda a: integrate.nquad(lambda y, x: np.exp(-a * x * y), [[0, 1], [0, 1]])[0],
    "fixed_quad": lambda a: integrate.fixed_quad(density(a), 0, 1)[0],
    "qmc_quad": lambda a: integrate.qmc_quad(
        lambda x: np.exp(-a * x[0]), [0.0], [1.0], qrng=stats.qmc.Halton(1, rng=1)
    ).integral,
    "tanhsinh": lambda a: integrate.tanhsinh(density(a), 0.0, 1.0).integral,
    "cubature": lambda a: integrate.cubature(lambda x: np.exp(-a * x[:, 0]), [0.0], [1.0]).estimate,
    "nsum": lambda a: integrate.nsum(lambda k: np.exp(-a * k), 1, np.inf).sum,
    "odeint": lambda a: integrate.odeint(lambda y, t: -a * y, [1.0], [0.0, 1.0])[1, 0],
    "solve_ivp": lambda a: integrate.solve_ivp(decay(a), (0.0, 1.0), [1.0], rtol=1e-8).y[0, -1],
    "solve_bvp": solved_bvp,
    **{n: by_ode(getattr(integrate, n)) for n in ("ode", "complex_ode")},
    **{n: stepped(getattr(integrate, n)) for n in ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")},
    "OdeSolver": stepped(integrate.RK45),
}

SYSTEMS = "cg bicg bicgstab cgs gmres lgmres minres qmr tfqmr gcrotmk lsqr lsmr".split()
LINEAR = {
    **{f"sparse.linalg.{n}": lambda a, n=n: getattr(sparse.linalg, n)(operator(a), B)[0][1] for n in SYSTEMS},
    "sparse.linalg.eigs": lambda a: np.real(sparse.linalg.eigs(operator(a), 1, v0=B)[0][0]),
    "sparse.linalg.eigsh": lambda a: sparse.linalg.eigsh(operator(a), 1, v0=B)[0][0],
    "sparse.linalg.svds": lambda a: sparse.linalg.svds(operator(a), 1, v0=B)[1][0],
    "sparse.linalg.lobpcg": lambda a: sparse.linalg.lobpcg(operator(a * a), B[:, None], tol=1e-10, maxiter=50)[0][0],
    "sparse.linalg.funm_multiply_krylov": lambda a: sparse.linalg.funm_multiply_krylov(linalg.expm, M * a, B)[0],
    "linalg.funm": lambda a: linalg.funm(M, lambda x: np.exp(-a * x))[0, 0],
    **{f"linalg.{n}": lambda a, n=n: getattr(linalg, n)(M * a, M, sort=lambda *x: x[0] > a)[0][0, 0] for n in ("ordqz",)},
    "linalg.schur": lambda a: linalg.schur(M * a, sort=lambda x, y=0.0: x > a)[0][0, 0],
}

SIGNALS = {
    "ndimage.generic_filter": lambda a: ndimage.generic_filter(X, total(a), 3)[2],
    "ndimage.generic_filter1d": lambda a: ndimage.generic_filter1d(X, lambda i, o: np.copyto(o, i[1:-1] * a), 3)[2],
    "ndimage.generic_gradient_magnitude": lambda a: ndimage.generic_gradient_magnitude(
        X, lambda x, axis, output, mode, cval: np.copyto(output, ndimage.sobel(x, axis, None, mode, cval) * a)
    )[2],
    "ndimage.generic_laplace": lambda a: ndimage.generic_laplace(
        X, lambda x, axis, output, mode, cval: np.copyto(output, ndimage.sobel(x, axis, None, mode, cval) * a)
    )[2],
    "ndimage.geometric_transform": lambda a: ndimage.geometric_transform(X**2, lambda i: (i[0] * a,), order=1)[2],
    "ndimage.labeled_comprehension": lambda a: ndimage.labeled_comprehension(
        X, X > 1, [1], total(a), float, 0
    )[0],
    "ndimage.vectorized_filter": lambda a: ndimage.vectorized_filter(X, lambda v, axis: np.sum(v, axis) * a, size=3)[2],
    "signal.argrelextrema": lambda a: a * signal.argrelextrema(X, lambda x, y: x * a > y)[0].sum(),
    "signal.find_peaks_cwt": lambda a: a * len(signal.find_peaks_cwt(np.sin(X), [1], lambda n, w: np.ones(int(n)) * a)),
    **{f"signal.{n}": lambda a, n=n: np.sum(np.abs(getattr(signal, n)(X, detrend=lambda x: x * a, nperseg=6)[-1]) ** 2) for n in
       ("welch", "spectrogram", "stft")},
    "signal.periodogram": lambda a: signal.periodogram(X, detrend=lambda x: x * a)[1][2],
    **{f"signal.{n}": lambda a, n=n: np.sum(np.abs(getattr(signal, n)(X, X[::-1] ** 2, detrend=lambda x: x + a, nperseg=3)[1]))
       for n in ("csd", "coherence")},
    "signal.resample": lambda a: signal.resample(X, 9, window=lambda f: np.exp(-a * np.abs(f)))[2],
    "signal.freqs": lambda a: np.abs(signal.freqs([a], [1.0, 2.0], [1.0])[1][0]),
    "signal.freqz": lambda a: np.abs(signal.freqz([a], [1.0, 0.2], [1.0])[1][0]),
    "interpolate.approximate_taylor_polynomial": lambda a: interpolate.approximate_taylor_polynomial(
        lambda x: np.exp(a * x), 0.0, 2, 1.0
    )(0.5),
    "interpolate.RegularGridInterpolator": lambda a: interpolate.RegularGridInterpolator((X,), X**2 * a)([[1.5]])[0],
    "differentiate.derivative": lambda a: differentiate.derivative(lambda x: np.sin(a * x), 1.0).df,
    "differentiate.jacobian": lambda a: differentiate.jacobian(lambda x: np.sin(a * x), np.array([1.0])).df.flat[0],
    "differentiate.hessian": lambda a: differentiate.hessian(lambda x: np.sum(x**3 * a, axis=0), np.array([1.0])).ddf[0, 0],
    "odr.Model": fitted_by_odr,
    **{f"spatial.distance.{n}": lambda a, n=n, k=k: getattr(spatial.distance, n)(*[M] * k, city(a)).flat[1]
       for n, k in (("cdist", 2), ("pdist", 1))},
    "cluster.hierarchy.linkage": lambda a: hierarchy.linkage(M, metric=city(a))[0, 2],
    "cluster.hierarchy.fclusterdata": lambda a: a * hierarchy.fclusterdata(M, 1.0, metric=city(a))[0],
    "cluster.hierarchy.optimal_leaf_ordering": lambda a: hierarchy.optimal_leaf_ordering(
        hierarchy.linkage(M), M, city(a)
    )[0, 2],
    "cluster.hierarchy.dendrogram": lambda a: hierarchy.dendrogram(hierarchy.linkage(M * a), no_plot=True)["dcoord"][0][1],
}  # fmt: skip


class Exponential(stats.rv_continuous):
    """A distribution as users define one."""

    def _pdf(self, x, c):
        return c * np.exp(-c * x)


exponential = Exponential(a=0.0, name="exponential", shapes="c")
scaled_mean = lambda a: lambda x, axis=-1: np.mean(x * a, axis=axis)
FEW = {"n_resamples": 20, "rng": 1}


def best(a):
    return lambda f: optimize.fminbound(lambda x: f(x) * a, -2.0, 4.0, xtol=1e-10)


STATS = {
    "binned_statistic": lambda a: stats.binned_statistic(X, X, total(a), 2)[0][0],
    "binned_statistic_2d": lambda a: stats.binned_statistic_2d(X, X, X, total(a), 2)[0][0, 0],
    "binned_statistic_dd": lambda a: stats.binned_statistic_dd(X[:, None], X, total(a), 2)[0][0],
    "bootstrap": lambda a: stats.bootstrap((X,), scaled_mean(a), **FEW).standard_error,
    "permutation_test": lambda a: stats.permutation_test(
        (X, X**2), lambda x, y, axis: np.mean(x * a - y, axis), **FEW
    ).statistic,
    "monte_carlo_test": lambda a: stats.monte_carlo_test(
        X, lambda size: np.ones(size), scaled_mean(a), n_resamples=20
    ).statistic,
    "MonteCarloMethod": lambda a: stats.pearsonr(
        X + a * X**3, X**2, method=stats.MonteCarloMethod(20, rvs=(lambda size: np.ones(size) + np.arange(size[-1]),) * 2)
    ).statistic,
    "power": lambda a: stats.power(
        lambda x, axis: np.mean(x * a, axis), lambda size: np.ones(size), 5, n_resamples=20, vectorized=True
    ).pvalues.mean(),
    "sobol_indices": lambda a: stats.sobol_indices(
        func=lambda x: x[0] * a + x[1] ** 2, n=16, dists=[stats.uniform(), stats.uniform()], rng=1
    ).first_order[0],
    "goodness_of_fit": lambda a: stats.goodness_of_fit(
        stats.norm, X, known_params={"loc": 3.0, "scale": 2.0}, n_mc_samples=9, rng=1,
        statistic=lambda d, x, axis: np.mean(x * a, axis)
    ).statistic,
    "fit": lambda a: stats.fit(
        stats.norm, X, {"loc": (0, 9), "scale": (0.5, 9)},
        optimizer=lambda f, bounds: optimize.minimize(lambda p: f(p) + a * np.sum(p**2), [2.0, 2.0], bounds=bounds, tol=1e-9)
    ).params.loc,
    "boxcox": lambda a: stats.boxcox(X, optimizer=lambda f: optimize.minimize_scalar(lambda x: f(x) + a * x * x))[1],
    "boxcox_normmax": lambda a: stats.boxcox_normmax(
        X, method="mle", optimizer=lambda f: optimize.minimize_scalar(lambda x: f(x) + a * x * x)
    ),
    "gaussian_kde": lambda a: stats.gaussian_kde(X, bw_method=lambda k: a).evaluate([1.0])[0],
    **{n: lambda a, n=n: getattr(stats, n)(X, lambda x: 1 - np.exp(-x / a)).statistic for n in
       ("cramervonmises", "ks_1samp", "kstest")},
    "mstats.ks_1samp": lambda a: stats.mstats.ks_1samp(X, lambda x: 1 - np.exp(-x / a)).statistic,
    "mstats.kstest": lambda a: stats.mstats.kstest(X, lambda x: 1 - np.exp(-x / a)).statistic,
    "median_abs_deviation": lambda a: stats.median_abs_deviation(X[:5], center=lambda x, axis: np.mean(x, axis) * a),
    "multiscale_graphcorr": lambda a: stats.multiscale_graphcorr(
        X[:, None], X[:, None] ** 2, compute_distance=lambda x: np.abs(x - x.T) ** a, reps=2, random_state=1
    ).statistic,
    "weightedtau": lambda a: stats.weightedtau(X, np.sin(X), weigher=lambda n: 1 / (n + a)).statistic,
    "qmc.geometric_discrepancy": lambda a: stats.qmc.geometric_discrepancy(M / 6, metric=city(a)),
    "sampling.RatioUniforms": lambda a: sampling.RatioUniforms(
        density(a), umax=1.0, vmin=-1.0, vmax=1.0, random_state=1
    ).rvs()[0],
    "rv_continuous.expect": lambda a: stats.norm.expect(lambda x: x * x * a, loc=1.0, lb=-3.0, ub=4.0),
    "rv_discrete.expect": lambda a: stats.binom.expect(lambda k: k * a, args=(5, 0.3)),
    "rv_continuous.fit": lambda a: stats.gamma.fit(X * a, floc=0)[2],
    "rv_continuous.cdf": lambda a: exponential.cdf(0.3, a),
    "rv_continuous.ppf": lambda a: exponential.ppf(0.3, a),
    "rv_continuous.mean": lambda a: exponential.mean(a),
}  # fmt: skip

TABLE = {
    **{f"optimize.{n}": f for n, f in OPTIMIZE.items()},
    **{f"integrate.{n}": f for n, f in INTEGRATE.items()},
    **{f"stats.{n}": f for n, f in STATS.items()},
    **LINEAR, **SIGNALS,
}  # fmt: skip

RAISING = frozenset({
    *(f"optimize.{n}" for n in ("direct", "shgo")),
    *(f"integrate.{n}" for n in ("ode", "complex_ode", "Radau", "LSODA")),
    *(f"stats.{n}" for n in ("fit", "ks_1samp", "kstest", "mstats.ks_1samp", "mstats.kstest", "multiscale_graphcorr")),
    *(f"stats.{n}" for n in ("weightedtau", "rv_continuous.cdf", "rv_continuous.ppf", "rv_continuous.mean")),
    *(f"sparse.linalg.{n}" for n in ("lsmr", "lobpcg", "eigs", "eigsh", "svds")),
    *(f"linalg.{n}" for n in ("funm", "ordqz", "schur")),
    *(f"ndimage.{n}" for n in ("generic_filter", "generic_filter1d", "geometric_transform")),
    *(f"cluster.hierarchy.{n}" for n in ("linkage", "fclusterdata", "optimal_leaf_ordering", "dendrogram")),
    *("signal.resample", "odr.Model"),
})  # fmt: skip
"""What cannot be differentiated."""

UNDETERMINED = frozenset({"integrate.nsum"})
"""What has the gradient NaN."""

WITHOUT = frozenset({"linalg.qz"})
"""What is documented to take a callable, and takes none."""

SEARCHING = "basinhopping brute differential_evolution dual_annealing direct shgo".split()
OF_COVECTOR = {"fixed_point", "curve_fit", "linprog", "lsq_linear", *LEAST, *ZEROS} - {
    *SEARCHING, "elementwise.find_root", "elementwise.find_minimum"
}  # fmt: skip
"""What covector has, for compiled functions and batches too."""

if not hasattr(ndimage, "vectorized_filter"):  # before SciPy 1.16
    del TABLE["ndimage.vectorized_filter"]

MODULES = (
    "optimize optimize.elementwise integrate interpolate sparse.linalg linalg ndimage stats stats.mstats stats.qmc"
    " stats.sampling signal differentiate special spatial spatial.distance cluster.hierarchy cluster.vq"
).split()
SAYS = re.compile(r"^ *(\w+(?:, \w+)*) ?: .*\b(?:callable|function|LinearOperator)\b", re.MULTILINE)
"""How the documentation of a parameter begins that may be called."""


def takes_callables(f):
    """Whether a parameter of a function is documented as one that is called."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return False
    described = (inspect.getdoc(f) or "").split("\nReturns\n")[0]
    return any(name in parameters for names in SAYS.findall(described) for name in names.split(", "))


def test_no_function_is_missing():
    found = set()
    for module in MODULES:
        home = importlib.import_module(f"scipy.{module}")
        names = [n for n in getattr(home, "__all__", dir(home)) if not n.startswith("_")]
        found |= {f"{module}.{n}" for n in names if takes_callables(getattr(home, n))}
    assert sorted(found - set(TABLE) - WITHOUT) == []


def check(f, run, expected):
    """What a transformation makes of a lifted function is what is expected, or an error of covector's: whether it is right."""
    try:
        found = run(cv.lift(f))
    except cv.errors.CovectorError:
        return False
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=1e-3, atol=1e-3)
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TABLE)
def test_it_is_right_or_raises(name):
    f, h, nearby = TABLE[name], 1e-4, A + 0.1
    expected = 0.5 if f in LEAST.values() else (f(A + h) - f(A - h)) / (2 * h)
    forward = check(f, lambda f: cv.jvp(f, (A,), (1.0,)), (f(A), expected))
    reverse = name in UNDETERMINED or check(f, lambda f: cv.grad(f)(A), expected)
    assert (forward, reverse) == (name not in RAISING,) * 2
    staged = check(f, lambda f: cv.jit(f)(A), f(A))
    batched = check(f, lambda f: cv.vmap(f)(np.array([A, nearby])), (f(A), f(nearby)))
    if name.removeprefix("optimize.") in OF_COVECTOR:
        assert staged
        assert batched


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*LEAST, *ZEROS])
def test_it_moves_where_the_guess_is_the_solution(name):
    """SciPy takes no steps then, and what it gives would not move."""
    f, at, expected = (LEAST[name], 1.0, 0.5) if name in LEAST else (ZEROS[name], 0.625, 1 / 1.75)
    right = check(f, lambda f: cv.jvp(f, (at,), (1.0,))[1], expected)
    assert right == check(f, lambda f: cv.grad(f)(at), expected) == (f"optimize.{name}" not in RAISING)
