"""The guide's programs read an export without this project, and open it with the tenants' keys alone."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "leaving.md"


@pytest.fixture
def programs(tmp_path):
    """The guide's programs by the name that their first line gives them."""
    found = {}
    for source in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        name = re.search(r"python (\w+\.py)", source)[1]
        found[name] = tmp_path / name
        found[name].write_text(source)
    return found


def run(*command):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_reader_needs_the_standard_library_alone(clinic, aegis, programs):
    assert aegis("export", "out").exit == 0
    reader = programs["read_export.py"]
    # Isolated: neither this project nor any package can be imported.
    code, out = run("-I", "-S", reader, "out")
    assert code == 0, out
    assert "     300 report.filed" in out
    assert f"       4 objects, {4 * len(clinic.body)} bytes" in out
    assert out.endswith("as it was written\n")
    clinic.patient.assert_absent(out)
    code, out = run("-I", "-S", GUIDE.parent / "no-such.py", "out")
    assert code != 0


@pytest.mark.parametrize("name", ["entries.jsonl", "objects/default/00000/00000002", "log/tile/0/000", "SHA256SUMS"])
def test_the_reader_finds_what_was_changed(clinic, aegis, programs, name):
    assert aegis("export", "out").exit == 0
    path = Path("out", name)
    octets = bytearray(path.read_bytes())
    at = octets.index(b"r77") if name == "entries.jsonl" else 3
    octets[at] = octets[at] ^ 1 if name != "SHA256SUMS" else ord("0" if octets[at] != ord("0") else "1")
    path.write_bytes(octets)
    code, out = run("-I", "-S", programs["read_export.py"], "out")
    assert code == 3, out
    assert name in out


def test_the_log_verifies_with_the_other_guides_program(clinic, aegis, tmp_path):
    assert aegis("export", "out").exit == 0
    (source,) = re.findall(r"```python\n(.*?)```", (GUIDE.parent / "verify-without-us.md").read_text(), re.DOTALL)
    (tmp_path / "verify.py").write_text(source)
    code, out = run("-I", "-S", "verify.py", "out/log")
    assert code == 0, out


def test_a_sealed_export_opens_with_keys_and_a_library_of_others(clinic, aegis, programs, application):
    from aegis_core import Principal, Purpose, acting
    from aegis_core.crypto import KeyPurpose

    sizes = {f"size/{size}": bytes(size) for size in (0, 1, 16_383, 16_384, 16_385, 100_000)}

    async def more(opened):
        await opened.keys.rotate(KeyPurpose.WRAP)
        with acting(Principal("dr", "x"), purpose=Purpose.TREATMENT):
            for key, body in sizes.items():
                await opened.storage.upload(key, body)

    application(more)
    assert aegis("export", "out").exit == 0
    code, out = run(programs["take_keys.py"], "out", "keys")
    assert code == 0, out
    assert Path("keys").stat().st_mode & 0o777 == 0o600
    # Isolated: this project cannot be imported, the library can.
    source = programs["open_export.py"].read_text()
    assert "aegis_core" not in source
    code, out = run("-I", programs["open_export.py"], "out", "keys", "plain")
    assert code == 0, out
    expected = {f"default/_/{key}": clinic.body for key in clinic.keys}
    expected |= {f"default/clinic-b/{key}": clinic.body for key in clinic.tenant_keys}
    expected |= {f"default/_/{key}": body for key, body in sizes.items()}
    found = {
        unquote(str(path.relative_to("plain")).removesuffix("@")): path.read_bytes()
        for path in Path("plain").rglob("*@")
    }
    assert found == expected
