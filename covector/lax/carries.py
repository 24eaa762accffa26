"""Tracing the body of a loop: a program whose carries come back as they were given.

A Python number in a carry takes the dtype that the body gives it: ``0`` becomes a float where floats are added to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from covector.core import errors
from covector.core.avals import ShapedArray, result_dtype, typeof, with_varying
from covector.core.keys import names_in
from covector.core.pytrees import tree_paths, tree_unflatten
from covector.interpreters.programs import cut
from covector.interpreters.stage import stage
from covector.lax.outcomes import Outcome, found_before, have_risen, new_pass, note
from covector.primitives.arrays.shaping import as_python_number, convert_to, strengthened
from covector.transforms.arguments import Transformed, flatten_result, flatten_values
from covector.transforms.caches import Traced, kept


class Tree(NamedTuple):
    """A flattened pytree."""

    leaves: list[Any]
    treedef: Any

    @property
    def avals(self) -> list[Any]:
        return [typeof(x) for x in self.leaves]


def flat(tree: Any, who: str) -> Tree:
    """A pytree of values, flattened and checked."""
    leaves, treedef = flatten_values([tree], who)
    return Tree(leaves, treedef)


class Body(Traced):
    """A traced body: ``jaxpr : (*hoisted, *carry, *rest) -> (*carry, *outputs)``.

    Attributes:
        carry_avals: the types that the loop gives its carries.
        inner: what the loops in it found.
    """

    __slots__ = ("carry_avals", "inner")

    carry_avals: list[ShapedArray]
    inner: Sequence[Outcome]

    def converted(self, carry: Sequence[Any]) -> list[Any]:
        """The initial carries in the types that the loop gives them."""
        return [convert_to(x, a.dtype) if typeof(x) != a else x for x, a in zip(carry, self.carry_avals, strict=True)]


def traced_body(
    f: Callable[..., Any],
    carry: Tree,
    rest: Sequence[Tree],
    rest_avals: Sequence[Any],
    split: Callable[[Any], tuple[Any, Any]],
    who: Transformed,
    kind: str,
) -> Body:
    """Trace ``f(carry, *rest)``, whose result ``split`` divides into the next carry and the other outputs.

    The function of a ``fori_loop`` takes the index first, as a Python number.
    """
    call: Callable[..., Any] = (lambda carry, i: f(as_python_number(i), carry)) if kind == "fori_loop" else f

    def step(wanted: Sequence[Any], *args: Any) -> tuple[list[Any], Any]:
        new, outputs = split(call(*unflattened([carry, *rest], args)))
        leaves, treedef = flatten_result(new, who.name)
        _check_structure(carry.treedef, treedef, new, who)
        found = [typeof(x) for x in leaves]
        outs, out_tree = flatten_result(outputs, who.name)
        leaves = [convert_to(x, a.dtype) if typeof(x).weak_type else x for x, a in zip(leaves, wanted, strict=True)]
        return [*leaves, *map(strengthened, outs)], (found, out_tree)

    trees = [carry.treedef, *(r.treedef for r in rest)]
    key = (kind, *trees, *map(names_in, trees), *carry.avals, *rest_avals)
    body = kept(f, key, lambda: _with_types_found(step, carry, rest_avals, who, f))
    note(f, body.carry_avals, [typeof(x) for x in body.hoisted], body.inner)
    return body


def _with_types_found(step: Any, carry: Tree, rest_avals: Sequence[Any], who: Transformed, f: Callable[..., Any]) -> Body:
    """Trace the step of a loop in passes, until the types of its carries stay."""
    wanted = carry.avals
    before = found_before(f)
    inner: Sequence[Outcome] = () if before is None else before.inner
    if before is not None:
        fits = [_joined(a, b) for a, b in zip(wanted, before.carry, strict=False)] == before.carry
        before, wanted = (before, before.carry) if fits and len(wanted) == len(before.carry) else (None, wanted)
    while True:
        try:
            with new_pass(inner) as this:
                jaxpr, hoisted, (found, out_tree) = stage(partial(step, wanted), [*wanted, *rest_avals], *who, part=True)
        except Exception:
            if before is None:
                raise
            before, inner, wanted = None, (), carry.avals  # the types of the pass before are too low by now
            continue
        inner = this.found
        joined = [_joined(a, b) for a, b in zip(wanted, found, strict=True)]
        common = [a for a in joined if a is not None]
        stays = common == wanted and not any(a.weak_type for a in wanted)
        if before is not None and not (stays and have_risen(before.closed_over, [typeof(x) for x in hoisted])):
            before, wanted = None, carry.avals  # it is another loop, after all
            continue
        if len(common) < len(joined):
            raise _type_error(carry, wanted, found, joined.index(None), who)
        if stays:
            body = Body(jaxpr, hoisted, out_tree)
            body.carry_avals, body.inner = wanted, inner
            return body
        wanted = [a.strengthened() for a in common] if common == wanted else common


def unflattened(trees: Sequence[Tree], leaves: Sequence[Any]) -> list[Any]:
    """Other leaves in the structures of these trees."""
    parts = cut(leaves, *(len(t.leaves) for t in trees))
    return [x for t, part in zip(trees, parts, strict=False) for x in tree_unflatten(t.treedef, part)]


def _joined(begins: Any, returns: Any) -> Any:
    """The type of a carry that begins as one and comes back as the other; None if there is none.

    It varies over all named axes that either does.
    """
    joined = _joined_types(begins, returns)
    return None if joined is None else with_varying(joined, begins.varying | returns.varying)


def _joined_types(begins: Any, returns: Any) -> Any:
    if not (isinstance(begins, ShapedArray) and isinstance(returns, ShapedArray)):
        return begins if begins == returns else None
    if begins.shape != returns.shape:
        return None
    dtype = result_dtype(begins, returns)
    if dtype == begins.dtype:
        if not returns.weak_type and returns.dtype != dtype:
            return None
        return begins.strengthened() if begins.weak_type and not returns.weak_type else begins
    return ShapedArray(begins.shape, dtype, weak_type=returns.weak_type) if begins.weak_type else None


def _check_structure(wanted: Any, found: Any, new: Any, who: Transformed) -> None:
    if found == wanted:
        return
    begins = tree_paths(tree_unflatten(wanted, [0] * wanted.num_leaves))
    returns = tree_paths([new])
    differing = [f"{p[3:] or 'the carry'} is only in {where}" for p, where in _differences(begins, returns)]
    raise errors.CarryTypeError(
        f"the carry of {who.name} comes back in another structure: "
        + ("; ".join(differing[:4]) or _other_kind(wanted, found))
        + ".",
        why="each step is given the carry that the step before it returned" + _calls(who),
        fix="return the carry in the nested containers in which it begins",
    )


CALLS = {
    "scan": "; the function is called as f(carry, x), and returns (carry, y)",
    "fori_loop": "; the function is called as body_fun(i, val)",
    "while_loop": "; the condition is the first function of while_loop(cond_fun, body_fun, init_val), the step the second",
}


def _calls(who: Transformed) -> str:
    """How a loop calls its function, for the order of arguments may be what is wrong."""
    return CALLS.get(who.name.split()[0], "")


def _differences(begins: list[str], returns: list[str]) -> list[tuple[str, str]]:
    return [(p, "the initial carry") for p in begins if p not in returns] + [
        (p, "the result") for p in returns if p not in begins
    ]


def _other_kind(wanted: Any, found: Any) -> str:
    begins, returns = (f"a {type(tree_unflatten(t, [0] * t.num_leaves)[0]).__name__}" for t in (wanted, found))
    if begins == returns:
        return "its leaves are the same, but not what a container in it holds besides (the program of a linear map, say)"
    return f"it begins as {begins} and comes back as {returns}"


def _type_error(carry: Tree, wanted: Sequence[Any], found: Sequence[Any], i: int, who: Transformed) -> errors.CarryTypeError:
    path = tree_paths(tree_unflatten(carry.treedef, carry.leaves))[i].removeprefix("[0]")
    begins, returns = carry.avals[i], found[i]
    place = f"the carry{' at ' + path if path else ''}"
    fix = f"begin with an array of shape {returns.shape}, or return the carry in the shape in which it came"
    if begins.shape == returns.shape:
        fix = f"begin with init.astype({str(returns.dtype)!r}), or return new.astype({str(wanted[i].dtype)!r})"
    return errors.CarryTypeError(
        f"{place} of {who.name} begins as {begins} and comes back as {returns}.",
        why="each step is given what the step before it returned, so shape and dtype must stay (Python numbers adapt)"
        + _calls(who),
        fix=fix,
    )
