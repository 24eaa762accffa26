"""Loops as single operations: ``scan``, ``while_loop``, ``fori_loop``, ``map``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import covector.numpy as cnp
from covector.core import errors
from covector.core.avals import result_dtype, shape_of, typeof
from covector.core.context import jit_is_disabled
from covector.core.memory import own_results
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_map, tree_paths, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import cut, staged
from covector.lax.carries import Body, Tree, flat, traced_body
from covector.lax.checkpointing.checkpointed import check_option, checkpointed_scan, in_blocks
from covector.lax.checkpointing.online import checkpointed_while
from covector.primitives.arrays.shaping import as_python_number, convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.programs.scan import Loop
from covector.primitives.programs.while_loop import bind_while, is_known
from covector.transforms import options
from covector.transforms.arguments import check_functions, function_name, kind_of, transformed, wrong_argument
from covector.transforms.tracing import traced
from covector.transforms.vmap import vmap


@hides_frames
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    progress: str | None = None,
    checkpoint: str | int | None = None,
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
        checkpoint: how to save memory in reverse mode, where by default the residuals of each step are kept.  ``"sqrt"`` keeps
            about ``sqrt(n)`` carries and computes each step once more; an integer is the number of carries to keep, with as few
            steps computed again as is possible (binomial checkpointing); ``"binomial"`` chooses that number, about
            ``(6 n) ** (1/3)``, such that no step is computed more than three times.

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
    check_functions("scan(f, init, xs)", f=f)
    who = transformed("scan", f)
    check_option(checkpoint, ("sqrt", "binomial"), who.name)
    carry, columns = flat(init, who.name), flat(xs, who.name)
    n = _number_of_steps(columns, length, who.name)
    options.flag(reverse, "reverse", who.name)
    _check_unroll(unroll, who.name)
    if jit_is_disabled() and n:  # what a step gives out is known only from a step
        return _python_scan(f, init, columns, n, reverse, who.name)
    x_avals = [typeof(x).example(0) for x in columns.leaves]
    body = traced_body(f, carry, [columns], x_avals, lambda result: _pair(result, who.name), who, "scan")
    loop = Loop(len(body.hoisted), len(carry.leaves), n, bool(reverse), progress)
    init_leaves = body.converted(carry.leaves)
    if checkpoint is None:
        final, ys = _unrolled(body, loop, unroll, init_leaves, columns.leaves)
    else:
        final, ys = checkpointed_scan(body, loop, checkpoint, init_leaves, columns.leaves)
    results = own_results([*final, *ys], [*init_leaves, *columns.leaves])
    return tree_unflatten(carry.treedef, results[: len(final)])[0], tree_unflatten(body.out_tree, results[len(final) :])[0]


def _python_scan(f: Callable[..., Any], carry: Any, columns: Tree, n: int, reverse: bool, who: str) -> tuple[Any, Any]:
    """The loop in Python, for `disable_jit`."""
    ys: list[Any] = [None] * n
    for i in range(n)[:: -1 if reverse else 1]:
        (x,) = tree_unflatten(columns.treedef, [column[i] for column in columns.leaves])
        carry, ys[i] = _pair(f(carry, x), who)
    return carry, tree_map(lambda *items: cnp.stack(items), *ys)


def _pair(result: Any, who: str) -> tuple[Any, Any]:
    if isinstance(result, tuple) and len(result) == 2:
        return result
    raise errors.ArgumentError(
        f"{who}: the function returned {kind_of(result)}.",
        why="each step returns a pair: the next carry and the output of the step",
        fix="return (carry, y), with None for y if there is none",
    )


def _number_of_steps(columns: Tree, length: int | None, who: str) -> int:
    shapes = [shape_of(x) for x in columns.leaves]
    if length is None and shapes and shapes[0] and all(s and s[0] == shapes[0][0] for s in shapes):
        return shapes[0][0]
    scalars = [i for i, shape in enumerate(shapes) if not shape]
    paths = tree_paths(tree_unflatten(columns.treedef, columns.leaves))
    if scalars:
        raise errors.ArgumentError(
            f"{who} got xs{paths[scalars[0]][3:]} of type {typeof(columns.leaves[scalars[0]])}, which has no axis.",
            why="the first axis of each array in xs enumerates the steps",
            fix="close over values that are the same in each step, or put them into the carry; n steps are length=n",
        )
    lengths = {f"xs{path[3:]}": shape[0] for path, shape in zip(paths, shapes, strict=True)}
    if length is not None:
        lengths["length"] = options.count(length, "length", who)
    if len(set(lengths.values())) == 1:
        return next(iter(lengths.values()))
    what = ", ".join(f"{name} has {n}" for name, n in lengths.items())
    raise errors.ArgumentError(
        f"{who} is given different numbers of steps: {what}." if lengths else f"{who} has no number of steps.",
        why="each step takes one item of every array in xs" if lengths else "there is no array in xs, and no length",
        fix="pass arrays whose first axes are equally long" if lengths else "pass length=n",
    )


def _unrolled(body: Body, loop: Loop, unroll: int | bool, init: list[Any], xs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Run a loop with ``unroll`` steps at once, and what is left over one by one."""
    n = loop.length or 0
    unroll = n if unroll is True else int(unroll)
    if unroll <= 1 or n < 2:
        return loop.bind(body.jaxpr, body.hoisted, init, xs)
    unroll = min(unroll, n)
    return in_blocks(body, loop, _several_steps(body, loop, unroll), unroll, init, xs, rest=loop)


def _check_unroll(unroll: Any, who: str) -> None:
    if not isinstance(unroll, bool):
        options.count(unroll, "unroll", who, 1)


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
    return jaxpr.once(key, lambda: staged(steps, [*consts, *carry, *(a.batched(unroll, 0) for a in xs)]))


@hides_frames
def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, checkpoint: int | None = None
) -> Any:
    """Repeat ``val = body_fun(val)`` as long as ``cond_fun(val)`` holds.

    All transformations apply, reverse mode included: the residuals of an unknown number of steps are kept in stacks.  Under
    ``vmap`` each example has as many steps as it would have alone; where values are known, a step is computed only for the
    examples that are not done.

    Args:
        cond_fun: a function from the carry to a boolean scalar.
        body_fun: a function from the carry to the next one, of the same structure, shapes and dtypes; a Python number takes the
            dtype that the function gives it.
        init_val: the first carry, a pytree of arrays.
        checkpoint: for reverse mode the number of carries to keep, instead of the residuals of all steps; as many again may be
            kept during the backward pass, since a pullback can be called twice.  For up to
            ``(s + 1) (s + 2) / 2`` steps with s carries no step is computed more than twice, nor are more than must be; see
            `covector.lax.checkpointing.slots` for longer loops.

    Raises:
        CarryTypeError: the carry comes back in another structure, shape or dtype.
        ArgumentError: ``cond_fun`` does not return a boolean scalar.

    Example:
        >>> def collatz(n):
        ...     step = lambda c: (np.where(c[0] % 2 == 1, 3 * c[0] + 1, c[0] // 2), c[1] + 1)
        ...     return while_loop(lambda c: c[0] > 1, step, (n, 0))[1]
        >>> int(collatz(27)), vmap(collatz)(np.array([1, 7, 27]))
        (111, array([  0,  16, 111]))
    """
    check_functions("while_loop(cond_fun, body_fun, init_val)", cond_fun=cond_fun, body_fun=body_fun)
    who = transformed("while_loop", body_fun)
    if jit_is_disabled() and is_known(goes_on := cond_fun(init_val)):
        while goes_on:
            init_val = body_fun(init_val)
            goes_on = cond_fun(init_val)
        return init_val
    carry = flat(init_val, who.name)
    body = traced_body(body_fun, carry, [], [], lambda result: (result, None), who, "while_loop")
    of_condition = who._replace(name=f"the condition of {who.name}")
    condition = traced(cond_fun, "condition", carry.treedef, body.carry_avals, of_condition, part=True)
    check_option(checkpoint, (), who.name)
    _check_condition(condition.jaxpr.out_avals, function_name(cond_fun), who.name)
    args = [condition.hoisted, body.hoisted, body.converted(carry.leaves)]
    if checkpoint is None:
        outs, _ = bind_while(condition.jaxpr, body.jaxpr, args, None)
    else:
        outs = checkpointed_while(condition.jaxpr, body, int(checkpoint), args, who.name)
    return tree_unflatten(carry.treedef, own_results(outs, carry.leaves))[0]


def _check_condition(avals: list[Any], name: str, who: str) -> None:
    if len(avals) == 1 and avals[0].shape == () and avals[0].dtype.kind == "b":
        return
    raise errors.ArgumentError(
        f"{who}: the condition {name} returned {avals[0] if len(avals) == 1 else f'{len(avals)} values'}.",
        why="whether the loop goes on is one boolean",
        fix="return a comparison of scalars; np.any or np.all makes one of an array",
    )


FORI = "fori_loop(lower, upper, body_fun, init_val)"


@hides_frames
def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool = 1,
    progress: str | None = None,
) -> Any:
    """Repeat ``val = body_fun(i, val)`` for i from ``lower`` to ``upper - 1``.

    Args:
        lower: the first i, a scalar.
        upper: the end, which i does not reach.
        body_fun: a function of i and the carry that returns the next carry, as for `while_loop`.  i counts as a Python number:
            what is computed with it keeps its own dtype.
        init_val: the first carry.
        unroll: as for `scan`; only where both bounds are known.
        progress: show a bar with this label; only where both bounds are known.

    With known bounds this is a `scan`, else a `while_loop`; it is differentiable either way.

    Example:
        >>> float(fori_loop(0, 3, lambda i, x: x * 2.0 + i, 1.0))
        12.0
    """
    check_functions(FORI, body_fun=body_fun)
    _check_unroll(unroll, f"fori_loop of {function_name(body_fun)}")
    bounds = [_bound(x, name) for x, name in ((lower, "lower"), (upper, "upper"))]
    dtype = result_dtype(*[typeof(x) for x in bounds])
    who = transformed("fori_loop", body_fun)
    if not any(isinstance(x, TracerBase) for x in bounds):
        first, n = bounds[0], max(0, math.ceil(bounds[1] - bounds[0]))
        if jit_is_disabled():
            for i in range(n):
                init_val = body_fun(first + i, init_val)
            return init_val
        carry, columns = flat(init_val, who.name), flat(np.asarray(first + np.arange(n), dtype), who.name)
        index_avals = [typeof(x).example(0) for x in columns.leaves]
        body = traced_body(body_fun, carry, [columns], index_avals, lambda result: (result, None), who, "fori_loop")
        loop = Loop(len(body.hoisted), len(carry.leaves), n, False, progress)
        final, _ = _unrolled(body, loop, unroll, body.converted(carry.leaves), columns.leaves)
        return tree_unflatten(carry.treedef, own_results(final, carry.leaves))[0]
    if progress is not None or unroll not in (1, False):
        option = "progress" if progress is not None else "unroll"
        raise errors.ArgumentError(
            f"{who.name} got {option}, but its number of steps is not known.",
            why=f"lower is {typeof(lower)} and upper is {typeof(upper)}, of which one is traced",
            fix=f"make the bounds Python integers (static under jit), or leave {option} out",
        )
    first, end = (convert_to(x, dtype) for x in bounds)
    is_exact = dtype.kind == "i"  # sums of ones are not, of decimal numbers: these are counted in steps
    start, stop = (first, end) if is_exact else (0, np.ceil(end - first))

    def step(counted: Any) -> Any:
        k, value = counted
        return k + 1, body_fun(as_python_number(k if is_exact else first + k), value)

    step.__qualname__ = function_name(body_fun)
    return while_loop(lambda counted: counted[0] < stop, step, (start, init_val))[1]


def _bound(x: Any, name: str) -> Any:
    """A bound as a Python number where it is known, in one of their precisions where it is not."""
    if callable(x):
        raise wrong_argument(FORI, name, x, "a number")
    aval = typeof(x)
    if aval.shape or aval.dtype.kind not in "iuf":
        raise errors.ArgumentError(f"fori_loop got {name} of type {aval}.", fix="pass a real scalar")
    if aval.dtype.kind == "f":  # a traced one may have a derivative, and so then has i
        return convert_to(x, np.dtype(np.float64)) if isinstance(x, TracerBase) else float(x)
    known = concrete(x)
    if known is not None:
        return int(known)
    if aval.dtype == np.uint64:
        why = "it counts in int64, which has not all of these numbers"
        raise errors.ArgumentError(f"fori_loop got {name} of type {aval}.", why=why, fix=f"pass np.astype({name}, np.int64)")
    return convert_to(x, np.dtype(np.int64))


@hides_frames
def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None, progress: str | None = None) -> Any:
    """``f`` of each item of ``xs``, one after the other, stacked.

    Args:
        f: a function of a pytree of arrays.
        xs: a pytree of arrays whose first axis enumerates the items.
        batch_size: compute so many items at once, by `vmap`.
        progress: show a bar with this label.

    Example:
        >>> map(lambda x: np.sum(x**2), np.arange(6.0).reshape(3, 2))
        array([ 1., 13., 41.])
    """
    check_functions("map(f, xs)", f=f)
    if batch_size is None:
        return scan(lambda _, x: (None, f(x)), None, xs, progress=progress)[1]
    size = options.count(batch_size, "batch_size", f"map of {function_name(f)}", 1)
    n = _number_of_steps(flat(xs, f"map of {function_name(f)}"), None, f"map of {function_name(f)}")
    size = max(1, min(size, n))
    whole = n - n % size
    parts = tree_map(lambda x: np.reshape(x[:whole], (whole // size, size, *shape_of(x)[1:])), xs)
    _, ys = scan(lambda _, x: (None, vmap(f)(x)), None, parts, progress=progress)
    ys = tree_map(lambda y: np.reshape(y, (whole, *shape_of(y)[2:])), ys)
    if whole == n:
        return ys
    return tree_map(lambda a, b: np.concatenate([a, b]), ys, vmap(f)(tree_map(lambda x: x[whole:], xs)))


@hides_frames
def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative operation along an axis, in about ``2 log2(n)`` rounds of whole-array operations.

    Args:
        fn: an associative function of two pytrees of arrays, which must work on many pairs at once along ``axis``.
        elems: a pytree of arrays of the same length along ``axis``.
        reverse: from the last to the first.
        axis: the axis that enumerates the elements.

    Returns:
        A pytree like ``elems``, whose item i combines the items up to i.

    The algorithm is the odd-even recursion of Blelloch (Prefix sums and their applications, 1990).

    Example:
        >>> associative_scan(np.multiply, np.array([1.0, 2.0, 3.0, 4.0]))
        array([ 1.,  2.,  6., 24.])
    """
    check_functions("associative_scan(fn, elems)", fn=fn)
    who = transformed("associative_scan", fn)
    tree = flat(elems, who.name)
    leaves = [np.moveaxis(x, axis, 0) for x in tree.leaves]
    lengths = {shape_of(x)[0] for x in leaves}
    if len(lengths) != 1:
        raise errors.ArgumentError(
            f"{who.name} got arrays of lengths {sorted(lengths)} along axis {axis}.",
            fix="pass arrays of one length along axis",
        )

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        first, second = (tree_unflatten(tree.treedef, [np.moveaxis(x, 0, axis) for x in ys])[0] for ys in (a, b))
        result = flat(fn(first, second), who.name)
        return [np.moveaxis(x, axis, 0) for x in result.leaves]

    leaves = [x[::-1] for x in leaves] if reverse else leaves
    outs = _prefixes(combine, leaves)
    outs = [x[::-1] for x in outs] if reverse else outs
    return tree_unflatten(tree.treedef, own_results([np.moveaxis(x, 0, axis) for x in outs], tree.leaves))[0]


def _prefixes(combine: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any]) -> list[Any]:
    n = shape_of(xs[0])[0]
    if n < 2:
        return xs
    pairs = combine([x[: n - 1 : 2] for x in xs], [x[1::2] for x in xs])
    odd = _prefixes(combine, pairs)
    if n == 2:
        even = [x[:1] for x in xs]
    else:
        before = [x[: (n - 1) // 2] for x in odd]
        rest = combine(before, [x[2::2] for x in xs])
        even = [np.concatenate([x[:1], r]) for x, r in zip(xs, rest, strict=True)]
    return [_interleaved(a, b) for a, b in zip(even, odd, strict=True)]


def _interleaved(a: Any, b: Any) -> Any:
    """``a[0], b[0], a[1], b[1], ...``, of which ``a`` may be longer by one."""
    m = shape_of(b)[0]
    both = np.reshape(np.stack([a[:m], b], axis=1), (2 * m, *shape_of(b)[1:]))
    return both if shape_of(a)[0] == m else np.concatenate([both, a[m:]])
