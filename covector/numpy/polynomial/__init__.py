"""``covector.numpy.polynomial``: `numpy.polynomial` with traced coefficients, points, domains and roots.

NumPy's functions and classes make arrays of what they are given with ``numpy.array``, which traced values cannot pass.  Those
here are NumPy's where nothing is traced.  The classes are subclasses of NumPy's, and pytrees.

Example:
    >>> import numpy as np
    >>> import covector as cv
    >>> from covector.numpy.polynomial import Polynomial, chebyshev
    >>> cv.grad(lambda c: Polynomial(c).deriv()(2.0))(np.array([1.0, 2.0, 3.0]))
    array([0., 1., 4.])
    >>> cv.grad(lambda c: chebyshev.chebval(0.5, c))(np.ones(3))
    array([ 1. ,  0.5, -0.5])

Coefficients that are traced are all kept, also zeros at the end, which NumPy drops: the polynomials are the same, and the
length of a result does not depend on values.
"""

from covector.numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial, polyutils
from covector.numpy.polynomial.chebyshev import Chebyshev
from covector.numpy.polynomial.hermite import Hermite
from covector.numpy.polynomial.hermite_e import HermiteE
from covector.numpy.polynomial.laguerre import Laguerre
from covector.numpy.polynomial.legendre import Legendre
from covector.numpy.polynomial.polynomial import Polynomial

__all__ = [
    "Chebyshev",
    "Hermite",
    "HermiteE",
    "Laguerre",
    "Legendre",
    "Polynomial",
    "chebyshev",
    "hermite",
    "hermite_e",
    "laguerre",
    "legendre",
    "polynomial",
    "polyutils",
]
