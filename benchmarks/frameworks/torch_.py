"""PyTorch by `torch.func`, eager and compiled; loops are Python's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.func

from benchmarks.frameworks.base import Framework, Function


def tensors(*xs: Any) -> list[torch.Tensor]:
    """Numbers as tensors of the dtype of the tensor beside them."""
    dtype = next(x.dtype for x in xs if isinstance(x, torch.Tensor))
    return [x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=dtype) for x in xs]


class Numpy:
    """NumPy's names for torch's functions, where they differ in name or arguments."""

    linalg = torch.linalg
    fft = torch.fft

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return torch.sum(x) if axis is None else torch.sum(x, axis, keepdim=keepdims)

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return torch.mean(x) if axis is None else torch.mean(x, axis, keepdim=keepdims)

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return torch.amax(x) if axis is None else torch.amax(x, axis, keepdim=keepdims)

    def maximum(self, x: Any, y: Any) -> Any:
        return torch.maximum(*tensors(x, y))

    def logaddexp(self, x: Any, y: Any) -> Any:
        return torch.logaddexp(*torch.broadcast_tensors(*tensors(x, y)))

    def transpose(self, x: Any, axes: Any) -> Any:
        return torch.permute(x, axes)


class Torch(Framework):
    xp = Numpy()
    jvp = staticmethod(torch.func.jvp)
    jacobian = staticmethod(torch.func.jacrev)
    hessian = staticmethod(torch.func.hessian)
    vmap = staticmethod(torch.func.vmap)
    erf = staticmethod(torch.erf)

    def grad(self, f: Function, argnums: Any = 0) -> Function:
        return torch.func.grad(f, argnums)

    def array(self, x: Any) -> Any:
        return torch.from_numpy(np.array(x))

    def numpy(self, x: Any) -> Any:
        return x.detach().numpy()

    def solve_triangular(self, a: Any, b: Any, lower: bool = True) -> Any:
        columns = b if b.ndim == 2 else b[:, None]
        solution = torch.linalg.solve_triangular(a, columns, upper=not lower)
        return solution if b.ndim == 2 else solution[:, 0]

    def conv(self, x: Any, w: Any) -> Any:
        return torch.nn.functional.conv2d(x, w)


class Compiled(Torch):
    compiles = True

    def jit(self, f: Function) -> Function:
        torch.compiler.reset()  # all derivatives are one function to it, of which it compiles eight and no more
        return torch.compile(f)
