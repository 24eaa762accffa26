"""How what NumPy's functions return lies in memory, which decides whether a later ``reshape`` or ``ravel`` is a view.

A lifted function must say what NumPy says, or that it is not known: then a write through a reshaped array raises.
"""

from __future__ import annotations

import copy  # noqa: F401 - an expression uses it
import warnings

import numpy as np
import pytest

import covector as cv
from covector.lifting.cells import Cell
from covector.lifting.roots import UNSURE

EXPRESSIONS = """
    x[:, [0,0]] | x[[0,1]] | x[..., [0,1], :] | x[[[0,1],[1,0]]] | x[None,:,[0,1]] | x.T[[0,1]] | x.T[:, [0,1]]
    x[np.ix_([0,1],[0,1])] | x[np.asfortranarray([[0,1],[1,0]]), np.asfortranarray([[0,1],[1,0]])]
    np.take(x,[0,1],axis=1) | np.take(x,[0,1],axis=-1) | x.take([0,1],1) | np.compress([1,0,1],x,axis=1)
    np.choose(ii,[x,x,x]) | np.take_along_axis(x,i3,1) | np.select([x>1,x<0],[x,2*x]) | np.where(x>1,x,0)
    np.delete(x,1,axis=1) | np.insert(x,1,5.,axis=1) | np.append(x,x,axis=1) | np.cross(x,x) | np.cross(x.T,x,axisa=0)
    np.gradient(x)[0] | np.gradient(x,axis=1) | np.diff(x,axis=0) | np.diff(x,axis=1) | np.cumsum(x,0) | np.cumsum(x,1)
    np.cumprod(x,0) | np.sort(x,0) | np.sort(x,1) | np.partition(x,1,0) | np.flip(x,0) | np.rot90(x) | np.roll(x,1,0)
    np.roll(x,1) | np.tile(x,(2,1)) | np.repeat(x,2,0) | np.repeat(x,2,1) | np.percentile(x3,50,axis=0)
    np.percentile(x3,50,axis=1) | np.percentile(x3,[20,50],axis=1) | np.percentile(x3,50,axis=2) | np.median(x3,axis=0)
    np.median(x3,axis=1) | np.median(x3,axis=2) | np.quantile(x3,.3,axis=1,keepdims=True) | np.sum(x3,0) | np.sum(x3,1)
    np.sum(x3,2) | np.mean(x3,1) | np.std(x3,1) | np.max(x3,2) | np.sum(x3.T,0) | np.sum(x3.T,2) | np.max(x3.T,1)
    np.mean(x3,axis=(1,),keepdims=True) | np.add.reduce(x3,1) | np.add.accumulate(x,0) | np.add.outer(x0,x0)
    np.multiply.outer(x,x0) | np.add.reduceat(x,[0,2],0) | np.add.reduceat(x,[0,2],1) | np.linalg.inv(s)
    np.linalg.solve(s,x) | np.linalg.cholesky(s) | np.linalg.qr(x)[0] | np.linalg.qr(x)[1] | np.linalg.svd(x)[0]
    np.linalg.svd(x)[2] | np.linalg.eigh(s)[1] | np.linalg.pinv(x) | np.linalg.lstsq(x,x,rcond=None)[0]
    np.linalg.matrix_power(x,3) | np.linalg.multi_dot([x,x,x]) | np.linalg.norm(x3,axis=1) | np.linalg.cross(x,x)
    np.linalg.outer(x0,x0) | np.einsum('ij,jk->ik',x,x) | np.einsum('ij,jk->ki',x,x) | np.einsum('ij->ji',x)
    np.einsum('ij,ij->ji',x,x) | np.einsum('i,j->ji',x0,x0) | np.einsum('ijk->kj',x3)
    np.einsum('ij,jk->ki',x,x,optimize=True) | np.tensordot(x3,x,1) | np.tensordot(x3,x3,([0,1],[1,0])) | np.dot(x,x)
    x@x.T | x.T@x.T | np.matmul(x3,x) | np.inner(x,x) | np.outer(x0,x0) | np.kron(x,x) | np.vander(x0) | np.vdot(x,x)*x
    np.tril(x) | np.triu(x) | np.diag(x0) | np.diagflat(x0) | np.trace(x3,axis1=0,axis2=1)*x | np.stack([x0,x0],axis=-1)
    np.stack([x,x],axis=-1) | np.stack([x,x],axis=1) | np.stack([x,x]) | np.stack([x.T,x.T]) | np.stack([x.T,x.T],-1)
    np.concatenate([x,x],1) | np.concatenate([x.T,x.T]) | np.hstack([x,x]) | np.vstack([x0,x0]) | np.column_stack([x0,x0])
    np.dstack([x,x]) | np.dstack([x0,x0]) | np.block([[x,x],[x,x]]) | np.array([x,x]) | np.array([x.T,x.T])
    np.array([x0,x0]).T | np.array(list(x.T)) | np.atleast_2d(x0) | np.r_[x,x] | np.c_[x0,x0] | np.c_[x,x]
    np.meshgrid(x0,x0)[0] | np.meshgrid(x0,x0,indexing='ij')[0] | np.broadcast_arrays(x0,x)[0] | np.pad(x,1)
    np.pad(x,((1,0),(0,0)),mode='edge') | np.pad(x.T,1) | np.apply_along_axis(lambda r:r*2,0,x)
    np.apply_along_axis(lambda r:r*2,1,x) | np.apply_along_axis(lambda r:r[:2],0,x) | np.apply_over_axes(np.sum,x3,[0])
    np.vectorize(lambda v:v*2)(x) | np.vectorize(lambda v:v*2)(x.T) | np.piecewise(x,[x>1],[lambda v:v,0])
    np.piecewise(x.T,[x.T>1],[lambda v:v,0]) | np.interp(x,x0,x0) | np.interp(x.T,x0,x0) | np.clip(x.T,0,1)
    np.round(x.T,1) | np.nan_to_num(x.T) | np.real(x.T) | np.unwrap(x,axis=0) | np.unwrap(x.T) | np.trapezoid(x3,axis=1)
    np.convolve(x0,x0)[None] | np.cov(x) | np.corrcoef(x) | np.cov(x.T) | np.fft.fft(x,axis=0) | np.fft.fft(x,axis=1)
    np.fft.fft2(x) | np.fft.rfft(x,axis=0) | np.fft.fftshift(x) | np.fft.ifft(x.T) | x.T*2 | x.T+x | x.T+x0 | 2**x.T
    -x.T | np.sin(x.T) | np.sqrt(x.T).astype('f4') | x.T.copy() | x.T.copy('K') | np.copy(x.T) | np.array(x.T)
    np.array(x.T,order='C') | x.T.astype(float) | np.zeros_like(x.T) | np.full_like(x.T,1.)
    np.empty_like(x3.swapaxes(0,1))*0 | x3.swapaxes(0,1)*2 | x3.transpose(1,2,0)+1 | np.maximum(x.T,0)
    np.where(x.T>0,x.T,0) | np.where(x.T>0,x,0) | np.ascontiguousarray(x.T) | np.asfortranarray(x)
    np.require(x,requirements='F') | x[::-1].copy() | x[::-1]*1 | x[::-1].T*1 | np.broadcast_to(x0,(3,3))*1
    np.broadcast_to(x0[:,None],(3,3))*1 | np.broadcast_to(x0,(3,3)).copy() | np.divmod(x.T,2.)[0] | np.modf(x.T)[0]
    np.frexp(x.T)[0] | np.matrix_transpose(x)*1 | np.linalg.matrix_transpose(x) | x.T.round(1) | x.T.clip(0,1)
    x.T.cumsum(0) | x.T.repeat(2,0) | x.T.take([0,1],0) | np.mod(x.T,2) | x.T//1 | abs(x.T) | x.T@x0[:,None]
    np.heaviside(x.T,1.) | np.polyval([1.,2.],x.T) | np.sinc(x.T) | np.hypot(x.T,x) | np.logaddexp(x.T,x.T)
    np.angle(x.T+0j) | np.conj(x.T+0j) | (x.T+0j).real | (x.T+0j).imag | np.ptp(x3.T,0) | np.average(x3,1)
    np.nansum(x3.T,2) | np.argsort(x.T,0)*1. | np.searchsorted(x0,x.T)*1. | np.i0(x.T) | np.cumulative_sum(x,axis=0)
    np.resize(x,(4,3)) | x.reshape(3,3,order='F') | np.reshape(x3,(9,3),order='F') | np.ravel(x3)[:9].reshape(3,3)
    x3[...,0]*1 | x3[0].T*1 | x3.T[0]*1 | np.moveaxis(x3,0,-1)*1 | np.swapaxes(x3,0,2).sum(0) | np.linalg.solve(s,x.T)
    np.linalg.inv(s.T) | copy.copy(x.T) | copy.deepcopy(x) | x.flatten('F')[None] | np.array(x,copy=True,ndmin=3)
    np.array([[x[0,0],x[0,1]],[x[1,0],x[1,1]]]) | np.asarray([x[:,0],x[:,1]]) | x3.reshape(9,3,order='F')
    x3.T.reshape(9,3) | np.reshape(np.broadcast_to(x0,(2,3,3)),(3,6),order='F') | np.reshape(x.T,(3,3),order='F')
    x.reshape(-1,order='F').reshape(3,3) | np.copy(x,order='A') | x.copy('A') | x.astype('f4',order='A')
    np.zeros_like(x,order='C')+x | np.ones_like(x,shape=(3,3))*x | x[...,None]*x0 | x0[:,None]*x.T | x[:,None]*x[None]
    x.T[:,None]*x[None] | np.squeeze(x[:,None].T)*1 | np.expand_dims(x.T,1)*1 | np.exp(x.T,dtype=float)
    np.add(x.T,x.T,order='C') | np.add(x,x,order='F') | np.sin(x,order='F') | np.multiply(x.T,2,order='K')
    np.sum(x3,1,keepdims=True) | np.cumsum(x.T,axis=None)[None]*1 | x.T.sum(0,keepdims=True) | np.vecdot(x3,x3)
    np.linalg.vecdot(x3.T,x3.T) | np.matvec(x3,x0) | np.permute_dims(x3,(1,0,2))*1 | np.unstack(x3,axis=1)[0]*1
    np.rollaxis(x3,2)*1 | np.fliplr(x)*1 | np.flipud(x.T)*1 | np.rot90(x)*1 | np.array_split(x,2,1)[0]*1
    np.hsplit(x,3)[0]*1 | np.tril(x.T) | np.triu(x.T) | np.tri(3)*x.T | np.eye(3,order='F')*x
    np.zeros((3,3),order='F')+x | np.ones((3,3),order='F')*x.T | np.zeros((3,3),order='F')*x+x[0] | np.diag(x.T)
    np.vstack([x.T]) | np.hstack((x.T,)) | np.concatenate((x.T,)) | np.stack((x.T,)) | np.dstack((x,))
    np.column_stack((x.T,)) | np.tile(x.T,1) | np.tile(x.T,(1,1)) | np.repeat(x.T,1,1) | np.roll(x.T,1,0)
    np.delete(x.T,0,0) | np.insert(x.T,0,1.,0) | np.append(x.T,x.T,0) | np.sort(x.T,0) | np.sort(x.T)
    np.partition(x.T,1,1) | np.sort(x3.swapaxes(0,1),0) | np.diff(x.T) | np.gradient(x.T)[0] | np.cross(x.T,x.T)
    np.kron(x.T,x.T) | np.select([x.T>1],[x.T]) | np.choose(ii.T,[x.T]*3) | np.take_along_axis(x.T,ii,1) | np.fix(x.T)
    np.trunc(x.T) | np.real_if_close(x.T*1) | np.convolve(x0,x0)[None].T | np.outer(x0,x0).T*1 | np.block([[x.T]])
    np.meshgrid(x0,x0)[1]*1 | np.nan_to_num(x.T,copy=True) | np.bincount([0,1,2],x0)[None]*x | np.isclose(x.T,1)*x.T
    np.maximum.accumulate(x.T,0) | np.add.outer(x.T,x0) | np.add.reduce(x3.T,1) | np.logical_and(x.T,1)*x.T
    np.float64(2)*x.T | x.T**2 | x.T**x | (x.T>0)*1. | divmod(x.T,1)[0] | -x.T.real | x.T.conj() | x.T.imag+x.T
    (1j*x.T).real*1 | (1j*x.T).real.copy() | (1j*x.T).imag.copy('K') | np.abs(1j*x.T) | np.angle(1j*x.T) | x.T.view()*1
    np.asarray(x.T)*1 | np.asanyarray(x.T,dtype='f4') | np.asfortranarray(x.T)*1 | np.array(x,dtype='f4',order='F')
    np.array(x.tolist()) | np.array(list(x)) | np.ascontiguousarray(x.T)*1 | x.T.swapaxes(0,1)*1
    x3.transpose(2,0,1).copy() | x3.transpose(2,0,1).copy('K') | x3.transpose(2,0,1).astype('f4')
    np.zeros_like(x3.transpose(2,0,1)) | np.full_like(x3.transpose(2,0,1),x0) | np.einsum('ijk->kij',x3)*1
    np.einsum('ijk,k->ji',x3,x0) | np.einsum('ij,ij->ij',x.T,x.T) | np.tensordot(x,x.T,0)
    np.linalg.tensordot(x3,x,axes=([1],[0])) | np.apply_along_axis(np.cumsum,1,x.T) | np.apply_along_axis(np.sum,0,x3)
    np.linalg.svd(w)[0] | np.linalg.svd(w,full_matrices=False)[2] | np.linalg.qr(w,'complete')[0] | np.linalg.pinv(w)
    np.linalg.lstsq(w.T,w.T,rcond=None)[0] | np.fft.fft(w,axis=0) | np.fft.rfft2(w)
    np.fft.ifft2(x3, axes=(0, 1)) | np.fft.irfft(w, axis=0)
    np.require(x.T, requirements='W') | np.require(np.broadcast_to(x[0], (3, 3)), None, 'W')
    np.require(x, float, ['W', 'O']) | np.require(x.T, 'f4') | np.require(np.broadcast_to(x[0] + 1, (3, 3)), float, 'W') * 1
    np.fft.fftn(x3) | np.fft.ifftshift(w)
    np.cross(x3,x3,axis=1) | np.gradient(x3,axis=1) | np.gradient(x3)[2] | np.percentile(x3,[20,50],axis=(0,1))
    np.average(x3,axis=1,weights=np.arange(3.)+1) | np.linalg.norm(x3,axis=0) | np.linalg.norm(x3,axis=2,keepdims=True)
    np.trapezoid(x3,axis=0) | np.apply_along_axis(np.sum,1,x3) | np.cumsum(x3,1) | np.sort(x3,1)
    np.tensordot(w,x3,([1],[1])) | np.kron(w,x0) | np.delete(w,[0],1) | np.insert(w,[1],x0[:2,None],1)
    np.pad(w,2,mode='wrap') | np.roll(w,1,(0,1)) | np.diff(x3,axis=1) | np.linalg.solve(s,w.T)
    np.linalg.inv(np.stack([s,s])) | np.linalg.cholesky(np.stack([s,s])) | np.interp(x3,np.arange(3.),x0)
    np.compress([1,0,1],x3,axis=1) | np.take(x3,[1,0],axis=1) | x3[:,[0,1],:] | x3[:,[0,1],[1,2]] | x3[...,[0,1]]
    x3[[0,1],:,[0,1]]
"""

LAYOUTS = {
    "C": lambda a: a,
    "F": np.asfortranarray,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "F, reversed": lambda a: np.asfortranarray(a)[:, ::-1].copy("K")[:, ::-1],
    "sliced": lambda a: np.repeat(a, 2, 1)[:, ::2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
}
A = 0.37 * np.arange(9.0).reshape(3, 3) + 0.2 + np.eye(3)
seen = []


def expression(text):
    """A function that notes the strides of what an expression gives, in elements; None where they are not known."""

    def f(x):
        x0, x3 = x[0], np.stack([x, x + 1, x * 2])
        s, w = x @ x.T + np.eye(3), x[:2] + 0
        ii, i3 = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 1]]), np.array([[0, 1], [1, 0], [2, 2]])
        found = eval(text, globals(), locals())
        is_unknown = type(found) is Cell and found.ndim > 1 and found.root.state & UNSURE
        axes = zip(found.strides, found.shape, strict=True)
        seen.append(None if is_unknown else tuple([step // found.itemsize if n > 1 else 0 for step, n in axes]))
        return found

    return f


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_lie_in_memory_as_numpys(layout):
    x = LAYOUTS[layout](A)
    wrong, known = [], 0
    for text in EXPRESSIONS.replace("\n", "|").split("|"):
        if not text.strip():
            continue
        f = expression(text.strip())
        seen.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(x)
            cv.jvp(cv.lift(f), (x,), (x,))
            if layout == "C":
                cv.vmap(cv.lift(f))(np.stack([x, x]))
        wanted, *found = seen
        known += found[0] is not None
        wrong += [(text.strip(), wanted, found)] * any(strides not in (wanted, None) for strides in found)
    assert not wrong
    assert known > 150
