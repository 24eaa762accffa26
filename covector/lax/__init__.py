"""Control flow as operations: loops and choices that are traced once, with derivatives and batches of their own."""

from covector.lax.loops import scan
