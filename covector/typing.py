"""Types for annotations, under JAX's names: `Array`, `ArrayLike`, `DTypeLike`.

>>> import numpy as np
>>> import covector as cv
>>> isinstance(np.ones(2), Array), isinstance(np.float64(1.0), Array), isinstance(2.0, Array)
(True, True, False)
>>> cv.vmap(lambda x: print(isinstance(x, Array)))(np.ones(2))
True
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import DTypeLike as DTypeLike

from covector.core.tracer import Tracer

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
else:

    class Array(ABC):
        """What an array is in a transformed function: one of NumPy's, a scalar of NumPy's, or a traced value.

        A number of Python's is none.  It is for annotations and `isinstance`; to type checkers it is NumPy's array.

        Example:
            >>> def area(radius: Array) -> Array:
            ...     return np.pi * radius**2
        """

        @property
        @abstractmethod
        def shape(self) -> tuple[int, ...]:
            """The lengths of the axes."""

        @property
        @abstractmethod
        def dtype(self) -> np.dtype:
            """The type of the elements."""

    for _cls in (np.ndarray, np.generic, Tracer):
        Array.register(_cls)
