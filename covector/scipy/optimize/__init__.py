"""`scipy.optimize` with derivatives: SciPy's solvers get those of the function, and their solutions have some themselves.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import optimize
>>> def smallest(a):
...     return optimize.minimize(lambda x: np.sum((x - a) ** 2 + x**4), np.zeros(2)).x[0]
>>> a = np.array([1.0, 2.0])
>>> x = smallest(a)
>>> bool(abs(grad(smallest)(a)[0] - 2 / (2 + 12 * x**2)) < 1e-6)
True

The point that is sought, and the guess, may be any pytree; where it is what SciPy takes, a number or an array or a list, the
shapes are SciPy's, which makes a vector of a number.  The solution is a differentiable function of all that the function
closes over and of ``args``, by the implicit function theorem: it is a zero of the gradient (of the function itself, for a
root), however it was found.  Where a solver has not converged the derivative is not determined, and NaN.  Where values are
unknown, in a compiled function, SciPy is called when the program runs.
"""

from typing import Any

from covector.scipy.optimize.fits import curve_fit, least_squares, leastsq, lsq_linear, nnls
from covector.scipy.optimize.linear_programs import linprog
from covector.scipy.optimize.minima import minimize, minimize_scalar
from covector.scipy.optimize.problem import OptimizeResult
from covector.scipy.optimize.roots import fixed_point, fsolve, newton, root
from covector.scipy.optimize.scalar_roots import RootResults, bisect, brenth, brentq, ridder, root_scalar, toms748
from covector.scipy.others import of_scipy

__all__ = [
    *("OptimizeResult", "RootResults", "bisect", "brenth", "brentq", "curve_fit", "fixed_point", "fsolve", "least_squares"),
    *("leastsq", "linprog", "lsq_linear", "minimize", "minimize_scalar", "newton", "nnls", "ridder", "root", "root_scalar"),
    "toms748",
]


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
