"""What SciPy takes for a vector: a list of numbers, which is a pytree of numbers otherwise; and for a tuple of arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of
from covector.numpy.registry import as_array


def numbers_as_vector(x: Any) -> Any:
    """A list of numbers as a vector, and anything else as it is."""
    if not isinstance(x, list) or any(isinstance(v, (list, tuple, dict)) or v is None or shape_of(v) for v in x):
        return x
    return np.stack([as_array(v) for v in x]) if x else np.zeros(0)


def as_tuple(args: Any) -> tuple[Any, ...]:
    """Arguments, of which SciPy lets a single one stand alone."""
    return args if isinstance(args, tuple) else (args,)
