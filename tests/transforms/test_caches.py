"""What is traced once, and when it is traced again."""

import copy
import dataclasses
import functools
import gc
import math
import types
import weakref

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.keys import key_of

pytestmark = pytest.mark.usefixtures("few_objects")

# --- static arguments ---


@dataclasses.dataclass(frozen=True)
class Options:
    value: object


ALIKE = [(1, True), (1, 1.0), (1.0, 1 + 0j), (0.0, -0.0), (np.float32(1), np.float64(1)), (1, np.int64(1)), ("a", b"a")]
WRAPPERS = {
    "bare": lambda x: x,
    "tuple": lambda x: (0, x),
    "nested": lambda x: ((x,), 2),
    "frozenset": lambda x: frozenset([x, "other"]),
    "dataclass": Options,
    "dataclass of tuples": lambda x: Options(((x,),)),
    "partial": lambda x: functools.partial(math.pow, x),
    "range and slice": lambda x: (range(3), x),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("pair", ALIKE, ids=str)
def test_static_values_are_told_apart_by_type_and_sign(wrap, pair):
    seen = []
    f = cv.jit(lambda x, k: (seen.append(k), x)[1], static_argnums=1)
    for value in (*pair, *pair):
        f(1.0, wrap(value))
    assert [repr(k) for k in seen] == [repr(wrap(value)) for value in pair]
    assert len(seen) == 2


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_nan_is_one_static_value_of_each_sign(wrap):
    seen = []
    f = cv.jit(lambda x, k: (seen.append(k), x)[1], static_argnums=1)
    for value in (math.nan, float("nan"), -float("nan"), -math.nan):
        f(1.0, wrap(value))
    assert len(seen) == 2


def test_arrays_are_keyed_by_content_and_dtype():
    a = np.arange(3.0)
    assert key_of(a) == key_of(a.copy()) != key_of(a.astype(np.float32))
    assert key_of(np.array([0.0])) != key_of(np.array([-0.0]))
    assert key_of(np.array([np.nan, 1.0])) == key_of(np.array([np.nan, 1.0])) != key_of(np.array([-np.nan, 1.0]))
    assert key_of(np.array([complex(0, np.nan)])) != key_of(np.array([complex(0, -np.nan)]))
    assert key_of(np.array([1, "a"], object)) != key_of(np.array([True, "a"], object))


def test_keys_of_dictionaries_are_told_apart_by_type():
    f = cv.jit(lambda d: sum(v * k for k, v in d.items()))
    for key in (1, True, 1.0, 1):
        for where in (lambda d: d, lambda d: [d], lambda d: ({"a": d},)[0]["a"]):
            tree = where({key: np.int8(3)})
            got = cv.jit(lambda t: cv.tree.map(lambda x: x, t))(tree)
            assert str(got) == str(tree)
        got, want = f({key: np.int8(3)}), np.int8(3) * key
        assert got.dtype == np.asarray(want).dtype and got == want
    assert f.cache_size() == 3


# --- metadata ---


class Tagged:
    def __init__(self, x, tag):
        self.x, self.tag = x, tag


cv.tree.register(Tagged, lambda t: ((t.x,), t.tag), lambda tag, children: Tagged(children[0], tag))

TAGS = {
    "list": ([1.0], lambda tag: tag.__setitem__(0, 5.0)),
    "dict": ({"k": 1.0}, lambda tag: tag.__setitem__("k", 5.0)),
    "set": ({1.0}, lambda tag: tag.add(4.0)),
    "array": (np.ones(1), lambda tag: tag.__setitem__(0, 5.0)),
    "nested": ([[1.0], 0.0], lambda tag: tag[0].__setitem__(0, 5.0)),
}


def total(tag):
    if isinstance(tag, dict):
        return sum(tag.values())
    return sum(map(total, tag)) if isinstance(tag, (list, tuple, set)) else np.sum(tag)


@pytest.mark.parametrize("name", TAGS)
def test_metadata_that_is_written_to_is_noticed(name):
    tag, change = TAGS[name]
    tag = copy.deepcopy(tag)
    for f in (cv.jit(lambda t: t.x * total(t.tag)), lambda t: lax.scan(scaled, t, None, length=1)[0].x):
        for _ in range(2):
            assert float(f(Tagged(2.0, tag))) == 2.0 * total(tag)
            change(tag)


def scaled(t, _):
    return Tagged(t.x * total(t.tag), t.tag), None


def test_metadata_of_arrays_in_every_transformation():
    f = lambda t: np.sum(t.x * t.tag)
    for tag in (np.ones(3), np.zeros(3), np.arange(3.0)):
        t = Tagged(np.array([1.0, 2.0, 4.0]), tag)
        np.testing.assert_allclose(cv.jit(f)(t), np.sum(t.x * tag))
        np.testing.assert_allclose(cv.jit(cv.grad(f))(t).x, tag)
        out, tangent = cv.jvp(f, (t,), (t,))
        assert out == tangent
        np.testing.assert_allclose(cv.vmap(f)(Tagged(np.ones((2, 3)), tag)), [np.sum(tag)] * 2)


def test_metadata_comes_back_as_it_went_in():
    tag = [1, True, 2.0]
    first, second = (cv.jit(lambda t: t)(Tagged(1.0, tag)).tag for _ in range(2))
    for found in (first, second):
        assert found == tag and list(map(type, found)) == [int, bool, float]


WITHIN = {
    "alone": (lambda tag: tag, lambda found: found),
    "tuple": (lambda tag: (0, tag), lambda found: found[1]),
    "dict": (lambda tag: {"k": tag}, lambda found: found["k"]),
}


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("name", TAGS)
def test_metadata_is_the_containers_own(name, within):
    (put, take), (tag, change), seen = WITHIN[within], TAGS[name], []
    f = cv.jit(lambda t: seen.append(t.tag) or t)
    fresh = lambda: Tagged(1.0, put(copy.deepcopy(tag)))
    given = fresh()
    first = f(given)
    for written in (given.tag, seen[0], first.tag):
        change(take(written))
        assert total(take(f(fresh()).tag)) == total(tag)
    assert len(seen) == 1 and cv.tree.structure(first) != cv.tree.structure(fresh())


# --- what a function reads besides its arguments ---


GLOBAL = 1.0
settings = types.ModuleType("settings")


class Holder:
    class_scale = 1.0

    def __init__(self):
        self.scale, self.items, self.inner = 1.0, {"k": 1.0}, None

    def method(self, x):
        return x * x * self.scale

    def of_class(self, x):
        return x * x * self.class_scale

    @property
    def twice(self):
        return 2 * self.scale

    def __call__(self, x):
        return x * x * self.scale


def closure_cell():
    scale = 1.0

    def change(value):
        nonlocal scale
        scale = value

    return lambda x: x * x * scale, change


def global_name():
    def change(value):
        global GLOBAL
        GLOBAL = value

    change(1.0)
    return lambda x: x * x * GLOBAL, change


def global_read_by_another_function():
    f, change = global_name()
    return lambda x: f(x), change


def read_in_a_comprehension():
    _, change = global_name()
    return lambda x: sum([x * GLOBAL for _ in range(1)]) * x, change


def attribute():
    holder = Holder()
    return lambda x: x * x * holder.scale, functools.partial(setattr, holder, "scale")


def attribute_behind_a_property():
    holder = Holder()
    return lambda x: x * x * holder.twice / 2, functools.partial(setattr, holder, "scale")


def attribute_by_getattr():
    holder = Holder()
    return lambda x: x * x * getattr(holder, "sca" + "le"), functools.partial(setattr, holder, "scale")


def attribute_of_a_class():
    Holder.class_scale = 1.0
    return Holder().of_class, functools.partial(setattr, Holder, "class_scale")


def attribute_of_a_function():
    def f(x):
        return x * x * f.scale

    f.scale = 1.0
    return f, functools.partial(setattr, f, "scale")


def attribute_of_a_module():
    settings.scale = 1.0
    return lambda x: x * x * settings.scale, functools.partial(setattr, settings, "scale")


def item_of_a_dictionary():
    holder = Holder()
    return lambda x: x * x * holder.items["k"], functools.partial(holder.items.__setitem__, "k")


def item_of_a_list():
    items = [1.0]
    return lambda x: x * x * items[0], functools.partial(items.__setitem__, 0)


def small_array():
    array = np.ones(3)
    return lambda x: x * x * array[1], lambda value: array.fill(value)


def large_array():
    array = np.ones(100_000)
    return lambda x: x * x * array[1], lambda value: array.fill(value)


def bound_method():
    holder = Holder()
    return holder.method, functools.partial(setattr, holder, "scale")


def callable_object():
    holder = Holder()
    return holder, functools.partial(setattr, holder, "scale")


def partial_function():
    items = [1.0]
    return functools.partial(lambda items, x: x * x * items[0], items), functools.partial(items.__setitem__, 0)


def default_argument():
    def f(x, scale=1.0):
        return x * x * scale

    def change(value):
        f.__defaults__ = (value,)

    return f, change


def keyword_default():
    def f(x, *, scale=1.0):
        return x * x * scale

    def change(value):
        f.__kwdefaults__ = {"scale": value}

    return f, change


def code():
    def f(x):
        return x * x * 1.0

    def change(value):
        f.__code__ = (lambda x: x * x * 3.0).__code__

    return f, change


def random_state():
    state = np.random.RandomState(0)
    values = []

    def f(x):
        values.append(state.uniform())
        return x * x * scale[0]

    scale = [1.0]
    return f, functools.partial(scale.__setitem__, 0)


READS = [
    closure_cell,
    global_name,
    global_read_by_another_function,
    read_in_a_comprehension,
    attribute,
    attribute_behind_a_property,
    attribute_by_getattr,
    attribute_of_a_class,
    attribute_of_a_function,
    attribute_of_a_module,
    item_of_a_dictionary,
    item_of_a_list,
    small_array,
    large_array,
    bound_method,
    callable_object,
    partial_function,
    default_argument,
    keyword_default,
    code,
    random_state,
]


def through_custom_jvp(f):
    g = cv.custom_jvp(lambda x: f(x))
    g.defjvp(lambda p, t: cv.jvp(f, p, t))
    return g


BODIES = {}
"""Functions that a construct is given, by the function that they call: the same object for the same function."""


def body(f, kind):
    key = (kind, getattr(f, "__func__", f), id(getattr(f, "__self__", None)))
    makers = {"scan": lambda: lambda c, _: (f(c), None), "fori_loop": lambda: lambda _, c: f(c)}
    return BODIES.setdefault(key, makers[kind]())


CONSTRUCTS = {
    "plain": lambda f: f,
    "checkpoint": cv.checkpoint,
    "cond": lambda f: lambda x: lax.cond(True, f, f, x),
    "switch": lambda f: lambda x: lax.switch(1, [f, f], x),
    "scan": lambda f: lambda x: lax.scan(body(f, "scan"), x, None, length=1)[0],
    "checkpointed scan": lambda f: lambda x: lax.scan(body(f, "scan"), x, None, length=1, checkpoint="sqrt")[0],
    "fori_loop": lambda f: lambda x: lax.fori_loop(0, 1, body(f, "fori_loop"), x),
    "while_loop": lambda f: lambda x: lax.while_loop(lambda c: c[1] < 1, lambda c: (f(c[0]), c[1] + 1), (x, 0))[0],
    "map": lambda f: lambda x: lax.map(f, np.stack([x]))[0],
    "custom_jvp": through_custom_jvp,
    "a new jit": lambda f: lambda x: cv.jit(f)(x),
}
VIEWS = {
    "value": lambda f: f(np.float64(3.0)),
    "grad": lambda f: cv.grad(f)(np.float64(3.0)) * 1.5,
    "jvp": lambda f: cv.jvp(f, (np.float64(3.0),), (np.float64(1.5),))[1],
    "vmap": lambda f: cv.vmap(f)(np.array([3.0, 4.0]))[0],
    "grad of vmap": lambda f: cv.grad(lambda x: np.sum(cv.vmap(f)(x)))(np.array([3.0, 4.0]))[0] * 1.5,
}


@pytest.mark.parametrize("construct", CONSTRUCTS)
@pytest.mark.parametrize("read", READS, ids=lambda f: f.__name__)
def test_every_construct_but_jit_sees_what_has_changed_in_value_and_derivatives(read, construct):
    f, change = read()
    g = CONSTRUCTS[construct](f)
    for value in (1.0, 3.0):
        if value != 1.0:
            change(value)
        found = {name: float(view(g)) for name, view in VIEWS.items()}
        assert found == pytest.approx(dict.fromkeys(VIEWS, 9.0 * value))


@pytest.mark.parametrize("read", READS[:13], ids=lambda f: f.__name__)
def test_a_jitted_function_stays_as_it_was_traced(read):
    f, change = read()
    g = cv.jit(f)
    g(np.float64(3.0))
    change(3.0)
    assert {name: float(view(g)) for name, view in VIEWS.items()} == pytest.approx(dict.fromkeys(VIEWS, 9.0))
    g.clear_cache()
    assert float(g(np.float64(3.0))) == 27.0


def global_in_place_of_a_builtin():
    def change(value):
        if value == 1.0:
            globals().pop("abs", None)
        else:
            globals()["abs"] = lambda x: x * value

    return lambda x: abs(x) * x, change


def missing_attribute_of_a_module():
    def change(value):
        vars(settings).pop("factor", None)
        if value != 1.0:
            settings.factor = value

    return lambda x: x * x * (settings.factor if hasattr(settings, "factor") else 1.0), change


def missing_attribute_of_a_function():
    def scale():
        return vars(scale).get("scale", 1.0)

    def change(value):
        vars(scale).clear()
        if value != 1.0:
            scale.scale = value

    return lambda x: x * x * scale(), change


def function_in_a_list():
    functions = [None]

    def change(value):
        functions[0] = lambda x: x * x * value

    change(1.0)
    return lambda x: functions[0](x), change


def default_of_another_function():
    def scale(value=1.0):
        return value

    def change(value):
        scale.__defaults__ = (value,)

    return lambda x: x * x * scale(), change


def item_of_a_keyword_default():
    def scale(*, value=[1.0]):  # noqa: B006 - to be changed
        return value[0]

    return lambda x: x * x * scale(), functools.partial(scale.__kwdefaults__["value"].__setitem__, 0)


def wrapped_function():
    @cv.checkpoint
    def inner(x):
        return x * x

    def change(value):
        inner.__wrapped__.__code__ = (lambda x: x * x).__code__ if value == 1.0 else (lambda x: x * x * 3.0).__code__

    return lambda x: inner(x), change


BACK_AND_FORTH = [
    *(read for read in READS if read is not code),
    global_in_place_of_a_builtin,
    missing_attribute_of_a_module,
    missing_attribute_of_a_function,
    function_in_a_list,
    default_of_another_function,
    item_of_a_keyword_default,
    wrapped_function,
]


@pytest.mark.parametrize("read", BACK_AND_FORTH, ids=lambda f: f.__name__)
def test_what_changes_again_and_again_is_seen_each_time(read):
    f, change = read()
    for value in (1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 3.0, 1.0):
        change(value)
        for _ in range(2):
            assert float(lax.cond(True, f, f, np.float64(3.0))) == 9.0 * value


def test_a_function_that_has_been_looked_at_is_freed_without_the_collector():
    def make():
        scale = np.ones(3)
        return lambda x: np.sin(x) * scale

    f = make()
    lax.cond(True, f, f, np.ones(3))
    lax.cond(True, f, f, np.ones(3))
    freed = weakref.ref(f)
    gc.disable()
    try:
        del f
        assert freed() is None
    finally:
        gc.enable()


# --- how often is traced ---


class Stepper:
    def __init__(self, scale=2.0):
        self.scale, self.traces = scale, 0

    def step(self, c, x):
        self.traces += 1
        return c * x * self.scale, None

    def __call__(self, c, x):
        return self.step(c, x)


def counted_step(log, c, x):
    log.append(1)
    return c * x, None


def ways_to_give_a_body():
    stepper, called, log, calls = Stepper(), Stepper(), [], []

    def local(c, x):
        calls.append(1)
        return c * x, None

    return {
        "bound method": (lambda: stepper.step, lambda: stepper.traces),
        "callable object": (lambda: called, lambda: called.traces),
        "partial": (lambda: functools.partial(counted_step, log), lambda: len(log)),
        "function": (lambda: local, lambda: len(calls)),
    }


@pytest.mark.parametrize("way", ways_to_give_a_body())
@pytest.mark.parametrize("kind", ["scan", "jit", "checkpoint"])
def test_methods_partials_and_objects_are_traced_once(way, kind):
    get, count = ways_to_give_a_body()[way]
    runs = {
        "scan": lambda f: lax.scan(f, np.float64(1.0), np.ones(3)),
        "jit": lambda f: cv.jit(f)(1.0, 2.0),
        "checkpoint": lambda f: cv.grad(lambda c: cv.checkpoint(f)(c, 2.0)[0])(1.0),
    }
    for _ in range(5):
        runs[kind](get())
    assert count() == 1


def test_a_function_has_a_trace_of_its_own_in_each_construct():
    traced = []

    def f(x, _=None):
        traced.append(1)
        return x * 0.5 if _ is None else (x * 0.5, None)

    uses = {
        "jit": lambda x: cv.jit(f)(x),
        "checkpoint": cv.grad(cv.checkpoint(f)),
        "cond": lambda x: lax.cond(x > 0, f, f, x),
        "while_loop": lambda x: lax.while_loop(lambda c: c > 0.6, f, x),
        "scan": lambda x: lax.scan(f, x, np.zeros(1))[0],
        "batch with a name": lambda x: cv.vmap(lambda x: lax.cond(x > 0, f, f, x), axis_name="i")(np.stack([x]))[0],
    }
    for _ in range(3):
        assert {name: use(np.float64(1.0)) for name, use in uses.items()} == dict.fromkeys(uses, 0.5)
    assert len(traced) == len(uses)


def test_two_instances_do_not_share_traces():
    a, b = Stepper(2.0), Stepper(3.0)
    results = [float(lax.scan(s.step, np.float64(1.0), np.ones(1))[0]) for s in (a, b, a, b)]
    assert results == [2.0, 3.0, 2.0, 3.0] and a.traces == b.traces == 1


def test_traces_do_not_go_to_a_wrapper_that_takes_over_attributes():
    def f(c):
        return c + 1.0

    assert float(lax.fori_loop(0, 1, lambda i, c: c, 0.0)) == 0.0
    assert float(lax.cond(True, f, f, 1.0)) == 2.0

    @functools.wraps(f)
    def g(c):
        return f(c) * 10.0

    assert float(lax.cond(True, g, g, 1.0)) == 20.0
    assert float(cv.jit(f)(1.0)) == 2.0 and float(cv.jit(g)(1.0)) == 20.0


# --- what caches keep alive ---


def calling_itself():
    def f(x):
        return cv.pure_callback(lambda v: v + 0 * len(f.__name__), x, x)

    return f, f


def calling_its_object():
    class Model:
        def f(self, x):
            return cv.pure_callback(lambda v: v + 0 * len(vars(self)), x, x)

    model = Model()
    return model, model.f


def calling_its_callable_object():
    class Model:
        def __call__(self, x):
            return cv.pure_callback(lambda v: v + 0 * len(vars(self)), x, x)

    model = Model()
    return model, model


def with_a_rule_that_closes_over_it():
    def f(x):
        g = cv.custom_jvp(lambda y: y * 2.0)
        g.defjvp(lambda p, t: (p[0] * 2.0, t[0] * 2.0 * len(f.__name__)))
        return g(x)

    return f, f


def partial_of_its_object():
    class Thing:
        pass

    thing = Thing()
    return thing, functools.partial(lambda thing, x: cv.pure_callback(lambda v: v + 0 * len(vars(thing)), x, x), thing)


USES = {
    "jit": lambda f: cv.jit(f)(1.0),
    "jit kept by the function": lambda f: cv.jit(lambda x: f(x))(1.0),
    "scan": lambda f: lax.scan(lambda c, _: (f(c), None), 1.0, None, length=2),
    "cond": lambda f: lax.cond(True, f, f, 1.0),
    "while_loop": lambda f: lax.while_loop(lambda c: c < 0.0, f, 1.0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "make",
    [calling_itself, calling_its_object, calling_its_callable_object, with_a_rule_that_closes_over_it, partial_of_its_object],
)
def test_a_function_that_its_programs_refer_to_is_freed(make, use):
    references = []
    for _ in range(3):
        owner, f = make()
        USES[use](f)
        references.append(weakref.ref(owner))
        del owner, f
    gc.collect()
    assert [r() for r in references] == [None] * 3


def test_an_object_that_is_a_static_argument_is_freed():
    class Model:
        scale = 2.0

        @functools.partial(cv.jit, static_argnums=0)
        def f(self, x):
            return x * self.scale

    models = [Model() for _ in range(3)]
    assert [float(m.f(1.0)) for m in models] == [2.0] * 3
    references = list(map(weakref.ref, models))
    del models
    gc.collect()
    assert [r() for r in references] == [None] * 3


# --- equations that are the same ---


@pytest.mark.parametrize("wrap", [lambda k: k, lambda k: (k,), lambda k: ((0, k),)], ids=["bare", "tuple", "nested"])
def test_equations_are_merged_only_if_their_parameters_are_the_same(wrap):
    scaled = cv.Primitive(f"scaled_{id(wrap)}")
    inner = lambda k: inner(k[-1]) if isinstance(k, tuple) else k
    scaled.def_impl(lambda x, k: np.asarray(np.multiply(x, inner(k)), np.result_type(x, inner(k))))
    scaled.def_abstract(lambda x, k: cv.ShapedArray(x.shape, np.result_type(np.ones(1, x.dtype), inner(k))))
    zeros = cv.jit(lambda x: [scaled.bind(x, k=wrap(k)) for k in (0.0, -0.0)])(np.ones(2))
    assert [bool(np.signbit(z[0])) for z in zeros] == [False, True]
    ones = cv.jit(lambda x: [scaled.bind(x, k=wrap(k)) for k in (1, True, 1.0, 1, 1j)])(np.ones(2, np.int8))
    assert [y.dtype for y in ones] == [np.int8, np.int8, np.float64, np.int8, np.complex128]
