"""What may lean on what, where the import contracts are too coarse."""

import sys

import pytest

from tests.architecture.tree import FLOORS, core_files, floor_of, imports, module_of

STANDARD_LIBRARY = sys.stdlib_module_names | {"annotationlib"}  # since Python 3.14
DEPENDENCIES = {"aiofiles", "anyio", "attr", "attrs", "cattrs", "cryptography", "typing_extensions"}
#: What is used where it is installed, and by whom; the bytes are the same without it.
OPTIONAL = {
    "aegis_core.audit.canonical": {"orjson"},
    "aegis_core.kernel.json": {"orjson"},
    "aegis_core.observability.encoding": {"orjson"},
    "aegis_core.kernel.pending": {"trio"},  # the caller's loop: it is there, or nobody asks
}
OPTIONAL_ANYWHERE = set().union(*OPTIONAL.values())
#: Pure decisions that every adapter of a port must make alike: as good as a part of the port.
OF_THE_PORT = {
    "aegis_core.audit.batch",
    "aegis_core.crypto.wrapping",
    "aegis_core.notifications.mime",
    "aegis_core.storage.hops",
}
FOR_TESTS = {"_pytest", "hypothesis", "pytest", "trio"}
PUBLIC_OF_A_ROOM = {"port", "model"}


def foreign(module: str) -> str | None:
    """The top-level name of a third-party package; None for ours and the standard library's."""
    top = module.partition(".")[0]
    return None if top == "aegis_core" or top in STANDARD_LIBRARY else top


def test_every_room_stands_on_a_floor():
    rooms = {parts[1] for file in core_files() if len(parts := module_of(file).split(".")) > 2}
    assert rooms <= set().union(*FLOORS)


def test_marks_import_the_standard_library_alone():
    breaches = [
        f"{file}:{found.line} {found.module}"
        for file in core_files()
        if module_of(file).startswith("aegis_core.marks")
        for found in imports(file)
        if foreign(found.module) and not found.for_types
    ]
    assert not breaches


def test_the_core_imports_its_closed_list_of_dependencies_alone():
    breaches = []
    for file in core_files():
        module = module_of(file)
        allowed = DEPENDENCIES | OPTIONAL.get(module, set())
        if module.startswith("aegis_core.testing"):
            allowed |= FOR_TESTS
        breaches += [
            f"{file}:{found.line} {found.module}"
            for found in imports(file)
            if (top := foreign(found.module)) and top not in allowed and not found.for_types
        ]
    assert not breaches


def test_what_is_optional_is_looked_for_at_first_use_never_when_a_file_is_loaded():
    breaches = [
        f"{file}:{found.line} {found.module}"
        for file in core_files()
        if not module_of(file).startswith("aegis_core.testing")
        for found in imports(file)
        if foreign(found.module) in OPTIONAL_ANYWHERE and found.at_load and not found.for_types
    ]
    assert not breaches


def test_rooms_of_one_floor_know_each_others_port_and_model_alone():
    breaches = []
    for file in core_files():
        here = module_of(file)
        for found in imports(file):
            there = found.module.split(".")
            if there[0] != "aegis_core" or len(there) < 2 or there[1] == here.split(".")[1:2]:
                continue
            same_floor = floor_of(found.module) is not None and floor_of(found.module) == floor_of(here)
            if same_floor and there[1] != here.split(".")[1] and there[2:3] and there[2] not in PUBLIC_OF_A_ROOM:
                breaches.append(f"{file}:{found.line} {found.module}")
    assert not breaches


def test_local_adapters_lean_on_ports_models_and_the_kernel():
    breaches = []
    for file in core_files():
        if not module_of(file).startswith("aegis_core.local"):
            continue
        for found in imports(file):
            there = found.module.split(".")
            if there[0] != "aegis_core":
                continue
            below = there[1:2] and there[1] in {"local", "kernel", "marks", "_lazy"}
            if below or found.module in OF_THE_PORT:
                continue
            if len(there) < 3 or there[2] not in PUBLIC_OF_A_ROOM:
                breaches.append(f"{file}:{found.line} {found.module}")
    assert not breaches


@pytest.mark.parametrize("file", core_files(), ids=module_of)
def test_code_imports_from_the_defining_module_not_from_a_door(file):
    # A lazy door costs a dictionary look-up per name, and a cycle through it is seen by no contract.
    doors = [
        f"line {found.line}: {found.module}"
        for found in imports(file)
        if found.module == "aegis_core" and not found.for_types and file.name != "__init__.py"
    ]
    assert not doors
