"""NaNs and divisions by zero in every operation on traced values, and checks in every container, as data."""

import numpy as np
import pytest

import covector as cv
from covector import checkify, lax

GOOD, BAD = 2.0, -3.0


def logarithm(x):
    return np.log(x) + x


def with_jvp_rule(f):
    g = cv.custom_jvp(f)
    g.defjvp(lambda p, t: cv.jvp(f, p, t))
    return g


def with_vjp_rule(f):
    g = cv.custom_vjp(f)
    g.defvjp(lambda x: cv.vjp(f, x), lambda pull, ct: pull(ct))
    return g


def with_batch_rule(f):
    g = cv.custom_vmap(f)
    g.def_vmap(lambda size, batched, x: (cv.vmap(f)(x) if batched[0] else f(x), batched[0]))
    return g


CONTAINERS = {
    "plain": lambda f: f,
    "jit": cv.jit,
    "jit of jit": lambda f: cv.jit(lambda x: cv.jit(f)(x)),
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (c, f(c)), x, None, length=2)[1][1],
    "checkpointed scan": lambda f: lambda x: lax.scan(lambda c, _: (c, f(c)), x, None, length=4, checkpoint="sqrt")[1][1],
    "fori_loop": lambda f: lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x),
    "while_loop": lambda f: lambda x: lax.while_loop(lambda s: s[1] < 1, lambda s: (f(s[0]), s[1] + 1), (x, 0))[0],
    "map": lambda f: lambda x: lax.map(f, x[None] if np.ndim(x) else np.stack([x]))[0],
    "cond": lambda f: lambda x: lax.cond(x < 100, f, lambda x: x, x),
    "switch": lambda f: lambda x: lax.switch(1, [lambda x: x, f], x),
    "checkpoint": cv.checkpoint,
    "custom_jvp": with_jvp_rule,
    "custom_vjp": with_vjp_rule,
    "custom_vmap": with_batch_rule,
    "vmap": lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[1],
    "scan of cond": lambda f: CONTAINERS["scan"](CONTAINERS["cond"](f)),
    "cond of checkpoint": lambda f: CONTAINERS["cond"](cv.checkpoint(f)),
    "jit of rule": lambda f: cv.jit(lambda x: with_vjp_rule(f)(x)),
}
WAYS = {
    "checkify": lambda f, e: checkify.checkify(f, errors=e),
    "jit of checkify": lambda f, e: cv.jit(checkify.checkify(f, errors=e)),
    "checkify of jit": lambda f, e: checkify.checkify(cv.jit(f), errors=e),
    "checkify of grad": lambda f, e: checkify.checkify(cv.value_and_grad(f), errors=e),
    "jit of checkify of grad": lambda f, e: cv.jit(checkify.checkify(cv.value_and_grad(f), errors=e)),
}


def value(out):
    return out[0] if isinstance(out, tuple) else out


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("container", CONTAINERS)
class TestEverywhere:
    def test_nans_are_found(self, container, way):
        checked = WAYS[way](CONTAINERS[container](logarithm), checkify.float_checks)
        error, out = checked(GOOD)
        assert error.get() is None
        np.testing.assert_allclose(value(out), np.log(GOOD) + GOOD)
        error, out = checked(BAD)
        assert "'log' gives NaN" in error.get() and np.isnan(value(out))
        with pytest.raises(cv.errors.CheckError, match=r"test_checks_of_floats\.py:\d+ in logarithm"):
            error.throw()

    def test_checks_are_found(self, container, way):
        def positive(x):
            checkify.check(x > 0, "must be positive: {}", x)
            return x * 2.0

        checked = WAYS[way](CONTAINERS[container](positive), checkify.user_checks)
        error, out = checked(GOOD)
        assert error.get() is None
        np.testing.assert_allclose(value(out), 2 * GOOD)
        assert checked(BAD)[0].get().startswith("must be positive: -3.0")

    def test_both_are_found_together(self, container, way):
        def positive(x):
            y = np.log(x)
            checkify.check(x < 10.0, "too large: {}", x)
            return y

        checked = WAYS[way](CONTAINERS[container](positive), checkify.all_checks)
        assert checked(GOOD)[0].get() is None
        assert checked(11.0)[0].get().startswith("too large: 11.0")
        assert "'log' gives NaN" in checked(BAD)[0].get()


class TestFloats:
    def test_divisions(self):
        for f, name in ((lambda x: 1.0 / x, "div"), (lambda x: 1.0 // x, "floor_divide"), (lambda x: 1.0 % x, "remainder")):
            for way in ("checkify", "jit of checkify"):
                checked = WAYS[way](f, checkify.div_checks)
                assert checked(2.0)[0].get() is None
                assert checked(0.0)[0].get() == f"division by zero in {name!r}"

    def test_only_what_is_asked_for(self):
        assert checkify.checkify(lambda x: np.log(x), errors=checkify.div_checks)(-1.0)[0].get() is None
        assert checkify.checkify(lambda x: 1.0 / x, errors=checkify.nan_checks)(0.0)[0].get() is None
        assert checkify.checkify(lambda x: np.log(x))(-1.0)[0].get() is None

    def test_nan_arguments_make_no_new_nan(self):
        assert checkify.checkify(lambda x: x * 2, errors=checkify.float_checks)(np.nan)[0].get() is None

    def test_checks_inside_of_checks(self):
        inner = lambda x, result: checkify.checkify(lambda y: result(x, y), errors=checkify.float_checks)(2.0)[1]
        for result in (lambda x, y: x, lambda x, y: x * y):
            error, _ = checkify.checkify(lambda x, r=result: np.log(inner(x, r)), errors=checkify.float_checks)(-1.0)
            assert error.get().startswith("'log' gives NaN")

    def test_arguments_that_are_no_values(self):
        checked = checkify.checkify(lambda x, name: getattr(np, name)(x), errors=checkify.float_checks)
        assert checked(-1.0, "log")[0].get().startswith("'log' gives NaN")
        assert checked(-1.0, "negative")[1] == 1.0

    def test_a_nan_of_the_backward_pass(self):
        f = lambda x: np.sqrt(x) * 0.0
        for transform in (cv.grad, lambda f: cv.jit(cv.grad(f))):
            assert checkify.checkify(f, errors=checkify.nan_checks)(0.0)[0].get() is None
            assert "gives NaN" in checkify.checkify(transform(f), errors=checkify.nan_checks)(0.0)[0].get()

    def test_under_outer_transformations(self):
        checked = checkify.checkify(lambda x: np.log(x) * x, errors=checkify.float_checks)
        error, _ = cv.vmap(checked)(np.array([1.0, -1.0, 2.0]))
        assert error.get().startswith("'log' gives NaN") and "example 1" in error.get()
        gradient, error = cv.grad(lambda x: checked(x)[::-1], has_aux=True)(2.0)
        np.testing.assert_allclose(gradient, np.log(2.0) + 1.0)
        assert error.get() is None

    def test_python_may_have_known_values(self):
        def f(x):
            assert float(x) == 2.0 and int(x) == 2 and x.item() == 2.0 and np.asarray(x) == 2.0
            return np.log(x) if x > 0 else x

        def of_arrays(x):
            assert x.tolist() == [2.0] and x.item() == 2.0 and x[0].tolist() == 2.0
            return np.log(x)

        assert checkify.checkify(lambda x: f(x) if x.tolist() == 2.0 else x, errors=checkify.float_checks)(2.0)[0].get() is None
        assert checkify.checkify(of_arrays, errors=checkify.float_checks)(np.array([2.0]))[0].get() is None

    def test_containers_are_the_callers_where_no_floats_are_checked(self):
        seen = {}
        checkify.checkify(lambda d: d.update(b=2.0))(seen)
        assert seen == {"b": 2.0}


class TestConditionsOfLoops:
    def make(self, x):
        def condition(c):
            checkify.check(c[0] < 3.0, "condition at {}", c[0])
            return c[1] < 4

        return lax.while_loop(condition, lambda c: (c[0] + x, c[1] + 1), (0.0, 0))[0]

    @pytest.mark.parametrize("way", WAYS)
    def test_they_are_checked_before_each_step(self, way):
        checked = WAYS[way](self.make, checkify.user_checks)
        error, out = checked(0.5)
        assert error.get() is None
        np.testing.assert_allclose(value(out), 2.0)
        assert checked(1.0)[0].get() == "condition at 3.0"
        assert checked(3.0)[0].get() == "condition at 3.0"

    def test_batches_of_gradients_of_loops_of_several_lengths(self):
        def f(x):
            def condition(c):
                checkify.check(c < 50.0, "condition at {}", c)
                return c < 5.0

            return lax.while_loop(condition, lambda c: c * x, x)

        xs = np.array([2.0, 3.0, 1.5])
        want = [3 * 2.0**2, 2 * 3.0, 4 * 1.5**3]
        for way in (
            lambda xs: checkify.checkify(cv.vmap(cv.grad(f)))(xs),
            lambda xs: cv.vmap(checkify.checkify(cv.grad(f)))(xs),
            lambda xs: cv.jit(cv.vmap(checkify.checkify(cv.grad(f))))(xs),
            lambda xs: cv.jit(checkify.checkify(cv.vmap(cv.grad(f))))(xs),
        ):
            error, out = way(xs)
            assert error.get() is None
            np.testing.assert_allclose(out, want)
            assert way(np.array([2.0, 60.0, 1.5]))[0].get().startswith("condition at 60.0")

    def test_and_once_where_no_step_is_made(self):
        def f(x):
            return lax.while_loop(lambda c: (checkify.check(c < 3.0, "at {}", c), c < 0)[1], lambda c: c + 1, x)

        for way in (checkify.checkify(f), cv.jit(checkify.checkify(f))):
            assert way(1.0)[0].get() is None and way(5.0)[0].get() == "at 5.0"

    def test_nans_of_conditions(self):
        f = lambda x: lax.while_loop(lambda c: np.log(c) > 0, lambda c: c - 2.0, x)
        for way in ("checkify", "jit of checkify"):
            assert "'log' gives NaN" in WAYS[way](f, checkify.nan_checks)(3.5)[0].get()
            assert WAYS[way](f, checkify.nan_checks)(3.0)[0].get() is None

    def test_a_body_with_checks_too(self):
        def f(x):
            def body(c):
                checkify.check(c != 2.0, "body at {}", c)
                return c + 1.0

            return lax.while_loop(lambda c: (checkify.check(c < 4.0, "condition at {}", c), c < 6.0)[1], body, x)

        for way in (checkify.checkify(f), cv.jit(checkify.checkify(f))):
            assert way(0.0)[0].get() == "body at 2.0" and way(2.5)[0].get() == "condition at 4.5"


def test_linear_call():
    def f(x):
        def forward(r, y):
            checkify.check(r > 0, "r is {}", r)
            return r * y

        return cv.linear_call(forward, lambda r, ct: r * ct, x, 3.0 * x)

    for way in (checkify.checkify(f), cv.jit(checkify.checkify(f)), checkify.checkify(cv.jit(f))):
        assert way(2.0)[0].get() is None and way(-2.0)[0].get() == "r is -2.0"
        np.testing.assert_allclose(way(2.0)[1], 12.0)


def noted_in(happened: list) -> dict:
    def effect(x):
        cv.io_callback(lambda v: happened.append(np.asarray(v)), None, cv.stop_gradient(x))

    @cv.custom_jvp
    def by_jvp(x):
        effect(x)
        return np.sin(x)

    @cv.custom_vjp
    def by_vjp(x):
        effect(x)
        return np.sin(x)

    @cv.custom_vmap
    def by_vmap(x):
        effect(x)
        return np.sin(x)

    by_jvp.defjvp(lambda p, t: (np.sin(p[0]), np.cos(p[0]) * t[0]))
    by_vmap.def_vmap(lambda size, batched, x: (np.sin(x), batched[0]))
    by_vjp.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (np.cos(x) * ct,))
    return {f.__name__: f for f in (by_jvp, by_vjp, by_vmap)}


@pytest.mark.parametrize("checks", ["nan_checks", "all_checks", "user_checks"])
@pytest.mark.parametrize("name", ["by_jvp", "by_vjp", "by_vmap"])
def test_effects_of_functions_with_rules_happen_once(name, checks):
    happened: list = []
    f = cv.checkify.checkify(noted_in(happened)[name], errors=getattr(cv.checkify, checks))
    for run in (f, cv.jit(f), *([] if name == "by_vmap" else [lambda x: cv.vmap(f)(np.array([x]))])):
        happened.clear()
        assert run(0.7)[0].get() is None
        assert len(happened) == 1


def test_a_result_of_an_effect_that_a_check_needs_is_refused():
    @cv.custom_jvp
    def f(x):
        return np.log(x * cv.io_callback(lambda: 2.0, cv.ShapeDtypeStruct((), np.float64)))

    f.defjvp(lambda p, t: (f(p[0]), t[0]))
    with pytest.raises(cv.errors.CallbackError, match="run once more for its checks"):
        cv.jit(cv.checkify.checkify(f, errors=cv.checkify.nan_checks))(1.0)
