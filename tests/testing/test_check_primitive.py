"""`check_primitive` finds each kind of wrong rule, names it, and shrinks to a small case."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from covector import Primitive, Var, Zero, bilinear, elementwise, instantiate, jointly, linear, one_of, reduction
from covector.core.avals import ShapedArray, typeof
from covector.core.errors import PrimitiveRuleError
from covector.primitives.arrays.shaping import unbroadcast
from covector.primitives.math.ring import elementwise_abstract, elementwise_batch
from covector.testing import RuleError, arrays, check_case, check_primitive
from covector.testing.numerical import disagreement
from covector.testing.strategies import inexact_dtypes

NUMBER = itertools.count()


def product_primitive() -> Primitive:
    """``x * y`` with all its rules, so that a test can break one."""
    p = Primitive(f"t_product_{next(NUMBER)}")
    p.def_impl(lambda x, y: np.multiply(x, y))
    p.def_abstract(elementwise_abstract(p, np.multiply))
    p.def_batch(elementwise_batch(p))

    @p.def_jvp
    def jvp(primals: Any, tangents: Any) -> Any:
        (x, y), (tx, ty) = primals, tangents
        out = p.bind(x, y)
        terms = [p.bind(t, other) for t, other in ((tx, y), (ty, x)) if not isinstance(t, Zero)]
        return out, sum(terms[1:], terms[0]) if terms else typeof(out).zero

    @p.def_transpose(linear=one_of(0, 1))
    def transpose(ct: Any, x: Any, y: Any) -> Any:
        if isinstance(x, Var):
            return unbroadcast(p.bind(ct, y), x.aval), None
        return None, unbroadcast(p.bind(x, ct), y.aval)

    return p


X, Y = np.array([[0.5, -1.2, 2.0]]), np.array([[1.5], [0.7]])
PAIRS = st.sampled_from(
    [
        (X, Y),
        (X[0], 2.0),
        (np.float64(3.0), Y),
        (X + 1j, Y - 2j),
        (X.astype(np.float32), Y.astype(np.float32)),
        (X.astype(np.complex64), Y),
    ]
).map(copy.deepcopy)


def test_a_right_primitive_passes() -> None:
    check_primitive(product_primitive(), PAIRS, max_examples=20)


def impl_of_wrong_dtype(p: Primitive) -> None:
    p.def_impl(lambda x, y: np.multiply(x, y).astype(np.complex128))


def impl_that_writes(p: Primitive) -> None:
    def impl(x: Any, y: Any) -> Any:
        out = np.multiply(x, y)
        if isinstance(x, np.ndarray):
            x *= 0
        return out

    p.impl = impl  # as of a trusted primitive: the others get copies


def abstract_of_wrong_shape(p: Primitive) -> None:
    p.def_abstract(lambda x, y: ShapedArray((*x.shape, 1), x.dtype))


def abstract_that_raises(p: Primitive) -> None:
    p.def_abstract(lambda x, y: x.nothing)


def jvp_with_wrong_values(p: Primitive) -> None:
    rule = p.jvp
    assert rule is not None
    p.def_jvp(lambda primals, tangents: rule(primals, [t if isinstance(t, Zero) else 1.5 * t for t in tangents]))


def jvp_without_second_argument(p: Primitive) -> None:
    rule = p.jvp
    assert rule is not None
    p.def_jvp(lambda primals, tangents: rule(primals, (tangents[0], typeof(primals[1]).zero)))


def jvp_that_is_not_linear(p: Primitive) -> None:
    """Right to first order near 1, which finite differences along random directions see as well."""
    rule = p.jvp
    assert rule is not None
    p.def_jvp(lambda primals, tangents: rule(primals, [t if isinstance(t, Zero) else t * t for t in tangents]))


def jvp_of_wrong_type(p: Primitive) -> None:
    def jvp(primals: Any, tangents: Any) -> Any:
        out = p.bind(*primals)
        return out, np.zeros((*np.shape(out), 1))

    p.jvp = p.linearize = jvp


def transpose_with_wrong_values(p: Primitive) -> None:
    rule = p.transpose
    assert rule is not None
    p.def_transpose(lambda ct, x, y: rule(2 * ct, x, y), linear=one_of(0, 1))


def transpose_with_nan(p: Primitive) -> None:
    rule = p.transpose
    assert rule is not None
    p.def_transpose(lambda ct, x, y: rule(np.nan * ct, x, y), linear=one_of(0, 1))


def transpose_of_wrong_dtype(p: Primitive) -> None:
    rule = p.transpose
    assert rule is not None
    longer = lambda c: c.astype(np.clongdouble if c.dtype.kind == "c" else np.longdouble)
    p.transpose = lambda ct, x, y: [c if c is None else longer(c) for c in rule(ct, x, y)]  # as of a trusted primitive


def transpose_with_conjugate(p: Primitive) -> None:
    rule = p.transpose
    assert rule is not None
    p.def_transpose(lambda ct, x, y: [c if c is None else np.conj(c) for c in rule(ct, x, y)], linear=one_of(0, 1))


def transpose_without_sum(p: Primitive) -> None:
    def transpose(ct: Any, x: Any, y: Any) -> Any:
        return (p.bind(ct, y), None) if isinstance(x, Var) else (None, p.bind(x, ct))

    p.def_transpose(transpose, linear=one_of(0, 1))


def transpose_for_constants(p: Primitive) -> None:
    rule = p.transpose
    assert rule is not None
    p.def_transpose(lambda ct, x, y: [ct if c is None else c for c in rule(ct, x, y)], linear=one_of(0, 1))


def linear_where_it_is_not(p: Primitive) -> None:
    rule = p.transpose
    p.def_transpose(rule, linear=lambda mask, params: True)


def batch_along_wrong_axis(p: Primitive) -> None:
    p.def_batch(lambda size, args, dims: (p.bind(*args), next(d for d in dims if d is not None)))


def no_batch(p: Primitive) -> None:
    p.batch = None


BROKEN: list[tuple[Callable[[Primitive], None], str]] = [
    (impl_of_wrong_dtype, "abstract"),
    (impl_that_writes, "impl"),
    (abstract_of_wrong_shape, "abstract"),
    (abstract_that_raises, "abstract"),
    (jvp_with_wrong_values, "jvp"),
    (jvp_without_second_argument, "jvp"),
    (jvp_that_is_not_linear, "jvp"),
    (jvp_of_wrong_type, "jvp"),
    (transpose_with_wrong_values, "transpose"),
    (transpose_with_nan, "transpose"),
    (transpose_of_wrong_dtype, "transpose"),
    (transpose_with_conjugate, "transpose"),
    (transpose_without_sum, "transpose"),
    (transpose_for_constants, "transpose"),
    (linear_where_it_is_not, "transpose"),
    (batch_along_wrong_axis, "batch"),
    (no_batch, "batch"),
]


@pytest.mark.parametrize(("damage", "rule"), BROKEN, ids=[damage.__name__ for damage, _ in BROKEN])
def test_a_broken_rule_is_named(damage: Callable[[Primitive], None], rule: str) -> None:
    p = product_primitive()
    damage(p)
    with pytest.raises(RuleError, match=f"the {rule} rule of '{p.name}' is wrong") as caught:
        check_primitive(p, PAIRS, max_examples=20)
    assert caught.value.rule == rule
    assert caught.value.primitive == p.name


def test_the_failing_case_is_small() -> None:
    wrong = elementwise("t_wrong_when_large", np.tanh, lambda out, x: np.where(x > 1.0, 1.0, 1 - out * out))
    profile = settings.get_current_profile_name()
    settings.load_profile("shrink")
    try:
        with pytest.raises(RuleError) as caught:
            check_primitive(wrong, st.tuples(arrays(np.float64)), max_examples=100)
    finally:
        settings.load_profile(profile)
    assert "argument 0: f64[] 1.03875" in str(caught.value)


def test_a_wrong_second_derivative_is_found() -> None:
    lying = elementwise("t_lying", lambda x: x * 1.0, lambda out, x: 0.5)
    square = elementwise("t_square_by_lying", np.square, lambda out, x: 2 * lying(x))
    check_primitive(square, st.tuples(arrays()), order=1, max_examples=5)
    with pytest.raises(RuleError, match="is wrong at second order"):
        check_primitive(square, st.tuples(arrays()), max_examples=5)


def test_a_derivative_that_finite_differences_cannot_tell_from_right_fails_the_complex_step() -> None:
    nearly = elementwise("t_nearly_exp", np.exp, lambda out, x: out * (1 + 1e-9))
    with pytest.raises(RuleError, match="complex step"):
        check_primitive(nearly, st.tuples(arrays(np.float64, (2,))), max_examples=5)


def test_every_constructor_makes_primitives_that_pass() -> None:
    softsign = elementwise("t_softsign", lambda x: x / (1 + np.abs(x)), lambda out, x: (1 - np.abs(out)) ** 2)
    check_primitive(softsign, st.tuples(arrays()), max_examples=10)
    total = linear("t_total", np.sum, lambda ct, x: np.broadcast_to(ct, x.shape))
    check_primitive(total, st.tuples(arrays(inexact_dtypes())), max_examples=10)
    scale = bilinear("t_scale", lambda s, v: s * v, lambda ct, s, v: np.sum(ct * v), lambda ct, s, v: s * ct)
    check_primitive(scale, st.tuples(arrays(np.float64, ()), arrays(np.float64, (3,))), max_examples=10)
    peak = reduction(
        "t_peak", np.max, lambda out, x, t, axes: np.sum(np.where(x == np.max(x, axes, keepdims=True), t, 0), axes)
    )
    cases = st.tuples(st.tuples(arrays(np.float64, (2, 3), distinct=True)), st.just({"axes": (1,)}))
    check_primitive(peak, cases, max_examples=10)


def test_primitives_without_a_derivative() -> None:
    count = Primitive(f"t_count_{next(NUMBER)}")
    count.def_impl(lambda x: np.asarray(np.count_nonzero(x)))
    count.def_abstract(lambda x: ShapedArray((), np.int64))
    count.def_batch(
        lambda size, args, dims: (np.count_nonzero(np.moveaxis(args[0], dims[0], 0), axis=tuple(range(1, np.ndim(args[0])))), 0)
    )
    check_primitive(count, st.tuples(arrays(np.float64, (2, 3))), differentiable=False, max_examples=5)
    half = Primitive(f"t_half_{next(NUMBER)}")
    half.def_impl(lambda x: x / 2)
    half.def_abstract(lambda x: x)
    with pytest.raises(RuleError, match="there is none, and the primitive is declared differentiable"):
        check_primitive(half, st.tuples(arrays(np.float64, (2,))), max_examples=5)


def test_several_results_and_parameters() -> None:
    p = Primitive(f"t_power_and_double_{next(NUMBER)}", multiple_results=True)
    p.def_impl(lambda x, *, n: [np.asarray(x**n), np.asarray(2 * x)])
    p.def_abstract(lambda x, *, n: [x, x])
    p.def_batch(lambda size, args, dims, *, n: (p.bind(*args, n=n), [dims[0], dims[0]]))

    @p.def_jvp
    def jvp(primals: Any, tangents: Any, *, n: int) -> Any:
        (x,), (t,) = primals, tangents
        return p.bind(x, n=n), [n * x ** (n - 1) * t, 2 * t]

    cases = st.tuples(st.tuples(arrays(np.float64, (2,))), st.fixed_dictionaries({"n": st.integers(2, 4)}))
    check_primitive(p, cases, max_examples=10)
    p.def_jvp(lambda primals, tangents, *, n: (p.bind(*primals, n=n), [n * primals[0] ** (n - 1) * tangents[0], tangents[0]]))
    with pytest.raises(RuleError, match=r"t_power_and_double_\d+\(n=2\) at"):
        check_primitive(p, cases, max_examples=10)


def test_a_transpose_rule_that_forgets_the_cotangent_of_one_result() -> None:
    """Where there is none of the other."""
    p = Primitive(f"t_twice_and_thrice_{next(NUMBER)}", multiple_results=True)
    p.def_impl(lambda x: [np.asarray(2 * x), np.asarray(3 * x)])
    p.def_abstract(lambda x: [x, x])
    p.def_batch(lambda size, args, dims: (p.bind(*args), [dims[0], dims[0]]))
    p.def_jvp(lambda primals, tangents: (p.bind(*primals), p.bind(*tangents)))
    p.def_transpose(lambda cts, x: [sum(k * ct for k, ct in zip((2, 3), cts, strict=True) if not isinstance(ct, Zero))])
    check_case(p, (np.ones(2),))
    p.def_transpose(lambda cts, x: [None if isinstance(cts[0], Zero) else 2 * cts[0] + 3 * instantiate(cts[1])])
    with pytest.raises(RuleError, match=r"with a cotangent of output 1 alone"):
        check_case(p, (np.ones(2),))


def test_arguments_without_a_derivative_are_left_out() -> None:
    """Not only in forward mode: nor in what is recorded for reverse mode."""

    def refuse(out: Any, x: Any, y: Any) -> Any:
        raise NotImplementedError

    product = elementwise(f"t_product_in_one_{next(NUMBER)}", lambda x, y: x * y, lambda out, x, y: y, refuse)
    check_case(product, (np.ones(2), np.ones(2)), differentiable=[0])


def test_check_case_tries_one_input() -> None:
    check_case(product_primitive(), (np.ones(2), 3.0))
    broken = product_primitive()
    jvp_with_wrong_values(broken)
    with pytest.raises(RuleError, match="jvp"):
        check_case(broken, (np.ones(2), 3.0))


def test_through_keeps_to_the_domain() -> None:
    positive = elementwise("t_log_of_positive", lambda x: np.log(np.where(x > 0, x, np.nan)), lambda out, x: 1 / x)
    cases = st.tuples(arrays(np.float64, (2,)))
    check_primitive(positive, cases, through=lambda apply, x: apply(x * x + 0.1), max_examples=10)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="needs a Primitive"):
        check_primitive(np.sin, st.tuples(arrays()))
    for cases in (arrays(shape=(3,)), st.tuples(arrays(), st.just({"axis": 0}))):  # no tuple; parameters beside no tuple
        with pytest.raises(TypeError, match="the strategy draws"):
            check_primitive(product_primitive(), cases)
    with pytest.raises(ValueError, match="order is 1 or 2"):
        check_case(product_primitive(), (1.0, 2.0), order=3)


def test_jointly_linear_primitives() -> None:
    mean = Primitive(f"t_mean_{next(NUMBER)}")
    mean.def_impl(lambda x, y: (x + y) / 2)
    mean.def_abstract(lambda x, y: ShapedArray(x.shape, x.dtype))
    mean.def_batch(elementwise_batch(mean))

    @mean.def_jvp
    def jvp(primals: Any, tangents: Any) -> Any:
        tangents = [np.zeros_like(p) if isinstance(t, Zero) else t for p, t in zip(primals, tangents, strict=True)]
        return mean.bind(*primals), mean.bind(*tangents)

    mean.def_transpose(lambda ct, x, y: (ct / 2, ct / 2), linear=jointly())
    check_case(mean, (np.ones(2), np.array([0.3, 0.4])))


@pytest.mark.parametrize(
    ("found", "expected", "is_right"),
    [
        (np.float16(-np.inf), -91370.0, True),
        (np.float16(np.inf), -91370.0, False),
        (np.float16(np.inf), 60000.0, False),
        (np.inf, 1e300, False),
        (np.array([1.0, np.inf], np.float32), np.array([1.0, 1e39]), True),
    ],
)
def test_an_infinity_is_right_where_the_type_has_no_such_number(found, expected, is_right):
    assert (disagreement(found, expected, 1e-2) is None) is is_right


# --- what mistakes in the test itself, or in what rules do besides returning, are called ----------------------------------


def twice_by_hand(**rules: Callable[..., Any]) -> Primitive:
    p = Primitive(f"t_twice_{next(NUMBER)}")
    right: dict[str, Callable[..., Any]] = {
        "impl": lambda x: 2 * x,
        "abstract": lambda x: x,
        "jvp": lambda ps, ts: (p.bind(*ps), 2 * ts[0]),
        "batch": lambda size, xs, dims: (p.bind(*xs), dims[0]),
    }
    for name, rule in (right | rules).items():
        p.def_rule(name, rule)
    return p


def doubled(x: Any) -> Any:
    """In place."""
    return np.multiply(x, 2, out=x)


WRITING: dict[str, tuple[Callable[[], Any], str]] = {
    "impl": (lambda: twice_by_hand(impl=doubled), "argument 0"),
    "jvp": (lambda: twice_by_hand(jvp=lambda ps, ts: (2 * ps[0], doubled(ts[0]))), "tangent 0"),
    "linearize": (lambda: twice_by_hand(linearize=lambda ps, ts: (doubled(ps[0]), 2 * ts[0])), "primal 0"),
    "batch": (lambda: twice_by_hand(batch=lambda size, xs, dims: (doubled(xs[0]), dims[0])), "argument 0"),
    "derivative": (
        lambda: elementwise(f"t_writes_{next(NUMBER)}", np.sin, lambda out, x: np.cos(x, out=x)),
        "argument 0",
    ),
    "impl of a kind": (lambda: linear(f"t_writes_{next(NUMBER)}", doubled, lambda ct, x: 2 * ct), "argument 0"),
    "impl of one that is trusted": (lambda: elementwise(f"t_writes_{next(NUMBER)}", doubled, trusted=True), "argument 0"),
}


@pytest.mark.parametrize("case", WRITING)
def test_a_rule_that_writes_into_what_it_is_given_is_found(case: str) -> None:
    make, what = WRITING[case]
    with pytest.raises(RuleError, match=rf"^the {case.split()[0]} rule of '.*' is wrong: .* into {what}, which was f64\["):
        check_primitive(make(), st.tuples(arrays(np.float64, (3,))), max_examples=3)


@pytest.mark.parametrize("k", [np.ones(()), [1.0], {"a": 1.0}])
def test_a_parameter_without_a_hash_is_named(k: Any) -> None:
    p = elementwise(f"t_hashless_{next(NUMBER)}", lambda x, *, k: x * 2, lambda out, x, *, k: 2.0)
    with pytest.raises(PrimitiveRuleError, match=r"^the primitive '.*' got .* for the parameter 'k', which has no hash"):
        check_primitive(p, st.tuples(st.tuples(arrays()), st.just({"k": k})), max_examples=3)


def test_a_missing_transpose_rule_is_missed() -> None:
    p = twice_by_hand(jvp=lambda ps, ts: (p.bind(*ps), p.bind(*ts)))
    with pytest.raises(
        RuleError, match=r"^the transpose rule of '.*' is wrong: there is none, and linearize needs one"
    ) as caught:
        check_primitive(p, st.tuples(arrays()), max_examples=3)
    assert caught.value.rule == "transpose"


def test_values_in_place_of_a_strategy() -> None:
    with pytest.raises(TypeError, match=r"takes a hypothesis strategy, and got .*; covector\.testing\.check_case"):
        check_primitive(twice_by_hand(), (np.ones(3),))  # type: ignore[arg-type]
