"""Arrays whose axes follow each other in memory in any order: what NumPy copies, shows, or refuses to show."""

from __future__ import annotations

import random
from itertools import permutations, product

import numpy as np
import pytest

import covector as cv
from covector.core.errors import CovectorError
from covector.lifting.views import indexed, laid_out, layout_of, strides_by_outer_axes, telling_strides, transposed, whole


def in_order(axes):
    return lambda a: a.transpose(axes).copy().transpose(np.argsort(axes))


ORDERS = {str(axes): in_order(axes) for axes in permutations(range(3))} | {
    "gaps": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "rows": lambda a: np.repeat(a, 2, 0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
}
STARTS = "y = x; y = x * 1.0; y = x.copy('K'); y = np.exp(x)[:, ::-1]; y = np.cumsum(x, 0); y = x.T; y = np.array(p, order='K')"
RESHAPED = [
    f"{what}(-1, order={order!r}, copy={copy})"
    for what, order, copy in product(("y.reshape", "y[:, 1].reshape", "y[..., 0].T.reshape"), "CFA", (False, None))
]
RESHAPED += [f"np.reshape(y, (len(y), -1), copy={copy})" for copy in (True, False, None)]
RESHAPED += [f"{text}({order!r})" for text, order in product(("y.ravel", "y[1].ravel", "y.flatten", "y.copy"), "CFAK")]
CONVERTED = [
    f"np.{name}(y, order={order!r}, copy={copy})"
    for name, order, copy in product(("array", "asarray"), "CFAK", (True, False, None))
]
CONVERTED += [
    f"y.astype({dtype}, {order!r}, copy={copy})" for dtype, order, copy in product(("float", "'f4'"), "CFAK", (True, False))
]
CONVERTED += [f"np.asarray(y, 'f4', copy={copy})" for copy in (True, False, None)] + ["np.ascontiguousarray(y)"]
RUN = {
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: [o[0] for o in cv.vmap(f)(np.stack([x, x]))],
}
X = np.arange(1.0, 25.0).reshape(2, 3, 4) / 7


def outcome(act):
    try:
        return act()
    except Exception as error:
        return error


@pytest.mark.parametrize("text", RESHAPED + CONVERTED)
def test_a_write_is_seen_where_numpy_shows_the_memory(text):
    names = {"np": np}
    for start in STARTS.split("; "):
        exec(f"def f(x):\n    {start}\n    v = {text}\n    v[(0,) * v.ndim] = 9.0\n    return y * 1.0, v * 1.0", names)
        f = names["f"]
        for order, lay in ORDERS.items():
            names["p"] = lay(X)
            wanted = outcome(lambda f=f, lay=lay: f(lay(X.copy())))
            for run in RUN if order == "(0, 1, 2)" else ("jvp", "jit"):
                found = outcome(lambda f=f, lay=lay, run=run: RUN[run](cv.lift(f), lay(X.copy())))
                what = (start, order, run, wanted, found)
                if isinstance(found, Exception):  # under jit nothing is known of the order of an argument
                    is_known = run != "jit" and "cumsum" not in start
                    assert isinstance(found, type(wanted) if is_known else (CovectorError, type(wanted))), what
                else:
                    assert not isinstance(wanted, Exception), what
                    for a, b in zip(found, wanted, strict=True):
                        np.testing.assert_allclose(a, b, err_msg=str(what))


def test_a_reshape_without_a_copy_where_the_order_is_not_known():
    def f(x):
        return np.reshape(np.stack([x, x], -1)[:, 1], -1, copy=False)

    x = np.arange(9.0).reshape(3, 3)[:, [0, 0, 0]].T  # the copies are between the rows in memory
    broadcast = np.broadcast_to(x[:1, :, None], (3, 3, 1))
    np.testing.assert_array_equal(cv.jit(cv.lift(f))(broadcast), f(broadcast))


KEYS = [slice(None)] * 3 + [slice(None, None, s) for s in (-1, 2, -2)] + [slice(1, None, 2), slice(0, 1), slice(1, 3), None, 0]


def possible_strides(shape):
    """The strides that an array may have: its axes in any order in memory and in any direction, packed and with gaps."""
    for order, gap in product(permutations(range(len(shape))), (1, 2)):
        packed = np.cumprod([gap, *[shape[i] for i in order]])[np.argsort(order)]
        for signs in product((1, -1), repeat=len(shape)):
            yield tuple((packed * signs).tolist())


def test_three_orders_tell_as_much_as_all():
    r = random.Random(0)
    both = 0
    for _ in range(400):
        shape = tuple(r.choice([1, 2, 3, 4]) for _ in range(r.randint(2, 4)))
        view = whole(shape)
        for _ in range(r.randint(0, 2)):
            n = len(view.shape)
            view = transposed(view, tuple(r.sample(range(n), n)))
            view = indexed(view, tuple(r.choice(KEYS[: 10 if k < 2 else 11]) for k in view.shape)) or view
        if not np.prod(view.shape):
            continue
        parts = r.choice([k for k in range(1, 1 + int(np.prod(view.shape))) if np.prod(view.shape) % k == 0])

        order = r.choice("CF")

        def kinds(strides, shape=shape, view=view, new=(parts, -1), order=order):
            layouts = [layout_of(shape, s, False) for s in strides]
            return {np.may_share_memory(laid_out(view, a).reshape(new, order=order), a.memory) for a in layouts}

        told = kinds(telling_strides(view, shape))
        assert told == kinds(possible_strides(shape)), (shape, view.axes, view.order, parts)
        both += len(told) == 2
    assert both > 100


def some_part(r, shape):
    slices = (slice(r.randrange(n), None if r.random() < 0.3 else r.randint(1, n), r.choice((1, 1, 2))) for n in shape)
    return tuple(s if r.random() < 0.6 else s.start for s in slices)


def test_two_outer_axes_tell_whether_ranges_in_memory_overlap():
    r = random.Random(0)
    both = 0
    for _ in range(500):
        shape = tuple(r.randint(1, 4) for _ in range(r.randint(0, 4)))
        one, other = some_part(r, shape), some_part(r, shape)
        if np.shares_memory(np.empty(shape)[one], np.empty(shape)[other]):
            continue

        def kinds(strides, shape=shape, one=one, other=other):
            arrays = [layout_of(shape, s, False).array for s in strides]
            return {np.may_share_memory(a[one], a[other]) for a in arrays}

        told = kinds(strides_by_outer_axes(shape))
        assert told == kinds(possible_strides(shape)), (shape, one, other)
        both += len(told) == 2
    assert both > 30
