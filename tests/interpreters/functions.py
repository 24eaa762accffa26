"""Functions of an array of length 3 that go through everything that has a program or rules of its own."""

import numpy as np

import covector as cv
from covector import lax

X = np.array([0.3, -0.7, 1.1])


@cv.custom_jvp
def wave(x):
    return np.sin(x) * x


@wave.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return wave(x), (np.cos(x) * x + np.sin(x)) * t


@cv.custom_vjp
def decay(x):
    return np.exp(-x) * x


decay.defvjp(lambda x: (decay(x), x), lambda x, ct: ((np.exp(-x) - x * np.exp(-x)) * ct,))


def scan(x):
    def step(carry, a):
        level, count = carry
        return (level * np.cos(x) + a, count + 1), np.tanh(level) * a

    (level, count), outs = lax.scan(step, (x, 0), np.arange(12.0).reshape(4, 3) * 0.1)
    return level + np.sum(outs, 0) * count


def over_elements(x):
    return lax.scan(lambda c, a: (np.tanh(c) * a, np.exp(c)), 0.5, x, reverse=True)[1]


def late_carry(x):
    """A carry that depends on the argument from the third step on."""
    return lax.scan(lambda c, a: ((c[1], c[2] * a, np.sum(x) + c[2]), c[0]), (0.0, 0.0, 1.0), np.arange(5.0))[1]


def known_number_of_steps(x):
    return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, np.cos(c[1]) * x, c[2]), (0, x, x))[1]


def unknown_number_of_steps(x):
    return lax.while_loop(lambda c: np.sum(c) < 10, lambda c: c * 1.5 + 0.1, np.abs(x) + 0.2)


def choice(x):
    return lax.cond(np.sum(x) > 0, np.sin, lambda x: x * 2, x)


def three_ways(x):
    ways = [lambda x: x, lambda x: x * x, lambda x: np.ones(3)]
    return lax.switch(1 + (x[0] > 0).astype(int) - (x[1] > 0).astype(int), ways, x)


def nested(x):
    def step(carry, a):
        level = lax.cond(a > 1, lambda c: wave(c) * decay(x), lambda c: c, carry)
        level = lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1] * 1.1), (0, level))[1]
        return cv.checkpoint(np.sin)(level), level

    return lax.scan(cv.jit(step), x, np.arange(3.0))[0]


FUNCTIONS = {
    "product": lambda x: np.sin(x) * x,
    "polynomial": lambda x: x**3 - 2 * x**2 + 1,
    "quotient": lambda x: 1 / (x * x + 1),
    "matrix": lambda x: np.arange(9.0).reshape(3, 3) @ x - x @ x,
    "neighbours": lambda x: np.concatenate([x[1:] * x[:-1], np.exp(x[:1])]),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x)),
    "where": lambda x: np.where(x > 0, x, -2 * x[::-1]),
    "sums": lambda x: np.cumsum(np.maximum(x, 0.1)),
    "largest": lambda x: np.sort(x) - np.max(x),
    "jit": cv.jit(lambda x: np.sin(x) * np.cos(x)),
    "scan": scan,
    "scan over elements": over_elements,
    "late carry": late_carry,
    "loop": lambda x: lax.fori_loop(0, 4, lambda i, c: c * np.sin(c) + i, x),
    "map": lambda x: lax.map(lambda a: np.sin(a) * np.sum(x), x),
    "while": known_number_of_steps,
    "while of values": unknown_number_of_steps,
    "cond": choice,
    "switch": three_ways,
    "checkpoint": cv.checkpoint(lambda x: np.sin(np.cos(x) * x)),
    "checkpointed scan": lambda x: lax.scan(lambda c, a: (np.sin(c) * a, c), x, np.arange(1.0, 7.0), checkpoint="sqrt")[0],
    "custom rules": lambda x: wave(x) * decay(x),
    "custom rules in jit": cv.jit(lambda x: wave(x) * decay(x)),
    "custom rules in scan": lambda x: lax.scan(lambda c, a: (wave(c) * decay(a * c), None), x, np.arange(3.0))[0],
    "vmap": lambda x: cv.vmap(lambda a: np.tanh(a) * a)(x),
    "jvp": lambda x: cv.jvp(scan, (x,), (np.ones(3),))[1],
    "gradient": cv.grad(lambda x: np.sum(np.sin(x) * x[::-1] ** 3)),
    "gradient of scan": cv.grad(lambda x: np.sum(scan(x))),
    "gradient of while": cv.grad(lambda x: np.sum(known_number_of_steps(x))),
    "gradient of cond": cv.grad(lambda x: np.sum(choice(x))),
    "gradient of custom rules": cv.grad(lambda x: np.sum(wave(x) * decay(x))),
    "gradient of checkpoint": cv.grad(lambda x: np.sum(cv.checkpoint(lambda x: np.sin(x) * wave(x))(x))),
    "nested": nested,
    "gradient of nested": cv.grad(lambda x: np.sum(nested(x))),
    "Hessian": cv.hessian(lambda x: np.sum(np.sin(x) * x[0])),
}
