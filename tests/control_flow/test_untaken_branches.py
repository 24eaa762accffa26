"""What was not chosen is not computed: no NaN, no warning, no work, in any derivative of any batch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from transformed import close, loop_over_examples

import covector as cv
from covector import lax


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Every floating-point warning is an error."""
    with np.errstate(all="raise"):
        yield


def chain(x: Any) -> Any:
    return lax.cond(x > 1.0, lambda x: np.log(x - 1.0), lambda x: np.log(x), x)


def chain_by_hand(x: Any) -> Any:
    return np.log(x - 1.0) if x > 1.0 else np.log(x)


def roots(x: Any) -> Any:
    """Ends with x, reduced by steps that would take the root of a negative number if they went on."""
    return lax.while_loop(lambda v: v > 1.0, lambda v: np.sqrt(v - 1.0) + 0.3 * np.log(v), x)


def roots_by_hand(x: Any) -> Any:
    while x > 1.0:
        x = np.sqrt(x - 1.0) + 0.3 * np.log(x)
    return x


# By name: the branches by hand, and the choice between them.
CHOICES: dict[str, tuple[Any, Any, Any]] = {}


def choice(name: str, true: Any, false: Any, make: Any = None) -> None:
    CHOICES[name] = (true, false, make or (lambda x: lax.cond(x > 0, true, false, x)))


choice("log", lambda x: np.log(x), lambda x: 0.0)
choice("sqrt", lambda x: np.sqrt(x) * x, lambda x: x)
choice("divide", lambda x: 1.0 / x, lambda x: x * x)
choice("both", lambda x: np.log(x), lambda x: np.sqrt(-x) + np.log(1.0 - x))
choice("nested", chain_by_hand, lambda x: np.log(-x), lambda x: lax.cond(x > 0, chain, lambda x: np.log(-x), x))
choice(
    "switch", lambda x: np.log(x), lambda x: x * x, lambda x: lax.switch(np.where(x > 0, 7, -7), [lambda x: x * x, np.log], x)
)
choice("closed over", np.log, lambda x: x / 3, lambda x: lax.cond(x > 0, lambda: np.log(x), lambda: x / 3))


def _through_a_helper(x: Any) -> Any:
    pair = {"x": (x, 2.0)}
    scaled = lambda: np.sqrt(pair["x"][0]) * pair["x"][1]
    return lax.cond(x > 0, lambda: scaled(), partial(np.multiply, x, 3.0))


class _Model:
    x: Any


def _through_an_attribute(x: Any) -> Any:
    model = _Model()
    model.x = x
    return lax.cond(x > 0, lambda: cv.jit(lambda y: np.log(y) + np.log(model.x))(model.x), lambda: model.x**2)


choice("got from an attribute", lambda x: 2.0 * np.log(x), lambda x: x**2, _through_an_attribute)
choice("a loop", roots_by_hand, np.square, lambda x: lax.cond(x > 0, roots, np.square, x))
choice("closed over by helpers", lambda x: np.sqrt(x) * 2.0, lambda x: x * 3.0, _through_a_helper)


def by_hand(name: str) -> Any:
    true, false, _ = CHOICES[name]
    return lambda x: true(x) if x > 0 else false(x)


def slope(f: Any) -> Any:
    return lambda x: cv.jvp(f, (x,), (1.0,))[1]


DERIVATIVES = {
    "value": lambda f: f,
    "grad": cv.grad,
    "jvp": slope,
    "grad of grad": lambda f: cv.grad(cv.grad(f)),
    "jvp of grad": lambda f: slope(cv.grad(f)),
    "grad of jvp": lambda f: cv.grad(slope(f)),
}
POINTS = {"mixed": [2.0, -1.5, 0.5, -0.5], "true": [2.0, 1.5, 0.5, 0.6], "false": [-2.0, -1.5, -0.5, -0.6]}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("kind", POINTS)
def test_cond(name: str, derivative: str, kind: str):
    transform, points = DERIVATIVES[derivative], np.array(POINTS[kind])
    f = transform(CHOICES[name][2])
    expected = loop_over_examples(transform(by_hand(name)), [True])(points)[0]
    close(cv.vmap(f)(points), expected, "vmap")
    close(cv.jit(cv.vmap(f))(points), expected, "jit of vmap")
    close(cv.vmap(cv.jit(f))(points), expected, "vmap of jit")
    close(cv.vmap(cv.vmap(f))(points.reshape(2, 2)), expected.reshape(2, 2), "vmap of vmap")
    close(cv.jit(cv.vmap(cv.vmap(f)))(points.reshape(2, 2)), expected.reshape(2, 2), "jit of vmap of vmap")
    close([cv.jit(f)(x) for x in points], list(expected), "jit")


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("kind", POINTS)
def test_gradient_of_a_batch_of_conds(name: str, kind: str):
    check_gradients_of_a_batch(CHOICES[name][2], by_hand(name), np.array(POINTS[kind]))


def check_gradients_of_a_batch(f: Any, g: Any, points: Any) -> None:
    first, second = (np.array([h(x) for x in points]) for h in (cv.grad(g), cv.grad(cv.grad(g))))
    total = lambda xs: np.sum(cv.vmap(f)(xs))
    for h in (total, cv.jit(total)):
        gradient = cv.grad(h)
        close(gradient(points), first, "grad of vmap")
        close(cv.jit(gradient)(points), first, "jit of grad of vmap")
        close(cv.jvp(gradient, (points,), (np.ones_like(points),))[1], second, "jvp of grad of vmap")
        close(cv.grad(lambda xs, gradient=gradient: np.sum(gradient(xs)))(points), second, "grad of grad of vmap")
        close(cv.vmap(gradient)(np.stack([points, points])), np.stack([first, first]), "vmap of grad of vmap")


BATCHES = {"different": [0.5, 1.7, 30.0, 0.2, 6.0], "no steps": [0.5, 0.2, 0.9], "some": [30.0, 6.0], "empty": []}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("batch", BATCHES)
def test_while_with_other_numbers_of_steps(batch: str, derivative: str):
    transform, points = DERIVATIVES[derivative], np.array(BATCHES[batch])
    expected = np.array([transform(roots_by_hand)(x) for x in points])
    f = transform(roots)
    close(cv.vmap(f)(points), expected, "vmap")
    close(cv.jit(cv.vmap(f))(points), expected, "jit of vmap")
    close(cv.vmap(cv.jit(f))(points), expected, "vmap of jit")
    both, expected = np.stack([points, points[::-1]]), np.stack([expected, expected[::-1]])
    close(cv.vmap(cv.vmap(f))(both), expected, "vmap of vmap")
    close(cv.jit(cv.vmap(cv.vmap(f)))(both), expected, "jit of vmap of vmap")


@pytest.mark.parametrize("batch", BATCHES)
def test_gradient_of_a_batch_of_whiles(batch: str):
    check_gradients_of_a_batch(roots, roots_by_hand, np.array(BATCHES[batch]))


def test_while_in_scan_in_vmap():
    """Each step of each example has its own number of inner steps."""

    def f(a: Any, xs: Any) -> Any:
        c, ys = lax.scan(lambda c, x: (roots(c + x) * a, c), 0.5, xs)
        return c + np.sum(ys)

    def reference(a: Any, xs: Any) -> Any:
        c, total = 0.5, 0.0
        for x in xs:
            total = total + c
            c = roots_by_hand(c + x) * a
        return c + total

    a, xs = np.array([0.9, 1.3, 0.4]), np.array([[0.1, 5.0, 0.2], [9.0, 0.1, 3.0], [0.0, 0.1, 0.2]])
    for transform in (lambda f: f, lambda f: cv.grad(f, (0, 1)), lambda f: cv.jacfwd(cv.grad(f, (0, 1)), (0, 1))):
        expected = loop_over_examples(transform(reference), [True, True])(a, xs)
        close(cv.vmap(transform(f))(a, xs), expected, "vmap")
        close(cv.jit(cv.vmap(transform(f)))(a, xs), expected, "jit of vmap")


@pytest.mark.parametrize("staged", [False, True])
def test_batches_of_no_examples(staged: bool):
    f = lambda x: lax.cond(np.sum(x) > 0, lambda x: np.log(x), lambda x: x, x)
    wrap = cv.jit if staged else lambda f: f
    empty = np.zeros((0, 3))
    for g, shape in ((f, (0, 3)), (cv.grad(lambda x: np.sum(f(x))), (0, 3)), (cv.jacfwd(f), (0, 3, 3))):
        found = wrap(cv.vmap(g))(empty)
        assert (found.shape, found.dtype) == (shape, np.float64)
    assert wrap(cv.grad(lambda xs: np.sum(cv.vmap(f)(xs))))(empty).shape == (0, 3)


def test_a_branch_that_calls_itself_keeps_its_closure():
    def f(x: Any) -> Any:
        def power(n: int) -> Any:
            return x if n == 0 else x * lax.cond(x > 0, lambda: power(n - 1), lambda: 1.0)

        return lax.cond(x > 0, lambda: power(2), lambda: np.log(-x))

    xs = np.array([2.0, -3.0])
    close(cv.vmap(f)(xs), np.array([8.0, np.log(3.0)]), "value")
    close(cv.vmap(cv.grad(f))(xs), np.array([12.0, -1 / 3.0]), "gradient")


def test_no_gradient_through_a_closed_over_singularity():
    """0 times infinity, had the logarithm of 0 been taken before the choice."""
    f = lambda x: lax.cond(x > 0, lambda: np.log(x), lambda: x * 2.0)
    assert cv.grad(f)(0.0) == 2.0
    assert cv.jit(cv.grad(f))(0.0) == 2.0
    np.testing.assert_array_equal(cv.vmap(cv.grad(f))(np.array([0.0, 4.0])), [2.0, 0.25])


OF_OUTER_VALUES = {
    "add": lambda x: x + 2, "radd": lambda x: 2 + x, "sub": lambda x: x - 2.0, "rsub": lambda x: 2.0 - x,
    "mul": lambda x: x * 2, "rmul": lambda x: 2 * x, "square": lambda x: x * x, "neg": lambda x: -x,
    "truediv": lambda x: x / 2, "rtruediv": lambda x: 2 / x, "floordiv": lambda x: x // 2, "rfloordiv": lambda x: 2 // x,
    "mod": lambda x: x % 2, "rmod": lambda x: 2 % x, "pow": lambda x: x**3, "rpow": lambda x: 2.0**x, "abs": abs,
    "less": lambda x: x < 2, "greater": lambda x: 2 < x, "equal": lambda x: x == 2, "matmul": lambda x: x @ x,
    "index": lambda x: x[1], "slice": lambda x: x[::-1], "sum": lambda x: x.sum(), "cast": lambda x: x.astype(np.float32),
    "ufunc": np.sin, "ufunc of two": lambda x: np.hypot(x, 2.0), "function": lambda x: np.concatenate([x, x]),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_OUTER_VALUES)
def test_what_a_branch_computes_of_outer_values_is_in_the_branch(name):
    """However it is written: an operator, from either side, a method, or a function."""
    f = OF_OUTER_VALUES[name]

    def with_choice(x, p):
        wanted = cv.make_jaxpr(f)(x).out_avals[0]
        return lax.cond(p, lambda: f(x), lambda: np.zeros(wanted.shape, wanted.dtype))

    program = cv.make_jaxpr(with_choice)(np.array([1.0, -0.5]), True)
    assert [e.primitive.name for e in program.equations] == ["select", "cond"]  # the number of the branch, and the choice
    assert any(branch.equations for branch in program.equations[1].params["branches"])
