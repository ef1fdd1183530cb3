"""Under a real server: what an endpoint raises reaches the server's log without its text."""

import subprocess
import sys
import textwrap

import httpx2 as httpx

APP = textwrap.dedent("""
    import uvicorn
    from fastapi import FastAPI
    from aegis_fastapi import install

    app = FastAPI()
    install(app)

    @app.get("/fails")
    async def fails(what: str) -> None:
        raise KeyError(what)

    uvicorn.run(app, host="127.0.0.1", port=0, access_log=False)
""")


def test_the_servers_log_has_the_place_and_not_the_text(phi_canary):
    process = subprocess.Popen([sys.executable, "-c", APP], stderr=subprocess.PIPE, text=True)
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if "running on" in line:
                break
        base = lines[-1].split("running on ")[1].split(" ")[0]
        answer = httpx.get(f"{base}/fails", params={"what": phi_canary.patient["name"]})
    finally:
        process.terminate()
        lines.append(process.communicate(timeout=10)[1])
    log = "".join(lines)
    assert answer.status_code == 500
    assert "KeyError" in log
    assert "in fails" in log
    phi_canary.assert_absent(log, answer.content)
