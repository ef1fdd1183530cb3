"""Whoever writes an adapter finds every port in one place, and pays only for what is used."""

import subprocess
import sys
from pathlib import Path

import aegis_core
import aegis_core.kernel
import aegis_core.ports as ports


def test_every_port_of_every_room_is_there():
    root = Path(aegis_core.__file__).parent
    rooms = {path.parent.name for path in root.glob("*/port.py")}
    assert rooms
    for room in rooms:
        module = __import__(f"aegis_core.{room}.port", fromlist=["PORT"])
        own = {
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__ and getattr(value, "_is_protocol", False)
        }
        assert own <= set(ports.__all__), room


def test_every_name_resolves():
    for module in (ports, aegis_core.kernel):
        assert dir(module) == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_the_doors_import_nothing_by_themselves():
    root = str(Path(aegis_core.__file__).parent.parent)
    program = (
        f"import sys; sys.path.insert(0, {root!r});"
        "import aegis_core.ports, aegis_core.kernel, aegis_core.testing;"
        "print([m for m in ('attr', 'anyio', 'typing', 'asyncio', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
