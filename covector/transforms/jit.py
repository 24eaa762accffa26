"""Staging once: ``jit``.

A jitted function is traced once for each structure, type and static value of its arguments; later calls run the cleaned
program.  Programs are kept with the function that they came from (`covector.transforms.caches`).
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Hashable
from functools import partial
from types import BuiltinFunctionType
from typing import Any, NamedTuple, cast, overload

from covector.backends.run import NATIVE, backend_named, compiled, running_on
from covector.backends.run import jitted as run_of_jit
from covector.backends.tiers import Tiers, choice, may_compile
from covector.backends.tiers import direct as direct_code
from covector.core import errors
from covector.core.avals import type_of_argument, typeof
from covector.core.context import MODES, NAMED_AXES, jit_is_disabled, named_axes, open_traces
from covector.core.jaxpr import Jaxpr, program_axes, program_has_effects
from covector.core.keys import names_in
from covector.core.memory import own_results
from covector.core.primitive import TracerBase
from covector.core.pytrees import flatten_call, tree_flatten, tree_structure, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.evaluate import eval_jaxpr
from covector.passes.clean import clean
from covector.passes.overwriting import has_own_outputs
from covector.primitives.programs.call import jit_p
from covector.transforms.arguments import (
    ArgNames,
    ArgNums,
    Wrapper,
    argument_of,
    check_callable,
    check_leaves,
    transformed,
    wrap_like,
)
from covector.transforms.caches import Traced, kept
from covector.transforms.devices import check_device
from covector.transforms.draws import noticing_draws
from covector.transforms.lowering import Lowered
from covector.transforms.options import flags
from covector.transforms.staging import traced_alone, traced_call
from covector.transforms.static_arguments import NamedArguments, StaticArguments
from covector.transforms.tracing import trace
from covector.transforms.typing import JittedFunction, P, R


class Entry(NamedTuple):
    """What a call needs: the program, how to run it on arrays, what it closes over, the structure of its result."""

    jaxpr: Jaxpr
    run: Callable[..., list[Any]]
    hoisted: list[Any]
    out_tree: Any
    needs_context: bool
    """Whether it has effects or collectives, which concern the traces around it."""
    compiled: Any
    """What may be native code; None where another backend was asked for."""


AMBIGUOUS = object()
"""Stands in a cache where entries are found only with what `names_in` tells of the structure of the arguments."""


@overload
def jit(
    f: Callable[P, R],
    static_argnums: ArgNums | None = None,
    static_argnames: ArgNames = None,
    *,
    donate_argnums: ArgNums | None = None,
    donate_argnames: ArgNames = None,
    inline: bool = False,
    keep_unused: bool = False,
    device: str | None = None,
    backend: str | None = None,
) -> JittedFunction[P, R]: ...
@overload
def jit(
    f: None = None,
    static_argnums: ArgNums | None = None,
    static_argnames: ArgNames = None,
    *,
    donate_argnums: ArgNums | None = None,
    donate_argnames: ArgNames = None,
    inline: bool = False,
    keep_unused: bool = False,
    device: str | None = None,
    backend: str | None = None,
) -> Callable[[Callable[P, R]], JittedFunction[P, R]]: ...
def jit(
    f: Callable[..., Any] | None = None,
    static_argnums: ArgNums | None = None,
    static_argnames: ArgNames = None,
    *,
    donate_argnums: ArgNums | None = None,
    donate_argnames: ArgNames = None,
    inline: bool = False,
    keep_unused: bool = False,
    device: str | None = None,
    backend: str | None = None,
) -> Any:
    """Trace a function once, and run its cleaned program from then on.

    Dead code, common subexpressions and constants are removed, and Python is not run again.  Under other transformations a
    jitted function is one operation whose program is transformed, also without running Python again.

    Args:
        f: a function of pytrees of arrays.  Whatever else it reads (closures, globals, attributes) is as it was when it was
            traced; ``clear_cache()``, or another ``jit`` of the function, sees it anew.
        static_argnums: positions of arguments that are part of the program, of any hashable type.
        static_argnames: names of such arguments.
        donate_argnums: positions of arguments that the caller needs no more.  Nothing is made of it: they stay as they are.
        donate_argnames: names of such arguments.
        inline: a call on traced values applies the operations of the program, one by one, instead of being one operation; so
            the equations stand in the program around it.
        keep_unused: accepted, for unused arguments are always kept: a program has all its inputs.
        device: None or "cpu", the only device.
        backend: the name of a backend (see `register_backend`) on which the program runs, and those of its derivatives do; by
            default that of the context.  A call in another program runs as that does.

    Returns:
        The compiled function.  Its attributes: ``cache_size()``; ``clear_cache()``; ``explain()``, a text that says for each
        trace what was new about the arguments; ``lower(*args)``, the program for such arguments (or avals), which can be shown
        and compiled; ``eval_shape(*args)``, the avals of the result for such arguments.

    Raises:
        TracerBoolConversionError and its like: ``f`` needs the value of an argument that is not static.
        ArgumentError: there is no such backend or device; the arguments that are named do not exist, or one is both static
            and donated; an option is neither True nor False.

    Example:
        >>> import numpy as np
        >>> @jit
        ... def f(x):
        ...     return np.sum(x**2)
        >>> float(f(np.arange(3.0)))
        5.0
    """
    given = dict(locals())
    del given["f"]
    if f is None:
        return lambda f: jit(f, **given)
    check_callable(f, "jit")
    statics = StaticArguments(f, static_argnums, static_argnames)
    has_statics = bool(statics)
    who = transformed("jit", f)
    _check_donated(f, donate_argnums, donate_argnames, statics, who.name)
    flags(who.name, inline=inline, keep_unused=keep_unused)
    check_device(device, who.name)
    params = {"name": getattr(f, "__name__", "f")}
    if backend is not None:
        params["backend"] = backend_named(backend, who.name).name
    options = (frozenset(statics.positions), frozenset(statics.names))
    cache: dict[Hashable, Any] = {}
    is_off = choice() == "off"

    def new_entry(key: Any, args: Any, kwargs: Any, treedef: Any) -> Entry:
        """What a call needs that is not found under its key; traces are shared by all ``jit`` of a function in one world."""
        names = names_in(treedef)
        own_key = key if names is None else (*key, names)
        entry = cache.get(own_key) if names is not None else None
        if entry is None:
            run = partial(statics.call_of(args, kwargs, who.name).apply, f)
            with noticing_draws(f, who.name):
                found = kept(f, ("jit", *options, own_key), lambda: trace(run, treedef, key[2:], who))
            entry = found.once(("entry", backend), lambda: _entry(found, backend))
            if found.hoisted:
                return entry
            cache[own_key] = entry
            if names is not None:
                cache[key] = AMBIGUOUS
        return entry

    def jitted(*args: Any, **kwargs: Any) -> Any:
        if is_off or (MODES and jit_is_disabled()):
            return f(*args, **kwargs)
        if has_statics:
            call = statics.call_of(args, kwargs, who.name)
            leaves, treedef = tree_flatten(call.dynamic)
            key: Hashable = (treedef, call.key, *_avals(leaves, call.dynamic, f, who.name))
        else:
            leaves, treedef = flatten_call(args, kwargs)
            key = (treedef, None, *_avals(leaves, (args, kwargs), f, who.name))
        axes = named_axes() if NAMED_AXES else ()
        if axes:
            key = (key[0], (key[1], axes), *key[2:])  # type: ignore[index]
        entry = cache.get(key)
        if entry is None or entry is AMBIGUOUS:
            entry = new_entry(key, args, kwargs, treedef)
        for leaf in leaves:
            if isinstance(leaf, TracerBase):
                if inline:
                    outs = eval_jaxpr(entry.jaxpr, *entry.hoisted, *leaves)
                    return tree_unflatten(entry.out_tree, own_results(outs, leaves))
                break
        else:
            if not (entry.hoisted or MODES or (entry.needs_context and open_traces())):
                if direct.is_waited_for and not kwargs:
                    direct.install(entry, args, leaves)
                return tree_unflatten(entry.out_tree, entry.run(*leaves))
        outs = jit_p.bind(*entry.hoisted, *leaves, jaxpr=entry.jaxpr, **params)
        return tree_unflatten(entry.out_tree, own_results(outs, leaves))

    def entries() -> list[Any]:
        return [k for k, entry in cache.items() if entry is not AMBIGUOUS]

    def clear_cache() -> None:
        cache.clear()
        direct.remove()

    def lower(*args: Any, **kwargs: Any) -> Lowered:
        call = statics.call_of(args, kwargs, who.name)
        found = traced_alone(f, call, who)
        positions = tuple(sorted(call.static_args))
        return Lowered(who.name, found.jaxpr, tree_structure(call.dynamic), found.out_tree.child(0), backend, f, positions)

    def shape_of_result(*args: Any, **kwargs: Any) -> Any:
        return traced_call(f, statics.call_of(args, kwargs, who.name), who).shapes

    direct = Direct(not has_statics and (may_compile() if backend is None else backend == NATIVE.name))
    wrapper = wrap_like(f, jitted, jit, **given)
    wrapper.snapshot = True
    direct.wrapper = weakref.ref(wrapper)
    wrapper.cache_size = lambda: len(entries())  # type: ignore[attr-defined]
    wrapper.clear_cache = clear_cache  # type: ignore[attr-defined]
    wrapper.lower = hides_frames(lower)  # type: ignore[attr-defined]
    wrapper.eval_shape = hides_frames(shape_of_result)  # type: ignore[attr-defined]
    wrapper.explain = lambda: _explain(who.name, entries())  # type: ignore[attr-defined]
    return wrapper


def _check_donated(f: Callable[..., Any], argnums: Any, argnames: Any, statics: StaticArguments, who: str) -> None:
    """Reject donated arguments that do not exist, or that are static."""
    donated = NamedArguments(f, argnums, argnames, "donate")
    both: list[Any] = sorted(donated.names & statics.names) or sorted(donated.positions & statics.positions)
    if both:
        what = f"{who} got {', '.join(map(repr, both))} as static and as donated."
        why = "a static argument is part of the program, and none that could be donated to it"
        raise errors.ArgumentError(what, why=why, fix="name it in one of the two")


def _entry(found: Traced, backend: str | None) -> Entry:
    jaxpr = found.jaxpr
    needs_context = program_has_effects(jaxpr) or bool(program_axes(jaxpr))
    code = run_of_jit(jaxpr) if backend is None else compiled(jaxpr, NATIVE) if backend == NATIVE.name else None
    return Entry(jaxpr, _runner(jaxpr, backend), found.hoisted, found.out_tree.child(0), needs_context, code)


class Direct:
    """Puts native code in the place of a jitted function, where one of its programs takes and gives arrays alone.

    The code looks at what it is given itself, and hands on to the function what it is not made for.
    """

    def __init__(self, is_possible: bool):
        self.is_possible = self.is_waited_for = is_possible
        self.wrapper: Callable[[], Wrapper | None] = lambda: None
        """The function, which is not kept: it would be left to the cycle collector."""

    def install(self, entry: Entry, args: tuple[Any, ...], leaves: list[Any]) -> None:
        """Do so, if the program of a call is compiled by now, and fit for it."""
        if isinstance(entry.compiled, Tiers) and not entry.compiled.is_settled:
            return
        self.is_waited_for = False
        is_flat = len(args) == len(leaves) and all(map(operator.is_, args, leaves))
        is_tuple = entry.out_tree == tree_structure((0,) * entry.out_tree.num_leaves)
        if not is_flat or entry.hoisted or entry.needs_context or not (is_tuple or entry.out_tree == tree_structure(0)):
            return
        wrapper = self.wrapper()
        code = None if wrapper is None else direct_code(entry.compiled, wrapper.func, is_tuple)
        if wrapper is not None and code is not None:
            replace_function(wrapper, code)

    def remove(self) -> None:
        """Let the function itself run again."""
        wrapper = self.wrapper()
        if wrapper is not None and type(wrapper.func) is BuiltinFunctionType:
            replace_function(wrapper, cast(Any, wrapper.func.__self__).otherwise)
        self.is_waited_for = self.is_possible


def replace_function(wrapper: Wrapper, function: Callable[..., Any]) -> None:
    """Let a wrapper call another function."""
    wrapper.__setstate__((function, (), {}, wrapper.__dict__))  # type: ignore[attr-defined]


def _runner(jaxpr: Jaxpr, backend: str | None) -> Callable[..., list[Any]]:
    """What runs a program on arrays: the caller may write to each result without changing an argument or another result."""
    run = run_of_jit(jaxpr) if backend is None else running_on(backend, jaxpr)
    return run if backend is None and has_own_outputs(clean(jaxpr)) else lambda *leaves: own_results(run(*leaves), leaves)


def _avals(leaves: list[Any], tree: Any, f: Any, who: str) -> list[Any]:
    try:
        return [typeof(leaf) if type(leaf) is not int else type_of_argument(leaf) for leaf in leaves]
    except TypeError:
        check_leaves(leaves, tree, who, partial(argument_of, f))
        raise


def _explain(who: str, keys: list[Any]) -> str:
    """For each trace how its key differs from the closest one before."""
    lines = [f"{who}: traced {len(keys)} time{'s' * (len(keys) != 1)}"]
    for i, key in enumerate(keys):
        avals = ", ".join(map(str, key[2:]))
        reasons = [_difference(old, key) for old in keys[:i]]
        reason = min(reasons, key=len) if reasons else "first call"
        lines.append(f"  {i + 1}. ({avals}){f' static {key[1]}' if key[1] is not None else ''}: {reason}")
    return "\n".join(lines)


def _difference(old: Any, new: Any) -> str:
    if old[0] != new[0]:
        return "the arguments have another structure"
    if old[1] != new[1]:
        return "a static argument has another value"
    changed = [f"{a} became {b}" for a, b in zip(old[2:], new[2:], strict=True) if a != b]
    return ", ".join(changed)
