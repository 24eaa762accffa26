"""The first lift of a process: what it is given was not looked at yet, and modules may not have been imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

CALLS = {
    "a function of SciPy": ("import scipy.linalg", "scipy.linalg.det", "np.eye(3) + 0.1"),
    "scipy.signal": ("import scipy", "lambda x: scipy.signal.detrend(x)", "np.array([1.0, 3.0, 2.5, 4.0])"),
    "scipy.optimize": ("import scipy", "lambda x: scipy.optimize.brentq(lambda t: t * t - x, 0.0, 5.0)", "2.0"),
    "scipy.spatial": ("import scipy", "lambda x: scipy.spatial.distance.pdist(x)", "np.arange(6.0).reshape(3, 2) ** 2"),
}


@pytest.mark.parametrize("name", CALLS)
def test_in_a_new_process(name: str) -> None:
    imports, f, x = CALLS[name]
    program = (
        f"import numpy as np, covector as cv\n{imports}\nf, x, h = {f}, {x}, 1e-6\ng = cv.lift(f)\n"
        "slopes = [cv.jvp(g, (x,), (np.cos(x),))[1] for _ in range(2)]\n"
        "difference = (f(x + h * np.cos(x)) - f(x - h * np.cos(x))) / (2 * h)\n"
        "print(all(np.allclose(s, difference, rtol=1e-6) for s in slopes))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


IMPORTED_LATER = """
import numpy as np, covector as cv
import covector.scipy.linalg
x = np.array([1.0, 2.0])
cv.grad(cv.lift(lambda x: np.sum(x)))(x)
import scipy.interpolate, scipy.stats
table = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
print(np.allclose(cv.jvp(cv.lift(table), (x,), (np.ones(2),))[1], 2 * x))
"""


def test_modules_that_lead_to_a_lift_while_they_are_imported() -> None:
    """Some of what SciPy imports looks at the names of ``scipy``, which stand for others since the first lift."""
    done = subprocess.run([sys.executable, "-c", IMPORTED_LATER], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
