"""NumPy for arrays and for values that are being transformed.

Tracers implement NumPy's protocols, so this is NumPy itself: ``covector.numpy.sin is numpy.sin``.  Only what NumPy cannot
send to a tracer is defined here (`array`, `asarray`, `full`, `arange`, `r_`, `c_`, `vectorize`; and `take`, `roll`, `interp`,
`pad` and others, which do not ask all of their arguments), and a few functions that it lacks: `at`, `logsumexp`, `cummax`,
`cummin`.  Importing this module gives NumPy's functions their meaning on tracers.
"""

from __future__ import annotations

import importlib as _importlib
import sys as _sys
from types import ModuleType as _ModuleType
from typing import Any

import numpy as _numpy

from covector.core.tracer import API_VERSIONS as _API_VERSIONS
from covector.core.tracer import has_meaning as _has_meaning
from covector.core.tracer import register_later as _register_later
from covector.core.tracer import register_namespace as _register_namespace
from covector.numpy import contraction as _contraction
from covector.numpy import creation as _creation
from covector.numpy import elementwise as _elementwise
from covector.numpy import indexing as _indexing
from covector.numpy import joining as _joining
from covector.numpy import reductions as _reductions
from covector.numpy import shapes as _shapes
from covector.numpy import ufuncs as _ufuncs
from covector.numpy.at import at
from covector.numpy.builders import c_, r_
from covector.numpy.creation import arange, array, asarray, full
from covector.numpy.indexing import take
from covector.numpy.joining import roll
from covector.numpy.reductions import cummax, cummin, logsumexp
from covector.numpy.undispatched import (
    asanyarray,
    ascontiguousarray,
    asfortranarray,
    full_like,
    histogram,
    interp,
    nan_to_num,
    pad,
    polyint,
    require,
    select,
    unwrap,
)

OWN = """
    arange array asanyarray asarray ascontiguousarray asfortranarray at c_ cummax cummin full full_like histogram interp
    logsumexp nan_to_num pad polyint r_ require roll select take unwrap vectorize
""".split()
"""The names that are not NumPy's own objects."""

WITHOUT_ARRAYS = """
    asarray_chkfinite bartlett blackman broadcast_shapes diag_indices empty eye from_dlpack frombuffer fromfunction
    fromiter geterr hamming hanning identity indices isdtype isscalar issubdtype iterable kaiser mask_indices ones promote_types
    seterr tri tril_indices triu_indices zeros
    bool dtype errstate finfo iinfo ndarray ufunc float16 float32 float64 longdouble complex64 complex128 clongdouble
    int8 int16 int32 int64 intp uint8 uint16 uint32 uint64 uintp int_ uint bool_ floating complexfloating inexact integer
    signedinteger unsignedinteger number generic
    False_ True_ e euler_gamma inf nan newaxis pi index_exp s_
""".split()
"""What is NumPy's and never meets a traced value: functions that make arrays or ask about types, dtypes and constants."""

WRITERS = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
"""What writes into its argument: on traced values an error that says what to call instead."""

MODULES = ("emath", "fft", "linalg", "special")

LAZY = {
    "applying": "apply_along_axis apply_over_axes piecewise",
    "bits": "packbits unpackbits",
    "differences": "diff ediff1d gradient interp trapezoid trapz",
    "histograms": "bincount histogram histogram2d histogram_bin_edges histogramdd",
    "padding": "pad",
    "polynomials": "poly polyadd polyder polydiv polyfit polyint polymul polysub roots",
    "quantiles": "nanpercentile nanquantile percentile quantile",
    "sets": "intersect1d setdiff1d setxor1d trim_zeros union1d unique_all unique_counts unique_inverse unique_values",
    "sorting": """
        argpartition argsort digitize lexsort median nanmedian partition searchsorted sort sort_complex unique
    """,
}
"""Modules that are imported when one of these functions, whose meaning they say, is first called on a traced value."""

__array_api_version__ = _API_VERSIONS[-1]

globals().update(
    (name, value)
    for name, value in vars(_numpy).items()
    if not name.startswith("_") and name not in OWN and not isinstance(value, _ModuleType)
)


def __getattr__(name: str) -> Any:
    """Our modules; NumPy's submodules (``fft``, ``random``) and whatever a later version of NumPy adds."""
    if name in ("linalg", "polynomial"):
        return _importlib.import_module(f"{__name__}.{name}")
    if name == "vectorize":
        return _importlib.import_module(f"{__name__}.vectorizing").vectorize
    if name == "special":  # where the array API's users look for special functions; SciPy loads when it is first needed
        return _importlib.import_module("covector.scipy.special")
    return getattr(_numpy, name)


def __dir__() -> list[str]:
    """What works on traced values, or is needed beside them."""
    dispatched = {name for name, value in vars(_numpy).items() if callable(value) and _has_meaning(value)} - WRITERS
    return sorted({*dispatched, *OWN, *WITHOUT_ARRAYS, *MODULES})


_register_namespace(_sys.modules[__name__])
for _module, _names in LAZY.items():
    _register_later(f"{__name__}.{_module}", *(getattr(_numpy, name) for name in _names.split() if hasattr(_numpy, name)))
_register_later(f"{__name__}.windows", _numpy.lib.stride_tricks.sliding_window_view)
_register_later(f"{__name__}.linalg", "numpy.linalg")
_register_later(f"{__name__}.polynomial", "numpy.polynomial.polynomial")
_register_later(f"{__name__}.fourier", "numpy.fft")
