"""Subspaces of a matrix: the vectors that it maps to zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import dtype_of
from covector.numpy.registry import known_array
from covector.transforms.utilities import stop_gradient


def null_space_of(a: Any, rcond: float | None) -> Any:
    """A basis, whose shape depends on the rank; its tangent is ``-pinv(a) @ da @ basis``."""
    known = known_array(stop_gradient(a), null_space_of)
    _, s, vh = np.linalg.svd(known, full_matrices=True)
    limit = max(known.shape) * np.finfo(dtype_of(known)).eps if rcond is None else rcond
    basis = np.conj(vh[np.sum(s > np.max(s, initial=0) * limit) :].T)
    inverse = np.linalg.pinv(known)
    return basis - inverse @ ((a - stop_gradient(a)) @ basis)
