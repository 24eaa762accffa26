"""What an operation costs beyond NumPy, eagerly: ratios against autograd, PyTorch and JAX without jit in the same run.

    python benchmarks/overhead.py [table]

With ``table`` only what single operations cost, and calls that do next to nothing.  Peers that are not installed are left out
(``pip install autograd``; torch; jax).
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from timing import best, once, report

import covector as cv
from covector.primitives.math.arithmetic import sin_p
from covector.primitives.math.ring import mul_p

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
        f"gradient of {OPERATIONS} operations on 10 elements", best(programs), OPERATIONS, "at most 0.35 autograd, 1 PyTorch"
    )
    if jax:
        jx = jax.numpy.asarray(x)
        jax_gradient = jax.grad(chain(jax.numpy))
        times = {"covector": once(lambda: gradient(x), 5), "JAX eager": best({"j": lambda: jax_gradient(jx)}, 2, 1)["j"]}
        report("the same, against JAX without jit", times, OPERATIONS)


IN_A_ROW = 20
WEIGHTS = np.eye(10) + np.random.default_rng(0).normal(size=(10, 10)) / 20

Step = Callable[[Any, Any, Any], Any]
STEPS: dict[str, tuple[Step, Step | None]] = {
    "x*x": (lambda xp, w, x: x * x, None),
    "x**2": (lambda xp, w, x: x**2, None),
    "sin*x": (lambda xp, w, x: xp.sin(x) * x, None),
    "sin+cos": (lambda xp, w, x: xp.sin(x) + xp.cos(x), None),
    "x-0.5*x": (lambda xp, w, x: x - 0.5 * x, None),
    "W@x": (lambda xp, w, x: w @ x, None),
    "x[::-1]*x[0]": (lambda xp, w, x: x[::-1] * x[0], lambda xp, w, x: xp.flip(x, (0,)) * x[0]),
    "maximum": (lambda xp, w, x: xp.maximum(x, 0.4), lambda xp, w, x: xp.clamp(x, min=0.4)),
    "tanh(W@x)": (lambda xp, w, x: xp.tanh(w @ x), None),
    "where": (lambda xp, w, x: xp.where(x > 0.9, x, 0.5 * x), None),
    "x/sum(x)": (lambda xp, w, x: x / xp.sum(x), None),
    "sin": (lambda xp, w, x: xp.sin(x), None),
    "0.5*x": (lambda xp, w, x: 0.5 * x, None),
    "exp(-x)": (lambda xp, w, x: xp.exp(-x), None),
    "concatenate": (lambda xp, w, x: xp.concatenate([x[5:], x[:5]]), None),
    "solve": (lambda xp, w, x: xp.linalg.solve(w, x), None),
}
"""Operations of ``(namespace, matrix, x)``, and how PyTorch writes them where it is not the same."""


def in_a_row(xp: Any, step: Step, w: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(IN_A_ROW):
            x = step(xp, w, x)
        return xp.sum(x)

    return f


def operation_by_operation(autograd: Any, torch: Any) -> None:
    """Gradients of one operation 20 times in a row: a row for each operation, and the geometric mean of the ratios."""
    x = np.linspace(0.5, 0.95, 10)
    anp = importlib.import_module("autograd.numpy") if autograd else None
    ratios: dict[str, list[float]] = {}
    print(f"gradient of {IN_A_ROW} in a row on 10 elements  (at most 0.8 autograd each, 0.45 in the mean; 1 PyTorch)")
    for name, (step, torch_step) in STEPS.items():
        gradient = cv.grad(in_a_row(np, step, WEIGHTS))
        programs: dict[str, Callable[[], Any]] = {"covector": lambda: gradient(x)}  # noqa: B023 - called here
        if anp:
            reference = autograd.grad(in_a_row(anp, step, WEIGHTS))
            np.testing.assert_allclose(gradient(x), reference(x))
            programs["autograd"] = lambda: reference(x)  # noqa: B023 - called here
        if torch:
            tx = torch.tensor(x, requires_grad=True)
            f = in_a_row(torch, torch_step or step, torch.tensor(WEIGHTS))
            np.testing.assert_allclose(gradient(x), torch.autograd.grad(f(tx), tx)[0])
            programs["PyTorch"] = lambda: torch.autograd.grad(f(tx), tx)  # noqa: B023 - called here
        times = best(programs, 60, 2)
        row = "".join(f"   {peer} {times['covector'] / t:.2f}" for peer, t in times.items() if peer != "covector")
        print(f"    {name:<14} {1e6 * times['covector'] / IN_A_ROW:7.2f} us an operation{row}")
        for peer, t in times.items():
            ratios.setdefault(peer, []).append(times["covector"] / t)
    for peer, found in list(ratios.items())[1:]:
        print(f"    geometric mean against {peer}: {math.exp(np.mean(np.log(found))):.2f}, largest {max(found):.2f}")


def fixed_costs(autograd: Any, torch: Any) -> None:
    """Calls of transformed functions that do next to nothing."""
    x = np.ones(10)
    gradient = cv.grad(lambda x: np.sum(x))
    programs: dict[str, Callable[[], Any]] = {"covector": lambda: gradient(x)}
    if autograd:
        anp = importlib.import_module("autograd.numpy")
        reference = autograd.grad(lambda x: anp.sum(x))
        programs["autograd"] = lambda: reference(x)
    if torch:
        tx = torch.tensor(x, requires_grad=True)
        programs["PyTorch"] = lambda: torch.autograd.grad(torch.sum(tx), tx)
    report("grad of np.sum", best(programs, 60, 50), limits="at most 20 us")
    batched, compiled = cv.vmap(lambda x: x * 2.0), cv.jit(lambda x: x + 1.0)
    compiled_gradient = cv.jit(cv.grad(lambda x: np.sum(x * x)))
    report("jvp of one operation", best({"covector": lambda: cv.jvp(np.sin, (x,), (x,))}, 60, 50), limits="at most 8 us")
    report("vmap of one operation", best({"covector": lambda: batched(x)}, 60, 50), limits="at most 8 us")
    report("a jitted call", best({"covector": lambda: compiled(x)}, 60, 50))
    report("a jitted gradient", best({"covector": lambda: compiled_gradient(x)}, 60, 50))


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
    operation_by_operation(autograd, torch)
    fixed_costs(autograd, torch)
    if sys.argv[1:] == ["table"]:
        return
    x = np.ones(10)
    gradients(x, autograd, torch, jax)
    arrays_held()
    hessian_vector_products(x, autograd)
    plain_binds(x, autograd)
    batching()
    tracing()


if __name__ == "__main__":
    main()
