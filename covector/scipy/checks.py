"""Checks of what is perhaps not known: ``refuse(wrong, text)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors


def refuse(wrong: Any, text: str, error: type[Exception] = ValueError) -> None:
    """Raise where it is known that something is wrong."""
    try:
        found = bool(np.any(wrong))
    except errors.ConcretizationError:
        return
    if found:
        raise error(text)
