"""The pages in docs/ agree with the code: lists of primitives and kinds are current, tables run, links lead somewhere."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import covector
import covector.testing
from covector import extend
from covector.core.primitive import SHORT_CUTS, SLOTS, _derivations, find_primitive

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def script(name: str) -> Any:
    """A script in docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LISTED = script("primitive_list")


# --- the list of primitives ------------------------------------------------------------------------------------------------


def test_every_primitive_is_listed():
    """In an interpreter of its own, in which no test has made a primitive."""
    code = "import primitive_list; print(*primitive_list.missing())"
    result = subprocess.run([sys.executable, "-c", code], cwd=DOCS, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_list_is_current():
    assert LISTED.PAGE.read_text(encoding="utf-8") == LISTED.page(), "run docs/primitive_list.py"


def test_coverage_is_current():
    """In an interpreter of its own, since it imports tests."""
    run = subprocess.run([sys.executable, "coverage.py", "--check"], cwd=DOCS, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    if run.stdout.startswith("not compared"):
        pytest.skip(run.stdout)


@pytest.mark.parametrize("entry", [e for _, entries in LISTED.sections() for e in entries], ids=lambda e: e.name)
def test_listed_parameters(entry):
    primitive = find_primitive(entry.name)
    rules = [rule for rule in map(primitive.rule, SLOTS) if rule is not None and not isinstance(rule, np.ufunc)]
    found = [q for rule in rules for q in inspect.signature(rule).parameters.values()]
    assert {q.name for q in found if q.kind is q.KEYWORD_ONLY and q.default is q.empty} <= set(entry.params)
    if not isinstance(primitive.impl, np.ufunc):
        of_impl = inspect.signature(primitive.impl).parameters
        names_all = all(q.kind is not q.VAR_KEYWORD for q in of_impl.values())
        assert not names_all or set(entry.params) <= set(of_impl)


# --- the table of kinds ----------------------------------------------------------------------------------------------------

KINDS = {name: getattr(extend, name) for name in extend.__all__ if isinstance(getattr(extend, name), type)}
KINDS = {name: cls for name, cls in KINDS.items() if issubclass(cls, extend.Kind)}


def rows_of_kinds() -> dict[str, set[str]]:
    """What the guide to primitives says that follows from each kind."""
    text = (DOCS / "primitives.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (`[A-Z].*?) \|.*\| ([^|]*)\|$", text, flags=re.MULTILINE)
    pairs = [(name, rules) for kinds, rules in found for name in re.findall(r"`(\w+)", kinds)]
    return {name: set(re.findall(r"\w+", rules)) - {"zero"} for name, rules in pairs}


def test_every_kind_is_in_the_table():
    assert rows_of_kinds().keys() == KINDS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_what_follows_from_a_kind(name: str):
    named = SLOTS.keys() - SHORT_CUTS.keys()
    derived = {rule for rule, kind in _derivations if rule in named and issubclass(KINDS[name], kind)}
    assert derived == {"impl", *rows_of_kinds()[name]}


# --- what one extends covector with ----------------------------------------------------------------------------------------

EXTENDING = [DOCS / f"{name}.md" for name in ("primitives", "interpreters", "extending")]
INTERPRETERS = [ROOT / "tests" / "interpreters" / f"{name}.py" for name in ("jets", "sparsity", "intervals")]
INSIDE = r"covector\.(?:core|interpreters|passes|backends|primitives|transforms)\b"


@pytest.mark.parametrize("path", [*EXTENDING, *INTERPRETERS], ids=lambda path: path.stem)
def test_what_one_extends_covector_with_is_public(path: Path):
    assert re.findall(rf"^(?:>>> |\.\.\. )?(?:from|import) {INSIDE}.*$", path.read_text(encoding="utf-8"), re.MULTILINE) == []


# --- tables of what is called what -----------------------------------------------------------------------------------------


def setting(page: Path) -> dict[str, Any]:
    """The names that the rows of a page's tables use: what its first two blocks define."""
    names: dict[str, Any] = {"covector": covector}
    for block in re.findall(r"^```pycon\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)[:2]:
        exec("\n".join(line[4:] for line in block.splitlines()), names)
    return names


def rows(name: str) -> list[Any]:
    """The two cells of each row of the tables with the other library's name in the left column."""
    text = (DOCS / f"coming-from-{name.lower()}.md").read_text(encoding="utf-8")
    tables = re.findall(rf"^\| {name} \| covector \|\n\|---\|---\|\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    found = [re.fullmatch(r"\| `(.*)` \| `(.*)` \|", row) for table in tables for row in table.splitlines()]
    return [pytest.param(name, *match.groups(), id=match.group(2)) for match in found if match]


def plain(x: Any) -> list[Any]:
    """The numbers in a result; None for anything else."""
    leaves = covector.tree.leaves(x)
    return [np.asarray(leaf) if np.asarray(leaf).dtype.kind in "biufc" else None for leaf in leaves]


@pytest.mark.parametrize(("name", "theirs", "ours"), [*rows("JAX"), *rows("autograd")])
def test_row(name: str, theirs: str, ours: str):
    names = setting(DOCS / f"coming-from-{name.lower()}.md")
    found = plain(eval(ours, names))
    if name == "autograd":
        autograd = pytest.importorskip("autograd")
        for module in ("misc.flatten", "scipy.linalg", "scipy.special", "test_util"):
            importlib.import_module(f"autograd.{module}")
        names |= {"autograd": autograd, "anp": autograd.numpy, "np": autograd.numpy}
        names |= {f: types.FunctionType(names[f].__code__, names) for f in "fg"}  # the same, of autograd's numpy
        for x, y in zip(found, plain(eval(theirs, names)), strict=True):
            if x is not None:
                np.testing.assert_allclose(y, x, rtol=1e-12)


# --- links -----------------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What a link may name in a page: its headings, as they are written in addresses."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links(page: Path):
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if not link.startswith("https://"):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link
