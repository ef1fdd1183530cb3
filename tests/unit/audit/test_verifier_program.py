"""The verifier as a program: what it prints, and with which code it ends."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

from aegis_core.audit.tiles import Tile
from aegis_core.audit.verifier import INTACT, NOT_INTACT, TRY_AGAIN, USAGE, verifier_main
from tests.unit.audit.tiled import (
    BODIES,
    SIGNER,
    SIZE,
    bodies_of,
    flip_entry,
    note_of,
    put,
    write_log,
)


def run(folder: Path, *more: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = verifier_main([str(folder), "--key", SIGNER.verifier_keys[0].encode(), *more], out=out, err=err)
    return status, out.getvalue(), err.getvalue()


def test_the_program_says_intact_and_exits_0(tmp_path: Path) -> None:
    status, out, _ = run(write_log(tmp_path, bodies_of(1500)), "--strict")
    assert status == INTACT
    assert out.startswith(" 1 500 entries · root ")
    assert f"signed by {SIGNER.origin}" in out
    assert out.endswith("intact\n")


def test_the_program_names_the_changed_entry_and_exits_3(tmp_path: Path) -> None:
    flip_entry(write_log(tmp_path, BODIES))
    status, out, _ = run(tmp_path)
    assert status == NOT_INTACT
    assert "entry 300 (2026-11-24 08:19:03Z) does not match its leaf: it was changed" in out
    assert out.endswith("NOT INTACT\n")


def test_the_program_prints_json(tmp_path: Path) -> None:
    flip_entry(write_log(tmp_path, BODIES))
    status, out, _ = run(tmp_path, "--json")
    verdict = json.loads(out)
    assert status == NOT_INTACT
    assert (verdict["intact"], verdict["size"], verdict["origin"]) == (False, SIZE, SIGNER.origin)
    assert verdict["findings"][0]["index"] == 300
    assert verdict["findings"][0]["kind"] == "entry"


def test_the_program_compares_with_a_kept_checkpoint(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:600])
    put(tmp_path / "kept", note_of(BODIES).encode())
    status, out, _ = run(folder, "--from-checkpoint", str(tmp_path / "kept"))
    assert status == NOT_INTACT
    assert "its tail was cut" in out


def test_the_program_takes_keys_from_a_file(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    put(tmp_path / "keys", "\n".join(key.encode() for key in SIGNER.verifier_keys).encode())
    assert verifier_main([str(folder), "--key", str(tmp_path / "keys")], out=io.StringIO()) == INTACT


def test_wrong_usage_exits_2(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    put(tmp_path / "bad", b"not a checkpoint")
    key = SIGNER.verifier_keys[0].encode()
    for arguments in (
        [],
        [str(folder)],
        [str(folder), "--key", "a+b+c"],
        [str(folder), "--key", str(tmp_path / "absent")],
        [str(tmp_path / "absent"), "--key", key],
        [str(folder), "--key", key, "--from-checkpoint", str(tmp_path / "bad")],
        [str(folder), "--key", key, "--from-checkpoint", str(tmp_path / "absent")],
        [str(folder), "--key", key, "--unknown"],
    ):
        assert verifier_main(arguments, out=io.StringIO(), err=io.StringIO()) == USAGE
    assert verifier_main(["--help"], out=io.StringIO()) == 0


def test_what_cannot_be_read_now_exits_75(tmp_path: Path) -> None:
    folder = write_log(tmp_path, BODIES[:3])
    path = folder / Tile(None, 0, 3).path
    path.unlink()
    path.mkdir()  # reading it fails with EISDIR, for root too
    status, _, err = run(folder)
    assert status == TRY_AGAIN
    assert "cannot be read now" in err


def test_a_log_that_this_user_may_not_read_exits_75(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", BODIES[:3])
    folder.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may read everything
    try:
        status, _, err = run(folder)
    finally:
        os.seteuid(was)
        folder.chmod(0o700)
    assert status == TRY_AGAIN
    assert "may not be read" in err


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    folder = write_log(tmp_path, BODIES)
    terminal = Terminal()
    verifier_main([str(folder), "--key", SIGNER.verifier_keys[0].encode()], out=io.StringIO(), err=terminal)
    assert " 36 % of 700 entries" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert run(folder)[2] == ""


FORBIDDEN = """
aegis_core.audit.trail aegis_core.audit.sealing aegis_core.audit.sequencer aegis_core.audit.publisher
aegis_core.audit.opening aegis_core.audit.signing aegis_core.audit.plan aegis_core.audit.port
aegis_core.crypto aegis_core.local aegis_core.marks aegis_core.app aegis_core.kernel.context aegis_core.kernel.recorder
aegis_core.kernel.pending aegis_core.kernel.state aegis_core.kernel.adapter
anyio asyncio aiofiles cattrs sqlite3 orjson pydantic sqlalchemy
""".split()


def test_the_verifier_loads_no_writer() -> None:
    code = "import sys, aegis_core.audit.verifier; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment())
    loaded = done.stdout.decode().split()
    assert "aegis_core.audit.verification" in loaded
    assert [
        name for name in loaded if any(name == banned or name.startswith(f"{banned}.") for banned in FORBIDDEN)
    ] == []


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
