"""Bounds of ``randint`` that its dtype does not have: it draws what the dtype has of the interval, with JAX's bits."""

import numpy as np
import pytest

import covector as cv
from covector import errors, random

KEY = random.key(0)
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]

OF_JAX = [  # of JAX 0.10.2, for key(0)
    (-1, 3, "uint8", [1, 0, 2, 1]),
    (250, 300, "uint8", [251, 250, 252, 251]),
    (10, 300, "int8", [123, 36, 110, 29]),
    (0, 300, "uint8", [101, 80, 200, 61]),
    (-129, 128, "int8", [-27, -48, 72, -67]),
    (300, 400, "uint8", [255, 255, 255, 255]),
    (-5, 5, "uint16", [4, 0, 2, 3]),
    (-1, 3, "uint32", [1, 0, 2, 1]),
    (-3, 2**32 + 5, "uint32", [31327077, 89727312, 2497208264, 1554082365]),
    (-1, 3, "uint64", [0, 2, 2, 2]),
]


@pytest.mark.parametrize(("low", "high", "dtype", "expected"), OF_JAX)
def test_the_values_are_those_of_jax(low, high, dtype, expected):
    assert random.randint(KEY, 4, low, high, dtype).tolist() == expected
    assert cv.jit(lambda a, b: random.randint(KEY, 4, a, b, dtype))(low, high).tolist() == expected


def bounds(dtype):
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return [
        (3, 9),
        (least, most + 1),
        (least - 5, least + 3),
        (most - 3, most),
        (most - 3, most + 40),
        (least - 9, most + 9),
        (least - 9, least - 3),
        (most + 3, most + 9),
        (7, 2),
    ]


def has(dtype, *numbers):
    return all(np.iinfo(dtype).min <= x <= np.iinfo(dtype).max for x in numbers)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_way_to_give_bounds_draws_the_same(dtype):
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    draw = lambda low, high: random.randint(KEY, 400, low, high, dtype)
    for low, high in bounds(dtype):
        expected = draw(low, high)
        first, end = max(min(low, most), least), max(min(high, most + 1), least)
        assert expected.min() >= first
        assert int(expected.max()) < max(end, first + 1)
        if end - first < 10:
            assert set(expected.tolist()) == set(range(first, max(end, first + 1)))
        for own in TYPES:
            if has(own, low, high):
                a, b = np.array(low, own), np.array(high, own)
                batched = cv.vmap(draw)(np.stack([a, a]), np.stack([b, b]))
                for found in (draw(a, b), cv.jit(draw)(a, b), *batched):
                    np.testing.assert_array_equal(found, expected, strict=True)


def test_bounds_of_small_types_are_evenly_drawn():
    drawn = random.randint(KEY, 40_000, 0, 300, np.uint8)
    assert abs(np.mean(drawn < 44) - 44 / 256) < 0.01


def test_bounds_that_are_real_numbers():
    draw = lambda high: random.randint(KEY, 3, -4.0, high, np.uint8)
    assert draw(9.0).tolist() == cv.jit(draw)(9.0).tolist() == random.randint(KEY, 3, 0, 9, np.uint8).tolist()
    assert draw(np.inf).tolist() == draw(1e300).tolist() == random.randint(KEY, 3, 0, 256, np.uint8).tolist()
    for wrong in (2.5, np.nan):
        with pytest.raises(ValueError, match="randint takes bounds that are whole numbers"):
            draw(wrong)
        with pytest.raises(IndexError):
            cv.jit(draw)(wrong)
    with pytest.raises(errors.ArgumentError, match=r"randint got a bound of type (weak_)?c128\[\]"):
        draw(1j)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(), (2,)])
def test_traced_bounds_do_not_warn_of_an_overflow(shape):
    draw = lambda low, high: random.randint(KEY, shape, low, high)
    for low, high in ((-3, 100), (9, 3), (-(2**63), 2**63 - 1)):
        np.testing.assert_array_equal(cv.jit(draw)(low, high), draw(low, high))
