"""Errors that arise inside of NumPy's functions, or of Python's indexing, say what the user can do."""

from __future__ import annotations

import numpy as np
import pytest

from covector import grad, jit, vmap
from covector.core import errors


def test_functions_that_go_by_another_argument_say_so() -> None:
    f = lambda p: np.sum(np.unwrap(np.array([0.0, 5.0, 3.0]), period=p))
    with pytest.raises(errors.InPlaceWriteError, match=r"np\.unwrap writes in place") as caught:
        grad(f)(4.0)
    assert "a + 0 * x" in str(caught.value) and "copyto" not in str(caught.value)
    moved = lambda p: np.sum(np.unwrap(np.array([0.0, 5.0, 3.0]) + 0 * p, period=p))
    assert (moved(4.0), grad(moved)(4.0)) == (f(4.0), -2.0)


def test_batched_mask_as_an_index_of_an_array() -> None:
    masks = np.ones((4, 3), bool)
    with pytest.raises(errors.TracerArrayConversionError, match=r"np\.where\(mask, a, other\) instead of a\[mask\]"):
        vmap(lambda x, m: np.sum(x[:, m]), (None, 0))(np.ones((2, 3)), masks)


@pytest.mark.parametrize("transform", [jit, lambda f: jit(vmap(f, (0, None)))])
def test_shapes_that_do_not_broadcast_are_told_with_the_line_and_the_lengths(transform) -> None:
    text = r"cannot be broadcast together\n  at test_advice.py:\d+ in <lambda>: .*\n  Why: .* 3 and 2"
    with pytest.raises(ValueError, match=text):
        transform(lambda x, y: x + np.ones(2) * y)(np.ones((3, 3)), 1.0)
