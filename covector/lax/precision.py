"""What says how exactly to multiply on a device that can choose; a processor cannot, so it is checked and changes nothing.

>>> Precision("fastest")
<Precision.DEFAULT: 0>
"""

from __future__ import annotations

import enum
from typing import Any

from covector.core import errors


class Precision(enum.Enum):
    """How exactly products of matrices are computed elsewhere; here always in the dtype of the operands."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    @classmethod
    def _missing_(cls, value: object) -> Precision | None:
        return next((member for member, names in NAMES.items() if value in names), None)


NAMES: dict[Precision, tuple[str | None, ...]] = {
    Precision.DEFAULT: (None, "default", "fastest", "bfloat16"),
    Precision.HIGH: ("high", "bfloat16_3x", "tensorfloat32"),
    Precision.HIGHEST: ("highest", "float32"),
}

PrecisionLike = None | str | Precision | tuple[str, str] | tuple[Precision, Precision]


def check_precision(who: str, precision: Any) -> None:
    """Raise unless it is a precision, or a pair of them."""
    for one in precision if type(precision) is tuple and len(precision) == 2 else (precision,):
        if type(one) is not Precision and not any(one in names for names in NAMES.values()):
            known = ", ".join(repr(name) for names in NAMES.values() for name in names)
            fix = f"give a Precision, one of {known}, or a pair"
            raise errors.ArgumentError(f"lax.{who} got precision={precision!r}.", fix=fix)


__all__ = ["Precision", "PrecisionLike"]
