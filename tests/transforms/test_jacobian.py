"""Jacobians and Hessians against closed forms, and how many sweeps they take."""

import numpy as np
import pytest

import covector as cv
from covector.interpreters import batch

X = np.array([0.3, -0.7, 1.1])


def f(x):
    return np.stack([x[0] * x[1] + np.sin(x[2]), np.exp(x[0]) * x[2]])


EXACT = np.array([[X[1], X[0], np.cos(X[2])], [np.exp(X[0]) * X[2], 0.0, np.exp(X[0])]])


@pytest.mark.parametrize("jac", [cv.jacfwd, cv.jacrev, cv.jacobian, lambda f: cv.jit(cv.jacfwd(cv.jit(f)))])
def test_values(jac):
    np.testing.assert_allclose(jac(f)(X), EXACT, rtol=1e-14, atol=1e-16)


@pytest.fixture
def sweeps(monkeypatch):
    """The sizes of the batches of derivative sweeps that run."""
    sizes = []
    original = batch.BatchTrace.__init__

    def counting(self, size, *args, **kwargs):
        sizes.append(size)
        original(self, size, *args, **kwargs)

    monkeypatch.setattr(batch.BatchTrace, "__init__", counting)
    return sizes


def test_three_forward_or_two_reverse_sweeps(sweeps):
    cv.jacfwd(f)(X)
    assert sweeps == [3]
    cv.jacrev(f)(X)
    assert sweeps == [3, 2]


def test_jacobian_takes_the_mode_with_fewer_sweeps(sweeps):
    cv.jacobian(f)(X)  # 3 inputs, 2 outputs: reverse
    cv.jacobian(lambda x: np.stack([x, 2 * x]))(X)  # 3 inputs, 6 outputs: forward
    cv.jacobian(lambda x: 2 * x)(X)  # as many: forward
    assert sweeps == [2, 3, 3]


def test_value_and_jacobian():
    value, jac = cv.value_and_jacobian(f)(X)
    np.testing.assert_array_equal(value, f(X))
    np.testing.assert_allclose(jac, EXACT, atol=1e-16)
    (value, aux), jac = cv.value_and_jacobian(lambda x: (f(x), x), has_aux=True)(X)
    np.testing.assert_array_equal(aux, X)


@pytest.mark.parametrize("jac", [cv.jacfwd, cv.jacrev])
def test_trees_on_both_sides(jac):
    def g(p, x):
        return {"s": np.sum(p["w"] * x) * p["b"], "v": p["w"] * p["b"]}

    w, b = np.array([1.0, 2.0]), 3.0
    (jp, jx) = jac(lambda p, x: g(p, x)["v"], argnums=(0, 1))({"w": w, "b": b}, X[:2])
    np.testing.assert_allclose(jp["w"], b * np.eye(2))
    np.testing.assert_allclose(jp["b"], w)
    np.testing.assert_allclose(jx, np.zeros((2, 2)))
    jac_tree = jac(g)({"w": w, "b": b}, X[:2])
    np.testing.assert_allclose(jac_tree["s"]["w"], X[:2] * b)
    np.testing.assert_allclose(jac_tree["s"]["b"], w @ X[:2])
    assert jac_tree["v"]["w"].shape == (2, 2) and jac_tree["v"]["b"].shape == (2,)


def test_shapes_of_matrices():
    a = np.arange(6.0).reshape(2, 3)
    jac = cv.jacobian(lambda a: a.T * 2)(a)
    assert jac.shape == (3, 2, 2, 3)
    assert jac[2, 1, 1, 2] == 2 and jac.sum() == 12


def test_argnames():
    np.testing.assert_allclose(cv.jacobian(lambda k, x: k * x, argnames="x")(2.0, x=X), 2 * np.eye(3))


def test_hessian():
    np.testing.assert_allclose(cv.hessian(lambda x: np.sum(x**3))(X), np.diag(6 * X), atol=1e-15)
    both = cv.hessian(lambda x, y: x * x * y, argnums=(0, 1))(2.0, 3.0)
    assert both[0][0] == 6.0 and both[0][1] == both[1][0] == 4.0 and both[1][1] == 0.0


def test_hvp_agrees_with_the_hessian():
    def g(x):
        return np.sum(np.sin(x) * x**2)

    v = np.array([1.0, -1.0, 2.0])
    np.testing.assert_allclose(cv.hvp(g, (X,), (v,)), cv.hessian(g)(X) @ v, rtol=1e-13)
    product, aux = cv.hvp(lambda x: (g(x), "aux"), (X,), (v,), has_aux=True)
    assert aux == "aux"
    hx, hy = cv.hvp(lambda x, y: np.sum(x * x * y), (X, v), (v, X))
    np.testing.assert_allclose(hx, 2 * v * v + 2 * X * X)
    np.testing.assert_allclose(hy, 2 * X * v)


def test_holomorphic():
    z = np.array([1 + 1j, 2 - 1j])
    for jac in (cv.jacfwd, cv.jacrev):
        np.testing.assert_allclose(jac(lambda z: z**2, holomorphic=True)(z), np.diag(2 * z))


ORDERS = {"plain": lambda f: f, "jit": cv.jit, "vmap": lambda f: lambda z: cv.vmap(f)(z[None])}
JACOBIANS = [cv.jacfwd, cv.jacrev, cv.jacobian, cv.value_and_jacobian, cv.hessian]
REAL = {"all": np.abs, "one of two": lambda z: {"a": z, "b": np.real(z)}, "booleans": lambda z: z == 1}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("transformation", "real"),
    [*((j, r) for j in JACOBIANS for r in REAL), *((g, r) for g in (cv.grad, cv.value_and_grad) for r in ("all", "booleans"))],
)
def test_what_is_promised_to_be_holomorphic_has_complex_results(transformation, real, order):
    derivative = transformation(REAL[real], holomorphic=True)
    with pytest.raises(cv.errors.GradDtypeError, match="holomorphic=True promises a complex function"):
        ORDERS[order](derivative)(np.complex128(1 + 1j))


@pytest.mark.parametrize("jac", [cv.jacfwd, cv.jacrev, cv.jacobian])
def test_errors(jac):
    with pytest.raises(cv.errors.GradDtypeError, match=r"argument of type i64\[2\] to differentiate"):
        jac(lambda x: x * 1.0)(np.array([1, 2]))
    with pytest.raises(cv.errors.GradDtypeError, match="holomorphic=True"):
        jac(lambda z: z * z)(np.array([1j]))


@pytest.mark.parametrize("derivative", [cv.jacfwd, cv.jacrev, cv.jacobian])
@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.bool_])
def test_integers_have_a_jacobian_without_content_where_they_are_allowed(derivative, integer):
    n, x = np.ones((2, 3), integer), np.array([0.5, 2.0, 3.0])
    f = lambda n, d: {"y": np.sin(d["x"]) * n, "z": d["k"] * d["x"][0]}
    for wrap in (lambda g: g, cv.jit):
        of_n, of_d = wrap(derivative(f, (0, 1), allow_int=True))(n, {"x": x, "k": 3})["y"]
        assert (of_n.shape, of_n.dtype, of_d["k"].shape, of_d["k"].dtype) == ((2, 3, 2, 3), cv.float0, (2, 3), cv.float0)
        np.testing.assert_allclose(of_d["x"], np.stack([np.diag(np.cos(x))] * 2))
        _, of_d = wrap(derivative(f, (0, 1), allow_int=True))(n, {"x": x, "k": 3})["z"]
        np.testing.assert_array_equal(of_d["x"], [3.0, 0.0, 0.0])
    assert derivative(lambda n: n * 2.0, allow_int=True)(n[0]).dtype == cv.float0
    batch = cv.vmap(derivative(lambda n, a: n * a, (0, 1), allow_int=True))(n[0], x)
    assert batch[0].shape == (3,)
    np.testing.assert_array_equal(batch[1], [1.0, 1.0, 1.0])


def test_integers_are_refused_where_they_are_not_allowed():
    for derivative in (cv.jacfwd, cv.jacrev, cv.jacobian):
        with pytest.raises(cv.errors.GradDtypeError, match="allow_int=True for a float0 Jacobian"):
            derivative(lambda n: n * 2.0)(3)
        with pytest.raises(cv.errors.ArgumentError, match="got allow_int=1"):
            derivative(lambda n: n * 2.0, allow_int=1)
    value, jac = cv.value_and_jacobian(lambda n, x: n * x, (0, 1), allow_int=True)(2, 3.0)
    assert (value, jac[0].dtype, jac[1]) == (6.0, cv.float0, 2.0)


def test_derivatives_of_a_jacobian_of_integers():
    f = lambda x, n: np.sum(n * x**2)
    x, n = np.array([0.5, 2.0]), np.array([3, 1])
    (xx, xn), (nx, nn) = cv.hessian(f, (0, 1), allow_int=True)(x, n)
    np.testing.assert_array_equal(xx, np.diag(2.0 * n))
    assert {xn.dtype, nx.dtype, nn.dtype} == {cv.float0} and xn.shape == nx.shape == nn.shape == (2, 2)
    for outer in (cv.jacrev, cv.jacfwd):
        for inner in (cv.grad, cv.jacrev):
            of_x, of_n = outer(inner(f, (0, 1), allow_int=True))(x, n)
            np.testing.assert_array_equal(of_x, np.diag(2.0 * n))
            assert of_n.shape == (2, 2)
    assert cv.jacrev(cv.jacrev(lambda n: n * 2.0, allow_int=True), allow_int=True)(3).dtype == cv.float0


@pytest.mark.parametrize("name", ["jacfwd", "jacrev", "jacobian"])
@pytest.mark.parametrize("f", [lambda x: np.floor(x).astype(int), lambda x: x > 0, lambda x: np.argsort(x)])
def test_an_output_without_a_derivative_has_a_float0_jacobian(name, f):
    derivative, x = getattr(cv, name), np.ones(3)
    for jac in (derivative(f), cv.jit(derivative(f))):
        assert (jac(x).shape, jac(x).dtype) == ((3, 3), cv.float0)
    of_float, of_integer = derivative(lambda x: (2 * x, f(x)))(x)
    np.testing.assert_array_equal(of_float, 2 * np.eye(3))
    assert (of_integer.shape, of_integer.dtype) == ((3, 3), cv.float0)
    assert cv.hessian(f)(x).dtype == cv.float0
