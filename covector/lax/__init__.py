"""Control flow as operations: loops and choices that are traced once, with derivatives and batches of their own."""

from covector.lax.choice import cond, switch
from covector.lax.loops import associative_scan, fori_loop, map, scan, while_loop
