"""What ``aegis new`` writes works as it stands, wherever the command was installed from."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aegis_cli.exits import Exit
from aegis_cli.new import templates

ROOT = Path(__file__).parents[3]


def build(project, to, kind):
    program = f"import sys; from hatchling.build import build_{kind}; print(build_{kind}(sys.argv[1]))"
    ended = subprocess.run([sys.executable, "-c", program, str(to)], cwd=project, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return to / ended.stdout.split()[-1]


def test_an_adapter_outside_of_a_checkout_is_a_folder_of_its_name(aegis, tmp_path):
    ended = aegis("new", "adapter", "open-search", "--json")
    assert ended.exit == 0
    assert (tmp_path / "open-search" / "aegis_open_search" / "state.py").is_file()
    assert all((tmp_path / file).is_file() for file in ended.document["files"])
    assert "pip install" in ended.document["next"][0]
    again = aegis("new", "adapter", "open-search")
    assert again.exit == Exit.FAILED
    assert "already_exists" in again.err


def test_an_adapter_goes_where_it_is_told(aegis, tmp_path):
    assert aegis("new", "adapter", "x1", str(tmp_path / "there")).exit == 0
    assert (tmp_path / "there" / "pyproject.toml").is_file()


@pytest.mark.parametrize("kind", ["adapter", "room"])
def test_a_wrong_name_is_usage_and_writes_nothing(kind, aegis, tmp_path):
    (tmp_path / "aegis_core" / "kernel").mkdir(parents=True)
    ended = aegis("new", kind, "Wrong_Name")
    assert ended.exit == Exit.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["aegis_core"]


@pytest.mark.timeout(300)
def test_wheel_and_source_distribution_carry_the_template(tmp_path):
    project = tmp_path / "adapters" / "cli"
    shutil.copytree(ROOT / "adapters" / "cli", project, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    shutil.copytree(ROOT / "adapters" / "_template", tmp_path / "adapters" / "_template")
    wheel = build(project, tmp_path, "wheel")
    names = zipfile.ZipFile(wheel).namelist()
    assert "aegis_cli/new/adapter/aegis_template/state.py" in names
    assert "aegis_cli/new/room/aegis_core/__room__/service.py.txt" in names
    assert not [name for name in names if "__pycache__" in name]
    archive = build(project, tmp_path, "sdist")
    shutil.unpack_archive(archive, tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, tmp_path / "source", "wheel")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(names)


def test_installed_from_a_wheel_it_writes_the_same(tmp_path, monkeypatch):
    here = templates.start_adapter("abc", tmp_path / "from-checkout")
    shutil.copytree(ROOT / "adapters" / "_template", tmp_path / "site" / "adapter")
    monkeypatch.setattr(templates, "_ADAPTERS", (tmp_path / "site" / "adapter", tmp_path / "nowhere"))
    there = templates.start_adapter("abc", tmp_path / "from-wheel")
    assert [file.read_text() for file in here] == [file.read_text() for file in there]


def test_a_rooms_tests_are_green_as_it_stands(aegis, tmp_path):
    (tmp_path / "aegis_core" / "kernel").mkdir(parents=True)
    ended = aegis("new", "room", "care-plans", "--json")
    assert ended.exit == 0, ended.err
    for file in ended.document["files"]:
        assert "__room__" not in f"{file} {Path(file).read_text()}".lower()
    program = (
        "import sys, pytest, aegis_core;"
        f"aegis_core.__path__.append({str(tmp_path / 'aegis_core')!r});"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', 'tests']))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
    again = aegis("new", "room", "care-plans")
    assert again.exit == Exit.FAILED


@pytest.mark.parametrize("name", ["care-plans", "kernels", "wards", "x-" + "y" * 12])
def test_a_room_is_clean_for_the_linter(name, aegis, tmp_path):
    (tmp_path / "aegis_core" / "kernel").mkdir(parents=True)
    assert aegis("new", "room", name).exit == 0
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.is_file():
        pytest.skip("ruff is not installed here")
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [ruff, *command, "--config", ROOT / "pyproject.toml", "."], cwd=tmp_path, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout.decode()


def test_a_room_outside_of_a_checkout_is_usage(aegis):
    ended = aegis("new", "room", "care-plans")
    assert ended.exit == Exit.USAGE
    assert "checkout" in ended.err
