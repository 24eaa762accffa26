"""NumPy for arrays and for values that are being transformed.

Tracers implement NumPy's protocols, so this is NumPy itself: ``covector.numpy.sin is numpy.sin``.  Only what NumPy cannot
send to a tracer is defined here (`array`, `asarray`, `full`, `arange`, and `take` and `roll`, which do not ask their indices),
and a few functions that it lacks: `at`, `logsumexp`, `cummax`, `cummin`.  Importing this module gives NumPy's functions their
meaning on tracers.
"""

from __future__ import annotations

import sys as _sys
from types import ModuleType as _ModuleType
from typing import Any

import numpy as _numpy

from covector.core.tracer import register_namespace as _register_namespace
from covector.numpy import applying as _applying
from covector.numpy import contraction as _contraction
from covector.numpy import creation as _creation
from covector.numpy import differences as _differences
from covector.numpy import elementwise as _elementwise
from covector.numpy import fourier as _fourier
from covector.numpy import indexing as _indexing
from covector.numpy import joining as _joining
from covector.numpy import linalg as _linalg
from covector.numpy import padding as _padding
from covector.numpy import polynomials as _polynomials
from covector.numpy import quantiles as _quantiles
from covector.numpy import reductions as _reductions
from covector.numpy import sets as _sets
from covector.numpy import shapes as _shapes
from covector.numpy import sorting as _sorting
from covector.numpy import statistics as _statistics
from covector.numpy import ufuncs as _ufuncs
from covector.numpy.at import at
from covector.numpy.creation import arange, array, asarray, full
from covector.numpy.indexing import take
from covector.numpy.joining import roll
from covector.numpy.reductions import cummax, cummin, logsumexp

OWN = ("arange", "array", "asarray", "at", "cummax", "cummin", "full", "logsumexp", "roll", "take")
"""The names that are not NumPy's own objects."""

globals().update(
    (name, value)
    for name, value in vars(_numpy).items()
    if not name.startswith("_") and name not in OWN and not isinstance(value, _ModuleType)
)


def __getattr__(name: str) -> Any:
    """NumPy's submodules (``linalg``, ``fft``, ``random``) and whatever a later version of NumPy adds."""
    return getattr(_numpy, name)


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), *OWN})


_register_namespace(_sys.modules[__name__])
