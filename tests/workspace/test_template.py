"""A copy of the template under another name is an adapter that passes the kit of its port."""

import os
import subprocess
import sys
import tomllib

import pytest

from aegis_cli.new.templates import start_adapter
from aegis_core import AegisError, ErrorCode
from tests.architecture.tree import ROOT


@pytest.fixture
def copy(tmp_path):
    start_adapter("open-search", tmp_path / "open-search")
    return tmp_path / "open-search"


def test_nothing_of_the_templates_name_is_left(copy):
    files = [file for file in copy.rglob("*") if file.is_file()]
    assert len(files) >= 5
    for file in files:
        assert "template" not in f"{file.relative_to(copy)}\n{file.read_text()}".lower(), file


def test_it_is_installable_beside_this_version_of_the_core(copy):
    adapter = tomllib.loads((copy / "pyproject.toml").read_text())["project"]
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert adapter["name"] == "aegis-health-open-search"
    wanted = next(entry for entry in adapter["dependencies"] if entry.startswith(core["name"]))
    lowest, highest = wanted.removeprefix(core["name"]).split(",")
    version = tuple(map(int, core["version"].split(".")))
    assert tuple(map(int, lowest.removeprefix(">=").split("."))) <= version[:2]
    assert version[:2] < tuple(map(int, highest.removeprefix("<").split(".")))


def test_it_passes_the_kit_of_its_port(copy, tmp_path):
    # As an installed distribution would: its folder on the path, its entry point in the metadata beside it.
    metadata = tmp_path / "site" / "aegis_health_open_search-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: aegis-health-open-search\nVersion: 0.1.0\n")
    points = tomllib.loads((copy / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in points.items()]
    (metadata / "entry_points.txt").write_text("".join(lines))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [copy, tmp_path / "site", ROOT]))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "tests"]
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
    assert "failed" not in ended.stdout


def test_a_name_that_no_package_can_have_is_refused(tmp_path):
    for name in ("Open", "open_search", "-x", "", "../x", "9x"):
        with pytest.raises(AegisError, match="lower-case") as caught:
            start_adapter(name, tmp_path / "x")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert not (tmp_path / "x").exists()


def test_a_folder_that_is_there_is_never_overwritten(copy):
    with pytest.raises(AegisError) as caught:
        start_adapter("open-search", copy)
    assert caught.value.code is ErrorCode.ALREADY_EXISTS
