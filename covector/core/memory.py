"""Who else holds an array: what is kept is copied or cannot be written to, and results are the caller's own.

>>> import covector as cv
>>> weights = np.ones(2)
>>> _, pullback = cv.vjp(lambda x: x * weights, np.ones(2))
>>> weights[:] = 0.0
>>> pullback(np.ones(2))
(array([1., 1.]),)

NumPy arrays are mutable.  A derivative or a program that keeps an array which somebody else holds too would change in silence
when they write to it.  So:

* a program keeps `snapshot`s of the arrays that its function closed over, taken when they are used;
* a tape keeps what its `Holder` makes of the user's arrays: a copy, or a large array itself, which is read-only as long as the
  function runs, for to copy it could cost as much as the operations on it.  What outlives the run is copied then;
* the user's code (callbacks, rules) is given `copies`, and what it returns is copied;
* `own_results` share memory neither with each other nor with what the caller passed.
"""

from __future__ import annotations

import copy
import weakref
from _thread import allocate_lock
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import typeof
from covector.core.context import TracerBase
from covector.core.pytrees import tree_flatten, tree_unflatten
from covector.core.source import Source, is_library

LARGE = 1 << 16
"""Bytes beyond which an array is not copied for each use (a copy of so much takes 1.5 us, of a few numbers 0.1)."""


WRITEABLE, WARNS = 0x0400, 1 << 31
"""NumPy's flags ``NPY_ARRAY_WRITEABLE`` and, of what `broadcast_arrays` gives, ``NPY_ARRAY_WARN_ON_WRITE``."""


def is_writeable(x: ndarray) -> bool:
    """``x.flags.writeable``, which NumPy answers with a warning for what `broadcast_arrays` gives."""
    return bool(x.flags.num & WRITEABLE)


def copy_of(x: ndarray) -> ndarray:
    """A copy with the layout of the original, so that operations on it are as fast and their results laid out alike."""
    return x.copy("K") if type(x) is ndarray else np.array(x, order="K")


def copy_with_gaps(x: ndarray) -> ndarray:
    """A copy in which the same axes follow each other without a gap in memory, none where there are gaps, in the same order.

    >>> copy_with_gaps(np.zeros((4, 6))[::-1, ::3]).strides
    (-32, 16)
    """
    strides, first, reach = [0] * x.ndim, 0, 1
    before = (x.itemsize, 1)  # what a stride is that leaves no gap, in the original and the copy
    for axis in sorted(range(x.ndim), key=lambda i: abs(x.strides[i])):
        n, stride = x.shape[axis], x.strides[axis]
        if n > 1 and stride:
            step = before[1] if abs(stride) == before[0] else before[1] + 1
            before = abs(stride) * n, step * n
            strides[axis] = step if stride > 0 else -step
            first += (n - 1) * step if stride < 0 else 0
            reach += (n - 1) * step
    memory = np.empty(reach, x.dtype)
    copy = np.ndarray(x.shape, x.dtype, memory.data, first * x.itemsize, [s * x.itemsize for s in strides])
    copy[...] = x
    return copy


PARTS: dict[type, Callable[[Any, Callable[[ndarray], ndarray]], Any]] = {}
"""How values of other types are made anew, with a function applied to each array that they consist of."""


def register_parts(cls: type, remade: Callable[[Any, Callable[[ndarray], ndarray]], Any]) -> None:
    """Say how a value is made anew: ``remade(x, f)`` with ``f`` applied to each array that it consists of."""
    PARTS[cls] = remade


def mapped(f: Callable[[ndarray], ndarray], x: Any) -> Any:
    """A value with ``f`` of each array in its place; what is no array and has none is itself."""
    if issubclass(type(x), ndarray):
        return f(x)
    return PARTS[type(x)](x, f) if type(x) in PARTS else x


def copies(xs: Iterable[Any]) -> list[Any]:
    """The same values with copies of the arrays among them."""
    return [copy_of(x) if issubclass(type(x), ndarray) else x for x in xs]


def with_copies(x: Any, what: str) -> Any:
    """A value as it is now, for what is computed later: with copies of the containers, and of all in them that has no hash."""
    leaves, treedef = tree_flatten(x)
    try:
        return tree_unflatten(treedef, [leaf if is_constant_leaf(leaf) else copy.deepcopy(leaf) for leaf in leaves])
    except TypeError as error:
        text = f"{what} is of type {type(x).__name__}, which has no hash and cannot be copied: {error}."
        why = "it is needed again later, as it is now"
        raise errors.ArgumentError(text, why=why, fix="give what has a hash, or can be copied") from error


def is_constant_leaf(x: Any) -> bool:
    return isinstance(x, TracerBase) or is_hashable(x)


def is_hashable(x: Any) -> bool:
    """Whether a value has a hash, and so is taken not to change."""
    try:
        hash(x)
    except (TypeError, ValueError):  # a memoryview that can be written to
        return False
    return True


# --- results -----------------------------------------------------------------------------------------------------------


def behind(x: Any) -> Any:
    """What an array shows memory of, also through objects that lend the memory of one (`as_strided` makes such); else None."""
    base = x.obj if type(x) is memoryview else getattr(x, "base", None)
    return base if issubclass(type(x), ndarray) or type(x) is memoryview or issubclass(type(base), ndarray) else None


def owner_of(x: ndarray) -> Any:
    """The object whose memory an array shows: the array itself, what it is a view of, or a foreign buffer."""
    owner: Any = x
    while (base := behind(owner)) is not None:
        owner = base
    return owner


def own_results(results: Sequence[Any], given: Iterable[Any] = ()) -> list[Any]:
    """Results that the caller may write to: each an array with memory of its own, that none of those ``given`` shares."""
    taken = set()
    for x in given:
        if type(x) is ndarray or issubclass(type(x), ndarray):
            taken.add(id(x if x.base is None else owner_of(x)))
    owned = []
    for x in results:
        if type(x) is ndarray and x.base is None and (owner := id(x)) not in taken and x.flags.writeable:
            taken.add(owner)
        elif type(x) is not np.float64:
            x = mapped(partial(_own, taken), x)
        owned.append(x)
    return owned


def _own(taken: set[int], x: ndarray) -> ndarray:
    """An array whose memory is not among what is ``taken``, and takes it."""
    owner = id(x if x.base is None else owner_of(x))
    if owner in taken or x.flags.num & (WRITEABLE | WARNS) != WRITEABLE:
        return copy_of(x)
    taken.add(owner)
    return x


# --- snapshots, which programs keep --------------------------------------------------------------------------------------

_snapshots: WeakValueDictionary[int, ndarray] = WeakValueDictionary()


def is_constant(x: ndarray) -> bool:
    """Whether nobody can write to an array: a snapshot, ``bytes``, or a file that is mapped to be read.

    Other memory that is read-only here may be written to by who lends it.
    """
    owner: Any = x
    while True:
        is_array, base = issubclass(type(owner), ndarray), behind(owner)
        if (is_array and is_writeable(owner)) or (type(owner) is memoryview and not owner.readonly):
            return False
        if is_array and base is None:
            return _snapshots.get(id(owner)) is owner
        if base is None or (type(owner) is np.memmap and not issubclass(type(base), ndarray)):
            return type(owner) in (bytes, np.memmap)
        owner = base


def snapshot(x: ndarray) -> ndarray:
    """An array as it is now, for good."""
    if is_constant(x):
        return x
    is_one = is_one_number(x)
    kept = _one_of(x).copy() if is_one else copy_of(x)
    kept.setflags(write=False)
    _snapshots[id(kept)] = kept
    return np.broadcast_to(kept, x.shape) if is_one else kept


def is_one_number(x: Any) -> bool:
    """Whether a large array is one number in memory, as the cotangent of a sum is."""
    return type(x) is ndarray and x.nbytes > LARGE and not any(x.strides)


def _one_of(x: ndarray) -> ndarray:
    return x[(slice(0, 1),) * x.ndim]


WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def same_bits(x: ndarray, y: ndarray) -> bool:
    """Whether two arrays of one shape and dtype hold the same bits (so NaN is itself, and 0 is not -0)."""
    word = WORDS.get(x.itemsize)
    if is_one_number(x) and is_one_number(y):
        x, y = _one_of(x), _one_of(y)
    if word is None or x.dtype.hasobject:
        return x.tobytes() == y.tobytes()
    return bool(np.array_equal(x.view(word), y.view(word)))


def place_of(x: ndarray) -> Any:
    """A key that all views of the same part of an array share; later another array may have it, so compare the arrays too."""
    return x.__array_interface__["data"][0], x.shape, x.strides, x.dtype


class Snapshots:
    """The snapshots that a program under way has taken: of arrays that are alike, one."""

    __slots__ = ("large", "small")

    def __init__(self) -> None:
        self.small: dict[Any, ndarray] = {}
        self.large: dict[Any, ndarray] = {}

    def of(self, x: ndarray) -> ndarray:
        if x.nbytes <= LARGE:
            key = (x.dtype, x.shape, x.tobytes())
            kept = self.small.get(key)
            if kept is None:
                kept = self.small[key] = snapshot(x)
            return kept
        if is_constant(x):
            return x
        kept = self.large.get(place_of(x))
        if kept is None or not same_bits(kept, x):
            kept = self.large[place_of(x)] = snapshot(x)
        return kept


# --- what a tape holds ----------------------------------------------------------------------------------------------------

_lock = allocate_lock()
_frozen: dict[int, list[Any]] = {}
"""The arrays that are read-only for now, weakly: how many holders need that, and whether they were writable before."""


def forgetting(entries: dict[int, Any], key: int) -> Callable[[Any], Any]:
    """What drops an entry when its array is no more, of which the ``id`` may become another's."""
    return lambda reference: entries.pop(key, None)


def _freeze(x: ndarray) -> None:
    with _lock:
        entry = _frozen.get(id(x))
        if entry is None:
            entry = _frozen[id(x)] = [weakref.ref(x, forgetting(_frozen, id(x))), 0, is_writeable(x)]
        entry[1] += 1
        x.setflags(write=False)


def _thaw(x: ndarray) -> None:
    with _lock:
        entry = _frozen[id(x)]
        entry[1] -= 1
        if not entry[1]:
            del _frozen[id(x)]
            x.setflags(write=entry[2])


SAMPLES = 512
"""How many elements of a large array are compared to find out that it was written to in spite of all."""


class Held(NamedTuple):
    """A large array that is read-only for now, with a sample of its elements as they were.

    The array itself is kept by the tape, if that needs it, and not here.
    """

    array: weakref.ref[ndarray]
    sample: bytes

    def is_changed(self) -> bool:
        x = self.array()
        return x is not None and self.sample != sample_of(x)


def sample_of(x: ndarray) -> bytes:
    """Elements from all over an array, in odd steps so that they are not all from one column."""
    flat = x.ravel(order="K")
    return flat[:: flat.size // SAMPLES // 2 * 2 + 1].tobytes()


class Holder:
    """Holds the user's arrays that a tape needs, from their use on until the function has returned."""

    __slots__ = ("copied", "held")

    def __init__(self) -> None:
        self.held: dict[int, Held] = {}
        self.copied: WeakValueDictionary[Any, ndarray] | None = None

    def hold(self, x: ndarray) -> ndarray:
        """An array that keeps the values that ``x`` has now: a copy; or ``x``, made read-only, if it is large.

        A view is copied: the array that it is a view of, or another view, could still be written to.
        """
        if x.nbytes <= LARGE and type(x) is ndarray:
            return x.copy("K")
        if id(x) in self.held or is_constant(x):
            return x
        if x.base is not None or not x.flags.owndata or type(x) is not ndarray or not x.flags.forc:
            return self.copy_of_view(x)
        _freeze(x)
        self.held[id(x)] = Held(weakref.ref(x, forgetting(self.held, id(x))), sample_of(x))
        return x

    def hold_argument(self, x: ndarray) -> ndarray:
        """The same of an argument: a copy of one with gaps has gaps too, for they decide what a view of it is."""
        return self.hold(x) if x.flags.forc else copy_with_gaps(x)

    def copy_of_view(self, x: ndarray) -> ndarray:
        """A copy, of which there is one for all uses of the same part of an array as long as that does not change."""
        if self.copied is None:
            self.copied = WeakValueDictionary()
        kept = self.copied.get(place_of(x))
        if kept is None or not same_bits(kept, x):
            kept = self.copied[place_of(x)] = copy_of(x)
        return kept

    def end(self, who: str, error: BaseException | None, traceback: TracebackType | None, tape: list[Any] | None) -> None:
        """The function has returned, or has raised an error; the ``tape``, if any, goes on to be used."""
        if not self.held:
            return
        explained = None
        try:
            if error is not None:
                explained = self.explain(who, error, traceback)
            elif any(held.is_changed() for held in list(self.held.values())):
                explained = self.written_through_a_view(who)
            elif tape is not None:
                self.settle(tape)
        finally:
            if tape is not None or error is not None or explained is not None:
                self.release()
        if explained is not None:
            raise explained from error

    def settle(self, tape: list[Any]) -> None:
        """When the function has run: copy those arrays on the tape that are the user's and were read-only, or views of such."""
        kept: dict[int, ndarray] = {}
        replaced = []

        def settled(x: ndarray) -> ndarray:
            if id(x if x.base is None else owner_of(x)) not in self.held:
                return x
            if id(x) not in kept:
                kept[id(x)] = copy_of(x)
                replaced.append(x)  # so that its id remains its own
            return kept[id(x)]

        for i, (primitive, inputs, *rest) in enumerate(tape):
            tape[i] = (primitive, [mapped(settled, x) for x in inputs], *rest)

    def release(self) -> None:
        """Make the user's arrays writable again, as they were."""
        while self.held:
            x = self.held.popitem()[1].array()
            if x is not None:
                _thaw(x)

    def written_through_a_view(self, who: str) -> errors.InPlaceWriteError:
        types = ", ".join(str(typeof(held.array())) for held in list(self.held.values()) if held.is_changed())
        what = f"an array was written to that {who} still needs as it was ({types})."
        why = "it was written to through another array that shares its memory, made before it became read-only"
        return errors.InPlaceWriteError(what, why=why, fix=IN_PLACE_FIX)

    def explain(self, who: str, error: BaseException, traceback: TracebackType | None) -> errors.InPlaceWriteError | None:
        """The error to raise where the user's code tried to write to an array that is held, or None if it was another one."""
        if not (isinstance(error, ValueError) and "read-only" in str(error)):
            return None
        arrays = [x for held in list(self.held.values()) if (x := held.array()) is not None]
        types = ", ".join(sorted({str(typeof(x)) for x in arrays}))
        what = f"an array was written to, or asked for as writable, that {who} still needs as it was ({types})."
        size = f"{LARGE >> 10} KiB"
        why = f"an array of more than {size} that a derivative needs is read-only while the function runs (others are copied)"
        return errors.InPlaceWriteError(what, why=why, fix=IN_PLACE_FIX, source=_user_place(traceback))


IN_PLACE_FIX = "write into a copy of it, or make a new array for each step"


def _user_place(traceback: TracebackType | None) -> Source | None:
    """The innermost line of the user's in a traceback."""
    place = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_library(code.co_filename):
            place = Source(code, traceback.tb_lasti)
        traceback = traceback.tb_next
    return place
