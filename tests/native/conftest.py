"""What the tests of the native backend share: workspaces that are full of NaN, and no code from the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from covector.backends.native import entry, module

sys.path.append(str(Path(__file__).parents[1] / "primitives"))  # for the table of primitives


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A program that reads what it has not written gets NaN, and -1 of integers; no code comes from the disk."""
    monkeypatch.setattr(entry, "workspace", lambda size: np.full(size, 0xFF, np.uint8))
    monkeypatch.setattr(module, "_folder", lambda: None)
    yield
