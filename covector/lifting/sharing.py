"""Whether arrays in lifted code share memory, as NumPy says of arrays that lie in memory alike.

>>> from covector.lifting.lifted import wrap
>>> x = wrap(np.zeros((2, 2)))
>>> _shares_memory(x[:, 0], x.T[0]), _shares_memory(x[:, 0], x[:, 1]), _may_share_memory(x[:, 0], x[:, 1])
(True, False, True)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.lifting import views
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, has_traced, means
from covector.lifting.refusals import BY_ORDER
from covector.lifting.roots import ALIASED, GAPS, TAINTED, UNSURE


@means(np.shares_memory)
def _shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    first, second = _laid_out(a, b)
    return bool(np.shares_memory(first, second, max_work=max_work))


@means(np.may_share_memory)
def _may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    first, second = _laid_out(a, b)
    is_known = type(a) is not Cell or type(b) is not Cell or a.root is not b.root or not a.root.state & (UNSURE | GAPS)
    if not (is_known or np.shares_memory(first, second)):
        x, y = (cell.shows or views.whole(cell.root.shape) for cell in (a, b))
        by_memory = any(view.dims is not None or view.positions is not None for view in (x, y))
        layouts = [] if by_memory else a.root.layouts(views.strides_by_outer_axes(a.root.shape))
        answers = {np.may_share_memory(views.laid_out(x, layout), views.laid_out(y, layout)) for layout in layouts}
        if len(answers) != 1:
            raise _not_known("np.may_share_memory", "np.shares_memory(x, y)")
        return answers.pop()
    return bool(np.may_share_memory(first, second, max_work=max_work))


def _laid_out(a: Any, b: Any) -> Any:
    """Two arrays that share memory if these do."""
    if type(a) is type(b) is Cell:
        if a.root is b.root:
            return a.layout(), b.layout()
        if a.root.origin is b.root.origin:
            raise _not_known(
                "np.shares_memory", "x.copy()", "one of them is a part of the other's array at a place that is traced"
            )
        state = a.root.state & b.root.state
        if state & TAINTED:
            raise _not_known("np.shares_memory", "x.reshape(shape, copy=True)")
        if not state & ALIASED:
            return (), ()
    values = [x._read() if type(x) in LIFTED else x for x in (a, b)]
    return ((), ()) if has_traced(values) else values


def _not_known(what: str, fix: str, why: str = BY_ORDER) -> errors.UnsupportedFunctionError:
    return errors.UnsupportedFunctionError(f"{what} was asked of arrays of which that is not known.", why=why, fix=fix)
