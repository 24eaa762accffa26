"""jit: same results, traced once, under every other transformation."""

import gc
import weakref

import numpy as np
import pytest

import covector as cv
from covector.passes.clean import clean

pytestmark = pytest.mark.usefixtures("few_objects")

X = np.linspace(0.1, 1.0, 3)


def counted(f):
    def g(*args, **kwargs):
        g.calls += 1
        return f(*args, **kwargs)

    g.calls = 0
    return g


def test_traces_once_per_type():
    f = counted(lambda x: np.sin(x) * 2)
    g = cv.jit(f)
    for _ in range(3):
        np.testing.assert_array_equal(g(X), np.sin(X) * 2)
    assert f.calls == 1
    g(X.astype(np.float32))
    g(np.ones(4))
    g(1.0)
    assert f.calls == 4
    assert g.cache_size() == 4
    assert "f64[3] became f32[3]" in g.explain()


def test_every_composition_traces_python_once():
    f = counted(lambda x: np.sum(np.sin(x) * x))
    g = cv.jit(f)
    h = cv.jit(lambda x: cv.jvp(cv.grad(g), (x,), (x,))[1])
    xs = np.stack([X, 2 * X])
    exact = (2 * np.cos(X) - X * np.sin(X)) * X
    for _ in range(2):
        np.testing.assert_allclose(h(X), exact, rtol=1e-14)
        np.testing.assert_allclose(cv.grad(g)(X), np.cos(X) * X + np.sin(X), rtol=1e-14)
        np.testing.assert_allclose(cv.vmap(g)(xs), [np.sum(np.sin(x) * x) for x in xs])
        np.testing.assert_allclose(cv.vmap(cv.grad(g))(xs)[1], np.cos(2 * X) * 2 * X + np.sin(2 * X), rtol=1e-14)
        np.testing.assert_allclose(cv.hessian(g)(X), np.diag(2 * np.cos(X) - X * np.sin(X)), rtol=1e-13, atol=1e-15)
    assert f.calls == 1


def test_static_arguments():
    def power(x, n, *, flag=True):
        return x**n if flag else x

    g = cv.jit(power, static_argnums=1, static_argnames="flag")
    assert g(2.0, 3) == 8.0
    assert g(2.0, n=2) == 4.0
    assert g(2.0, 2, flag=False) == 2.0
    assert g(2.0, -1) == 0.5
    assert cv.jit(power, static_argnames=("n",))(3.0, 2) == 9.0


def test_static_values_of_different_type_are_different():
    g = cv.jit(lambda x, n: x * n, static_argnums=1)
    assert g(np.ones(1, np.int64), 2).dtype == np.int64
    assert g(np.ones(1, np.int64), 2.0).dtype == np.float64


def test_pytrees_and_keywords():
    g = cv.jit(lambda p, *, k: {"out": p["a"] * k, "none": None})
    out = g({"a": X}, k=2.0)
    np.testing.assert_array_equal(out["out"], 2 * X)
    assert out["none"] is None


def test_weak_types_survive():
    x32 = np.ones(3, np.float32)
    g = cv.jit(lambda s: (s * 2, x32 * (s + 1), s / 3, s < 2, -s))
    for out, expected in zip(g(3.0), (6.0, x32 * 4.0, 1.0, False, -3.0), strict=True):
        np.testing.assert_array_equal(out, expected)
        assert np.asarray(out).dtype == np.asarray(expected).dtype
    assert type(g(3.0)[0]) is float
    assert type(cv.jit(lambda n: n * 2)(3)) is int
    assert cv.jit(lambda x: x * np.float64(2.0))(x32).dtype == np.float64


def test_a_result_does_not_share_memory_with_a_constant():
    c = np.ones(3)
    g = cv.jit(lambda x: (c, x))
    g(1.0)[0][0] = 5.0
    np.testing.assert_array_equal(g(1.0)[0], np.ones(3))
    np.testing.assert_array_equal(c, np.ones(3))


def test_a_result_that_is_a_view_of_a_constant_is_copied():
    c = np.zeros((2, 3))
    views = [lambda x: c[1:], lambda x: c.T, lambda x: np.reshape(c, (6,)), lambda x: np.broadcast_to(c[0], (4, 3))]
    views += [lambda x: cv.numpy.take(c, x, axis=0), lambda x: cv.at(np.zeros_like(c) + 0 * x)[x].get()]
    for f in views:
        g = cv.jit(f)
        try:
            g(1)[...] = 5.0
        except ValueError:  # read-only: nothing can be written
            continue
        np.testing.assert_array_equal(g(1), np.zeros_like(g(1)))
        assert not c.any()


def test_folded_constants_are_not_shared_either():
    g = cv.jit(lambda x: np.zeros_like(x))
    g(X)[0] = 5.0
    np.testing.assert_array_equal(g(X), np.zeros(3))


def test_closing_over_a_tracer():
    def f(x):
        return cv.jit(lambda y: x * y * y)(x)

    assert cv.grad(f)(2.0) == 12.0
    np.testing.assert_allclose(cv.vmap(f)(X), X**3)
    assert cv.hessian(f)(2.0) == 12.0


def test_a_persistent_jit_that_closes_over_tracers_does_not_keep_them():
    box = []
    g = cv.jit(lambda y: box[0] * y)

    def f(x):
        box[:] = [x]
        return g(x)

    assert cv.grad(f)(2.0) == 4.0
    assert cv.grad(f)(3.0) == 6.0
    box[:] = [5.0]
    assert g(2.0) == 10.0


def test_cache_dies_with_the_function():
    def make():
        def f(x):
            return np.sin(x)

        cv.jit(f)(X)
        return weakref.ref(f)

    ref = make()
    gc.collect()
    assert ref() is None


def test_two_jits_of_one_function_share_programs():
    f = counted(lambda x: x + 1)
    cv.jit(f)(1.0)
    cv.jit(f)(2.0)
    assert f.calls == 1


def test_as_a_decorator_with_options():
    @cv.jit(static_argnums=1)
    def f(x, n):
        return x * n

    assert f(2.0, 3) == 6.0


@pytest.mark.parametrize("c", [1.0, -0.0, 3, True, np.float32(2.0)])
def test_equal_elements_of_a_constant_become_one_number(c):
    const, x = np.full((3, 20), c), np.linspace(-1.0, 1.0, 20).astype(np.float32)
    f = lambda x, y: (x * y + const, np.minimum(y, const), np.where(y > 0, const, y))
    y = np.broadcast_to(x, (3, 20)).copy()
    program = clean(cv.make_jaxpr(f)(x, y))
    assert not program.consts
    for found, wanted in zip(cv.jit(f)(x, y), f(x, y), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize(
    "const",
    [np.array([0.0] * 19 + [-0.0]), np.array([-0.0] + [0.0] * 18 + [-0.0]), np.full(20, np.nan), np.arange(20.0) // 19],
)
def test_other_constants_stay_arrays(const):
    program = clean(cv.make_jaxpr(lambda x: x * const)(np.ones(20)))
    assert len(program.consts) == 1


@pytest.mark.parametrize(
    ("one", "x", "is_dropped"),
    [
        (1.0, np.array([0.5, -0.0, np.nan, -np.inf]), True),
        (np.ones(4), np.array([0.5, -0.0, np.nan, -np.inf]), True),
        (np.ones((3, 20)), np.linspace(-1.0, 1.0, 60).reshape(3, 20), True),
        (np.int8(1), np.array([3, -4]), True),
        (1, np.array([3, 200], np.uint8), True),
        (np.ones((2, 4)), np.array([0.5, 1.5, -2.0, 3.0]), False),
        (np.float64(1), np.array([0.5, 1.5], np.float32), False),
        (1.0, np.array([True, False]), False),
        (1.0, np.array([complex(np.inf, 0.0), 2j]), False),
        (np.array([1.0, 1.0, -1.0]), np.array([0.5, -1.5, 2.0]), False),
        (np.array([]), np.zeros(0), True),
    ],
)
def test_products_with_ones(one, x, is_dropped):
    for f in (lambda x: one * x, lambda x: x * one):
        program = clean(cv.make_jaxpr(f)(x))
        assert (not program.equations) == is_dropped
        found, wanted = cv.jit(f)(x), f(x)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(np.real(found)), np.signbit(np.real(wanted)))
        assert not np.shares_memory(found, x)


def test_a_constant_that_gives_the_shape_stays_an_array():
    const = np.full((3, 20), 2.0)
    np.testing.assert_array_equal(cv.jit(lambda x: x * const)(np.ones(20)), const)


def test_cleaning_removes_repeated_dead_and_constant_equations():
    from covector.core.jaxpr import count_equations
    from covector.passes.clean import clean

    def f(x):
        dead = np.exp(x)  # noqa: F841
        return np.sin(x) * np.sin(x) + np.sum(np.cos(np.ones(3)))

    jaxpr = cv.make_jaxpr(f)(1.0)
    assert count_equations(clean(jaxpr)) == 3
    assert cv.jit(f)(1.0) == f(1.0)


def test_signed_zeros_and_types_of_literals_are_not_merged():
    g = cv.jit(lambda x: (x * 0.0, x * -0.0, x + 1, x + 1.0, x + True))
    out = g(np.float32(1))
    assert np.signbit(out[1]) and not np.signbit(out[0])
    out = g(np.int64(1))
    assert [np.asarray(o).dtype.kind for o in out] == ["f", "f", "i", "f", "i"]


def test_multiplication_by_zero_keeps_nan():
    assert np.isnan(cv.jit(lambda x: x * 0.0)(np.nan))


def test_recursion_of_jit():
    @cv.jit
    def f(x):
        return cv.jit(lambda y: cv.jit(np.sin)(y) * 2)(x) + 1

    assert f(0.5) == np.sin(0.5) * 2 + 1
    assert cv.grad(cv.grad(f))(0.5) == pytest.approx(-2 * np.sin(0.5))


def test_jitted_jvp_rule_splits_into_known_and_linear_parts():
    softplus_p = cv.Primitive("test_jit_softplus")
    softplus_p.def_impl(lambda x: np.log1p(np.exp(x)))
    softplus_p.def_abstract(lambda x: x)

    @cv.jit
    def rule(x, t):
        return softplus_p.bind(x), t / (1 + np.exp(-x))

    softplus_p.def_jvp(lambda primals, tangents: rule(*primals, *tangents))
    assert cv.grad(softplus_p.bind)(0.3) == pytest.approx(1 / (1 + np.exp(-0.3)), rel=1e-14)
    s = 1 / (1 + np.exp(-0.3))
    assert cv.grad(cv.grad(softplus_p.bind))(0.3) == pytest.approx(s * (1 - s), rel=1e-12)
    assert cv.jit(cv.grad(softplus_p.bind))(0.3) == pytest.approx(s, rel=1e-14)


def test_long_programs_are_interpreted():
    def f(x):
        for _ in range(6000):
            x = x + 1.0
        return x

    assert cv.jit(f)(0.5) == 6000.5


class TestErrors:
    def test_python_if(self):
        with pytest.raises(cv.errors.TracerBoolConversionError) as e:
            cv.jit(lambda x: x if x > 0 else -x)(1.0)
        text = str(e.value)
        assert "the truth of a traced value of type bool[]" in text and "test_jit.py" in text and "static_argnums" in text

    def test_unhashable_static(self):
        with pytest.raises(cv.errors.ArgumentError, match="unhashable value of type list for its static argument 1"):
            cv.jit(lambda x, n: x, static_argnums=1)(1.0, [1])

    def test_traced_static(self):
        f = cv.jit(lambda x, n: x * n, static_argnums=1)
        with pytest.raises(cv.errors.ArgumentError, match="traced value of type"):
            cv.grad(lambda n: f(1.0, n))(2.0)

    def test_unknown_static_name(self):
        with pytest.raises(cv.errors.ArgumentError, match="f does not have"):

            def f(x):
                return x

            cv.jit(f, static_argnames="z")

    def test_argument_that_is_no_array(self):
        with pytest.raises(cv.errors.ArgumentError, match="'abc' of type str"):
            cv.jit(lambda x, s: x)(1.0, "abc")
