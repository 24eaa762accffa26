"""For every primitive what to try it on: the table of `test_every_primitive`.

An entry is a strategy for cases of a dtype, the dtypes that the primitive takes (all floating and complex ones, unless it says
which), and options of `check_primitive`.  Of other dtypes the primitive must refuse to compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import control_flow_table as cf
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from covector.primitives.arrays.indexing import span
from covector.primitives.arrays.windows import window_counts
from covector.primitives.math.special_functions import TABLE as SPECIAL_FUNCTIONS
from covector.testing import strategies as cs
from covector.transforms.checkpoint import checkpoint_policies as policies
from covector.transforms.staging import make_jaxpr

REAL = cs.FLOATING
INEXACT = (*cs.FLOATING, *cs.COMPLEX)
LAPACK = (np.float32, np.float64, np.complex64, np.complex128)
INTEGER = (np.bool_, np.int64, np.uint8)

Cases = Callable[[Any], Any]


class Entry(NamedTuple):
    """How to try one primitive."""

    cases: Cases
    dtypes: tuple[Any, ...] = INEXACT
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to


def weak(dtype: Any, domain: Any = "real") -> Any:
    """Python's number of a kind, which stands for the dtypes that it can."""
    kinds = {"f": "f", "c": "c", "i": "i"}.get(np.dtype(dtype).kind)
    return cs.python_scalars(kinds, domain) if kinds and np.dtype(dtype).itemsize in (8, 16) else st.nothing()


SHAPES = cs.shapes(0, 2, 0, 3)


def unary(domain: Any = "real", shapes: Any = SHAPES, scalars: bool = True) -> Cases:
    """One array, or one Python number."""
    return lambda dtype: st.tuples(cs.arrays(dtype, shapes, domain=domain) | (weak(dtype, domain) if scalars else st.nothing()))


def binary(domain: Any = "real", other: Any = None, fits: Any = None, mixed: bool = True) -> Cases:
    """Two arrays that broadcast, of one dtype or of two, one of them perhaps a Python number."""
    second = domain if other is None else other

    def cases(dtype: Any) -> Any:
        others = [np.dtype(dtype)] * 3 + ([np.dtype(np.float64), np.dtype(np.int64)] if mixed else [])
        same_kind = [d for d in others if np.dtype(dtype).kind in "fc" or d == dtype]

        @st.composite
        def pair(draw: Any) -> Any:
            shapes = draw(cs.broadcastable_shapes(2, 2, 0))
            x = draw(cs.arrays(dtype, shapes[0], domain=domain))
            y = draw(cs.arrays(draw(st.sampled_from(same_kind)), shapes[1], domain=second, phase=0.57))
            if mixed and draw(st.integers(0, 3)) == 3:
                kinds = "if" if np.dtype(dtype).kind == "f" else "ifc" if np.dtype(dtype).kind == "c" else "i"
                y = draw(cs.python_scalars(kinds, second, phase=0.57))
                if shapes[0] == () and draw(st.booleans()):
                    x = draw(cs.python_scalars(kinds[-1], domain))
            return x, y

        drawn = pair() if fits is None else pair().filter(lambda xy: bool(np.all(fits(*xy))))
        return drawn

    return cases


def _second_derivative_of_power_fits_float16(x: Any, y: Any) -> Any:
    """``0.1 ** -3`` does, but ``12 * 0.1 ** -5`` is beyond 65504."""
    return np.abs(np.asarray(x, np.complex128)) ** (np.real(y) - 2) < 300


def with_params(make: Callable[..., Any]) -> Cases:
    """Cases from a function ``make(draw, dtype) -> (args, params)``."""
    return st.composite(make)


def along_axis(distinct: bool = False, min_side: int = 0, **params: Any) -> Cases:
    """An array with a parameter ``axis``, and others, each of which is drawn from its values."""

    def make(draw: Any, dtype: Any) -> Any:
        shape = draw(cs.shapes(1, 3, min_side, 3))
        x = draw(cs.arrays(dtype, shape, distinct=distinct))
        return (x,), {"axis": draw(st.integers(0, len(shape) - 1)), **drawn(draw, params)}

    return with_params(make)


def drawn(draw: Any, params: dict[str, Any]) -> dict[str, Any]:
    return {name: draw(st.sampled_from(values)) for name, values in params.items()}


def over_axes(distinct: bool = False, min_side: int = 0, domain: Any = "real", most: int = 3, **params: Any) -> Cases:
    """An array with a parameter ``axes``, of at most ``most`` axes."""

    def make(draw: Any, dtype: Any) -> Any:
        shape = draw(cs.shapes(0, 3, min_side, 3))
        x = np.asarray(draw(cs.arrays(dtype, shape, distinct=distinct, domain=domain)))
        return (x,), {"axes": draw(cs.canonical_axes(len(shape)))[:most], **drawn(draw, params)}

    return with_params(make)


# --- shapes ---------------------------------------------------------------------------------------------------------------


def _reshape(draw: Any, dtype: Any) -> Any:
    shape = draw(SHAPES)
    size = int(np.prod(shape))
    target = draw(st.sampled_from([(size,), (1, *shape), (*shape, 1), shape[::-1], (size, 1)]))
    return (draw(cs.arrays(dtype, shape) | (weak(dtype) if shape == () else st.nothing())),), {"shape": target}


def _transpose(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(0, 3, 0, 3))
    return (draw(cs.arrays(dtype, shape)),), {"permutation": tuple(draw(st.permutations(range(len(shape)))))}


def _broadcast_to(draw: Any, dtype: Any) -> Any:
    shape = draw(SHAPES)
    wider = tuple(draw(st.integers(0, 2)) if n == 1 else n for n in shape)
    lead = draw(cs.shapes(0, 1, 0, 2))
    return (draw(cs.arrays(dtype, shape) | (weak(dtype) if shape == () else st.nothing())),), {"shape": (*lead, *wider)}


def _convert(draw: Any, dtype: Any) -> Any:
    return (draw(unary(domain="positive")(dtype))[0],), {"dtype": draw(cs.dtypes())}


def _joined(extra_axis: bool) -> Any:
    def make(draw: Any, dtype: Any) -> Any:
        shape = draw(cs.shapes(0 if extra_axis else 1, 2, 0, 3))
        axis = draw(st.integers(0, len(shape) - (not extra_axis)))
        arrays = []
        for _ in range(draw(st.integers(1, 3))):
            own = list(shape)
            if not extra_axis:
                own[axis] = draw(st.integers(0, 3))
            other = draw(st.sampled_from([dtype, dtype, dtype, np.float64, np.int64]))
            arrays.append(np.asarray(draw(cs.arrays(other, tuple(own)))))
        return tuple(arrays), {"axis": axis}

    return make


# --- indexing -------------------------------------------------------------------------------------------------------------


def index_of(draw: Any, shape: tuple[int, ...]) -> Any:
    """A static index in canonical form."""
    entries: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        if n and draw(st.booleans()):
            entries.append(draw(st.integers(0, n - 1)))
        else:
            entries.append(span(draw(st.slices(n)), n))
    return tuple(entries)


def part_of(shape: tuple[int, ...], index: Any) -> tuple[int, ...]:
    return np.zeros(shape)[tuple(slice(*e) if isinstance(e, tuple) else e for e in index)].shape


def _sliced(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 3, 0, 3))
    return (np.asarray(draw(cs.arrays(dtype, shape))),), {"index": index_of(draw, shape)}


def _embed(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 2, 1, 3))
    indices = tuple(index_of(draw, shape) for _ in range(draw(st.integers(1, 2))))
    return tuple(draw(cs.arrays(dtype, part_of(shape, i))) for i in indices), {"indices": indices, "shape": shape}


def _slice_write(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 3, 0, 3))
    index = index_of(draw, shape)
    x = np.asarray(draw(cs.arrays(dtype, shape)))
    return (x, draw(cs.arrays(dtype, part_of(shape, index), phase=0.6))), {"index": index}


def index_arrays(draw: Any, shape: tuple[int, ...], k: int) -> tuple[Any, ...]:
    broadcast = draw(cs.shapes(0, 2, 0 if draw(st.booleans()) else 1, 3))
    found = []
    for axis in range(k):
        own = broadcast if axis == 0 else tuple(1 if draw(st.booleans()) else n for n in broadcast)
        low = draw(st.sampled_from([0, -shape[axis]]))
        found.append(draw(cs.arrays(draw(st.sampled_from([np.int64, np.int64, np.int32])), own, domain=(low, shape[axis] - 1))))
    return tuple(found)


def _gather(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 3, 1, 3))
    indices = index_arrays(draw, shape, draw(st.integers(1, len(shape))))
    return (np.asarray(draw(cs.arrays(dtype, shape))), *indices), {}


def _sparse_matmul(draw: Any, dtype: Any) -> Any:
    m, n, k, count = (draw(st.integers(low, 3)) for low in (1, 1, 1, 0))
    rows, columns = (np.array(draw(st.lists(st.integers(0, size - 1), min_size=count, max_size=count)), int) for size in (m, n))
    return (draw(cs.arrays(dtype, (count,))), rows, columns, draw(cs.arrays(dtype, (n, k), phase=0.6))), {"shape": (m, n)}


def _bits(options: dict[str, Any]) -> Any:
    def case(draw: Any, dtype: Any) -> Any:
        shape = draw(cs.shapes(1, 2, 0, 9))
        params = {name: draw(st.sampled_from(values)) for name, values in options.items()}
        axis = draw(st.integers(0, len(shape) - 1))
        if params.get("count", 0) == -2:
            assume(shape[axis])  # of no bits none can be left out
        return (draw(cs.arrays(dtype, shape)),), {"axis": axis, **params}

    return case


def _spread(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 2, 1, 3))  # few values, so that none is so near another that a difference quotient mixes them
    indices = index_arrays(draw, shape, draw(st.integers(1, len(shape))))
    own = (*np.broadcast_shapes(*map(np.shape, indices)), *shape[len(indices) :])
    return (draw(cs.arrays(dtype, own)), *indices), {"shape": shape}


def _scatter(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 2, 1, 3))  # few values, so that none is so near another that a difference quotient mixes them
    indices = index_arrays(draw, shape, draw(st.integers(1, len(shape))))
    own = (*np.broadcast_shapes(*map(np.shape, indices)), *shape[len(indices) :])
    x = np.asarray(draw(cs.arrays(dtype, shape, domain="positive")))
    return (x, draw(cs.arrays(dtype, own, domain="positive", phase=0.6, distinct=True)), *indices), {}


def _windowed(draw: Any) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Sizes of the last axes, and windows of which at least one fits."""
    lengths, strides, dilations = (tuple(draw(st.integers(1, 3)) for _ in range(k)) for k in [draw(st.integers(1, 2))] * 3)
    sizes = tuple((n - 1) * d + 1 + draw(st.integers(0, 2)) for n, d in zip(lengths, dilations, strict=True))
    return sizes, {"lengths": lengths, "strides": strides, "dilations": dilations}


def _windows(draw: Any, dtype: Any) -> Any:
    sizes, params = _windowed(draw)
    return (draw(cs.arrays(dtype, (*draw(cs.shapes(0, 1, 0, 2)), *sizes))),), params


def _overlap(draw: Any, dtype: Any) -> Any:
    sizes, params = _windowed(draw)
    lengths = params.pop("lengths")
    counts = window_counts(sizes, lengths, **params)
    return (draw(cs.arrays(dtype, (*draw(cs.shapes(0, 1, 0, 2)), *counts, *lengths))),), {"sizes": sizes, **params}


def _last_write(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 2, 1, 3))
    return index_arrays(draw, shape, len(shape)), {"shape": shape}


# --- contractions ---------------------------------------------------------------------------------------------------------

SPECS = [
    *(
        "i,i->",
        "ij,jk->ik",
        "ij,j->i",
        "i,ij->j",
        "i,j->ij",
        "i,j->ji",
        "ij,kj->ik",
        "ij,ik->jk",
        "ij,i->j",
        "ij,ij->i",
        "ij,ij->ij",
    ),
    *(
        "ij,ij->",
        "ij,ji->",
        "ijk,ikl->ijl",
        "ijk,jl->ikl",
        "ij,kl->ikjl",
        "ijk,kj->i",
        "ij,jk->ki",
        ",i->i",
        "ij,->ij",
        "ijk,lkj->il",
    ),
    *("ij->ji", "ii->i", "i->ii", "iij->ji", "ij->jii", "ijij->ij"),
]


def _einsum(draw: Any, dtype: Any) -> Any:
    spec = draw(st.sampled_from(SPECS))
    operands = spec.split("->")[0].split(",")
    sizes = {c: draw(st.integers(0, 3)) for c in "ijkl"}
    other = draw(st.sampled_from([dtype, dtype, np.float64]))
    arrays = [draw(cs.arrays(d, tuple(sizes[c] for c in term))) for d, term in zip((dtype, other), operands, strict=False)]
    return tuple(map(np.asarray, arrays)), {"spec": spec}


def _convolution(longer_first: bool) -> Any:
    def make(draw: Any, dtype: Any) -> Any:
        n, m = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        n = max(n, m) if longer_first else n
        stack = draw(cs.shapes(0, 1, 1, 2))
        other = draw(st.sampled_from([dtype, dtype, np.float64]))
        x = draw(cs.arrays(dtype, (*stack, n)))
        return (x, draw(cs.arrays(other, (*draw(st.sampled_from([(), stack])), m)))), {}

    return make


def _sumprod(draw: Any, dtype: Any) -> Any:
    shapes = draw(cs.broadcastable_shapes(2 * draw(st.integers(1, 3)), 2, 0))
    other = draw(st.sampled_from([dtype, dtype, np.float64]))
    return tuple(draw(cs.arrays(other if i == 1 else dtype, s)) for i, s in enumerate(shapes)), {}


def _select(draw: Any, dtype: Any) -> Any:
    shapes = draw(cs.broadcastable_shapes(3, 2, 0))
    other = draw(st.sampled_from([dtype, dtype, np.float64, np.int64]))
    y = draw(cs.arrays(other, shapes[2]) | (weak(dtype) if shapes[2] == () else st.nothing()))
    return (draw(cs.arrays(np.bool_, shapes[0])), draw(cs.arrays(dtype, shapes[1])), y), {}


def _recurrence(draw: Any, dtype: Any) -> Any:
    shape = draw(cs.shapes(1, 2, 0, 3) | st.just((19,)))
    params = {"axis": draw(st.integers(0, len(shape) - 1)), "reverse": draw(st.booleans())}
    return (draw(cs.arrays(dtype, shape, domain="unit")), draw(cs.arrays(dtype, shape))), params


# --- linear algebra ---------------------------------------------------------------------------------------------------------

STACKS = st.sampled_from([(), (), (2,), (1, 2), (0,)])


def matrices_of(kind: Callable[..., Any], sizes: tuple[int, int] = (0, 3), **params: Any) -> Cases:
    def make(draw: Any, dtype: Any) -> Any:
        n = draw(st.integers(*sizes))
        return (draw(kind(dtype, n, draw(STACKS))),), drawn(draw, params)

    return with_params(make)


def rectangular(**params: Any) -> Cases:
    def make(draw: Any, dtype: Any) -> Any:
        m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        return (draw(cs.matrices(dtype, (*draw(STACKS), m, n))),), drawn(draw, params)

    return with_params(make)


def system(**params: Any) -> Cases:
    def make(draw: Any, dtype: Any) -> Any:
        n, k = draw(st.integers(0, 3)), draw(st.integers(0, 2))
        stack = draw(STACKS)
        a = draw(cs.positive_definite(dtype, n, draw(st.sampled_from([(), stack]))))
        a = a + np.triu(a, 1) / 2  # not symmetric, and either triangle far from singular
        return (a.astype(dtype), draw(cs.arrays(dtype, (*stack, n, k)))), drawn(draw, params)

    return with_params(make)


def _pinv(draw: Any, dtype: Any) -> Any:
    hermitian = draw(st.booleans())
    shape = (2, 2) if hermitian else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    stack = draw(st.sampled_from([(), (2,)]))
    one = cs.symmetric(dtype, 2) if hermitian else cs.matrices(dtype, shape)
    a = np.stack([draw(one) for _ in range(2)]) if stack else draw(one)
    return (a, np.full(stack, 1e-6, np.empty(0, dtype).real.dtype)[()]), {"hermitian": hermitian}


def _adjugate_derivative(draw: Any, dtype: Any) -> Any:
    n, stack = draw(st.integers(1, 3)), draw(STACKS)
    return (draw(cs.well_conditioned(dtype, n, stack)), draw(cs.arrays(dtype, (*stack, n, n)))), {}


def hermitian_part(a: Any) -> Any:
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def of_hermitian(apply: Any, a: Any, *rest: Any, hermitian: bool = True, **params: Any) -> Any:
    return apply(hermitian_part(a) if hermitian else a, *rest)


def _adjoint(a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


def eigh_without_phases(apply: Any, a: Any, **params: Any) -> Any:
    """Eigenvalues, and of the eigenvectors what does not change with their phases."""
    w, *vectors = apply(hermitian_part(a))
    if not vectors:
        return [w]
    (v,) = vectors
    weights = np.arange(1.0, a.shape[-1] + 1).astype(w.dtype)
    return [w, (v * weights) @ _adjoint(v)]


def eig_without_order(apply: Any, a: Any, **params: Any) -> Any:
    """What does not depend on the order of the eigenvalues, nor on the phases of the eigenvectors."""
    w, *vectors = apply(a)
    symmetric = [np.sum(w, -1), np.sum(w * w, -1)]
    return symmetric + [(v * w[..., None, :]) @ _adjoint(v) for v in vectors]


def svd_without_phases(apply: Any, a: Any, **params: Any) -> Any:
    outs = apply(a)
    if len(outs) == 1:
        return outs
    u, s, vh = outs
    k = s.shape[-1]
    weights = np.arange(1.0, k + 1).astype(s.dtype)
    u, vh = u[..., :k], vh[..., :k, :]
    return [s, (u * weights) @ vh, (u * weights) @ _adjoint(u)]


def _vary_matrices(rng: np.random.Generator, a: Any) -> Any:
    """Nearly the same matrix, so that what it was chosen for stays."""
    return (a * (1 + 0.001 * rng.uniform(-1, 1, np.shape(a)))).astype(np.asarray(a).dtype)


# --- calls, sorting -----------------------------------------------------------------------------------------------------------


def _call(draw: Any, dtype: Any) -> Any:
    second = cs.arrays(dtype, (3, 1))
    if dtype in (np.float64, np.complex128):  # a batch of Python numbers, applied as arrays, decides another dtype
        second = second | weak(dtype)
    x, y = draw(cs.arrays(dtype, (2,))), draw(second)
    constant = np.array([0.5, 2.0], dtype)
    functions = [
        lambda x, y: (np.sin(x) * y + constant, x),
        lambda x, y: (x * x * y, constant, 2.0),
        lambda x, y: (y, np.sum(x * y)),
        lambda x, y: (y,),
    ]
    f = draw(st.sampled_from(functions))
    return (x, y), {"jaxpr": make_jaxpr(f)(x, y), "name": "f"}


def _checkpoint(draw: Any, dtype: Any) -> Any:
    args, params = _call(draw, dtype)
    return args, {**params, "policy": draw(st.sampled_from([policies.nothing_saveable, policies.save_only_these_names("x")]))}


def _argpartition(draw: Any, dtype: Any) -> Any:
    (x,), params = draw(along_axis(distinct=True, min_side=1)(dtype))
    return (x,), {**params, "kth": (draw(st.integers(0, x.shape[params["axis"]] - 1)),)}


def _searchsorted(draw: Any, dtype: Any) -> Any:
    batch = draw(cs.shapes(0, 1, 1, 2))
    a = np.sort(draw(cs.arrays(dtype, (*batch, draw(st.integers(0, 4))))), axis=-1)
    v = draw(cs.arrays(dtype, (*batch, *draw(cs.shapes(0, 1, 0, 2))), phase=0.6))
    return (a, v), {"side": draw(st.sampled_from(["left", "right"])), "batch": len(batch)}


def _sorted_again(rng: np.random.Generator, x: Any) -> Any:
    return np.sort(np.asarray(x), axis=-1) if np.ndim(x) else x


FLAT: dict[str, Any] = {"differentiable": False}
NO_NUMBERS: dict[str, Any] = {"numerical": False}

not_whole = lambda x, y: np.abs(np.true_divide(x, y) - np.rint(np.true_divide(x, y))) > 0.04
whole_numbers = binary((1, 5))

TABLE: dict[str, Entry] = {
    # shapes
    "reshape": Entry(with_params(_reshape)),
    "transpose": Entry(with_params(_transpose)),
    "broadcast_to": Entry(with_params(_broadcast_to)),
    "reduce_sum": Entry(over_axes()),
    "convert": Entry(with_params(_convert)),
    "weaken": Entry(lambda dtype: st.tuples(cs.arrays(dtype, ()) | weak(dtype)), (np.float64, np.complex128)),
    "concatenate": Entry(with_params(_joined(False))),
    "stack": Entry(with_params(_joined(True))),
    # the ring
    "add": Entry(binary()),
    "sub": Entry(binary()),
    "mul": Entry(binary()),
    "div": Entry(binary(fits=lambda x, y: np.abs(y) > 0.1)),
    "neg": Entry(unary()),
    "sumprod": Entry(with_params(_sumprod)),
    "pow": Entry(binary("positive", "real", fits=_second_derivative_of_power_fits_float16)),
    "float_power": Entry(binary("positive", "real")),
    # contraction
    "einsum": Entry(with_params(_einsum)),
    "convolve": Entry(with_params(_convolution(False))),
    "correlate": Entry(with_params(_convolution(True))),
    # indexing
    "slice": Entry(with_params(_sliced)),
    "erase": Entry(with_params(_sliced)),
    "embed": Entry(with_params(_embed)),
    "update_slice": Entry(with_params(_slice_write)),
    "add_slice": Entry(with_params(_slice_write)),
    "gather": Entry(with_params(_gather)),
    "clear": Entry(with_params(_gather)),
    "spread": Entry(with_params(_spread)),
    "scatter": Entry(with_params(_scatter)),
    "scatter_add": Entry(with_params(_scatter)),
    "scatter_mul": Entry(with_params(_scatter)),
    "scatter_min": Entry(with_params(_scatter)),
    "scatter_max": Entry(with_params(_scatter)),
    "windows": Entry(with_params(_windows)),
    "overlap": Entry(with_params(_overlap)),
    "packbits": Entry(with_params(_bits({"bitorder": ["big", "little"]})), (np.bool_, np.uint8)),
    "unpackbits": Entry(with_params(_bits({"bitorder": ["big", "little"], "count": [None, 3, -2]})), (np.uint8,)),
    "sparse_matmul": Entry(with_params(_sparse_matmul)),
    "last_write": Entry(with_params(_last_write), (np.int64,)),
    # functions of one number
    **{
        name: Entry(unary())
        for name in (
            "exp exp2 expm1 sin cos sinh cosh tanh arctan arcsinh square reciprocal abs conj real imag sign stop_gradient"
        ).split()
    },
    **{name: Entry(unary("positive")) for name in ("log", "log2", "log10", "log1p", "sqrt", "root")},
    **{name: Entry(unary("unit")) for name in ("tan", "arcsin", "arccos", "arctanh")},
    "arccosh": Entry(unary("above_one")),
    "stop_gradient": Entry(unary(), options=NO_NUMBERS),
    **{
        name: Entry(unary(), REAL) for name in "cbrt deg2rad rad2deg fabs modf_fraction modf_whole frexp_mantissa slope".split()
    },
    **{name: Entry(unary(), REAL) for name in "frexp_exponent floor ceil trunc spacing signbit".split()},
    **{name: Entry(unary()) for name in "rint isfinite isinf isnan logical_not".split()},
    "rounded": Entry(
        lambda dtype: st.tuples(unary()(dtype), st.fixed_dictionaries({"ndigits": st.sampled_from([0, 1, -1])})),
        (np.float16, np.float32, np.float64),
    ),
    "round": Entry(lambda dtype: st.tuples(unary()(dtype), st.fixed_dictionaries({"decimals": st.sampled_from([0, 1, -1])}))),
    "sinc": Entry(lambda dtype: st.tuples(unary()(dtype), st.fixed_dictionaries({"order": st.integers(0, 2)}))),
    "bessel_i": Entry(lambda dtype: st.tuples(unary()(dtype), st.fixed_dictionaries({"order": st.integers(0, 2)})), REAL),
    "invert": Entry(unary(), INTEGER),
    "bitwise_count": Entry(unary(scalars=False), (np.int64, np.uint8)),
    # functions of two numbers
    **{name: Entry(binary(), REAL) for name in "hypot arctan2 logaddexp logaddexp2 copysign heaviside nextafter".split()},
    "exp_share": Entry(binary(), REAL),
    **{name: Entry(binary("positive")) for name in ("direction", "share_power")},
    **{name: Entry(binary("real", (0.9, 3.1), not_whole), REAL) for name in ("remainder", "fmod", "floor_divide")},
    **{name: Entry(binary()) for name in "maximum minimum fmax fmin".split()},
    "ldexp": Entry(
        lambda dtype: cs.broadcastable_shapes(2, 2, 0).flatmap(
            lambda s: st.tuples(cs.arrays(dtype, s[0]), cs.arrays(np.int32, s[1], domain=(-3, 3)))
        ),
        REAL,
    ),
    **{name: Entry(binary()) for name in "equal not_equal less less_equal greater greater_equal".split()},
    **{name: Entry(binary()) for name in "logical_and logical_or logical_xor".split()},
    **{name: Entry(binary((0, 5)), INTEGER) for name in "bitwise_and bitwise_or bitwise_xor".split()},
    **{name: Entry(whole_numbers, (np.int64, np.uint8)) for name in "left_shift right_shift gcd lcm".split()},
    "select": Entry(with_params(_select)),
    "keep": Entry(
        lambda dtype: cs.broadcastable_shapes(2, 2, 0).flatmap(
            lambda s: st.tuples(
                cs.arrays(np.bool_, s[0]), cs.arrays(dtype, s[1]) | (weak(dtype) if s[1] == () else st.nothing())
            )
        )
    ),
    "clip": Entry(
        lambda dtype: st.tuples(
            unary(scalars=False)(dtype),
            st.fixed_dictionaries({"low": st.sampled_from([-0.37, -9]), "high": st.sampled_from([0.41, 9, float("inf")])}),
        )
    ),
    # along an axis
    "shift": Entry(along_axis(by=(-2, -1, 1, 2))),
    "recurrence": Entry(with_params(_recurrence)),
    "cumsum": Entry(along_axis(reverse=(False, True))),
    "cumprod": Entry(along_axis(reverse=(False, True), exclusive=(False, True))),
    "cummax": Entry(along_axis(reverse=(False, True), distinct=True)),
    "cummin": Entry(along_axis(reverse=(False, True), distinct=True)),
    "argmax": Entry(along_axis(distinct=True, min_side=1)),
    "argmin": Entry(along_axis(distinct=True, min_side=1)),
    "sort": Entry(along_axis(distinct=True, kind=("quicksort", "stable"))),
    "argsort": Entry(along_axis(distinct=True, kind=("quicksort", "stable"))),
    "argpartition": Entry(with_params(_argpartition)),
    "searchsorted": Entry(with_params(_searchsorted), options={"vary": _sorted_again}),
    # reductions
    "reduce_max": Entry(over_axes(distinct=True, min_side=1)),
    "reduce_min": Entry(over_axes(distinct=True, min_side=1)),
    # in half precision of three numbers at most: of more, terms of a derivative that nearly cancel are lost to rounding
    "reduce_prod": Entry(lambda dtype: over_axes(most=1 if dtype is np.float16 else 3)(dtype)),
    **{name: Entry(over_axes()) for name in ("reduce_and", "reduce_or", "reduce_xor")},
    **{
        name: Entry(over_axes(domain=(0, 5)), INTEGER)
        for name in ("reduce_bitwise_and", "reduce_bitwise_or", "reduce_bitwise_xor")
    },
    **{
        name: Entry(over_axes(domain=(1, 5), min_side=1, most=1), (np.int64, np.uint8)) for name in ("reduce_gcd", "reduce_lcm")
    },
    "logsumexp": Entry(over_axes(min_side=1)),
    "variance": Entry(over_axes(min_side=2, ddof=(0, 1, 0.5))),
    "largest_exponent": Entry(over_axes(min_side=1), options=NO_NUMBERS),
    # linear algebra
    "triangular_solve": Entry(system(lower=(True, False), transpose=(False, True), unit_diagonal=(False, True)), LAPACK),
    "solve": Entry(system(), LAPACK),
    "inv": Entry(matrices_of(cs.well_conditioned, checked=(True, False)), LAPACK),
    "pinv": Entry(with_params(_pinv), LAPACK, {"through": of_hermitian}),
    "det": Entry(matrices_of(cs.well_conditioned), LAPACK),
    "adjugate": Entry(matrices_of(cs.well_conditioned, (1, 3)), LAPACK),
    "slogdet": Entry(matrices_of(cs.well_conditioned), LAPACK),
    "norm": Entry(over_axes(min_side=1, domain=(0.5, 3.0), order=(2, 1, 3, 2.5))),
    "cholesky": Entry(matrices_of(cs.positive_definite, upper=(False, True)), LAPACK, {"through": of_hermitian}),
    "eigh": Entry(
        matrices_of(cs.symmetric, lower=(True, False), vectors=(True, False)), LAPACK, {"through": eigh_without_phases}
    ),
    "eig": Entry(matrices_of(cs.symmetric, (1, 3), vectors=(True, False)), LAPACK, {"through": eig_without_order}),
    "svd": Entry(rectangular(full_matrices=(False, True), compute_uv=(True, False)), LAPACK, {"through": svd_without_phases}),
    "qr": Entry(rectangular(mode=("reduced", "r")), LAPACK, {"vary": _vary_matrices}),
    # programs
    "jit": Entry(with_params(_call)),
    "scan": Entry(with_params(cf.scan_case), cf.TWO),
    "while": Entry(with_params(cf.while_case), cf.TWO),
    "cond": Entry(with_params(cf.cond_case), cf.TWO),
    "checkpoint": Entry(with_params(_checkpoint)),
    "name": Entry(lambda dtype: st.tuples(st.tuples(cs.arrays(dtype, SHAPES)), st.just({"name": "x"}))),
}

ALL_DTYPES_ALIKE = {"last_write", "scan", "while", "cond"}
"""Primitives for which the dtypes in the table stand for all."""

STACK_ITEMS = ["item", "with_item", "put", "without_item", "kept_items", "rows", "add_rows"]
TRIED_ELSEWHERE = {
    "tests/native/test_programs.py": ["native"],
    "tests/backends/test_blocks.py": ["blocked"],
    "tests/scipy/test_special.py": [f"scipy_{name}" for name in SPECIAL_FUNCTIONS],
    "tests/scipy/test_filters_and_spectra.py": ["linear_filter"],
    "tests/linalg/test_singular_points.py": ["nan_if"],
    "tests/control_flow/test_stacks.py": ["stack_add", "repeat_items", "sum_items", "merge", "part", *STACK_ITEMS],
    "tests/debugging/test_effects.py": ["debug_callback", "io_callback", "pure_callback", "check"],
    "tests/named_axes/test_collectives.py": ["psum", "all_gather", "axis_index", "pvary"],
    "tests/transforms/test_custom_rules.py": [
        "custom",
        "custom_function",
        "custom_jvp",
        "custom_linear",
        "custom_vmap",
        "linear_call",
    ],
}
"""Primitives whose arguments are no arrays, or whose rules are a user's, or are tried with `check_case` in a test of their own
(SciPy's functions and filters), by the tests that try them."""
