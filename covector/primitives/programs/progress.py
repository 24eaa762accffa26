"""Progress bars of loops, by `tqdm`, which is imported when the first bar is shown."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any


def progress_bar(steps: Iterable[int], label: str | None, total: int | None) -> Any:
    """The steps, shown on a bar with this label as they are done; without a label just the steps."""
    if label is None:
        return steps
    try:
        tqdm = importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        raise ImportError(f"progress={label!r} shows its bar with tqdm, which is not installed: pip install tqdm") from None
    return tqdm(steps, desc=label, total=total)
