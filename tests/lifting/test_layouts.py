"""Which part of an array a view shows, found from memory alone: chains of NumPy's view functions on arrays in every order."""

import random

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from covector.core.memory import copy_with_gaps
from covector.lifting.views import indexed, laid_out, layout_of, shown, strides_of, transposed, whole

ORDERS = {
    "C": lambda a: a,
    "F": np.asfortranarray,
    "gaps": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1],
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
}


def some_view(r, a):
    """A view of an array, or a copy where NumPy makes one; the same for arrays of the same shape and order."""
    n = a.ndim
    keys = [slice(None), slice(None, None, -1), slice(1, None, 2), None, 0]
    key = tuple(r.choice(keys[: 5 if length else 4]) for length in a.shape)
    choices = [
        lambda: a.T,
        lambda: a[key],
        lambda: a.reshape(-1),
        lambda: a.reshape(-1, order="F"),
        lambda: a.reshape(2, -1) if a.size % 2 == 0 else a,
        lambda: np.diagonal(a) if n > 1 else a,
        lambda: np.expand_dims(a, 0),
        lambda: np.squeeze(a),
        lambda: np.moveaxis(a, 0, -1) if n else a,
        lambda: sliding_window_view(a, 2, axis=-1) if n and a.shape[-1] > 2 else a,
    ]
    return r.choice(choices)()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [float, complex])
def test_chains_of_views(order, dtype):
    r = random.Random(0)
    for _ in range(400):
        shape = tuple(r.choice([1, 2, 3, 4]) for _ in range(r.randint(1, 3)))
        array = ORDERS[order](np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape).astype(dtype))
        layout = layout_of(array.shape, strides_of(array), dtype is complex)
        part, seen = array, layout.array
        for _ in range(r.randint(1, 3)):
            state = r.getstate()
            part = some_view(r, part)
            r.setstate(state)
            seen = some_view(r, seen)
        if dtype is complex and r.random() < 0.5:
            part, seen = part.imag, seen.imag
        view = shown(seen, layout)
        assert (view is not None) == (part.size > 0 and np.may_share_memory(part, array))
        if view is not None:
            np.testing.assert_array_equal(view.read(array), part)
            assert [s for s, n in zip(laid_out(view, layout).strides, part.shape, strict=True) if n > 1] == [
                s for s, n in zip(seen.strides, part.shape, strict=True) if n > 1
            ]
            if part.flags.writeable:
                new = np.cos(np.arange(part.size)).reshape(part.shape)
                written = view.write(array.copy(order="K"), new)
                part[...] = new
                np.testing.assert_array_equal(written, array)


def test_indices_and_axes_are_composed_without_memory():
    array = np.arange(24.0).reshape(2, 3, 4)
    view = indexed(transposed(indexed(whole((2, 3, 4)), (slice(None), slice(None, None, -2))), (2, 0, 1)), (slice(1, 3), None))
    np.testing.assert_array_equal(view.read(array), array[:, ::-2].transpose(2, 0, 1)[1:3, None])
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 2 with size 4"):
        indexed(whole((2, 3, 4)), (0, 0, 4))
    with pytest.raises(IndexError, match="array is 1-dimensional, but 2 were indexed"):
        indexed(whole((3,)), (0, 0))


def test_only_memory_of_the_array_is_read():
    layout = layout_of((4,), (1,), False)
    beyond = as_strided(layout.array, (3,), (2,))
    with pytest.raises((ValueError, TypeError)):
        shown(beyond, layout).read(np.arange(4.0))


@pytest.mark.parametrize("order", ORDERS)
def test_a_copy_with_gaps_lies_in_memory_alike(order):
    for shape in [(5,), (3, 4), (2, 3, 4), (1, 3), (3, 1, 2)]:
        array = ORDERS[order](np.arange(float(np.prod(shape))).reshape(shape))
        copy = copy_with_gaps(array)
        np.testing.assert_array_equal(copy, array)
        assert not np.may_share_memory(copy, array)
        assert (copy.flags.c_contiguous, copy.flags.f_contiguous) == (array.flags.c_contiguous, array.flags.f_contiguous)
        for act in (lambda a: a.reshape(-1), lambda a: a.T.reshape(-1), lambda a: a[1:].reshape(-1)):
            assert np.may_share_memory(act(copy), copy) == np.may_share_memory(act(array), array)
