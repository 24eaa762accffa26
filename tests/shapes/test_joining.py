"""Joining, splitting, repeating and reordering, against NumPy under every transformation."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check

import covector
from covector.numpy.joining import roll
from covector.primitives.arrays.indexing import embed_p
from covector.primitives.arrays.joining import concatenate_p, stack_p
from covector.testing.primitives import check_case

X = np.random.default_rng(1).normal(size=(2, 3, 4))
Y = np.random.default_rng(2).normal(size=(2, 3, 4))
W = np.random.default_rng(3).normal(size=(2, 1, 4))

FUNCTIONS = {
    "concatenate": (lambda x, y: np.concatenate([x, y, x]), X, Y),
    "concatenate axis": (lambda x, y: np.concatenate((x, y), axis=-2), X, W),
    "concatenate flat": (lambda x, y: np.concatenate((x, y), axis=None), X, W),
    "concatenate with a constant": (lambda x, y: np.concatenate([np.ones((1, 3, 4)), x, [[[2.0] * 4] * 3], y]), X, Y),
    "concatenate one": (lambda x: np.concatenate([x]) * x, X),
    "concatenate mixed dtypes": (lambda x, y: np.concatenate([x, y, np.arange(12).reshape(1, 3, 4)]), X, 1j * Y),
    "concatenate nonlinear": (lambda x, y: np.concatenate([x * y, y]) * np.concatenate([y, x]), X, Y),
    "stack": (lambda x, y: np.stack([x, y]), X, Y),
    "stack axis": (lambda x, y: np.stack((x, y, x), axis=-1), X, Y),
    "stack scalars": (lambda x, y: np.stack([x[0, 0, 0], y[0, 0, 0], 3.0]), X, Y),
    "stack with a constant": (lambda x, y: np.stack([np.zeros((2, 3, 4)), x, y * x], 2), X, Y),
    "vstack": (lambda x, y: np.vstack([x[0, 0], y[0]]), X, Y),
    "hstack": (lambda x, y: np.hstack([x, y[:, :1]]), X, Y),
    "hstack of vectors": (lambda x, y: np.hstack([x[0, 0], y[0, 0, 0]]), X, Y),
    "dstack": (lambda x, y: np.dstack([x[0], y[0]]), X, Y),
    "column_stack": (lambda x, y: np.column_stack([x[0, :, 0], y[0]]), X, Y),
    "block": (lambda x, y: np.block([[x[0], y[0]], [np.zeros((1, 8))]]), X, Y),
    "block of vectors": (lambda x, y: np.block([x[0, 0], y[0, 0], 2.0]), X, Y),
    "block of one": (lambda x: np.block(x) * np.block([[[x]]]), X),
    "append": (lambda x, y: np.append(x, y), X, W),
    "append axis": (lambda x, y: np.append(x, y, axis=1), X, W),
    "split": (lambda x: np.split(x, 2, axis=2), X),
    "split at": (lambda x: np.split(x, [1, 2], axis=1), X),
    "split beyond": (lambda x: np.split(x, [1, 7], axis=0), X),
    "array_split": (lambda x: np.array_split(x, 3, axis=-1), X),
    "array_split many": (lambda x: np.array_split(x, 5), X),
    "hsplit": (lambda x: np.hsplit(x, 3), X),
    "vsplit": (lambda x: np.vsplit(x, 2), X),
    "dsplit": (lambda x: np.dsplit(x, [3]), X),
    "flip": (np.flip, X),
    "flip axis": (lambda x: np.flip(x, 1), X),
    "flip axes": (lambda x: np.flip(x, (0, -1)), X),
    "fliplr, flipud": (lambda x: (np.fliplr(x), np.flipud(x)), X),
    "roll": (lambda x: np.roll(x, 5), X),
    "roll axis": (lambda x: np.roll(x, -1, axis=1), X),
    "roll axes": (lambda x: np.roll(x, (1, 3), axis=(0, 2)), X),
    "roll one shift": (lambda x: np.roll(x, 2, axis=(1, 2)), X),
    "roll several shifts": (lambda x: np.roll(x, (1, 1), axis=1), X),
    "roll traced": (lambda x, i: roll(x, i, axis=1) * x, X, np.array(2)),
    "roll traced flat": (lambda x, i: roll(x, i), X, np.array(-7)),
    "rot90": (lambda x: [np.rot90(x, k) for k in range(-1, 4)], X),
    "rot90 axes": (lambda x: np.rot90(x, 1, (2, 0)), X),
    "repeat": (lambda x: np.repeat(x, 3), X),
    "repeat axis": (lambda x: np.repeat(x, 2, axis=1), X),
    "repeat each": (lambda x: np.repeat(x, [1, 0, 3], axis=1), X),
    "tile": (lambda x: np.tile(x, 2), X),
    "tile fewer": (lambda x: np.tile(x, (2, 3)), X),
    "tile more": (lambda x: np.tile(x[0], (2, 1, 3)), X),
    "resize": (lambda x: np.resize(x, (5, 7)), X),
    "resize smaller": (lambda x: np.resize(x, 3), X),
    "unstack": (lambda x: np.unstack(x, axis=1) if hasattr(np, "unstack") else x, X),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, *args = FUNCTIONS[name]
    check(f, *args)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64, np.complex128, np.int16, np.bool_])
@pytest.mark.parametrize("name", ["concatenate", "stack axis", "hstack", "roll axes", "repeat each", "tile", "rot90"])
def test_dtype(name, dtype):
    f, *args = FUNCTIONS[name]
    check(f, *(a.astype(dtype) for a in args), order=1)


def test_empty():
    x, y = np.zeros((2, 0)), np.zeros((3, 0))
    check(lambda x, y: (np.concatenate([x, y]), np.stack([x, x]), np.roll(x, 1, 1), np.tile(x, 0)), x, y)
    check(lambda x: (np.repeat(x, 0), np.repeat(x, 0, axis=1), np.resize(x, 0), np.flip(x), np.split(x, [0], 1)), X)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64])
def test_concatenate_dtype(kind):
    f = lambda x, y: np.concatenate([x, y], dtype=kind, casting="same_kind")
    check(f, X.astype(np.float32), Y, order=1)
    check(lambda x: np.stack([x, x], dtype=kind), X, order=1)


ERRORS = {
    "concatenate nothing": lambda x: np.concatenate([]) + x,
    "concatenate shapes": lambda x: np.concatenate([x, x[:, :2]], axis=0),
    "concatenate ranks": lambda x: np.concatenate([x, x[0]]),
    "concatenate scalars": lambda x: np.concatenate([x[0, 0, 0], x[0, 0, 0]]),
    "concatenate axis": lambda x: np.concatenate([x, x], axis=3),
    "concatenate casting": lambda x: np.concatenate([x, x], dtype=np.int64),
    "stack shapes": lambda x: np.stack([x, x[0]]),
    "stack axis": lambda x: np.stack([x, x], axis=4),
    "block depths": lambda x: np.block([[x], x]),
    "block empty": lambda x: np.block([[x], []]),
    "block tuple": lambda x: np.block([(x, x)]),
    "split": lambda x: np.split(x, 2, axis=1),
    "array_split": lambda x: np.array_split(x, 0),
    "hsplit": lambda x: np.hsplit(x[0, 0, 0], 1),
    "vsplit": lambda x: np.vsplit(x[0, 0], 1),
    "dsplit": lambda x: np.dsplit(x[0], 1),
    "flip": lambda x: np.flip(x, 3),
    "flipud": lambda x: np.flipud(x[0, 0, 0]),
    "fliplr": lambda x: np.fliplr(x[0, 0]),
    "rot90": lambda x: np.rot90(x, 1, (0, 0)),
    "rot90 axes": lambda x: np.rot90(x, 1, (0, 3)),
    "rot90 number": lambda x: np.rot90(x, 1, (0, 1, 2)),
    "roll": lambda x: np.roll(x, 1, 3),
    "repeat negative": lambda x: np.repeat(x, -1),
    "repeat lengths": lambda x: np.repeat(x, [1, 2], axis=1),
    "repeat floats": lambda x: np.repeat(x, 1j),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


def test_out_is_refused():
    with pytest.raises(covector.errors.InPlaceWriteError, match="out="):
        covector.grad(lambda x: np.concatenate([x, x], out=np.zeros(6))[0])(np.ones(3))


def test_numbers_that_decide_a_shape_must_be_known():
    for f in (lambda x, n: np.repeat(x, n), lambda x, n: np.split(x, n)):
        with pytest.raises(covector.errors.ConcretizationError):
            covector.jit(f)(X[0, 0], 2)


def test_primitives():
    check_case(concatenate_p, (X, W, X), {"axis": 1})
    check_case(stack_p, (X, Y, X), {"axis": 2})
    check_case(stack_p, (1.0, np.float64(2.0)), {"axis": 0})
    check_case(embed_p, (X[0], X[:, 0, :2]), {"indices": ((1,), ((0, 4, 2), 2, (3, 1, -1))), "shape": (4, 3, 4)})


def test_a_constant_operand_leaves_no_zeros_behind():
    program = str(covector.linearize(lambda x: np.concatenate([x, np.ones(3), x * x]), np.ones(2))[1].jaxpr)
    assert "embed" in program and "concatenate" not in program
