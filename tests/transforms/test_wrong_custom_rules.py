"""What the rules of functions return is checked wherever they are used, and means the same plainly and under jit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax

X = np.arange(1.0, 4.0)
TWO = np.stack([X, X])
OTHER = cv.Zero(cv.ShapedArray((7,), np.float64))


def by_jvp(rule, fun=lambda x: 2 * x):
    f = cv.custom_jvp(fun)
    f.defjvp(rule)
    return f


def by_vjp(bwd, fwd=lambda x: (2 * x, None), fun=lambda x: 2 * x):
    f = cv.custom_vjp(fun)
    f.defvjp(fwd, bwd)
    return f


def by_vmap(rule):
    f = cv.custom_vmap(lambda x: 2 * x)
    f.def_vmap(rule)
    return f


def callback(jvp=None, transpose=None):
    return lambda x: cv.pure_callback(lambda x: 2 * x, x, x, jvp=jvp, transpose=transpose, vmap_method="sequential")


def linear(transpose):
    return lambda x: cv.linear_call(lambda _, x: 2 * x, transpose, (), x)


def total(f):
    return lambda x: np.sum(f(x))


FORWARD: dict[str, Any] = {
    "jvp": lambda f: cv.jvp(f, (X,), (X,)),
    "jit of jvp": lambda f: cv.jit(lambda x: cv.jvp(f, (x,), (x,)))(X),
    "jvp of jit": lambda f: cv.jvp(cv.jit(f), (X,), (X,)),
    "jvp of scan": lambda f: cv.jvp(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0], (X,), (X,)),
    "vmap of jvp": lambda f: cv.vmap(lambda x: cv.jvp(f, (x,), (x,)))(TWO),
}
REVERSE: dict[str, Any] = {
    "grad": lambda f: cv.grad(total(f))(X),
    "jit of grad": lambda f: cv.jit(cv.grad(total(f)))(X),
    "grad of jit": lambda f: cv.grad(cv.jit(total(f)))(X),
    "grad of scan": lambda f: cv.grad(lambda x: np.sum(lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]))(X),
    "vmap of grad": lambda f: cv.vmap(cv.grad(total(f)))(TWO),
    "grad of vmap": lambda f: cv.grad(lambda x: np.sum(cv.vmap(f)(x)))(TWO),
    "grad of checkpoint": lambda f: cv.grad(total(cv.checkpoint(f)))(X),
}
BATCH: dict[str, Any] = {
    "vmap": lambda f: cv.vmap(f)(TWO),
    "jit of vmap": lambda f: cv.jit(cv.vmap(f))(TWO),
    "vmap of jit": lambda f: cv.vmap(cv.jit(f))(TWO),
    "vmap of scan": lambda f: cv.vmap(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0])(TWO),
}
BOTH = {**FORWARD, **REVERSE}

# what is wrong: where the rule is used, the function, what the error says
MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "jvp: the tangent alone": (BOTH, lambda: by_jvp(lambda p, t: 2 * t[0]), r"the jvp rule .* returned f64\[3\]"),
    "jvp: no return": (BOTH, lambda: by_jvp(lambda p, t: (2 * p[0], None)), "the jvp rule .* returned None as the tangent"),
    "jvp: takes x and t": (
        BOTH,
        lambda: by_jvp(lambda x: x),
        r"the jvp rule .* takes \(x\), and is called with \(primals, tangents\)",
    ),
    "jvp: three": (BOTH, lambda: by_jvp(lambda p, t: (p[0], t[0], t[0])), "the jvp rule .* returned a tuple of 3"),
    "jvp: tangent of another shape": (
        BOTH,
        lambda: by_jvp(lambda p, t: (2 * p[0], np.sum(t[0]))),
        r"the jvp rule .* returned a tangent of type f64\[\].* for a value of type f64\[3\]",
    ),
    "jvp: tangent of another dtype": (
        BOTH,
        lambda: by_jvp(lambda p, t: (2 * p[0], t[0].astype("f4"))),
        r"the jvp rule .* returned a tangent of type f32\[3\]",
    ),
    "jvp: a Zero of another shape": (
        BOTH,
        lambda: by_jvp(lambda p, t: (2 * p[0], OTHER)),
        r"the jvp rule .* returned a tangent of type f64\[7\] for a value of type f64\[3\]",
    ),
    "jvp: another structure": (
        BOTH,
        lambda: by_jvp(lambda p, t: (2 * p[0], (t[0],))),
        "the jvp rule .* got a tangent with the structure",
    ),
    "bwd: a bare array": (REVERSE, lambda: by_vjp(lambda r, ct: 2 * ct), r"the bwd rule .* returned f64\[3\] for 1 argument"),
    "bwd: takes ct": (
        REVERSE,
        lambda: by_vjp(lambda ct: (ct,)),
        r"the bwd rule .* takes \(ct\), and is called with \(residuals, cotangent\)",
    ),
    "fwd: takes two": (
        REVERSE,
        lambda: by_vjp(lambda r, ct: (ct,), lambda x, y: (x, None)),
        r"the fwd rule .* takes \(x, y\), and is called with \(\*arguments\)",
    ),
    "custom_gradient: no return": (
        REVERSE,
        lambda: cv.custom_gradient(lambda x: (2 * x, lambda ct: None)),
        "the bwd rule .* returned None for 1 argument",
    ),
    "vmap: takes x": (
        BATCH,
        lambda: by_vmap(lambda x: (2 * x, True)),
        r"the batching rule .* takes \(x\), and is called with \(axis_size, in_batched, \*arguments\)",
    ),
    "bwd: too many": (REVERSE, lambda: by_vjp(lambda r, ct: (ct, ct)), "the bwd rule .* returned 2 cotangents for 1 argument"),
    "bwd: another shape": (
        REVERSE,
        lambda: by_vjp(lambda r, ct: (np.sum(ct),)),
        r"the bwd rule .* returned a cotangent of type f64\[\].* for a value of type f64\[3\]",
    ),
    "bwd: a Zero of another shape": (
        REVERSE,
        lambda: by_vjp(lambda r, ct: (OTHER,)),
        r"the bwd rule .* returned a cotangent of type f64\[7\] for a value of type f64\[3\]",
    ),
    "bwd: another dtype": (
        REVERSE,
        lambda: by_vjp(lambda r, ct: (ct.astype("c16"),)),
        r"the bwd rule .* returned a cotangent of type c128\[3\] for a value of type f64\[3\]",
    ),
    "fwd: the output alone": (REVERSE, lambda: by_vjp(lambda r, ct: (ct,), lambda x: 2 * x), "the fwd rule .* returned f64"),
    "fwd: another output": (
        {name: REVERSE[name] for name in ("grad of jit", "grad of scan")},
        lambda: by_vjp(lambda r, ct: (ct,), lambda x: (np.sum(x), None)),
        r"the fwd rule .* returned an output of type f64\[\] where .* returns f64\[3\]",
    ),
    "vmap: the output alone": (BATCH, lambda: by_vmap(lambda n, b, x: 2 * x), r"the batching rule .* returned f64\[2,3\]"),
    "vmap: no batch": (
        BATCH,
        lambda: by_vmap(lambda n, b, x: (2 * x[0], True)),
        r"the batching rule .* returned f64\[3\] as batched, which should be f64\[2,3\]",
    ),
    "callback jvp: the tangent alone": (
        BOTH,
        lambda: callback(jvp=lambda p, t: 2 * t[0]),
        r"the jvp rule of the callback .* returned f64\[3\]",
    ),
    "callback jvp: another shape": (
        BOTH,
        lambda: callback(jvp=lambda p, t: (2 * p[0], np.sum(t[0]))),
        r"the jvp rule of the callback .* returned a tangent of type f64\[\].*, and f64\[3\] is needed",
    ),
    "callback jvp: another output": (
        BOTH,
        lambda: callback(jvp=lambda p, t: (np.sum(p[0]), t[0])),
        r"the jvp rule of the callback .* returned an output of type f64\[\].*, and f64\[3\] is needed",
    ),
    "callback transpose: a bare array": (
        REVERSE,
        lambda: callback(transpose=lambda ct: 2 * ct),
        r"the transpose rule of the callback .* returned f64\[3\].*, where a tuple of 1 is needed",
    ),
    "callback transpose: another shape": (
        REVERSE,
        lambda: callback(transpose=lambda ct: (np.sum(ct),)),
        r"the transpose rule of the callback .* returned a cotangent of type f64\[\].*, and f64\[3\] is needed",
    ),
    "linear_call: another shape": (
        BOTH,
        lambda: linear(lambda _, ct: np.sum(ct)),
        r"the transpose .* of .* returned \(f64\[\]\) for linear arguments \(f64\[3\]\)",
    ),
    "linear_call: a tuple": (BOTH, lambda: linear(lambda _, ct: (ct,)), "the transpose .* returned .* for linear arguments"),
}


@pytest.mark.parametrize(("mistake", "way"), [(m, w) for m, (ways, *_) in MISTAKES.items() for w in ways])
def test_every_mistake_is_told_wherever_the_rule_is_used(mistake: str, way: str) -> None:
    ways, make, says = MISTAKES[mistake]
    with pytest.raises(errors.CovectorError) as caught:
        ways[way](make())
    text = str(caught.value)
    if "vmap" in way and not mistake.startswith("vmap"):  # there some shapes have the batch axis
        says = (
            says.replace(r"f64\[3\]", r"f64\[(2,)?3\]")
            .replace(r"f64\[\]", r"f64\[2?\]")
            .replace(r"c128\[3\]", r"c128\[(2,)?3\]")
        )
    assert re.search(says, text), text
    assert "Fix: " in text and "test_wrong_custom_rules.py" in text


# --- the same plainly and under jit -----------------------------------------------------------------------------------

PLAINLY: dict[str, Any] = {
    "grad": lambda f, *xs: cv.grad(f)(*xs),
    "jit of grad": lambda f, *xs: cv.jit(cv.grad(f))(*xs),
    "grad of jit": lambda f, *xs: cv.grad(cv.jit(f))(*xs),
    "vmap of grad": lambda f, *xs: cv.vmap(cv.grad(f))(*(np.stack([x, x]) for x in xs))[0],
    "jit of vmap of grad": lambda f, *xs: cv.jit(cv.vmap(cv.grad(f)))(*(np.stack([x, x]) for x in xs))[1],
    "jacfwd of grad of checkpoint": lambda f, *xs: cv.grad(cv.checkpoint(f))(*xs),
}
INTEGER_COTANGENTS: dict[str, Any] = {
    "None": lambda i: None,
    "zero": lambda i: 0,
    "integer zeros": lambda i: 0 * i,
    "the integer": lambda i: i,
    "a float": lambda i: i * 1.5,
    "float0": lambda i: np.zeros((), cv.float0),
    "a symbolic zero": lambda i: cv.typeof(i).zero,
}


@pytest.mark.parametrize("given", INTEGER_COTANGENTS)
@pytest.mark.parametrize("way", PLAINLY)
def test_cotangents_of_integers_are_zero(given: str, way: str) -> None:
    h = cv.custom_vjp(lambda x, i: x * i)
    h.defvjp(lambda x, i: (x * i, i), lambda i, ct: (ct * i, INTEGER_COTANGENTS[given](i)))
    assert PLAINLY[way](h, 2.0, 3) == 3.0


@pytest.mark.parametrize("way", PLAINLY)
def test_a_cotangent_of_an_integer_of_another_shape(way: str) -> None:
    h = cv.custom_vjp(lambda x, i: x * i)
    h.defvjp(lambda x, i: (x * i, i), lambda i, ct: (ct * i, np.zeros(2)))
    with pytest.raises(errors.TreeMismatchError, match=r"a cotangent of type f64\[(2,)?2\] for a value of type (weak_)?i64"):
        PLAINLY[way](h, 2.0, 3)


@pytest.mark.parametrize("way", PLAINLY)
def test_tangents_of_integer_outputs_are_zero(way: str) -> None:
    f = cv.custom_jvp(lambda x: (x * 2.0, (x > 0) * 1))
    f.defjvp(lambda p, t: (f(p[0]), (2.0 * t[0], f(p[0])[1] * 0)))
    assert PLAINLY[way](lambda x: f(x)[0] * f(x)[1], 3.0) == 2.0


KINDS = {"custom_jvp": cv.custom_jvp, "custom_vjp": cv.custom_vjp}


def doubling(f, nondiff=0):
    """Give a function rules by which its derivative in the last argument is 2."""
    if f.kind == "custom_jvp":
        f.defjvp(lambda *args: (f.fun(*args[:nondiff], *args[-2]), 2.0 * args[-1][-1]))
    else:
        f.defvjp(lambda *args: (f.fun(*args), None), lambda *args: (2.0 * args[-1],))
    return f


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_that_can_only_be_passed_by_name(kind: str) -> None:
    f = doubling(KINDS[kind](lambda x, *, scale=3.0: x * scale))
    calls = [
        lambda f, x: f(x, scale=2.0),
        lambda f, x: cv.grad(lambda x: f(x, scale=2.0))(x),
        lambda f, x: cv.jit(f)(x, scale=2.0),
    ]
    for call in calls:
        with pytest.raises(errors.ArgumentError, match=r"called with arguments \['scale'\] that can only be passed by name"):
            call(f, 1.0)
    assert (f(1.0), cv.jit(f)(1.0), cv.grad(f)(1.0)) == (3.0, 3.0, 2.0)


NONDIFF = {
    "grad": lambda f: cv.grad(f)(2.0, 3.0),
    "grad in both": lambda f: cv.grad(f, (0, 1))(2.0, 3.0),
    "jvp": lambda f: cv.jvp(f, (2.0, 3.0), (1.0, 0.0)),
    "jit of grad": lambda f: cv.jit(cv.grad(f))(2.0, 3.0),
    "grad of jit": lambda f: cv.grad(cv.jit(f), (0, 1))(2.0, 3.0),
    "grad of vmap": lambda f: cv.grad(lambda k: np.sum(cv.vmap(f, (None, 0))(k, np.ones(2))))(2.0),
    "vmap of grad": lambda f: cv.vmap(cv.grad(f))(np.ones(2), np.ones(2)),
    "grad in a container": lambda f: cv.grad(lambda k: f((k, 1.0)[0], 3.0))(2.0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", NONDIFF)
def test_differentiating_what_the_rules_do_not(kind: str, way: str) -> None:
    f = doubling(KINDS[kind](lambda k, x: x * k, nondiff_argnums=(0,)), 1)
    with pytest.raises(errors.CustomRuleError, match="nondiff"):
        NONDIFF[way](f)


TRACED_NONDIFF = {
    "grad": lambda f: cv.grad(f, 1)(2.0, 3.0),
    "jit of grad": lambda f: cv.jit(cv.grad(f, 1))(2.0, 3.0),
    "vmap of grad": lambda f: cv.vmap(cv.grad(f, 1))(np.full(2, 2.0), np.full(2, 3.0))[0],
    "jvp": lambda f: cv.jvp(lambda x: f(2.0, x), (3.0,), (1.0,))[1],
    "grad with stop_gradient": lambda f: cv.grad(lambda x: f(cv.stop_gradient(x), x))(2.0),
}


@pytest.mark.parametrize("way", TRACED_NONDIFF)
def test_traced_values_that_are_not_differentiated(way: str) -> None:
    f = cv.custom_vjp(lambda k, x: x * k, nondiff_argnums=(0,))
    f.defvjp(lambda k, x: (x * k, None), lambda k, r, ct: (ct * k * 10,))
    g = cv.custom_jvp(lambda k, x: x * k, nondiff_argnums=(0,))
    g.defjvp(lambda k, p, t: (p[0] * k, t[0] * k * 10))
    assert TRACED_NONDIFF[way](g) == 20.0
    if way != "jvp":  # forward mode differentiates the function itself
        assert TRACED_NONDIFF[way](f) == 20.0


# --- callbacks --------------------------------------------------------------------------------------------------------


def scaled(method, **rules):
    return lambda a, x: cv.pure_callback(
        lambda a, x: a[..., None] * x if np.ndim(a) else a * x, x, a, x, vmap_method=method, **rules
    )


def rule(method):
    f = lambda a, x: scaled(method, jvp=jvp)(a, x)
    jvp = lambda p, t: (f(*p), t[0] * p[1] + p[0] * t[1] * np.array([1.0, 10.0, 100.0]))
    return f


BATCHED_CALLBACKS = {
    "both": ((0, 0), lambda a, x: (np.full(2, 2.0), TWO)),
    "x alone": ((None, 0), lambda a, x: (2.0, TWO)),
    "a alone": ((0, None), lambda a, x: (np.full(2, 2.0), X)),
}


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
@pytest.mark.parametrize("batched", BATCHED_CALLBACKS)
def test_the_derivative_of_a_batched_callback(method: str, batched: str) -> None:
    """Its rule is that of one example."""
    axes, make = BATCHED_CALLBACKS[batched]
    args = make(None, None)
    f = rule(method)
    for jit in (lambda f: f, cv.jit):
        g = jit(cv.grad(lambda a, x: np.sum(cv.vmap(f, axes)(a, x)), (0, 1)))
        ct_a, ct_x = g(*args)
        count = 2 if batched == "a alone" else 1
        np.testing.assert_allclose(ct_x, np.broadcast_to(2.0 * count * np.array([1.0, 10.0, 100.0]), np.shape(args[1])))
        np.testing.assert_allclose(ct_a, np.full(np.shape(args[0]), 6.0 * (2 if batched == "x alone" else 1)))
    _, tangent = cv.jvp(cv.vmap(f, axes), args, args)
    np.testing.assert_allclose(tangent, 2.0 * TWO * (1 + np.array([1.0, 10.0, 100.0])))


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_the_transpose_of_a_batched_callback(method: str) -> None:
    def reversed_(x):
        return cv.pure_callback(lambda x: x[..., ::-1], x, x, vmap_method=method, transpose=lambda ct: (reversed_(ct),))

    weights = np.arange(6.0).reshape(2, 3)
    for f in (lambda x: np.sum(cv.vmap(reversed_)(x) * weights), cv.jit(lambda x: np.sum(cv.vmap(reversed_)(x) * weights))):
        np.testing.assert_allclose(cv.grad(f)(TWO), weights[:, ::-1])
    np.testing.assert_allclose(cv.jacrev(reversed_)(X), np.eye(3)[::-1])


def test_a_callback_without_a_derivative() -> None:
    for way in ("grad", "jit of grad", "grad of jit", "vmap of grad", "grad of vmap"):
        with pytest.raises(errors.NonDifferentiableError, match=r"jvp=lambda primals, tangents") as caught:
            REVERSE[way](callback())
        assert "_p.def_jvp" not in str(caught.value)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_a_callback_for_a_batch_of_none(method: str) -> None:
    calls = []
    f = lambda x: cv.pure_callback(lambda x: calls.append(x) or np.sin(x), x, x, vmap_method=method)
    for run in (cv.vmap(f), cv.jit(cv.vmap(f)), cv.vmap(cv.jit(f))):
        assert run(np.ones((0, 3))).shape == (0, 3)
    assert method != "sequential" or not calls
    assert cv.vmap(lambda x: cv.io_callback(calls.append, cv.typeof(1.5), x))(np.ones(0)).shape == (0,)
