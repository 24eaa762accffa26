"""`scipy.sparse` for values that are being transformed: matrices of traced entries, products, systems of equations.

>>> import numpy as np
>>> import scipy.sparse
>>> from covector import grad
>>> A = scipy.sparse.csr_array(np.array([[0.0, 2.0], [3.0, 0.0]]))
>>> grad(lambda x: np.sum(A @ x))(np.ones(2))
array([3., 2.])

SciPy's own matrices work in products with traced values as they are.  A matrix whose entries are traced is made here:

>>> from covector.scipy import sparse
>>> entries = lambda d: sparse.csr_array((d, np.array([1, 0]), np.array([0, 1, 2])))
>>> grad(lambda d: np.sum(entries(d) @ np.array([10.0, 1.0])))(np.array([2.0, 3.0]))
array([ 1., 10.])

Where the entries are must be known; what they are is a leaf of a pytree, so a matrix is an argument of `grad`, `jit`, `vmap`.
Systems are solved in `covector.scipy.sparse.linalg`.
"""

from covector.scipy.sparse import linalg as linalg
from covector.scipy.sparse.arrays import SparseArray, issparse
from covector.scipy.sparse.construction import bsr_array, coo_array, csc_array, csr_array, dia_array, diags_array, eye_array

__all__ = [
    *("SparseArray", "bsr_array", "coo_array", "csc_array", "csr_array"),
    *("dia_array", "diags_array", "eye_array", "issparse", "linalg"),
]
