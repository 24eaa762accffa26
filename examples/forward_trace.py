"""Forward mode, step by step: tangents travel with the values.

The function is f(x1, x2) = (x1 x2 + sin x1, exp x2 + x1²), at (1, 0) along the direction (2, -1).  By hand, the trace is

    v3 = x1 x2        v3' = x1' x2 + x1 x2'   = -1
    v4 = sin x1       v4' = cos(x1) x1'       = 2 cos 1
    v5 = v3 + v4      v5' = v3' + v4'         = -1 + 2 cos 1     (the first output)
    v6 = exp x2       v6' = exp(x2) x2'       = -1
    v7 = x1²          v7' = 2 x1 x1'          = 4
    v8 = v6 + v7      v8' = v6' + v7'         = 3                (the second output)

This program prints the trace that covector records, what the JVP does to it, and the same table, computed in one sweep.
"""

import numpy as np

import covector as cv


def steps(x1, x2):
    """The trace of f with a name for every intermediate value."""
    v3 = x1 * x2
    v4 = np.sin(x1)
    v5 = v3 + v4
    v6 = np.exp(x2)
    v7 = x1**2
    v8 = v6 + v7
    return {"v3": v3, "v4": v4, "v5": v5, "v6": v6, "v7": v7, "v8": v8}


def f(x1, x2):
    v = steps(x1, x2)
    return v["v5"], v["v8"]


def pushforward(x, u):
    return cv.jvp(f, x, u)


def main():
    x, u = (1.0, 0.0), (2.0, -1.0)

    print("f, as recorded:")
    print(cv.make_jaxpr(f)(*x))
    print("\nits JVP, as recorded (inputs x1, x2, x1', x2'; outputs v5, v8, v5', v8'):")
    print(cv.make_jaxpr(pushforward)(x, u))

    values, tangents = cv.jvp(steps, x, u)
    print("\nstep      value    tangent")
    for name in values:
        print(f"{name}    {values[name]:9.6f}  {tangents[name]:9.6f}")

    outputs, direction = cv.jvp(f, x, u)
    np.testing.assert_allclose(outputs, (np.sin(1), 2), rtol=1e-15)
    np.testing.assert_allclose(direction, (-1 + 2 * np.cos(1), 3), rtol=1e-15)
    by_hand = {"v3": -1, "v4": 2 * np.cos(1), "v5": -1 + 2 * np.cos(1), "v6": -1, "v7": 4, "v8": 3}
    for name, tangent in by_hand.items():
        np.testing.assert_allclose(tangents[name], tangent, rtol=1e-15)
    print("\nJVP = (-1 + 2 cos 1, 3): checked")


if __name__ == "__main__":
    main()
