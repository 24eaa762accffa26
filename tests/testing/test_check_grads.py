"""`check_grads` accepts right derivatives, and says of wrong ones in which mode, order and argument they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from covector import Primitive, elementwise, jointly
from covector.core.avals import ShapedArray
from covector.testing import check_grads


def wrong_primitive(name: str) -> Primitive:
    """Twice its argument, with a transpose that forgets the factor."""
    p = Primitive(name)
    p.def_impl(lambda x: 2 * x)
    p.def_abstract(lambda x: ShapedArray(x.shape, x.dtype))
    p.def_jvp(lambda primals, tangents: (p.bind(*primals), p.bind(*tangents)))
    p.def_transpose(lambda ct, x: (ct,), linear=jointly())
    return p


WRONG_SQUARE = elementwise("t_wrong_square", np.square, lambda out, x: 2.1 * x)
WRONG_CUBE = elementwise("t_wrong_cube", lambda x: x**3, lambda out, x: 3 * WRONG_SQUARE(x))
WRONG_TRANSPOSE = wrong_primitive("t_wrong_transpose")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_right_derivatives_pass_in_every_dtype(dtype: Any) -> None:
    x = np.array([0.5, -1.2, 2.0]).astype(dtype)
    check_grads(lambda x: np.sin(x) * x, (x,), order=2)


def test_right_derivatives_pass_to_order_four() -> None:
    check_grads(lambda x, y: x * np.exp(x * y), (0.5, np.array([0.3, -0.4])), order=4)


def test_trees_integers_and_complex_numbers() -> None:
    def f(tree: Any, n: Any) -> Any:
        return {"out": tree["a"] ** n * np.exp(tree["b"][0]), "n": n}

    check_grads(f, ({"a": np.array([0.5, 1.0]), "b": [1 + 2j, 3]}, np.array([2, 3])), order=2)


def test_functions_without_numbers_to_differentiate_pass() -> None:
    check_grads(lambda n: n + 1, (3,), order=2)
    check_grads(lambda x: np.zeros(2), (np.ones(3),), order=2)


def test_a_wrong_jvp_is_found_in_forward_mode_with_its_argument() -> None:
    with pytest.raises(
        AssertionError, match=r"forward mode of f disagrees with finite differences at order 1, in argument 1\['a'\]"
    ):

        def f(x: Any, tree: Any) -> Any:
            return np.sin(x) * WRONG_SQUARE(tree["a"])

        check_grads(f, (np.array([0.5, 1.0]), {"a": np.array([1.0, 2.0]), "b": 0.0}))


def test_the_message_shows_found_and_expected() -> None:
    with pytest.raises(AssertionError, match=r"found (-?[\d.]+), expected (-?[\d.]+)\n  found    f64\[\]"):
        check_grads(lambda x: WRONG_SQUARE(x), (np.float64(-4.0),))


def test_a_wrong_second_derivative_is_found_at_order_two() -> None:
    check_grads(lambda x: x**3, (2.0,), order=3)
    cube = elementwise("t_cube", lambda x: x**3, lambda out, x: 3 * np.where(x > 0, x * x, WRONG_SQUARE(x)))
    check_grads(cube, (2.0,), order=1)
    right_at_first_order = elementwise("t_square", np.square, lambda out, x: 2 * LYING_IDENTITY(x))
    check_grads(right_at_first_order, (2.0,), order=1)
    with pytest.raises(AssertionError, match=r"forward mode over forward mode of .* at order 2"):
        check_grads(right_at_first_order, (2.0,), order=2)


LYING_IDENTITY = elementwise("t_lying_identity", lambda x: x * 1.0, lambda out, x: 0.5)


def test_a_wrong_transpose_is_found_in_reverse_mode_alone() -> None:
    f = WRONG_TRANSPOSE.bind
    check_grads(f, (np.ones(3),), modes="fwd")
    with pytest.raises(AssertionError, match=r"reverse mode of .* disagrees with forward mode at order 1, in argument 0"):
        check_grads(f, (np.ones(3),))
    with pytest.raises(AssertionError, match=r"reverse mode of .* disagrees with finite differences at order 1"):
        check_grads(f, (np.ones(3),), modes=["rev"])


def test_tolerances_may_be_given() -> None:
    nearly = elementwise("t_nearly", np.sin, lambda out, x: np.cos(x) * 1.0001)
    with pytest.raises(AssertionError):
        check_grads(nearly, (np.ones(3),))
    check_grads(nearly, (np.ones(3),), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"modes": "both"}, ValueError, "modes are"),
        ({"modes": ()}, ValueError, "modes are"),
        ({"order": 0}, ValueError, "order"),
    ],
)
def test_bad_options_are_refused(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        check_grads(np.sin, (1.0,), **options)


def test_args_must_be_a_tuple() -> None:
    with pytest.raises(TypeError, match="args is a tuple"):
        check_grads(np.sin, 1.0)  # type: ignore[arg-type]
