"""make_jaxpr, eval_shape, ravel_pytree, stop_gradient."""

import numpy as np
import pytest

import covector as cv


def test_printed_program():
    text = str(cv.make_jaxpr(lambda x, y: np.sin(x) * y + 2.0)(np.ones(3), 1.0))
    assert text == (
        "{ lambda ; a:f64[3] b:weak_f64[]. let\n"
        "    c:f64[3] = sin a\n"
        "    d:f64[3] = mul c b\n"
        "    e:f64[3] = add d 2.0\n"
        "  in (e,) }"
    )


def test_parse_gives_the_program_back():
    jaxpr = cv.make_jaxpr(cv.jit(cv.grad(cv.jit(lambda x: np.sum(np.sin(x) * np.arange(3.0))))))(np.ones(3))
    assert cv.parse(str(jaxpr)) == jaxpr
    cv.check(jaxpr)


@pytest.mark.usefixtures("quoted_lines")
def test_equations_know_the_users_line():
    jaxpr = cv.make_jaxpr(lambda x: np.cos(x))(1.0)
    assert "test_staging.py" in str(jaxpr.equations[0].source) and "np.cos(x)" in str(jaxpr.equations[0].source)


def test_values_play_no_part_and_avals_may_stand_in():
    a = cv.make_jaxpr(lambda x: x * x)(cv.ShapedArray((2,), np.float32))
    assert a == cv.make_jaxpr(lambda x: x * x)(np.zeros(2, np.float32))


def test_return_shape_and_static():
    jaxpr, shape = cv.make_jaxpr(lambda x, n: {"p": x**n}, static_argnums=1, return_shape=True)(np.ones(2), 2)
    assert shape == {"p": cv.ShapedArray((2,), np.float64)}
    assert len(jaxpr.in_vars) == 1


def test_eval_shape_computes_nothing():
    def f(x):
        return {"a": x @ x, "n": x[0] < 1}

    shapes = cv.eval_shape(f, cv.ShapedArray((10**6, 10**6), np.float32))
    assert shapes["a"] == cv.ShapedArray((10**6, 10**6), np.float32)
    assert shapes["n"] == cv.ShapedArray((10**6,), np.bool_)


OUTER = {
    "grad": lambda f: cv.grad(f)(2.0),
    "jvp": lambda f: cv.jvp(f, (2.0,), (1.0,)),
    "vmap": lambda f: cv.vmap(f)(np.arange(2.0)),
    "jit": lambda f: cv.jit(f)(2.0),
    "scan": lambda f: cv.lax.scan(lambda c, _: (f(c), None), 2.0, None, length=2),
}


@pytest.mark.parametrize("outer", OUTER)
def test_a_program_that_needs_a_value_of_an_outer_transformation_is_refused(outer):
    def f(x):
        y = x * 2.0
        cv.make_jaxpr(lambda z: y * z)(1.0)
        return x

    with pytest.raises(cv.errors.ArgumentError, match=r"the function closes over a traced value of type .*f64") as caught:
        OUTER[outer](f)
    assert "pass the value as an argument" in str(caught.value)


@pytest.mark.parametrize("outer", OUTER)
def test_outer_values_that_need_not_be_in_the_program(outer):
    def f(x):
        assert len(cv.make_jaxpr(lambda y, z: y * z)(1.0, x).in_vars) == 2
        assert len(cv.make_jaxpr(lambda z: z * np.ones(x.shape))(1.0).in_vars) == 1
        assert cv.eval_shape(lambda z: x * z, np.ones(3)) == cv.ShapedArray((3,), np.float64)
        return x

    OUTER[outer](f)


def test_a_program_is_called_like_a_function():
    c = np.arange(3.0)
    jaxpr = cv.make_jaxpr(lambda x: (np.sum(np.sin(x["a"]) * x["b"]), c))({"a": np.ones(3), "b": 2.0})
    total, constant = jaxpr(np.ones(3), 2.0)
    assert total == np.sum(np.sin(np.ones(3)) * 2.0)
    constant[:] = 7.0
    np.testing.assert_array_equal(jaxpr(np.ones(3), 2.0)[1], c)
    np.testing.assert_allclose(cv.grad(lambda x: jaxpr(x, 2.0)[0])(np.ones(3)), np.cos(np.ones(3)) * 2.0)
    (x,) = cv.make_jaxpr(lambda x: x)(np.ones(3))(c)
    assert x is not c and not np.shares_memory(x, c)


OTHER_INPUTS = [(), (np.ones(3),), (np.ones(3), 1.0, 1.0), (np.ones(4), 1.0), (np.ones(3, np.float32), 1.0)]


@pytest.mark.parametrize("inputs", OTHER_INPUTS)
def test_a_program_called_with_other_inputs_is_an_error(inputs):
    jaxpr = cv.make_jaxpr(lambda x, y: x * y)(np.ones(3), 2.0)
    expected = rf"a program of 2 inputs \(f64\[3\], weak_f64\[\]\) is called with {len(inputs)} "
    with pytest.raises(cv.errors.ArgumentError, match=expected):
        jaxpr(*inputs)


def test_dead_equations_are_dropped():
    assert len(cv.make_jaxpr(lambda x: (np.sin(x), x)[1])(1.0).equations) == 0


def test_stop_gradient():
    assert cv.grad(lambda x: cv.stop_gradient(x) * x)(3.0) == 3.0
    assert cv.jvp(cv.stop_gradient, (3.0,), (1.0,)) == (3.0, 0.0)
    np.testing.assert_array_equal(cv.vmap(cv.stop_gradient)(np.ones(2)), np.ones(2))
    assert cv.jit(cv.grad(lambda x: cv.stop_gradient({"a": x})["a"] * x))(3.0) == 3.0


def test_ravel_pytree():
    tree = {"a": np.arange(3, dtype=np.float32), "b": (np.ones((2, 2)), 2.0)}
    flat, unravel = cv.ravel_pytree(tree)
    np.testing.assert_array_equal(flat, [0, 1, 2, 1, 1, 1, 1, 2])
    back = unravel(flat * 2)
    assert back["a"].dtype == np.float32 and back["b"][0].shape == (2, 2)
    np.testing.assert_array_equal(back["a"], [0, 2, 4])
    gradient = cv.grad(lambda v: np.sum(unravel(v)["b"][0] ** 2))(flat)
    np.testing.assert_array_equal(gradient, [0, 0, 0, 2, 2, 2, 2, 0])
    with pytest.raises(ValueError, match=r"shape \(8,\), got one of shape \(3,\)"):
        unravel(np.ones(3))
    empty, unravel = cv.ravel_pytree(())
    assert empty.shape == (0,) and unravel(empty) == ()
    np.testing.assert_array_equal(cv.ravel_pytree(3.0)[0], [3.0])
