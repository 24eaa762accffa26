"""Convolutions under JAX's names: windows that slide over an array, contracted with a kernel.

>>> conv(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), (1, 1), "VALID")[0, 0]
array([[9., 9.],
       [9., 9.]])

As in JAX (and unlike `numpy.convolve`) kernels are not flipped.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.lax.elementwise import convert_element_type
from covector.lax.precision import check_precision
from covector.lax.structure import pad, rev
from covector.lax.windows import as_pads, positive_integers, window_shape
from covector.numpy.registry import as_array
from covector.primitives.arrays.windows import spread_length, windows_p
from covector.primitives.math.contraction import contract

Shape = tuple[int, ...]


class ConvDimensionNumbers(NamedTuple):
    """Which axes are which: batch, features, space (of array and result), or outputs, inputs, space (of the kernel)."""

    lhs_spec: Shape
    rhs_spec: Shape
    out_spec: Shape


ConvGeneralDilatedDimensionNumbers = None | ConvDimensionNumbers | tuple[str, str, str]


def conv_dimension_numbers(lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any) -> ConvDimensionNumbers:
    """The axes that strings such as ``("NHWC", "HWIO", "NHWC")`` name; None stands for ``("NCHW", "OIHW", "NCHW")``.

    Args:
        lhs_shape: the shape of the array.
        rhs_shape: the shape of the kernel, of as many axes.
        dimension_numbers: a `ConvDimensionNumbers`, which is returned, None, or three strings: N is the batch, C the features,
            I and O the inputs and outputs of the kernel, any other letters axes of space.

    Raises:
        ValueError: a string that does not name each axis once.

    >>> conv_dimension_numbers((1, 5, 5, 3), (2, 2, 3, 7), ("NHWC", "HWIO", "NHWC")).rhs_spec
    (3, 2, 0, 1)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    ndim = len(lhs_shape)
    if len(rhs_shape) != ndim:
        shapes = f"{tuple(rhs_shape)} for {tuple(lhs_shape)}"
        raise ValueError(f"a convolution needs a kernel of as many axes as its array, got {shapes}")
    if dimension_numbers is None:
        return ConvDimensionNumbers(*(tuple(range(ndim)),) * 3)
    if len(dimension_numbers) != 3 or not all(isinstance(s, str) for s in dimension_numbers):
        raise TypeError(f"dimension_numbers of a convolution are three strings, got {dimension_numbers!r}")
    order = [c for c in dimension_numbers[1] if c not in "OI"]
    specs = []
    for spec, names in zip(dimension_numbers, ("NC", "OI", "NC"), strict=True):
        if len(spec) != ndim or sorted(spec) != sorted([*names, *order]):
            why = f"it must name {names[0]}, {names[1]} and the same {ndim - 2} axes of space once each"
            raise ValueError(errors.describe(f"dimension_numbers={tuple(dimension_numbers)!r} has {spec!r}.", why=why))
        specs.append(tuple(spec.index(c) for c in (*names, *order)))
    return ConvDimensionNumbers(*specs)


def conv_general_permutations(dimension_numbers: Any) -> tuple[Shape, Shape, Shape]:
    """The permutations of an array to N, C, space, of a kernel to O, I, space, and of a result from N, C, space.

    >>> conv_general_permutations(("NHWC", "HWIO", "NHWC"))
    ((0, 3, 1, 2), (3, 2, 0, 1), (0, 2, 3, 1))
    """
    ndim = len(dimension_numbers[0])
    lhs, rhs, out = conv_dimension_numbers((0,) * ndim, (0,) * ndim, dimension_numbers)
    return lhs, rhs, _inverse(out)


def _inverse(order: Shape) -> Shape:
    return tuple(int(i) for i in np.argsort(order))


class _Sliding(NamedTuple):
    """What the convolutions have in common: the padded windows ``[N, C, *out, *kernel]`` of an array, and where axes go."""

    windows: Any
    numbers: ConvDimensionNumbers

    def ordered(self, out: Any) -> Any:
        """The axes N, C, space as the caller wants them."""
        return np.transpose(out, _inverse(self.numbers.out_spec))


def _ones(value: Any, n: int, name: str) -> Shape:
    return positive_integers(value, n, f"a convolution over {n} axes", name)


def _slid(
    lhs: Any,
    rhs_shape: Shape,
    kernel: Shape | None,
    strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    numbers: Any,
) -> _Sliding:
    lhs = as_array(lhs)
    numbers = conv_dimension_numbers(shape_of(lhs), rhs_shape, numbers)
    lengths = tuple(rhs_shape[i] for i in numbers.rhs_spec[2:]) if kernel is None else kernel
    n = len(lengths)
    base, apart = _ones(lhs_dilation, n, "lhs_dilation"), _ones(rhs_dilation, n, "rhs_dilation")
    steps = _ones(strides, n, "window_strides")
    if isinstance(padding, str) and base != (1,) * n:
        what = f"a convolution got padding={padding!r} with lhs_dilation={base}."
        why = "the name says nothing of an array that is spread"
        raise ValueError(errors.describe(what, why=why, fix="give (low, high) for each axis, or call conv_transpose"))
    x = np.transpose(lhs, numbers.lhs_spec)
    pads = as_pads(shape_of(x)[2:], lengths, steps, padding, base, apart)
    widths = [(0, 0, 0)] * 2 + [(low, high, d - 1) for (low, high), d in zip(pads, base, strict=True)]
    x = pad(x, np.zeros((), typeof(x).dtype), widths) if any(w != (0, 0, 0) for w in widths) else x
    return _Sliding(windows_p.bind(x, lengths=lengths, strides=steps, dilations=apart), numbers)


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """The sums of products of a kernel with the windows of an array, over any number of axes.

    Args:
        lhs: the array: batch, features and axes of space.
        rhs: the kernel: outputs, inputs and axes of space.
        window_strides: how far windows are apart, for each axis of space.
        padding: ``"VALID"``, ``"SAME"``, ``"SAME_LOWER"``, or ``(low, high)`` for each axis of space; negative widths cut off.
            With ``lhs_dilation`` it must be widths.
        lhs_dilation: how far the elements of the array are spread, with zeros between them.
        rhs_dilation: how far the elements of the kernel are spread.
        dimension_numbers: which axes are which, as for `conv_dimension_numbers`; by default ``("NCHW", "OIHW", "NCHW")``.
        feature_group_count: in so many groups of features each has outputs of its own.
        batch_group_count: in so many groups of the batch each has outputs of its own.
        precision: is checked, and changes nothing.
        preferred_element_type: the dtype to compute in.

    Raises:
        ValueError: shapes, groups or widths that do not fit.

    >>> x, kernel = np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1))
    >>> conv_general_dilated(x, kernel, (2,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"))[0, :, 0]
    array([1., 5., 4.])
    """
    check_precision("conv_general_dilated", precision)
    if preferred_element_type is not None:
        lhs, rhs = convert_element_type(lhs, preferred_element_type), convert_element_type(rhs, preferred_element_type)
    rhs = as_array(rhs)
    given = typeof(lhs), typeof(rhs)
    sliding = _slid(lhs, shape_of(rhs), None, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers)
    kernel, windows = np.transpose(rhs, sliding.numbers.rhs_spec), sliding.windows
    (n, c), (o, i) = shape_of(windows)[:2], shape_of(kernel)[:2]
    f, b = _groups(given, n, c, o, i, feature_group_count, batch_group_count)
    k = len(shape_of(kernel)) - 2
    space, size = _letters(k, "pqrstuv"), _letters(k, "hwdxyz")
    windows = np.reshape(windows, (b, n // b, f, c // f, *shape_of(windows)[2:]))
    kernel = np.reshape(kernel, (b, f, o // (f * b), i, *shape_of(kernel)[2:])) if b * f > 1 else kernel[None, None]
    out = contract(windows, kernel, f"bnfc{space}{size},bfoc{size}->nbfo{space}", "conv_general_dilated")
    return sliding.ordered(np.reshape(out, (n // b, o, *shape_of(out)[4:])))


def _letters(k: int, names: str) -> str:
    if k > len(names) - 1:
        raise ValueError(f"a convolution has at most {len(names) - 1} axes of space, got {k}")
    return names[:k]


def _groups(given: Any, n: int, c: int, o: int, i: int, features: int, batch: int) -> tuple[int, int]:
    """How many groups of features and of the batch there are; raises unless they divide what they must."""
    problem = None
    if features < 1 or batch < 1 or (features > 1 and batch > 1):
        problem = "feature_group_count and batch_group_count must be positive, and only one of them more than 1"
    elif c != i * features:
        problem = f"the array has {c} features, the kernel {i} inputs for each of feature_group_count={features} groups"
    elif o % (features * batch):
        problem = f"the kernel has {o} outputs, which {features * batch} groups cannot share"
    elif n % batch:
        problem = f"the batch has {n} elements, which batch_group_count={batch} does not divide"
    if problem:
        what = f"conv_general_dilated cannot apply a kernel {given[1]} to {given[0]}."
        raise ValueError(errors.describe(what, why=problem, fix="check the shapes and dimension_numbers"))
    return features, batch


def conv(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str, precision: Any = None, preferred_element_type: Any = None
) -> Any:
    """`conv_general_dilated` of ``[N, C, *space]`` and ``[O, I, *space]``.

    >>> conv(np.ones((2, 3, 8)), np.ones((5, 3, 4)), (2,), "SAME").shape
    (2, 5, 4)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision, preferred_element_type=preferred_element_type
    )


def conv_with_general_padding(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None,
    rhs_dilation: Sequence[int] | None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """`conv` with any widths of padding, and dilations.

    >>> conv_with_general_padding(np.ones((1, 1, 3)), np.ones((1, 1, 2)), (1,), [(1, 0)], (2,), (1,))[0, 0]
    array([1., 1., 1., 1., 1.])
    """
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


def channels_last(k: int) -> tuple[str, str, str]:
    """The dimension numbers of k axes of space with the features last."""
    space = "HWDXYZ"[:k]
    return f"N{space}C", f"{space}IO", f"N{space}C"


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Any,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Any:
    """The convolution of an array spread by ``strides``: its shape is that of the array which a convolution with these
    strides and padding takes to ``lhs``.

    Args:
        lhs: the array; by default the features are its last axis.
        rhs: the kernel; by default its axes are space, inputs, outputs.
        strides: how far the elements of the array are spread.
        padding: ``"SAME"`` or ``"VALID"``, those of the convolution that this is the transpose of; or widths for each axis.
        rhs_dilation: how far the elements of the kernel are spread.
        dimension_numbers: as for `conv_dimension_numbers`.
        transpose_kernel: flip the kernel and exchange its inputs and outputs, which makes this the transpose (gradient) of the
            convolution with the kernel.
        precision: is checked, and changes nothing.
        preferred_element_type: the dtype to compute in.
        use_consistent_padding: widths are those of the convolution that this is the transpose of, not of the spread array.

    >>> conv_transpose(np.ones((1, 2, 1)), np.ones((3, 1, 1)), (2,), "SAME")[0, :, 0]
    array([1., 1., 2., 1.])
    """
    ndim = len(shape_of(lhs))
    if dimension_numbers is None and not 2 <= ndim <= 5:
        raise ValueError(f"conv_transpose needs dimension_numbers for an array of {ndim} axes")
    numbers = conv_dimension_numbers(shape_of(lhs), shape_of(rhs), dimension_numbers or channels_last(ndim - 2))
    space = numbers.rhs_spec[2:]
    apart = _ones(rhs_dilation, len(space), "rhs_dilation")
    extents = [spread_length(shape_of(rhs)[i], d) for i, d in zip(space, apart, strict=True)]
    if isinstance(padding, str):
        padding = [_spread_padding(e, s, padding) for e, s in zip(extents, strides, strict=True)]
    elif use_consistent_padding:
        padding = [(e - 1 - low, e - 1 - high) for e, (low, high) in zip(extents, padding, strict=True)]
    if transpose_kernel:
        rhs = np.swapaxes(rev(rhs, space), *numbers.rhs_spec[:2])
    ones = (1,) * len(space)
    return conv_general_dilated(
        lhs, rhs, ones, padding, strides, apart, numbers, precision=precision, preferred_element_type=preferred_element_type
    )


def _spread_padding(extent: int, stride: int, padding: str) -> tuple[int, int]:
    """The widths with which a convolution over the spread array gives back the length before a strided one."""
    if padding == "SAME":
        total = extent + stride - 2
        low = extent - 1 if stride > extent - 1 else -(-total // 2)
    elif padding == "VALID":
        total, low = extent + stride - 2 + builtins.max(extent - stride, 0), extent - 1
    else:
        raise ValueError(f"conv_transpose takes padding 'SAME', 'VALID' or widths for each axis; got {padding!r}")
    return low, total - low


def conv_general_dilated_patches(
    lhs: Any,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """The windows of an array, each as features: the elements of a window of the first feature, then of the second …

    >>> conv_general_dilated_patches(np.arange(4.0).reshape(1, 1, 4), (2,), (1,), "VALID")[0]
    array([[0., 1., 2.],
           [1., 2., 3.]])
    """
    check_precision("conv_general_dilated_patches", precision)
    if preferred_element_type is not None:
        lhs = convert_element_type(lhs, preferred_element_type)
    ndim, filter_shape = len(shape_of(lhs)), tuple(int(n) for n in filter_shape)
    sliding = _slid(lhs, (1,) * ndim, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers)
    return sliding.ordered(_as_features(sliding.windows, len(filter_shape)))


def _as_features(windows: Any, k: int) -> Any:
    """``[N, C, *out, *kernel]`` as ``[N, C * kernel, *out]``."""
    windows = np.moveaxis(windows, range(2 + k, 2 + 2 * k), range(2, 2 + k))
    n, *features = shape_of(windows)[: 2 + k]
    return np.reshape(windows, (n, math.prod(features), *shape_of(windows)[2 + k :]))


def conv_general_dilated_local(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
) -> Any:
    """A convolution with a kernel of its own at each place.

    The axes of space of ``rhs`` are those of the result; its inputs are features as `conv_general_dilated_patches` makes them.

    >>> conv_general_dilated_local(np.ones((1, 1, 3)), np.ones((1, 2, 2)), (1,), "VALID", (2,))[0, 0]
    array([2., 2.])
    """
    check_precision("conv_general_dilated_local", precision)
    filter_shape = tuple(int(n) for n in filter_shape)
    sliding = _slid(lhs, shape_of(rhs), filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers)
    patches = _as_features(sliding.windows, len(filter_shape))
    kernels = np.transpose(as_array(rhs), sliding.numbers.rhs_spec)
    if shape_of(kernels)[1:] != shape_of(patches)[1:]:
        raise ValueError(
            f"conv_general_dilated_local needs kernels of (outputs, {', '.join(map(str, shape_of(patches)[1:]))}),"
            f" in the order of dimension_numbers, for {typeof(lhs)}; got {typeof(rhs)}"
        )
    space = _letters(len(filter_shape), "pqrstuv")
    return sliding.ordered(contract(patches, kernels, f"nc{space},oc{space}->no{space}", "conv_general_dilated_local"))


# --- shapes -----------------------------------------------------------------------------------------------------------


def conv_shape_tuple(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], strides: Sequence[int], pads: Any, batch_group_count: int = 1
) -> Shape:
    """The shape of `conv`.

    >>> conv_shape_tuple((2, 3, 8), (5, 3, 4), (2,), "SAME")
    (2, 5, 4)
    """
    space = window_shape(lhs_shape[2:], rhs_shape[2:], strides, pads)
    if lhs_shape[0] % batch_group_count:
        raise ValueError(f"a batch of {lhs_shape[0]} is not divided by batch_group_count={batch_group_count}")
    return lhs_shape[0] // batch_group_count, rhs_shape[0], *space


def conv_general_shape_tuple(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], window_strides: Sequence[int], padding: Any, dimension_numbers: Any
) -> Shape:
    """The shape of `conv_general_dilated` without dilations.

    >>> conv_general_shape_tuple((2, 8, 3), (4, 3, 5), (2,), "SAME", ("NHC", "HIO", "NHC"))
    (2, 4, 5)
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    shape = conv_shape_tuple(
        [lhs_shape[i] for i in numbers.lhs_spec], [rhs_shape[i] for i in numbers.rhs_spec], window_strides, padding
    )
    return tuple(shape[i] for i in _inverse(numbers.out_spec))


def conv_transpose_shape_tuple(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], window_strides: Sequence[int], padding: Any, dimension_numbers: Any
) -> Shape:
    """The shape of `conv_transpose`.

    >>> conv_transpose_shape_tuple((1, 2, 1), (3, 1, 1), (2,), "SAME", ("NHC", "HIO", "NHC"))
    (1, 4, 1)
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    lhs, rhs = ([shape[i] for i in spec] for shape, spec in ((lhs_shape, numbers.lhs_spec), (rhs_shape, numbers.rhs_spec)))
    if isinstance(padding, str):
        padding = [_spread_padding(e, s, padding) for e, s in zip(rhs[2:], window_strides, strict=True)]
    spread = [spread_length(n, s) for n, s in zip(lhs[2:], window_strides, strict=True)]
    shape = conv_shape_tuple((*lhs[:2], *spread), rhs, (1,) * len(spread), padding)
    return tuple(shape[i] for i in _inverse(numbers.out_spec))


_HELPERS = ("channels_last",)
__all__ = [
    n for n in dir() if not n.startswith("_") and n not in _HELPERS and getattr(globals()[n], "__module__", "") == __name__
]
__all__ += ["ConvGeneralDilatedDimensionNumbers"]
