"""SciPy for arrays and for values that are being transformed.

>>> from covector import grad
>>> from covector.scipy import special
>>> float(grad(special.expit)(0.0))
0.25

SciPy's own functions dispatch on tracers where they are ufuncs, so those are SciPy's; only the others are defined here.  What
is not, say ``covector.scipy.signal.bessel``, is SciPy's too, and takes plain arrays.
"""

import importlib
from types import ModuleType
from typing import Any

from covector.core.source import meant_by

MODULES = (
    *("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial", "special", "stats"),
)
"""They are imported when they are first used, as SciPy is."""

CONDITIONS = {"fft": " (not within scipy.fft.set_backend)"}
"""What to heed of the functions of a module."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'covector.scipy' has no attribute {name!r}; there are {', '.join(MODULES)}", name=name)
    return importlib.import_module(f"covector.scipy.{name}")


def counterpart(name: str) -> str | None:
    """The name here of a function, class or method of SciPy's, given its public name there; None where there is none.

    >>> counterpart("scipy.spatial.distance.cdist"), counterpart("scipy.stats.norm.rvs")
    ('covector.scipy.spatial.distance.cdist', None)
    """
    _, part, *path = name.split(".")
    if part not in MODULES or not path:
        return None
    module = importlib.import_module(f"covector.scipy.{part}")
    for attributes in (path, path[1:]):  # what SciPy has in a module within, may be in the module itself here
        if attributes and _declares(module, attributes[0]) and meant_by(".".join(attributes), vars(module)) is not None:
            return ".".join(["covector.scipy", part, *attributes]) + CONDITIONS.get(part, "")
    return None


def _declares(module: ModuleType, name: str) -> bool:
    """Whether a module here means a name to be used, rather than uses it itself."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return name in names
    return getattr(vars(module).get(name), "__module__", "").startswith("covector.scipy")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
