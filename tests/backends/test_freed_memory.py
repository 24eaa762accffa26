"""Results of a compiled function lie in memory that earlier ones have left, as far as glibc's malloc is there to keep it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
import covector as cv

f = cv.jit(lambda x: [x * k for k in range(2, 7)], backend=sys.argv[1])
x = np.linspace(0.0, 1.0, 1_000_000)
faults = []
for _ in range(10):
    found = f(x)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[4])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how much is kept of what is freed is that of glibc's malloc")
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_no_new_pages_at_each_call(backend):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run([sys.executable, "-c", PROGRAM, backend], env=env, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100  # of about 10,000 pages in each call, or of 1,000 where they are large
