"""Jacobians and Hessians: one forward sweep gives a column, one backward sweep a row.

A full Jacobian of f: R³ → R² takes 3 forward sweeps or 2 backward ones; a Hessian is the Jacobian of a gradient, and a product
of it with a vector costs about as much as the gradient does.
"""

import numpy as np

import covector as cv


def f(x):
    """R³ → R²."""
    return np.stack([x[0] * x[1] + np.sin(x[2]), np.exp(x[0]) * x[2]])


def f_jacobian(x):
    return np.array([[x[1], x[0], np.cos(x[2])], [np.exp(x[0]) * x[2], 0.0, np.exp(x[0])]])


def g(x):
    """R³ → R."""
    return x[0] ** 2 * x[1] + np.exp(x[1]) * np.sin(x[2])


def g_hessian(x):
    e, s, c = np.exp(x[1]), np.sin(x[2]), np.cos(x[2])
    return np.array([[2 * x[1], 2 * x[0], 0.0], [2 * x[0], e * s, e * c], [0.0, e * c, -e * s]])


def main():
    x = np.array([0.5, -1.2, 0.8])

    print("f, as recorded:")
    print(cv.make_jaxpr(f)(x))

    columns = [cv.jvp(f, (x,), (direction,))[1] for direction in np.eye(3)]
    print(f"\n{len(columns)} forward sweeps, a column each:\n{np.stack(columns, axis=1)}")
    np.testing.assert_allclose(np.stack(columns, axis=1), f_jacobian(x), rtol=1e-14)

    _, pullback = cv.vjp(f, x)  # the function runs once; what its derivative needs is kept
    rows = [pullback(weights)[0] for weights in np.eye(2)]
    print(f"{len(rows)} backward sweeps, a row each:\n{np.stack(rows)}")
    np.testing.assert_allclose(np.stack(rows), f_jacobian(x), rtol=1e-14)

    for jacobian in cv.jacfwd, cv.jacrev, cv.jacobian:  # the sweeps batched into one by vmap
        np.testing.assert_allclose(jacobian(f)(x), f_jacobian(x), rtol=1e-14)
    print("jacfwd, jacrev and jacobian agree with the closed form: checked\n")

    def hessian_product(x, v):
        return cv.jvp(cv.grad(g), (x,), (v,))[1]

    v = np.array([1.0, -2.0, 0.5])
    print("a Hessian-vector product, forward over reverse, as recorded:")
    print(cv.make_jaxpr(hessian_product)(x, v))
    np.testing.assert_allclose(cv.hessian(g)(x), g_hessian(x), rtol=1e-14)
    np.testing.assert_allclose(hessian_product(x, v), g_hessian(x) @ v, rtol=1e-14)
    np.testing.assert_allclose(cv.hvp(g, (x,), (v,)), g_hessian(x) @ v, rtol=1e-14)
    print(f"the Hessian:\n{cv.hessian(g)(x)}")
    print("hessian, hvp and jvp(grad) agree with the closed form: checked")


if __name__ == "__main__":
    main()
