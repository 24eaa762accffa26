"""Every rule of the primitives of reading and writing, in every dtype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

import covector
from covector.primitives.arrays import indexing, scatter
from covector.testing.primitives import check_case, check_primitive
from covector.testing.strategies import arrays

SHAPE = (3, 4, 2)
STATIC = [(), (1,), ((0, 3, 2),), (2, (3, None, -1)), ((0, 0, 1), 1), (0, 3, 1), ((1, 2, 1), (0, 4, 1), 1)]
DTYPES = [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble]


def values(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    v = rng.permutation(np.linspace(0.5, 2.5, int(np.prod(shape)))).reshape(shape)
    return (v * (1 + 0.5j) if np.dtype(dtype).kind == "c" else v).astype(dtype)


@pytest.mark.parametrize("index", STATIC, ids=str)
def test_static(index):
    x = values(SHAPE, np.float64)
    part = values(indexing.part_shape(index, SHAPE), np.float64, 1)
    check_case(indexing.slice_p, (x,), {"index": index})
    check_case(indexing.erase_p, (x,), {"index": index})
    check_case(indexing.embed_p, (part, part), {"indices": (index, index), "shape": SHAPE})
    check_case(indexing.update_slice_p, (x, part), {"index": index})
    check_case(indexing.add_slice_p, (x, part), {"index": index})


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    x, index = values(SHAPE, dtype), ((2, None, -1), 1)
    part = values((3, 2), dtype, 1)
    i, j = np.array([[2], [0]]), np.array([1, -1, 0])
    rows = values((2, 3, 2), dtype, 2)
    check_case(indexing.slice_p, (x,), {"index": index})
    check_case(indexing.erase_p, (x,), {"index": index})
    check_case(indexing.embed_p, (part,), {"indices": (index,), "shape": SHAPE})
    check_case(indexing.update_slice_p, (x, part), {"index": index})
    check_case(indexing.add_slice_p, (x, part), {"index": index})
    check_case(indexing.gather_p, (x, i, j))
    check_case(indexing.spread_p, (rows, i, j), {"shape": SHAPE})
    for p in WRITES:
        check_case(p, (x, rows, i, j))


WRITES = [scatter.scatter_p, scatter.scatter_add_p, scatter.scatter_mul_p, scatter.scatter_min_p, scatter.scatter_max_p]


@st.composite
def index_arrays(draw, lead):
    """Integer arrays that broadcast together, for the leading axes of an array; places may be named repeatedly."""
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2), (0,)]))
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    own = [tuple(1 if draw(st.booleans()) else m for m in shape) if k and 0 not in shape else shape for k in range(len(lead))]
    return [rng.integers(-n, n, size=s) for n, s in zip(lead, own, strict=True)]


@st.composite
def writes(draw):
    shape = (3, 2, 2)[: draw(st.integers(1, 3))]
    indices = draw(index_arrays(shape[: draw(st.integers(1, len(shape)))]))
    update = (*np.broadcast_shapes(*map(np.shape, indices)), *shape[len(indices) :])
    size = int(np.prod(shape)) + int(np.prod(update))
    distinct = np.random.default_rng(draw(st.integers(0, 1000))).permutation(np.linspace(0.5, 3, size))
    return distinct[: int(np.prod(shape))].reshape(shape), distinct[int(np.prod(shape)) :].reshape(update), *indices


@pytest.mark.parametrize("primitive", WRITES, ids=str)
def test_scatter(primitive):
    check_primitive(primitive, writes(), max_examples=25)


def test_gather():
    check_primitive(indexing.gather_p, writes().map(lambda args: (args[0], *args[2:])), max_examples=40)


def test_spread():
    cases = writes().map(lambda args: ((args[1], *args[2:]), {"shape": args[0].shape}))
    check_primitive(indexing.spread_p, cases, max_examples=40)


def test_slice_of_any_values():
    check_primitive(indexing.slice_p, arrays(shape=SHAPE).map(lambda x: ((x,), {"index": (1, (0, 4, 3))})), max_examples=20)


@pytest.mark.parametrize("lead", [(3,), (3, 4)])
def test_last_write(lead):
    rng = np.random.default_rng(0)
    for shape in ((), (1,), (6,), (2, 3), (0,)):
        indices = [rng.integers(-n, n, size=shape) for n in lead]
        places = [tuple(int(i.flat[k]) % n for i, n in zip(indices, lead, strict=True)) for k in range(int(np.prod(shape)))]
        expected = [p not in places[k + 1 :] for k, p in enumerate(places)]
        np.testing.assert_array_equal(scatter.last_write_p.bind(*indices, shape=lead).reshape(-1), expected)
        check_case(scatter.last_write_p, indices, {"shape": lead}, differentiable=False)


def test_adding_at_is_right_for_any_order_in_memory():
    x = np.zeros(SHAPE, order="F")
    i = np.array([0, 2, 0])
    indexing.apply_at(np.add, x, (i,), np.ones((3, 4, 2)))
    assert x[0, 0, 0] == 2 and x[2, 3, 1] == 1 and x[1].sum() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: indexing.slice_p.bind(x, index=(3,)),
        lambda x: indexing.slice_p.bind(x, index=(0, 0, 0, 0)),
        lambda x: indexing.update_slice_p.bind(x, np.ones((3, 2)), index=(1,)),
        lambda x: indexing.add_slice_p.bind(x, np.ones((4, 2), np.float32), index=(1,)),
        lambda x: indexing.embed_p.bind(x, indices=((1,),), shape=SHAPE),
        lambda x: indexing.gather_p.bind(x, np.array([0, 1]), np.array([0, 1, 2])),
        lambda x: indexing.gather_p.bind(x, np.array([0.0])),
        lambda x: indexing.spread_p.bind(x, np.array([0, 1]), shape=SHAPE),
        lambda x: scatter.scatter_p.bind(x, np.ones((2, 4)), np.array([0, 1])),
        lambda x: indexing.clear_p.bind(x, np.array([0, 1]), np.array([0, 1, 2])),
        lambda x: indexing.clear_p.bind(x, np.array([0.0])),
        lambda x: indexing.erase_p.bind(x, index=(3,)),
        lambda x: scatter.last_write_p.bind(np.array([0, 1]), np.array([0, 1, 2]), shape=SHAPE[:2]),
    ],
)
def test_abstract_rules_check(call):
    with pytest.raises((IndexError, ValueError)):
        covector.make_jaxpr(call)(values(SHAPE, np.float64))
