"""The marks work with the standard library alone, and cost next to nothing until they are used."""

import subprocess
import sys
import textwrap
from pathlib import Path

import aegis_core
from aegis_core import marks

ROOT = Path(__file__).parents[3]


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-S", "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BLOCKED = """
    import sys

    class OnlyTheStandardLibrary:
        def find_spec(self, name, path=None, target=None):
            top = name.partition(".")[0]
            if top != "aegis_core" and top not in sys.stdlib_module_names:
                raise ImportError(f"{name} is blocked")

    sys.meta_path.insert(0, OnlyTheStandardLibrary())
"""


def test_everything_works_with_every_other_package_blocked():
    program = """
    import dataclasses, json, logging, io
    import aegis_core, aegis_core.marks
    for module in (aegis_core.marks, ):
        for name in module.__all__:
            getattr(module, name)
    from aegis_core.marks import *

    try:
        import attrs
    except ImportError:
        print("blocked")

    @guarded
    @dataclasses.dataclass
    class Patient:
        mrn: Mrn
        ward: str

    print(Patient("HN-00042", "4B"))
    print(json.dumps(redact_event(None, "info", {"event": "e", "p": Patient("HN-00042", "4B"), "mrn": "HN-00042"})))
    stream = io.StringIO()
    logging.basicConfig(stream=stream, format="%(message)s", level=10)
    install_logging()
    logging.info("admitted %s mrn=%s", Patient("HN-00042", "4B"), "HN-00042")
    print(stream.getvalue())
    """
    written = run(textwrap.dedent(BLOCKED) + textwrap.dedent(program))
    assert "blocked" in written
    assert "HN-00042" not in written
    assert written.count("[phi.mrn]") == 5


def test_importing_the_doors_loads_nothing_that_costs():
    heavy = ("typing", "asyncio", "attrs", "cattrs", "cryptography", "aiofiles", "importlib.metadata", "enum", "re")
    for door in ("aegis_core", "aegis_core.marks"):
        assert run(f"import {door}, sys; print([name for name in {heavy!r} if name in sys.modules])") == "[]\n"


def test_importing_the_first_names_loads_no_more_than_they_need():
    heavy = ("asyncio", "dataclasses", "inspect", "logging", "datetime", "hashlib", "json", "weakref", "attrs")
    program = "from aegis_core import PHI, Mrn, guarded, redact_event; import sys;"
    assert run(f"{program} print([name for name in {heavy!r} if name in sys.modules])") == "[]\n"


def test_every_public_name_can_be_had_and_is_the_same_at_both_doors():
    for name in marks.__all__:
        value = getattr(marks, name)
        assert name in dir(marks)
        if name in aegis_core.__all__:
            assert getattr(aegis_core, name) is value
    for name in aegis_core.__all__:
        getattr(aegis_core, name)
