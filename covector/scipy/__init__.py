"""SciPy for arrays and for values that are being transformed.

>>> from covector import grad
>>> from covector.scipy import special
>>> float(grad(special.expit)(0.0))
0.25

SciPy's own functions dispatch on tracers where they are ufuncs, so those are SciPy's; only the others are defined here.
"""

import importlib
from typing import Any

MODULES = ("integrate", "interpolate", "linalg", "optimize", "signal", "sparse", "spatial", "special", "stats")
"""They are imported when they are first used, as SciPy is."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'covector.scipy' has no attribute {name!r}; there are {', '.join(MODULES)}", name=name)
    return importlib.import_module(f"covector.scipy.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
