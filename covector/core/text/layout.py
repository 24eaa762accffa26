"""Text that fits a width: ``layout : (Doc, width) -> str``.

>>> node = Block("f(", ["first", "second"], ")")
>>> print(layout(node, 80), layout(node, 12), sep="\\n")
f(first, second)
f(
  first,
  second
)

A document is a string or a node that knows its length on one line.  A node that fits on the rest of the line is written there;
otherwise it breaks, and its parts decide for themselves.  Lengths are summed once, when nodes are made, so the time is linear
in the length of the text.
"""

from __future__ import annotations

from collections.abc import Sequence


class Node:
    """A part of a document that can be written on one line or on several: on one line it is the texts of its ``parts``."""

    __slots__ = ("length", "parts")

    def __init__(self, parts: Sequence[str | Node]):
        self.parts = parts
        self.length = sum(map(length, parts))

    def flat(self, out: list[str]) -> None:
        """Append the text on one line."""
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
            else:
                part.flat(out)

    def broken(self, writer: Writer, indent: int, after: int) -> None:
        """Write on several lines; ``after`` columns must stay free at the end of the last."""
        raise NotImplementedError


class Writer:
    """The text so far and the column that it has reached."""

    def __init__(self, width: int):
        self.width = width
        self.pieces: list[str] = []
        self.column = 0

    def put(self, doc: str | Node, indent: int, after: int = 0) -> None:
        """Write a document, breaking it if it and ``after`` more columns do not fit on this line."""
        if isinstance(doc, str):
            self.pieces.append(doc)
            self.column += len(doc)
        elif self.column + doc.length + after <= self.width:
            doc.flat(self.pieces)
            self.column += doc.length
        else:
            doc.broken(self, indent, after)

    def newline(self, indent: int) -> None:
        """Start a line."""
        self.pieces.append("\n" + " " * indent)
        self.column = indent


class Concat(Node):
    """Documents one after the other; each breaks by itself."""

    __slots__ = ()

    def broken(self, writer: Writer, indent: int, after: int) -> None:
        reserved = []  # for each part the columns of the plain text that follows it on its line
        for part in reversed(self.parts):
            reserved.append(after)
            after = after + len(part) if isinstance(part, str) else 0
        for part, columns in zip(self.parts, reversed(reserved), strict=True):
            writer.put(part, indent, columns)


class Fill(Node):
    """Items separated by spaces, as many on a line as fit; further lines are indented by four more."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[str | Node]):
        super().__init__(separated(items, " "))
        self.items = items

    def broken(self, writer: Writer, indent: int, after: int) -> None:
        last = len(self.items) - 1
        for i, item in enumerate(self.items):
            columns = after if i == last else 0
            if i and writer.column + 1 + length(item) + columns > writer.width:
                writer.newline(indent + 4)
            elif i:
                writer.put(" ", indent)
            writer.put(item, indent + 4, columns)


class Block(Node):
    """``opening item separator item closing``; broken, each item has a line of its own."""

    __slots__ = ("closing", "end", "indents", "items", "opening")

    def __init__(
        self,
        opening: str | Node,
        items: Sequence[str | Node],
        closing: str | Node,
        *,
        padding: str = "",
        separators: tuple[str, str] = (", ", ","),
        indents: tuple[int, int] = (2, 0),
    ):
        """``padding`` stands inside the ends and ``separators[0]`` between items when flat; ``separators[1]`` ends each item
        but the last when broken; ``indents`` are those of items and closing."""
        start = [padding, *separated(items, separators[0])] if items else []
        super().__init__([opening, *start, padding, closing])
        self.opening = opening
        self.items = items
        self.closing = closing
        self.end = separators[1]
        self.indents = indents

    def broken(self, writer: Writer, indent: int, after: int) -> None:
        writer.put(self.opening, indent)
        inner, outer = (indent + i for i in self.indents)
        last = len(self.items) - 1
        for i, item in enumerate(self.items):
            end = self.end if i != last else ""
            writer.newline(inner)
            writer.put(item, inner, len(end))
            writer.put(end, inner)
        writer.newline(outer)
        writer.put(self.closing, outer, after)


def length(doc: str | Node) -> int:
    """The length of a document on one line."""
    return len(doc) if isinstance(doc, str) else doc.length


def separated(items: Sequence[str | Node], separator: str) -> list[str | Node]:
    """Items with a separator between them."""
    return [doc for item in items for doc in (separator, item)][1:]


def concat(parts: Sequence[str | Node]) -> str | Node:
    """Documents one after the other: plain text where they are."""
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else Concat(parts)


def words(items: Sequence[str], limit: int = 20) -> str | Fill:
    """Words separated by spaces: plain text where they are short, so that most lines cost no node."""
    text = " ".join(items)
    return text if len(text) <= limit else Fill(items)


def layout(doc: str | Node, width: int) -> str:
    """The text of a document in lines of at most ``width`` columns, where it can be broken so.

    >>> print(layout(Block("f(", ["first", "second"], ")"), 12))
    f(
      first,
      second
    )
    """
    writer = Writer(width)
    writer.put(doc, 0)
    return "".join(writer.pieces)
