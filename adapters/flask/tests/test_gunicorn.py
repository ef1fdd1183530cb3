"""Under gunicorn: one open Aegis in each worker that it forks, and one trail of them all."""

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from aegis_core import Aegis

gunicorn = pytest.importorskip("gunicorn", reason="gunicorn is not installed")

APP = textwrap.dedent("""
    import os
    from flask import Flask
    from aegis_core import Aegis, AuditEvent, Principal, Purpose
    from aegis_core.blocking import PerProcess
    from aegis_flask import install, signed_in
    import attrs

    aegis = Aegis()
    services = PerProcess(aegis)
    app = Flask("clinic")
    install(app, aegis)
    clinician = signed_in(lambda request: Principal("dr-malee", verified_by="test"), purpose=Purpose.TREATMENT)
    if os.environ.get("OPENED_BY_PARENT"):
        services.log.info("opened before the fork")

    @attrs.frozen
    class Filed(AuditEvent):
        action = "report.filed"

    @app.put("/reports/<report>")
    @clinician
    def file(report):
        services.storage.upload(f"reports/{report}", report.encode())
        services.audit.record(Filed())
        return str(os.getpid())

    @app.get("/fails/<what>")
    def fails(what):
        raise KeyError(what)
""")


def ask(base, path, method="GET"):
    try:
        with urlopen(Request(base + path, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read()


@pytest.mark.parametrize(
    ("options", "opened_by_parent"),
    [
        pytest.param(["--preload"], False, id="preload"),
        pytest.param(["--preload", "--threads=4"], False, id="preload-threads"),
        pytest.param(["--preload", "--threads=4"], True, id="opened-before-the-fork"),
        pytest.param(["--threads=4"], False, id="threads"),
    ],
)
def test_workers_and_threads_file_into_one_trail_and_their_log_has_no_text(
    tmp_path, phi_canary, options, opened_by_parent
):
    (tmp_path / "clinic.py").write_text(APP)
    environment = {**os.environ, "AEGIS_ENV": "test", "OPENED_BY_PARENT": "yes" if opened_by_parent else ""}
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=2", "--graceful-timeout=20"]
    process = subprocess.Popen(
        [*command, *options, "clinic:app"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if "Listening at: " in line:
                break
        base = lines[-1].split("Listening at: ")[1].split(" ")[0]
        with ThreadPoolExecutor(8) as pool:
            filed = list(pool.map(lambda n: ask(base, f"/reports/r{n}", "PUT"), range(24)))
        failed = [ask(base, f"/fails/{phi_canary.patient['mrn']}") for _ in range(2)]
    finally:
        process.send_signal(signal.SIGTERM)
        lines += process.communicate(timeout=60)[1]
    log = "".join(lines)
    assert {status for status, _ in filed} == {200}, log
    assert [status for status, _ in failed] == [500, 500]
    assert process.returncode == 0
    assert "Exception in /fails/<what> [GET]" in log
    assert "KeyError" in log
    phi_canary.assert_absent(log, *(body for _, body in failed), tmp_path)

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path)
        patched.setenv("AEGIS_ENV", "test")
        with Aegis().blocking() as aegis:
            assert aegis.storage.download("reports/r7") == b"r7"
            recorded = [entry for entry in aegis.audit.entries() if entry.action == "report.filed"]
            assert aegis.audit.verify().intact
    assert len(recorded) == 24
    assert {entry.who for entry in recorded} == {"dr-malee"}
    assert str(process.pid).encode() not in {pid for _, pid in filed}
