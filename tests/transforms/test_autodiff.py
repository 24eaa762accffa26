"""jvp, vjp, grad, value_and_grad, linearize, linear_transpose against closed forms and finite differences."""

import math
from collections import namedtuple

import numpy as np
import pytest

import covector as cv


def finite_difference(f, x, v, eps=1e-6):
    return (f(x + eps * v) - f(x - eps * v)) / (2 * eps)


def loss(x, y):
    return np.sum(np.sin(x) * y + np.exp(y) * x * x)


X, Y = np.linspace(0.1, 1.0, 3), np.linspace(1.0, 2.0, 3)


def test_jvp_is_the_directional_derivative():
    v = np.array([1.0, -2.0, 0.5])
    out, tangent = cv.jvp(lambda x: loss(x, Y), (X,), (v,))
    assert out == loss(X, Y)
    np.testing.assert_allclose(tangent, finite_difference(lambda x: loss(x, Y), X, v), rtol=1e-8)


def test_grad_of_several_arguments():
    gx, gy = cv.grad(loss, argnums=(0, 1))(X, Y)
    np.testing.assert_allclose(gx, np.cos(X) * Y + 2 * np.exp(Y) * X, rtol=1e-14)
    np.testing.assert_allclose(gy, np.sin(X) + np.exp(Y) * X * X, rtol=1e-14)


def test_negative_argnums():
    np.testing.assert_array_equal(cv.grad(loss, -1)(X, Y), cv.grad(loss, 1)(X, Y))


def test_argnames_alone_gives_one_gradient_or_a_dictionary():
    expected = cv.grad(loss, (0, 1))(X, Y)
    np.testing.assert_array_equal(cv.grad(loss, argnames="y")(X, y=Y), expected[1])
    np.testing.assert_array_equal(cv.grad(loss, argnames="y")(X, Y), expected[1])
    found = cv.grad(loss, argnames=("y", "x"))(X, y=Y)
    assert list(found) == ["y", "x"]
    np.testing.assert_array_equal(found["x"], expected[0])
    np.testing.assert_array_equal(found["y"], expected[1])


def test_argnums_and_argnames_together():
    (gx,), named = cv.grad(loss, argnums=(0,), argnames=("y",))(X, y=Y)
    np.testing.assert_array_equal(gx, cv.grad(loss, 0)(X, Y))
    np.testing.assert_array_equal(named["y"], cv.grad(loss, 1)(X, Y))


def test_pytrees_in_and_out():
    Point = namedtuple("Point", "a b")
    params = {"w": Point(X, 2.0), "n": None, "l": [Y]}
    gradient = cv.grad(lambda p: np.sum(p["w"].a * p["l"][0]) * p["w"].b)(params)
    assert type(gradient["w"]) is Point and gradient["n"] is None
    np.testing.assert_allclose(gradient["w"].a, 2 * Y)
    np.testing.assert_allclose(gradient["w"].b, X @ Y)
    np.testing.assert_allclose(gradient["l"][0], 2 * X)


def test_has_aux():
    def f(x):
        return np.sum(x**2), {"twice": 2 * x, "name": "anything"}

    gradient, aux = cv.grad(f, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    assert type(aux["twice"]) is np.ndarray and aux["name"] == "anything"
    (value, aux), gradient = cv.value_and_grad(f, has_aux=True)(X)
    assert value == np.sum(X**2)
    out, tangent, aux = cv.jvp(f, (X,), (X,), has_aux=True)
    np.testing.assert_allclose(tangent, 2 * X @ X)
    assert type(aux["twice"]) is np.ndarray
    out, pullback, aux = cv.vjp(f, X, has_aux=True)
    np.testing.assert_allclose(pullback(1.0)[0], 2 * X)
    out, f_jvp, aux = cv.linearize(f, X, has_aux=True)
    np.testing.assert_allclose(f_jvp(X), 2 * X @ X)
    assert type(aux["twice"]) is np.ndarray


def test_keyword_arguments_pass_through():
    assert cv.grad(lambda x, *, k: k * x * x)(3.0, k=2.0) == 12.0


def test_vjp_pullback_may_be_called_again_and_gives_writable_arrays_of_its_own():
    out, pullback = cv.vjp(lambda x, y: x + y, X, Y)
    first, second = pullback(np.ones(3))
    first += 1
    np.testing.assert_array_equal(second, np.ones(3))
    np.testing.assert_array_equal(pullback(2 * np.ones(3))[0], 2 * np.ones(3))


def test_gradient_of_a_sum_is_writable():
    gradient = cv.grad(np.sum)(X)
    gradient[0] = 5.0
    assert gradient[1] == 1.0


def test_argument_that_is_not_used_has_a_zero_gradient():
    gx, gy = cv.grad(lambda x, y: np.sum(x), (0, 1))(X, {"a": Y, "b": 1.0})
    np.testing.assert_array_equal(gy["a"], np.zeros(3))
    assert gy["b"] == 0.0


def test_identity_and_constant_outputs():
    out, tangent = cv.jvp(lambda x: (x, 3.0, X), (Y,), (X,))
    np.testing.assert_array_equal(tangent[0], X)
    assert tangent[1] == 0.0
    np.testing.assert_array_equal(tangent[2], np.zeros(3))
    assert cv.grad(lambda x: x)(2.0) == 1.0
    assert cv.grad(lambda x: 3.0)(2.0) == 0.0


def test_integer_inputs_have_zero_tangents():
    n = np.array([1, 2, 3])
    for zero in (None, np.zeros(3), np.zeros(3, int), np.zeros(3, cv.float0)):
        out, tangent = cv.jvp(lambda n, x: n * x, (n, X), (zero, X))
        np.testing.assert_allclose(tangent, n * X)
    out, pullback = cv.vjp(lambda n, x: np.sum(n * x), n, X)
    ct_n, ct_x = pullback(1.0)
    assert ct_n.dtype == cv.float0 and ct_n.shape == (3,)
    np.testing.assert_array_equal(ct_x, n)
    out, f_jvp = cv.linearize(lambda n, x: n * x, n, X)
    np.testing.assert_allclose(f_jvp(None, X), n * X)


def test_allow_int():
    assert cv.grad(lambda n: n * 2.0, allow_int=True)(3).dtype == cv.float0


def test_none_is_a_zero_tangent_of_anything():
    out, tangent = cv.jvp(lambda x, y: x * y, (2.0, 3.0), (None, 1.0))
    assert tangent == 2.0


def test_python_control_flow_on_known_values():
    def f(x):
        while x < 10:
            x = x * x if x > 1.5 else x + 1
        return x

    assert cv.grad(f)(1.2) == pytest.approx(4 * 2.2**3, rel=1e-14)
    assert cv.hessian(f)(1.2) == pytest.approx(12 * 2.2**2, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_gradients_keep_the_dtype(dtype):
    x = np.linspace(0.5, 1, 3).astype(dtype)
    assert cv.grad(lambda x: np.sum(np.sin(x) * 2.0 + x**2 / 3))(x).dtype == dtype
    out, tangent = cv.jvp(lambda x: np.tanh(x) * 2.0, (x,), (x,))
    assert out.dtype == tangent.dtype == dtype


def test_python_scalars_adapt_to_the_arrays_they_meet():
    x = np.ones(3, np.float32)

    def f(s):
        return x * (s * 2 + 1) / s - s

    assert f(3.0).dtype == np.float32
    out, tangent = cv.jvp(f, (3.0,), (1.0,))
    assert out.dtype == tangent.dtype == np.float32
    out, pullback = cv.vjp(f, 3.0)
    assert out.dtype == np.float32
    assert pullback(x)[0].dtype == np.float64
    assert cv.jit(f)(3.0).dtype == np.float32


def test_mixed_precision():
    x32, x64 = np.ones(3, np.float32), np.ones(3)
    out, tangent = cv.jvp(lambda a: a + x64, (x32,), (x32,))
    assert tangent.dtype == np.float64
    assert cv.grad(lambda a: np.sum(a * x64))(x32).dtype == np.float32


def test_broadcasting_is_undone_in_gradients():
    gx, gy = cv.grad(lambda x, y: np.sum(x * y), (0, 1))(np.ones((2, 1)), np.arange(3.0))
    np.testing.assert_array_equal(gx, [[3.0], [3.0]])
    np.testing.assert_array_equal(gy, [2.0, 2.0, 2.0])


class TestComplex:
    def test_holomorphic_grad(self):
        z = 0.5 + 0.3j
        np.testing.assert_allclose(cv.grad(lambda z: np.sin(z) * z, holomorphic=True)(z), np.cos(z) * z + np.sin(z))

    def test_real_output_of_a_complex_argument_follows_jax(self):
        z = np.array([1 + 2j, 3 - 1j])
        np.testing.assert_allclose(cv.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))

    def test_pairing_of_jvp_and_vjp(self):
        rng = np.random.default_rng(0)
        z, v, w = (rng.normal(size=3) + 1j * rng.normal(size=3) for _ in range(3))

        def f(z):
            return np.conj(z) * z * z + np.real(z) * 2 - np.imag(z) * 1j

        _, tangent = cv.jvp(f, (z,), (v,))
        (ct,) = cv.vjp(f, z)[1](w)
        assert np.sum(w * tangent).real == pytest.approx(np.sum(ct * v).real, rel=1e-12)
        (ct,) = cv.vjp(f, z)[1](1j * w)
        assert np.sum(1j * w * tangent).real == pytest.approx(np.sum(ct * v).real, rel=1e-12)

    def test_real_argument_of_a_complex_function(self):
        assert cv.grad(lambda x: np.abs(np.exp(1j * x) + 1) ** 2)(0.4) == pytest.approx(-2 * math.sin(0.4), rel=1e-12)


class TestLinearize:
    def test_linear_program_is_marked_and_checked(self):
        out, f_jvp = cv.linearize(loss, X, Y)
        assert f_jvp.jaxpr.linear is not None
        cv.check(f_jvp.jaxpr)
        v = np.array([1.0, 0.0, -1.0])
        assert f_jvp(v, X) == pytest.approx(cv.jvp(loss, (X, Y), (v, X))[1], rel=1e-14)

    def test_under_another_transformation(self):
        def f(x):
            out, f_jvp = cv.linearize(lambda y: y * x * y, 3.0)
            return f_jvp(1.0)  # 6 x

        assert cv.grad(f)(2.0) == 6.0


class TestLinearTranspose:
    def test_transpose_of_a_matrix(self):
        a = np.arange(6.0).reshape(2, 3)
        (ct,) = cv.linear_transpose(lambda x: a @ x, np.zeros(3))(np.array([1.0, 2.0]))
        np.testing.assert_allclose(ct, a.T @ [1.0, 2.0])

    def test_from_avals(self):
        transposed = cv.linear_transpose(lambda x: 2 * x, cv.ShapedArray((3,), np.float32))
        assert transposed(np.ones(3, np.float32))[0].dtype == np.float32

    def test_function_that_is_not_linear(self):
        with pytest.raises(cv.errors.LinearityError, match=r"'sin' is applied to \(f64\[\] tangent\)"):
            cv.linear_transpose(lambda x: np.sin(x), np.float64(1.0))

    def test_function_that_is_affine(self):
        with pytest.raises(cv.errors.LinearityError, match="'add'"):
            cv.linear_transpose(lambda x: x + 1.0, 1.0)


class TestNesting:
    """Perturbation confusion: each of these is wrong if tangents of different depths are mixed."""

    def test_derivative_of_a_derivative_of_a_product(self):
        assert cv.grad(lambda x: x * cv.grad(lambda y: x + y)(1.0))(1.0) == 1.0

    def test_inner_function_closes_over_the_outer_variable(self):
        assert cv.grad(lambda x: cv.grad(lambda y: x * y * y)(x))(3.0) == 4 * 3.0

    def test_jvp_of_jvp(self):
        def inner(x):
            return cv.jvp(lambda y: x * y, (1.0,), (1.0,))[1]

        assert cv.jvp(lambda x: x * inner(x), (3.0,), (1.0,))[1] == 6.0

    def test_every_pair_of_modes_on_a_closure(self):
        def d_fwd(f):
            return lambda x: cv.jvp(f, (x,), (1.0,))[1]

        # d/dx [x d/dy (x y^2)|_{y=x}] = d/dx [2 x^3] = 6 x^2
        for outer in (d_fwd, cv.grad):
            for inner in (d_fwd, cv.grad):
                assert outer(lambda x, inner=inner: x * inner(lambda y: x * y * y)(x))(2.0) == pytest.approx(24.0)

    def test_derivatives_to_order_five(self):
        x = 0.7
        exact_sin = [math.cos(x), -math.sin(x), -math.cos(x), math.sin(x), math.cos(x)]
        # 1/(1+x^2) is the imaginary part of 1/(x-i) times -1: its n-th derivative is (-1)^(n+1) n! Im (x-i)^-(n+1)
        exact_lorentz = [((-1) ** n * math.factorial(n) * (x - 1j) ** -(n + 1)).imag for n in range(1, 6)]
        for f, exact in ((np.sin, exact_sin), (lambda x: 1 / (1 + x**2), exact_lorentz)):
            for derivative in (
                cv.grad,
                lambda f: lambda x: cv.jvp(f, (x,), (1.0,))[1],
                lambda f: cv.jit(cv.grad(f)),
                cv.jacfwd,
            ):
                g = f
                for n in range(5):
                    g = derivative(g)
                    assert g(x) == pytest.approx(exact[n], rel=1e-10), (n + 1, derivative)


def test_the_linear_map_returns_arrays_of_the_callers_own() -> None:
    _, linear_map = cv.linearize(lambda x: np.floor(x), np.array([0.5, 1.5]))
    linear_map(np.ones(2))[...] = 7.0
    np.testing.assert_array_equal(linear_map(np.ones(2)), np.zeros(2))


I3 = np.arange(1, 4)
MATRIX = np.array([[1, 2, 3], [0, 1, 0]])
INTEGERS = {
    "scale": (lambda x: 2 * x, I3, 2 * I3),
    "matrix": (lambda x: MATRIX @ x, np.array([1, 10]), np.array([1, 10]) @ MATRIX),
    "sum": (lambda x: np.sum(x), 2, np.full(3, 2)),
    "items": (lambda x: x[::2], np.array([5, 7]), np.array([5, 0, 7])),
    "twice used": (lambda x: np.concatenate([x, 3 * x[:1]]), np.array([1, 2, 3, 4]), np.array([13, 2, 3])),
    "not used": (lambda x: np.zeros(2, int) * x[0], np.array([1, 2]), np.zeros(3, int)),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_linear_transpose_of_integers(name):
    f, ct, want = INTEGERS[name]
    transposed = cv.linear_transpose(f, I3)
    for result in (transposed(ct), cv.jit(transposed)(ct), cv.jit(lambda t, ct: t(ct))(transposed, ct)):
        assert result[0].dtype == np.int64 and result[0].tolist() == want.tolist()


NO_INTEGERS = {
    r"a value of type f64\[3\] is made of it": lambda x: x * 1.5,
    r"a value of type f64\[3\] is made of it, whose": lambda x: (x * 1.5).astype(int),
    r"goes through 'jit'": lambda x: cv.jit(lambda x: 2 * x)(x),
    r"goes through 'scan'": lambda x: cv.lax.scan(lambda c, _: (2 * c, None), x, None, length=2)[0],
}


@pytest.mark.parametrize("text", NO_INTEGERS)
def test_linear_transpose_of_what_is_not_linear_in_integers(text):
    with pytest.raises(cv.errors.GradDtypeError, match=text) as caught:
        cv.linear_transpose(NO_INTEGERS[text], I3)
    assert "pass floats" in str(caught.value)
    with pytest.raises(cv.errors.GradDtypeError, match=r"an argument of type bool\[2\]"):
        cv.linear_transpose(lambda x: x, np.ones(2, bool))


DEAD = {
    "comparison": lambda x: (2.0 * x, x > 0)[0],
    "non-linear": lambda x: (2.0 * x, np.sin(x) * np.cos(x))[0],
    "in jit": lambda x: cv.jit(lambda x: (2.0 * x, np.exp(x))[0])(x),
    "a result of jit": lambda x: cv.jit(lambda x: (2.0 * x, np.exp(x), x > 0))(x)[0],
    "a result of jit in jit": lambda x: cv.jit(lambda x: cv.jit(lambda x: (np.sin(x), x))(x))(x)[1] * 2.0,
    "in scan": lambda x: cv.lax.scan(lambda c, _: ((c * 2.0, np.maximum(c, x))[0], None), x, None, length=1)[0],
    "beside a loop": lambda x: (2.0 * x, cv.lax.fori_loop(0, 3, lambda i, c: c * c, x))[0],
    "a choice": lambda x: (2.0 * x, cv.lax.cond(x > 0, np.sin, np.cos, x), np.where(x > 0, x, 0.0))[0],
    "a constant result": lambda x: 2.0 * x + 0.0 * np.float64(3.0),
}


@pytest.mark.parametrize("name", DEAD)
def test_linear_transpose_asks_only_what_the_result_depends_on(name):
    for f in (DEAD[name], cv.jit(DEAD[name])):
        assert cv.linear_transpose(f, 1.0)(3.0) == (6.0,)
        assert cv.jit(lambda ct, f=f: cv.linear_transpose(f, 1.0)(ct))(3.0) == (6.0,)
        np.testing.assert_array_equal(cv.vmap(lambda ct, f=f: cv.linear_transpose(f, 1.0)(ct))(np.ones(2)), [[2.0, 2.0]])


@pytest.mark.usefixtures("quoted_lines")
def test_linear_transpose_names_the_operation_that_is_not_linear():
    with pytest.raises(
        cv.errors.LinearityError, match=r"'greater' is applied to .*\n  at test_autodiff.py:\d+ in <lambda>: .*x > 0"
    ):
        cv.linear_transpose(lambda x: np.where(x > 0, 2.0 * x, x) + 1.0 * x, 1.0)
    with pytest.raises(cv.errors.LinearityError, match=r"'sin' is applied to"):
        cv.linear_transpose(lambda x: (2.0 * x, np.sin(x)), 1.0)
    with pytest.raises(cv.errors.LinearityError, match="not linear in the tangents"):
        cv.linear_transpose(lambda x: (2.0 * x, 3.0), 1.0)


def test_linear_transpose_refuses_effects_of_what_is_not_linear():
    """They would show what a transposed function never computes; what no result depends on is left out otherwise."""
    with pytest.raises(cv.errors.LinearityError, match="'mul' is applied to"):
        cv.linear_transpose(lambda x: (cv.debug.print("{}", x * x), 2.0 * x)[1], 1.0)
    assert cv.linear_transpose(lambda x: (x * x, 2.0 * x)[1], 1.0)(3.0) == (6.0,)


def test_a_value_that_is_zero_here_and_has_a_derivative_is_no_zero():
    def derivative(y):
        f = cv.custom_jvp(lambda x: 1.0 * x)
        f.defjvp(lambda p, t: (1.0 * p[0], t[0] + y))  # linear in t where y is a zero that was written for a tangent
        return cv.grad(f)(1.0)

    assert derivative(0.0) == 1.0
    assert cv.jvp(derivative, (0.0,), (0.0,)) == (1.0, 0.0)
    with pytest.raises(cv.errors.LinearityError, match="'add' is applied to"):
        cv.jvp(derivative, (0.0,), (1.0,))
