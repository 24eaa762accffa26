"""Calls of the functions that `coverage.py` writes of: those of the tests; written here for names that tests call otherwise."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import covector as cv
import covector.numpy as cnp
from covector import lax, nn, random
from covector.core.tracer import has_meaning
from covector.scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, spatial, special, stats

TESTS = Path(__file__).parents[1] / "tests"


class Example(NamedTuple):
    """A function of arrays, and arrays to call it with."""

    f: Callable[..., Any]
    args: tuple[Any, ...]


Examples = Iterator[tuple[str, Example | None]]
"""Names, each with a call; None where none is known."""


def test_module(path: str) -> ModuleType:
    """A module of the tests, by its file."""
    for folder in (TESTS, (TESTS / path).parent):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    name = "coverage_" + path.replace("/", "_").removesuffix(".py")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


X, Y = np.array([[0.3, 0.8, 0.5], [0.9, 0.4, 0.7]]), np.array([[0.6, 0.2, 0.9], [0.5, 0.3, 0.8]])
SQUARE, V = np.array([[2.0, 0.3, 0.1], [0.2, 3.0, 0.4], [0.5, 0.6, 4.0]]), np.array([0.5, 1.5, 2.5])

NUMPY = """
    argpartition(x, 1) around(x, 1) array([x[0], y[1]]) at(x)[0].add(y[1]) cummax(x, 1) cummin(x, 1) logsumexp(x, axis=1)
    dsplit(x[None, :, :2], 2) histogram2d(v, v, 2) histogramdd(x, 2) histogram_bin_edges(v, 3) partition(x, 1) poly(v)
    polyadd(v, v) polyder(v) polydiv(v, v[:2]) polyfit(np.arange(3.0), v, 1) polyint(v) polymul(v, v) polysub(v, v)
    polyval(v, x) real_if_close(x) require(x) roots(v) unique_all(x) unique_counts(x) unique_inverse(x) unique_values(x)
    vsplit(x, 2) empty_like(x) linalg.cond(a) linalg.lstsq(a,v) linalg.multi_dot([a,a,v]) linalg.norm(x)
    linalg.tensorinv(a.reshape(3,1,3),2) linalg.tensorsolve(a,v) fft.fft2(x) fft.ifft2(x) fft.rfft2(x) fft.irfft2(x)
    emath.arccos(x) emath.arcsin(x) emath.arctanh(x) emath.log10(x) emath.log2(x) emath.logn(2,x) emath.power(x,2) fft.fft(x)
    fft.ifft(x) fft.rfft(x) fft.irfft(x) fft.fftn(x) fft.ifftn(x) fft.rfftn(x) fft.irfftn(x) fft.hfft(x) fft.ihfft(x)
    bitwise_count(k) bitwise_and(k,k) bitwise_or(k,k) bitwise_xor(k,k) bitwise_not(k) bitwise_invert(k) invert(k) gcd(k,k)
    lcm(k,k) left_shift(k,1) right_shift(k,1) bitwise_left_shift(k,1) bitwise_right_shift(k,1) bincount(k) ldexp(x,2)
    asanyarray(x) ascontiguousarray(x) asfortranarray(x) ravel_multi_index((k,k),(9,9)) unravel_index(k,(3,3)) ix_(k,k)
    choose(k,[v,v,v]) digitize(v,np.arange(3.0)) take_along_axis(v,k,0) diagonal(x) diag(v) diagflat(v) trace(x)
    average(v,weights=v) compress([True,False],x) split(v,3) array_split(v,2) linalg.cholesky(a+a.T) linalg.inv(a)
    linalg.det(a) linalg.slogdet(a) linalg.solve(a,v) linalg.svd(a) linalg.svdvals(a) linalg.qr(a) linalg.eigh(a+a.T)
    linalg.eigvalsh(a+a.T) linalg.eig(a) linalg.eigvals(a) linalg.pinv(a) linalg.matrix_power(a,3) linalg.matrix_rank(a)
    linalg.cross(v,v) cross(v,v) linalg.outer(v,v) kron(x,y) einsum("ij,kj->ik",x,y) arccosh(x+1) insert(v,1,0.5) delete(v,1)
    tile(v,2) repeat(v,2) interp(x,np.arange(3.0),v) convolve(v,v) correlate(v,v) vander(v) lexsort((v,v)) select([x>y],[x])
    piecewise(v,[v>1],[np.sin,np.cos]) apply_along_axis(np.sort,1,x) apply_over_axes(np.sum,x,[0]) packbits(k) full(3,v[0])
    take(v,k) roll(v,1) asarray(v) arange(3) matmul(a,v) dot(a,v) vdot(v,v) inner(v,v) matvec(a,v) vecmat(v,a) pad(x,1)
    quantile(v,0.3) percentile(v,30) nanquantile(v,0.3) nanpercentile(v,30) median(v) nanmedian(v) cov(x) corrcoef(x)
    unwrap(v) trapezoid(v) gradient(v) histogram(v,3) setdiff1d(v,v[:2]) setxor1d(v,v[:2]) in1d(v,v) append(v,v) hsplit(v,3)
    dstack([v,v]) hstack([v,v]) vstack([v,v]) stack([v,v]) concatenate([v,v]) block([v,v]) column_stack([v,v])
    cumulative_sum(x,axis=1) cumulative_prod(x,axis=1) searchsorted(v,x) linspace(v,v+1,3) logspace(v,v+1,3)
    geomspace(v,v+1,3)
    unpackbits(np.astype(k,np.uint8))
"""
"""Calls of x, y of shape (2, 3), a square matrix a, a vector v and places k that are written here."""

STATIC = set(
    """
    array_repr array_str array2string einsum_path common_type min_scalar_type can_cast result_type shape ndim size iscomplexobj
    isrealobj diag_indices_from tril_indices_from triu_indices_from arange broadcast_shapes allclose array_equal array_equiv
    linalg.test r_ c_ vectorize
    """.split()
)
"""What returns nothing that depends on the values of one array, or is no function of arrays."""


def split_calls(text: str) -> list[str]:
    """Calls that are parted by spaces outside of parentheses."""
    found, depth = [""], 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c.isspace() and not depth:
            found.append("")
        else:
            found[-1] += c
    return [f for f in found if f]


def numpy_call(text: str) -> Example:
    """An example from an expression of x, y, a, v and k."""
    values = {"x": X, "y": Y, "a": SQUARE, "v": V, "k": np.array([0, 1, 2])}
    names = [n for n in values if re.search(rf"(?<![\w.]){n}(?![\w(])", text)]
    f = eval(f"lambda {', '.join(names)}: np.{text}", {"np": cnp})
    return Example(f, tuple(values[n] for n in names))


def numpy_examples() -> dict[str, Example]:
    """By name; where the tests' table calls a function of x and y, that call."""
    written = {c.partition("(")[0]: numpy_call(c) for c in split_calls(NUMPY)}
    tables = [name for name in test_module("numpy/agreement_calls.py").calls() if name.startswith("np.")]
    tables += [f"np.{c[3:]}" for _, c in test_module("numpy/test_array_api.py").CASES if c.startswith("xp.")]
    for text in tables:
        name = re.match(r"np\.([\w.]+)\(", text)
        if name is not None:
            written.setdefault(name[1], numpy_call(text[3:].replace("xp.", "np.")))
    for _, name in test_module("numpy/test_array_api.py").rows(test_module("numpy/test_array_api.py").ELEMENTWISE):
        nin = getattr(getattr(np, name), "nin", 1)
        written.setdefault(name, numpy_call(f"{name}(x)" if nin == 1 else f"{name}(x, y)"))
    return written


def numpy_names(prefix: str) -> Iterator[str]:
    """What of a module of NumPy works on tracers, and has a derivative or a batch to speak of."""
    module = getattr(np, prefix.rstrip(".")) if prefix else cnp
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or f"{prefix}{name}" in STATIC or not callable(value):
            continue
        if prefix == "emath." and value is getattr(np, name, None):
            continue
        if (not prefix and name in cnp.OWN) or has_meaning(value):
            yield prefix + name


def same_object(name: str, examples: dict[str, Example]) -> Example | None:
    """The example of another name of the same function."""
    wanted = getattr(np, name, None) if "." not in name else None
    other = next((n for n in examples if "." not in n and getattr(np, n, None) is wanted is not None), None)
    return examples[other] if other else None


# --- NumPy ------------------------------------------------------------------------------------------------------------


def of_numpy() -> Examples:
    examples = numpy_examples()
    for prefix in ("", "linalg.", "fft.", "emath."):
        for name in numpy_names(prefix):
            yield name, examples.get(name) or same_object(name, examples)


# --- SciPy ------------------------------------------------------------------------------------------------------------


def of_special() -> Examples:
    tests = test_module("scipy/test_special.py")
    own = {label.split()[0]: Example(f, (at,)) for label, (f, _, at) in tests.OWN.items()}
    own |= {"sinc": Example(special.sinc, (V,)), "gammasgn": Example(special.gammasgn, (V,))}
    ufuncs = {"digamma": "psi", "jn": "jv", "lambertw": "_lambertw"}
    for name in special.__all__:
        ufunc = ufuncs.get(name, name)
        if name in own:
            yield name, own[name]
        elif ufunc in tests.TABLE or ufunc == "_lambertw":
            f, args = tests.function(ufunc)
            yield name + excluded(tests, ufunc), Example(f, tuple(args))
        else:
            yield name, None


def excluded(tests: ModuleType, name: str) -> str:
    """Which arguments have no derivative."""
    places = {*tests.REFUSED.get(name, ()), *([0] if name in tests.INTEGERS else [])}
    return f", but in argument{'s' * (len(places) > 1)} {', '.join(str(p + 1) for p in sorted(places))}" if places else ""


def of_free(f: Callable[..., Any], shapes: tuple[Any, ...], free: list[int]) -> Callable[..., Any]:
    """A function of a point and the parameters that are no integers."""

    def call(x: Any, *given: Any) -> Any:
        rest = iter(given)
        return f(x, *(next(rest) if i in free else s for i, s in enumerate(shapes)))

    return call


def of_stats() -> Examples:
    tests = test_module("scipy/test_stats.py")
    for name in [*tests.CONTINUOUS, *tests.DISCRETE]:
        shapes, counted = tests.SHAPES.get(name, ()), tests.COUNTED.get(name, ())
        free = [i for i in range(len(shapes)) if i not in counted]
        discrete = name in tests.DISCRETE
        x = np.array([1, 3, 4]) if discrete else tests.inside(name)
        for method in [*tests.MASSES, "ppf", "isf"] if discrete else tests.METHODS:
            f = of_free(getattr(getattr(stats, name), method), shapes, free)
            at = np.array([0.2, 0.5, 0.7]) if method in ("ppf", "isf") else x
            yield f"{name}.{method}", Example(f, (at, *(shapes[i] for i in free)))
    for label, (f, args) in tests.MULTIVARIATE.items():
        if " " not in label:
            yield label, Example(lambda *a, f=f: f(stats, *a), args)


HELPERS = {"PiecewiseCubic", "OptimizeResult", "RootResults"}
"""Not for users, though no underscore says so."""
OF_NUMBERS = {"newton_cotes", "savgol_coeffs", "get_window"}
"""Functions of known numbers alone."""

ERRORS = {"LinAlgError", "LinAlgWarning"}


def public(module: ModuleType) -> list[str]:
    """The functions and classes of a module of covector.scipy."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("covector.scipy") and callable(value)
    ]
    imported = {"solve_banded", "solveh_banded", "solve_toeplitz"} if module is not linalg else set()
    return sorted(set(names) - HELPERS - OF_NUMBERS - ERRORS - imported)


OF_SIZES = ("dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal")
"""Matrices that nothing but a size is given for."""


def of_cases(module: ModuleType, cases: dict[str, tuple[Any, ...]]) -> Examples:
    """The functions of a module, from a table ``label: (function of the module and of arrays, arrays)``."""
    found: dict[str, Example] = {}
    for label, (f, args, *_) in cases.items():
        found.setdefault(label.split()[0], Example(lambda *a, f=f: f(module, *a), tuple(args)))
    for name in public(module):
        yield name, found.get(name)


def of_fft() -> Examples:
    hankel = {name: Example(lambda x, f=f: f(x, 0.1, 1.0), (V,)) for name, f in (("fht", fft.fht), ("ifht", fft.ifht))}
    rates = {"fftfreq": Example(lambda d: fft.fftfreq(4, d), (0.5,)), "rfftfreq": Example(lambda d: fft.rfftfreq(4, d), (0.5,))}
    rest = rates | {"ifftshift": Example(fft.ifftshift, (V,)), "fftshift": Example(fft.fftshift, (V,))}
    for name in sorted({*fft.HANDLERS, *rest}):
        yield name, (hankel | rest).get(name) or Example(getattr(fft, name), (X,))


def of_rotations() -> Examples:
    tests, rotation = test_module("scipy/test_rotation.py"), spatial.transform.Rotation
    labels = ["quat", "matrix", "rotvec", "mrp"]
    made = {f"from_{n}": tests.MAKE[n] for n in labels} | {"from_euler": tests.MAKE["three angles"]}
    made |= {"from_davenport": tests.MAKE["own axes"], "align_vectors": tests.MAKE["aligned"]}
    made |= {name: tests.MAKE[label] for name, label in (("mean", "mean"), ("reduce", "reduced"), ("inv", "inverse"))}
    for name, (f, x) in made.items():
        yield f"Rotation.{name}", Example(lambda x, f=f: f(rotation, x).as_matrix(), (x,))
    used = {f"as_{n}": tests.USE[n] for n in ("matrix", "rotvec", "mrp", "euler")}
    used |= {"as_quat": lambda r: r.as_quat(), "as_davenport": tests.USE["own axes"], "apply": tests.USE["applied"]}
    for name, f in (used | {"magnitude": tests.USE["magnitude"]}).items():
        yield f"Rotation.{name}", Example(lambda q, f=f: f(rotation.from_quat(q)), (tests.Q,))
    times = np.arange(5.0)
    yield "Slerp", Example(lambda t, q: spatial.transform.Slerp(times, rotation.from_quat(q))(t).as_matrix(), (0.5, tests.Q))


def of_scipy() -> Iterator[tuple[str, Examples]]:
    t = np.linspace(0.0, 1.0, 3)
    x, y, at = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.5, 1.0, 0.2, 0.7]), np.array([0.3, 2.2])
    yield "scipy.special", of_special()
    yield "scipy.stats", of_stats()
    tests = test_module("scipy/test_linalg.py")
    more = {
        "cho_factor": (lambda s, a: s.cho_factor(a)[0], (tests.POSITIVE,)),
        "lu_factor": (lambda s, a: s.lu_factor(a)[0], (tests.WELL,)),
        "eigh": (lambda s, a: s.eigh(a), (tests.POSITIVE,)),
        "solve_lyapunov": (lambda s, a, q: s.solve_lyapunov(a, q), (tests.WELL, tests.B)),
        "null_space": (lambda s, a: s.null_space(a), (tests.M.T,)),
        "kron": (lambda s, a, b: s.kron(a, b), (tests.M, tests.M)),
        "svdvals": (lambda s, a: s.svdvals(a), (tests.M,)),
        "bandwidth": (lambda s, a: s.bandwidth(a), (tests.M,)),
        **{n: (lambda s, a, n=n: getattr(s, n)(a), (tests.A,)) for n in ("issymmetric", "ishermitian")},
        **{n: (lambda s, n=n: getattr(s, n)(4), ()) for n in OF_SIZES},
    }
    yield "scipy.linalg", of_cases(linalg, more | tests.CASES)
    filters = test_module("scipy/test_filters_and_spectra.py").CASES
    sections = {"sosfreqz": filters["freqz_sos"]}
    yield "scipy.signal", of_cases(signal, test_module("scipy/test_signal.py").CASES | filters | sections)
    yield "scipy.fft", of_fft()
    yield "scipy.ndimage", of_cases(ndimage, test_module("scipy/test_ndimage.py").CASES)
    grow = lambda t, y, a: -a * y
    yield "scipy.integrate", of_cases(integrate, test_module("scipy/test_integrate.py").INTEGRALS | {
        "trapezoid": (lambda s, y, x: s.trapezoid(y, x), (y, x)),
        "cumulative_trapezoid": (lambda s, y, x: s.cumulative_trapezoid(y, x), (y, x)),
        "simpson": (lambda s, y, x: s.simpson(y, x=x), (y, x)),
        "cumulative_simpson": (lambda s, y, x: s.cumulative_simpson(y, x=x), (y, x)),
        "romb": (lambda s, y: s.romb(y), (t,)),
        "tplquad": (lambda s, a, b: s.tplquad(lambda z, y, x: a * x * y * z, 0.0, b, 0.0, 1.0, 0.0, 1.0)[0], (0.7, 2.0)),
        "odeint": (lambda s, y, a: s.odeint(lambda y, t, a: -a * y, y, t, (a,)), (y, 0.5)),
        "solve_ivp": (lambda s, y, a: s.solve_ivp(grow, (0.0, 1.0), y, t_eval=t, args=(a,)).y, (y, 0.5)),
    })  # fmt: skip
    yield "scipy.interpolate", of_cases(interpolate, test_module("scipy/test_interpolators.py").CASES | {
        n: (lambda s, x, y, v, n=n: getattr(s, n)(x, y)(v), (x, y, at)) for n in ("CubicSpline", "PchipInterpolator")
    } | {
        "RegularGridInterpolator": (lambda s, x, y, v: s.RegularGridInterpolator((x,), y)(v), (x, y, at)),
        "PPoly": (lambda s, x, c, v: s.PPoly(c, x)(v), (x, np.stack([y[:3], y[1:]]), at)),
        "BSpline": (lambda s, t, c, v: s.BSpline(t, c, 1)(v), (np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0]), y, at)),
        "make_interp_spline": (lambda s, x, y, v: s.make_interp_spline(x, y)(v), (x, y, at)),
        "make_lsq_spline": (lambda s, x, y, t, v: s.make_lsq_spline(x, y, t, 1)(v), (x, y, np.array([0.0, 0.0, 3.0, 3.0]), at)),
    })  # fmt: skip
    solutions = test_module("scipy/test_optimize.py").SOLUTIONS
    yield "scipy.optimize", of_cases(optimize, {
        **{label: (lambda s, a, f=f: f(a), (V,)) for label, f in solutions.items()},
        "root_scalar": (lambda s, a: s.root_scalar(lambda x, a: x**2 - a, a, bracket=(0.0, 9.0)).root, (4.0,)),
    })  # fmt: skip
    pairs = test_module("scipy/test_spatial.py")
    yield "scipy.spatial", of_cases(spatial.distance, {
        **{label: (f, (pairs.U, pairs.V)) for label, f in pairs.VECTORS.items() if "," not in label},
        "seuclidean": (pairs.VECTORS["seuclidean"], (pairs.U, pairs.V, pairs.U)),
        "cdist": (lambda s, a, b: s.cdist(a, b), (X, Y)),
        "pdist": (lambda s, a: s.pdist(a), (X,)),
        "squareform": (lambda s, v: s.squareform(v), (V,)),
    })  # fmt: skip
    yield "scipy.spatial.transform", of_rotations()


# --- lax, nn, random --------------------------------------------------------------------------------------------------


OF_SHAPES = {
    *("Any", "conv_dimension_numbers", "conv_general_permutations", "conv_general_shape_tuple", "conv_shape_tuple"),
    *("conv_transpose_shape_tuple", "reduce_window_shape_tuple", "padtype_to_pads", "broadcast_shapes"),
    *("DotDimensionNumbers", "dtype", "rng_uniform"),
}
"""No functions of arrays."""


def of_lax() -> Examples:
    tests = test_module("lax/cases.py")
    found = dict(LAX)
    for text, args in [*tests.SMOOTH, *tests.CONSTANT]:
        for name in re.findall(r"lax\.(\w+)\(", text):
            f = eval(f"lambda {', '.join('xy'[: len(args)])}: {text}", {"lax": lax, "np": np, "cv": cv})
            found.setdefault(name, Example(f, tuple(np.asarray(a) for a in args)))
    for name in dir(lax):
        value = getattr(lax, name)
        if not name.startswith("_") and callable(value) and not isinstance(value, type) and name not in OF_SHAPES:
            yield name, found.get(name)


def of_lax_linalg() -> Examples:
    calls = test_module("lax/test_lax_linalg.py").CALLS
    for name in sorted(calls):
        yield name, Example(calls[name][0], tuple(a if name == "qdwh" else a[0] for a in calls[name][1]))


def carry(c: Any, x: Any) -> tuple[Any, Any]:
    return c * x, np.sin(c)


def named(collective: Callable[[Any], Any]) -> Example:
    """A collective operation, in a batch that names its axis."""
    return Example(cv.vmap(collective, axis_name="i"), (np.array([[0.5, 1.5], [2.5, 3.5]]),))


LAX = {
    "all_gather": named(lambda x: lax.all_gather(x, "i")),
    "all_to_all": named(lambda x: lax.all_to_all(x, "i", 0, 0)),
    "axis_index": named(lambda x: lax.axis_index("i")),
    "axis_size": named(lambda x: lax.axis_size("i") * x),
    "pmax": named(lambda x: lax.pmax(x, "i")),
    "pmean": named(lambda x: lax.pmean(x, "i")),
    "pmin": named(lambda x: lax.pmin(x, "i")),
    "pbroadcast": named(lambda x: lax.pbroadcast(x, "i", 1)),
    "pcast": named(lambda x: lax.pcast(x, "i", to="varying")),
    "pshuffle": named(lambda x: lax.pshuffle(x, "i", [1, 0])),
    "pswapaxes": named(lambda x: lax.pswapaxes(x, "i", 0)),
    "ppermute": named(lambda x: lax.ppermute(x, "i", [(0, 1), (1, 0)])),
    "psum": named(lambda x: lax.psum(x, "i")),
    "psum_scatter": named(lambda x: lax.psum_scatter(x, "i")),
    "pvary": named(lambda x: lax.pvary(x, "i")),
    "linear_call": Example(lambda r, x: lax.linear_call(lambda r, x: r * x, lambda r, t: r * t, r, x), (2.0, V)),
    "convert_element_type": Example(lambda x: lax.convert_element_type(x, np.float32), (V,)),
    "scatter_apply": Example(
        lambda x: lax.scatter_apply(x, [[0]], np.sin, lax.ScatterDimensionNumbers((), (0,), (0,)), update_shape=(1,)), (V,)
    ),
    "ragged_dot_general": Example(
        lambda x, y: lax.ragged_dot_general(
            x, y, np.array([1, 1]), lax.RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), (0,), ())
        ),
        (X, Y),
    ),
    "scan": Example(lambda c, xs: lax.scan(carry, c, xs), (0.5, V)),
    "map": Example(lambda xs: lax.map(np.sin, xs), (V,)),
    "fori_loop": Example(lambda x: lax.fori_loop(0, 3, lambda i, c: c * x, x), (0.5,)),
    "while_loop": Example(lambda x: lax.while_loop(lambda c: c < 9, lambda c: c * x, x), (1.5,)),
    "associative_scan": Example(lambda xs: lax.associative_scan(np.multiply, xs), (V,)),
    "cond": Example(lambda x: lax.cond(x > 0, np.sin, np.cos, x), (0.5,)),
    "switch": Example(lambda i, x: lax.switch(i, [np.sin, np.cos], x), (1, 0.5)),
    "stop_gradient": Example(lax.stop_gradient, (V,)),
    "custom_root": Example(
        lambda a: lax.custom_root(
            lambda x: x**2 - a, a, lambda f, x: lax.stop_gradient(np.sqrt(a)), lambda g, y: y / g(np.ones_like(y))
        ),
        (4.0,),
    ),
    "custom_linear_solve": Example(
        lambda a, b: lax.custom_linear_solve(
            lambda x: a @ x, b, lambda f, b: np.linalg.solve(a, b), lambda f, b: np.linalg.solve(a.T, b)
        ),
        (SQUARE, V),
    ),
}  # fmt: skip


MATRIX = np.sin(np.arange(6.0)).reshape(3, 2)


def of_nn() -> Examples:
    more = {
        "one_hot": Example(lambda k: nn.one_hot(k, 3), (np.array([0, 2]),)),
        "avg_pool": Example(lambda x: nn.avg_pool(x, (2,)), (MATRIX,)),
        "max_pool": Example(lambda x: nn.max_pool(x, (2,)), (MATRIX,)),
        "min_pool": Example(lambda x: nn.min_pool(x, (2,)), (MATRIX,)),
        "pool": Example(lambda x: nn.pool(x, 0.0, np.add, (2,)), (MATRIX,)),
        "conv": Example(nn.conv, (MATRIX, np.cos(np.arange(8.0)).reshape(2, 2, 2))),
        "log1mexp": Example(nn.log1mexp, (np.array([0.3, 0.7, 1.9]),)),
        "glu": Example(nn.glu, (np.array([0.3, -0.2, 0.5, 0.9]),)),
        "dot_product_attention": Example(nn.dot_product_attention, (np.cos(np.arange(24.0)).reshape(2, 3, 2, 2),) * 3),
    }  # fmt: skip
    for name in nn.__all__:
        if name != "initializers":
            yield name, more.get(name) or Example(getattr(nn, name), (np.array([0.3, -0.7, 1.9]),))


SAMPLERS = {
    "beta": lambda k, a: random.beta(k, a, 2.0, 3),
    "binomial": lambda k, p: random.binomial(k, 10, p / 9, 3),
    "categorical": lambda k, p: random.categorical(k, np.log(p * np.arange(1.0, 4.0))),
    "chisquare": lambda k, a: random.chisquare(k, a, 3),
    "dirichlet": lambda k, a: random.dirichlet(k, a * np.arange(1.0, 4.0)),
    "f": lambda k, a: random.f(k, a, 8.0, 3),
    "gamma": lambda k, a: random.gamma(k, a, 3),
    "generalized_normal": lambda k, a: random.generalized_normal(k, a, 3),
    "geometric": lambda k, p: random.geometric(k, p / 9, 3),
    "loggamma": lambda k, a: random.loggamma(k, a, 3),
    "multinomial": lambda k, p: random.multinomial(k, 6, p * np.array([0.1, 0.2])),
    "poisson": lambda k, a: random.poisson(k, a, 3),
    "rayleigh": lambda k, a: random.rayleigh(k, a, 3),
    "t": lambda k, a: random.t(k, a, 3),
    "wald": lambda k, a: random.wald(k, a, 3),
    "bernoulli": lambda k, p: random.bernoulli(k, p / 9, 3),
}
"""As functions of a key and a parameter."""

KEYS = {
    "key": lambda s: random.key(s),
    "PRNGKey": lambda s: random.PRNGKey(s),
    "clone": random.clone,
    "key_data": random.key_data,
    "wrap_key_data": random.wrap_key_data,
    "split": random.split,
    "fold_in": lambda k: random.fold_in(k, 3),
    "bits": lambda k: random.bits(k, (3,)),
    "permutation": lambda k: random.permutation(k, 5),
    "rademacher": lambda k: random.rademacher(k, (3,)),
}


def of_random() -> Examples:
    """Samplers as functions of the key, and of a parameter where they have one."""
    tests = test_module("random/test_random.py")
    tests.N = 5
    parameters = {name: (f, 2.5) for name, f in SAMPLERS.items()} | tests.PARAMETERS
    for name in random.__all__:
        if name in parameters:
            f, at = parameters[name]
            yield name, Example(f, (random.key(3), at))
        elif name in KEYS or name in tests.SAMPLERS:
            f = KEYS.get(name) or tests.SAMPLERS[name][0]
            yield name, Example(f, (np.int64(3) if name in ("key", "PRNGKey") else random.key(3),))
        else:
            yield name, None
