"""JVP rules that write their zero tangents out, and loops whose carries begin at zero: right under every transformation."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.primitives.math.ring import sumprod_p

X, Y = np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.3, -0.7])


def multiply_add(name, rule):
    mac = cv.Primitive(name)
    mac.def_impl(lambda x, y, z: x * y + z)
    mac.def_abstract(lambda x, y, z: z)
    mac.def_jvp(lambda primals, tangents: (mac.bind(*primals), rule(*primals, *tangents)))
    mac.def_batch(lambda size, args, dims: (mac.bind(*map(cv.numpy.broadcast_arrays(*args).__getitem__, range(3))), 0))
    return mac


written = lambda t, x: np.zeros_like(x) if isinstance(t, cv.Zero) else t

RULES = {
    "instantiate": lambda x, y, z, tx, ty, tz: cv.instantiate(tx) * y + x * cv.instantiate(ty) + cv.instantiate(tz),
    "zeros_like": lambda x, y, z, tx, ty, tz: written(tx, x) * y + x * written(ty, y) + written(tz, z),
    "the zeros first": lambda x, y, z, tx, ty, tz: cv.instantiate(tz) + (x * cv.instantiate(ty) + y * cv.instantiate(tx)),
    "a difference": lambda x, y, z, tx, ty, tz: cv.instantiate(tz) - (-(x * cv.instantiate(ty))) + y * cv.instantiate(tx),
    "quotients and sums": lambda x, y, z, tx, ty, tz: (
        (cv.instantiate(tx) * y * 3.0 + np.reshape(x * cv.instantiate(ty) * 3.0, (3,))) / 3.0 + cv.instantiate(tz)
    ),
}
MAC = {name: multiply_add(f"mac {name}", rule) for name, rule in RULES.items()}

USES = {
    "x and z": lambda mac: lambda x, y: np.sum(np.sin(mac(x, y, x))),
    "y": lambda mac: lambda y, x: np.sum(np.sin(mac(x, y, 2.0 * x))),
    "a constant": lambda mac: lambda x, y: np.sum(mac(x, np.ones(3), y) ** 2),
    "scan": lambda mac: lambda x, y: np.sum(lax.scan(lambda c, _: (np.sin(mac(c, y, c)), None), x, None, length=3)[0]),
    "cond": lambda mac: lambda x, y: np.sum(lax.cond(x[0] > 0, lambda x: np.sin(mac(x, y, x)), lambda x: x, x)),
    "checkpoint": lambda mac: lambda x, y: np.sum(cv.checkpoint(lambda x: np.sin(mac(x, y, x)))(x)),
    "while": lambda mac: (
        lambda x, y: np.sum(lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, np.sin(mac(s[1], y, s[1]))), (0, x))[1])
    ),
}

TRANSFORMATIONS = {
    "grad": lambda f: cv.grad(f)(X, Y),
    "jit(grad)": lambda f: cv.jit(cv.grad(f))(X, Y),
    "grad(jit)": lambda f: cv.grad(cv.jit(f))(X, Y),
    "hessian": lambda f: cv.hessian(f)(X, Y),
    "jit(hessian)": lambda f: cv.jit(cv.hessian(f))(X, Y),
    "grad(jvp)": lambda f: cv.grad(lambda y: cv.jvp(lambda x: f(x, y), (X,), (Y,))[1])(Y),
    "jacrev(jacrev)": lambda f: cv.jacrev(cv.jacrev(f))(X, Y),
    "vmap(grad)": lambda f: cv.vmap(cv.grad(f))(np.stack([X, Y]), np.stack([Y, X])),
    "jit(vmap(grad))": lambda f: cv.jit(cv.vmap(cv.grad(f)))(np.stack([X, Y]), np.stack([Y, X])),
}


@pytest.mark.parametrize(
    ("rule", "use"), [(r, u) for r in RULES for u in USES if r == "instantiate" or u in ("x and z", "y", "scan")]
)
def test_a_rule_that_writes_its_zeros_out(rule, use):
    own, plain = USES[use](MAC[rule].bind), USES[use](lambda x, y, z: x * y + z)
    for name, transform in TRANSFORMATIONS.items():
        np.testing.assert_allclose(transform(own), transform(plain), rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("n", [1, 5, 9, 30])
def test_carries_that_begin_at_zero(n):
    def scanned(a):
        xs = tuple(np.zeros(3) for _ in range(n))
        step = lambda c, x: (tuple(ci * xi + a for ci, xi in zip(c, x, strict=True)), None)
        return sum(lax.scan(step, tuple(0.0 for _ in range(n)), xs)[0])

    def looped(a):
        step = lambda s: (s[0] + 1, tuple(0.5 * c + a for c in s[1]))
        return sum(lax.while_loop(lambda s: s[0] < 2, step, (0, tuple(0.0 for _ in range(n))))[1])

    def chosen(a):
        zeros = tuple(0.0 for _ in range(n))
        return sum(lax.cond(a > 0, lambda c: tuple(x + a for x in c), lambda c: c, zeros))

    for f, want in ((scanned, n), (looped, 1.5 * n), (chosen, n)):
        for g in (cv.grad(f), cv.grad(cv.jit(f)), cv.jit(cv.grad(f)), cv.grad(cv.checkpoint(f)), cv.jit(cv.grad(cv.jit(f)))):
            assert g(1.5) == want
        assert cv.hessian(cv.jit(f))(1.5) == 0.0


def test_what_is_no_zero_is_refused():
    wrong = {
        "known": lambda x, y, z, tx, ty, tz: cv.instantiate(tx) * y + x,
        "not linear in the zero": lambda x, y, z, tx, ty, tz: cv.instantiate(tx) * y + np.cos(x * cv.instantiate(ty)),
    }
    for name, rule in wrong.items():
        mac = multiply_add(f"mac, wrong: {name}", rule)
        for g in (
            cv.grad(lambda x, mac=mac: np.sum(mac.bind(x, Y, Y))),
            cv.jit(cv.grad(lambda x, mac=mac: np.sum(mac.bind(x, Y, Y)))),
        ):
            with pytest.raises(cv.errors.LinearityError, match=r"'add' is applied to \(f64\[3\] tangent, f64\[3\]\)"):
                g(X)


def test_what_is_no_zero_is_refused_soon():
    """A value has 2**40 ways to what it comes from; few of them are followed."""

    def doubled(x):
        for _ in range(40):
            x = x + x
        return x

    f = cv.custom_jvp(np.sin)
    f.defjvp(lambda primals, tangents: (np.sin(primals[0]), tangents[0] + doubled(primals[0])))
    with pytest.raises(cv.errors.LinearityError):
        cv.jit(cv.grad(f))(1.0)


def test_a_missing_transpose_rule_is_named():
    twice = cv.Primitive("twice without a transpose")
    twice.def_impl(lambda x: 2.0 * x)
    twice.def_abstract(lambda x: x)
    twice.def_jvp(lambda p, t: (twice.bind(*p), twice.bind(*t)))
    with pytest.raises(cv.errors.CovectorError, match="has no transpose rule, and so counts as linear in nothing"):
        cv.grad(twice.bind)(1.0)


def test_only_products_without_a_linear_factor_count_a_zero_as_one() -> None:
    completed = sumprod_p.linear.completed
    assert completed((False, True, False, False), (False, False, True, True), {}) == (False, True, True, False)
    assert completed((False, False, True, False), (False, True, False, False), {}) == (False, True, True, False)
    assert completed((False, False, False, True), (True, False, False, False), {}) == (True, False, False, True)


@pytest.mark.parametrize("zero_first", [True, False])
def test_a_product_of_known_values_has_no_cotangent(zero_first):
    """``x tx + y 0``, where the zero has been written out, is linear in tx."""
    known = (np.zeros(3), Y) if zero_first else (Y, np.zeros(3))
    cts = sumprod_p.transpose(np.ones(3), X, cv.Var(cv.typeof(X)), *known)
    np.testing.assert_array_equal(cts[1], X)
    assert [ct is None for ct in cts] == [True, False, True, True]
