"""What is not defined here is SciPy's own: ``of_scipy(module, name)`` is what a module of covector's answers for other names.

>>> from covector.scipy import signal
>>> b, a = signal.bessel(2, 0.5)  # of plain numbers; `signal.lfilter` takes traced ones too
>>> b.shape, "bessel" in dir(signal)
((3,), False)
"""

from __future__ import annotations

import importlib
from typing import Any


def of_scipy(module: str, name: str) -> Any:
    """SciPy's object of a public name, which refuses traced values by itself."""
    if not name.startswith("_"):
        theirs = importlib.import_module(module.removeprefix("covector."))
        if hasattr(theirs, name):
            return getattr(theirs, name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
