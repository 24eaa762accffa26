"""SciPy's statistics of samples that are not known give what SciPy gives, or an error: never another number or shape."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from scipy.stats import _axis_nan_policy

import covector as cv
from covector.core import errors

MORE = {
    **dict.fromkeys(("cramervonmises", "ks_1samp", "kstest"), ("norm",)),
    **{"trim_mean": (0.1,), "pmean": (2.0,), "ttest_1samp": (0.5,), "lmoment": (2,)},
}
"""What a function needs beside its samples."""

WAYS: list[dict[str, Any]] = [{}, {"axis": None}, {"axis": 0}, {"axis": -1}, {"axis": 1}, {"axis": (0, 1)}, {"keepdims": True}]
ONE = [[(5,)], [(1,)], [(4, 3)], [(1, 3)], [(3, 1)], [(0,)], [(0, 3)], [(2, 3, 4)]]
TWO = [
    [(5,), (5,)], [(5,), (3,)], [(1,), (1,)], [(4, 3), (4, 3)], [(4, 3), (3,)], [(4, 3), (4, 1)], [(5, 3), (4, 3)],
    [(2, 4, 3), (4, 3)], [(0,), (3,)], [(1, 3), (1, 3)],
]  # fmt: skip


def decorated() -> dict[str, Any]:
    """The names of the functions that the decorator made, with what it was told."""
    found = {}
    for name in scipy.stats.__all__:
        f = getattr(scipy.stats, name)
        while inspect.isfunction(f):
            if f.__globals__ is vars(_axis_nan_policy):
                held = zip(f.__code__.co_freevars, f.__closure__, strict=True) if f.__closure__ else ()
                found[name] = {n: cell.cell_contents for n, cell in held}
            f = getattr(f, "__wrapped__", None)
    return found


DECORATED = decorated()
N_SAMPLES = {name: how["n_samples"] for name, how in DECORATED.items() if how}


def outcome(f: Callable[[], Any]) -> list[np.ndarray] | str:
    """Results, or the name of an error."""
    try:
        return [np.asarray(x) for x in f()]
    except Exception as error:
        return type(error).__name__


def disagree(found: Any, wanted: Any) -> bool:
    """Whether a result is not SciPy's; an error is none, since what depends on values is refused."""
    if isinstance(found, str) or isinstance(wanted, str):
        return isinstance(wanted, str) and not isinstance(found, str)
    return not all(f.shape == w.shape and np.allclose(f, w, 1e-6, equal_nan=True) for f, w in zip(found, wanted, strict=True))


def statistic(name: str, others: list[np.ndarray], **how: Any) -> Callable[[Any], Any]:
    """A statistic of its first sample, as a tuple of arrays."""

    def f(x: Any) -> Any:
        found = getattr(scipy.stats, name)(x, *others, *MORE.get(name, ()), **how)
        if isinstance(found, tuple):
            return tuple(found)
        parts = [getattr(found, n) for n in ("statistic", "pvalue") if hasattr(found, n)]
        return tuple(parts) or (found,)

    return f


def shapes_of(name: str) -> list[list[tuple[int, ...]]]:
    n = N_SAMPLES[name]
    if n == 1 or name in ("chisquare", "kstest", "power_divergence", "ttest_1samp"):
        return ONE
    return [shapes + shapes[:1] for shapes in TWO] if n is None else TWO


BRANCHES_MORE = np.lib.NumpyVersion(scipy.__version__) < "1.17.0"
"""Whether SciPy's is one in which more functions branch on values."""
REFUSED = {
    *"ansari brunnermunzel chatterjeexi cramervonmises_2samp expectile fligner friedmanchisquare kruskal".split(),
    *"bartlett circstd circvar cramervonmises hmean iqr ks_1samp kstest mannwhitneyu mode pmean ranksums".split(),
    *"ks_2samp spearmanrho tsem tstd tvar wilcoxon kendalltau linregress mood pointbiserialr siegelslopes".split(),
    *"theilslopes weightedtau".split(),
}
"""Those that branch on values themselves, or put values in places that depend on them, whatever their samples are."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(N_SAMPLES))
def test_what_scipy_gives(name: str) -> None:
    rng = np.random.default_rng(0)
    works, stride = False, 6 if name in REFUSED else 2
    with np.errstate(all="ignore"):
        for i, shapes in enumerate(shapes_of(name)):
            x, *others = (rng.uniform(0.1, 1.0, shape) for shape in shapes)
            for j, how in enumerate(WAYS):
                if (i + j) % stride or (len(x.shape) < 2 and how.get("axis") in (1, (0, 1))):
                    continue
                f = statistic(name, others, **how)
                wanted, lifted = outcome(lambda f=f, x=x: f(x)), cv.lift(f)
                modes = {"jit": lambda f=lifted, x=x: cv.jit(f)(x)}
                if (i + j) % 3 == 0:
                    modes["vmap"] = lambda f=lifted, x=x: [y[0] for y in cv.vmap(f)(np.stack([x, x + 1]))]
                for mode, g in modes.items():
                    found = outcome(g)
                    assert not disagree(found, wanted), (mode, shapes, how, found, wanted)
                    works |= not isinstance(found, str) and x.size > 1
    assert works or name in REFUSED or BRANCHES_MORE


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(N_SAMPLES) - REFUSED - {"tmax", "tmin"}))
def test_a_nan_of_a_value_that_is_not_known(name: str) -> None:
    rng = np.random.default_rng(1)
    shapes = [(5,)] if shapes_of(name) is ONE else [(5,)] * (N_SAMPLES[name] or 3 if not callable(N_SAMPLES[name]) else 2)
    for rest in ((), (3,)):
        x, *others = (rng.uniform(0.1, 1.0, rest + shape) for shape in shapes)
        x[..., 2] = np.where(np.arange(x[..., 2].size) % 3 == 1, x[..., 2], np.nan) if rest else np.nan
        f = statistic(name, others, **({"axis": -1} if rest else {}))
        wanted, found = outcome(lambda f=f, x=x: f(x)), outcome(lambda f=f, x=x: cv.jit(cv.lift(f))(x))
        assert not disagree(found, wanted), (found, wanted)


X = np.random.default_rng(2).uniform(0.1, 1.0, (4, 3))
B = np.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize("policy", ["omit", "raise"])
def test_policies_that_depend_on_values_are_refused(policy: str) -> None:
    for f in (
        lambda x: scipy.stats.skew(x, nan_policy=policy),
        lambda x: scipy.stats.f_oneway(x, X, nan_policy=policy).statistic,
    ):
        with pytest.raises(errors.TracerBoolConversionError, match=f"nan_policy='{policy}' was asked for of samples"):
            cv.jit(cv.lift(f))(X)
        np.testing.assert_allclose(cv.jvp(cv.lift(f), (X,), (X,))[0], f(X))


@pytest.mark.skipif(BRANCHES_MORE, reason="they branch on values")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: scipy.stats.f_oneway(x, 2 * x).statistic,
        lambda x: scipy.stats.f_oneway(B, x, axis=1, keepdims=True).pvalue,
        lambda x: scipy.stats.ttest_ind(x, B).statistic,
        lambda x: scipy.stats.ttest_rel(x, x * x, axis=None).pvalue,
        lambda x: scipy.stats.levene(x, np.tile(B, (2, 1))).statistic,
        lambda x: scipy.stats.skew(x, axis=(0, 1), keepdims=True),
        lambda x: scipy.stats.gmean(x, weights=x * x, axis=1),
        lambda x: scipy.stats.entropy(x, X + 1, axis=1),
        lambda x: scipy.stats.kurtosistest(np.concatenate([x, x * x, x**3])).statistic,
    ],
)
def test_derivatives(f: Callable[[Any], Any]) -> None:
    g = cv.lift(lambda x: np.sum(f(x) * 2.0))
    by_values = cv.grad(g)(X)
    step = 1e-6 * np.cos(np.arange(12.0)).reshape(X.shape)
    np.testing.assert_allclose(np.sum(by_values * step), np.sum(f(X + step) - f(X - step)), 1e-6)
    np.testing.assert_allclose(cv.jit(cv.grad(g))(X), by_values, 1e-10)
    np.testing.assert_allclose(cv.vmap(cv.grad(g))(X[None])[0], by_values, 1e-10)


NOT_LIFTED = """
import covector as cv, numpy as np, scipy.stats
x = np.random.default_rng(0).uniform(0.1, 1.0, (4, 3))
for name, samples in (("levene", 2), ("skew", 1), ("tmin", 1), ("trim_mean", 1)):
    f = lambda x: getattr(scipy.stats, name)(*[x, x**2][:samples], *[0.1] * (name == "trim_mean"))
    wanted, first = f(x), lambda y: y.statistic if samples == 2 else y
    for mode in (cv.jit, lambda f: lambda x: cv.vmap(f)(x[None])[0]):
        try:
            found = mode(lambda x: first(f(x)))(x)
        except TypeError:
            print("refused")
        else:
            np.testing.assert_allclose(found, first(wanted), 1e-12, strict=True)
"""


@pytest.mark.parametrize(("array_api", "refused"), [("", 8), ("1", 2)])
def test_code_that_is_not_lifted(array_api: str, refused: int) -> None:
    """SciPy makes arrays of samples, which is refused, unless told to ask for their namespace (``levene`` mixes two)."""
    env = {**os.environ, "SCIPY_ARRAY_API": array_api}
    run = subprocess.run([sys.executable, "-c", NOT_LIFTED], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.split().count("refused") == refused or BRANCHES_MORE


MIXED = """
import covector as cv, numpy as np, scipy.stats as stats
x, y = np.array([[1.0, 2.0, 4.0], [3.0, 7.0, 6.0]]), np.array([1.0, 3.0, 5.0])
for f in (lambda a: stats.ttest_ind(x * a, y, axis=None).statistic, lambda a: stats.gmean(x, weights=x**a, axis=1)):
    slope = (f(1.3 + 1e-5) - f(1.3 - 1e-5)) / 2e-5
    for run in (cv.jacfwd, cv.jacrev, lambda f: cv.jit(cv.jacrev(f))):
        np.testing.assert_allclose(run(cv.lift(f))(1.3), slope, rtol=1e-6)
"""


def test_lifted_arrays_have_the_namespace_of_plain_ones():
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}
    subprocess.run([sys.executable, "-c", MIXED], env=env, check=True)
