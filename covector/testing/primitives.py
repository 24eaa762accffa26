"""``check_primitive``: all rules of a primitive, tried on generated inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covector.core.primitive import Primitive
from covector.testing.rules import Options, RuleChecks, RuleError

__all__ = ["RuleError", "check_case", "check_primitive"]


def check_primitive(
    primitive: Any,
    strategy: st.SearchStrategy[Any],
    *,
    order: int = 2,
    differentiable: bool | Sequence[int] = True,
    numerical: bool = True,
    tolerance: float | None = None,
    vary: Callable[..., Any] | None = None,
    through: Callable[..., Any] | None = None,
    max_examples: int | None = None,
) -> None:
    """Try every rule of a primitive on generated inputs; fail with the smallest input for which a rule is wrong.

    What is tried, on each input:

    * *abstract*: shape, dtype and weak type against what the implementation returns; the staged program (``make_jaxpr``,
      ``jit``, cleaned) against eager evaluation; the program checks, and is the same after printing and parsing;
    * *jvp*: against finite differences, for every set of arguments with tangents, and against the complex step where the
      implementation takes complex numbers and is analytic; linearity in the tangents; types of the tangents;
    * *transpose*: ``Re⟨ct, A x⟩ = Re⟨Aᵀ ct, x⟩`` for every set of arguments that the primitive is declared linear in, without
      Re too for complex-linear maps; with a cotangent of each output alone; that it *is* linear; types of the cotangents;
      ``vjp`` against ``jvp``;
    * *batch*: ``vmap`` against a loop, for every mix of batched arguments and positions of the batch axis;
    * *impl*, and what gives the derivatives: that they write into nothing that they are given;
    * all this again for the first derivatives, forward and reverse.

    Args:
        primitive: a `Primitive`, or a function made by `covector.elementwise`.
        strategy: a hypothesis strategy for ``(args, params)``, or for ``args`` alone, a tuple (of one argument too).  Arguments
            that must fit are drawn with a ``shape`` in common.  At the points that it gives the primitive must be smooth: draw
            values away from kinks and ties (`covector.testing.strategies.arrays` does).
        order: 1 leaves out the second derivatives.
        differentiable: False for a primitive that has no derivative; positions to restrict it to some arguments.  Integers and
            booleans never count.
        numerical: False leaves out finite differences (for derivatives that are right by convention, not by limit).
        tolerance: relative tolerance, if the default, which follows from the dtypes, is too strict.
        vary: ``vary(rng, arg) -> arg`` makes another argument of the same kind, for batches; by default numbers are changed
            by up to two percent, and integers and booleans are shuffled.
        through: ``through(apply, *args, **params)`` is checked in place of ``apply(*args)``, to stay in the domain of the
            primitive (symmetric matrices) or to look only at what is determined of its result (eigenvectors up to a phase).
            The arguments as they are have to be in the domain too.
        max_examples: how many inputs; by default as the hypothesis profile says, but at most 100.

    Raises:
        RuleError: an ``AssertionError`` that begins with which rule of which primitive is wrong.
        PrimitiveRuleError: a parameter has no hash.

    Example:
        A test of a researcher's own primitive is one line:

        >>> import numpy as np
        >>> from covector import elementwise
        >>> from covector.testing import arrays
        >>> softsign = elementwise("softsign_example", lambda x: x / (1 + abs(x)), lambda out, x: 1 / (1 + np.abs(x)) ** 2)
        >>> check_primitive(softsign, st.tuples(arrays()), max_examples=5)

        >>> wrong = elementwise("wrong_example", np.tanh, lambda out, x: 1 - out)
        >>> check_primitive(wrong, st.tuples(arrays()), max_examples=5)
        Traceback (most recent call last):
            ...
        covector.testing.rules.RuleError: the jvp rule of 'wrong_example' is wrong: ...
    """
    options = _options(order, differentiable, numerical, tolerance, vary, through)
    p = as_primitive(primitive)
    if not isinstance(strategy, st.SearchStrategy):
        what = f"check_primitive takes a hypothesis strategy, and got {strategy!r}"
        raise TypeError(f"{what}; covector.testing.check_case(primitive, args, params) tries one input")
    current = settings.get_profile(settings.get_current_profile_name())
    count = min(current.max_examples, 100) if max_examples is None else max_examples

    @settings(max_examples=count, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def try_case(case: Any) -> None:
        args, params = _case(case)
        RuleChecks(p, args, params, options).run()

    try_case()


def check_case(
    primitive: Any,
    args: Sequence[Any],
    params: dict[str, Any] | None = None,
    *,
    order: int = 2,
    differentiable: bool | Sequence[int] = True,
    numerical: bool = True,
    tolerance: float | None = None,
    vary: Callable[..., Any] | None = None,
    through: Callable[..., Any] | None = None,
) -> None:
    """Try every rule of a primitive on one input; options and errors as for `check_primitive`.

    Example:
        >>> from covector.primitives.math.ring import mul_p
        >>> check_case(mul_p, (2.0, 3.0))
    """
    options = _options(order, differentiable, numerical, tolerance, vary, through)
    RuleChecks(as_primitive(primitive), args, params or {}, options).run()


def as_primitive(primitive: Any) -> Primitive:
    """The primitive behind a function that applies one."""
    found = getattr(primitive, "primitive", primitive)
    if not isinstance(found, Primitive):
        raise TypeError(f"check_primitive needs a Primitive or a function with the attribute `primitive`, got {primitive!r}")
    return found


def _options(order: int, differentiable: Any, *rest: Any) -> Options:
    if order not in (1, 2):
        raise ValueError(f"the order is 1 or 2, got {order}")
    return Options(order, differentiable if isinstance(differentiable, bool) else tuple(differentiable), *rest)


def _case(case: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments and parameters from ``(args, params)`` or ``args``."""
    if isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], tuple) and isinstance(case[1], dict):
        return case
    if not isinstance(case, (tuple, list)) or any(isinstance(x, dict) for x in case):
        raise TypeError(f"the strategy draws st.tuples(*args), or st.tuples(st.tuples(*args), params), and gave {case!r}")
    return tuple(case), {}
