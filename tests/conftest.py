"""Hypothesis profiles: how many examples a property test draws that does not fix the number itself.

Only the tests of random programs leave the number to the profile; others say ``@settings(max_examples=...)``.

========== ========= =============== ==============================================================
profile    examples  draws           chosen
========== ========= =============== ==============================================================
default    200       the same always on a developer's machine
ci         2,000     new ones        where the variable CI is set
shrink     200       the same always ``--hypothesis-profile=shrink``: makes a failing example small
long       100,000   new ones        ``--hypothesis-profile=long``
========== ========= =============== ==============================================================

The default always draws the same examples, so that it cannot fail by luck.  Nor can ``.ci/run``, which makes a seed of the
files of the commit: each commit is tried on programs that no other was, and every run of it on the same.  (Hypothesis would
also draw the constants that it finds in the modules which happen to be loaded; here it does not look.)  The default and
``ci`` end at the first failure: to make the example smaller and to explain it runs it up to thousands of times, for minutes
where an example traces and compiles.  A failure of ``ci`` prints a blob that ``@reproduce_failure`` takes.
"""

from __future__ import annotations

import gc
import linecache
import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import providers

from covector.core import source

# Programs run as Python unless a test says otherwise: when a program is compiled in the background depends on the clock.
os.environ.setdefault("COVECTOR_JIT", "source")

# What has been loaded depends on the tests that ran before in the same process.
if hasattr(providers, "_get_local_constants"):
    setattr(providers, "_get_local_constants", lambda: providers._local_constants)  # noqa: B010

# A first example traces and fills caches, so times vary by orders of magnitude: no deadline, no complaint about slowness.
# Said in full, for hypothesis has other defaults where it finds itself in CI.
_common = settings(deadline=None, derandomize=False, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
_no_search = (Phase.explicit, Phase.generate)

settings.register_profile("default", _common, max_examples=200, derandomize=True, phases=_no_search)
settings.register_profile("shrink", _common, max_examples=200, derandomize=True, phases=(*_no_search, Phase.shrink))
settings.register_profile("ci", _common, max_examples=2_000, phases=_no_search)
settings.register_profile("long", _common, max_examples=100_000)
settings.load_profile("ci" if os.environ.get("CI") else "default")  # the command line, read later, overrides this


# Messages quote the user's line, and in a test that line often has the text too which the message is to have: it would be
# found there whatever the message says.
setattr(source, "linecache", SimpleNamespace(getline=lambda path, line: "..."))  # noqa: B010


@pytest.fixture
def quoted_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of which lines are quoted."""
    monkeypatch.setattr(source, "linecache", linecache)


@pytest.fixture
def few_objects() -> Iterator[None]:
    """For tests that collect garbage, or look for it: what was there before is not looked at, which took a second each time."""
    gc.freeze()
    yield
    gc.unfreeze()
