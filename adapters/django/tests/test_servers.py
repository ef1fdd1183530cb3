"""Under real servers: workers that are forked after the application was loaded, threads, and a loop with a lifespan."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

HERE = Path(__file__).parent

WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
ASGI = "from aegis_django.asgi import get_asgi_application\napplication = get_asgi_application()\n"
OF_DJANGO = "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n"


def environ(home, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "CLINIC_"))}
    return {
        **kept,
        "AEGIS_ENV": "test",
        "AEGIS_LOG": "jsonl:.aegis/log.jsonl",
        "CLINIC_DATABASE": str(home / "clinic.sqlite3"),
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": os.pathsep.join([str(HERE / "project"), str(home)]),
        **more,
    }


@pytest.fixture
def home(tmp_path):
    def made(program, text):
        (tmp_path / f"{program}.py").write_text(text)
        migrate = "import django; django.setup(); from django.core.management import call_command as c;"
        migrate += "c('migrate', run_syncdb=True, verbosity=0)"
        subprocess.run([sys.executable, "-c", migrate], cwd=tmp_path, env=environ(tmp_path), check=True)
        return tmp_path

    return made


@contextmanager
def serving(home, *command, **more):
    """A server, from when it answers until it has ended by itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(word.format(port=port) for word in command)],
            cwd=home,
            env=environ(home, **more),
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{base}/who", timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, (home / "server.log").read_text()
                assert time.monotonic() < deadline, (home / "server.log").read_text()
                time.sleep(0.05)  # nobody tells when a server listens
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def on_record(home):
    """Ids on record, and whether all is intact, by a process of its own."""
    program = "import json; from aegis_core import Aegis\n"
    program += "with Aegis(only=['audit']).blocking() as aegis:\n"
    program += "    ids = [str(entry.event_id) for entry in aegis.audit.stored()]\n"
    program += "    print(json.dumps([ids, aegis.audit.verify().intact]))\n"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=home, env=environ(home), check=True, capture_output=True, text=True
    )
    return json.loads(ended.stdout)


@pytest.mark.parametrize("threads", [1, 4])
def test_workers_that_gunicorn_forks_after_loading_have_one_open_aegis_each(home, phi_canary, threads):
    home = home("wsgi", WSGI)
    options = f"--preload --workers 2 --threads {threads} --bind 127.0.0.1:{{port}} --worker-tmp-dir /dev/shm wsgi"
    with serving(home, "gunicorn", *options.split()) as base, ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: httpx.get(f"{base}/record", timeout=30), range(60))]
        sent = phi_canary.patient
        failed = httpx.get(f"{base}/patients/{sent['mrn']}/", params={"name": sent["name"]})
        streamed = httpx.get(f"{base}/stream").text.split()[1]
    assert len({answer["process"] for answer in answers}) == 2
    assert len({answer["request"] for answer in answers}) == 60
    ids, intact = on_record(home)
    assert intact
    assert sorted(ids) == sorted([*(answer["event"] for answer in answers), streamed])
    assert failed.status_code == 500
    log = (home / "server.log").read_text()
    assert re.search(r"Internal Server Error: patients/<str:mrn>/ \(request [0-9a-f-]+\)", log)
    assert "LookupError" in log
    phi_canary.assert_absent(failed.content, home)


def test_under_uvicorn_sync_and_async_views_record_on_their_own_and_the_lifespan_opens(home, phi_canary):
    home = home("asgi", ASGI)
    paths = ["/record", "/record-async", "/record-on-the-loop"]
    with (
        serving(home, "uvicorn", "asgi:application", "--port", "{port}", "--no-access-log") as base,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda number: httpx.get(base + paths[number % 3], timeout=30), range(30)))
        sent = phi_canary.patient
        failed = httpx.get(f"{base}/patients/{sent['mrn']}/async", params={"name": sent["name"]})
    assert {answer.status_code for answer in answers} == {200}
    ids, intact = on_record(home)
    assert intact
    assert sorted(ids) == sorted(answer.json()["event"] for answer in answers)
    assert failed.status_code == 500
    assert "patients/<str:mrn>/async (request" in (home / "server.log").read_text()
    phi_canary.assert_absent(failed.content, home)


def test_without_a_lifespan_the_services_on_the_loop_say_what_to_do(home):
    home = home("asgi", OF_DJANGO)
    with serving(home, "uvicorn", "asgi:application", "--port", "{port}", "--lifespan", "off") as base:
        answer = httpx.get(f"{base}/record-on-the-loop")
        assert httpx.get(f"{base}/record-async").status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Aegis is not open" in (home / "server.log").read_text()


def test_what_cannot_be_opened_keeps_a_server_with_a_lifespan_from_starting(home):
    home = home("asgi", ASGI)
    ended = subprocess.run(
        [sys.executable, "-m", "uvicorn", "asgi:application", "--port", "0"],
        cwd=home,
        env=environ(home, AEGIS_AUDIT="s4://records"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "1 setting is wrong; AEGIS_AUDIT: " in ended.stderr
    assert "erased" not in ended.stderr


def test_debug_in_production_is_an_error_of_manage_check(home):
    home = home("asgi", ASGI)
    ended = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        cwd=home,
        env=environ(home, AEGIS_ENV="production", CLINIC_DEBUG="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "DEBUG: must be False in production" in ended.stderr
    assert "AEGIS_AUDIT: is missing" in ended.stderr
