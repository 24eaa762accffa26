"""Results without axes: some of NumPy's functions return a number, some an array, which is changed by ``r += 1`` for all that
refer to it.
"""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv

EXPRESSIONS = """
    np.tensordot(x, x, 2) | np.linalg.tensordot(x, x) | np.resize(x, ()) | np.cov(v) | np.corrcoef(v)
    np.apply_along_axis(np.sum, 0, v) | np.apply_over_axes(np.sum, v, 0)[0] | np.where(v[0] > 0, v[0], 1.0)
    np.where(z > 0, z, 1.0) | np.select([v[0] > 0], [v[0]]) | np.choose(0, [v[0], v[1]])
    np.vectorize(lambda u: u)(v[0]) | np.interp(v[0], [0, 1], [0.0, 1.0]) | np.piecewise(z, [z > 0], [lambda u: u])
    np.nan_to_num(z) | np.real(z) | np.copy(v[0]) | np.copy(z) | np.array(v[0]) | np.take(v, 0) | v.take(0)
    np.einsum('i->', v) | np.einsum('i,i->', v, v) | np.einsum('ii', x) | np.einsum(v, [0], []) | np.inner(v, v)
    np.dot(v, v) | np.vdot(v, v) | v @ v | np.trapezoid(v) | np.average(v) | np.median(v) | np.percentile(v, 50)
    np.kron(z, z) | np.roll(z, 1) | np.flip(z) | np.squeeze(v[:1]) | np.squeeze(z) | np.polyval([1.0, 2.0], z)
    np.linalg.det(x) | np.linalg.norm(v) | np.trace(x) | np.linalg.multi_dot([v, x, v]) | np.vecdot(v, v) | np.sum(v)
    np.std(v) | np.add.reduce(v) | np.add.outer(z, z) | np.sin(z) | z + 1 | -z | abs(z) | np.clip(z, 0, 1)
    np.round(z, 1) | np.sinc(z) | np.i0(z) | np.i0(v[0]) | np.unwrap(v)[0] | np.transpose(z)
    z.T | z[()] | z[...] | np.reshape(v[:1], ()) | v[0].reshape(()) | np.full((), v[0]) | np.full_like(z, v[0])
    np.zeros(()) + v[0] | np.astype(z, np.float32) | z.astype(np.float32) | z.copy() | v[0].copy() | +z | np.conj(z)
    np.real_if_close(z) | np.modf(z)[0] | divmod(z, 1.0)[0] | np.asarray(z) | np.tile(z, ()) | np.block(z)
    np.unstack(v)[0] | np.unstack(x)[0][0] | z.sum() | np.sum(x, (0, 1)) | sum(v) | np.max(z) | list(v)[0]
    next(iter(v)) | np.pad(z, 1) | np.pad(v[0], 1) | np.polyint(z, 0) | np.linalg.tensorsolve(z, z) | np.fft.fftn(z).real
    np.fft.ifftn(z).real | np.nan_to_num(z, False) | np.isin(z, v) * v[0] | np.array(z, copy=False)
    np.lexsort((z, z)) * v[0] | np.broadcast_to(v[0], ()).copy() | np.expand_dims(v[0], ()) | np.flip(v[0]) | np.squeeze(v[0])
    np.transpose(v[0]) | np.permute_dims(v[0]) | np.moveaxis(v[0], (), ()) | np.roll(v[0], 1) | np.require(v[0])
    np.tile(v[0], ())
"""
if np.lib.NumpyVersion(np.__version__) < "2.5.0":  # from which on vectors of the plane are refused
    EXPRESSIONS += "np.cross(v[:2], v[:2])"
X = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, 0.2], [0.1, 0.4, 1.2]])
RUN = {
    "jvp": lambda f: cv.jvp(f, (X.copy(),), (X,))[0],
    "jit": lambda f: cv.jit(f)(X.copy()),
    "of plain": lambda f: cv.jvp(lambda s: (s, f(X.copy())), (1.0,), (1.0,))[0][1],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [s.strip() for s in EXPRESSIONS.replace("\n", "|").split("|") if s.strip()])
def test_adding_in_place_is_seen_where_it_is_in_numpy(text):
    names = {"np": np}
    exec(f"def f(x):\n v, z = x[0], np.array(x[1, 1])\n r = {text}\n s = r\n r += 1\n return s * 1, r * 1", names)
    wanted = names["f"](X.copy())
    for name, run in RUN.items():
        np.testing.assert_allclose(run(cv.lift(names["f"])), wanted, err_msg=name)
