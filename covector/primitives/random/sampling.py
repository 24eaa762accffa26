"""Samples of distributions that NumPy draws by rejection: ``sample``.

>>> sample_p.bind(np.array([0, 1], np.uint32), np.array(2.0), distribution="poisson", shape=(3,), dtype=np.dtype(np.int64))
array([2, 0, 1])

Each key seeds a generator of its own (`numpy.random.Philox`), so what is drawn is a function of the key and the parameters
alone.  It may change with the version of NumPy, as NumPy's own samples may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import Zero, array_aval, typeof
from covector.core.errors import NonDifferentiableError
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_in_front
from covector.primitives.math.ring import scale
from covector.primitives.math.shape_derivatives import gamma_sample_in_a


def _sample(keys: Any, *parameters: Any, distribution: str, shape: tuple[int, ...], dtype: Any) -> Any:
    batch = keys.shape[:-1]
    out = np.empty((*batch, *shape), dtype)
    full = [np.broadcast_to(p, out.shape) for p in parameters]
    for place in np.ndindex(*batch):
        seed = int(keys[(*place, 0)]) << 32 | int(keys[(*place, 1)])
        generator = np.random.Generator(np.random.Philox(key=seed))
        out[place] = getattr(generator, distribution)(*(p[place] for p in full))
    return out


sample_p = Primitive("sample", Opaque(_sample), trusted=True, makes_new=True)
"""``(keys[..., 2], *parameters[..., *shape]) -> samples[..., *shape]`` of the parameter ``distribution``.

The parameters broadcast to the shape of the result.
"""
sample_p.def_abstract(lambda keys, *_, distribution, shape, dtype: array_aval((*keys.shape[:-1], *shape), dtype))
sample_p.def_batch(batch_in_front(sample_p))


@sample_p.def_jvp
def _sample_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, distribution: str, **params: Any) -> Any:
    out = sample_p.bind(*primals, distribution=distribution, **params)
    given = [t for t in tangents[1:] if type(t) is not Zero]
    if not given or typeof(out).dtype.kind != "f":
        return out, typeof(out).zero
    if distribution != "standard_gamma":
        raise NonDifferentiableError(distribution, "the derivative of a sample", map(typeof, primals))
    return out, scale(gamma_sample_in_a(primals[1], out), given[0])
