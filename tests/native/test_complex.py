"""Complex numbers in compiled programs: functions at special values, what moves them, products, loops, calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from same import agree, compiled_equations, program_of

import covector as cv
from covector import numpy as cnp
from covector.backends import numpy as source
from covector.backends.native import backend, entry

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


def normal(*shape: int) -> Any:
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


# --- functions of elements --------------------------------------------------------------------------------------------------

NUMBERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.5, -0.75, 1e-310, -1e300, 1.7e308, 3e-200, 710.0, -750.0, 1e6]
GRID = np.array([complex(x, y) for x, y in itertools.product(NUMBERS, NUMBERS)])
UNARY: dict[str, Callable[[Any], Any]] = {
    **{f.__name__: f for f in (np.negative, np.conj, np.square, np.reciprocal, np.abs, np.exp, np.log, np.sqrt, np.isnan,
                               np.sin, np.cos, np.sinh, np.cosh, np.tanh, np.tan, np.arcsin, np.arccos, np.arctan, np.arcsinh,
                               np.arccosh, np.arctanh, np.exp2, np.expm1, np.log2, np.log10, np.log1p, np.sign, np.rint,
                               np.isinf, np.isfinite, np.logical_not, np.angle)},
    "real": lambda z: z.real * 2.0,
    "imaginary": lambda z: z.imag * 2.0,
    "turned": lambda z: 1j * z,
    "of a real": lambda z: z + z.real,
    **{f"to the power {n}": lambda z, n=n: z**n for n in (0, 3, 4, 7, 99, 100, -2, -3, -99, 1.5, 2.0, 0.3, -1.0, 1j, 2 + 1j)},
}  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.equal, np.not_equal, np.power, np.maximum, np.fmin]


def same_parts(found: Any, wanted: Any, ulps: float) -> None:
    """NaN and infinities alike in each part, zeros with their signs, and each part near."""
    assert found.dtype == wanted.dtype
    if wanted.dtype.kind == "b":
        np.testing.assert_array_equal(found, wanted)
        return
    eps = np.finfo(wanted.dtype).eps
    for a, b in ((found.real, wanted.real), (found.imag, wanted.imag)):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        tiny = np.finfo(wanted.dtype).smallest_subnormal
        np.testing.assert_allclose(a, b, rtol=ulps * eps, atol=4 * tiny)
        zero = (a == 0) & (b == 0)
        np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]))


def by_parts(z: Any, w: Any) -> Any:
    """A product of parts; NumPy's may fuse operations, so that what is beyond all numbers comes out otherwise."""
    found = np.empty(z.shape, z.dtype)
    found.real, found.imag = z.real * w.real - z.imag * w.imag, z.real * w.imag + z.imag * w.real
    return found


def both(f: Callable[..., Any], *args: Any) -> tuple[Any, Any]:
    jaxpr = program_of(f, *args)
    assert compiled_equations(jaxpr)[1] == 0
    with np.errstate(all="ignore"):
        return np.asarray(backend.compiled(jaxpr)(*args)[0]), np.asarray(source.compiled(jaxpr)(*args)[0])


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("name", UNARY)
def test_functions_at_special_values(name: str, dtype: Any) -> None:
    with np.errstate(all="ignore"):
        z = GRID.astype(dtype)
    found, wanted = both(UNARY[name], z)
    with np.errstate(all="ignore"):
        same_parts(found, by_parts(z, z) if name == "square" else wanted, ulps=8)


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_functions_of_two_at_special_values(f: Any, dtype: Any) -> None:
    with np.errstate(all="ignore"):
        x, y = (a.ravel().astype(dtype) for a in np.meshgrid(GRID[::3], GRID[::2]))
        found, wanted = both(f, x, y)
        same_parts(found, by_parts(x, y) if f is np.multiply else wanted, ulps=8)


OF_MPMATH = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "tan": mpmath.tan,
    "absolute": abs,
    "reciprocal": lambda z: 1 / z,
}


@pytest.mark.parametrize("name", OF_MPMATH)
def test_functions_are_exact_to_some_units(name: str) -> None:
    rng = np.random.default_rng(0)
    size, turn = np.exp(rng.uniform(-3, 3, 800)), rng.uniform(-np.pi, np.pi, 800)
    near_one = (1 + 10.0 ** rng.uniform(-15, -1, 800) * rng.choice([-1, 1], 800)) * np.exp(1j * turn)
    far = 10.0 ** rng.uniform(-300, 300, 400) + 1j * 10.0 ** rng.uniform(-300, 300, 400)
    is_wide = name not in ("exp", "sin", "cosh", "tanh", "tan")
    z = np.concatenate([size * np.exp(1j * turn), near_one, *([far] if is_wide else [])])
    found = both(getattr(np, name), z)[0]
    with mpmath.workdps(60):
        exact = [OF_MPMATH[name](mpmath.mpc(x)) for x in z]
        for part in ("real", "imag")[: 1 + (found.dtype.kind == "c")]:
            for a, b in zip(getattr(found, part), exact, strict=True):
                wanted = getattr(mpmath.mpc(b), part)
                assert abs(mpmath.mpf(float(a)) - wanted) <= 4 * np.finfo(float).eps * max(abs(wanted), mpmath.mpf(2) ** -1021)


def test_loops_of_numpy_run_in_registers_and_in_tails() -> None:
    for shape in ((), (1,), (3,), (29,), (700,)):
        z = normal(*shape) if shape else normal(1)[0]
        agree(lambda z: np.arctan(z) + z ** np.conj(z), z)
        agree(lambda z: cv.lax.scan(lambda c, _: (np.arcsin(c) ** 3 / 2, c), z, None, length=4), z)
    many = lambda z: cv.lax.scan(lambda c, x: (np.arctan(c @ z + x) ** (1 + 1j), None), z[0], z)[0]
    agree(many, normal(6, 6), ulps=64)
    agree(cv.vmap(cv.vmap(many)), normal(2, 3, 6, 6), ulps=64)


def test_variances_and_truth() -> None:
    z = np.where(normal(3, 17).real > 0, normal(3, 17), 0)
    agree(lambda z: (np.var(z), np.std(z, axis=0, ddof=1), np.any(z, axis=1), np.all(z, axis=0)), z)
    for x in (z.real, z.astype(np.complex64), z.real.astype(np.float32), (z.imag * 3).astype(np.int8), z[:1, :0]):
        x = np.where(x == 0, x * np.nan, x) if x.dtype.kind in "fc" else x
        agree(lambda x: (np.any(x[:, ::2], axis=1), np.all(x, axis=0), np.any(x * 0)), x, whole=x.size > 0)


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_determinants(n: int, dtype: Any) -> None:
    stack = np.stack([normal(n, n), normal(n, n)[::-1], np.zeros((n, n)), np.full((n, n), np.nan)]).astype(dtype)
    for a in (stack[0], stack[1].T, stack, stack.reshape(2, 2, n, n)):
        agree(lambda a: (np.linalg.det(a) * 1.0, np.linalg.slogdet(a)), a, ulps=2**10)
    summed = lambda a: cv.lax.scan(lambda c, k: (c + np.linalg.det(a * k), None), 0j, np.arange(1.0, 4.0))[0]
    agree(summed, stack[1], ulps=2**10)


def test_determinants_are_not_beyond_all_numbers_on_the_way() -> None:
    for diagonal, exact in (([1e200, 1e200, 1e-300], 1e100), ([1e-200, 1e-160, 1e300], 1e-60), ([np.inf, 0, 2], 0)):
        for a in (np.diag(diagonal), np.diag(diagonal) + 0j):
            np.testing.assert_allclose(cv.jit(np.linalg.det, backend="native")(a), exact, rtol=1e-12)


def test_powers_and_conversions() -> None:
    z = normal(3, 17)
    for n in (2, -1, 0.5):
        agree(lambda z, n=n: z**n, z, ulps=16)
    agree(lambda z: (z.astype(np.complex64), (z.real > 0).astype(complex), z.real.astype(np.complex64)), z)
    agree(lambda z: np.arange(17) * z, z)
    real = lambda z: cv.vjp(lambda x: x.astype(complex), z.real)[1](z)[0]  # the real part, without a warning
    agree(lambda z: real(z) * 2, z)
    agree(lambda z: ~z.astype(bool), np.where(z.real > 0, z, z.imag * 0))
    agree(lambda z: np.linalg.norm(z, axis=0) + np.linalg.norm(z), z, ulps=16)


# --- what moves elements, sums, products -----------------------------------------------------------------------------------

MOVED: dict[str, Callable[..., Any]] = {
    "transpose": lambda z: z.T * 2,
    "reversed": lambda z: z[::-1, ::-1] + z,
    "merged": lambda z: np.reshape(z * 2, -1) + 1,
    "merged output": lambda z: (np.reshape(z.T, -1), z * 2),
    "merged sums": lambda z: np.reshape(np.exp(z)[:, :, None] * z[:, None, :1], (z.shape[0], -1)),
    "broadcast": lambda z: z[:, None] * z[None],
    "one number": lambda z: (z[0, 0] * 2, z.real[1, 2], 1j + z[1, 1]),
    "sums": lambda z: (np.sum(z), np.sum(z * z, axis=0), np.mean(z, axis=1), np.cumsum(z, axis=1)),
    "selected": lambda z: (np.where(z.real > 0, z, 0), np.where(z.imag > 0, z, 2j)),
    "concatenated with reals": lambda z: np.concatenate([z, z.real, np.conj(z)], axis=1),
    "stacked with integers": lambda z: np.stack([z[0], np.arange(z.shape[1])]) * 2,
    "padded": lambda z: np.pad(z * 2, 1),
    "gathered": lambda z: z[np.array([1, 0, -1])] * 2,
    "set": lambda z: cnp.at(z)[1:, ::2].set(7.0) * 2,
    "added": lambda z: cnp.at(z)[np.array([1, 0, 1])].add(1.0) * z,
    "added slices": lambda z: cnp.at(z)[1:].add(z[:-1]),
    "products": lambda z: z.T @ z,
    "products with reals": lambda z: (z.real @ z.T, z @ z.imag.T, np.arange(z.shape[0]) @ z),
    "conjugated products": lambda z: (np.vdot(z, z), np.outer(z[0], np.conj(z[0])), np.diagonal(z.T @ z)),
    "several uses": lambda z: (w := np.exp(z), w * w, np.conj(w), np.sum(w)),
    "outputs that are inputs": lambda z: (z, np.conj(z), z.real, z),
}


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("shape", [(2, 3), (5, 17), (17, 5), (9, 33), (70, 40)])
@pytest.mark.parametrize("name", MOVED)
def test_what_moves_and_multiplies(name: str, shape: tuple[int, int], dtype: Any) -> None:
    agree(MOVED[name], normal(*shape).astype(dtype), ulps=256)
    agree(MOVED[name], np.asfortranarray(normal(*shape).astype(dtype)), ulps=256)


@pytest.mark.parametrize("name", MOVED)
def test_one_part_of_what_moves_and_multiplies(name: str) -> None:
    for part in (np.real, np.imag):  # what the other part alone needs is left out of the program
        agree(lambda z, part=part: cv.tree.map(lambda w: part(w) * 2.0, MOVED[name](z)), normal(5, 17), ulps=256)


# --- loops, derivatives, calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 40])
def test_loops(n: int) -> None:
    z = normal(6, n) / 2
    scan = lambda z: cv.lax.scan(lambda c, a: ((c[0] * a + 1j, c[1] + np.abs(a)), (c[0], a.real)), (z[0], 0.0 * z[0].real), z)
    agree(scan, z, ulps=64)
    agree(cv.grad(lambda z: np.sum(np.abs(scan(z)[1][0]))), z, ulps=2**10)
    turned = lambda z: cv.lax.while_loop(lambda c: np.sum(np.abs(c)) < 100.0, lambda c: c * (1.5 + 1j), z[0])
    agree(turned, z, ulps=64)
    agree(lambda z: cv.lax.cond(z.real[0, 0] > 0, lambda z: z * 2, lambda z: np.conj(z), z), z)
    agree(lambda z: cv.lax.fori_loop(0, 5, lambda i, c: (c[1], c[0] * 1j), (z[0], z[1])), z)


def test_derivatives() -> None:
    z = normal(4, 9)
    f = lambda z: np.sum(np.abs(np.exp(z) * z / np.sqrt(z)) ** 2)
    agree(cv.grad(f), z, ulps=256)
    agree(cv.vmap(cv.grad(f)), np.stack([z, 2 * z]), ulps=2**10)
    agree(lambda z: cv.jvp(lambda z: z**2 / (1 + z), (z,), (1j * z,)), z, ulps=64)
    agree(cv.grad(lambda z: np.sum(np.abs(z))), np.zeros(5, complex))


def test_numbers() -> None:
    agree(lambda z, w: (z * w, z + 1, np.abs(w)), 1 + 2j, np.complex128(0.5 - 1j))
    agree(lambda z: np.sum(z), normal(7))
    agree(lambda z: z * 2, np.complex64(3 - 1j))
    f = cv.jit(lambda z: z * 2.0, backend="native")
    assert f(1 + 2j) == 2 + 4j and type(f(1 + 2j)) is type((lambda z: z * 2.0)(1 + 2j))
    assert type(f(np.complex64(1j))) is np.complex64
    np.testing.assert_array_equal(f(normal(3, 4).T), 2 * normal(3, 4).T)


def test_the_same_by_way_of_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "is_laid_out_as_known", lambda: False)
    agree(lambda z, w: (z * w, np.abs(z), np.sum(z)), normal(3, 5), 2 - 1j)
    agree(lambda z: z * 2, normal(3).astype(np.complex64))


def test_constants() -> None:
    for dtype in (np.complex128, np.complex64, ">c16"):
        table = normal(3, 4).astype(dtype)
        agree(lambda z, table=table: z * table + table[0], normal(3, 4), whole=False)


def test_what_is_left_to_numpy() -> None:
    z = normal(9)
    agree(lambda x: (np.angle(x + 1j), x.real), z.real.astype(np.longdouble), whole=False)
    agree(lambda z: (np.sort(z * 2) + 1, np.fft.fft(z * 2) * 3, np.max(z), np.prod(z * 2), np.tan(z)), z, whole=False, ulps=64)
    agree(lambda z: np.fft.ifft(np.fft.fft(z) * np.exp(-np.abs(z))).real ** 2, z, whole=False, ulps=64)
