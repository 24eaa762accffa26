"""What the transformations share: naming the user's function, choosing its arguments, checking trees of values."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial, update_wrapper
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import AbstractValue, Zero, float0, shape_of, type_of_argument, typeof
from covector.core.checked_rules import alike
from covector.core.primitive import TracerBase
from covector.core.pytrees import broadcast_prefix, list_of_one, tree_flatten, tree_paths, tree_unflatten
from covector.core.source import Source, source_of_function
from covector.core.tracebacks import hiding_frames
from covector.primitives.arrays.shaping import in_type
from covector.transforms import options

ArgNums = int | Sequence[int]
Names = str | Sequence[str]
ArgNames = Names | None


class Transformed(NamedTuple):
    """What error messages say about a transformation in progress: its name and where the function is defined."""

    name: str
    origin: Source | None


def check_callable(f: Any, transformation: str) -> None:
    """Reject anything that cannot be called."""
    if not callable(f):
        raise errors.ArgumentError(
            f"{transformation} expects a function, and got {f!r} of type {type(f).__name__}.",
            fix=f"write {transformation}(f)(x), not {transformation}(f(x))",
        )


def check_functions(usage: str, **functions: Any) -> None:
    """Reject what is no function among arguments of these names of a function that is called as in ``usage``."""
    for name, f in functions.items():
        if not callable(f):
            raise wrong_argument(usage, name, f, "a function")


def wrong_argument(usage: str, name: str, value: Any, needed: str) -> errors.ArgumentError:
    """The error for an argument of another kind than is needed, as where two are swapped."""
    if callable(value):
        found = f"the function {function_name(value)}"
    else:
        found = f"{value!r} of type {type(value).__name__}" if np.ndim(value) == 0 else kind_of(value)
    what = f"{usage.partition('(')[0]} got {found} for {name}, which is to be {needed}."
    return errors.ArgumentError(what, fix=f"pass the arguments as in {usage}")


def function_name(f: Any) -> str:
    """The name of a function for messages."""
    return getattr(f, "__qualname__", None) or getattr(f, "__name__", None) or type(f).__name__


def transformed(name: str, f: Any) -> Transformed:
    """The description of applying ``name`` to ``f``."""
    if type(f) is FunctionType and not f.__dict__:
        return tuple.__new__(Transformed, (f"{name} of {f.__qualname__}", Source(f.__code__, 0)))  # a third of the time
    if type(f) is np.ufunc:
        return tuple.__new__(Transformed, (f"{name} of {f.__name__}", None))
    inner = inspect.unwrap(f) if hasattr(f, "__wrapped__") and callable(f) else f
    return Transformed(f"{name} of {function_name(f)}", source_of_function(inner))


def global_name(wrapper: Any) -> str | None:
    """The name under which the module of a wrapped function holds the wrapper: that of the function, or any other."""
    module = sys.modules.get(getattr(wrapper, "__module__", None) or "")
    name = getattr(wrapper.__wrapped__, "__qualname__", "")
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is wrapper:
        return name
    return next((name for name, value in getattr(module, "__dict__", {}).items() if value is wrapper), None)


STORE = "__covector_traces__"
"""The attribute of a function under which its traces are kept; see `covector.transforms.caches`."""


class Wrapper(partial):  # type: ignore[type-arg]
    """A transformed function: called like the Python function that computes it (as fast as that, for `partial` is in C).

    It is pickled and copied by how it was made: the function and the transformation; where it took the function's name, as a
    decorator does, by that name.
    """

    __wrapped__: Any
    again: Callable[..., Any]
    snapshot = False
    """Whether it stays as it was traced when what the function reads besides its arguments changes."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return global_name(self) or (self.again, (self.__wrapped__,))

    def __repr__(self) -> str:
        return f"<{function_name(self)}>"


def wrap_like(
    f: Callable[..., Any], compute: Callable[..., Any], transformation: Callable[..., Any], /, **options: Any
) -> Wrapper:
    """``compute`` with the name and documentation of ``f``, of which ``transformation(f, **options)`` makes the same once more.

    Its errors show the user's frames.
    """
    wrapper = Wrapper(hiding_frames(compute))
    update_wrapper(wrapper, f, assigned=("__module__", "__doc__", "__annotations__"))
    wrapper.__dict__.pop(STORE, None)
    wrapper.again = partial(transformation, **options)
    wrapper.snapshot = False
    wrapper.__name__ = f"{transformation.__name__}({getattr(f, '__name__', function_name(f))})"  # type: ignore[attr-defined]
    wrapper.__qualname__ = wrapper.__name__  # type: ignore[attr-defined]
    return wrapper


# --- argnums and argnames ---------------------------------------------------------------------------------------------------


class Selection(NamedTuple):
    """The arguments that a derivative is taken with respect to: positions and keywords of one call.

    ``values`` are theirs; `call` calls a function with others in their place; `shape` arranges results for the caller.
    """

    values: list[Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    places: tuple[Any, ...]
    """For each selected argument its position (int) or its keyword (str)."""
    single: bool
    names: tuple[str, ...] | None
    """With ``argnames`` alone, the names under which results are returned."""
    n_positional: int

    def call(self, f: Callable[..., Any], values: Sequence[Any]) -> Any:
        if len(self.args) == len(self.places) == 1 and not self.kwargs:
            return f(*values)
        args, kwargs = list(self.args), dict(self.kwargs)
        for place, value in zip(self.places, values, strict=True):
            if isinstance(place, int):
                args[place] = value
            else:
                kwargs[place] = value
        return f(*args, **kwargs)

    def shape(self, results: Sequence[Any]) -> Any:
        """Arrange one result for each selected argument as the caller asked for them."""
        if self.single:
            return results[0]
        if self.names is None:
            return tuple(results)
        named = dict(zip(self.names, results[self.n_positional :], strict=True))
        return (tuple(results[: self.n_positional]), named) if self.n_positional else named

    def named(self, f: Any, path: str) -> str:
        """A path into ``values`` by its argument."""
        found = re.match(r"\[(\d+)\](.*)", path, re.DOTALL)
        if found is None:
            return path
        place = self.places[int(found[1])]
        return (named_argument(f, place) if isinstance(place, int) else f"argument {place!r}") + found[2]

    def describe(self, index: int) -> str:
        place = self.places[index]
        return f"argument {place}" if isinstance(place, int) else f"argument {place!r}"


def select_arguments(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Any, argnames: ArgNames, who: str
) -> Selection:
    """The arguments of a call that ``argnums`` and ``argnames`` name; ``argnums=None`` stands for 0 without ``argnames``."""
    if argnums is None:
        argnums = 0 if argnames is None else ()
    if type(argnums) is int and argnames is None and 0 <= argnums < len(args):
        return tuple.__new__(Selection, ([args[argnums]], args, kwargs, (argnums,), True, None, 1))  # a third of the time
    single = isinstance(argnums, (int, np.integer)) and argnames is None
    if not isinstance(argnums, (int, np.integer)) and not isinstance(argnums, Iterable):
        what = f"{who} got argnums={argnums!r}, which is no position."
        fix = f"give the position of an argument, or a tuple of them; arguments go into the call: {who.split()[0]}(f)(x)"
        raise errors.ArgumentError(what, fix=fix)
    positions = [_position(n, len(args), who) for n in ([argnums] if isinstance(argnums, (int, np.integer)) else argnums)]
    if argnames is None:
        _check_different(positions, who)
        return Selection([args[p] for p in positions], args, kwargs, tuple(positions), single, None, len(positions))
    names = options.names(argnames, "argnames", who)
    places = [*positions, *(_place_of_name(f, name, args, kwargs, who) for name in names)]
    _check_different(places, who)
    single = isinstance(argnames, str) and not positions
    values = [args[p] if isinstance(p, int) else kwargs[p] for p in places]
    return Selection(values, args, kwargs, tuple(places), single, names, len(positions))


def _check_different(places: Sequence[Any], who: str) -> None:
    if len(places) > 1 and len(set(places)) != len(places):
        why = "argnums or argnames name an argument twice, and its derivative would be counted twice"
        what = f"{who} was asked for the same argument twice: {', '.join(map(repr, places))}."
        raise errors.ArgumentError(what, why=why, fix="name each argument once")


def _position(n: Any, count: int, who: str) -> int:
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or not -count <= n < count:
        raise errors.ArgumentError(
            f"{who} has argnums={n!r}, but the function was called with {count} positional argument{'s' * (count != 1)}.",
            why="argnums counts the positional arguments of the call from 0",
            fix="pass the argument by position, or name it with argnames",
        )
    return int(n) % count


def _place_of_name(f: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], who: str) -> Any:
    if name in kwargs:
        return name
    signature = signature_of(f)
    parameters = list(signature.parameters) if signature is not None else []
    if name in parameters[: len(args)]:
        return parameters.index(name)
    raise errors.ArgumentError(
        f"{who} has argnames={name!r}, but the call passes no argument of that name.",
        why=f"its parameters are ({', '.join(parameters)})" if parameters else "its signature is not known",
        fix="pass the argument in the call (a default value is not differentiated)",
    )


# --- values -----------------------------------------------------------------------------------------------------------------


def check_leaves(leaves: Sequence[Any], tree: Any, who: str, named: Callable[[str], str] | None = None) -> None:
    """Reject leaves of a tree that are no arrays, numbers or tracers, before all else; ``named`` says where by argument."""
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, TracerBase):
            continue
        try:
            type_of_argument(leaf)
        except TypeError as e:
            path = (tree_paths(tree)[i:] or [""])[0]
            path = named(path) if named is not None else path
            if issubclass(type(leaf), np.ndarray):  # the error says what to pass
                place = path if path.startswith("argument") else f"its argument{path and ' at ' + path}"
                raise errors.ArrayTypeError(f"{who} cannot take {place}: {e}") from None
            what = f"{who} got {leaf!r} of type {type(leaf).__name__} at {path or 'its argument'}."
            raise errors.ArgumentError(what, why=str(e), fix=_fix_of_leaf(leaf)) from None


def flatten_result(result: Any, who: str) -> tuple[list[Any], Any]:
    """The leaves of what a function returned, checked to be values, and their structure as a list of the one result."""
    if issubclass(type(result), TracerBase):
        return [result], list_of_one()
    leaves, treedef = tree_flatten([result])
    for leaf in leaves:
        if isinstance(leaf, TracerBase):
            continue
        try:
            type_of_argument(leaf)
        except TypeError as e:
            place = next(i for i, x in enumerate(leaves) if x is leaf)
            path = (tree_paths([result])[place:] or ["[0]"])[0].removeprefix("[0]")
            what = f"{who}: the function returned {leaf!r} of type {type(leaf).__name__}{path and ' at ' + path}."
            if issubclass(type(leaf), np.ndarray):
                raise errors.ArrayTypeError(f"{what}\n{e}") from None
            fix = "return arrays, numbers, or containers of them (None for nothing)"
            raise errors.ArgumentError(what, why=str(e), fix=fix) from None
    return leaves, treedef


def _fix_of_leaf(leaf: Any) -> str:
    """What to do with an object that is no value."""
    if isinstance(leaf, AbstractValue):
        return "pass an array; eval_shape, make_jaxpr and jit(f).lower are for shapes and dtypes alone"
    if hasattr(type(leaf), "__dataclass_fields__"):
        return (
            f"make the class a tree: covector.tree.register({type(leaf).__name__}, flatten, unflatten), where flatten gives its"
            " fields (the children) and what is not traced"
        )
    return "pass arrays or numbers; keep other things in a closure (functools.partial), or make them static (jit)"


def argument_of(f: Any, path: str) -> str:
    """The path of a leaf in ``(args, kwargs)`` as a user would say it: by the argument and its name."""
    found = re.match(r"\[0\]\[(\d+)\](.*)|\[1\]\['([^']*)'\](.*)", path, re.DOTALL)
    if found is None:
        return path
    number, rest, keyword, keyword_rest = found.groups()
    return f"argument {keyword!r}{keyword_rest}" if number is None else named_argument(f, int(number)) + rest


def named_argument(f: Any, number: int) -> str:
    """An argument by its position, and its name where the signature tells it."""
    names = positional_names(signature_of(f))
    return f"argument {number}" + (f" ({names[number]!r})" if number < len(names) else "")


def signature_of(f: Any) -> inspect.Signature | None:
    """The signature of a function, or None where it is not known."""
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def positional_names(signature: inspect.Signature | None) -> list[str]:
    """The names of the parameters that may be given by position."""
    parameters = signature.parameters.values() if signature is not None else ()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def given_avals(tree: Any, who: str) -> tuple[list[Any], Any]:
    """The types of the leaves of a tree of values, or of avals in their place, and its structure; rejects others."""
    leaves, treedef = tree_flatten(tree)
    is_aval = [isinstance(leaf, AbstractValue) for leaf in leaves]
    check_leaves([0 if m else leaf for leaf, m in zip(leaves, is_aval, strict=True)], tree, who)
    return [leaf if m else typeof(leaf) for leaf, m in zip(leaves, is_aval, strict=True)], treedef


def kind_of(result: Any) -> str:
    """What a function returned, for messages."""
    if isinstance(result, (tuple, list)):
        return f"a {type(result).__name__} of {len(result)}"
    is_value = issubclass(type(result), (TracerBase, np.ndarray, np.generic))
    return str(typeof(result)) if is_value else "None" if result is None else f"a {type(result).__name__}"


def flatten_values(trees: Sequence[Any], who: str) -> tuple[list[Any], Any]:
    """The leaves of a list of trees, checked to be values, and their structure."""
    return typed_values(list(trees), who)[:2]


def typed_values(trees: Sequence[Any], who: str, named: Callable[[str], str] | None = None) -> tuple[list[Any], Any, list[Any]]:
    """The same, and the types of the leaves."""
    leaves, treedef = tree_flatten(trees)
    try:
        avals = []
        for x in leaves:  # a list comprehension takes as long again
            avals.append(typeof(x) if type(x) is not int else type_of_argument(x))
        return leaves, treedef, avals
    except TypeError:
        check_leaves(leaves, trees, who, named)
        raise


def like_tangent(value: Any, primal_aval: Any, what: str, who: str, is_result: bool = False) -> Any:
    """A user's tangent or cotangent for a value of type ``primal_aval``, or a symbolic zero; rejects other shapes and dtypes.

    Integers have no tangents: None, zeros and ``float0`` arrays are accepted for them.
    """
    aval = None if value is None else typeof(value)
    if aval is primal_aval and type(value) is np.ndarray and value.dtype.kind in "fc":
        return value
    zero = primal_aval.zero
    if aval is None:
        return zero
    wanted = primal_aval.tangent()
    if type(value) is Zero and alike(aval, wanted):
        return zero
    if wanted.dtype == float0:
        if aval.shape == wanted.shape and (aval.dtype == float0 or (not isinstance(value, TracerBase) and not np.any(value))):
            return zero
    elif aval.shape == wanted.shape and (aval.dtype == wanted.dtype or _adapts(aval, wanted)):
        return value if (aval.dtype, aval.weak_type) == (wanted.dtype, wanted.weak_type) else in_type(value, wanted)
    raise errors.TreeMismatchError(
        f"{who} {'returned' if is_result else 'got'} a {what} of type {aval} for a value of type {primal_aval}.",
        why=f"the {what} of a value has its shape and its dtype"
        + ("; that of an integer or boolean is zero: None, zeros or float0" if wanted.dtype == float0 else ""),
        fix=f"{'return' if is_result else 'pass'} an array of type {wanted}",
    )


def like_rule_tangent(value: Any, primal_aval: Any, what: str, who: str) -> Any:
    """The same for what a rule of a function returns: that of an integer is zero whatever it says, if it has the shape.

    So a rule means the same where its values are known and where they are traced.
    """
    wanted = primal_aval.tangent()
    if value is not None and getattr(wanted, "dtype", None) == float0 and shape_of(value) == wanted.shape:
        return primal_aval.zero
    return like_tangent(value, primal_aval, what, who, is_result=True)


def _adapts(aval: Any, wanted: Any) -> bool:
    """A Python number adapts to the dtype wanted, unless that would lose its imaginary part; a float of any width to one."""
    if wanted.weak_type and aval.dtype.kind in "fc":
        return bool(np.can_cast(aval.dtype, wanted.dtype))
    return bool(aval.weak_type) and (wanted.dtype.kind == "c" or aval.dtype.kind in "if")


def same_tree(tree: Any, treedef: Any, what: str, who: str) -> list[Any]:
    """The leaves of ``tree``, which must have structure ``treedef``."""
    leaves, found = tree_flatten(tree)
    if found != treedef:
        raise _other_structure(found, treedef, what, who)
    return leaves


def tangent_leaves(tree: Any, treedef: Any, what: str, who: str) -> list[Any]:
    """The leaves of a tree of tangents or cotangents of values with structure ``treedef``.

    A None among the values is one among their tangents; any other None stands for zeros: of a leaf, or of all in a subtree.
    """
    leaves, found = tree_flatten(tree)
    if found is treedef or found == treedef:
        return leaves
    try:
        return broadcast_prefix(tree, tree_unflatten(treedef, range(treedef.num_leaves)), what, ValueError, only_none=True)
    except ValueError:
        raise _other_structure(found, treedef, what, who) from None


def _other_structure(found: Any, wanted: Any, what: str, who: str) -> errors.TreeMismatchError:
    return errors.TreeMismatchError(
        f"{who} got {what} with the structure {_plain(found)}, and needs {_plain(wanted)}.",
        why=f"{what} correspond to the values leaf by leaf",
        fix=f"pass {what} in the same nested containers",
    )


def _plain(treedef: Any) -> str:
    text = str(treedef)
    for noise in ("PyTreeSpec(", ", namespace='covector'", ", NoneIsLeaf"):
        text = text.replace(noise, "")
    return text.removesuffix(")")
