"""`scipy.linalg` for arrays and for values that are being transformed.

>>> import numpy as np
>>> from covector import jvp
>>> from covector.scipy import linalg
>>> np.round(jvp(linalg.expm, (np.zeros((2, 2)),), (np.ones((2, 2)),))[1], 6)
array([[1., 1.],
       [1., 1.]])

Functions have SciPy's names and arguments; those that only concern memory and checks (``overwrite_a``, ``check_finite``, …) are
accepted, and change nothing.
"""

from typing import Any

from scipy.linalg import LinAlgError, LinAlgWarning

from covector.scipy.linalg.banded import cho_solve_banded, cholesky_banded
from covector.scipy.linalg.decompositions import (
    hessenberg,
    ldl,
    null_space,
    orth,
    orthogonal_procrustes,
    polar,
    qr,
    rq,
    schur,
    subspace_angles,
)
from covector.scipy.linalg.equations import (
    solve_continuous_are,
    solve_continuous_lyapunov,
    solve_discrete_are,
    solve_discrete_lyapunov,
    solve_lyapunov,
    solve_sylvester,
)
from covector.scipy.linalg.functions import (
    coshm,
    cosm,
    expm,
    expm_cond,
    expm_frechet,
    fractional_matrix_power,
    funm,
    logm,
    signm,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from covector.scipy.linalg.patterns import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    dft,
    fiedler,
    fiedler_companion,
    hadamard,
    hankel,
    helmert,
    hilbert,
    invhilbert,
    invpascal,
    khatri_rao,
    kron,
    leslie,
    pascal,
    toeplitz,
)
from covector.scipy.linalg.properties import bandwidth, ishermitian, issymmetric, norm
from covector.scipy.linalg.spectra import (
    cdf2rdf,
    diagsvd,
    eig,
    eig_banded,
    eigh,
    eigh_tridiagonal,
    eigvals,
    eigvals_banded,
    eigvalsh,
    eigvalsh_tridiagonal,
    svd,
    svdvals,
)
from covector.scipy.linalg.systems import (
    cho_factor,
    cho_solve,
    cholesky,
    det,
    inv,
    lstsq,
    lu,
    lu_factor,
    lu_solve,
    pinv,
    pinvh,
    solve,
    solve_triangular,
)
from covector.scipy.others import of_scipy
from covector.scipy.structured import matmul_toeplitz, solve_banded, solve_circulant, solve_toeplitz, solveh_banded

__all__ = [
    "LinAlgError",
    "LinAlgWarning",
    "bandwidth",
    "block_diag",
    "cdf2rdf",
    "cho_factor",
    "cho_solve",
    "cho_solve_banded",
    "cholesky",
    "cholesky_banded",
    "circulant",
    "companion",
    "convolution_matrix",
    "coshm",
    "cosm",
    "det",
    "dft",
    "diagsvd",
    "eig",
    "eig_banded",
    "eigh",
    "eigh_tridiagonal",
    "eigvals",
    "eigvals_banded",
    "eigvalsh",
    "eigvalsh_tridiagonal",
    "expm",
    "expm_cond",
    "expm_frechet",
    "fiedler",
    "fiedler_companion",
    "fractional_matrix_power",
    "funm",
    "hadamard",
    "hankel",
    "helmert",
    "hessenberg",
    "hilbert",
    "inv",
    "invhilbert",
    "invpascal",
    "ishermitian",
    "issymmetric",
    "khatri_rao",
    "kron",
    "ldl",
    "leslie",
    "logm",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul_toeplitz",
    "norm",
    "null_space",
    "orth",
    "orthogonal_procrustes",
    "pascal",
    "pinv",
    "pinvh",
    "polar",
    "qr",
    "rq",
    "schur",
    "signm",
    "sinhm",
    "sinm",
    "solve",
    "solve_banded",
    "solve_circulant",
    "solve_continuous_are",
    "solve_continuous_lyapunov",
    "solve_discrete_are",
    "solve_discrete_lyapunov",
    "solve_lyapunov",
    "solve_sylvester",
    "solve_toeplitz",
    "solve_triangular",
    "solveh_banded",
    "sqrtm",
    "subspace_angles",
    "svd",
    "svdvals",
    "tanhm",
    "tanm",
    "toeplitz",
]


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
