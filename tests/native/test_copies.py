"""Products of operands whose neighbours lie along another letter: whole numbers, of which every sum is exact, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
import covector.numpy as cnp

SPECS = """
    ij,kj->ik ij,kj->ki bij,bkj->bik bijt,bkjt->bik bijt,bktj->bik bqhd,bkhd->bhqk ji,kj->ik
""".split()
SIDES = [(3, 3), (4, 5), (8, 8), (9, 12), (16, 23), (40, 301)]


def whole_numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).integers(-8, 8, shape)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("size", SIDES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_operands_that_lie_otherwise(spec: str, size: tuple[int, int], dtype: Any) -> None:
    operands, _ = spec.split("->")
    if len(operands) > 5 and max(size) > 100:
        size = (33, 70)
    lengths = {"i": size[0], "q": size[0], "k": size[1], "j": size[1] + 1, "d": size[1] + 1, "b": 2, "h": 2, "t": 3}
    x, y = (whole_numbers(*(lengths[c] for c in term)).astype(dtype) for term in operands.split(","))
    product = cv.jit(lambda x, y: cnp.einsum(spec, x, y), backend="native")
    wanted = np.einsum(spec, x.astype(int), y.astype(int))
    np.testing.assert_array_equal(product(x, y), wanted)
    turned = cv.jit(lambda x, y: cnp.einsum(spec, x.T.copy().T, y * 2.0), backend="native")
    np.testing.assert_array_equal(turned(x, y), 2 * wanted)


OF_WINDOWS = {
    "jlmn,lopq->jomnpq": ((2, 16, 11, 9), (16, 8, 3, 3)),
    "jlmnop,jqmn->qlop": ((3, 8, 11, 9, 3, 2), (3, 17, 11, 9)),
    "jlm,jm->l": ((3, 2, 70), (3, 70)),
    "ij,ik->jk": ((300, 33), (300, 5)),
    "ji,ik->jk": ((40, 60), (60, 2)),
}


@pytest.mark.parametrize("spec", OF_WINDOWS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_beside_short_axes(spec: str, dtype: Any) -> None:
    x, y = (whole_numbers(*shape).astype(dtype) for shape in OF_WINDOWS[spec])
    wanted = np.einsum(spec, x.astype(int), y.astype(int))
    np.testing.assert_array_equal(cv.jit(lambda x, y: cnp.einsum(spec, x, y), backend="native")(x, y), wanted)
    np.testing.assert_array_equal(cv.jit(lambda x, y: cnp.einsum(spec, x * 2, y) - 1, backend="native")(x, y), 2 * wanted - 1)


@pytest.mark.parametrize("shape", [(5, 4), (8, 17), (3, 9, 16)])
def test_carries_that_begin_transposed(shape: tuple[int, ...]) -> None:
    x = whole_numbers(*shape).astype(float)
    loop = cv.jit(lambda x: cv.lax.fori_loop(0, 3, lambda _, c: c + 1.0, x.T), backend="native")
    np.testing.assert_array_equal(loop(x), x.T + 3.0)
