"""A typed program: what type checkers know of covector.  mypy checks it in strict mode, as a user's file (`test_types.py`)."""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import covector as cv

Array = NDArray[np.float64]


def loss(weights: Array, x: Array, *, scale: float = 1.0) -> np.float64:
    total: np.float64 = np.sum((x @ weights) ** 2)
    return total * scale


weights: Array = np.ones(3)
x: Array = np.ones((2, 3))

# transformations keep the parameters
gradient = cv.grad(loss)
gradient(weights, x, scale=2.0)
gradient(weights, x, scale="two")  # error: arg-type
gradient(weights)  # error: call-arg
value, _ = cv.value_and_grad(loss)(weights, x)
cv.hessian(loss)(weights, x)
cv.jacobian(loss)(weights, y=x)  # error: call-arg


# decorators, plain and with options
@cv.jit
def norm(x: Array) -> np.float64:
    total: np.float64 = np.sum(x * x)
    return total


@cv.jit(static_argnames="n")
def power(x: Array, n: int) -> Array:
    return x**n


assert_type(norm(weights), np.float64)
norm("text")  # error: arg-type
power(weights, n="three")  # error: arg-type
assert_type(norm.cache_size(), int)
assert_type(norm.explain(), str)
norm.clear_cache()
assert_type(norm.lower(weights).as_text(), str)
assert_type(norm.lower(weights).jaxpr, cv.Jaxpr)


class Model:
    @cv.jit(static_argnums=0)
    def predict(self, x: Array) -> Array:
        return x * 2


assert_type(Model().predict(weights), Array)


@cv.checkpoint
def block(x: Array) -> Array:
    return np.sin(x)


@cv.checkpoint(policy=cv.checkpoint_policies.dots_saveable)
def wide_block(x: Array) -> Array:
    return np.sin(x)


assert_type(block(weights), Array)
assert_type(wide_block(weights), Array)
assert_type(cv.vmap(block)(x), Array)
cv.vmap(block, in_axes=(0,))(1, 2)  # error: call-arg  # error: arg-type

# values and linear maps
out, tangent = cv.jvp(block, (weights,), (weights,))
assert_type(out, Array)
assert_type(tangent, Array)
out2, pullback = cv.vjp(block, weights)
assert_type(out2, Array)
assert_type(pullback(out2), tuple[Any, ...])
out3, pushforward = cv.linearize(block, weights)
assert_type(pushforward(weights), Array)
assert_type(cv.stop_gradient(weights), Array)

# programs
program = cv.make_jaxpr(loss)(weights, x)
assert_type(program, cv.Jaxpr)
assert_type(program.equations[0].primitive, cv.Primitive)
program.nothing  # error: attr-defined

# primitives of one's own
cube: Callable[..., Any] = cv.elementwise("typed_cube", lambda x: x**3, lambda out, x: 3 * x**2)
square = cv.elementwise("typed_square", lambda x: x**2, lambda out, x: 2 * x)
assert_type(square.primitive, cv.Primitive)
square.primitive.def_batch(lambda size, args, dims: (square(*args), dims[0]))
