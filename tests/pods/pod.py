"""A pod made of namespaces: what a manifest says of a container holds for a process of this machine.

The image is this machine's disk under an overlay, as a container's is; volumes are folders, prepared as the kubelet
prepares them. Not imitated: the seccomp profile, CPU shares, NetworkPolicy (there is no network but the loopback).
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.pods.manifest import Container, Mount
from tests.pods.network import Network

ROOT = Path(__file__).parents[2]
_PROGRAMS = ("unshare", "nsenter", "mount", "setpriv")
_CGROUPS = Path("/sys/fs/cgroup")


def not_possible() -> str:
    """Why there can be no pod here; empty: there can be one."""
    if sys.platform != "linux" or os.geteuid():
        return "a pod of namespaces needs Linux and root"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"without {', '.join(missing)} there is no pod"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"this machine allows no namespaces: {tried.stderr.strip()}" if tried.returncode else ""


class Pod:
    """Volumes and network of one pod; `start` runs a container in it, over and over.

    Arguments:
        folder: everything of it lies there; on a file system whose files last, as a volume's does.
        secrets: Secret → key → value.
        maps: ConfigMap → key → value, of those that are mounted.
        hosts: names that lead to the pod's own loopback.
    """

    def __init__(
        self,
        folder: Path,
        /,
        *,
        secrets: dict[str, dict[str, str]],
        maps: dict[str, dict[str, str]] | None = None,
        hosts: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.volumes = folder / "volumes"
        self.network = Network()
        self._secrets = secrets
        self._maps = maps or {}
        self._hosts = folder / "hosts"
        self._hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *hosts)))
        self._started: list[Running] = []

    def close(self) -> None:
        for running in self._started:
            running.end()
        self.network.close()

    def start(self, container: Container, command: list[str] | None = None, /) -> "Running":
        number = len(self._started)
        place = self.folder / f"container-{number}"
        place.mkdir()
        place.chmod(0o755)
        environ = dict(container.environ)
        for variable, (secret, key) in container.secrets.items():
            environ[variable] = self._secrets[secret][key]
        image = [str(ROOT), sys.prefix, sys.base_prefix]
        environ.setdefault("HOME", "/")  # as runtimes have it for a user whom the image does not know
        environ["PATH"] = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
        spec: dict[str, Any] = {
            "root": str(place / "root"),
            "layers": str(place / "layers"),
            "image": image,
            "folder": str(ROOT),
            "command": command or container.command,
            "environ": environ,
            "mounts": [*(self._prepared(mount, container, place) for mount in container.mounts), self._own_hosts()],
            "read_only_root": container.read_only_root,
            "user": str(container.user),
            "group": str(container.group),
            "groups": str(container.fs_group),
            "no_capabilities": container.dropped == ["ALL"],
            "no_new_privileges": not container.escalation,
            "cgroup": _cgroup(f"aegis-pod-{os.getpid()}-{id(self):x}-{number}", container.memory),
        }
        running = Running(spec, place, self.network, container)
        self._started.append(running)
        return running

    def run(self, container: Container, command: list[str] | None = None, /, *, limit: float = 100.0) -> "Running":
        """Run a container to its end."""
        running = self.start(container, command)
        running.wait(limit)
        return running

    def _own_hosts(self) -> dict[str, object]:
        return {"path": "/etc/hosts", "source": str(self._hosts), "read_only": True}

    def _prepared(self, mount: Mount, container: Container, place: Path) -> dict[str, object]:
        source = self.volumes / mount.name if mount.kind == "claim" else place / "mounts" / mount.name
        match mount.kind:
            case "claim":
                source.mkdir(parents=True, exist_ok=True)  # root's, 0755: a fresh file system
                give_to_group(source, container.fs_group, container.change_policy)
            case "emptyDir":
                source.mkdir(parents=True)
                source.chmod(0o777)
            case "secret" | "configMap":
                values = (self._secrets if mount.kind == "secret" else self._maps)[mount.name]
                _project(source, values, mount.mode, container.fs_group)
        return {"path": mount.path, "source": str(source), "read_only": mount.read_only}


def give_to_group(folder: Path, group: int, policy: str) -> None:
    """What the kubelet does with ``fsGroup`` whenever it mounts a volume (pkg/volume/volume_linux.go)."""
    status = folder.stat()
    fits = status.st_gid == group and status.st_mode & 0o2770 == 0o2770
    if policy == "OnRootMismatch" and fits:
        return
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        os.chown(path, -1, group)
        path.chmod(path.stat().st_mode & 0o7777 | (0o2770 if path.is_dir() else 0o660))


def _project(folder: Path, values: dict[str, str], mode: int, group: int) -> None:
    """As the kubelet writes a Secret: files in a dated folder, and links to them, so that all change at once."""
    dated = folder / "..2026_11_24_03_15_00.0"
    dated.mkdir(parents=True)
    for name, value in values.items():
        (dated / name).write_text(value)
        os.chown(dated / name, 0, group)
        (dated / name).chmod(mode)
        (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data").symlink_to(dated.name)
    for path in (folder, dated):
        path.chmod(0o755)


def _cgroup(name: str, memory: int) -> str:
    """A control group with the manifest's limit of memory; empty where this machine lets nobody make one."""
    for base, limit in ((_CGROUPS / "memory", "memory.limit_in_bytes"), (_CGROUPS, "memory.max")):
        folder = base / name
        try:
            folder.mkdir()
            (folder / limit).write_text(str(memory))
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        return str(folder)
    return ""


def _oom_kills(group: Path) -> int:
    """Processes that a control group lost to its limit of memory."""
    for name in ("memory.oom_control", "memory.events"):
        if (group / name).exists():
            counts = dict(line.split() for line in (group / name).read_text().splitlines())
            return int(counts["oom_kill"])
    return 0


def _peak(group: Path) -> int:
    """Octets that a control group held at most."""
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).exists():
            return int((group / name).read_text())
    return 0


class Running:
    """One container: its first process, what it printed, and its layer."""

    def __init__(self, spec: dict[str, Any], place: Path, network: Network, container: Container) -> None:
        self.container = container
        self.place = place
        self.layer = place / "layers" / "upper"
        self.cgroup = spec["cgroup"]
        self.peak = 0
        self._log = place / "log"
        self._network = network
        # Whatever ends the tests ends the pod.
        command = [
            "setpriv", "--pdeathsig", "KILL", "--",
            "nsenter", f"--net={network.path}", "--",
            "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private", "--",
            sys.base_prefix + "/bin/python3", "-I", str(ROOT / "tests" / "pods" / "enter.py"), json.dumps(spec),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._first = 0

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def oom_kills(self) -> int:
        return _oom_kills(Path(self.cgroup))

    @property
    def code(self) -> int | None:
        """Its exit code; 1 where a signal ended it, as `unshare` says it."""
        return self._process.poll()

    def first(self) -> int:
        """The first process's id, as this machine counts."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        until(lambda: children.read_text().split(), "the first process", 20)
        self._first = int(children.read_text().split()[0])
        return self._first

    def status(self) -> dict[str, str]:
        """Of the first process, once it is the program."""
        lines = Path(f"/proc/{self.first()}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.first(), number)

    def wait(self, limit: float) -> int:
        return self._process.wait(limit)

    def end(self) -> None:
        if self.code is None:
            self._process.kill()  # and with it its child, and with that, the first process, its namespace's others
            self._process.wait(20)
        if self.cgroup:
            until(lambda: not Path(self.cgroup, "cgroup.procs").read_text(), "an empty group", 20)
            Path(self.cgroup).rmdir()
            self.cgroup = ""

    def terminate(self) -> int:
        """As the kubelet ends a container, once `preStop` is over: SIGTERM, and SIGKILL when the grace period is."""
        if self.cgroup:
            self.peak = _peak(Path(self.cgroup))
        self.signal(signal.SIGTERM)
        return self.wait(self.container.grace - self.container.pre_stop)

    # What the kubelet and clients do

    def ask(
        self, path: str, body: bytes | None = None, /, *, limit: float = 20.0
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """One request on a connection of its own: status, content, headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.container.port, timeout=limit)
        connection.sock = self._network.connect(self.container.port, limit=limit)
        with contextlib.closing(connection):
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            return (
                answer.status,
                json.loads(answer.read()),
                {name.lower(): value for name, value in answer.getheaders()},
            )

    def connect(self) -> socket.socket:
        return self._network.connect(self.container.port)

    def probe(self, which: str, /) -> bool:
        """What the kubelet makes of one probe."""
        probe = self.container.probes[which]
        try:
            status, _, _ = self.ask(probe["httpGet"]["path"], limit=probe["timeoutSeconds"])
        except (OSError, http.client.HTTPException):
            return False
        return 200 <= status < 400

    def started(self) -> "Running":
        """Wait as the startup probe does."""
        probe = self.container.probes["startup"]
        until(
            lambda: self.probe("startup") or self.code is not None,
            "the start",
            probe["periodSeconds"] * probe["failureThreshold"],
        )
        assert self.code is None, self.log
        return self


def until(holds: Any, what: str, limit: float) -> None:
    """Look again and again, for as long as something that we started may take."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"waited {limit} s for {what}"
        time.sleep(0.02)
