"""The list of workloads: each a function that makes, for a framework, what is timed and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.frameworks.base import Framework

Build = Callable[..., tuple[Callable[..., Any], tuple[Any, ...]]]


class Workload(NamedTuple):
    """What one bar is about."""

    name: str
    build: Build
    full: dict[str, int]
    """The sizes that are measured."""
    tiny: dict[str, int]
    """Sizes for tests."""
    tolerance: float
    """How far two results may lie apart, relative to their largest number."""
    kept_aside: bool
    """Reported by itself: nobody looks at it while the compiler is tuned."""
    needs_derivatives: bool
    """Whether derivatives are taken in the middle, so that nothing is left of it without."""

    def make(self, framework: Framework, is_tiny: bool = False) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function and its arguments; the same numbers each time."""
        return self.build(framework, np.random.default_rng(0), **(self.tiny if is_tiny else self.full))


WORKLOADS: dict[str, Workload] = {}


def workload(
    full: dict[str, int],
    tiny: dict[str, int],
    *,
    tolerance: float = 1e-8,
    kept_aside: bool = False,
    needs_derivatives: bool = False,
) -> Callable[[Build], Build]:
    """Put ``build(framework, random generator, **sizes) -> (function, arguments)`` on the list, under its own name."""

    def add(build: Build) -> Build:
        WORKLOADS[build.__name__] = Workload(build.__name__, build, full, tiny, tolerance, kept_aside, needs_derivatives)
        return build

    return add
