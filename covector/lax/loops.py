"""Loops as single operations: ``scan``, ``while_loop``, ``fori_loop``, ``map``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_leaves, tree_map, tree_paths, tree_unflatten
from covector.core.tracer import Tracer
from covector.interpreters.evaluate import eval_jaxpr
from covector.lax.carries import Body, Tree, flat, traced_body
from covector.primitives.scan import Loop
from covector.primitives.shaping import reshape_p
from covector.primitives.subprograms import cut, staged
from covector.transforms.arguments import check_callable, transformed
from covector.transforms.vmap import vmap

import covector.numpy as cnp


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    progress: str | None = None,
) -> tuple[Any, Any]:
    """A loop that carries a state from step to step and stacks what each step gives out.

    The meaning is that of ::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    but ``f`` is traced once, and the loop is one operation with derivatives, batches and a printed form of its own.

    Args:
        f: ``f(carry, x) -> (carry, y)``, on pytrees of arrays.  The carry keeps its structure, shapes and dtypes; a Python
            number in it takes the dtype that ``f`` gives it.
        init: the carry before the first step.
        xs: a pytree of arrays whose first axis enumerates the steps; None if ``length`` says how many there are.
        length: the number of steps; needed only without ``xs``.
        reverse: go through ``xs`` from the last to the first; each y is stacked where its x was.
        unroll: how many steps the compiled loop does at once (True: all); this changes speed only.
        progress: show a bar with this label, by tqdm.

    Returns:
        The last carry, and the ys stacked along a new first axis.

    Raises:
        CarryTypeError: the carry comes back in another structure, shape or dtype.
        ArgumentError: the number of steps is not determined, or ``f`` does not return a pair.

    Example:
        >>> total, sums = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
        >>> float(total), sums
        (6.0, array([1., 3., 6.]))
    """
    check_callable(f, "scan")
    who = transformed("scan", f)
    carry, columns = flat(init, who.name), flat(xs, who.name)
    n = _number_of_steps(columns, length, who.name)
    x_avals = [typeof(x).example(0) for x in columns.leaves]
    body = traced_body(f, carry, [columns], x_avals, lambda result: _pair(result, who.name), who)
    loop = Loop(len(body.hoisted), len(carry.leaves), n, bool(reverse), progress)
    init_leaves = body.converted(carry.leaves)
    final, ys = _unrolled(body, loop, n if unroll is True else int(unroll), init_leaves, columns.leaves)
    return tree_unflatten(carry.treedef, final)[0], tree_unflatten(body.out_tree, ys)[0]


def _pair(result: Any, who: str) -> tuple[Any, Any]:
    if isinstance(result, tuple) and len(result) == 2:
        return result
    kind = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
    raise errors.ArgumentError(
        errors.describe(
            f"{who}: the function returned {kind}.",
            why="each step returns a pair: the next carry and the output of the step",
            fix="return (carry, y), with None for y if there is none",
        )
    )


def _number_of_steps(columns: Tree, length: int | None, who: str) -> int:
    scalars = [i for i, x in enumerate(columns.leaves) if not shape_of(x)]
    paths = tree_paths(tree_unflatten(columns.treedef, columns.leaves))
    if scalars:
        raise errors.ArgumentError(
            errors.describe(
                f"{who} got xs{paths[scalars[0]][3:]} of type {typeof(columns.leaves[scalars[0]])}, which has no axis to go along.",
                why="the first axis of each array in xs enumerates the steps",
                fix="close over values that are the same in each step, or put them into the carry",
            )
        )
    lengths = {f"xs{path[3:]}": shape_of(x)[0] for path, x in zip(paths, columns.leaves, strict=True)}
    if length is not None:
        lengths["length"] = int(length)
    if len(set(lengths.values())) == 1:
        return next(iter(lengths.values()))
    what = ", ".join(f"{name} has {n}" for name, n in lengths.items())
    raise errors.ArgumentError(
        errors.describe(
            f"{who} is given different numbers of steps: {what}." if lengths else f"{who} has no number of steps.",
            why="each step takes one item of every array in xs" if lengths else "there is no array in xs, and no length",
            fix="pass arrays whose first axes are equally long" if lengths else "pass length=n",
        )
    )


def _unrolled(body: Body, loop: Loop, unroll: int, init: list[Any], xs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Run a loop with ``unroll`` steps at once, and what is left over one by one."""
    n = loop.length or 0
    if unroll <= 1 or n < 2:
        return loop.bind(body.jaxpr, body.hoisted, init, xs)
    unroll = min(unroll, n)
    whole = n - n % unroll
    starts = (n - whole, 0) if loop.reverse else (0, whole)
    main = [reshape_p.bind(x[starts[0] : starts[0] + whole], shape=(whole // unroll, unroll, *shape_of(x)[1:])) for x in xs]
    rest = [x[starts[1] : starts[1] + n - whole] for x in xs]
    carry, ys = loop._replace(length=whole // unroll).bind(_several_steps(body, loop, unroll), body.hoisted, init, main)
    ys = [reshape_p.bind(y, shape=(whole, *shape_of(y)[2:])) for y in ys]
    if whole == n:
        return carry, ys
    carry, more = loop._replace(length=n - whole).bind(body.jaxpr, body.hoisted, carry, rest)
    order = (more, ys) if loop.reverse else (ys, more)
    return carry, [np.concatenate(pair) for pair in zip(*order, strict=True)]


def _several_steps(body: Body, loop: Loop, unroll: int) -> Any:
    """The program of ``unroll`` steps, over xs with that many items."""
    jaxpr = body.jaxpr

    def steps(*args: Any) -> list[Any]:
        consts, carry, xs = loop.cut(args)
        ys = []
        for i in range(unroll)[:: -1 if loop.reverse else 1]:
            carry, y = cut(eval_jaxpr(jaxpr, *consts, *carry, *(x[i] for x in xs)), loop.num_carry)
            ys.append(y)
        return [*carry, *(cnp.stack(column) for column in zip(*ys[:: -1 if loop.reverse else 1], strict=True))]

    consts, carry, xs = loop.cut(jaxpr.in_avals)
    key = ("several steps", unroll, loop.num_consts, loop.num_carry, loop.reverse)
    return jaxpr.derived(key, lambda: staged(steps, [*consts, *carry, *(a.batched(unroll, 0) for a in xs)]))
