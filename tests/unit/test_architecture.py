"""The layout keeps its promises: who imports whom, what modules are called, which SQL exists."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from shipment_tracking.statements import include_folder

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "plugins" / "shipment_tracking"
SQL = include_folder() / "sql"

MAY_IMPORT = {
    "airflow": ("dags/", "hooks/", "web/plugin.py"),
    "fastapi": ("web/",),
    "openpyxl": ("reports/",),
    "pandas": ("reports/",),
    "requests": ("platforms/", "channels/", "erp/"),
}
MAY_USE = {
    "domain": ("domain", "errors", "statements"),
    "channels": ("channels", "domain", "errors"),
    "erp": ("erp", "domain", "errors", "statements"),
    "notices": ("notices", "channels", "domain", "errors", "statements"),
    "platforms": ("platforms", "domain", "errors", "hooks.platform_hook", "commands.command_line"),
    "reports": ("reports", "warehouse.report", "domain"),
    "warehouse": ("warehouse", "domain", "errors", "statements", "platforms.ports", "channels"),
    "web": ("web", "warehouse", "domain", "errors", "hooks"),
}
"""Which of our packages and modules a package may import; the command of platforms takes a hook."""
RUN_SQL = ("warehouse/", "erp/")
"""The rooms of the code that runs SQL; the page's own statements run by ``warehouse/rows.py``."""
RUN_BY_NAME = ("JsonRows", "copy", "fetch", "fetch_sorted")
"""What ``warehouse/rows.py`` offers to those that name a statement."""
CALLS_OF_SQL = {"exec_driver_sql", "execute", "executemany", "scalar", "scalars"}
HEAVY = {"alembic", "jinja2", "numpy", "openpyxl", "pandas", "psycopg", "requests", "sqlalchemy"}
TOO_GENERAL = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
DATABASE_LIBRARIES = {"alembic", "psycopg", "sqlalchemy"}
STATEMENTS = "shipment_tracking.statements"
ROWS = "shipment_tracking.warehouse.rows"
OWNERS = ("erp", "analytics", "quality")


def python_files(*folders: str) -> list[Path]:
    return sorted(
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in file.parts
    )


def place(file: Path) -> str:
    """The file's path below the package, or else below the project."""
    root = PACKAGE if PACKAGE in file.parents else ROOT
    return file.relative_to(root).as_posix()


def imported(file: Path, *, at_top: bool = False) -> set[str]:
    """
    Full names of all a file imports, `a.b` for `from a import b` too.

    :param at_top: leave out what only functions and type checkers import.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if at_top else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_a_library_is_imported_only_where_it_belongs(library):
    importers = {
        place(file) for file in python_files("plugins", "dags") if library in roots(imported(file))
    }

    assert importers, "the rule guards nothing any more"
    assert not {name for name in importers if not re.match("|".join(MAY_IMPORT[library]), name)}


@pytest.mark.parametrize("package", MAY_USE)
def test_a_package_imports_only_what_it_may(package):
    for file in (PACKAGE / package).rglob("*.py"):
        for name in own_imports(file):
            place_of = name.removeprefix("shipment_tracking.")
            assert place_of.startswith(MAY_USE[package]), f"{place(file)} imports {name}"


def test_no_import_goes_in_a_circle():
    imports = {module_name(file): own_imports(file) for file in python_files("plugins")}

    TopologicalSorter(imports).prepare()


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def own_imports(file: Path) -> set[str]:
    """Modules of ours that a file imports, also for type checkers; no packages of others."""
    modules = {module_name(each) for each in python_files("plugins")}
    packages = {name for name in modules if any(other.startswith(f"{name}.") for other in modules)}
    return (imported(file) & modules) - packages - {module_name(file)}


def test_steps_do_not_import_steps():
    for file in (PACKAGE / "steps").glob("[!_]*.py"):
        names = imported(file)

        assert not {name for name in names if name.startswith(("shipment_tracking.steps", "."))}, (
            file.name
        )


def calls(file: Path) -> set[str]:
    """Names of the methods that a file calls."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    functions = {node.func for node in nodes if isinstance(node, ast.Call)}
    return {function.attr for function in functions if isinstance(function, ast.Attribute)}


def test_sql_runs_in_the_warehouse_and_at_the_erp_only():
    running = {
        place(file)
        for file in python_files("plugins", "dags")
        if calls(file) & CALLS_OF_SQL or f"{STATEMENTS}.query" in imported(file)
    }

    assert any(name.startswith(RUN_SQL) for name in running), "the rule guards nothing any more"
    assert not {name for name in running if not name.startswith(RUN_SQL)}


def test_only_the_page_runs_statements_of_its_own_by_the_warehouse():
    readers = {
        place(file)
        for file in python_files("plugins", "dags")
        if imported(file) & {f"{ROWS}.{name}" for name in RUN_BY_NAME}
    }
    named = {
        place(file)
        for file in (PACKAGE / "web").rglob("*.py")
        for word in strings(ast.parse(file.read_text(encoding="utf-8")))
        if word in dict(internal_statements()) and not word.startswith("web")
    }

    assert not {name for name in readers if not name.startswith(("warehouse/", "web/"))}
    assert not named, "they run statements that are not of web*.sql"


def test_steps_know_of_sqlalchemy_only_what_they_are_given():
    for file in (PACKAGE / "steps").glob("*.py"):
        names = {name for name in imported(file) if name.partition(".")[0] in DATABASE_LIBRARIES}

        assert names <= {"sqlalchemy", "sqlalchemy.Connection", "sqlalchemy.Engine"}, file.name


def test_statements_stand_in_the_file_of_the_module_that_runs_them():
    files = {file.stem for file in (SQL / "warehouse").glob("*.sql")}
    modules = {file.stem for file in (PACKAGE / "warehouse").glob("*.py")}

    assert {name for name in files - modules if not name.startswith("web")} == set()


def test_only_the_registration_of_the_page_knows_hooks():
    names = {
        place(file): own_imports(file)
        for file in (PACKAGE / "web").glob("*.py")
        if any(".hooks." in name for name in own_imports(file))
    }

    assert set(names) == {"web/plugin.py"}


def test_steps_know_an_erp_only_by_its_port():
    names = {name for file in (PACKAGE / "steps").glob("*.py") for name in own_imports(file)}

    assert {name for name in names if ".erp." in name} == {"shipment_tracking.erp.port"}


def test_nothing_imports_a_dag_file():
    dag_files = {file.stem for file in (ROOT / "dags").glob("*.py")} | {"dags"}

    for file in python_files("plugins", "dags", "sandbox"):
        assert not dag_files & roots(imported(file)), place(file)


def test_the_product_does_not_know_the_sandbox():
    for file in python_files("plugins", "dags"):
        assert "sandbox" not in roots(imported(file)), place(file)


def test_no_module_name_is_vague_or_hides_the_standard_library():
    # Airflow imports files below plugins/ and dags/ by their bare names.
    for file in python_files("plugins", "dags", "sandbox"):
        module = file.parent.name if file.stem in ("__init__", "__main__") else file.stem

        assert module not in TOO_GENERAL, place(file)
        assert module not in sys.stdlib_module_names, place(file)


@pytest.mark.server
def test_a_module_that_airflow_takes_for_a_plugin_does_nothing(tmp_path):
    # It does where plugins/.airflowignore was left behind: each file by its bare name.
    code = """
import importlib.util as util, sys
from importlib.machinery import SourceFileLoader
for file in sys.argv[1:]:
    name = file.rpartition("/")[2].removesuffix(".py")
    loader = SourceFileLoader(name, file)
    sys.modules[name] = util.module_from_spec(util.spec_from_loader(name, loader))
    loader.exec_module(sys.modules[name])
print("airflow goes on")
"""

    shown = subprocess.run(
        [sys.executable, "-c", code, *map(str, python_files("plugins"))],
        env={"PYTHONPATH": str(ROOT / "plugins"), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown.stdout == "airflow goes on\n", shown.stderr


def test_no_dag_file_imports_a_heavy_library_at_its_top():
    for file in (ROOT / "dags").glob("*.py"):
        assert not HEAVY & roots(imported(file, at_top=True)), file.name


@pytest.mark.server
def test_naming_steps_and_hooks_loads_no_heavy_library():
    code = (
        "import sys; from shipment_tracking import hooks, provider, steps;"
        f"print(sorted({HEAVY | {'airflow'}} & sys.modules.keys()))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.strip() == "[]"


def statements() -> dict[str, str]:
    """Every statement by name, with its leading comment; a view without the comments on it."""
    owners = {
        file.relative_to(SQL).with_suffix("").as_posix(): file.read_text(
            encoding="utf-8"
        ).partition(";\n\ncomment on")[0]
        for folder in OWNERS
        for file in (SQL / folder).glob("*.sql")
    }
    return owners | dict(internal_statements())


def internal_statements() -> list[tuple[str, str]]:
    found = []
    for file in sorted((SQL / "warehouse").glob("*.sql")):
        before, *parts = re.split(r"^-- name: (\w+)\n", file.read_text("utf-8"), flags=re.MULTILINE)
        assert not before, f"{file.name} begins with a statement's name"
        found += [
            (f"{file.stem}.{name}", body)
            for name, body in zip(parts[::2], parts[1::2], strict=True)
        ]
    return found


def strings(tree: ast.AST) -> Iterator[str]:
    """All constants, and every f-string as a pattern with `\0` where a value goes in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield pattern(node)


def pattern(node: ast.JoinedStr) -> str:
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
    )


def read_names() -> list[str]:
    """What the code passes to `statement` and `query`, values put in as `\0`."""
    names: list[str] = []
    for file in python_files("plugins"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("statement", "query")
            ):
                names += [word for word in strings(node.args[0])][:1]
    return sorted(set(names))


def as_regex(name: str, value: str = r"\w+") -> re.Pattern[str]:
    return re.compile(re.escape(name).replace("\0", f"({value})"))


def words() -> tuple[set[str], set[str]]:
    """Every string of the code, and every pattern of one that is built."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in python_files("plugins")]
    found = {word for tree in trees for word in strings(tree)}
    return {word for word in found if "\0" not in word}, {word for word in found if "\0" in word}


@pytest.mark.parametrize("name", read_names())
def test_every_statement_the_code_names_exists(name):
    assert any(as_regex(name).fullmatch(existing) for existing in statements())


def test_every_internal_statement_is_used():
    constants, patterns = words()
    built = [
        as_regex(pattern) for pattern in patterns if re.fullmatch(r"[\w\0]+\.[\w\0]+", pattern)
    ]

    def is_read(name: str) -> bool:
        return name in constants or any(
            set(found.groups()) <= constants for each in built if (found := each.fullmatch(name))
        )

    assert [name for name, _ in internal_statements() if not is_read(name)] == []


def test_no_internal_statement_is_there_twice():
    names = [name for name, _ in internal_statements()]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", statements())
def test_a_statement_starts_with_a_comment_and_is_one(name):
    lines = statements()[name].splitlines()
    comments = [line for line in lines if line.lstrip().startswith("--")]
    code = "\n".join(line for line in lines if line not in comments)
    body = re.sub("'[^']*'", "''", code)

    assert lines[0].startswith("-- "), "say first what holds after it ran"
    # A view brings the comments of its columns.
    body = re.sub("^comment on .*", "", body, flags=re.DOTALL | re.MULTILINE)
    assert ";" not in body.rstrip().rstrip(";"), "one statement a name"
    assert "--" not in body, "a comment behind code is not taken out before binds are looked for"
    assert not re.search(r"(?<![:\w]):[a-z]", "\n".join(comments)), (
        "tools bind names in comments too"
    )
