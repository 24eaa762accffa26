"""The rules ``jvp`` and ``linearize`` stand in for each other until both are registered, in either order."""

from __future__ import annotations

import itertools
from typing import Any

from covector import Primitive
from covector.primitives.programs.call import jit_p

NUMBER = itertools.count()


def primitive() -> Primitive:
    return Primitive(f"t_rules_{next(NUMBER)}", trusted=True)  # the rules themselves, without checks


def rule(primals: Any, tangents: Any) -> Any:
    raise NotImplementedError


def other(primals: Any, tangents: Any) -> Any:
    raise NotImplementedError


def test_one_rule_serves_as_both() -> None:
    p = primitive()
    p.def_jvp(rule)
    assert p.jvp is p.linearize is rule
    p.def_jvp(other)
    assert p.jvp is p.linearize is other
    q = primitive()
    q.def_linearize(rule)
    assert q.jvp is q.linearize is rule
    q.def_linearize(other)
    assert q.jvp is q.linearize is other


def test_both_rules_are_kept_in_either_order() -> None:
    p, q = primitive(), primitive()
    p.def_jvp(rule)
    p.def_linearize(other)
    q.def_linearize(other)
    q.def_jvp(rule)
    assert p.jvp is q.jvp is rule
    assert p.linearize is q.linearize is other


def test_jit_has_both() -> None:
    assert jit_p.jvp is not jit_p.linearize
