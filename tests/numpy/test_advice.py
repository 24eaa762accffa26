"""Errors that arise inside of NumPy's functions, or of Python's indexing, say what the user can do."""

from __future__ import annotations

import numpy as np
import pytest

import covector
from covector import grad, jit, vmap
from covector.core import errors
from covector.core.noise import INSTEAD


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


RNG = np.random.default_rng(0)
MINE = {"draws": RNG}
X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("transform", [jit, grad])
@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x[1.0], IndexError, r"valid indices\n  at test_advice.py:\d+ in <lambda>: .*\n  Why: the number 1\.0"),
        (lambda x: x[np.float64(1)], IndexError, "int\\(i\\) where a whole number is meant"),
        (lambda x: x[np.ones(2)], IndexError, "an array of dtype float64 was used as an index"),
        (lambda x: x[x], IndexError, r"i\.astype\(int\) where whole numbers are meant"),
        (lambda x: x["a"], IndexError, "'a' of type str was used as an index"),
        (lambda x: x[1.0:], TypeError, r"the slice slice\(1\.0, None, None\) was used"),
        (lambda x: np.mean([x[0], x[1]]), TypeError, r"np\.mean\(np\.stack\(\[\.\.\.\]\)\)"),
        (lambda x: np.exp([[x[0], x[1]], [1.0, 2.0]]), TypeError, "NumPy asks a list, not its elements"),
        (lambda x: np.linalg.norm([v * v for v in x]), TypeError, r"np\.linalg\.norm\(np\.stack\(\[\.\.\.\]\)\)"),
        (lambda x: [x[0], x[1]] * np.ones(2), TypeError, "np.stack the list before"),
        (lambda x: RNG.normal(x[0]), TypeError, r"loc \+ scale \* covector\.random\.normal\(key, shape\)"),
        (lambda x: MINE["draws"].normal(x), TypeError, "np.stack|covector.random"),
        (lambda x: np.random.uniform(0, x), TypeError, r"covector\.random\.uniform\(key, shape\)"),
        (lambda x: RNG.shuffle(x), TypeError, r"x = covector\.random\.permutation\(key, x\)"),
        (lambda x: RNG.vonmises(x, 1.0), TypeError, "draw noise that depends on nothing traced"),
    ],
)
def test_what_to_write_instead(transform, call, error, text) -> None:
    with np.testing.suppress_warnings() as quiet, pytest.raises(error, match=text):
        quiet.filter(UserWarning)
        transform(call)(X)


def test_generators_are_known_under_any_name() -> None:
    draws = np.random.RandomState(0)
    for call in (lambda x: draws.gamma(x), lambda x: draws.standard_gamma(x)):
        with pytest.raises(errors.TracerArrayConversionError, match=r"covector\.random\.gamma\(key, a, shape\)"):
            grad(call)(2.0)


def test_a_number_that_is_no_integer_as_an_integer() -> None:
    for f in (lambda x: [1, 2, 3][x], lambda x: sum(range(x))):
        with pytest.raises(errors.ArgumentError, match=r"of type weak_f64\[\] was used as an integer"):
            grad(f)(1.0)


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_written_instead_of_a_method_of_random_generators_is_right(name) -> None:
    assert hasattr(np.random.Generator, name) or hasattr(np.random, name)
    values = {
        "covector": covector, "np": np, "key": covector.random.key(0), "shape": (3,), "low": 0, "high": 5, "loc": 1.0,
        "scale": 2.0, "x": np.arange(4.0), "a": np.arange(2) if name == "choice" else 2.0, "b": 3.0, "n": 5, "df": 3.0,
        "p": 0.3 if name in ("binomial", "geometric") else np.array([0.2, 0.8]), "dfnum": 2.0, "dfden": 3.0,
        "alpha": np.ones(3),
        "mean": 1.0 if name in ("wald", "lognormal") else np.zeros(3), "cov": np.eye(3), "lam": 2.0, "left": 0.0, "mode": 1.0,
        "right": 2.0, "sigma": 1.0,
    }  # fmt: skip
    assert np.all(np.isfinite(eval(INSTEAD[name].removeprefix("x = "), values)))
