"""Collectives: what the examples of ``vmap(f, axis_name=...)`` know of each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.context import named_axes
from covector.core.pytrees import tree_map
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.shaping import reshape_to
from covector.primitives.effects.collectives import all_gather_p, axis_index_p, pvary_p, repeated, total_over, unbound

AxisName = Any


def axis_size(axis_name: AxisName) -> int:
    """The number of examples along a named axis (of all combinations, for a tuple of names).

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: x / axis_size("i"), axis_name="i")(np.array([1.0, 2.0]))
        array([0.5, 1. ])
    """
    return math.prod(map(_size, _names(axis_name)))


def _names(axis_name: AxisName) -> tuple[Any, ...]:
    return axis_name if isinstance(axis_name, tuple) else (axis_name,)


def _size(name: Any) -> int:
    sizes: dict[Any, int] = dict(named_axes())
    if name not in sizes:
        raise unbound(name, list(sizes))
    return sizes[name]


def axis_index(axis_name: AxisName) -> Any:
    """The number of the example along a named axis, an integer that differs between the examples.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: x * axis_index("i"), axis_name="i")(np.ones(3))
        array([0., 1., 2.])
    """
    index: Any = 0
    for name in _names(axis_name):
        index = index * _size(name) + axis_index_p.bind(axes=(name,))
    return index


class Team(NamedTuple):
    """The examples that take part together: how many, their numbers (None: all of them), and the example's place among them."""

    size: int
    members: Any
    place: Any

    def gathered(self, leaf: Any, name: Any, axis: int) -> Any:
        """The values of the team, stacked along a new axis (in the order of their numbers, for several names)."""
        names, stacked = _names(name), leaf
        for each in reversed(names):
            stacked = _stacked(stacked, each, axis)
        stacked = _joined(stacked, axis, len(names)) if len(names) > 1 else stacked
        if self.members is None:
            return stacked
        return np.moveaxis(gather_p.bind(np.moveaxis(stacked, axis, 0), self.members), 0, axis)

    def own(self, x: Any, axis: int) -> Any:
        """Of an array with an item for each of the team, along an axis, the example's own."""
        return gather_p.bind(np.moveaxis(x, axis, 0), self.place)


def _stacked(x: Any, name: Any, axis: int) -> Any:
    """The values of all examples along one named axis."""
    count = _size(name)
    if name in typeof(x).varying:
        return all_gather_p.bind(x, axes=(name,), count=count, axis=axis)
    return repeated(x, count, axis)


def _joined(x: Any, axis: int, count: int) -> Any:
    """Make so many axes, from one on, into one."""
    shape = shape_of(x)
    return reshape_to(x, (*shape[:axis], math.prod(shape[axis : axis + count]), *shape[axis + count :]))


def _team(axis_name: AxisName, groups: Any, who: str) -> Team:
    if groups is None:
        return Team(axis_size(axis_name), None, axis_index(axis_name))
    n = axis_size(axis_name)
    numbers = [list(map(int, group)) for group in groups]
    sizes = set(map(len, numbers))
    if isinstance(axis_name, tuple) or len(sizes) != 1 or sorted(i for group in numbers for i in group) != list(range(n)):
        raise errors.ArgumentError(
            f"{who} got axis_index_groups={numbers} for the axis {axis_name!r} of {n} examples.",
            why="the groups divide the examples of one axis, each is in one of them, and they are equally large",
            fix=f"pass lists of equal length that have the numbers 0 to {n - 1} once",
        )
    members, places = np.empty((n, *sizes), int), np.empty(n, int)
    for group in numbers:
        members[group], places[group] = group, np.arange(len(group))
    number = axis_index_p.bind(axes=(axis_name,))
    return Team(len(numbers[0]), gather_p.bind(members, number), gather_p.bind(places, number))


def psum(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """The sum over all examples, the same for each of them.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names.
        axis_index_groups: lists of numbers that divide the examples into groups of one size; each has the sum of its group.

    A derivative of the sum with respect to a value that all examples share is the true, total one.

    Example:
        >>> from covector import grad, vmap
        >>> xs = np.array([1.0, 2.0, 3.0])
        >>> vmap(lambda x: grad(lambda w: psum(w * x, "i"))(2.0), axis_name="i")(xs)
        array([6., 6., 6.])
    """
    if axis_index_groups is not None:
        team = _team(axis_name, axis_index_groups, "psum")
        return tree_map(lambda leaf: np.sum(team.gathered(leaf, axis_name, 0), axis=0), x)
    axis_size(axis_name)  # raises where nothing has the name
    return tree_map(lambda leaf: total_over(leaf, _names(axis_name)), x)


def pvary(x: Any, axis_name: AxisName) -> Any:
    """The same value, as one that differs from example to example.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names.

    A derivative with respect to it is for each example its own, where that with respect to a value that all share is the total.

    Example:
        >>> from covector import grad, vmap
        >>> xs = np.array([1.0, 2.0, 3.0])
        >>> vmap(lambda x: grad(lambda w: psum(w * x, "i"))(pvary(2.0, "i")), axis_name="i")(xs)
        array([1., 2., 3.])
    """
    sizes = {name: _size(name) for name in _names(axis_name)}

    def varying(leaf: Any) -> Any:
        axes = tuple(name for name in sizes if name not in typeof(leaf).varying)
        return pvary_p.bind(leaf, axes=axes) if axes else leaf

    return tree_map(varying, x)


def pmean(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """The mean over all examples; arguments as for `psum`.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: x - pmean(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
        array([-1.,  1.])
    """
    size = axis_size(axis_name) if axis_index_groups is None else _team(axis_name, axis_index_groups, "pmean").size
    return tree_map(lambda total: total / size, psum(x, axis_name, axis_index_groups=axis_index_groups))


def pmax(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """The maximum over all examples, elementwise; arguments as for `psum`."""
    return _reduced("pmax", np.max, x, axis_name, axis_index_groups)


def pmin(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """The minimum over all examples, elementwise; arguments as for `psum`."""
    return _reduced("pmin", np.min, x, axis_name, axis_index_groups)


def _reduced(name: str, reduce: Callable[..., Any], x: Any, axis_name: AxisName, groups: Any) -> Any:
    names = _names(axis_name) if groups is None else (axis_name,)
    teams = {axis: _team(axis, groups, name) for axis in names}

    def one(leaf: Any) -> Any:
        for axis, team in teams.items():
            every = team.gathered(leaf, axis, 0)
            leaf = reduce(every, axis=0) if shape_of(every)[0] else leaf  # of no examples there is nobody to ask
        return leaf

    return tree_map(one, x)


def all_gather(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None, axis: int = 0, tiled: bool = False) -> Any:
    """The values of all examples, the same for each of them.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names, whose examples are numbered together.
        axis_index_groups: lists of numbers that divide the examples into groups of one size, which are for themselves.
        axis: where the examples are stacked.
        tiled: concatenate them along that axis instead of making a new one.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: np.sum(all_gather(x, "i") * np.arange(2)), axis_name="i")(np.array([5.0, 7.0]))
        array([7., 7.])
    """
    team = _team(axis_name, axis_index_groups, "all_gather")

    def one(leaf: Any) -> Any:
        stacked = team.gathered(leaf, axis_name, axis)
        return _joined(stacked, axis, 2) if tiled else stacked

    return tree_map(one, x)


def psum_scatter(
    x: Any, axis_name: AxisName, *, scatter_dimension: int = 0, axis_index_groups: Any = None, tiled: bool = False
) -> Any:
    """Of the sum over all examples, each example's own part.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names, whose examples are numbered together.
        scatter_dimension: the axis that is divided among the examples; it has one item for each of them, and is removed.
        axis_index_groups: lists of numbers that divide the examples into groups of one size, which are for themselves.
        tiled: the axis has several items for each example, and stays.
    """
    team = _team(axis_name, axis_index_groups, "psum_scatter")

    def one(leaf: Any) -> Any:
        total = psum(leaf, axis_name, axis_index_groups=axis_index_groups)
        return _own(total, team, scatter_dimension, tiled, "psum_scatter")

    return tree_map(one, x)


def _own(x: Any, team: Team, axis: int, tiled: bool, who: str) -> Any:
    """The example's own part of an array along an axis."""
    count, shape = team.size, shape_of(x)
    n = shape[axis]
    if n % count if tiled else n != count:
        raise errors.ArgumentError(
            f"{who} is to divide axis {axis} of {typeof(x)} among {count} examples.",
            fix="pass an array whose axis has "
            + ("a multiple of their number" if tiled else "one item for each (or tiled=True)"),
        )
    if tiled:
        x = np.reshape(x, (*shape[:axis], count, n // count, *shape[axis + 1 :]))
    return team.own(x, axis)


def all_to_all(
    x: Any, axis_name: AxisName, split_axis: int, concat_axis: int, *, axis_index_groups: Any = None, tiled: bool = False
) -> Any:
    """Divide each example's array among all, and give each example the parts that are meant for it.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names, whose examples are numbered together.
        split_axis: the axis along which each array is divided; it has one item for each example.
        concat_axis: where the parts that an example gets are stacked.
        axis_index_groups: lists of numbers that divide the examples into groups of one size, which are for themselves.
        tiled: the split axis has several items for each example and stays; parts are concatenated.
    """
    team = _team(axis_name, axis_index_groups, "all_to_all")

    def one(leaf: Any) -> Any:
        everything = team.gathered(leaf, axis_name, 0)
        mine = _own(everything, team, split_axis + 1, tiled, "all_to_all")
        parts = np.moveaxis(mine, 0, concat_axis)
        return _joined(parts, concat_axis, 2) if tiled else parts

    return tree_map(one, x)


def ppermute(x: Any, axis_name: AxisName, perm: Sequence[tuple[int, int]]) -> Any:
    """Send values from example to example.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names, whose examples are numbered together.
        perm: pairs ``(source, destination)``, each number at most once on each side; who gets nothing has zeros.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.array([1.0, 2.0, 3.0]))
        array([0., 1., 2.])
    """
    team = _team(axis_name, None, "ppermute")
    count = team.size
    sources, destinations = [s for s, _ in perm], [d for _, d in perm]
    numbers = set(range(count))
    for side, what in ((sources, "sources"), (destinations, "destinations")):
        if len(set(side)) != len(side) or not set(side) <= numbers:
            raise errors.ArgumentError(
                f"ppermute got {what} {side} for {count} examples.", fix="use each number at most once on each side"
            )
    source_of = np.full(count, -1)
    source_of[destinations] = sources

    def one(leaf: Any) -> Any:
        mine = team.own(source_of, 0)
        received = gather_p.bind(team.gathered(leaf, axis_name, 0), np.maximum(mine, 0))
        return np.where(mine >= 0, received, np.zeros((), typeof(leaf).dtype))

    return tree_map(one, x)


def pshuffle(x: Any, axis_name: AxisName, perm: Sequence[int]) -> Any:
    """`ppermute` by the numbers of the examples that each one gets its value from.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names.
        perm: a number for each example, each once.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: pshuffle(x, "i", [2, 0, 1]), axis_name="i")(np.array([1.0, 2.0, 3.0]))
        array([3., 1., 2.])
    """
    if sorted(perm) != list(range(axis_size(axis_name))):
        what = f"pshuffle got perm={list(perm)} for {axis_size(axis_name)} examples."
        raise errors.ArgumentError(what, fix="give the number of each example once")
    return ppermute(x, axis_name, [(source, i) for i, source in enumerate(perm)])


def pswapaxes(x: Any, axis_name: AxisName, axis: int, *, axis_index_groups: Any = None) -> Any:
    """Exchange the axis of the examples and one of their own, of the same length: `all_to_all` along one axis.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: pswapaxes(x, "i", 0), axis_name="i")(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[1., 3.],
               [2., 4.]])
    """
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def pbroadcast(x: Any, axis_name: AxisName, source: int) -> Any:
    """The value of one example, for each of them.

    Args:
        x: a pytree of arrays.
        axis_name: the name of a batch axis, or a tuple of names.
        source: the number of the example.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: pbroadcast(x, "i", 1), axis_name="i")(np.array([1.0, 2.0, 3.0]))
        array([2., 2., 2.])
    """
    if not 0 <= source < axis_size(axis_name):
        what = f"pbroadcast got source={source} for {axis_size(axis_name)} examples."
        raise errors.ArgumentError(what, fix="give the number of one of them")
    return tree_map(lambda leaf: all_gather(leaf, axis_name)[source], x)


def pcast(x: Any, axis_name: AxisName, *, to: str) -> Any:
    """`pvary`: ``to`` can be "varying" alone.

    Example:
        >>> from covector import vmap
        >>> vmap(lambda x: x * pcast(2.0, "i", to="varying"), axis_name="i")(np.ones(2))
        array([2., 2.])
    """
    if to != "varying":
        what = f"pcast got to={to!r}."
        why = "a value varies along an axis, or all examples share it"
        raise errors.ArgumentError(what, why=why, fix='give "varying"')
    return pvary(x, axis_name)
