"""Distributions with their parameters: ``norm(loc, scale).logpdf(x)`` is ``norm.logpdf(x, loc, scale)``.

>>> from covector.scipy.stats import norm
>>> float(norm(1.0, scale=2.0).logpdf(0.0)) == float(norm.logpdf(0.0, 1.0, 2.0))
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Freezing:
    """What can be called with its parameters."""

    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """The distribution with these parameters, which its methods then take no more."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "name":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        missing = f"covector.scipy.stats.{self.name} has no {name}"
        others = "draw with covector.random" if name == "rvs" else f"SciPy's scipy.stats.{self.name} takes plain arrays"
        raise AttributeError(f"{missing}; {others}", name=name, obj=self)


class Frozen:
    """A distribution and its parameters; what a method is given comes before them."""

    def __init__(self, distribution: Freezing, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.dist = distribution
        self.args = args
        self.kwds = kwargs

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name in ("dist", "args", "kwds"):
            raise AttributeError(f"'Frozen' object has no attribute {name!r}", name=name, obj=self)
        method = getattr(self.dist, name)
        return lambda *values: method(*values, *self.args, **self.kwds)

    def __repr__(self) -> str:
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwds.items())]
        return f"{self.dist.name}({', '.join(given)})"
