"""vmap against Python loops."""

import numpy as np
import pytest

import covector as cv

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))


def f(x, y):
    return np.sin(x) * y + np.sum(x)


def test_both_arguments():
    np.testing.assert_allclose(cv.vmap(f)(A, B), np.stack([f(a, b) for a, b in zip(A, B, strict=True)]))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (-1, None), (1, 1), (None, -1)])
def test_axes(axes):
    x = A.T if axes[0] in (1, -1) else A if axes[0] == 0 else A[0]
    y = B.T if axes[1] in (1, -1) else B if axes[1] == 0 else B[0]
    expected = [f(A[i] if axes[0] is not None else A[0], B[i] if axes[1] is not None else B[0]) for i in range(4)]
    np.testing.assert_allclose(cv.vmap(f, axes)(x, y), np.stack(expected))
    np.testing.assert_allclose(cv.vmap(f, axes, out_axes=-1)(x, y), np.stack(expected, -1))


def test_prefix_trees():
    def g(params, x):
        return {"a": params["w"] * x, "b": (params["b"], np.sum(x))}

    params = {"w": A, "b": 2.0}
    out = cv.vmap(g, in_axes=({"w": 0, "b": None}, 0), out_axes={"a": 1, "b": (None, 0)})(params, B)
    np.testing.assert_allclose(out["a"], (A * B).T)
    assert out["b"][0] == 2.0
    np.testing.assert_allclose(out["b"][1], B.sum(1))


def test_an_integer_serves_a_whole_tree():
    out = cv.vmap(lambda t: t[0] * t[1]["k"], in_axes=1)((A.T, {"k": B.T}))
    np.testing.assert_allclose(out, A * B)


def test_output_that_does_not_depend_on_the_batch_is_repeated():
    out = cv.vmap(lambda x: (x, np.ones(2)))(A[:, 0])
    np.testing.assert_array_equal(out[1], np.ones((4, 2)))
    out[1][0] = 7  # and may be written to
    assert out[1][1, 0] == 1


def test_keyword_arguments_are_batched_along_axis_0():
    np.testing.assert_allclose(cv.vmap(lambda x, y: x * y)(A, y=B), A * B)


def test_axis_size_alone():
    np.testing.assert_array_equal(cv.vmap(lambda: 2.0, axis_size=3)(), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(cv.vmap(lambda x: x, in_axes=None, axis_size=2)(1.0), [1.0, 1.0])


def test_nested_with_different_axes():
    outer = cv.vmap(cv.vmap(lambda x, y: x * y, (None, 0)), (0, None))
    np.testing.assert_allclose(outer(A[:, 0], B[:, 1]), np.outer(A[:, 0], B[:, 1]))
    np.testing.assert_allclose(cv.vmap(cv.vmap(np.sin, 1, 1), 0)(RNG.normal(size=(2, 3, 4)))[1].shape, (3, 4))


def test_ranks_differ_between_examples():
    def g(x, m):
        return m + x  # vector examples against matrix examples

    m = RNG.normal(size=(4, 2, 3))
    np.testing.assert_allclose(cv.vmap(g)(A, m), np.stack([a + b for a, b in zip(A, m, strict=True)]))


def test_per_example_gradients():
    def loss(w, x):
        return np.sum(np.tanh(w * x)) ** 2

    w = RNG.normal(size=3)
    np.testing.assert_allclose(cv.vmap(cv.grad(loss), (None, 0))(w, A), np.stack([cv.grad(loss)(w, a) for a in A]), rtol=1e-13)


def test_gradient_of_vmap():
    def total(w):
        return np.sum(cv.vmap(lambda x: np.sum(np.sin(w * x)))(A))

    w = RNG.normal(size=3)
    np.testing.assert_allclose(cv.grad(total)(w), np.sum(np.cos(w * A) * A, 0), rtol=1e-13)


class Length:
    """A number with a unit, that takes the number of what it meets as units of astropy do."""

    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        return self.value * getattr(other, "value", other)


def test_example_has_no_value_that_others_ask_for():
    np.testing.assert_array_equal(cv.vmap(lambda x: Length(3.0) * x)(B[0]), 3.0 * B[0])


def test_batch_of_no_examples():
    assert cv.vmap(f)(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)


class TestErrors:
    def test_sizes_that_disagree(self):
        with pytest.raises(cv.errors.BatchSizeError) as e:
            cv.vmap(f)({"w": A}["w"], B[:3])
        text = str(e.value)
        assert "argument 0 has size 4 along axis 0 (f64[4,3])" in text
        assert "argument 1 has size 3 along axis 0 (f64[3,3])" in text
        assert "test_vmap.py" in text and "Fix:" in text

    def test_place_inside_a_tree(self):
        with pytest.raises(cv.errors.BatchSizeError, match=r"argument 0\['b'\]\[1\] has size 2 along axis 0"):
            cv.vmap(lambda t: t)({"a": A, "b": (A, B[:2])})

    def test_no_batch_axis(self):
        with pytest.raises(cv.errors.BatchSizeError, match="no argument with a batch axis"):
            cv.vmap(f, (None, None))(A, B)

    def test_scalar_argument(self):
        with pytest.raises(cv.errors.BatchSizeError, match=r"batch argument 1 along axis 0, but its shape is \(\)"):
            cv.vmap(f)(A, 1.0)

    def test_wrong_number_of_axes(self):
        with pytest.raises(cv.errors.ArgumentError, match="for 1 arguments, and was called with 2"):
            cv.vmap(f, (0,))(A, B)

    def test_axes_that_are_no_prefix(self):
        with pytest.raises(cv.errors.ArgumentError, match="no prefix"):
            cv.vmap(lambda t: t, ((0, 0, 0),))((A, B))

    def test_none_for_a_batched_output(self):
        with pytest.raises(cv.errors.ArgumentError, match="None in out_axes for an output that differs"):
            cv.vmap(f, out_axes=None)(A, B)

    def test_out_axis_out_of_range(self):
        with pytest.raises(cv.errors.ArgumentError, match="5 in out_axes"):
            cv.vmap(f, out_axes=5)(A, B)

    def test_python_if_on_a_batched_value(self):
        with pytest.raises(cv.errors.TracerBoolConversionError, match="4 examples at once, which may differ"):
            cv.vmap(lambda x: x if x > 0 else -x)(A[:, 0])


class Settings:
    power = 2


UNMAPPED = {
    "a function": (lambda g, x: g(x), np.sin, np.sin),
    "a string": (lambda name, x: getattr(np, name)(x), "cos", np.cos),
    "an object of a class": (lambda s, x: x**s.power, Settings(), np.square),
    "a tree of such": (lambda d, x: d["g"](x) * len(d["names"][0]), {"g": np.exp, "names": ["ab"]}, lambda x: 2 * np.exp(x)),
    "a dtype": (lambda dtype, x: x.astype(dtype), np.dtype("i4"), lambda x: x.astype("i4")),
    "a linear map": (lambda pull, x: pull(x)[0], cv.vjp(lambda x: 3 * x, 1.0)[1], lambda x: 3 * x),
}
AROUND = {
    "vmap": lambda f, x: f(x),
    "jit": lambda f, x: cv.jit(f)(x),
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
    "vmap of vmap": lambda f, x: cv.vmap(f)(x[None])[0],
    "branches": lambda f, x: f(x),
}


@pytest.mark.parametrize("what", UNMAPPED)
@pytest.mark.parametrize("around", AROUND)
def test_what_is_the_same_for_all_may_be_any_object(what, around):
    f, thing, want = UNMAPPED[what]
    x = np.arange(1.0, 4.0)
    branches = "split" if around == "branches" else None
    mapped = cv.vmap(f, in_axes=(None, 0), branches=branches)
    np.testing.assert_allclose(AROUND[around](lambda x: mapped(thing, x), x), want(x))


NOT_BATCHED = {
    r"'cos' of type str at argument 0": lambda: cv.vmap(lambda name, x: x)("cos", np.ones(3)),
    r"of type Settings at argument 1\['s'\]": lambda: cv.vmap(lambda x, d: x)(np.ones(3), {"s": Settings()}),
    r"of type Settings at keyword argument 's'": lambda: cv.vmap(lambda x, s: x)(np.ones(3), s=Settings()),
    r"batch argument 1 along axis 0, but its shape is \(\)": lambda: cv.vmap(lambda x, scale: x)(np.ones(3), 2.0),
    r"batch keyword argument 'scale' along axis 0[\s\S]*are always batched[\s\S]*bind it with functools": (
        lambda: cv.vmap(lambda x, scale: x)(np.ones(3), scale=2.0)
    ),
}


@pytest.mark.parametrize("text", NOT_BATCHED)
def test_what_cannot_be_batched(text):
    with pytest.raises((cv.errors.ArgumentError, cv.errors.BatchSizeError), match=text) as caught:
        NOT_BATCHED[text]()
    assert "Fix: " in str(caught.value)
