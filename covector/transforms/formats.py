"""Formats that users give for values: checked where they are given, since they are used when the program runs."""

from __future__ import annotations

import re
import string
from typing import Any

from covector.core import errors
from covector.transforms.arguments import kind_of


def check_format(who: str, fmt: Any, args: Any, kwargs: Any, example: str) -> None:
    """Reject a format that does not go with the arguments of ``who``, before the program runs."""

    def error(what: str, fix: str) -> errors.ArgumentError:
        return errors.ArgumentError(what, why=f"{who} formats as str.format does", fix=fix)

    if not isinstance(fmt, str):
        raise error(f"{who} needs a format string first, and got {kind_of(fmt)}.", f"write {example}")
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(fmt) if field is not None]
    except ValueError as e:
        raise error(f"{who} got the format {fmt!r}, which is none: {e}.", "write {{ and }} for braces") from None
    if any(f[:1].isdigit() for f in fields) and any(f[:1] in ("", ".", "[") for f in fields):
        raise error(f"{who} got the format {fmt!r}, with fields both numbered and not.", "number all of them, or none")
    for i, field in enumerate(fields):
        first = re.split(r"[.\[]", field, maxsplit=1)[0]
        place = int(first) if first.isdigit() else i if first == "" else None
        if place is None and first not in kwargs:
            what = f"{who} has {{{field}}} in its format, and no argument of that name."
            raise error(what, f"pass {first}=..., or write {{}}")
        if place is not None and place >= len(args):
            raise error(f"{who} has a format for {place + 1} values, and got {len(args)}.", "pass a value for each {}")
