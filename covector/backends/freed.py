"""Memory that is freed stays in the process for the next call: ``keep_freed_memory()``.

What a compiled function returns is new memory, and the system gives each page of that at its first use, which takes longer than
to write to it: 7 of 22 ms for five derivatives of a million option prices.  glibc's `malloc` keeps what is freed for whoever
asks next, but returns it to the system if it is more than twice the largest block that the process has freed so far, blocks of
more than 32 MiB not counted (``man mallopt``, on M_MMAP_THRESHOLD).  So one block of that size, never written to, is freed
first; at most 64 MiB are kept then.  Whoever has set these limits keeps theirs; other allocators have other rules.
"""

from __future__ import annotations

from functools import cache

import numpy as np

LARGEST = (32 << 20) - (8 << 10)
"""Bytes of the largest block that counts, what `malloc` adds to it left out."""


@cache
def keep_freed_memory() -> None:
    """Once in a process: let its allocator keep up to 64 MiB of what is freed."""
    np.empty(LARGEST, np.uint8)
