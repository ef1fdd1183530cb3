"""Under a real server: what an endpoint raises reaches the server's log without its text."""

import logging
import subprocess
import sys
import textwrap

import httpx2 as httpx

from aegis_fastapi import lines

APP = textwrap.dedent("""
    import uvicorn
    from fastapi import FastAPI
    from aegis_fastapi import install

    app = FastAPI()
    install(app)

    @app.get("/fails/{patient}")
    async def fails(what: str) -> None:
        raise KeyError(what)

    @app.get("/patients/{patient}")
    async def patient(patient: str) -> None: ...

    uvicorn.run(app, host="127.0.0.1", port=0)
""")


def test_lines_about_websockets_have_no_path_either(phi_canary):
    """They stand in uvicorn's other log, where no option turns them off."""
    lines.install()
    path = f"/beds/{phi_canary.patient['mrn']}?name={phi_canary.patient['name']}"
    shown = []
    for message, args in (
        ('%s - "WebSocket %s" [accepted]', ()),
        ('%s - "WebSocket %s" 403', ()),
        ('%s - "WebSocket %s" %d', (500,)),
    ):
        record = logging.getLogger("uvicorn.error").makeRecord(
            "uvicorn.error", 20, "", 1, message, ("x", path, *args), None
        )
        assert logging.getLogger("uvicorn.error").filter(record)
        shown.append(record.getMessage())
    assert shown == [
        'x - "WebSocket [no route]" [accepted]',
        'x - "WebSocket [no route]" 403',
        'x - "WebSocket [no route]" 500',
    ]


def test_the_servers_log_has_route_and_place_and_not_the_text(phi_canary):
    process = subprocess.Popen([sys.executable, "-c", APP], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told = []
    try:
        for line in process.stderr:
            told.append(line)
            if "running on" in line:
                break
        base = told[-1].split("running on ")[1].split(" ")[0]
        sent = phi_canary.patient
        answer = httpx.get(f"{base}/fails/{sent['mrn']}", params={"what": sent["name"]})
        httpx.get(f"{base}/patients/{sent['mrn']}")
        httpx.get(f"{base}/{sent['mrn']}")
    finally:
        process.terminate()
        told += process.communicate(timeout=10)
    log = "".join(told)
    assert answer.status_code == 500
    assert "KeyError" in log
    assert "in fails" in log
    assert '"GET /fails/{patient} HTTP/1.1" 500' in log
    assert '"GET /patients/{patient} HTTP/1.1" 200' in log
    assert '"GET [no route] HTTP/1.1" 404' in log
    phi_canary.assert_absent(log, answer.content)
