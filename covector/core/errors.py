"""Every error that covector raises, one class for each kind of mistake.

>>> import covector as cv
>>> cv.grad(lambda x: [x, x])(2.0)
Traceback (most recent call last):
    ...
covector.core.errors.NonScalarGradError: grad of <lambda> needs a scalar output, and the function returned a list of 2.
  at ...
  Why: the gradient is the derivative of one number
  Fix: ...

An error says what was called, where in the user's code, why it cannot be, and how to fix it.  Messages are built when the
error is raised, never before.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

from covector.core.source import Source, user_frame, user_source


class CovectorError(Exception):
    """The base of all errors that covector raises.

    Made of the message, or of its parts as `describe` takes them.
    """

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None, source: Source | str | None = "here"):
        has_parts = why is not None or fix is not None
        super().__init__(describe(what, why=why or "", fix=fix or "", source=source) if has_parts else what)
        for note in _notes:
            note(self)

    def __reduce__(self) -> Any:  # by its message: what it was made from may have stayed in another process
        return _unpickled, (type(self), self.args, self.__dict__)


_notes: list[Callable[[CovectorError], None]] = []


def note_errors(note: Callable[[CovectorError], None]) -> None:
    """Let every error be noted when it is made, as it may be caught by code that knows nothing of it."""
    _notes.append(note)


class _Refusal(threading.local):
    place: tuple[int, CodeType, int] | None = None
    """What called what asked: its frame, by identity and by code (others take its place in memory), and the instruction."""
    made: tuple[type[CovectorError], tuple[Any, ...]] | None = None


_refusal = _Refusal()


def note_refusal(frame: FrameType, error: CovectorError) -> None:
    """Note where a plain value was asked for and refused: compiled code may forget the error, and go on."""
    _refusal.place, _refusal.made = (id(frame), frame.f_code, frame.f_lasti), (type(error), error.args)


def refused_before(error: BaseException) -> CovectorError | None:
    """The refusal after which the call went on that an error came out of; None if there was none.

    Python looks nothing up while an error waits to be seen, so that whatever is called then fails, with any error.
    """
    traceback = error.__traceback__ if _refusal.place is not None and not isinstance(error, CovectorError) else None
    while traceback is not None:
        frame = traceback.tb_frame
        if (id(frame), frame.f_code, traceback.tb_lasti) == _refusal.place and _refusal.made is not None:
            cls, args = _refusal.made
            return _unpickled(cls, args, {}).with_traceback(error.__traceback__)
        traceback = traceback.tb_next
    return None


def _unpickled(cls: type[CovectorError], args: tuple[Any, ...], attributes: dict[str, Any]) -> CovectorError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


class CovectorWarning(UserWarning):
    """The base of all warnings that covector gives."""


class UndeterminedDerivativeWarning(CovectorWarning, RuntimeWarning):
    """A derivative is NaN, since it is not determined where it was asked for."""


def warn(text: str, category: type[Warning] = CovectorWarning) -> None:
    """Warn, at the user's line."""
    frame = user_frame()
    if frame is None:
        warnings.warn(text, category, stacklevel=2)
        return
    names = frame.f_globals
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        names.get("__name__", "<unknown>"),  # generated code has none, and a warning of None is dropped
        names.setdefault("__warningregistry__", {}),
    )


def describe(what: str, *, why: str = "", fix: str = "", source: Source | str | None = "here") -> str:
    """The text of an error: what, where (the line being executed unless ``source`` is given), why and how to fix it."""
    where = user_source() if source == "here" else source
    lines = [what]
    if where is not None:
        lines.append(f"  at {where}")
    if why:
        lines.append(f"  Why: {why}")
    if fix:
        lines.append(f"  Fix: {fix}")
    return "\n".join(lines)


class MissingRuleError(CovectorError, NotImplementedError):
    """A transformation met a primitive that has no rule for it."""

    def __init__(self, primitive: str, rule: str, asker: str):
        own = "impl abstract jvp linearize transpose batch".split()
        super().__init__(
            f"{asker} needs the {rule!r} rule of the primitive {primitive!r}, which has none.",
            why="a primitive takes part in a transformation only through the rule registered for it",
            fix=f"register one with @{primitive}_p.def_{rule} (the signatures are in help(covector.Primitive))"
            if rule in own
            else f'register one with Primitive.registry["{primitive}"].def_rule("{rule}"), or with @covector.extend.derives'
            " for its kind",
        )


class NonDifferentiableError(CovectorError, TypeError):
    """A derivative was asked of a primitive that has none."""

    def __init__(self, primitive: str, asker: str, avals: Any, *, why: str = "", fix: str = ""):
        super().__init__(
            f"{asker} cannot differentiate {primitive!r} at ({', '.join(map(str, avals))}): it has no derivative rule.",
            why=why or "the operation is not differentiable, or nobody has registered its derivative",
            fix=fix or f"wrap the argument in covector.stop_gradient, or register a rule with @{primitive}_p.def_jvp",
        )


class LinearityError(CovectorError, TypeError):
    """A program that must be linear is not: most often a wrong JVP rule."""

    def __init__(self, what: str, source: Source | str | None = "here", why: str = "", fix: str = ""):
        why = why or "tangents may only be added to tangents, multiplied by known values, and passed through linear operations"
        self.parts = what, user_source() if source == "here" else source, why, fix
        self.missing: str | None = None
        """The primitive of the user's that has no transpose rule, if that is why."""
        self.is_told = False
        super().__init__(what, why=why, fix=fix or "correct the rule that computes with tangents here", source=self.parts[1])

    def tell(self, where: str, fix: str = "correct the rule; covector.testing.check_primitive tries all rules") -> None:
        """Say where it is, and how to fix it; the innermost place, which is the first to tell, is the one."""
        if not self.is_told:
            what, source, why, known = self.parts
            self.is_told = True
            self.args = (describe(f"{what.removesuffix('.')}, in {where}.", why=why, fix=known or fix, source=source),)

    @classmethod
    def of_equation(
        cls, primitive: Any, operands: str, mask: Sequence[bool], source: Source | str | None = "here", why: str = ""
    ) -> LinearityError:
        """The error for a primitive that is not linear in those of its operands that ``mask`` marks."""
        name, fix, missing = primitive.name, "", None
        if not primitive.trusted:  # it may be one that nobody has said to be linear
            places = ", ".join(str(i) for i, m in enumerate(mask) if m)
            linear = f"linear=covector.jointly({places})"
            why += "; " * bool(why)
            if primitive.linear is None:
                missing = name
                why += f"{name!r} has no transpose rule, and so counts as linear in nothing"
                fix = f"if it is linear there, register a transpose rule with @{name}_p.def_transpose({linear})"
            else:
                why += f"{name!r} is declared to be linear in other arguments"
                fix = f"if it is linear there too, declare it where its transpose rule is registered: {linear}"
            fix += "; if not, correct the rule that applies it to tangents"
        error = cls(f"{name!r} is applied to ({operands}), in which it is not linear.", source, why, fix)
        error.missing = missing
        return error


class PrimitiveRuleError(CovectorError, TypeError):
    """A rule of a user's primitive returned something else than such a rule returns."""


class JVPRuleError(PrimitiveRuleError):
    """A JVP rule returned no pair, or a tangent whose shape or dtype is not that of its output."""


class UnexpectedTracerError(CovectorError):
    """A tracer was used after the transformation that made it had returned."""

    def __init__(self, tracer: str, transformation: str, origin: Source | None, made: Source | None):
        born = f", made at {made}" if made is not None else ""
        super().__init__(
            f"a leaked tracer {tracer}{born} is used after {transformation or 'its transformation'} returned.",
            why="the value was stored outside the transformed function (in a global, an attribute, a closure or a cache)"
            + (f"; the function is {origin}" if origin is not None else ""),
            fix="return the value from the function instead of storing it",
        )


class ConcretizationError(CovectorError):
    """Python asked a tracer for a value that it does not have."""


ConcretizationTypeError = ConcretizationError
"""JAX's name for it."""


class TracerBoolConversionError(ConcretizationError, TypeError):
    """The truth of a tracer was asked for (``if``, ``while``, ``and``, ``not``)."""


class TracerIntegerConversionError(ConcretizationError):
    """A tracer was used as a Python integer (``range``, a list index, a shape).

    This is no ``TypeError``: NumPy would replace it by "expected a sequence of integers".
    """


class TracerHashError(ConcretizationError, TypeError):
    """A tracer was used as the key of a dictionary, or in a set."""


class TracerAttributeError(CovectorError, AttributeError):
    """A tracer was asked for an attribute that it does not have."""


class TracerFloatConversionError(ConcretizationError, TypeError):
    """A tracer was converted to a Python number (``float``, ``complex``, ``math.sin``, ``A[i] = tracer``)."""


class TracerArrayConversionError(ConcretizationError, TypeError):
    """A tracer was converted to a NumPy array (``np.array``, ``np.asarray``, a library that does not dispatch)."""


class NonConcreteBooleanIndexError(ConcretizationError, IndexError):
    """A boolean mask whose values are not known was used as an index: the result has no static shape."""


class InvalidIndexError(CovectorError, IndexError, TypeError):
    """Something that is no index was used as one: a float, a text, an array of floats."""


class InPlaceWriteError(CovectorError, TypeError):
    """A write into an array in place, to or from a tracer."""


class InPlaceShapeError(InPlaceWriteError, ValueError):
    """A write in place whose result has another shape than what it is written into."""


class UnsupportedFunctionError(CovectorError, TypeError):
    """A NumPy function or option that has no meaning on tracers."""


class NonScalarGradError(CovectorError, TypeError):
    """``grad`` of a function whose result is not a scalar."""


class GradDtypeError(CovectorError, TypeError):
    """A derivative with respect to an integer or boolean, or to a complex number without ``holomorphic=True``."""


class TreeMismatchError(CovectorError, TypeError):
    """Two pytrees that must have the same structure, or the same types in it, have not."""


class BatchSizeError(CovectorError, ValueError):
    """The arguments of a batched function disagree in the size of the batch, or have no axis to batch."""


class UnravelError(CovectorError, ValueError):
    """A vector that is not that of the tree which ``ravel_pytree`` raveled, or that the tree cannot hold."""


class VersionError(CovectorError, ValueError):
    """A version of the array API standard that covector does not know."""


class ArgumentError(CovectorError, TypeError):
    """An argument of a transformation (``argnums``, ``in_axes``, ``static_argnums`` …) that names nothing."""


class ArrayTypeError(ArgumentError):
    """A value that is no array of numbers or booleans, or a subclass of ndarray on which operations mean something else."""


class JaxprTypeError(CovectorError, TypeError):
    """A program that is not well-typed: a scoping, shape, dtype or linearity error that ``check`` found."""


class ParseError(CovectorError, ValueError):
    """A text that is not a printed program."""


class CarryTypeError(CovectorError, TypeError):
    """A step of a loop returned a carry of another structure, shape or dtype than it was given."""


class BranchTypeError(CovectorError, TypeError):
    """The branches of a ``cond`` or ``switch`` return values of different structure, shape or dtype."""


class CustomRuleError(CovectorError, TypeError):
    """A custom derivative or batching rule is missing, or returns what does not fit the function."""


class CallbackError(CovectorError, TypeError):
    """A callback returned something else than was declared, or cannot be batched."""


class CheckError(CovectorError, ValueError):
    """A `checkify.check` failed."""


class NaNError(CovectorError, FloatingPointError):
    """A NaN or an infinity came up while `debug_nans` was on."""


class LeakError(CovectorError):
    """A tracer outlived the transformation that made it, while `checking_leaks` was on."""


class AxisNameError(CovectorError, NameError):
    """A collective over a named axis that no batch has, or where not all examples take part."""
