"""`scipy.spatial` for arrays and for values that are being transformed: distances and rotations.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import spatial
>>> grad(lambda v: spatial.transform.Rotation.from_rotvec(v).apply(np.array([1.0, 0.0, 0.0]))[1])(np.zeros(3))
array([0., 0., 1.])

Distances are in `covector.scipy.spatial.distance` too, where SciPy has them.
"""

from typing import Any

from covector.scipy.others import of_scipy
from covector.scipy.spatial import distance as distance
from covector.scipy.spatial import transform as transform
from covector.scipy.spatial.distance import cdist, pdist, squareform

__all__ = ["cdist", "distance", "pdist", "squareform", "transform"]


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
