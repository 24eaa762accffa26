"""Hypothesis profiles: how many examples a property test draws that does not fix the number itself.

Only the tests of random programs leave the number to the profile; others say ``@settings(max_examples=...)``.

========== ========= ============== ===================================================
profile    examples  deterministic  chosen
========== ========= ============== ===================================================
default    200       no             on a developer's machine
ci         2,000     yes            where the variable CI is set
long       100,000   no             by ``--hypothesis-profile=long``
========== ========= ============== ===================================================
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A first example traces and fills caches, so times vary by orders of magnitude: no deadline, no complaint about slowness.
_common = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("default", _common, max_examples=200)
settings.register_profile("ci", _common, max_examples=2_000, derandomize=True)
settings.register_profile("long", _common, max_examples=100_000)
settings.load_profile("ci" if os.environ.get("CI") else "default")  # the command line, read later, overrides this
