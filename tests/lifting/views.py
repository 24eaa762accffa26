"""Every way in which NumPy gives a view of an array, or what is a view for some memory orders, as text for arrays of a shape.

    views_of((2, 3), "f")["swapaxes"]     ("{a}.swapaxes(0, 1)", "np.swapaxes({a}, 0, 1)")

A text is kept where NumPy takes it for a new array of the shape; for an array of other strides it may be a copy, or an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import permutations
from math import prod

import numpy as np

Shape = tuple[int, ...]
_families: dict[str, Callable[[Shape], Iterable[str]]] = {}


def family(make: Callable[[Shape], Iterable[str]]) -> Callable[[Shape], Iterable[str]]:
    _families[make.__name__.rstrip("_")] = make
    return make


@cache
def views_of(shape: Shape, kind: str) -> dict[str, tuple[str, ...]]:
    """By family, the texts that are valid for a new array of the shape; ``kind`` is that of its dtype."""
    example = np.zeros(shape, {"f": float, "c": complex, "i": int, "b": bool, "u": np.uint8}[kind])
    found = {name: tuple(t for t in make(shape) if _is_valid(t, example)) for name, make in _families.items()}
    return {name: texts for name, texts in found.items() if texts}


def _is_valid(text: str, example: np.ndarray) -> bool:
    try:
        return type(eval(text.format(a="a"), {"np": np, "a": example})) is np.ndarray
    except Exception:
        return False


def _pairs(shape: Shape) -> Iterable[tuple[int, int]]:
    return [(i, j) for i in range(len(shape)) for j in range(i + 1, len(shape))]


def shapes_of_size(size: int) -> list[Shape]:
    """The shapes of up to three axes of a number of elements, and one with an axis left open."""
    two = [(i, size // i) for i in range(1, size + 1) if size % i == 0]
    three = [(i, k, n // k) for i, n in two for k in range(2, n) if n % k == 0 and i > 1]
    return [(-1,), *two, (size, -1), *three] if size else [(0,), (0, 3)]


def texts(table: str) -> list[str]:
    return [text.strip() for text in table.split(";")]


@family
def transpose(shape):
    yield from texts("{a}.T; np.transpose({a}); {a}.mT; np.matrix_transpose({a}); np.linalg.matrix_transpose({a})")
    for order in permutations(range(len(shape))):
        yield from (f"{{a}}.transpose({order})", f"np.transpose({{a}}, {order})", f"np.permute_dims({{a}}, {order})")
    if len(shape) > 1:
        yield f"{{a}}.transpose({', '.join(map(str, [-1, *range(len(shape) - 1)]))})"


@family
def swapaxes(shape):
    for i, j in _pairs(shape):
        yield from (f"{{a}}.swapaxes({i}, {j})", f"np.swapaxes({{a}}, {j}, {i - len(shape)})")


@family
def at_a_place_that_is_computed(shape):
    if prod(shape) and shape:
        count = "np.sum({a} > -99.0)"
        place, last = f"({count} + 1) % {shape[0]}", f"-1 - {count} % {shape[-1]}"
        yield from (f"{{a}}[{place}, ...]", f"{{a}}[..., {last}, None]")
        if len(shape) > 1:
            yield from (f"{{a}}[{place}]", f"{{a}}[..., {last}]", f"{{a}}[{place}][::-1]", f"{{a}}[1:, {count} % {shape[1]}]")
        if len(shape) > 2:
            yield from (f"{{a}}[{place}][{last}]", f"{{a}}[{place}].T", f"{{a}}[:, 0, {last}]")


@family
def moveaxis(shape):
    for i, j in _pairs(shape):
        yield from (f"np.moveaxis({{a}}, {i}, {j})", f"np.moveaxis({{a}}, -1, {i})", f"np.rollaxis({{a}}, {j}, {i})")


@family
def reshape(shape):
    for new in shapes_of_size(prod(shape)):
        yield from (f"{{a}}.reshape({new})", f"np.reshape({{a}}, {new}, order='F')", f"{{a}}.reshape({new}, order='A')")
        yield from (f"np.reshape({{a}}, {new}, copy=False)", f"np.reshape({{a}}, {new}, order='F', copy=False)")


@family
def ravel(shape):
    yield from ("{a}.ravel()", "np.ravel({a})", "{a}.reshape(-1)")
    for order in "CFAK":
        yield from (f"{{a}}.ravel(order={order!r})", f"np.ravel({{a}}, {order!r})")


@family
def diagonal(shape):
    return texts("""
        {a}.diagonal(); np.diagonal({a}); np.linalg.diagonal({a}); np.diag({a}); {a}.diagonal(1); np.diagonal({a}, -1);
        np.diagonal({a}, axis1=-2, axis2=-1); np.diagonal({a}, 0, 1, 2)
    """)


@family
def einsum(shape):
    for text in "ii->i ij->ji i->i iij->ij ijk->kji ijj->ji ...ii->...i".split():
        yield f"np.einsum({text!r}, {{a}})"


@family
def item(shape):
    for i in range(min(len(shape), 2)):
        before = ":, " * i
        yield from (f"{{a}}[{before}0]", f"{{a}}[{before}-1]", f"{{a}}[{before}1]")
    yield from ("{a}[..., 0]", "{a}[..., -1]", "{a}[0, ...]")


@family
def slices(shape):
    parts = ("1:", ":-1", "::-1", "::2", "-2:", "1:2", "::-2", ":0:-1")
    yield from (f"{{a}}[{part}]" for part in parts)
    yield from (f"{{a}}[:, {part}]" for part in parts)
    yield from texts("""
        {a}[1:, :-1]; {a}[::-1, ::-1]; {a}[0, 1:]; {a}[1:, 0]; {a}[::2, -1]; {a}[-1, ::-1]; {a}[..., 1:]; {a}[..., ::-1];
        {a}[1:, ..., 0]; {a}[:, ::-1, :1]; {a}[0:0]; {a}[slice(None, None, -1)]
    """)


@family
def whole(shape):
    yield from ("{a}[...]", "{a}[:]", "{a}[()]")


@family
def newaxis(shape):
    return texts("""
        {a}[None]; {a}[:, None]; {a}[..., None]; {a}[None, ..., None]; {a}[np.newaxis, ::-1]; {a}[1:, None, 0];
        np.expand_dims({a}, 0); np.expand_dims({a}, -1); np.expand_dims({a}, (0, 2))
    """)


@family
def squeeze(shape):
    return texts("""
        {a}.squeeze(); np.squeeze({a}); {a}.squeeze(0); np.squeeze({a}, -1); {a}[None].squeeze(axis=0);
        np.squeeze({a}[..., None], axis=-1); {a}[:1].squeeze()
    """)


@family
def split(shape):
    for axis, n in enumerate(shape):
        yield from (f"np.split({{a}}, {n}, {axis})[0]", f"np.split({{a}}, {n}, axis={axis})[-1]")
        yield from (f"np.split({{a}}, [1], {axis})[1]", f"np.array_split({{a}}, 2, {axis})[0]")
        yield f"np.array_split({{a}}, 2, {axis})[1]"
        yield f"np.unstack({{a}}, axis={axis})[-1]"
    yield from texts("""
        np.vsplit({a}, [1])[1]; np.hsplit({a}, [1])[0]; np.hsplit({a}, 2)[1]; np.dsplit({a}, [1])[0]; np.vsplit({a}, 2)[0]
    """)


@family
def parts(shape):
    return texts("""
        {a}.real; np.real({a}); {a}.imag; np.imag({a}); {a}.real[1:]; {a}.imag[::-1]; {a}.T.real; {a}.real.T; {a}.conj();
        np.real_if_close({a}); {a}.imag.ravel(); {a}.real[..., 0]
    """)


@family
def flip(shape):
    return texts("""
        np.flip({a}); np.flip({a}, 0); np.flip({a}, -1); np.fliplr({a}); np.flipud({a}); np.rot90({a}, 0); np.rot90({a});
        np.rot90({a}, 2); np.rot90({a}, 3); np.rot90({a}, 1, (1, 2))
    """)


@family
def atleast(shape):
    yield from ("np.atleast_1d({a})", "np.atleast_2d({a})", "np.atleast_3d({a})", "np.atleast_2d({a}, {a})[1]")


@family
def broadcast(shape):
    yield from (f"np.broadcast_to({{a}}, {shape})", f"np.broadcast_to({{a}}, {(2, *shape)})")
    yield f"np.broadcast_to({{a}}[:1], {shape})"
    yield from ("np.broadcast_arrays({a}, 0.0)[0].copy()", "np.broadcast_arrays({a}, {a}[0])[0] + 0")


@family
def windows(shape):
    name = "np.lib.stride_tricks.sliding_window_view"
    yield from (f"{name}({{a}}, 2, axis=0)", f"{name}({{a}}, 2, axis=-1)", f"{name}({{a}}, {(2,) * len(shape)})")
    yield from (f"{name}({{a}}, 1, 0)", f"{name}({{a}}, 1, 0, writeable=True)", f"{name}({{a}}, {shape}, writeable=True)")


@family
def as_strided(shape):
    name = "np.lib.stride_tricks.as_strided"
    n = shape[0] if shape else 0
    if len(shape) == 1 and n:
        yield f"{name}({{a}}, ({(n + 1) // 2},), (2 * {{a}}.strides[0],))"
        yield f"{name}({{a}}, ({n},), {{a}}.strides)"
        yield f"{name}({{a}}[::-1], ({n},), (-{{a}}.strides[0],))"
    if len(shape) == 2 and n:
        yield f"{name}({{a}}, ({min(shape)},), ({{a}}.strides[0] + {{a}}.strides[1],))"
        yield f"{name}({{a}}, {shape[::-1]}, {{a}}.strides[::-1])"
        yield f"{name}({{a}}[1:], ({n - 1},), {{a}}.strides[:1])"


@family
def view(shape):
    return texts("""
        {a}.view(); {a}.view(np.ndarray); {a}.view({a}.dtype); {a}.view(dtype={a}.dtype); {a}.view(np.float64)
    """)


@family
def asarray(shape):
    return texts("""
        np.asarray({a}); np.asanyarray({a}); np.ascontiguousarray({a}); np.asfortranarray({a}); np.asarray({a}, dtype=float);
        np.asarray({a}, order='F'); np.asarray({a}, order='C'); np.array({a}, copy=None); np.array({a}, copy=False);
        np.require({a}, requirements='C'); np.require({a}, None, ['F']); np.asarray_chkfinite({a});
        np.require({a}, float, 'W') if {a}.flags.writeable else {a};
        np.array({a}, ndmin=3, copy=None); {a}.astype(float, copy=False); {a}.astype({a}.dtype, copy=False);
        np.astype({a}, float, copy=False); {a}.astype(float, order='F', copy=False); np.nan_to_num({a}, copy=False);
        np.asarray({a}, copy=None); np.asarray({a}, dtype=np.float32); np.asarray({a}, dtype=complex)
    """)


@family
def iteration(shape):
    return texts("list({a})[0]; [*{a}][-1]; next(iter({a})); [r for r in {a}][1]; tuple({a})[-1]; next(reversed({a}))")


@family
def meshgrid(shape):
    return texts("np.meshgrid({a}, {a}, copy=False)[0]; np.meshgrid({a}, {a}, copy=False, sparse=True)[1]")


@family
def trim(shape):
    yield "np.trim_zeros({a})"
