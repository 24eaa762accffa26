"""The vector functions: within some units in the last place of what long doubles give; NumPy's where there is no number."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from same import agree, compiled_equations, program_of
from scipy import special

import covector as cv
from covector.backends.native import functions as f
from covector.backends.native import gaussian, ufuncs
from covector.backends.native.ir import Builder, Module, Value, type_name
from covector.backends.native.module import function_at, linked
from covector.backends.native.powers import power
from covector.primitives.math.special_functions import TABLE as SPECIAL_FUNCTIONS

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

RNG = np.random.default_rng(0)
N = 2**18
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308, -1e308, 1e22,
     1e300, -1.0, 1.0, 0.5, -0.5, 709.78, 710.0, -745.1, -746.0, 88.0, 1e5, -1e5, 3e5, 2.0, -2.0, 36.0, -38.0, 1e-17, 1e-9, 3.0]
)  # fmt: skip


def spread(low: float, high: float) -> Any:
    """Points of an interval, and many near zero."""
    small = RNG.normal(size=N // 4) * 10.0 ** RNG.integers(-12, 2, N // 4)
    return np.concatenate(
        [
            RNG.uniform(low, high, N - N // 2),
            np.ldexp(RNG.uniform(-1, 1, N // 4), RNG.integers(-60, 3, N // 4)),
            np.clip(small, low, high),
        ]
    )


def vectorized(function: Callable[..., Value], width: int, dtype: Any, inputs: int = 1) -> Callable[..., Any]:
    """A function of arrays by one of vectors."""
    kind, module = type_name(np.dtype(dtype)), Module()
    b = Builder("run", ", ".join(f"ptr %x{i}" for i in range(inputs)) + ", ptr %y, i64 %n", module)
    vectors = lambda i: [b.load(kind, f"%x{k}", i, width) for k in range(inputs)]
    b.loop(b.index(0), Value("%n", "i64"), width, lambda i: b.store(function(b, *vectors(i)), "%y", i))
    module.functions["run"] = b.text().replace("define internal", "define")
    code = linked(module.text(), ["run"], module.foreign)
    native = function_at(code.address("run"), *[ctypes.c_void_p] * (inputs + 1), ctypes.c_int64)

    def run(*xs: Any) -> Any:
        y = np.empty_like(xs[0])
        native(*(x.ctypes.data for x in xs), y.ctypes.data, len(y))
        return y

    run.code = code  # type: ignore[attr-defined]
    return run


def error_functions(x: Any) -> tuple[Any, Any]:
    """The error function of long doubles, and what it lacks to 1: a series below 1, a continued fraction above."""
    small, large = np.clip(x, -1, 1), np.maximum(np.abs(x), 1)
    total = term = np.ones_like(x)
    for n in range(1, 45):
        term = term * 2 * small * small / (2 * n + 1)
        total = total + term
    root = np.sqrt(np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16))
    near = 2 / root * small * np.exp(-small * small) * total
    fraction = large
    for n in range(400, 0, -1):
        fraction = large + np.longdouble(n) / 2 / fraction
    high = large.astype(np.float32).astype(np.longdouble)  # its square is exact
    far = np.exp(-high * high) * np.exp(-(large - high) * (large + high)) / root / fraction
    is_near = np.abs(x) < 1
    return np.where(is_near, near, np.sign(x) * (1 - far)), np.where(is_near, 1 - near, np.where(x < 0, 2 - far, far))


def bases(n: float) -> Any:
    """Points whose powers are all numbers."""
    x = np.concatenate([np.exp(np.clip(RNG.uniform(-745, 709, N) / n, -740, 709)), RNG.uniform(0.5, 2.0, N // 4)])
    return np.where(RNG.uniform(size=x.shape) < 0.5, x, -x) if n == int(n) else x


CASES: dict[str, tuple[Any, Any, Any, float]] = {
    "exp": (f.exp, np.exp, spread(-740, 709), 1.0),
    "expm1": (f.expm1, np.expm1, spread(-50, 700), 1.1),
    "tanh": (f.tanh, np.tanh, spread(-22, 22), 1.0),
    "log": (f.log, np.log, np.abs(spread(0, 10)) + 5e-324, 1.0),
    "log far": (f.log, np.log, np.exp(RNG.uniform(-740, 709, N)), 1.0),
    "log1p": (f.log1p, np.log1p, np.concatenate([RNG.uniform(-0.9999, 1, N // 2), np.exp(RNG.uniform(-50, 100, N // 2))]), 1.0),
    "sin": (f.sin, np.sin, np.concatenate([spread(-1e5, 1e5), spread(-7, 7)]), 1.0),
    "cos": (f.cos, np.cos, np.concatenate([spread(-1e5, 1e5), spread(-7, 7)]), 1.0),
    "expit": (f.expit, lambda x: 1 / (1 + np.exp(-x)), spread(-700, 40), 1.5),
    "erf": (gaussian.erf, lambda x: error_functions(x)[0], np.concatenate([spread(-6, 6), RNG.uniform(-1, 1, N)]), 1.3),
    "erfc": (gaussian.erfc, lambda x: error_functions(x)[1], np.concatenate([spread(-6, 27.2), RNG.uniform(-1, 1, N)]), 1.5),
    **{f"power {n}": (power(n), lambda x, n=n: x**n, bases(n), 1.5) for n in (5, 8, 13, 64, -2, -7, 1.5, 2.5, -0.5, -1.5)},
}
AS_NUMPY = {"expit": special.expit, "erf": special.erf, "erfc": special.erfc}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [1, 8])
def test_units_in_the_last_place(name: str, width: int) -> None:
    function, reference, x, limit = CASES[name]
    x = x[: len(x) // 8 * 8] if width == 8 else x[:20_000]
    found, exact = vectorized(function, width, np.float64)(x), reference(x.astype(np.longdouble))
    unit = np.maximum(np.spacing(np.abs(exact.astype(np.float64))), 5e-324)
    assert np.max(np.abs(found - exact) / unit) <= limit


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [1, 8])
def test_where_there_is_no_number(name: str, width: int) -> None:
    function, reference, _, _ = CASES[name]
    with np.errstate(all="ignore"):
        wanted = AS_NUMPY.get(name, reference)(SPECIAL)
    found = vectorized(function, width, np.float64)(SPECIAL)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(wanted))
    is_zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[is_zero]), np.signbit(wanted[is_zero]))
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=5e-324)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [1, 16])
def test_single_precision(name: str, width: int) -> None:
    function, reference, x, _ = CASES[name]
    exponents = np.arange(0, 2**32, 2**15 + 1 if width > 1 else 2**19 + 1, dtype=np.uint64).astype(np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        x = np.concatenate([x[: 2**16], x[-(2**16) :], SPECIAL]).astype(np.float32)
        x = np.concatenate([x if width > 1 else x[::64], exponents])
        x = x[: len(x) // 16 * 16].copy()
        exact = AS_NUMPY.get(name, reference)(x.astype(np.float64))
        wanted = exact.astype(np.float32)
        found = vectorized(function, width, np.float32)(x)
        is_number = np.isfinite(wanted)
        np.testing.assert_array_equal(found[~is_number], wanted[~is_number])
        np.testing.assert_array_equal(np.signbit(found[wanted == 0]), np.signbit(wanted[wanted == 0]))
        unit = np.maximum(np.spacing(np.abs(wanted[is_number])), np.float32(1e-45)).astype(np.float64)
        assert np.max(np.abs(found[is_number] - exact[is_number]) / unit) <= 1.5


@pytest.mark.parametrize("by", ["loop", "lanes"])
@pytest.mark.parametrize("name", sorted(f.C_LIBRARY))
def test_functions_of_other_libraries(name: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ufunc = np.power if name == "pow" else getattr(np, name)
    has_loop = ufuncs.loop_of(ufunc, "f64") is not None
    if by == "lanes":
        monkeypatch.setattr(f, "loop_of", lambda ufunc, kind: None)
    x, y = RNG.uniform(0.1, 0.9, 64), RNG.uniform(0.5, 3.0, 64)
    x = x + 1 if name == "arccosh" else x
    for args in [x, y], [a.ravel().copy() for a in np.meshgrid(SPECIAL, SPECIAL)]:
        args = args[: ufunc.nin]
        for dtype in (np.float64, np.float32):
            with np.errstate(all="ignore"):
                given = [a.astype(dtype) for a in args]
                wanted = ufunc(*(a.astype(np.float64) for a in given)).astype(dtype)
                found = vectorized(f.C_LIBRARY[name], 8, dtype, ufunc.nin)(*given)
            if by == "loop" and has_loop:
                np.testing.assert_array_equal(found, wanted)
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-15 if dtype is np.float64 else 1.2e-7, atol=5e-324)


@pytest.mark.skipif(sys.platform != "linux" or sys.implementation.name != "cpython", reason="NumPy may be another elsewhere")
def test_loops_are_found() -> None:
    assert all(ufuncs.loop_of(np.power if name == "pow" else getattr(np, name), "f64") for name in f.C_LIBRARY)
    assert ufuncs.loop_of(special.gammaln, "f64") and ufuncs.loop_of(special.gammaln, "f32")
    assert not ufuncs.loop_of(np.gcd, "f64") and not ufuncs.loop_of(np.frompyfunc(abs, 1, 1), "f64")


def test_scipy_is_not_loaded_for_functions_of_numpy() -> None:
    code = (
        "import sys, numpy as np, covector as cv; cv.jit(lambda x: np.arctan(x) * np.exp(x), backend='native')(np.ones(9));"
        " assert 'scipy.special' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("ignore:floating point number truncated")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_scipy(dtype: Any) -> None:
    char, compiled = np.dtype(dtype).char, 0
    for ufunc in SPECIAL_FUNCTIONS.values():
        if f"{char * ufunc.nin}->{char}" in ufunc.types:
            args = [RNG.uniform(0.1, 0.9, 11).astype(dtype) for _ in range(ufunc.nin)]
            call = lambda *args, ufunc=ufunc: ufunc(*args)
            compiled += compiled_equations(program_of(call, *args))[0] > 0
            found, wanted = cv.jit(call, backend="native")(*args), ufunc(*args)
            np.testing.assert_allclose(found, wanted, rtol=8 * np.finfo(dtype).eps, err_msg=ufunc.__name__)
    assert compiled > 90


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1"])
def test_round(dtype: str) -> None:
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, RNG.normal(size=100) * 10.0 ** RNG.integers(-5, 8, 100), [0.5, 1.5, -2.5, 2.675, -0.004]])
        x = (x if dtype[0] == "f" else np.clip(np.nan_to_num(x), 0, 100)).astype(dtype)
        for decimals in (0, 1, 2, 7, 16, 22, 23, -1, -2, -5):
            agree(lambda x, d=decimals: np.round(x, d), x, ulps=0, whole=False)
        assert compiled_equations(program_of(lambda x: np.round(x, 2), x))[0] == (dtype != "f2")


@pytest.mark.parametrize("n", [3, 200_000])
def test_errors_of_scipy(n: int) -> None:
    f, x = cv.jit(lambda x: special.psi(x) * 2.0, backend="native"), np.linspace(1, 2, n)
    assert np.array_equal(f(x), special.psi(x) * 2.0)
    x[1] = 0.0
    assert np.isnan(f(x)[1]) == np.isnan(special.psi(0.0))
    with special.errstate(singular="raise"), pytest.raises(special.SpecialFunctionError, match="psi: singularity"):
        f(x)
    with special.errstate(singular="warn"), pytest.warns(special.SpecialFunctionWarning, match="psi: singularity"):
        f(x)
    assert np.array_equal(f(x), special.psi(x) * 2.0, equal_nan=True)


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_hypot(dtype: Any, width: int) -> None:
    about = np.finfo(dtype)
    exponents = about.minexp - about.nmant, about.maxexp
    x, y = (np.ldexp(RNG.uniform(-1, 1, 2**14), RNG.integers(*exponents, 2**14)) for _ in range(2))
    near = RNG.uniform(-2, 2, (2, 2**14))
    with np.errstate(over="ignore"):
        x, y = (np.concatenate(parts).astype(dtype) for parts in ((x, near[0], x), (y, near[1], x * near[1])))
    found, exact = vectorized(f.hypot, width, dtype, 2)(x, y), np.hypot(x.astype(np.longdouble), y)
    finite = exact < about.max
    assert np.all(np.isinf(found[~finite]))
    unit = np.maximum(np.spacing(exact[finite].astype(dtype)), about.smallest_subnormal)
    assert np.max(np.abs(found[finite] - exact[finite]) / unit) <= 1
    with np.errstate(all="ignore"):
        x, y = (a.ravel().astype(dtype) for a in np.meshgrid(SPECIAL, SPECIAL))
        wanted = np.hypot(x, y)
        np.testing.assert_allclose(vectorized(f.hypot, width, dtype, 2)(x, y), wanted, rtol=1.4 * about.eps, atol=5e-324)


def test_logaddexp() -> None:
    values = np.array([0.0, -1.0, 700.0, -800.0, np.inf, -np.inf, np.nan, 1e-300, 5.5, -5.5, 1.0, 2.0])
    x, y = (a.ravel().copy() for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(vectorized(f.logaddexp, 8, np.float64, 2)(x, y), np.logaddexp(x, y), rtol=3e-16)
        shares = cv.vmap(cv.grad(np.logaddexp))(x, y)
        np.testing.assert_allclose(vectorized(f.share, 8, np.float64, 2)(x, y), shares, rtol=5e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_powers_by_exponents_that_stand_in_the_program(dtype: Any) -> None:
    with np.errstate(over="ignore"):
        x = np.concatenate([SPECIAL, RNG.uniform(-2, 2, 40)]).astype(dtype)
    for n in (0, 1, 2, 3, 4, 5, 6, 17, 64, 65, -1, -2, -3, -64, 0.5, 1.5, -0.5, -2.5, 63.5, 0.25, 1e300, np.inf, np.nan):
        with np.errstate(all="ignore"):
            wanted = x**n
            found = cv.jit(lambda x, n=n: x**n, backend="native")(x)
        np.testing.assert_allclose(found, wanted, rtol=2 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)
        is_zero = wanted == 0
        np.testing.assert_array_equal(np.signbit(found[is_zero]), np.signbit(wanted[is_zero]))
