"""The trials of other people's functions tell right from wrong."""

from __future__ import annotations

import numpy as np
import pytest
from collected import trial
from collected.package import Package

PACKAGE = Package(
    "numpy",
    "numpy",
    "import numpy as np\ndef plain(x): return np.exp(-x @ x)\n"
    "def other(x): return x @ x if type(x) is np.ndarray else 2 * (x @ x)\n"
    "def unseen(x): return x @ x if type(x) is np.ndarray else (x @ x) + 0.1 * x[0] - 0.1 * x[0].concrete()\n"
    "def branches(x): return x @ x if x[0] > 0 else x @ x\n"
    "def converts(x): return np.asarray(x, dtype=float) @ x\n"
    "def undefined(x): return np.sqrt(x @ x - x @ x) + x[0]\n",
    [(f"{name}(x)", [0.3, 0.7]) for name in "plain other unseen branches converts undefined".split()],
)


def states(name: str) -> dict[str, str]:
    functions = dict(zip((text for text, _ in PACKAGE.calls), trial.functions_of(PACKAGE), strict=True))
    f = functions[f"{name}(x)"]
    reference, found = trial.reference_of(f, [[0.3, 0.7]], 10.0)
    assert found == {"is": "ok"}
    assert reference is not None
    return {check: result["is"] for check, result in trial.all_checks(reference, f, 10.0).items()}


def test_right():
    assert states("plain") == dict.fromkeys(trial.CHECKS, "ok")


def test_wrong_value():
    assert states("other")["jvp"] == states("other")["jit"] == "wrong"


def test_wrong_derivative_of_a_right_value():
    found = states("unseen")
    assert (found["value"], found["jvp"], found["vjp"]) == ("ok", "wrong", "wrong")


def test_refused():
    assert states("converts")["jvp"] == "error"
    found = states("branches")
    assert (found["vjp"], found["vmap"], found["split"], found["jit"]) == ("ok", "error", "ok", "error")


def test_nan_is_told_from_a_wrong_number():
    assert states("undefined")["vjp"] == "nan"


def test_time_limit():
    def forever(x):
        while True:
            pass

    assert trial.outcome(lambda: forever(1.0), 0.1)["class"] == "TooLong"


def test_no_differences_where_there_are_none():
    with pytest.raises(trial.NotChecked):
        trial.differences(lambda args: np.round(50 * args[0]), (np.array([0.31, 0.49]),), (np.ones(2),))
