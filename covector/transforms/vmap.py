"""Vectorization: ``vmap``."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.memory import own_results
from covector.core.primitive import open_trace
from covector.core.pytrees import broadcast_prefix, tree_flatten, tree_leaves, tree_paths, tree_unflatten
from covector.interpreters.batch import BatchTrace
from covector.primitives.arrays.shaping import batched_at
from covector.transforms import options
from covector.transforms.arguments import check_callable, flatten_result, transformed, wrap_like
from covector.transforms.typing import P, R


def vmap(
    f: Callable[P, R],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    *,
    branches: str | None = None,
) -> Callable[P, R]:
    """Make a function of one example into a function of a batch of examples.

    Args:
        f: a function of pytrees of arrays, written for one example.
        in_axes: for each positional argument the axis of its arrays that enumerates the examples (negative axes count from
            the end), or None for an argument that is the same for all, which may be any object.  An integer serves all
            arguments; a tuple gives one entry for each, and an entry may be a tree of which the argument's structure is an
            extension.  Keyword arguments are always batched along axis 0.
        out_axes: likewise for the outputs: where the batch axis is put.  None for an output that is the same for all.
        axis_name: a name for the batch axis, for the collectives in `covector.lax` (``psum`` and others).
        axis_size: the size of the batch; needed only if no argument is batched.
        branches: with "split", Python's ``if``, ``while`` and ``range`` may ask for batched values: where the examples differ,
            the run goes on for most of them, and ``f`` is run again for the others.  So Python's side effects happen once for
            each part.  The values must be known: not under ``jit``.

    Returns:
        The batched function, in which each operation of ``f`` is done for all examples at once.

    Raises:
        BatchSizeError: the sizes of the batched axes disagree, or nothing tells the size.
        ArgumentError: ``in_axes`` or ``out_axes`` does not correspond to the arguments or outputs.
        BranchTypeError: with ``branches="split"``, examples have results of different structure or shape.

    Example:
        >>> import numpy as np
        >>> vmap(lambda x, y: x @ y, in_axes=(0, None))(np.ones((3, 2)), np.array([1.0, 2.0]))
        array([3., 3., 3.])
        >>> vmap(lambda x: np.sqrt(x) if x > 0 else 0.0, branches="split")(np.array([4.0, -1.0]))
        array([2., 0.])
    """
    check_callable(f, "vmap")
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    _check_axes(in_axes, "in_axes")
    _check_axes(out_axes, "out_axes")
    if axis_size is not None:
        axis_size = options.count(axis_size, "axis_size", "vmap")
    if axis_name is not None and not isinstance(axis_name, Hashable):
        raise options.refused("axis_name", axis_name, "vmap", "pass a string, or anything hashable")
    if branches == "split" and axis_name is not None:
        why = "a collective needs all examples at once, and a split batch is run in parts"
        raise errors.ArgumentError("vmap got branches='split' and an axis_name.", why=why)
    if branches not in (None, "split"):
        fix = "leave it out, or pass 'split'"
        raise errors.ArgumentError(f"vmap got branches={branches!r}.", fix=fix)
    who = transformed("vmap", f)

    def vmapped(*args: Any, **kwargs: Any) -> Any:
        leaves, treedef = tree_flatten([args, kwargs] if kwargs else args)
        dims, size = _batch(in_axes, axis_size, args, kwargs, leaves, who.name)

        if branches == "split":
            branching = importlib.import_module("covector.transforms.branches")  # not always needed
            call = lambda *tracers: _call(f, tree_unflatten(treedef, tracers), bool(kwargs))
            pairs, out_tree = branching.run_parts(call, leaves, dims, size, who)
        else:
            with open_trace(BatchTrace, size, axis_name, *who) as trace:
                arguments = tree_unflatten(treedef, map(trace.lift, leaves, dims))
                out_leaves, out_tree = flatten_result(_call(f, arguments, bool(kwargs)), who.name)
                pairs = list(map(trace.lower, out_leaves))
        axes = [out_axes] * len(pairs) if isinstance(out_axes, int) else _out_axes(out_axes, out_tree, len(pairs), who.name)
        outs = []
        for (value, dim), axis in zip(pairs, axes, strict=True):
            outs.append(value if axis == dim else _place_batch(value, dim, axis, size, who.name))
        return tree_unflatten(out_tree, own_results(outs, leaves))[0]

    made = {"in_axes": in_axes, "out_axes": out_axes, "axis_name": axis_name, "axis_size": axis_size, "branches": branches}
    return wrap_like(f, vmapped, vmap, **made)


def _call(f: Callable[..., Any], arguments: Any, has_keywords: bool) -> Any:
    """The result for arguments by position, or for the pair of these and those by keyword."""
    return f(*arguments[0], **arguments[1]) if has_keywords else f(*arguments)


def _check_axes(axes: Any, what: str) -> None:
    """Reject what is no axis; a tree of them is compared with the arguments when it is called."""
    for axis in tree_leaves(axes):
        if not options.is_integer(axis):
            fix = "give an integer, None, or a tree of them whose structure begins that of the value"
            raise options.refused(what, axes, "vmap", fix)


def _axes_error(text: str) -> Exception:
    fix = "give an integer, None, or a tree whose structure begins that of the value"
    return errors.ArgumentError(text, fix=fix)


def _batch(
    in_axes: Any, axis_size: int | None, args: Any, kwargs: Any, leaves: list[Any], who: str
) -> tuple[list[int | None], int]:
    """The batch axis of each leaf, and the size of the batch."""
    if len(leaves) == 1 and type(leaves[0]) is np.ndarray and type(in_axes) is int and in_axes == 0 and axis_size is None:
        shape = typeof(leaves[0]).shape
        if shape:
            return [0], shape[0]
    dims = _input_dims(in_axes, args, kwargs, leaves, who)
    return dims, _batch_size(leaves, dims, axis_size, args, kwargs, who)


def _input_dims(in_axes: Any, args: Any, kwargs: Any, leaves: list[Any], who: str) -> list[int | None]:
    if isinstance(in_axes, int) and not kwargs:
        return [_canonical(in_axes, leaf, i, args, kwargs, who) for i, leaf in enumerate(leaves)]
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise errors.ArgumentError(
            f"{who} has in_axes={in_axes!r} for {len(in_axes)} arguments, and was called with {len(args)}.",
            why="in_axes has one entry for each positional argument (keyword arguments are batched along axis 0)",
            fix="give as many entries as positional arguments, None for one that is not batched",
        )
    axes = [*broadcast_prefix(in_axes, args, f"{who}: in_axes", _axes_error)]
    axes += [0] * (len(leaves) - len(axes))
    return [_canonical(axis, leaf, i, args, kwargs, who) for i, (axis, leaf) in enumerate(zip(axes, leaves, strict=True))]


def _canonical(axis: Any, leaf: Any, index: int, args: Any, kwargs: Any, who: str) -> int | None:
    if axis is None:
        return None
    try:
        shape = shape_of(leaf)
    except TypeError as e:
        what = f"{who} got {leaf!r} of type {type(leaf).__name__} at {_named(tree_paths([args, kwargs])[index])}."
        fix = "pass arrays or numbers to batch, and None in in_axes for what is the same for all examples: it may be anything"
        raise errors.ArgumentError(what, why=str(e), fix=fix) from None
    if axis == 0 and shape:
        return 0
    try:
        axis = operator.index(axis)
    except TypeError:
        raise _axes_error(f"{who} has {axis!r} in in_axes, which is no axis.") from None
    if not -len(shape) <= axis < len(shape):
        is_keyword = index >= len(tree_leaves(args))
        raise errors.BatchSizeError(
            f"{who} is to batch {_named(tree_paths([args, kwargs])[index])} along axis {axis}, but its shape is {shape}.",
            why="the batch axis must be one of the array's own"
            + ("; keyword arguments are always batched along axis 0" if is_keyword else ""),
            fix="bind it with functools.partial, or pass it by position, with None in in_axes, if it is the same for all"
            if is_keyword
            else "pass an array with that axis, or None in in_axes for an argument that is the same for all examples",
        )
    return axis % len(shape)  # type: ignore[no-any-return]


def _named(path: str) -> str:
    """``[0][1]['w']`` (args or kwargs, which one, where in it) as ``argument 1['w']``."""
    kind, _, rest = path.removeprefix("[").partition("]")
    name, _, inside = rest.removeprefix("[").partition("]")
    return f"{'argument' if kind == '0' else 'keyword argument'} {name}{inside}"


def _batch_size(leaves: list[Any], dims: list[int | None], axis_size: int | None, args: Any, kwargs: Any, who: str) -> int:
    sizes = {i: shape_of(leaf)[d] for i, (leaf, d) in enumerate(zip(leaves, dims, strict=True)) if d is not None}
    found = set(sizes.values()) | ({axis_size} if axis_size is not None else set())
    if len(found) == 1:
        return found.pop()
    if not found:
        raise errors.BatchSizeError(
            f"{who} has no argument with a batch axis.",
            why="nothing tells the size of the batch",
            fix="give axis_size, or an axis in in_axes for at least one argument",
        )
    names = tree_paths([args, kwargs])
    listed = [f"{_named(names[i])} has size {n} along axis {dims[i]} ({typeof(leaves[i])})" for i, n in sizes.items()]
    if axis_size is not None:
        listed.append(f"axis_size is {axis_size}")
    raise errors.BatchSizeError(
        f"{who} got batch axes of different sizes: {'; '.join(listed)}.",
        why="all arguments are batched together, example by example",
        fix="pass batches of one size, or None in in_axes for an argument that is the same for all examples",
    )


def _out_axes(out_axes: Any, out_tree: Any, length: int, who: str) -> list[Any]:
    result = tree_unflatten(out_tree, [0] * length)
    return broadcast_prefix([out_axes], result, f"{who}: out_axes", _axes_error)


def _place_batch(value: Any, dim: int | None, axis: Any, size: int, who: str) -> Any:
    """An output with its batch axis where ``out_axes`` wants it."""
    if axis == dim:
        return value
    if axis is None:
        raise errors.ArgumentError(
            f"{who} has None in out_axes for an output that differs between examples.",
            why="None promises an output that does not depend on a batched argument",
            fix="give the axis at which to stack the examples",
        )
    ndim = len(shape_of(value)) + (dim is None)
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise _axes_error(f"{who} has {axis!r} in out_axes for a batched output with {ndim} axes.")
    placed = batched_at(int(axis) % ndim, size, value, dim)
    return placed.copy() if dim is None and issubclass(type(placed), np.ndarray) else placed
