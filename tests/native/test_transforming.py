"""Fourier transforms in compiled programs: NumPy's values, wherever the axis and its elements lie."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from same import agree, compiled_equations, program_of, same

import covector as cv
from covector.backends.native import rules, transforms
from covector.backends.native.pairs import equations_of_parts

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")
pytestmark = pytest.mark.skipif(
    transforms.transform_of("rfft", 8, "f64") is None, reason="NumPy's transforms are not where they are looked for"
)

DTYPES = [np.float64, np.float32, np.complex128, np.complex64, np.int16, np.bool_]
SHAPES = [((8,), 0), ((9,), 0), ((1,), 0), ((3, 10), 1), ((3, 10), 0), ((2, 5, 7), 1), ((13, 3, 4), 0), ((2, 1, 70), -1)]


def array(dtype: Any, *shape: int) -> Any:
    rng = np.random.default_rng(sum(shape))
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return (x * 3).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transform", ["fft", "ifft", "rfft", "irfft"])
def test_every_type_axis_length_and_norm(transform: str, dtype: Any) -> None:
    if transform == "rfft" and np.dtype(dtype).kind == "c":
        return
    fft = getattr(np.fft, transform)
    for ((shape, axis), n), norm in zip(
        itertools.product(SHAPES, (None, 1, 12)), itertools.cycle(("backward", "ortho", "forward"))
    ):
        if transform == "irfft" and n is None and shape[axis] == 1:
            continue
        x = array(dtype, *shape)
        for f in (
            lambda x, n=n, axis=axis, norm=norm: fft(x, n, axis, norm),
            lambda x, n=n, axis=axis, norm=norm: fft(x[::-1] * 2, n, axis, norm) + 1,
            lambda x, n=n, axis=axis, norm=norm: fft(x.T, n, x.ndim - 1 - axis % x.ndim, norm),
        ):
            agree(f, x, whole=False, ulps=4)
            compiled, others = compiled_equations(program_of(f, x))
            assert compiled and not others


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_operands_that_lie_otherwise(dtype: Any, axis: int) -> None:
    x = array(dtype, 12, 20)
    fft = lambda x: np.fft.fft(x, axis=axis)
    agree(lambda x: fft(np.broadcast_to(x[0], (5, 20))) * 2, x, whole=False, ulps=16)
    agree(lambda x: fft(np.broadcast_to(x[:, :1], (12, 6))) * 2, x, whole=False, ulps=16)
    agree(lambda x: fft(x[::2, ::-3]).conj(), x, whole=False, ulps=16)
    agree(lambda x: np.concatenate([fft(x), fft(x[::-1])]) + 1, x, whole=False, ulps=16)
    agree(lambda x: np.stack([fft(x[::3]).real, fft(x[1::3]).imag]), x, whole=False, ulps=16)


def test_long_rows_and_many_rows() -> None:
    for shape in ((4, 4099), (4099, 4), (70, 64), (64, 70), (3, 1000), (1000, 3)):
        for axis in (0, 1):
            agree(lambda x, axis=axis: np.fft.ifft(np.fft.fft(x, axis=axis) * 2, axis=axis), array(complex, *shape), ulps=64)
            agree(lambda x, axis=axis: np.fft.rfft(x, axis=axis) * 2, array(float, *shape), ulps=64)


def test_what_is_not_finite() -> None:
    x = array(float, 12)
    for value in (np.nan, np.inf, -0.0):
        x[3] = value
        agree(lambda x: (np.fft.fft(x) * 1.0, np.fft.rfft(x), np.fft.irfft(x)), x, whole=False, ulps=16)


def test_a_filter_is_compiled_whole() -> None:
    window, x = np.linspace(1, 0, 33), np.sin(np.arange(64.0))
    f = lambda x: np.sum(np.fft.irfft(np.fft.rfft(x) * window, 64) ** 4)
    for g in (f, cv.grad(f), cv.vmap(f, axis_size=3, in_axes=None), lambda x: cv.jvp(f, (x,), (x,))):
        agree(g, x, ulps=64)


def test_a_loop_of_transforms_is_compiled_whole() -> None:
    n, steps = 32, 12
    k, potential = np.fft.fftfreq(n) * n, np.linspace(-1, 1, n) ** 2

    def step(psi: Any, _: Any) -> Any:
        turned = np.fft.fft(np.exp(-0.01j * potential) * psi)
        return np.fft.ifft(np.exp(-0.005j * k**2) * turned), None

    def energy(scale: Any) -> Any:
        psi, _ = cv.lax.scan(step, scale * np.exp(-np.linspace(-3, 3, n) ** 2) + 0j, None, length=steps)
        return np.sum(np.abs(psi) ** 2 * potential)

    def by_hand(scale: float) -> Any:
        psi = scale * np.exp(-np.linspace(-3, 3, n) ** 2) + 0j
        for _ in range(steps):
            psi = step(psi, None)[0]
        return np.sum(np.abs(psi) ** 2 * potential)

    agree(energy, 1.5, ulps=256)
    agree(cv.grad(energy), 1.5, ulps=256)
    same([cv.jit(energy, backend="native")(1.5)], [by_hand(1.5)], ulps=256)
    same([cv.jit(cv.grad(energy), backend="native")(1.5)], [2 * by_hand(1.5) / 1.5], ulps=1024)  # it is quadratic in the scale


def test_where_the_loops_are_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "transform_of", lambda *given: None)
    f = lambda x: np.fft.irfft(np.fft.rfft(x * 2) * 3)
    agree(f, array(float, 8), whole=False, ulps=16)
    program = program_of(f, array(float, 8))
    assert compiled_equations(program)[1] == 2
    assert rules.rule_or_why(equations_of_parts(program.equations[1])[0]) == "NumPy's transforms are not found"


def test_nothing_to_transform() -> None:
    for shape, axis in (((0, 4), 1), ((4, 0), 0)):
        agree(lambda x, axis=axis: np.fft.fft(x + 1, axis=axis) * 2, np.zeros(shape), whole=False)
    agree(lambda x: np.fft.fft(x * 2, n=3), np.zeros(0), whole=False)
