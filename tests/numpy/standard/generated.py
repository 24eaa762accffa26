"""Random calls that the standard allows: dtypes, shapes (also with no axes or no elements) and keywords are drawn.

What NumPy gives is what has to come, in dtype, shape and value, from `covector.numpy` plainly, under `jit` of each backend, and
under `jvp`.  For functions of elements it is also looked up in the standard's own rules whether NumPy's dtype is right.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from reading import Function
from signatures import find

import covector
import covector.numpy as cnp
from covector.core.pytrees import tree_leaves

Draw = Callable[[Any], Any]
Call = tuple[list[Any], dict[str, Any]]

KINDS = {
    "boolean": "b", "integer": "iu", "real": "f", "complex": "c", "numeric": "iufc", "real-valued": "iuf", "any": "biufc",
    "floating": "fc", "boolean or integer": "biu",
}  # fmt: skip
DTYPES = [np.dtype(t) for t in "bool i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16".split()]

SHAPES = st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4).map(tuple)
SOME = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3).map(tuple)


class Drawn:
    """What the makers of arguments draw from."""

    def __init__(self, draw: Draw):
        self.draw = draw

    def one_of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def dtype(self, kinds: str) -> np.dtype[Any]:
        return self.one_of(*(t for t in DTYPES if t.kind in KINDS[kinds]))

    def shape(self, least: int = 0, nonempty: bool = False) -> tuple[int, ...]:
        shape = self.draw(SOME if nonempty else SHAPES)
        return (2,) * (least - len(shape)) + shape

    def array(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Few values, so that some are equal; of floats also those that are not finite."""
        dtype, size = np.dtype(dtype), int(np.prod(shape))
        rng = np.random.default_rng(self.integer(0, 999))
        if dtype.kind == "b":
            values = rng.integers(0, 2, size)
        elif dtype.kind in "iu":
            values = rng.integers(0 if dtype.kind == "u" else -4, 6, size)
        else:
            choice = [-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, *((np.inf, np.nan) if self.one_of(0, 0, 1) else ())]
            values = rng.choice(choice, size)
            if dtype.kind == "c":
                values = values + 1j * rng.choice([-1.5, 0.0, 2.0], size)
        return values.astype(dtype).reshape(shape)

    def axis(self, shape: tuple[int, ...]) -> int:
        return self.integer(-len(shape), len(shape) - 1)

    def axes(self, shape: tuple[int, ...]) -> Any:
        """None, one axis, or several."""
        if not shape or self.one_of(0, 1) == 0:
            return None
        if self.one_of(0, 1):
            return self.axis(shape)
        some = self.draw(st.sets(st.integers(0, len(shape) - 1), max_size=len(shape)))
        return tuple(i - len(shape) * self.one_of(0, 1) for i in sorted(some))

    def maybe(self, **keywords: Any) -> dict[str, Any]:
        """Some of the keywords, each with one of its values."""
        return {name: self.one_of(*values) for name, values in keywords.items() if self.one_of(0, 1)}

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        kept = shape[self.integer(0, len(shape)) :]
        return tuple(self.one_of(n, 1) for n in kept)


def kinds_of(function: Function) -> str:
    """Which dtypes the first operand may have, as the standard says under "Parameters"."""
    for words, kinds in (
        ("real-valued floating-point", "real"), ("floating-point", "floating"), ("real-valued", "real-valued"),
        ("boolean or integer", "boolean or integer"), ("integer or boolean", "boolean or integer"), ("integer", "integer"),
        ("numeric", "numeric"), ("boolean data type", "boolean"),
    ):  # fmt: skip
        first = function.text.partition("----------")[2].partition("Returns")[0]
        if words in first:
            return kinds
    return "any"


def of_elements(d: Drawn, function: Function) -> Call:
    count = sum(p.arg != "self" for p in function.parameters.posonlyargs)
    shape = d.shape()
    kinds = kinds_of(function)
    dtype = d.dtype(kinds)
    same_kind = [t for t in DTYPES if t.kind == dtype.kind or ({t.kind, dtype.kind} == {"f", "c"} and "c" in KINDS[kinds])]
    args = [d.array(shape, dtype)]
    for _ in range(count - 1):
        args.append(d.array(d.broadcastable(shape), d.one_of(*same_kind)))
    if count == 2:
        if "shift" in function.name:
            args[1] = np.abs(args[1])
        if function.name == "pow" and dtype.kind in "iu":
            args[1] = np.abs(args[1])
        if d.one_of(0, 0, 1):
            args[1] = {"b": True, "i": 2, "u": 2, "f": 1.5, "c": 1.5 + 1j}[dtype.kind]
        if d.one_of(0, 1):
            args.reverse()
    return args, {}


def reducing(d: Drawn, function: Function) -> Call:
    name = function.name
    nonempty = name in ("max", "min", "argmax", "argmin", "mean", "var", "std")
    shape, kinds = d.shape(nonempty=nonempty), kinds_of(function)
    keywords: dict[str, Any] = {"axis": d.axes(shape)} if d.one_of(0, 1) else {}
    if name.startswith("arg") and isinstance(keywords.get("axis"), tuple):
        keywords["axis"] = None
    keywords |= d.maybe(keepdims=(True, False))
    if name in ("sum", "prod"):
        keywords |= d.maybe(dtype=(np.float32, np.float64, np.complex128))
    if name in ("var", "std"):
        keywords |= d.maybe(correction=(0, 1, 0.5))
    return [d.array(shape, d.dtype(kinds))], keywords


def accumulating(d: Drawn, function: Function) -> Call:
    shape = d.shape(least=1)
    keywords = {"axis": d.axis(shape)} if len(shape) > 1 else {}
    keywords |= d.maybe(include_initial=(True, False), dtype=(np.float64, np.complex128))
    return [d.array(shape, d.dtype("numeric"))], keywords


def sorting(d: Drawn, function: Function) -> Call:
    shape = d.shape(least=1)
    keywords = {"axis": d.axis(shape)} if d.one_of(0, 1) else {}
    return [d.array(shape, d.dtype("real-valued"))], keywords | d.maybe(stable=(True,))


def differences(d: Drawn, function: Function) -> Call:
    shape = d.shape(least=1)
    axis, dtype = d.axis(shape), d.dtype("numeric")
    ends = {k: d.array(shape, dtype) for k in ("prepend", "append") if d.one_of(0, 1)}
    return [d.array(shape, dtype)], {"axis": axis, "n": d.integer(1, 3), **ends}


def shaping(d: Drawn, function: Function) -> Call:
    """What moves elements: a maker for each name."""
    name, shape = function.name, d.shape(least=1)
    x = d.array(shape, d.dtype("any"))
    axis = d.axis(shape)
    n = shape[axis]
    flat = int(np.prod(shape))
    indices = d.array((d.integer(0, 3) if n else 0,), np.int64) % max(n, 1)
    order = tuple(d.draw(st.permutations(range(len(shape)))))
    made: dict[str, Callable[[], Call]] = {
        "broadcast_to": lambda: ([x, (d.integer(1, 2), *shape)], {}),
        "broadcast_arrays": lambda: ([x, d.array(d.broadcastable(shape), d.dtype("any"))], {}),
        "concat": lambda: ([[x, d.array(shape, x.dtype)]], d.one_of({}, {"axis": axis}, {"axis": None})),
        "expand_dims": lambda: ([x], {"axis": d.integer(-len(shape) - 1, len(shape))}),
        "flip": lambda: ([x], d.one_of({}, {"axis": d.axes(shape)})),
        "moveaxis": lambda: ([x, *d.one_of((axis, d.axis(shape)), (order, tuple(range(len(shape)))))], {}),
        "permute_dims": lambda: ([x, order], {}),
        "repeat": lambda: ([x, d.integer(0, 3)], d.one_of({}, {"axis": axis})),
        "reshape": lambda: ([x, d.one_of((flat,), (1, flat), (-1,) if flat else (0,), (*shape, 1))], d.maybe(copy=(True,))),
        "roll": lambda: ([x, d.integer(-4, 4)], d.one_of({}, {"axis": axis})),
        "squeeze": lambda: ([x[None, ..., None]], {"axis": d.one_of(0, -1, (0, -1), (-1,))}),
        "stack": lambda: ([[x, x]], d.one_of({}, {"axis": d.integer(-len(shape) - 1, len(shape))})),
        "tile": lambda: ([x, d.one_of((2,), (1, 2), (), (0,), (2, 1, 1, 2))], {}),
        "unstack": lambda: ([x], {"axis": axis}),
        "take": lambda: ([x, indices], {"axis": axis}),
        "take_along_axis": lambda: ([x, np.argsort(x, axis=axis)], {"axis": axis}),
        "tril": lambda: ([x[None]], d.maybe(k=(-1, 0, 2))),
        "triu": lambda: ([x[None]], d.maybe(k=(-1, 0, 2))),
        "meshgrid": lambda: ([np.ravel(x), np.ravel(x)[:2]], d.maybe(indexing=("xy", "ij"))),
        "where": lambda: ([d.array(d.broadcastable(shape), bool), x, d.one_of(x, x[..., :1], x.dtype.type(1))], {}),
        "searchsorted": lambda: (
            [np.sort(d.array((4,), np.float64)), d.array(shape, np.float64)], d.maybe(side=("left", "right"))
        ),
        "clip": lambda: ([d.array(shape, dtype := d.dtype("real-valued")), *d.one_of(
            (), (1,), (None, 2), (0, 2), (d.array(d.broadcastable(shape), dtype), None))], {}),
        "astype": lambda: (
            [x, d.one_of(*(t for t in DTYPES if np.can_cast(x.dtype, t, "same_kind")))], d.maybe(copy=(False, True))
        ),
        "isin": lambda: ([x, d.array((3,), x.dtype)], d.maybe(invert=(True, False))),
        "zeros_like": lambda: ([x], d.maybe(dtype=(np.int8, np.complex64))),
        "ones_like": lambda: ([x], d.maybe(dtype=(np.int8, np.complex64))),
        "full_like": lambda: ([x, 1], d.maybe(dtype=(np.int8, np.complex64))),
        "asarray": lambda: ([x], d.maybe(dtype=(x.dtype, np.complex128), copy=(True, None))),
    }  # fmt: skip
    return made[name]()


def products(d: Drawn, function: Function) -> Call:
    name = function.name.removeprefix("linalg.")
    dtype = d.dtype("numeric")
    a, b, c = (d.integer(0, 3) for _ in range(3))
    batch = d.one_of((), (2,), (1,), (0,))
    if name == "matmul":
        left, right = d.one_of(((b,), (b,)), ((a, b), (b,)), ((b,), (b, c)), ((*batch, a, b), (b, c)), ((a, b), (*batch, b, c)))
        return [d.array(left, dtype), d.array(right, dtype)], {}
    if name == "tensordot":
        axes = d.one_of(0, 1, 2, ((0,), (0,)), ((1, 0), (0, 1)))
        return [d.array((b, b), dtype), d.array((b, b), dtype)], {"axes": axes}
    if name == "vecdot":
        shape = d.shape(least=1)
        return [d.array(shape, dtype), d.array(shape, dtype)], d.maybe(axis=(-1,))
    if name == "cross":
        return [d.array((*batch, 3), dtype), d.array(d.one_of((*batch, 3), (3,)), dtype)], d.maybe(axis=(-1,))
    if name == "outer":
        return [d.array((a,), dtype), d.array((b,), dtype)], {}
    shape = (*batch, a, b)
    offsets = d.maybe(offset=(-1, 0, 1, 4))
    return [d.array(shape, dtype)], offsets if name in ("trace", "diagonal") else {}


def decompositions(d: Drawn, function: Function) -> Call:
    """Of matrices that are well conditioned, so that the results are determined."""
    name = function.name.removeprefix("linalg.")
    n, batch, dtype = d.integer(1, 3), d.one_of((), (2,), (1, 2), (0,)), d.dtype("floating")
    rng = np.random.default_rng(d.integer(0, 99))
    matrix = rng.normal(size=(*batch, n, n)) + (1j * rng.normal(size=(*batch, n, n)) if dtype.kind == "c" else 0)
    matrix = (matrix @ np.conj(matrix.mT) + n * np.eye(n)).astype(dtype)
    if name == "solve":
        return [matrix, d.one_of(matrix, matrix[..., :1])], {}
    options = {
        "cholesky": d.maybe(upper=(True, False)), "qr": d.maybe(mode=("reduced", "complete")),
        "svd": d.maybe(full_matrices=(True, False)), "matrix_norm": d.maybe(ord=("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
        "matrix_rank": d.maybe(rtol=(0.1, None)), "pinv": d.maybe(rtol=(0.01, None)),
        "vector_norm": d.maybe(axis=(None, -1, (-2, -1)), keepdims=(True, False), ord=(1, 2, 3, 0.5, np.inf, -np.inf, 0)),
    }  # fmt: skip
    if name == "matrix_norm":
        options[name] |= d.maybe(keepdims=(True, False))
    return [matrix, *([d.integer(-2, 3)] if name == "matrix_power" else [])], options.get(name, {})


def transforms(d: Drawn, function: Function) -> Call:
    name = function.name.removeprefix("fft.")
    if name in ("fftfreq", "rfftfreq"):
        return [d.integer(1, 5)], d.maybe(d=(0.5, 2.0))
    shape = d.shape(least=1, nonempty=True)
    kinds = "real" if name in ("rfft", "rfftn", "ihfft") else "floating" if name.endswith("shift") else "complex"
    x = np.nan_to_num(d.array(shape, d.dtype(kinds)), posinf=1.0)
    if name.endswith("shift"):
        return [x], d.one_of({}, {"axes": d.axes(shape)})
    norm = d.maybe(norm=("backward", "ortho", "forward"))
    if name.endswith("n"):
        axes = d.one_of(None, (d.axis(shape),), tuple(range(len(shape))))
        s = tuple(d.integer(2, 4) for _ in axes) if axes is not None and d.one_of(0, 1) else None
        if name == "irfftn" and s is None:
            x, axes, s = np.concatenate([x, x], axis=-1), None, None
        return [x], {"axes": axes, "s": s, **norm}
    n = {"n": d.integer(2, 5)} if d.one_of(0, 1) or name in ("irfft", "hfft") else {}
    return [x], {"axis": d.axis(shape), **n, **norm}


CREATION = "arange linspace zeros ones empty eye full from_dlpack empty_like".split()
NO_ARRAYS = "finfo iinfo isdtype result_type can_cast __array_namespace_info__ broadcast_shapes".split()
DATA_DEPENDENT = "nonzero unique_all unique_counts unique_inverse unique_values".split()

MAKERS: dict[str, Callable[[Drawn, Function], Call]] = {
    **dict.fromkeys("sum prod max min mean var std all any count_nonzero argmax argmin".split(), reducing),
    **dict.fromkeys("cumulative_sum cumulative_prod".split(), accumulating),
    **dict.fromkeys("sort argsort".split(), sorting),
    "diff": differences,
    **dict.fromkeys(
        """broadcast_to broadcast_arrays concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile
        unstack take take_along_axis tril triu meshgrid where searchsorted clip astype isin zeros_like ones_like full_like
        asarray""".split(),
        shaping,
    ),
    **dict.fromkeys(
        """matmul tensordot vecdot matrix_transpose linalg.matmul linalg.tensordot linalg.vecdot linalg.matrix_transpose
        linalg.cross linalg.outer linalg.trace linalg.diagonal""".split(),
        products,
    ),
}


def maker(function: Function) -> Callable[[Drawn, Function], Call] | None:
    if function.name in MAKERS:
        return MAKERS[function.name]
    if function.name.startswith("fft."):
        return transforms
    if function.name.startswith("linalg."):
        return decompositions
    if function.name in (*CREATION, *NO_ARRAYS, *DATA_DEPENDENT) or function.name.startswith("Array."):
        return None  # of no arrays, or refused: the tests of the package have them one by one
    return of_elements


def difference(found: Any, wanted: Any) -> str:
    """What is different in dtype, shape or, up to rounding, value."""
    found, wanted = tree_leaves(found), tree_leaves(wanted)
    if len(found) != len(wanted):
        return f"{len(found)} results in place of {len(wanted)}"
    for a, b in zip(map(np.asarray, found), map(np.asarray, wanted), strict=True):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return f"{a.dtype}{a.shape} in place of {b.dtype}{b.shape}"
        rtol = 1e-4 if b.dtype in ("f4", "c8") else 1e-11
        if not np.allclose(a, b, rtol, rtol, equal_nan=True):
            return f"{a} in place of {b}"
    return ""


def attempt(f: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*args, **keywords)
        except Exception as error:
            return error


def runs(f: Any, args: list[Any], keywords: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """The call with its arrays traced, each way."""
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    arrays = args[0] if isinstance(args[0], list) else arrays

    def call(*arrays: Any) -> Any:
        if isinstance(args[0], list):
            return f(list(arrays), *args[1:], **keywords)
        given = iter(arrays)
        return f(*(next(given) if isinstance(a, np.ndarray) else a for a in args), **keywords)

    return {
        "plain": lambda: f(*args, **keywords),
        "source": lambda: covector.jit(call, backend="numpy")(*arrays),
        "native": lambda: covector.jit(call, backend="native")(*arrays),
        "jvp": lambda: covector.linearize(call, *arrays)[0],
        "vmap": lambda: tree_first(covector.vmap(call, axis_size=1)(*(a[None] for a in arrays))),
    }


def tree_first(out: Any) -> Any:
    return [x[0] for x in tree_leaves(out)]


def check(functions: list[Function], examples: int, how: list[str]) -> tuple[Counter[str], dict[str, str]]:
    """The smallest call of each function that is wrong, each way; and how many calls were tried."""
    count: Counter[str] = Counter()
    wrong: dict[str, str] = {}

    def tried(function: Function, make: Callable[[Drawn, Function], Call]) -> None:
        @seed(0)
        @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck),
                  phases=[Phase.generate])  # fmt: skip
        @given(st.data())
        def one(data: Any) -> None:
            args, keywords = make(Drawn(data.draw), function)
            wanted = attempt(find(np, function.name), *args, **keywords)
            if isinstance(wanted, Exception):
                count["NumPy refuses"] += 1
                wrong.setdefault(f"NumPy {function.name}", f"{args} {keywords}: {wanted}")
                return
            count["calls"] += 1
            for way, run in runs(find(cnp, function.name), args, keywords).items():
                key = f"{way} {function.name}"
                if way not in how or key in wrong:
                    continue
                found = attempt(run)
                text = f"{type(found).__name__} {found}" if isinstance(found, Exception) else difference(found, wanted)
                if text:
                    wrong[key] = f"{args} {keywords}: {text}"

        one()

    for function in functions:
        make = maker(function)
        if make is not None:
            count["functions"] += 1
            tried(function, make)
    return count, wrong
