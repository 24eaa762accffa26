"""Functions of pytrees in lifted code hand on the arrays that are in a tree, which may be written."""

import numpy as np
import pytest

import covector as cv

X = np.array([[0.3, 1.2, -0.7], [2.1, -1.1, 0.4], [-0.6, 0.9, 1.7]])

PROGRAMS = """
    l, s = cv.tree.flatten([y]); l[0][0] = 5.0
    l = cv.tree.leaves({"w": y}); l[0] *= 2
    cv.tree.map(lambda a: a.fill(0.0), {"a": y})
    z = cv.tree.map(lambda a: a * 2, {"a": y, "b": (y[0], 3)}); y[0] = 9.0; return z["a"] + z["b"][0]
    z = cv.tree.map(lambda a: a, {"a": y}); z["a"][0] = 4.0
    l, s = cv.tree.flatten({"a": y[1], "b": 2.0}); t = cv.tree.unflatten(s, l); t["a"][0] = 7.0
    return cv.tree.reduce(lambda a, b: a + b, [y, y[0]])
    z = cv.tree.map(lambda a, b: a + b, {"a": y}, {"a": y.T}); return z["a"]
    cv.tree.map_with_path(lambda path, a: a.fill(1.0), {"a": y[1]})
    l = cv.tree.leaves_with_path({"a": y}); l[0][1][0] = 3.0
    z = cv.tree.map(lambda a: cv.grad(lambda v: np.sum(v**3))(a), [y]); return z[0]
    z = cv.tree.map(np.sin, [y]); return z[0]
    z = np.zeros(1); return y * (2.0 if cv.tree.all([z, True]) else 1.0) * (3.0 if cv.tree.all([z + 1]) else 1.0)
    z = cv.tree.map(lambda a: a is y, [y]); return y * (2.0 if z[0] else 1.0)
    k = np.argmax(y[:, 0]); cv.tree.map(lambda a: a.fill(1.0), [y[k], y[:, k]])
"""


def program(text):
    names = {"np": np, "cv": cv}
    lines = ["y = x.copy()", *text.strip().split("; "), *([] if "return" in text else ["return y"])]
    exec("def f(x):\n" + "".join(f"    {line}\n" for line in lines), names)
    return names["f"]


@pytest.mark.parametrize("text", PROGRAMS.strip().splitlines())
def test_programs(text):
    f = program(text)
    value, moved = f(X), (f(X + 1e-6) - f(X - 1e-6)) / 2e-6
    np.testing.assert_allclose(cv.jit(cv.lift(f))(X), value, rtol=1e-14)
    np.testing.assert_allclose(cv.vmap(cv.lift(f))(np.stack([X, X.T]))[0], value, rtol=1e-14)
    out, tangent = cv.jvp(cv.lift(f), (X,), (np.ones_like(X),))
    np.testing.assert_allclose(out, value, rtol=1e-14)
    np.testing.assert_allclose(tangent, moved, rtol=1e-6, atol=1e-6)
