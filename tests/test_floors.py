"""A module imports only from floors below its own (docs: README, "How it works")."""

import ast
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
