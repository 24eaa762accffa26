"""Control flow as operations: loops and choices that are traced once, with derivatives and batches of their own."""

from covector.lax.choice import cond, switch
from covector.lax.loops import associative_scan, fori_loop, map, scan, while_loop
from covector.lax.parallel import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pmax,
    pmean,
    pmin,
    ppermute,
    psum,
    psum_scatter,
    pvary,
)
from covector.transforms.custom_calls import linear_call
from covector.transforms.custom_solves import custom_linear_solve, custom_root
from covector.transforms.utilities import stop_gradient
