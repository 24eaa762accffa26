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


USES: dict[str, Any] = {
    "elements": lambda p: p * 2 + 1,
    "as one axis": lambda p: np.reshape(p, -1) * 2,
    "two axes merged": lambda p: np.reshape(p, (*p.shape[:-2], -1)) + 1,
    "turned": lambda p: p.T * 3,
    "sums": lambda p: (np.sum(p, axis=-1), np.sum(p, axis=0), np.sum(p)),
    "running sums": lambda p: np.cumsum(p, axis=-1),
    "elements of it": lambda p: p[..., np.array([1, 0])] + 1,
    "parts": lambda p: np.concatenate([p, p + 1], axis=-1) * 2,
    "a product": lambda p: np.einsum("...a,...a->...", p, p),
    "a loop's carry": lambda p: cv.lax.fori_loop(0, 2, lambda _, c: c + 1, p),
    "a loop's items": lambda p: cv.lax.scan(lambda c, x: (c + np.sum(x), x + 1), p.dtype.type(0), p),
    "itself": lambda p: (p, p + 1),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("spec", ["jlmn,lopq->jomnpq", "ij,ik->jk"])
def test_what_is_computed_of_products_that_lie_otherwise(use: str, spec: str) -> None:
    x, y = (whole_numbers(*shape).astype(float) for shape in OF_WINDOWS[spec])
    found = cv.jit(lambda x, y: USES[use](cnp.einsum(spec, x, y)), backend="native")(x, y)
    for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(USES[use](np.einsum(spec, x, y))), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(5, 4), (8, 17), (3, 9, 16)])
def test_carries_that_begin_transposed(shape: tuple[int, ...]) -> None:
    x = whole_numbers(*shape).astype(float)
    loop = cv.jit(lambda x: cv.lax.fori_loop(0, 3, lambda _, c: c + 1.0, x.T), backend="native")
    np.testing.assert_array_equal(loop(x), x.T + 3.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("depth", [64, 257])
def test_products_of_broadcast_operands(depth: int, dtype: Any) -> None:
    """Panels of them are copies of one element for each step."""
    x, v = whole_numbers(depth, 40).astype(dtype), whole_numbers(depth).astype(dtype)
    cases: list[Any] = [
        lambda x, v: x.T @ np.broadcast_to(v[:, None], (depth, 72)),
        lambda x, v: np.broadcast_to(v, (72, depth)) @ x,
        lambda x, v: np.einsum("kn,mk->nm", x, np.broadcast_to(v, (40, depth))),
        lambda x, v: x.T @ np.broadcast_to(v[0], (depth, 64)),
        lambda x, v: x.T[::-1] @ np.broadcast_to(v[:, None], (depth, 64)),
    ]
    for f in cases:
        np.testing.assert_array_equal(cv.jit(f, backend="native")(x, v), f(x.astype(int), v.astype(int)))
