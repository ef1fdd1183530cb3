"""A server for tests: started until it answers, killed with all it started, brought back, and gone with its owner."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from types import MappingProxyType

import pytest

from aegis_core.testing.servers.ports import Ports
from aegis_core.testing.servers.probes import said
from aegis_core.testing.servers.server import Endpoint, Missing, NotReady, Plan, Running

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: Answers "hello" and adds a line to a file; its helper lives in a session of its own, as PostgreSQL's do.
PROGRAM = """
import os, socket, subprocess, sys, time
port, folder = int(sys.argv[1]), sys.argv[2]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
helper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
with open(os.path.join(folder, "helper"), "w") as file:
    file.write(str(helper.pid))
with open(os.path.join(folder, "starts"), "a") as file:
    file.write("x")
listener.listen()
print("at your service", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
"""


class Greeter:
    name = "greeter"
    source = "this file"
    unchecked = MappingProxyType({})

    def __init__(self, program=PROGRAM, **plan):
        self.program = program
        self.plan = plan
        self.prepared = []

    def product(self):
        return "Greeter 1"

    def missing(self):
        return ""

    def prepare(self, folder, ports, /):
        port = ports.take()
        self.prepared.append(port)
        command = [sys.executable, "-S", "-c", self.program, str(port), str(folder)]
        plan = {"limit": 30.0, **self.plan}
        return Plan(command, Endpoint(port, f"greet://127.0.0.1:{port}"), lambda: said(port, expected=b"hello"), **plan)


def helper_of(running):
    return int((running.folder / "helper").read_text())


def state_of(pid):
    """The kernel's letter for a process; empty: it is gone."""
    try:
        state = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state == "Z" else state


def ended(pid, limit=20):
    """Wait for the end of a process that need not be a child of ours."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], limit)[0])
    finally:
        os.close(watched)


def test_it_answers_when_start_returns_and_nothing_is_left_when_it_stopped():
    running = Running(Greeter())
    with running:
        pid, folder, port = running.pid, running.folder, running.endpoint.port
        assert said(port, expected=b"hello")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert running.is_running
        assert "at your service" in running.log
        assert str(port) in repr(running)
    assert not folder.exists()
    assert not running.is_running
    assert running.pid == 0
    assert "at your service" in running.log
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        said(port, expected=b"hello")


def test_a_folder_of_ones_own_is_kept(tmp_path):
    with Running(Greeter(), tmp_path) as running:
        assert running.folder == tmp_path
    assert (tmp_path / "starts").read_text() == "x"
    assert (tmp_path / "server.log").exists()


def test_a_server_that_ends_at_once_is_reported_with_its_log():
    running = Running(Greeter("import sys; print('no such volume'); sys.exit(7)"))
    with pytest.raises(NotReady, match=r"(?s)greeter ended with code 7 before it answered.*no such volume"):
        running.start()
    assert not running.is_running
    with pytest.raises(RuntimeError, match="greeter was not started"):
        _ = running.folder


def test_a_program_that_is_not_there_is_reported_and_not_waited_for():
    class Absent(Greeter):
        def prepare(self, folder, ports, /):
            return Plan(["/does/not/exist"], Endpoint(ports.take(), ""), lambda: False)

    with pytest.raises(NotReady, match=r"(?s)ended with code 1 .*/does/not/exist"):
        Running(Absent()).start()


@linux
def test_a_server_that_never_answers_is_ended():
    program = "import os, sys, time; open(sys.argv[2] + '/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    seen = []

    class Deaf(Greeter):
        def prepare(self, folder, ports, /):
            plan = super().prepare(folder, ports)
            seen.append(folder)
            return plan

    class Keeping(Running):
        def stop(self):
            seen.append(int((seen[0] / "pid").read_text()))
            super().stop()

    with pytest.raises(NotReady, match=r"did not answer within 1 s"):
        Keeping(Deaf(program, limit=1.0)).start()
    assert not seen[0].exists()
    assert state_of(seen[1]) == ""


def test_a_command_before_it_runs_once_and_its_failure_ends_the_start(tmp_path):
    mark = tmp_path / "initialised"
    before = [sys.executable, "-S", "-c", f"open({str(mark)!r}, 'x').close(); print('made')"]
    with Running(Greeter(before=before)) as running:
        assert mark.exists()
        running.kill()
        running.start()  # would fail at the mark if it were run again
    with pytest.raises(NotReady, match=r"(?s)FileExistsError"):
        Running(Greeter(before=before)).start()


def test_a_port_that_was_taken_meanwhile_costs_another_try():
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        class Unlucky(Greeter):
            def prepare(self, folder, ports, /):
                plan = super().prepare(folder, ports)
                if len(self.prepared) == 1:
                    squatter.bind(("127.0.0.1", plan.endpoint.port))
                    squatter.listen()
                return plan

        server = Unlucky()
        with Running(server) as running:
            assert len(server.prepared) == 2
            assert running.endpoint.port == server.prepared[1] != server.prepared[0]


def test_whoever_else_answers_at_the_port_is_not_taken_for_the_server():
    # The stranger answers as the server would; the server itself has ended.
    with pytest.raises(NotReady):
        Running(Greeter("import sys; sys.exit(3)")).start()

    class Strangers(Greeter):
        def prepare(self, folder, ports, /):
            plan = super().prepare(folder, ports)
            return Plan(plan.command, plan.endpoint, self.answered)

        def answered(self):
            select.select([], [], [], 0.3)  # until the program has ended
            return True

    with pytest.raises(NotReady, match="ended with code 3"):
        Running(Strangers("import sys; sys.exit(3)")).start()


@linux
def test_a_kill_takes_all_it_started_and_a_start_brings_it_back_on_the_same_port_and_files():
    with Running(Greeter()) as running:
        first, helper, endpoint = running.pid, helper_of(running), running.endpoint
        running.kill()
        assert state_of(first) == state_of(helper) == ""
        assert not running.is_running
        running.start()
        assert running.endpoint == endpoint
        assert running.pid not in {0, first}
        assert (running.folder / "starts").read_text() == "xx"
        assert running.start().endpoint == endpoint  # already there
        assert (running.folder / "starts").read_text() == "xx"


@linux
def test_pausing_stops_helpers_too_and_a_paused_server_still_stops_at_once():
    running = Running(Greeter()).start()
    pids = [running.pid, helper_of(running)]
    running.pause()
    for _ in range(500):  # a signal is delivered when the system next runs the process, which takes a while under load
        if (states := [state_of(pid) for pid in pids]) == ["T", "T"]:
            break
        select.select([], [], [], 0.02)
    assert states == ["T", "T"]
    with socket.create_connection(("127.0.0.1", running.endpoint.port), 2) as connection:  # the kernel accepts
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        running.resume()
        connection.settimeout(20)
        assert connection.recv(5) == b"hello"
    running.pause()
    running.stop()
    assert [state_of(pid) for pid in pids] == ["", ""]


@linux
def test_one_that_ignores_being_asked_is_ended_all_the_same():
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PROGRAM
    with Running(Greeter(program)) as running:
        pids = [running.pid, helper_of(running)]
    assert [state_of(pid) for pid in pids] == ["", ""]


def test_what_is_not_running_can_be_killed_and_stopped_but_not_paused():
    running = Running(Greeter())
    running.kill()
    running.stop()
    with pytest.raises(RuntimeError, match="greeter is not running"):
        running.pause()
    with pytest.raises(RuntimeError, match="greeter was not started"):
        _ = running.endpoint
    with running:
        running.kill()
        with pytest.raises(RuntimeError, match="greeter is not running"):
            running.resume()


def test_one_that_cannot_run_here_says_what_to_do():
    class Nowhere(Greeter):
        def missing(self):
            return "pip install greeter"

    with pytest.raises(Missing, match="pip install greeter"):
        Running(Nowhere()).start()


def test_it_sees_little_of_the_callers_environment(monkeypatch):
    monkeypatch.setenv("BAO_TOKEN", "secret-of-the-caller")
    program = "import os, sys; open(sys.argv[2] + '/seen', 'w').write(repr(dict(os.environ)))\n" + PROGRAM
    with Running(Greeter(program, environ={"GREETING": "hi"})) as running:
        seen = (running.folder / "seen").read_text()
        assert "secret-of-the-caller" not in seen
        assert "'GREETING': 'hi'" in seen
        assert f"'HOME': {str(running.folder)!r}" in seen


OWNER = """
import os, sys, time
from tests.unit.testing.test_servers_running import Greeter, helper_of
from aegis_core.testing.servers.server import Running
running = Running(Greeter()).start()
if sys.argv[1] == "fork" and os.fork() == 0:
    os.close(1)
    time.sleep(60)  # a child of the owner that holds all of its pipes
    os._exit(0)
print(running.pid, helper_of(running), running.folder, flush=True)
time.sleep(600)
"""


@linux
@pytest.mark.parametrize("how", ["plain", "fork"])
@pytest.mark.parametrize("word", [signal.SIGKILL, signal.SIGINT], ids=["killed", "ctrl-c"])
def test_when_the_owner_is_gone_nothing_of_it_is_left(how, word):
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", textwrap.dedent(OWNER), how]
    owner = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        server, helper, folder = owner.stdout.readline().split()
        guard = int(Path("/proc", server, "stat").read_text().rpartition(")")[2].split()[1])
        owner.send_signal(word)
        owner.wait(20)
        assert ended(int(server))
        assert ended(int(helper))
        assert ended(guard)
        assert not Path(folder).exists()
    finally:
        os.killpg(owner.pid, signal.SIGKILL) if how == "fork" or owner.poll() is None else None
        owner.kill()
        owner.wait()
        owner.stdout.close()


def test_ports_are_below_those_of_outgoing_connections_and_nobody_else_gets_them():
    with Ports() as ours, Ports() as theirs:
        taken = [ports.take() for _ in range(20) for ports in (ours, theirs)]
        assert len(set(taken)) == 40
        assert all(20_000 <= port < 32_000 for port in taken)
        with socket.socket() as server:
            server.bind(("127.0.0.1", taken[0]))  # for the server that it is meant for


def test_a_port_where_somebody_listens_is_not_handed_out(monkeypatch):
    import itertools

    with Ports() as ports, socket.socket() as listener:
        port = ports.take()
        listener.bind(("127.0.0.1", port))
        ports.close()
        monkeypatch.setattr("aegis_core.testing.servers.ports._numbers", itertools.count(port - 20_000))
        assert ports.take() != port


def test_when_there_is_no_port_it_says_so(monkeypatch):
    import itertools

    with Ports() as ports:
        port = ports.take()
        monkeypatch.setattr("aegis_core.testing.servers.ports._numbers", itertools.repeat(port - 20_000))
        with pytest.raises(OSError, match="no free port"):
            ports.take()
