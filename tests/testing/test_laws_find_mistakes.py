"""Each law is broken by a mistake of the kind that it is for, planted here in a rule or an interpreter."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from covector import Primitive, jit, lax
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Jaxpr
from covector.passes import clean as cleaning
from covector.primitives.programs import while_loop
from covector.primitives.programs.checkpoint import checkpoint_p
from covector.testing import LAWS, LawError, laws, subject

sin, cos, mul, add, pow_ = (Primitive.registry[name] for name in ("sin", "cos", "mul", "add", "pow"))
X, Y = np.array([[0.3, -1.2, 0.8]]), np.array([[0.7], [2.0]])


def program(x: Any, y: Any) -> Any:
    return (np.sin(x) * y + x,)


def powers(x: Any, y: Any) -> Any:
    return (x**2 + x**3 * y,)


def scaled(rule: Any, place: int = 1) -> Callable[..., Any]:
    """The rule with one of its results made half as large again."""

    def wrong(*args: Any, **params: Any) -> Any:
        results = list(rule(*args, **params))
        results[place] = 1.5 * results[place] if results[place] is not None else None
        return results

    return wrong


def test_the_program_is_right() -> None:
    for law in LAWS.values():
        law(program, (X, Y))


def broken(law: str, f: Any = program, inputs: Any = (X, Y), match: str | None = None) -> None:
    with pytest.raises(LawError, match=match) as caught:
        LAWS[law](f, inputs)
    assert law in str(caught.value)


def test_a_wrong_jvp_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = scaled(sin.jvp)
    monkeypatch.setattr(sin, "jvp", wrong)
    monkeypatch.setattr(sin, "linearize", wrong)
    broken("jvp_is_numerical", match="finite differences")
    broken("hessians_agree")


def test_a_wrong_linearize_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sin, "linearize", scaled(sin.linearize))
    monkeypatch.setattr(sin, "record", None)
    broken("linearize_is_jvp", match="linearize.* against jvp")
    broken("vjp_is_the_transpose")
    broken("hessians_agree")


def test_a_wrong_transpose_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mul, "transpose", scaled(mul.transpose))
    monkeypatch.setattr(mul, "pull", None)
    broken("vjp_is_the_transpose", match="Re⟨ct, A t⟩")


def test_a_transpose_that_does_not_sum_over_broadcast_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add, "transpose", lambda ct, x, y: (ct, ct))
    broken("vjp_is_the_transpose", f=lambda x, y: (np.sin(x) + y,))


def test_a_wrong_batching_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sin, "batch", lambda size, args, dims: (sin.bind(args[0] * 1.0001), dims[0]))
    broken("vmap_is_a_loop", match="against a loop")
    broken("grad_commutes_with_vmap")


def test_a_wrong_abstract_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sin, "abstract", lambda x: ShapedArray(x.shape, np.float32))
    broken("programs_are_preserved")


def test_a_cleaner_that_takes_different_parameters_for_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning._Cleaner, "key", lambda self, eqn, inputs: (eqn.primitive,))
    broken("staging_changes_nothing", f=powers, match=r"jit\(f\)")
    broken("programs_are_preserved", f=powers)


def test_a_cleaner_that_drops_a_needed_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    def dropping(jaxpr: Jaxpr) -> Jaxpr:
        return Jaxpr(jaxpr.in_vars, jaxpr.equations[1:], jaxpr.out_vars, jaxpr.consts, jaxpr.linear)

    monkeypatch.setattr(subject, "clean", dropping)
    broken("programs_are_preserved", match="checking|cleaning")


def test_a_parser_that_reads_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = subject.parse
    monkeypatch.setattr(subject, "parse", lambda text, consts: parse(text.replace("mul", "sub"), consts=consts))
    broken("programs_are_preserved", match="printing and parsing")
    broken("derived_programs_are_preserved", match="printing and parsing")


def test_a_wrong_second_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = scaled(cos.jvp)
    monkeypatch.setattr(cos, "jvp", wrong)
    LAWS["jvp_is_numerical"](program, (X, Y))
    broken("hessians_agree")


def test_a_function_with_another_result_under_jit() -> None:
    calls = []

    def changing(x: Any) -> Any:
        calls.append(x)
        return (x * len(calls),)

    broken("staging_changes_nothing", f=changing, inputs=(X,), match=r"jit\(f\)")


def test_a_function_that_cannot_be_traced() -> None:
    broken("staging_changes_nothing", f=lambda x: (x if x > 0 else -x,), inputs=(2.0,), match="TracerBoolConversionError")


def test_the_message_shows_the_program() -> None:
    with pytest.raises(LawError, match="changing"):

        def changing(x: Any) -> Any:
            return (np.float32(np.asarray(x, np.float32)) if isinstance(x, float) else jit(np.sin)(x),)

        LAWS["staging_changes_nothing"](changing, (2.0,))


def test_laws_that_have_nothing_to_say_are_counted() -> None:
    before = dict(laws.SKIPPED)
    LAWS["jvp_is_numerical"](lambda n: (n + 1,), (3,))
    assert laws.SKIPPED["jvp_is_numerical: no inexact input"] == before.get("jvp_is_numerical: no inexact input", 0) + 1


def diverging(x: Any) -> Any:
    steps = (np.floor(40.0 * np.sum(x)) % 4.0).astype(int)
    return (lax.while_loop(lambda c: c[0] < steps, lambda c: (c[0] + 1, np.cos(c[1])), (0, x))[1],)


def test_a_wrong_order_of_the_examples_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = (np.array([0.31, -0.72, 1.4]),)
    LAWS["vmap_is_a_loop"](diverging, inputs)
    monkeypatch.setattr(while_loop, "places", lambda numbers: np.arange(sum(map(len, numbers))))
    broken("vmap_is_a_loop", diverging, inputs, match="against a loop")


def test_a_wrong_derivative_of_what_is_checkpointed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = checkpoint_p.linearize

    def wrong(primals: Any, tangents: Any, **params: Any) -> Any:
        outs, tangents_out = right(primals, tangents, **params)
        return outs, [1.5 * t if hasattr(t, "shape") else t for t in tangents_out]

    monkeypatch.setattr(checkpoint_p, "linearize", wrong)

    def program(x: Any) -> Any:
        return (np.sin(x), x * x)

    caught = []
    for k in range(8):  # the containers are drawn by the name
        program.__qualname__ = f"program {k}"
        try:
            LAWS["derivatives_pass_through_containers"](program, (X,))
        except LawError as error:
            caught.append(str(error).split("\n")[0])
    assert any("of checkpoint of f" in text for text in caught)
    assert all("checkpoint" in text for text in caught)


@pytest.mark.parametrize("name", laws.CONTAINERS)
def test_containers_change_no_results_of_any_type(name: str) -> None:
    def f(x: Any, n: Any) -> list[Any]:
        return [np.sin(x), x > 0, n * 2, np.sum(x) < n]

    arguments = (X, np.int32(3))
    found, expected = laws.CONTAINERS[name](f)(*arguments), f(*arguments)
    assert [(o.shape, o.dtype) for o in map(np.asarray, found)] == [(o.shape, o.dtype) for o in map(np.asarray, expected)]
    assert all(map(np.array_equal, found, expected))


def test_containers_of_functions_of_python_numbers() -> None:
    """Their results are arrays where the arguments are: the pullbacks are given cotangents of arrays."""

    def program(x: Any) -> Any:
        return (x * 2.0, x > 0, np.float32(1.5) * x)

    for k in range(12):  # the containers are drawn by the name
        program.__qualname__ = f"program {k}"
        LAWS["derivatives_pass_through_containers"](program, (0.75,))


def test_jumps_that_look_like_a_slope_are_no_mistake() -> None:
    given = SimpleNamespace(coarsest=2.0**-52, rounding=1e-9, error=AssertionError)
    h = given.coarsest**0.2 / 2
    stairs = lambda x: [h * ((x > 0.7 * h) + (x > 1.5 * h))]  # the slope by steps of h and of 2 h is 0.5
    with pytest.raises(laws.Skip, match="do not converge"):
        laws.compare_numerically(given, stairs, [0.0], [1.0], [0.0], "f")
    with pytest.raises(AssertionError, match="finite differences"):
        laws.compare_numerically(given, lambda x: [np.sin(x)], [0.0], [1.0], [0.5], "f")
