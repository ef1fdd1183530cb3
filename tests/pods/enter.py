"""The inside of a pod, run as its first process: makes the root file system, gives up every right, becomes the program.

Started by `pod.py` in fresh mount, process, IPC and host-name namespaces and in the pod's own network. The standard
library alone; what to do comes as JSON in the only argument.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path


def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def image(root: Path, layers: Path, paths: list[str]) -> None:
    """A container's layers over this machine's disk, and what of the image lies on other disks."""
    upper, work = layers / "upper", layers / "work"
    for folder in (root, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
    for path in paths:
        inside = root / path.lstrip("/")
        if os.stat(path).st_dev != os.stat("/").st_dev:
            inside.mkdir(parents=True, exist_ok=True)
            mount("--bind", path, inside)
            mount("-o", "remount,ro,bind", inside)
        for folder in (inside, *inside.parents):  # an image's files can be read by the image's user
            if folder == root.parent:
                break
            folder.chmod(folder.stat().st_mode | 0o055)


def devices(root: Path) -> None:
    dev = root / "dev"
    mount("-t", "tmpfs", "-o", "nosuid,mode=755,size=64k", "tmpfs", dev)
    for name in ("null", "zero", "full", "random", "urandom"):
        (dev / name).touch()
        mount("--bind", f"/dev/{name}", dev / name)
    (dev / "shm").mkdir(mode=0o1777)
    mount("-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=1777,size=64m", "tmpfs", dev / "shm")
    mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", root / "proc")


def volumes(root: Path, mounts: list[dict[str, object]]) -> None:
    for each in mounts:
        place = root / str(each["path"]).lstrip("/")
        if Path(str(each["source"])).is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.touch()
        if each.get("type"):
            mount("-t", each["type"], "-o", each["options"], each["type"], place)
        else:
            mount("--bind", each["source"], place)
        if each["read_only"]:
            mount("-o", "remount,ro,bind", place)


def uncovered(root: Path, paths: list[str]) -> None:
    """What of the image a volume hides is laid on it again: a checkout may lie below ``/tmp``, which is a volume."""
    for path in paths:
        inside = root / path.lstrip("/")
        if not inside.exists():
            inside.mkdir(parents=True)
            mount("--bind", path, inside)
            mount("-o", "remount,ro,bind", inside)


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec["cgroup"]:
        Path(spec["cgroup"], "cgroup.procs").write_text("0")
    root = Path(spec["root"])
    image(root, Path(spec["layers"]), spec["image"])
    devices(root)
    volumes(root, spec["mounts"])
    uncovered(root, spec["image"])
    if spec["read_only_root"]:
        mount("-o", "remount,ro", root)
    os.chroot(root)
    os.chdir(spec["folder"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rights = ["--reuid", spec["user"], "--regid", spec["group"], "--groups", spec["groups"]]
    rights += ["--inh-caps=-all", *(["--bounding-set=-all"] if spec["no_capabilities"] else [])]
    rights += ["--pdeathsig", "KILL"]  # of its own, because becoming another user clears that of `unshare`
    rights += ["--no-new-privs"] if spec["no_new_privileges"] else []
    os.umask(0o022)
    os.execve("/usr/bin/setpriv", ["setpriv", *rights, "--", *spec["command"]], spec["environ"])


if __name__ == "__main__":
    main()
