"""Small and elementary functions: what a call costs, elementwise formulas, dense Jacobians and Hessians."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads.catalogue import workload


@workload(full={"n": 3}, tiny={"n": 3})
def tiny(fw: Any, rng: Any, n: int) -> Any:
    """The gradient of a sum of squares of 3 numbers: the cost of a call."""
    xp = fw.xp
    return fw.grad(lambda x: xp.sum(x * x)), (fw.array(rng.normal(size=n)),)


@workload(full={"n": 1_000_000}, tiny={"n": 30})
def black_scholes(fw: Any, rng: Any, n: int) -> Any:
    """The Greeks of call options: derivatives of the price in all five arguments."""
    xp = fw.xp
    ranges = [(50, 150), (50, 150), (0.1, 2), (0.1, 0.5), (0, 0.1)]
    args = tuple(fw.array(rng.uniform(low, high, n)) for low, high in ranges)

    def normal_cdf(x: Any) -> Any:
        return 0.5 * (1.0 + fw.erf(x * 0.7071067811865476))

    def price(spot: Any, strike: Any, time: Any, volatility: Any, rate: Any) -> Any:
        spread = volatility * xp.sqrt(time)
        d = (xp.log(spot / strike) + (rate + volatility * volatility / 2) * time) / spread
        return xp.sum(spot * normal_cdf(d) - strike * xp.exp(-rate * time) * normal_cdf(d - spread))

    return fw.grad(price, (0, 1, 2, 3, 4)), args


@workload(full={"n": 50}, tiny={"n": 4})
def jacobian(fw: Any, rng: Any, n: int) -> Any:
    """A dense Jacobian by reverse mode."""
    xp, a = fw.xp, fw.array(rng.normal(size=(n, n)) / n**0.5)
    return fw.jacobian(lambda x: xp.tanh(a @ x) * xp.sum(x)), (fw.array(rng.normal(size=n)),)


@workload(full={"n": 60}, tiny={"n": 4})
def hessian(fw: Any, rng: Any, n: int) -> Any:
    """The Hessian of Rosenbrock's function."""
    xp = fw.xp
    f = lambda x: xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return fw.hessian(f), (fw.array(rng.normal(size=n)),)


@workload(full={"n": 4096, "taps": 4096}, tiny={"n": 8, "taps": 8})
def fft_filter(fw: Any, rng: Any, n: int, taps: int) -> Any:
    """The gradient of a least-squares misfit in the taps of a circular filter."""
    xp = fw.xp
    signal, target = fw.array(rng.normal(size=n)), fw.array(rng.normal(size=n))

    def misfit(kernel: Any) -> Any:
        filtered = xp.fft.irfft(xp.fft.rfft(signal) * xp.fft.rfft(kernel), n=n)
        return xp.sum((filtered - target) ** 2)

    return fw.grad(misfit), (fw.array(rng.normal(size=taps)),)
