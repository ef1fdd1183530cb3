"""What a manifest says about one container, read from the manifest itself, so that page and test can't drift."""

import re
from pathlib import Path
from typing import Any

import attrs
import yaml

FOLDER = Path(__file__).parents[2] / "examples" / "kubernetes"
_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(|Ki|Mi|Gi)", text).groups()
    return int(number) * _UNITS[unit]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text()))


def pod_template(document: dict[str, Any]) -> dict[str, Any] | None:
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template")


@attrs.frozen
class Mount:
    """One folder of the container that is not the image's. kind: claim, emptyDir, secret or configMap."""

    path: str
    kind: str
    name: str  # the claim's, the Secret's or the ConfigMap's
    read_only: bool
    mode: int = 0o644
    size: int | None = None


@attrs.frozen
class Container:
    """What the kubelet is told."""

    command: list[str]
    environ: dict[str, str]
    secrets: dict[str, tuple[str, str]]  # variable → (Secret, key)
    mounts: list[Mount]
    user: int
    group: int
    fs_group: int
    change_policy: str
    read_only_root: bool
    escalation: bool
    dropped: list[str]
    memory: int
    grace: int
    pre_stop: int
    probes: dict[str, dict[str, Any]]
    port: int | None

    def without(self, *paths: str) -> "Container":
        return attrs.evolve(self, mounts=[mount for mount in self.mounts if mount.path not in paths])

    def saying(self, **variables: str) -> "Container":
        return attrs.evolve(self, environ=self.environ | variables)


def container(name: str, kind: str) -> Container:
    """The one container of the one object of a kind."""
    objects = documents(name)
    (owner,) = [document for document in objects if document["kind"] == kind]
    spec = pod_template(owner)["spec"]
    (own,) = spec["containers"]
    maps = {document["metadata"]["name"]: document["data"] for document in objects if document["kind"] == "ConfigMap"}
    environ: dict[str, str] = {}
    for source in own.get("envFrom", ()):
        environ |= maps[source["configMapRef"]["name"]]
    secrets = {}
    for variable in own.get("env", ()):
        if "value" in variable:
            environ[variable["name"]] = variable["value"]
        else:
            reference = variable["valueFrom"]["secretKeyRef"]
            secrets[variable["name"]] = (reference["name"], reference["key"])
    pod, security = spec["securityContext"], own["securityContext"]
    return Container(
        command=own["command"],
        environ=environ,
        secrets=secrets,
        mounts=[_mount(mount, spec, owner) for mount in own["volumeMounts"]],
        user=pod["runAsUser"],
        group=pod["runAsGroup"],
        fs_group=pod["fsGroup"],
        change_policy=pod["fsGroupChangePolicy"],
        read_only_root=security["readOnlyRootFilesystem"],
        escalation=security["allowPrivilegeEscalation"],
        dropped=security["capabilities"]["drop"],
        memory=size(own["resources"]["limits"]["memory"]),
        grace=spec.get("terminationGracePeriodSeconds", 30),
        pre_stop=own.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0),
        probes={name: own[f"{name}Probe"] for name in ("startup", "readiness", "liveness") if f"{name}Probe" in own},
        port=own["ports"][0]["containerPort"] if "ports" in own else None,
    )


def _mount(mount: dict[str, Any], spec: dict[str, Any], owner: dict[str, Any]) -> Mount:
    name, path, read_only = mount["name"], mount["mountPath"], mount.get("readOnly", False)
    for claim in owner["spec"].get("volumeClaimTemplates", ()):
        if claim["metadata"]["name"] == name:
            return Mount(path, "claim", f"{name}-{owner['metadata']['name']}-0", read_only)
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == name]
    if "persistentVolumeClaim" in volume:
        return Mount(path, "claim", volume["persistentVolumeClaim"]["claimName"], read_only)
    if "secret" in volume:
        secret = volume["secret"]
        return Mount(path, "secret", secret["secretName"], read_only, secret.get("defaultMode", 0o644))
    if "configMap" in volume:
        return Mount(path, "configMap", volume["configMap"]["name"], read_only)
    return Mount(path, "emptyDir", name, read_only, size=size(volume["emptyDir"]["sizeLimit"]))
