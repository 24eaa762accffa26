"""Reverse mode, step by step: adjoints travel backwards, and a value that is used twice receives the sum.

Two scalar functions: l(x, y) = (x y + sin x)² at (1, 2), and l(x, y, z) = (x y + z) sin y.  For the first, by hand:

    v3 = x y          adjoint of v6:  1
    v4 = sin x        adjoint of v5:  2 v5                        = 2 (2 + sin 1)
    v5 = v3 + v4      adjoints of v3 and v4: that of v5
    v6 = v5²          adjoint of x:   v3's times y + v4's times cos x  = 4 (2 + sin 1) + 2 (2 + sin 1) cos 1
                      adjoint of y:   v3's times x                     = 2 (2 + sin 1)

The adjoint of a value is the derivative of the result with respect to a nudge added to that value, so one `grad` with respect
to the nudges gives the whole right column.
"""

import numpy as np

import covector as cv


def square(x, y):
    return (x * y + np.sin(x)) ** 2


def square_nudged(x, y, nudge):
    """The same function with a nudge added to every intermediate value."""
    v3 = x * y + nudge["v3"]
    v4 = np.sin(x) + nudge["v4"]
    v5 = v3 + v4 + nudge["v5"]
    return v5**2 + nudge["v6"]


def product(x, y, z):
    return (x * y + z) * np.sin(y)


def main():
    x, y = 1.0, 2.0
    print("(x y + sin x)², as recorded:")
    print(cv.make_jaxpr(square)(x, y))
    print("\nits gradient, as recorded:")
    print(cv.make_jaxpr(cv.grad(square, argnums=(0, 1)))(x, y))

    no_nudge = {"v3": 0.0, "v4": 0.0, "v5": 0.0, "v6": 0.0}
    dx, dy, adjoints = cv.grad(square_nudged, argnums=(0, 1, 2))(x, y, no_nudge)
    print("\nvalue   adjoint")
    for name, adjoint in [*sorted(adjoints.items(), reverse=True), ("y", dy), ("x", dx)]:
        print(f"{name:5}  {adjoint:9.6f}")

    v5 = 2 + np.sin(1)
    np.testing.assert_allclose([adjoints[v] for v in ("v3", "v4", "v5", "v6")], [2 * v5, 2 * v5, 2 * v5, 1], rtol=1e-15)
    gradient = cv.grad(square, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(gradient, (4 * v5 + 2 * v5 * np.cos(1), 2 * v5), rtol=1e-15)
    np.testing.assert_allclose((dx, dy), gradient, rtol=1e-15)
    print("\ngradient = (4 (2 + sin 1) + 2 (2 + sin 1) cos 1, 2 (2 + sin 1)): checked")

    x, y, z = 0.7, -1.3, 2.1
    print("\n(x y + z) sin y, as recorded:")
    print(cv.make_jaxpr(product)(x, y, z))
    gradient = cv.grad(product, argnums=(0, 1, 2))(x, y, z)
    print("gradient at", (x, y, z), "=", tuple(float(g) for g in gradient))
    by_hand = (y * np.sin(y), (x * y + z) * np.cos(y) + x * np.sin(y), np.sin(y))
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-14)
    print("gradient = (y sin y, (x y + z) cos y + x sin y, sin y): checked")


if __name__ == "__main__":
    main()
