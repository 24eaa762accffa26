"""The errors of writes in lifted code whose meaning in NumPy cannot be kept, and why."""

from __future__ import annotations

from covector.core import errors

BY_ORDER = "it goes by the order in memory, which is not known of arguments of jit and vmap, and of what is made of them"
"""Why something cannot be told of an array."""


def order_not_known() -> errors.InPlaceWriteError:
    return errors.InPlaceWriteError(
        "an array was written whose order in memory is not known, and of which a reshaped one is in use.",
        why="whether NumPy copies in reshape and ravel depends on that order",
        fix="x = x.copy(order='C') before the reshape",
    )


def shares_memory_with_argument() -> errors.InPlaceWriteError:
    return errors.InPlaceWriteError(
        "an argument of the lifted function was written that shares memory with another argument.",
        why="under a transformation each argument is an array of its own, and the write would be missed in the other",
        fix="give one of them a copy",
    )


def written_over() -> errors.InPlaceWriteError:
    """The error for a part of an array that is written into another part, which NumPy does element after element."""
    return errors.InPlaceWriteError(
        "a part of an array was to be written over the array itself, with other strides, at a mask or along a diagonal.",
        why="NumPy writes element after element, and what it reads may have been written before",
        fix="write a copy: x[mask] = y.copy()",
    )


def written_in_turn() -> errors.InPlaceWriteError:
    """The error for a list of parts of the array that is written."""
    return errors.InPlaceWriteError(
        "a list of views of an array was to be written into the same part of that array.",
        why="NumPy writes them one after the other, and reads each after those before it have been written",
        fix="write copies: x[:2] = np.stack([x[1], x[0]])",
    )


def shown_twice() -> errors.InPlaceWriteError:
    """The error for a write of which it is not known which of the places that show one element it means."""
    return errors.InPlaceWriteError(
        "a view that shows elements of an array more than once was written by a function, or at places that are not known.",
        why="the last of them would count in place of the one that was written",
        fix="write the array itself, or v[...] = at known places",
    )
