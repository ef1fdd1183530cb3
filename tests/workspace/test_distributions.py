"""What an index says of each of our distributions, and what comes along when it is installed."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from aegis_core.kernel.registry import DISTRIBUTIONS
from tests.architecture.tree import ROOT

ADAPTERS = sorted(file.parent for file in ROOT.glob("adapters/*/pyproject.toml"))
#: Modules of distributions that a framework itself needs: who has the one has the other.
COMES_WITH = {
    "asgiref": "django",
    "botocore": "boto3",
    "kombu": "celery",
    "pydantic_core": "fastapi",
    "starlette": "fastapi",
    "werkzeug": "flask",
}
#: What is said alike of all of them, the core's frameworks and systems aside.
ALIKE = {
    text
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    if not text.startswith(("Framework ::", "Operating System ::"))
}


@pytest.fixture(params=ADAPTERS, ids=lambda folder: folder.name)
def folder(request):
    return request.param


@pytest.fixture
def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()


def imported(package):
    """The top-level modules of others that a package's files import, anywhere in them."""
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_it_says_what_it_is_for_whom_and_under_which_licence(folder, project):
    assert 20 <= len(project["description"]) <= 120
    assert project["description"].endswith(".")
    assert (folder / project["readme"]).read_text().startswith(f"# {project['name']}\n")
    assert project["license"] == "Apache-2.0"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()  # each wheel has to bring a copy
    assert project["requires-python"] == ">=3.11"
    assert set(project["classifiers"]) >= ALIKE
    assert project["classifiers"] == sorted(project["classifiers"])
    (package,) = folder.glob("aegis_*")
    assert (package / "py.typed").is_file()


def test_what_it_imports_comes_along_and_nothing_else(folder, project):
    (package,) = folder.glob("aegis_*")
    declared = {name_of(requirement) for requirement in project["dependencies"]}
    owners = packages_distributions()
    needed = {"aegis-health-core"}
    for module in set(imported(package)) - sys.stdlib_module_names - {package.name, "aegis_core"}:
        if COMES_WITH.get(module) not in declared:
            owner = {name.lower() for name in owners.get(module, [module])}
            assert owner & declared, f"{module} is imported and {owner} is not among the dependencies"
            needed |= owner & declared
        else:
            needed.add(COMES_WITH[module])
    assert declared == needed, "these are dependencies and nothing imports them"


def test_the_core_knows_which_distribution_brings_a_scheme():
    brought = {}
    for folder in ADAPTERS:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for group, points in project.get("entry-points", {}).items():
            if group.startswith("aegis.") and folder.name != "_template":
                brought.setdefault(group, {}).update(dict.fromkeys(points, project["name"]))
    assert brought == DISTRIBUTIONS
