"""Methods of arrays, called in all the ways that NumPy allows: of traced values, and in lifted code of these and plain ones."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv

X = np.array([[1.5, -1.25, 0.75], [-2.25, 0.5, 3.0]])
CALLS = """
    clip(0) | clip(0, 1) | clip(None, 1) | clip(max=1) | clip(min=0) | clip(0, None) | clip(-1, 1, None) | clip()
    compress([True, False]) | compress([True, False], 0) | compress([True, False, True], axis=1)
    compress(condition=[True, False], axis=0) | ravel().compress([True, False, True]) | all() | all(0) | any(1)
    all(axis=1, keepdims=True) | argmax() | argmax(1) | argmax(axis=0, keepdims=True) | argmin(0) | argsort() | argsort(0)
    argsort(axis=None) | argsort(-1, 'stable') | argsort(stable=True) | argpartition(1) | argpartition(1, 0) | cumsum()
    cumsum(1) | cumsum(axis=0, dtype=np.float32) | cumprod(1) | diagonal() | diagonal(1) | diagonal(0, 1, 0) | dot(np.ones(3))
    max() | max(0) | max(axis=1, keepdims=True) | max(initial=10) | max(0, None, True) | mean(0) | mean(axis=(0, 1))
    mean(1, np.float32) | min(1) | prod() | prod(0) | prod(axis=1, keepdims=True) | ravel() | ravel('F') | ravel(order='C')
    flatten() | flatten('F') | repeat(2) | repeat(2, 0) | repeat([1, 2], axis=0) | reshape(3, 2) | reshape((3, 2)) | reshape(-1)
    reshape(3, 2, order='F') | reshape([6]) | round() | round(1) | round(decimals=1) | std() | std(0) | std(axis=1, ddof=1)
    sum() | sum(0) | sum((0, 1)) | sum(axis=1, keepdims=True) | sum(initial=5.0) | sum(where=[True, False, True])
    swapaxes(0, 1) | swapaxes(-1, 0) | squeeze() | take([0, 1]) | take([0, 1], 1) | take(indices=[1], axis=0)
    take([7], mode='wrap') | trace() | trace(1) | trace(0, 1, 0) | transpose() | transpose(1, 0) | transpose((1, 0))
    transpose(None) | var() | var(1) | var(0, None, None, 1) | conj() | conjugate() | copy() | copy('F') | astype(int)
    astype('f4') | astype(np.float32, order='F') | astype(float, copy=False) | astype(dtype=np.float32)
    choose([1.0, 2.0], mode='clip') | ravel().searchsorted(0.5) | view() | view(float) | view(np.ndarray)
    to_device('cpu') | __abs__() | __neg__() | __pos__() | __matmul__(np.ones(3)) | __pow__(2) | __divmod__(2.0)
"""
RUN = {
    "jvp": lambda f: cv.jvp(f, (X.copy(),), (X,))[0],
    "jit": lambda f: cv.jit(f)(X.copy()),
    "vmap": lambda f: cv.tree.map(lambda y: y[0], cv.vmap(f)(np.stack([X, X]))),
    "jvp of lifted": lambda f: cv.jvp(cv.lift(f), (X.copy(),), (X,))[0],
    "jit of lifted": lambda f: cv.jit(cv.lift(f))(X.copy()),
    "of plain in lifted": lambda f: cv.jvp(cv.lift(lambda s: (s, f(np.array(X)))), (1.0,), (1.0,))[0][1],
}


def calls():
    return [c.strip() for c in CALLS.replace("\n", "|").split("|") if c.strip()]


@pytest.mark.parametrize("call", calls())
def test_methods_are_called_as_numpys(call):
    if call.startswith("choose"):
        f = lambda x: eval(f"(x > 0).astype(int).{call}", {"x": x, "np": np})
    else:
        f = lambda x: eval(f"x.{call}", {"x": x, "np": np})
    wanted = cv.tree.leaves(f(X.copy()))
    for name, run in RUN.items():
        found = cv.tree.leaves(run(f))
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, err_msg=name)
            assert np.asarray(a).dtype == np.asarray(b).dtype, name


def test_bits_cannot_be_seen_as_another_dtype():
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=r"x\.view\(float32\) of a traced value of type f64\[2,3\]"):
        cv.jit(lambda x: x.view(np.float32))(X)
