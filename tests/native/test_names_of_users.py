"""Primitives of users' under names that covector has for its own, which are not imported before they are needed."""

from __future__ import annotations

import subprocess
import sys

NAMES = "identity unit_floats random_bits windows overlap scipy_erf scipy_xlogy scipy_expit".split()


def test_a_primitive_is_compiled_as_what_it_is() -> None:
    program = f"""
import numpy as np, covector as cv
x = np.linspace(0.1, 0.9, 12)
for name in {NAMES}:
    p = cv.elementwise(name, lambda a: 3 * a + 41, lambda out, a: 3.0)
    f = cv.jit(lambda x: p(x) + 1, backend="native")
    np.testing.assert_allclose(f(x), 3 * x + 42)
    np.testing.assert_allclose(cv.jit(cv.grad(lambda x: np.sum(f(x))), backend="native")(x), np.full(12, 3.0))
    f.lower(x).cost_analysis()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
