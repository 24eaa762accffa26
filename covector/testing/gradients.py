"""``check_grads``: the derivatives of a function against numerical ones, in both modes, to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import typeof
from covector.core.pytrees import tree_flatten, tree_leaves, tree_paths, tree_unflatten
from covector.testing.numerical import (
    disagreement,
    exact_tolerance,
    finite_difference,
    inner,
    is_inexact,
    precision,
    random_like,
)
from covector.transforms.autodiff import jvp, vjp

Function = Callable[..., Any]


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 1,
    modes: str | Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check the derivatives of a function at a point, in random directions.

    Forward mode (``jvp``) is compared with finite differences.  Reverse mode (``vjp``) is compared with forward mode by
    ``Re(ct · J t) = Re((Jᵀ ct) · t)``, without conjugation.  For an order above 1 the same is done for the functions
    ``x -> jvp(f, x, t)`` and ``x -> vjp(f, x)(ct)``, which takes every combination of modes.

    Args:
        f: a function of pytrees of real or complex arrays (integers are held constant), smooth around the point.
        args: its arguments, a tuple or list.
        order: the highest order of derivatives.
        modes: ``"fwd"``, ``"rev"`` or both.
        atol: absolute tolerance; by default from the precision of the dtypes.
        rtol: tolerance relative to the largest element; likewise.
        eps: the step of the finite differences; likewise.

    Raises:
        AssertionError: a derivative is wrong; says which mode, which order, and in which argument.

    Example:
        >>> from covector import elementwise
        >>> check_grads(lambda x: np.sum(np.sin(x) ** 2), (np.array([0.5, 1.0]),), order=2)
        >>> wrong = elementwise("wrong_square", np.square, lambda out, x: 3 * x)
        >>> check_grads(wrong, (2.0,))
        Traceback (most recent call last):
            ...
        AssertionError: forward mode of wrong_square disagrees with finite differences ...
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"modes are 'fwd' and 'rev', got {modes}")
    if not isinstance(args, (tuple, list)):
        raise TypeError(f"args is a tuple of the arguments, got a {type(args).__name__}")
    if order < 1:
        raise ValueError(f"the order is at least 1, got {order}")
    _GradientCheck(getattr(f, "__name__", repr(f)), modes, (atol, rtol, eps), order, tuple(args)).check(f, 1, ())


class _GradientCheck:
    def __init__(self, name: str, modes: Sequence[str], tolerances: tuple[Any, Any, Any], order: int, args: tuple[Any, ...]):
        self.name = name
        self.modes = modes
        self.atol, self.rtol, self.eps = tolerances
        self.order = order
        self.leaves, self.treedef = tree_flatten(args)
        self.paths = tree_paths(args)
        self.rng = np.random.default_rng(order)

    def check(self, f: Function, order: int, made_by: tuple[str, ...]) -> None:
        """Check the first derivative of ``f``, which is a derivative of the function, ``made_by`` these modes."""
        tangents = [random_like(self.rng, x) for x in self.leaves]
        cts = [random_like(self.rng, o) for o in self.flat(f)(*self.leaves)]
        if "fwd" in self.modes:
            self.forward(f, tangents, order, made_by)
            if order < self.order:
                self.check(lambda *xs: self.push(f, xs, tangents), order + 1, (*made_by, "fwd"))
        if "rev" in self.modes:
            self.reverse(f, tangents, cts, order, made_by)
            if order < self.order:
                self.check(lambda *xs: self.pull(f, xs, cts), order + 1, (*made_by, "rev"))

    def flat(self, f: Function) -> Callable[..., list[Any]]:
        return lambda *leaves: tree_leaves(f(*tree_unflatten(self.treedef, leaves)))

    def push(self, f: Function, args: Any, tangents: Sequence[Any]) -> list[Any]:
        """The inexact leaves of the output tangent."""
        leaves = tree_leaves(tuple(args))
        _, out = jvp(lambda *xs: [o for o in self.flat(f)(*xs) if is_inexact(o)], leaves, tangents)
        return out  # type: ignore[no-any-return]

    def pull(self, f: Function, args: Any, cts: Sequence[Any]) -> list[Any]:
        """The cotangents of the inexact leaves of the arguments."""
        _, pullback = vjp(self.flat(f), *tree_leaves(tuple(args)))
        return [ct for ct in pullback(list(cts)) if is_inexact(ct)]

    def forward(self, f: Function, tangents: list[Any], order: int, made_by: tuple[str, ...]) -> None:
        wrong = self.forward_error(f, tangents)
        if wrong is None:
            return
        for i, alone in self.one_at_a_time(tangents):
            by_argument = self.forward_error(f, alone)
            if by_argument is not None:
                raise self.error("forward mode", "finite differences", order, made_by, self.place(i), by_argument)
        raise self.error("forward mode", "finite differences", order, made_by, "in all arguments together", wrong)

    def forward_error(self, f: Function, tangents: list[Any]) -> str | None:
        derivative = finite_difference(self.flat(f), self.leaves, tangents, self.eps)
        expected = [(d, e) for d, e in zip(derivative.values, derivative.errors, strict=True) if d is not None]
        found = self.push(f, self.leaves, tangents)
        for i, (out, (value, error)) in enumerate(zip(found, expected, strict=True)):
            tolerance = max(derivative.precision ** (2 / 3) * 30, exact_tolerance([out]))
            atol, rtol = (tolerance if t is None else t for t in (self.atol, self.rtol))
            slack = 0.1 * error if self.atol is None and self.rtol is None else 0.0
            wrong = disagreement(out, value, rtol, slack + max(atol - rtol, 0))
            if wrong is not None:
                return (f"output {i} " if len(found) > 1 else "") + wrong
        return None

    def reverse(self, f: Function, tangents: list[Any], cts: list[Any], order: int, made_by: tuple[str, ...]) -> None:
        found_cts = iter(self.pull(f, self.leaves, cts))
        outs = [o for o in self.flat(f)(*self.leaves) if is_inexact(o)]
        used_cts = [ct for ct in cts if ct is not None]
        reference = "forward mode" if "fwd" in self.modes else "finite differences"
        for i, alone in self.one_at_a_time(tangents):
            ct = next(found_cts)
            aval, wanted = typeof(ct), typeof(self.leaves[i]).tangent()
            if (aval.shape, aval.dtype) != (wanted.shape, wanted.dtype):
                wrong = f"the cotangent is of type {aval}, and should be {wanted}"
                raise self.error("reverse mode", reference, order, made_by, self.place(i), wrong)
            pushed = self.push(f, self.leaves, alone) if "fwd" in self.modes else self.approximate(f, alone)
            expected, size = inner(used_cts, pushed)
            found, other_size = inner([ct], [alone[i]])
            eps = precision([*self.leaves, *outs])
            base = eps**0.75 if "fwd" in self.modes else max(eps ** (2 / 3) * 30, 1e-7)
            scale = 4 * base * max(1.0, size, other_size)
            allowed = scale if self.atol is None and self.rtol is None else (self.atol or 0) + (self.rtol or 0) * max(size, 1.0)
            if not abs(found - expected) <= allowed and not (np.isnan(found) and np.isnan(expected)):
                wrong = f"Re(ct · J t) = Re(Jᵀct · t) does not hold: found {found}, expected {expected}\n  Jᵀct = {ct!r}"
                raise self.error("reverse mode", reference, order, made_by, self.place(i), wrong)

    def approximate(self, f: Function, tangents: list[Any]) -> list[Any]:
        return [d for d in finite_difference(self.flat(f), self.leaves, tangents, self.eps).values if d is not None]

    def one_at_a_time(self, tangents: list[Any]) -> list[tuple[int, list[Any]]]:
        """For each inexact argument the direction in which it moves alone."""
        places = [i for i, t in enumerate(tangents) if t is not None]
        return [(i, [t if i == j else None for j, t in enumerate(tangents)]) for i in places]

    def place(self, leaf: int) -> str:
        path = self.paths[leaf].removeprefix("[")
        position, _, inside = path.partition("]")
        return f"in argument {position}{inside}"

    def error(self, mode: str, against: str, order: int, made_by: tuple[str, ...], place: str, wrong: str) -> AssertionError:
        over = "".join(f" over {'forward' if m == 'fwd' else 'reverse'} mode" for m in reversed(made_by))
        return AssertionError(f"{mode}{over} of {self.name} disagrees with {against} at order {order}, {place}: {wrong}")
