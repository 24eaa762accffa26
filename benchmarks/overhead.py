"""What an operation costs beyond NumPy, eagerly: ratios against autograd, PyTorch and JAX without jit in the same run.

    python benchmarks/overhead.py

Peers that are not installed are left out (``pip install autograd``; torch; jax).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from timing import best, once, report

import covector as cv
from covector.primitives.arithmetic import sin_p
from covector.primitives.ring import mul_p

OPERATIONS = 120


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"({name} is not installed)")
        return None


def chain(xp: Any) -> Callable[[Any], Any]:
    """A chain of 120 operations: sines, products, sums."""

    def f(x: Any) -> Any:
        for _ in range(OPERATIONS // 3):
            x = xp.sin(x) * x + 1.5
        return xp.sum(x)

    return f


def gradients(x: Any, autograd: Any, torch: Any, jax: Any) -> None:
    programs: dict[str, Callable[[], Any]] = {}
    value = chain(np)
    gradient = cv.grad(value)
    programs["covector"] = lambda: gradient(x)
    if autograd:
        reference = autograd.grad(chain(importlib.import_module("autograd.numpy")))
        np.testing.assert_allclose(gradient(x), reference(x))
        programs["autograd"] = lambda: reference(x)
    if torch:
        tx = torch.tensor(x, requires_grad=True)
        f = chain(torch)
        programs["PyTorch"] = lambda: torch.autograd.grad(f(tx), tx)
    programs["NumPy value"] = lambda: value(x)
    report(
        f"gradient of {OPERATIONS} operations on 10 elements", best(programs), OPERATIONS, "at most 0.40 autograd, 1 PyTorch"
    )
    if jax:
        jx = jax.numpy.asarray(x)
        jax_gradient = jax.grad(chain(jax.numpy))
        times = {"covector": once(lambda: gradient(x), 5), "JAX eager": best({"j": lambda: jax_gradient(jx)}, 2, 1)["j"]}
        report("the same, against JAX without jit", times, OPERATIONS)


def arrays_held() -> None:
    """What it costs that an array which a function closes over may change later: a copy of each small one that is used.

    Beyond 64 KiB arrays are not copied while the function runs, but read-only.
    """
    for n in (10, 100_000):
        x, k = np.ones(n), np.full(n, 0.5)

        def closed_over(x: Any, k: Any = k) -> Any:
            for _ in range(OPERATIONS // 3):
                x = np.sin(x) * k + 1.5
            return np.sum(x)

        def without(x: Any) -> Any:
            for _ in range(OPERATIONS // 3):
                x = np.sin(x) * 0.5 + 1.5
            return np.sum(x)

        arrays, numbers = cv.grad(closed_over), cv.grad(without)
        times = best({"array": lambda: arrays(x), "number": lambda: numbers(x)}, 10, 1)  # noqa: B023 - called here
        report(f"gradient of {OPERATIONS} operations with a closed-over array of {n}, against a number", times, OPERATIONS)


def hessian_vector_products(x: Any, autograd: Any) -> None:
    v = np.ones_like(x)
    value = chain(np)
    gradient = cv.grad(value)
    programs: dict[str, Callable[[], Any]] = {"covector": lambda: cv.jvp(gradient, (x,), (v,))[1]}
    if autograd:
        anp = importlib.import_module("autograd.numpy")
        inner = autograd.grad(chain(anp))
        reference = autograd.grad(lambda x: anp.sum(inner(x) * v))
        np.testing.assert_allclose(programs["covector"](), reference(x))
        programs["autograd"] = lambda: reference(x)
    programs["gradient"] = lambda: gradient(x)
    report("Hessian-vector product by jvp(grad), 10 elements", best(programs), OPERATIONS, "at most 0.35 autograd")
    big = np.linspace(0, 1, 100_000)
    w = np.ones_like(big)
    programs = {"product": lambda: cv.jvp(gradient, (big,), (w,)), "gradient": lambda: gradient(big)}
    report("Hessian-vector product, 100,000 elements", best(programs, 5, 1), OPERATIONS, "at most 2.5 gradients")
    programs = {"gradient": lambda: gradient(big), "value": lambda: value(big)}
    report("gradient, 100,000 elements", best(programs, 5, 1), OPERATIONS, "at most 4 values")


def plain_binds(x: Any, autograd: Any) -> None:
    programs: dict[str, Callable[[], Any]] = {
        "bind sin": lambda: sin_p.bind(x),
        "np.sin": lambda: np.sin(x),
        "bind mul": lambda: mul_p.bind(x, x),
        "np.multiply": lambda: np.multiply(x, x),
    }
    if autograd:
        anp = importlib.import_module("autograd.numpy")
        programs |= {"autograd sin": lambda: anp.sin(x), "autograd mul": lambda: anp.multiply(x, x)}
    times = best(programs, 30, 2000)
    print("bind on plain arrays, beyond the NumPy call  (at most 0.5 us)")
    print(f"    covector     sin {1e6 * (times['bind sin'] - times['np.sin']):.2f} us, mul ", end="")
    print(f"{1e6 * (times['bind mul'] - times['np.multiply']):.2f} us")
    if autograd:
        print(f"    autograd     sin {1e6 * (times['autograd sin'] - times['np.sin']):.2f} us, mul ", end="")
        print(f"{1e6 * (times['autograd mul'] - times['np.multiply']):.2f} us")


def batching() -> None:
    def f(x: Any, y: Any) -> Any:
        for _ in range(5):
            x = np.sin(x) * y + x / 2.0
        return x

    batched = cv.vmap(f)
    for shape in ((1000,), (1000, 10)):
        x, y = np.random.default_rng(0).normal(size=(2, *shape))
        np.testing.assert_allclose(batched(x, y), f(x, y))
        times = best({"vmap": lambda x=x, y=y: batched(x, y), "by hand": lambda x=x, y=y: f(x, y)})  # type: ignore[misc]
        report(f"vmap of 20 operations, batch of shape {shape}", times, 20, "at most 2")


def tracing() -> None:
    def f(x: Any, n: int) -> Any:
        for _ in range(n // 2):
            x = np.sin(x) * 2.0
        return x

    print("tracing, time for an equation  (the same for any length)")
    for n in (1_000, 10_000, 100_000):
        staged = best({"": lambda n=n: cv.make_jaxpr(lambda x: f(x, n))(1.0)}, 3, 1)[""]  # type: ignore[misc]
        backward = best({"": lambda n=n: cv.grad(lambda x: f(x, n))(1.0)}, 3, 1)[""]  # type: ignore[misc]
        print(f"    {n:>7} equations: make_jaxpr {1e6 * staged / n:.2f} us, grad {1e6 * backward / n:.2f} us")


def main() -> None:
    autograd, torch, jax = map(optional, ("autograd", "torch", "jax"))
    x = np.ones(10)
    gradients(x, autograd, torch, jax)
    arrays_held()
    hessian_vector_products(x, autograd)
    plain_binds(x, autograd)
    batching()
    tracing()


if __name__ == "__main__":
    main()
