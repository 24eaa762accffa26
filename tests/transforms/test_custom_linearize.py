"""The linear map of a function with a VJP rule is that of the function as it was when it was linearized."""

import numpy as np
import pytest

from covector import custom_vjp, errors, grad, jit, linear_transpose, linearize, pure_callback, typeof, vmap

TRANSFORMED = {
    "itself": lambda f: f,
    "vmap": vmap,
    "twice": lambda f: lambda x: f(f(x)),
}


@pytest.mark.parametrize("kind", TRANSFORMED)
@pytest.mark.parametrize("size", [3, 20_000])
def test_a_map_does_not_see_what_is_written_later_to_an_array_that_the_function_closes_over(kind, size):
    w, calls = np.full(size, 2.0), []

    @custom_vjp
    def f(x):
        calls.append(1)
        return x * w[0]

    f.defvjp(lambda x: (x * w[0], None), lambda _, ct: (ct * w[0],))
    _, f_jvp = linearize(TRANSFORMED[kind](f), np.ones(4))
    n = len(calls)
    w[:] = 7.0
    np.testing.assert_array_equal(f_jvp(np.ones(4)), np.full(4, 4.0 if kind == "twice" else 2.0))
    assert len(calls) == n  # nor is the function run again


@pytest.mark.parametrize("wrap", [lambda f: f, jit, vmap], ids=["itself", "jit", "vmap"])
@pytest.mark.parametrize("order", [0, 1])
def test_a_linearization_in_another_transformation_keeps_the_values_of_that(wrap, order):
    f = custom_vjp(lambda x, y: x**2 * y**2)
    f.defvjp(lambda x, y: (f(x, y), (x, y)), lambda r, ct: (2 * r[0] * r[1] ** 2 * ct, 2 * r[0] ** 2 * r[1] * ct))
    x = np.array([1.5, 2.5]) if wrap is vmap else 1.5
    h = lambda x: linearize(lambda y: f(x, y), 3.0)[1](1.0)
    np.testing.assert_allclose(wrap(grad(h) if order else h)(x), 12 * x if order else 6 * np.square(x))


def test_a_map_without_a_forward_derivative_can_be_transposed_and_says_so_when_it_is_applied():
    f = custom_vjp(lambda x: pure_callback(np.sin, typeof(0.0), x))
    f.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (np.cos(x) * ct,))
    _, f_jvp = linearize(f, 0.5)
    assert float(linear_transpose(f_jvp, 1.0)(2.0)[0]) == pytest.approx(2 * np.cos(0.5))
    with pytest.raises(errors.CovectorError, match="callback"):
        f_jvp(1.0)
