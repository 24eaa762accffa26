"""Effects happen exactly as often as the plain Python program has them, for just the examples that get to them."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import lax

XS = np.array([1.0, -1.0, 2.0])
NS = np.array([1, 3, 2])


def noting(kind, log):
    if kind == "debug.callback":
        return lambda v: cv.debug.callback(lambda v: log.append(float(v)), v)
    if kind == "io_callback":
        return lambda v: cv.io_callback(lambda v: log.append(float(v)), None, v)
    return lambda v: cv.io_callback(lambda v: (log.append(float(v)), np.float64(0.0))[1], np.float64(0.0), v * 1.0)


KINDS = ["debug.callback", "io_callback", "io_callback with a result"]


def cond(note):
    return lambda x: lax.cond(x > 0, lambda x: (note(x), np.sin(x))[1], lambda x: x, x)


def cond_of_cond(note):
    inner = lambda x: lax.cond(x > 1, lambda x: (note(x + 100), x * x)[1], lambda x: (note(x + 200), x)[1], x)
    return lambda x: lax.cond(x > 0, inner, lambda x: x, x)


def switch(note):
    branches = [lambda x, k=k: (note(x + 10 * k), x * x)[1] for k in range(3)]
    return lambda x: lax.switch(np.where(x > 1, 2, np.where(x > 0, 1, 0)), branches, x)


def both_branches(note):
    return lambda x: lax.cond(x > 0, lambda x: (note(x), x * x)[1], lambda x: (note(x - 10), x)[1], x)


def scan(note):
    return lambda x: lax.scan(lambda c, i: ((note(x + 10 * i), np.sin(c))[1], None), x, np.arange(2))[0]


def scan_of_cond(note):
    step = lambda c, i: (lax.cond(c > 0, lambda c: (note(c + 10 * i), 2.0 * c)[1], lambda c: c, c), None)
    return lambda x: lax.scan(step, x, np.arange(2))[0]


def jit(note):
    return lambda x: cv.jit(lambda x: (note(x), x * x)[1])(x)


def loop(note):
    """As many steps as the sign and size of x say."""
    step = lambda s: (s[0] + 1, (note(s[0] + 10 * s[1]), s[1] * 1.0)[1])
    return lambda x: lax.while_loop(lambda s: s[0] < s[1], step, (0, x))[1]


def condition(note):
    return lambda x: lax.while_loop(
        lambda s: (note(s[0] + 10 * s[1]), s[0] < s[1])[1], lambda s: (s[0] + 1, s[1] * 1.0), (0, x)
    )[1]


CONTAINERS = [cond, cond_of_cond, switch, both_branches, scan, scan_of_cond, jit, loop, condition]

TRANSFORMATIONS = {
    "plain": lambda f: [f(x) for x in XS],
    "jit": lambda f: [cv.jit(f)(x) for x in XS],
    "vmap": lambda f: cv.vmap(f)(XS),
    "jit(vmap)": lambda f: cv.jit(cv.vmap(f))(XS),
    "vmap(jit)": lambda f: cv.vmap(cv.jit(f))(XS),
    "jit(vmap(vmap))": lambda f: cv.jit(cv.vmap(cv.vmap(f)))(XS[None]),
    "grad": lambda f: [cv.grad(f)(x) for x in XS],
    "jit(grad)": lambda f: [cv.jit(cv.grad(f))(x) for x in XS],
    "grad(jit)": lambda f: [cv.grad(cv.jit(f))(x) for x in XS],
    "jvp": lambda f: [cv.jvp(f, (x,), (1.0,)) for x in XS],
    "jit(vmap(jvp))": lambda f: cv.jit(cv.vmap(lambda x: cv.jvp(f, (x,), (1.0,))))(XS),
    "jit(vmap(grad))": lambda f: cv.jit(cv.vmap(cv.grad(f)))(XS),
    "vmap(grad)": lambda f: cv.vmap(cv.grad(f))(XS),
    "grad(sum(vmap))": lambda f: cv.grad(lambda xs: np.sum(cv.vmap(f)(xs)))(XS),
    "jit(grad(sum(vmap)))": lambda f: cv.jit(cv.grad(lambda xs: np.sum(cv.vmap(f)(xs))))(XS),
    "grad(checkpoint)": lambda f: [cv.grad(cv.checkpoint(f))(x) for x in XS],
    "jit(grad(checkpoint))": lambda f: [cv.jit(cv.grad(cv.checkpoint(f)))(x) for x in XS],
    "grad(grad(checkpoint))": lambda f: [cv.grad(cv.grad(cv.checkpoint(f)))(x) for x in XS],
    "hessian": lambda f: [cv.hessian(f)(x) for x in XS],
    "jvp(checkpoint)": lambda f: [cv.jvp(cv.checkpoint(f), (x,), (1.0,)) for x in XS],
    "grad(jvp(checkpoint))": lambda f: [cv.grad(lambda t, x=x: cv.jvp(cv.checkpoint(f), (x,), (t,))[1])(1.0) for x in XS],
    "scan of checkpoint": lambda f: cv.grad(lambda x: lax.scan(lambda c, x: (c + cv.checkpoint(f)(x), None), 0.0, x)[0])(XS),
    "checkpointed scan": lambda f: cv.grad(lambda x: lax.scan(lambda c, x: (c + f(x), None), 0.0, x, checkpoint="sqrt")[0])(XS),
    "binomial scan": lambda f: cv.grad(lambda x: lax.scan(lambda c, x: (c + f(x), None), 0.0, x, checkpoint=2)[0])(XS),
}


def python(container, log):
    """What the plain program does."""
    note = lambda v: log.append(float(v))
    with cv.disable_jit():
        for x in XS:
            container(note)(x)


DIVERGING_REVERSE = {"jit(vmap(grad))"}
AGAIN = {"grad(checkpoint)", "jit(grad(checkpoint))", "grad(grad(checkpoint))", "grad(jvp(checkpoint))", "scan of checkpoint"}
LOOPS_AGAIN = {"checkpointed scan", "binomial scan"}


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_each_effect_happens_once(kind, container):
    wanted: list[float] = []
    python(container, wanted)
    for name, transform in TRANSFORMATIONS.items():
        if kind.startswith("io") and ("grad" in name or "jvp" in name or "hessian" in name or "scan" in name):
            continue  # these have no derivative
        log: list[float] = []
        refused = container in (loop, condition) and name in DIVERGING_REVERSE
        if refused:
            with pytest.raises(cv.errors.CallbackError, match="an effect is in a while loop that differs between the examples"):
                transform(container(noting(kind, log)))
        else:
            transform(container(noting(kind, log)))
            assert sorted(log) == sorted(wanted), name


def stopped(note):
    """Effects of values that are not differentiated."""
    return lambda v: note(cv.stop_gradient(v))


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("kind", KINDS[2:])
def test_each_effect_of_what_is_not_differentiated_happens_once(kind, container):
    wanted: list[float] = []
    python(container, wanted)
    for name, transform in TRANSFORMATIONS.items():
        log: list[float] = []
        refusal = None
        if container in (loop, condition) and name in DIVERGING_REVERSE:
            refusal = "an effect is in a while loop that differs between the examples"
        elif kind == KINDS[2] and ((name in AGAIN and container not in (jit,)) or name in LOOPS_AGAIN):
            refusal = "io_callback gives a result in a loop or branch that is computed again"
        if refusal:
            with pytest.raises(cv.errors.CallbackError, match=refusal):
                transform(container(stopped(noting(kind, log))))
        else:
            transform(container(stopped(noting(kind, log))))
            assert sorted(log) == sorted(wanted), name


@pytest.mark.parametrize("transform", [cv.grad, lambda f: cv.jit(cv.grad(f)), lambda f: cv.grad(cv.jit(f))])
def test_what_an_effect_returns_is_of_its_step(transform):
    """Though its arguments are the same in each step, it is no constant of the loop."""
    log = []

    def draw(x):
        log.append(len(log) + 2.0)
        return np.float64(log[-1])

    def f(x):
        return lax.scan(lambda c, _: (c * cv.io_callback(draw, cv.typeof(np.float64(1.0)), 0.5), None), x, None, length=3)[0]

    assert transform(f)(1.0) == 2.0 * 3.0 * 4.0
    assert log == [2.0, 3.0, 4.0]
