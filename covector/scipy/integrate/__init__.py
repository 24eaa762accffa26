"""`scipy.integrate` for arrays and for values that are being transformed: sums, integrals, differential equations.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import integrate
>>> decayed = lambda rate: integrate.odeint(lambda y, t: -rate * y, 1.0, np.array([0.0, 2.0]))[-1, 0]
>>> bool(abs(grad(decayed)(0.5) + 2 * np.exp(-1.0)) < 1e-6)
True
"""

from typing import Any

from covector.scipy.integrate.equations import odeint, solve_ivp
from covector.scipy.integrate.quadrature import dblquad, fixed_quad, nquad, quad, quad_vec, tplquad
from covector.scipy.integrate.samples import cumulative_simpson, cumulative_trapezoid, newton_cotes, romb, simpson, trapezoid
from covector.scipy.others import of_scipy

__all__ = [
    *("cumulative_simpson", "cumulative_trapezoid", "dblquad", "fixed_quad", "newton_cotes", "nquad", "odeint"),
    *("quad", "quad_vec", "romb", "simpson", "solve_ivp", "tplquad", "trapezoid"),
]


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
