"""``np.pad`` in all its modes, against NumPy under every transformation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from transformed import agree, check

import covector
from covector.numpy.padding import pad

X = np.random.default_rng(0).normal(size=(3, 4))
I = np.arange(12).reshape(3, 4) ** 2 % 7

WIDTHS = [2, (1, 3), ((2, 0), (1, 3)), ((0, 0), (5, 9))]
MODES = {
    "constant": {},
    "constant 5": {"mode": "constant", "constant_values": 5},
    "constant pairs": {"mode": "constant", "constant_values": ((1, 2), (3, 4.5))},
    "edge": {"mode": "edge"},
    "linear_ramp": {"mode": "linear_ramp"},
    "linear_ramp to": {"mode": "linear_ramp", "end_values": ((1, -2), (3, 4))},
    "maximum": {"mode": "maximum"},
    "maximum of": {"mode": "maximum", "stat_length": ((2, 1), (3, 9))},
    "mean": {"mode": "mean"},
    "mean of": {"mode": "mean", "stat_length": 2},
    "median": {"mode": "median"},
    "minimum": {"mode": "minimum"},
    "reflect": {"mode": "reflect"},
    "reflect odd": {"mode": "reflect", "reflect_type": "odd"},
    "symmetric": {"mode": "symmetric"},
    "symmetric odd": {"mode": "symmetric", "reflect_type": "odd"},
    "wrap": {"mode": "wrap"},
}


@pytest.mark.parametrize(("mode", "width"), list(itertools.product(MODES, WIDTHS)), ids=str)
def test_mode(mode, width):
    check(lambda x: np.pad(x, width, **MODES[mode]), X, order=2 if width == 2 else 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex128, np.int32, np.uint8])
@pytest.mark.parametrize("mode", MODES)
def test_dtype(mode, dtype):
    x = X * (1 + 2j) if dtype is np.complex128 else I.astype(dtype)
    check(lambda x: np.pad(x, (2, 3), **MODES[mode]), x, order=1, batch=False, numerical=dtype is np.complex128)


def test_short_axes():
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        check(lambda x, mode=mode: np.pad(x, 3, mode), X[:1, :2], order=1)
    for kind in ("reflect", "symmetric"):
        check(lambda x, kind=kind: np.pad(x, ((0, 0), (4, 5)), kind, reflect_type="odd"), X[:, :2], order=1)
    check(lambda x: np.pad(x, 1, "reflect", reflect_type="odd"), X[:1, :3], order=1)


def test_nothing_to_pad():
    check(lambda x: (np.pad(x, 0), np.pad(x, 0, "edge"), np.pad(x, ((0, 0), (1, 0)), "mean")), X)
    check(lambda x: (np.pad(x, 1), np.pad(x, ((0, 0), (2, 1)), "edge")), np.zeros((0, 3)))
    check(lambda x: np.pad(x, 3), np.float64(2.0))


def test_empty_mode_has_a_zero_derivative_in_the_padding():
    _, tangent = covector.jvp(lambda x: np.pad(x, 1, "empty"), (X,), (X,))
    np.testing.assert_array_equal(tangent, np.pad(X, 1))


@pytest.mark.skipif(tuple(map(int, np.__version__.split(".")[:2])) < (2, 2), reason="dictionaries came with NumPy 2.2")
def test_widths_by_axis():
    check(lambda x: np.pad(x, {-1: (1, 2)}), X)
    check(lambda x: np.pad(x, {0: 2}, "edge"), X)


def test_traced_values():
    check(lambda x, v: pad(x, 1, constant_values=v), X, np.float64(0.5))
    check(lambda x, v: pad(x, 2, "linear_ramp", end_values=v), X, np.array([0.5, 2.0]))


ERRORS = {
    "mode": lambda x: np.pad(x, 1, "nonsense"),
    "option": lambda x: np.pad(x, 1, "edge", constant_values=0),
    "negative": lambda x: np.pad(x, -1),
    "float": lambda x: np.pad(x, 1.5),
    "widths": lambda x: np.pad(x, ((1, 1), (1, 1), (1, 1))),
    "statistic": lambda x: np.pad(x, 1, "maximum", stat_length=0),
    "negative statistic": lambda x: np.pad(x, 1, "mean", stat_length=-1),
    "empty axis": lambda x: np.pad(x[:0], 1, "edge"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


def test_a_function_as_mode_is_refused():
    with pytest.raises(covector.errors.UnsupportedFunctionError, match="a function as mode"):
        covector.jit(lambda x: np.pad(x, 1, lambda *args: None))(X)
