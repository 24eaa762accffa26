"""Solutions of equations, with the derivatives of the equation instead of the solver's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import AbstractValue, typeof
from covector.core.errors import CustomRuleError
from covector.core.pytrees import tree_map, tree_structure, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.closures import reachable_tracers
from covector.primitives.math.identity import stop_gradient_p
from covector.transforms.arguments import check_functions, flatten_values, function_name, kind_of, same_tree
from covector.transforms.autodiff import jvp, linear_transpose, linearize
from covector.transforms.custom_rules import custom_jvp, linear_call
from covector.transforms.staging import converted_closure


@hides_frames
def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """A root of ``f``, differentiated by the implicit function theorem.

    If ``f(x, a) = 0`` then ``dx = -(∂f/∂x)⁻¹ ∂f/∂a da``, however the root was found: the solver is not differentiated.

    Args:
        f: the function; derivatives are taken with respect to the values that it closes over.  Its output has the structure of
            its input.
        initial_guess: where to begin, a pytree of arrays; its derivative is zero.
        solve: ``solve(f, initial_guess) -> root``, or ``(root, aux)`` with ``has_aux``.
        tangent_solve: ``tangent_solve(g, y)`` solves ``g(x) = y`` for the linear ``g``, with operations that can be transposed;
            for a scalar ``lambda g, y: y / g(1.0)``.
        has_aux: ``solve`` returns auxiliary data too, which has no derivative.

    Returns:
        The root, or ``(root, aux)``.

    Example:
        >>> import numpy as np
        >>> from covector import grad
        >>> from covector.lax import while_loop
        >>> def sqrt(a):
        ...     newton = lambda f, x: while_loop(lambda x: np.abs(f(x)) > 1e-12, lambda x: x - f(x) / (2 * x), x)
        ...     return custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
        >>> round(float(sqrt(4.0)), 9), round(float(grad(sqrt)(4.0)), 9)
        (2.0, 0.25)
    """
    check_functions("custom_root(f, initial_guess, solve, tangent_solve)", f=f, solve=solve, tangent_solve=tangent_solve)
    guess = tree_map(stop_gradient_p.bind, initial_guess)
    converted, traced = converted_closure(f, (guess,), "custom_root")
    _check_like(traced.shapes, guess, f"the function {function_name(f)}", "the initial guess")

    solver, own = _closed(lambda guess, ps: solve(lambda x: converted(x, *ps), guess), guess, traced.hoisted)

    def solve_tangent(x: Any, ps: Any, y: Any) -> Any:
        return tangent_solve(linearize(lambda x: converted(x, *ps), x)[1], y)

    tangent_solver, own_tangent = _closed(solve_tangent, guess, traced.hoisted, guess)

    names = f"the solver {function_name(solve)}", f"the tangent_solve {function_name(tangent_solve)}"
    return _Root(converted, solver, tangent_solver, has_aux, names)(guess, traced.hoisted, own, own_tangent)


class _Root(NamedTuple):
    """A root as a function of the guess, the parameters and what the solvers close over."""

    function: Callable[..., Any]
    solver: Callable[..., Any]
    tangent_solver: Callable[..., Any]
    has_aux: bool
    names: tuple[str, str]

    def __call__(self, *args: Any) -> Any:
        root = custom_jvp(self.value)
        root.defjvp(self.jvp)
        return root(*args)

    def value(self, guess: Any, parameters: Any, own: Any, own_tangent: Any) -> Any:
        result = self.solver(guess, parameters, *own)
        _check_solution(result, guess, self.names[0], self.has_aux, "the initial guess")
        return result

    def jvp(self, primals: Any, tangents: Any) -> Any:
        result = self(*primals)
        x = _solution(result, self.has_aux)
        _, parameters, _, own_tangent = primals
        _, change = jvp(lambda *ps: self.function(x, *ps), parameters, tangents[1])
        dx = self.tangent_solver(x, parameters, tree_map(np.negative, change), *own_tangent)
        _check_like(dx, x, self.names[1], "the root")
        return result, _tangent(dx, result, self.has_aux)


def _closed(f: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """A function with the traced values that it closes over as further arguments, and these values.

    They do not change a solution, so rules can leave their tangents out.  A solver that closes over none is called as it is; so
    is one that cannot be traced, and then it is an error to differentiate what it closes over.  One that only reads some, and
    does not need them, is a program too, for it may be called when their transformation has ended.
    """
    try:
        converted, traced = converted_closure(f, example_args, "a solver")
    except Exception:  # whatever is wrong shows again when it is called
        return f, []
    closes_over_some = bool(traced.hoisted) or next(reachable_tracers([f]), None) is not None
    return (converted, traced.hoisted) if closes_over_some else (f, [])


def _solution(result: Any, has_aux: bool) -> Any:
    """What a solver found, without its auxiliary data."""
    return result[0] if has_aux else result


def _tangent(dx: Any, result: Any, has_aux: bool) -> Any:
    """The tangent of what a solver returned; that of auxiliary data is zero."""
    return (dx, tree_map(lambda a: typeof(a).zero, result[1])) if has_aux else dx


def _check_solution(result: Any, wanted: Any, who: str, has_aux: bool, what: str) -> None:
    if has_aux and not (isinstance(result, tuple) and len(result) == 2):
        what = f"{who} returned {kind_of(result)}, and has_aux=True."
        raise CustomRuleError(what, fix="return a pair (solution, auxiliary data), or leave has_aux out")
    _check_like(result[0] if has_aux else result, wanted, who, what)


def _check_like(x: Any, wanted: Any, who: str, what: str) -> None:
    """Refuse what has not the structure and the shapes of ``wanted``; either may consist of avals."""
    leaves = same_tree(x, tree_structure(wanted), "an output", who)
    wanted_leaves = same_tree(wanted, tree_structure(wanted), "an output", who)
    aval_of: Any = lambda x: x if isinstance(x, AbstractValue) else typeof(x)
    found, needed = (list(map(aval_of, xs)) for xs in (leaves, wanted_leaves))
    if [a.shape for a in found] != [a.shape for a in needed]:
        texts = [", ".join(map(str, avals)) for avals in (found, needed)]
        fix = f"return the structure and the shapes of {what} (and a pair from the solver with has_aux=True)"
        raise CustomRuleError(f"{who} returned ({texts[0]}) where {what} is ({texts[1]}).", fix=fix)


@hides_frames
def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The solution of a linear system ``matvec(x) = b``, differentiated as what it is instead of through the solver.

    The tangent of x solves the same system, ``matvec(dx) = db - dmatvec(x)``; reverse mode solves the transposed system.

    Args:
        matvec: a linear function that is invertible; derivatives are also taken with respect to what it closes over.
        b: the right-hand side, a pytree of arrays.
        solve: ``solve(matvec, b) -> x``, or ``(x, aux)`` with ``has_aux``; it is never differentiated.
        transpose_solve: ``transpose_solve(vecmat, b)`` solves the transposed system.  Without it, and unless ``symmetric``,
            reverse mode transposes what ``solve`` does.
        symmetric: the system is its own transpose, so that ``solve`` serves both.
        has_aux: ``solve`` returns auxiliary data too, which has no derivative.

    Example:
        >>> import numpy as np
        >>> from covector import grad
        >>> def x_of(a):
        ...     return custom_linear_solve(lambda x: a * x, 6.0, lambda matvec, b: b / matvec(1.0), symmetric=True)
        >>> float(x_of(2.0)), float(grad(x_of)(2.0))
        (3.0, -1.5)
    """
    usage = "custom_linear_solve(matvec, b, solve, transpose_solve)"
    check_functions(usage, matvec=matvec, solve=solve, transpose_solve=transpose_solve or solve)
    b_leaves, treedef = flatten_values([b], f"custom_linear_solve of {function_name(matvec)}")
    (b,) = tree_unflatten(treedef, b_leaves)
    converted, traced = converted_closure(matvec, (b,), "custom_linear_solve")
    _check_like(traced.shapes, b, f"the function {function_name(matvec)}", "b")
    side, own = _side(lambda x, ps: converted(x, *ps), solve, f"the solver {function_name(solve)}", b, traced.hoisted)
    if symmetric and transpose_solve is None:
        other, other_own = side, own
    elif transpose_solve is None:
        other, other_own = None, []
    else:
        transposed = lambda y, ps: linear_transpose(lambda x: converted(x, *ps), y)(y)[0]
        back = f"the transpose_solve {function_name(transpose_solve)}"
        other, other_own = _side(transposed, transpose_solve, back, b, traced.hoisted)
    return _System(side, other, has_aux)(b, traced.hoisted, own, other_own)


class _Side(NamedTuple):
    """A linear map ``apply(x, parameters)``, and its solver ``solve(b, parameters, *what it closes over)``."""

    apply: Callable[..., Any]
    solve: Callable[..., Any]
    who: str


def _side(apply: Callable[..., Any], solve: Callable[..., Any], who: str, b: Any, parameters: Any) -> tuple[_Side, list[Any]]:
    solver, own = _closed(lambda b, ps: solve(lambda x: apply(x, ps), b), b, parameters)
    return _Side(apply, solver, who), own


class _System(NamedTuple):
    """The solution of a system as a function of b, the parameters and what either solver closes over."""

    side: _Side
    transpose: _Side | None
    has_aux: bool
    origin: Any = None
    """The system that this one is the transposed one of, if it was made as that."""

    def __call__(self, *args: Any) -> Any:
        solution = custom_jvp(self.value)
        solution.defjvp(self.jvp)
        return solution(*args)

    def value(self, b: Any, parameters: Any, own: Any, other_own: Any) -> Any:
        result = self.side.solve(b, parameters, *own)
        _check_solution(result, b, self.side.who, self.has_aux, "b")
        return result

    def forward(self, known: Any, b: Any) -> Any:
        return _solution(self(b, *known), self.has_aux)

    def transposed(self, known: Any, ct: Any) -> Any:
        assert self.transpose is not None
        parameters, own, other_own = known
        system = self.origin or _System(self.transpose, self.side, self.has_aux, self)
        return system.forward((parameters, other_own, own), ct)

    def jvp(self, primals: Any, tangents: Any) -> Any:
        result = self(*primals)
        x, known = _solution(result, self.has_aux), primals[1:]
        parameters, (rhs, changes, *_) = known[0], tangents
        if parameters:
            _, moved = jvp(lambda *ps: self.side.apply(x, ps), parameters, changes)
            rhs = tree_map(np.subtract, rhs, moved)
        solved = linear_call(self.forward, self.transposed, known, rhs) if self.transpose else self.forward(known, rhs)
        return result, _tangent(solved, result, self.has_aux)
