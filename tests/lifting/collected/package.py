"""What an entry of the collection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NAMES = "x y z u v w".split()


@dataclass(frozen=True)
class Package:
    """Functions of one package: its name on PyPI and in imports, the code before them, and the calls.

    A call is an expression of ``x y z u v w``, or a body with ``return``, and then the values of these: a number, or a list
    for an array.  All of them are differentiated.  Where the package is named to `lift`, so are ``others``, on which it builds.
    """

    name: str
    imported: str
    before: str
    calls: list[tuple[Any, ...]]
    others: tuple[str, ...] = ()
