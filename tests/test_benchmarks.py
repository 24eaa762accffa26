"""Every workload of the benchmarks runs, and gives the same however it is run; what is measured of them is what is said."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.frameworks import framework, is_installed
from benchmarks.frameworks.base import leaves
from benchmarks.program import Local, Remote
from benchmarks.turns import difference, measured
from benchmarks.workloads import WORKLOADS


def result(framework_name: str, workload: str) -> list[np.ndarray]:
    fw = framework(framework_name)
    f, args = WORKLOADS[workload].make(fw, is_tiny=True)
    return [np.asarray(x) for x in leaves(fw.jit(f)(*args))]


def test_there_are_ten_workloads_of_our_own_and_five_are_kept_aside() -> None:
    assert len(WORKLOADS) >= 31
    assert sum(w.kept_aside for w in WORKLOADS.values()) == 5


@pytest.mark.parametrize("workload", WORKLOADS)
def test_results_are_equal_however_a_workload_is_run(workload: str) -> None:
    eager = result("covector-eager", workload)
    assert all(np.all(np.isfinite(x)) for x in eager) and any(np.any(x != 0) for x in eager)
    assert difference(result("covector-source", workload), eager) <= WORKLOADS[workload].tolerance
    pytest.importorskip("llvmlite")
    assert difference(result("covector-native", workload), eager) <= WORKLOADS[workload].tolerance


def test_the_particle_hits_the_origin() -> None:
    """The place of the charge is that of Pearlmutter and Siskind, 0.20719187."""
    pytest.importorskip("llvmlite")
    fw = framework("covector-native")
    f, args = WORKLOADS["particle"].make(fw)
    w, missed_by = fw.jit(f)(*args)
    np.testing.assert_allclose(w, [0.20719187], rtol=1e-6)
    assert missed_by < 1e-7


def test_differences_are_relative_to_the_largest_number() -> None:
    x = np.array([1.0, 100.0])
    assert difference([x + 1e-3], [x]) == pytest.approx(1e-5)
    assert difference([x[:1]], [x]) == difference([x.astype(np.float32)], [x]) == math.inf
    assert difference([x * np.nan], [x]) == math.inf


def test_a_peer_in_another_interpreter_takes_turns() -> None:
    peer = Remote("numpy", sys.executable)
    found = measured("nbody", {"covector-source": Local("covector-source"), "numpy": peer}, 0.01, 1)["programs"]
    with pytest.raises(RuntimeError, match="KeyError: 'no_such_workload'"):
        peer.first("no_such_workload")
    peer.close()
    assert found["covector-source"]["equal"]
    assert "equal" not in found["numpy"]  # a value, and no derivative
    assert found["numpy"]["rounds"] >= 3
    assert 0 < found["numpy"]["ratio"]["low"] <= found["numpy"]["ratio"]["median"] <= found["numpy"]["ratio"]["high"]


@pytest.mark.skipif(is_installed("jax"), reason="what is not installed is named")
def test_an_interpreter_without_the_peer_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"jax is not installed for .*python"):
        Remote("jax", sys.executable)


def test_the_command_writes_figures_and_a_table(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(command, "is_installed", lambda name: name != "autograd")
    files = ["--json", str(tmp_path / "f.json"), "--png", str(tmp_path / "f.png")]
    arguments = [
        "--ours",
        "covector-source",
        "--against",
        "numpy,autograd",
        "--only",
        "tiny,waves",
        "--seconds",
        "0.01",
        *files,
    ]
    assert command.main([*arguments, "--quick"]) == 0
    out = capsys.readouterr().out
    assert "missing: autograd: autograd is not installed here; pip install autograd, or autograd=PYTHON" in out
    assert "-- kept aside" in out and "a call: covector-source" in out
    found = json.loads((tmp_path / "f.json").read_text())
    assert set(found["workloads"]) == {"tiny", "waves"} and found["workloads"]["waves"]["kept_aside"]
    assert list(report.ratios(found["workloads"], "numpy", kept_aside=True)) == ["waves"]
    assert "matplotlib" not in sys.modules or (tmp_path / "f.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nbodies"], "there is no workload 'nbodies'; those that there are: tiny, black_scholes"),
        (["--against", "tensorflow"], "there is no peer 'tensorflow'; those that there are: covector, "),
        (["--against", "covector"], "covector is what the peers are compared with, and cannot be one of them"),
    ],
)
def test_what_does_not_exist_is_named(arguments, message, capsys) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err
