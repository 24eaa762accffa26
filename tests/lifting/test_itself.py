"""Functions of NumPy that return their argument, show it, or copy it: a write into the result is seen in x, or it is not.

Each expression is one of ``x``, an array of 3 × 3.  covector may refuse the write where it cannot know (of an argument of jit,
say), but not do another thing.
"""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.core.errors import CovectorError

EXPRESSIONS = """
    np.linalg.matrix_power(x, 1) | np.diff(x, 0) | np.diff(x, n=0) | np.diff(x, n=1) | np.apply_over_axes(np.sum, x, [])
    np.apply_over_axes(np.sum, x, 0) | np.trim_zeros(x) | np.trim_zeros(x, axis=()) | np.trim_zeros(x, 'b', 0)
    np.squeeze(x) | np.broadcast_arrays(x, x)[0] | np.broadcast_arrays(x, x)[1] | np.broadcast_arrays(x, 1.0)[0]
    np.broadcast_arrays(x[:1], x)[1] | np.nan_to_num(x, copy=False) | np.nan_to_num(x) | np.resize(x, (3, 3)) | np.tile(x, 1)
    np.block(x) | np.pad(x, 0) | np.unstack(x)[0] | np.split(x, 1)[0] | np.hsplit(x, 3)[1] | np.real_if_close(x)
    np.einsum('ij->ji', x) | np.einsum('ii->i', x) | np.linalg.multi_dot([x, x]) | np.vstack([x]) | np.stack([x])[0]
    np.asarray(x, dtype=float) | np.unwrap(x) | np.roll(x, 0) | np.delete(x, []) | np.conj(x) | x.conj()
    np.clip(x, None, 100) | np.fft.fftshift(x) | np.fft.ifftshift(x, axes=()) | np.choose(np.zeros((3, 3), int), [x])
    np.select([x > 0], [x]) | np.where(True, x, x) | np.take(x, [0, 1, 2], 0) | np.compress([1, 1, 1], x, 0) | np.triu(x, -5)
    np.tril(x, 5) | np.diag(x) | np.diagflat(x[0]) | np.atleast_3d(x) | np.round(x) | np.real(x) | np.sort(x, axis=0)
    np.moveaxis(x, 0, 0) | np.rot90(x, 0) | np.rot90(x, 4) | np.append(x, []) | np.insert(x, [], [])
    np.astype(x, float, copy=False) | np.astype(x, float) | +x | np.positive(x) | abs(x) | x[np.ix_([0, 1, 2], [0, 1, 2])]
    np.copy(x) | np.require(x) | np.array(x, copy=None) | np.array(x) | np.ravel(x) | x.flatten() | x.flatten('F') | x.T
    np.expand_dims(x, ()) | np.lib.stride_tricks.sliding_window_view(x, (3, 3), writeable=True)
    np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8)) | np.lib.stride_tricks.sliding_window_view(x, 2, 1, writeable=True)
    np.max(x, axis=(), keepdims=True) | np.sum(x, axis=()) | np.add.reduce(x, axis=()) | x[...] | x[()] | x[None]
    np.matrix_transpose(np.matrix_transpose(x)) | np.piecewise(x, [x > 0], [lambda v: v]) | np.broadcast_to(x, (3, 3))
    np.apply_along_axis(lambda v: v, 0, x) | np.vectorize(lambda v: v)(x) | np.polyder(x[0], 0) | np.polyder(x[0], m=0)
    np.polyint(x[0], 0) | np.polyint(x[0], m=0, k=1.0) | np.polynomial.polynomial.polyder(x, 0) | np.polyadd(x[0], [])
    np.flip(x, ()) | np.repeat(x, 1) | np.dsplit(x[..., None], 1)[0] | np.swapaxes(x, 0, 0) | np.array_split(x, 1)[0]
    np.ascontiguousarray(x)
"""
X = np.arange(9.0).reshape(3, 3) + 1
RUN = {
    "jvp": lambda f: cv.jvp(f, (X.copy(),), (X,))[0],
    "jit": lambda f: cv.jit(f)(X.copy()),
    "vmap": lambda f: [y[0] for y in cv.vmap(f)(np.stack([X, X]))],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [s.strip() for s in EXPRESSIONS.replace("\n", "|").split("|") if s.strip()])
def test_a_write_into_the_result_is_seen_as_in_numpy(text):
    namespace = {"np": np}
    exec(f"def f(x):\n r = {text}\n try:\n  r[...] = -5.0\n except ValueError:\n  pass\n return x * 1, r * 1", namespace)
    f = namespace["f"]
    wanted = f(X.copy())
    for name, run in RUN.items():
        try:
            found = run(cv.lift(f))
        except CovectorError:
            assert name != "jvp"
            continue
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, err_msg=name)
