"""A module imports only from floors below its own, and writes into no other's tables (docs: README, "How it works")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import covector

FLOORS = {"core": 1, "interpreters": 2, "passes": 3, "backends": 4, "primitives": 5, "transforms": 6}
ROOT = Path(covector.__file__).parent


def imported_folders(path: Path) -> set[str]:
    """The folders of covector that a module imports from when it is loaded, or later."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return {m.split(".")[1] for m in modules if m.startswith("covector.")}


def test_imports_go_down() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {folder}"
        for folder_of_module, floor in FLOORS.items()
        for path in (ROOT / folder_of_module).glob("**/*.py")
        for folder in imported_folders(path)
        if FLOORS.get(folder, len(FLOORS) + 1) > floor
    ]
    assert not wrong


CHANGING_METHODS = """
    add append appendleft clear difference_update discard extend insert intersection_update pop popitem remove reverse
    setdefault sort symmetric_difference_update update __delattr__ __delitem__ __setattr__ __setitem__
""".split()
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def imported_names(tree: ast.Module) -> set[str]:
    """The names in a module that stand for something of another module of covector, or for that module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("covector")):
            found.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name.startswith("covector"))
    return found


def local_names(scope: ast.AST) -> set[str]:
    """The parameters and variables of a function, which are not what the module has imported under these names."""
    names = {node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)}
    return names | {n.id for n in ast.walk(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def written(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement or call changes: ``x`` in ``x.a = v``, ``x[i] = v``, ``x |= v``, ``x.append(v)``, ``setattr(x, …)``."""
    targets: list[ast.expr] = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = node.targets
    elif isinstance(node, ast.AugAssign):
        yield node.target
    elif isinstance(node, (ast.AnnAssign, ast.For, ast.NamedExpr)):
        targets = [node.target]
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING_METHODS:
            yield node.func.value
        elif isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            yield node.args[0]
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(part.ctx, (ast.Store, ast.Del)):
                yield part.value


def base(x: ast.expr) -> str:
    """The variable that an expression is an attribute or an item of."""
    while isinstance(x, (ast.Attribute, ast.Subscript)):
        x = x.value
    return x.id if isinstance(x, ast.Name) else ""


def foreign_writes(source: str) -> list[str]:
    """The statements of a module that change what it has imported from another one of covector."""
    tree = ast.parse(source)
    found = []

    def visit(node: ast.AST, foreign: set[str]) -> None:
        if isinstance(node, SCOPES):
            foreign = foreign - local_names(node)
        found.extend(f"line {node.lineno}: {ast.unparse(node)}" for x in written(node) if base(x) in foreign)  # type: ignore[attr-defined]
        for child in ast.iter_child_nodes(node):
            visit(child, foreign)

    visit(tree, imported_names(tree))
    return found


def test_what_counts_as_a_write() -> None:
    writes = "T[1] = 2; T.a = 1; T |= {}; T.x.append(1); m.T[0][1] += 1; del T[0]; setattr(T, 'a', 1); (a, T[0]) = 1, 2"
    reads = "T[0]; m.T.get(1); x = T; x[T[0]] = 1; T.copy().append(1); f(T)"
    head = "from covector.core.a import T\nimport covector.core.b as m\n"
    assert all(len(foreign_writes(head + line.strip())) == 1 for line in writes.split(";"))
    assert not any(foreign_writes(head + line.strip()) for line in reads.split(";"))
    assert foreign_writes(head + "def f():\n    T[0] = 1") and not foreign_writes(head + "def f(T):\n    T[0] = 1")


def test_no_module_writes_into_another_ones_tables() -> None:
    wrong = [f"{p.relative_to(ROOT)}, {write}" for p in ROOT.glob("**/*.py") for write in foreign_writes(p.read_text())]
    assert not wrong


def test_files_of_tests_have_names_of_their_own() -> None:
    """Pytest imports them by name alone, and two of one name only where both are asked for."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
