"""Derivatives of one variable: a product, a kink, high orders, and derivatives inside derivatives."""

import math

import numpy as np

import covector as cv


def product(x):
    return np.exp(x) * np.sin(x)


def relu(x):
    return np.maximum(x, 0)


def witch(x):
    """The witch of Agnesi, 1 / (1 + x²)."""
    return 1 / (1 + x**2)


def sin_derivative(order, x):
    """In closed form: each derivative shifts the phase by a quarter turn."""
    return np.sin(x + order * np.pi / 2)


def witch_derivative(order, x):
    """In closed form: 1/(1 + x²) is the imaginary part of 1/(x - i), whose derivatives are (-1)ⁿ n! / (x - i)ⁿ⁺¹."""
    return (-1) ** order * math.factorial(order) * ((x - 1j) ** -(order + 1)).imag


def nested(inner, outer):
    """Derivatives at 3 of programs that differentiate inside; mixing up the two perturbations gives other numbers.

    ``inner`` and ``outer`` map a scalar function to its derivative.  Each case comes with the right value.
    """
    return {
        # d/dx [x · d/dy (x + y)] = d/dx [x · 1] = 1; confused: 2
        "d/dx x (d/dy x + y)": (outer(lambda x: x * inner(lambda y: x + y)(1.0))(3.0), 1.0),
        # d/dx [x · d/dy (x y)] = d/dx x² = 2x
        "d/dx x (d/dy x y)": (outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0), 6.0),
        # d/dx d/dy (x² y³) at y = x: d/dx 3 x² x² = 12 x³
        "d/dx (d/dy x² y³)(x)": (outer(lambda x: inner(lambda y: x**2 * y**3)(x))(3.0), 324.0),
        # the inner function ignores its own variable: its derivative is zero whatever x is
        "d/dx x + (d/dy x²)": (outer(lambda x: x + inner(lambda y: x**2)(1.0))(3.0), 1.0),
        # three deep: d/dx [x · d/dy (y · d/dz (x y z))] = d/dx [x · d/dy x y²] = d/dx 2 x² y = 4 x y at y = 5
        "three deep": (outer(lambda x: x * inner(lambda y: y * outer(lambda z: x * y * z)(7.0))(5.0))(3.0), 60.0),
    }


def by_jvp(f):
    """The derivative by forward mode."""
    return lambda x: cv.jvp(f, (x,), (1.0,))[1]


def main():
    print("exp(x) sin(x), and its derivative in forward mode, as recorded:")
    print(cv.make_jaxpr(product)(0.0))
    print(cv.make_jaxpr(by_jvp(product))(0.0))
    for derivative in by_jvp(product), cv.grad(product):
        np.testing.assert_allclose(derivative(0.0), 1.0, rtol=1e-15)
    print("derivative at 0 = 1: checked\n")

    print("relu, as recorded:")
    print(cv.make_jaxpr(relu)(0.0))
    slopes = [float(cv.grad(relu)(x)) for x in (-1.0, 0.0, 1.0)]
    assert slopes == [0.0, 0.0, 1.0], slopes
    print("derivatives at -1, 0, 1 = 0, 0, 1: checked\n")

    x = 0.7
    for f, closed_form in (np.sin, sin_derivative), (witch, witch_derivative):
        derivative = f
        for order in range(1, 6):
            derivative = cv.grad(derivative)
            value, expected = float(derivative(x)), closed_form(order, x)
            print(f"{f.__name__:5}  order {order}  {value: .15f}   closed form {expected: .15f}")
            np.testing.assert_allclose(value, expected, rtol=1e-12)
    print("orders 1 to 5 agree with the closed forms: checked\n")

    for inner, outer in (cv.grad, cv.grad), (cv.grad, by_jvp), (by_jvp, cv.grad), (by_jvp, by_jvp):
        for name, (value, expected) in nested(inner, outer).items():
            np.testing.assert_allclose(value, expected, rtol=1e-14, err_msg=name)
    for name, (value, _) in nested(cv.grad, by_jvp).items():
        print(f"{name:22} at 3 = {float(value):g}")
    print("nested derivatives, forward and reverse in all four orders: checked")


if __name__ == "__main__":
    main()
