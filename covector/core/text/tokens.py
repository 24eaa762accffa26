"""Tokens: what a parser reads from, ``Tokens : str -> kinds, texts, places``; and the errors that name a place.

>>> tokens = Tokens("sin a")
>>> list(zip(tokens.kinds, tokens.texts))
[('name', 'sin'), ('name', 'a'), ('end', '')]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from covector.core.errors import ParseError
from covector.core.text.notation import COMPLEX, NAME, NUMBER

T = TypeVar("T")
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<number>{NUMBER}|{COMPLEX})
    | (?P<name>{NAME})
    | (?P<symbol>\.\.\.|[{{}}\[\](),;:=.~])
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<reference>@{NAME})
    | (?P<elided><[0-9]+\ values\ \#[0-9a-f]+>)
    | (?P<end>\Z)
    | (?P<unknown>.)
    )""",
    re.VERBOSE,
)


class Tokens:
    """The tokens of a text: ``kinds[i]``, ``texts[i]`` and ``starts[i]`` are those of token i; ``i`` is the next to be read."""

    def __init__(self, text: str):
        self.text = text
        self.i = 0
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.starts: list[int] = []
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            self.kinds.append(kind)
            self.texts.append(match[kind])
            self.starts.append(match.start(kind))
            if kind == "end":
                break

    def error(self, expected: str, at: int | None = None, found: str = "") -> ParseError:
        """The error for token ``at`` (the next one by default): where it is, what was expected and what was found."""
        at = min(self.i if at is None else at, len(self.starts) - 1)
        start = self.starts[at]
        line_start = self.text.rfind("\n", 0, start) + 1
        column = start - line_start
        line = self.text[line_start:].split("\n", 1)[0]
        left = max(column - 60, 0)
        found = found or (repr(self.texts[at]) if self.kinds[at] != "end" else "the end of the text")
        return ParseError(
            f"line {self.text.count(chr(10), 0, start) + 1}, column {column + 1}: expected {expected}, found {found}\n"
            f"  {line[left : left + 100]}\n  {' ' * (column - left)}^"
        )

    def fail(self, expected: str, at: int | None = None, found: str = "") -> NoReturn:
        raise self.error(expected, at, found) from None

    def accept(self, text: str) -> bool:
        """Read the next token if it is this symbol or word."""
        if self.texts[self.i] == text:
            self.i += 1
            return True
        return False

    def expect(self, text: str, what: str = "") -> None:
        if self.texts[self.i] != text or self.kinds[self.i] == "end":
            self.fail(what or repr(text))
        self.i += 1

    def take(self, kind: str, what: str) -> str:
        """Read the next token, which is of a kind, and give its text."""
        if self.kinds[self.i] != kind:
            self.fail(what)
        self.i += 1
        return self.texts[self.i - 1]

    def converted(self, make: Callable[..., T], *args: Any, what: str, at: int) -> T:
        """``make(*args)``, where its refusal means that token ``at`` is wrong."""
        try:
            return make(*args)
        except RecursionError:
            raise
        except Exception as reason:
            found, detail = self.texts[at], str(reason)
            raise self.error(what, at, repr(found) + f" ({detail})" * (detail.strip("'") != found)) from reason

    def listed(self, closing: str, item: Callable[[], T]) -> tuple[list[T], bool]:
        """Items separated by commas up to a bracket, and whether a comma stood after the last."""
        items: list[T] = []
        while not self.accept(closing):
            items.append(item())
            if not self.accept(","):
                self.expect(closing, f"',' or {closing!r}")
                return items, False
        return items, bool(items)
