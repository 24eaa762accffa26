"""Linear maps as values: the functions that `vjp`, `linearize` and `linear_transpose` return.

They are pytrees, whose leaves are the residuals.  So they go in and out of compiled functions, loops, batches and the residuals
of custom rules like any other value.  A pullback keeps the tape that was recorded, and closes it only when it is taken apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, Zero, instantiate, typeof
from covector.core.jaxpr import Jaxpr
from covector.core.memory import own_results
from covector.core.pytrees import register_when_needed, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.linearize import LinearProgram
from covector.interpreters.residuals import opened, program_with, with_backward_staged
from covector.interpreters.transpose import transpose_program
from covector.primitives.arrays.shaping import convert_to, in_type
from covector.transforms.arguments import like_tangent, tangent_leaves
from covector.transforms.typing import R


class Form:
    """What the arguments and the result of a function look like that a linear map is the derivative of, and its name.

    Two are equal whatever the names are.
    """

    __slots__ = ("in_avals", "in_tree", "name", "out_avals", "out_tree")

    def __init__(self, in_tree: Any, in_avals: tuple[Any, ...], out_tree: Any, out_avals: tuple[Any, ...], name: str):
        self.in_tree = in_tree
        self.in_avals = in_avals
        self.out_tree = out_tree
        self.out_avals = out_avals
        self.name = name

    def _compared(self) -> tuple[Any, ...]:
        return self.in_tree, self.in_avals, self.out_tree, self.out_avals

    def __eq__(self, other: object) -> bool:
        return type(other) is Form and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())


class IntegerVector(ShapedArray):
    """The type of integers that a linear function maps: they are their own cotangents, not values without a derivative."""

    __slots__ = ()

    def __init__(self, shape: Any, dtype: Any, weak_type: bool = False):
        super().__init__(shape, dtype, weak_type)
        self.is_differentiable = True

    def strengthened(self) -> ShapedArray:
        return IntegerVector(self.shape, self.dtype)

    __hash__ = ShapedArray.__hash__


def linear_type(aval: Any) -> Any:
    """The type of an argument or a result of a linear function."""
    is_integer = isinstance(aval, ShapedArray) and aval.dtype.kind in "iu"
    return IntegerVector(aval.shape, aval.dtype, aval.weak_type) if is_integer else aval


class Parts(NamedTuple):
    """A linear map taken apart: an opened program (see `opened`), and the values of its leading inputs."""

    jaxpr: Jaxpr
    residuals: Sequence[Any]

    def fitting(self, who: str) -> list[Any]:
        """The residuals in the types that the program was recorded for: on their way, numbers may have become arrays."""
        return [_fitted(x, v.aval, who) for x, v in zip(self.residuals, self.jaxpr.in_vars, strict=False)]


def _fitted(x: Any, aval: Any, who: str) -> Any:
    found = typeof(x)
    if found == aval or not (isinstance(found, ShapedArray) and isinstance(aval, ShapedArray)):
        return x
    if found.shape != aval.shape:
        raise errors.TreeMismatchError(
            f"{who} has a residual of type {found}, and was made with {aval}.",
            why="it came out of a batch or a loop, so it is many linear maps, one for each example or step",
            fix="apply it inside vmap, as in vmap(lambda pullback, ct: pullback(ct))(pullbacks, cts), or in scan",
        )
    return in_type(x, aval)


class Pullback:
    """The map from cotangents of a function's output to cotangents of its arguments; see `vjp`.

    It is a pytree: its leaves are the residuals.
    """

    __slots__ = ("__weakref__", "form", "parts", "program")

    def __init__(self, form: Form, program: LinearProgram | None, parts: Parts | None = None):
        self.form = form
        self.program = program
        self.parts = parts

    @hides_frames
    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        form, program = self.form, self.program
        if program is None:
            assert self.parts is not None
            program = program_with(self.parts.jaxpr, self.parts.fitting(form.name), differentiable(form.in_avals))
        cts = tangent_leaves([cotangent], form.out_tree, "cotangents", form.name)
        cts = [like_tangent(ct, a, "cotangent", form.name) for ct, a in zip(cts, form.out_avals, strict=True)]
        return tuple(tree_unflatten(form.in_tree, finished(transpose_program(program, cts), form.in_avals, cts)))

    def __repr__(self) -> str:
        return f"<{self.form.name}>"

    def __reduce__(self) -> Any:
        residuals, kept = _flatten(self)
        return _pullback, (kept, residuals)

    def taken_apart(self) -> Parts:
        """The opened program and its residuals."""
        if self.parts is None:
            assert self.program is not None
            self.parts = _parts(*self.program.closed())
        return self.parts


class LinearMap(Generic[R]):
    """The derivative of a function at a point, a function of tangents; see `linearize`.

    It is a pytree: its leaves are the residuals.

    Attributes:
        jaxpr: the linear program.
    """

    __slots__ = ("__weakref__", "form", "jaxpr", "parts", "residuals")

    def __init__(self, form: Form, jaxpr: Jaxpr, residuals: Sequence[Any] | None, parts: Parts | None = None):
        self.form = form
        self.jaxpr = jaxpr
        self.residuals = residuals
        self.parts = parts

    @hides_frames
    def __call__(self, *tangents: Any) -> R:
        form = self.form
        given = tangent_leaves(list(tangents), form.in_tree, "tangents", form.name)
        given = [like_tangent(t, a, "tangent", form.name) for t, a in zip(given, form.in_avals, strict=True)]
        inputs = [instantiate(t) for t, p in zip(given, differentiable(form.in_avals), strict=True) if p]
        residuals = self.residuals
        if residuals is None:
            assert self.parts is not None
            residuals = self.parts.fitting(form.name)
        results = own_results(eval_jaxpr(self.jaxpr, *residuals, *inputs), [*self.jaxpr.consts.values(), *residuals, *inputs])
        (tangent,) = tree_unflatten(form.out_tree, results)
        return tangent  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{self.form.name}>"

    def __reduce__(self) -> Any:
        residuals, kept = _flatten(self)
        return _linear_map, (kept, residuals)

    def taken_apart(self) -> Parts:
        """The opened program and its residuals."""
        if self.parts is None:
            assert self.residuals is not None
            self.parts = _parts(self.jaxpr, self.residuals)
        return self.parts


def _parts(jaxpr: Jaxpr, residuals: Sequence[Any]) -> Parts:
    """A linear map taken apart.  Its residuals can be seen from now on, so they are made read-only: the map still uses them."""
    parts = Parts(*with_backward_staged(*opened(jaxpr, residuals)))
    for x in parts.residuals:
        if issubclass(type(x), np.ndarray):
            x.setflags(write=False)
    return parts


def differentiable(avals: Sequence[Any]) -> list[bool]:
    """Which values have tangents: those that are floating or complex."""
    return [a.is_differentiable for a in avals]


def finished(cts: Sequence[Any], avals: Sequence[Any], given: Sequence[Any] = ()) -> list[Any]:
    """Cotangents as a user gets them: zeros made into arrays, none a Python number, each an array of its own.

    None shares memory with the cotangents ``given``, which the caller may go on to write to.
    """
    results = []
    for ct, aval in zip(cts, avals, strict=True):
        if type(ct) is not np.ndarray or ct.dtype is not aval.dtype:
            aval = aval.tangent().strengthened()
            ct = instantiate(Zero(aval)) if ct is None else convert_to(ct, aval.dtype)
        results.append(ct)
    return own_results(results, given)


def _flatten(linear: Pullback | LinearMap[Any]) -> tuple[Sequence[Any], tuple[Jaxpr, Form]]:
    parts = linear.taken_apart()
    return parts.residuals, (parts.jaxpr, linear.form)


def _pullback(kept: tuple[Jaxpr, Form], residuals: Sequence[Any]) -> Pullback:
    return Pullback(kept[1], None, Parts(kept[0], residuals))


def _linear_map(kept: tuple[Jaxpr, Form], residuals: Sequence[Any]) -> LinearMap[Any]:
    return LinearMap(kept[1], kept[0], None, Parts(kept[0], residuals))


register_when_needed(Pullback, _flatten, _pullback)
register_when_needed(LinearMap, _flatten, _linear_map)
