"""The manifests are valid, and their numbers and names agree with each other and with the service."""

import attrs
import kubernetes_validate
import pytest

from aegis_core.kernel.registry import Registry
from aegis_core.kernel.settings import Settings
from examples.service.app import ASKED_FOR
from examples.service.times import Times
from tests.pods.manifest import container, documents, pod_template

#: The oldest that may run this (`preStop.sleep` is on by default since 1.30) and the newest whose schema is known.
VERSIONS = ("1.30", "1.32", kubernetes_validate.latest_version())
NAMES = ("volume", "servers")
SERVICES = [("volume", "StatefulSet"), ("servers", "Deployment")]
CONTAINERS = [*SERVICES, ("volume", "CronJob"), ("servers", "CronJob")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_object_has_the_schema_of_its_kind(name, version):
    for document in documents(name):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_field_would_be_found(name):
    (service,) = [document for document in documents(name) if document["kind"] in {"StatefulSet", "Deployment"}]
    service["spec"]["template"]["spec"]["terminationGracePeriodSecond"] = 45
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, VERSIONS[-1], strict=True)


@pytest.mark.parametrize(("name", "kind"), CONTAINERS)
def test_a_pod_may_do_no_more_than_it_must(name, kind):
    (owner,) = [document for document in documents(name) if document["kind"] == kind]
    spec = pod_template(owner)["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    ours = container(name, kind)
    assert ours.user >= 10000
    assert ours.read_only_root
    assert not ours.escalation
    assert ours.dropped == ["ALL"]
    assert ours.change_policy == "OnRootMismatch"
    writable = {mount.path for mount in ours.mounts if not mount.read_only and mount.kind in {"claim", "emptyDir"}}
    assert writable == {"/tmp", *(["/var/lib/records", "/var/lib/records-keys"] if name == "volume" else [])}
    assert "limits" in spec["containers"][0]["resources"]
    assert "cpu" not in spec["containers"][0]["resources"]["limits"]


@pytest.mark.parametrize(("name", "kind"), SERVICES)
def test_everything_that_happens_after_sigterm_fits_into_the_grace_period(name, kind):
    ours = container(name, kind)
    times = Times.read(ours.environ)
    assert all(f"SERVICE_{field.upper()}_SECONDS" in ours.environ for field in ("leave", "request", "close"))
    assert ours.pre_stop > 0
    # One second more for a request is uvicorn's, see examples/service; three are for the process itself.
    assert ours.pre_stop + times.leave + (times.request + 1) + times.close + 3 <= ours.grace


@pytest.mark.parametrize(("name", "kind"), SERVICES)
def test_each_probe_asks_its_own_page_and_waits_longer_than_the_answer_takes(name, kind):
    probes = container(name, kind).probes
    paths = {which: probe["httpGet"]["path"] for which, probe in probes.items()}
    assert paths == {"startup": "/startupz", "readiness": "/readyz", "liveness": "/livez"}
    assert probes["readiness"]["timeoutSeconds"] > ASKED_FOR


@pytest.mark.parametrize(("name", "kind"), CONTAINERS)
def test_the_settings_are_those_of_production_and_complete(name, kind):
    ours = container(name, kind)
    assert ours.environ["AEGIS_ENV"] == "production"
    aegis = {variable: text for variable, text in ours.environ.items() if variable.startswith("AEGIS_")}
    settings = Settings.read(aegis, only=["log", "keys", "audit", "storage"], registry=Registry())
    places = [mount.path for mount in ours.mounts]
    for located in settings.ports.values():
        if located.url.scheme in {"file", "sqlite"}:
            assert any(located.url.path.startswith(f"{place}/") for place in places), located.variable


@pytest.mark.parametrize("name", NAMES)
def test_the_job_has_the_settings_and_the_secrets_of_the_service(name):
    (kind,) = [kind for each, kind in SERVICES if each == name]
    service, job = container(name, kind), container(name, "CronJob")
    own = {variable for variable in service.environ if variable.startswith("SERVICE_")}
    assert {key: value for key, value in service.environ.items() if key not in own} == job.environ
    assert service.secrets == job.secrets
    assert service.mounts == job.mounts
    assert (service.user, service.group, service.fs_group) == (job.user, job.group, job.fs_group)


@pytest.mark.parametrize("name", NAMES)
def test_selectors_find_the_pods_and_policies_let_through_what_the_settings_name(name):
    objects = {document["kind"]: document for document in documents(name)}
    labels = {
        kind: pod_template(document)["metadata"]["labels"]
        for kind, document in objects.items()
        if pod_template(document)
    }
    service = labels[next(kind for kind in labels if kind != "CronJob")]
    assert objects["Service"]["spec"]["selector"] == service
    if name == "servers":
        assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == service
    (chosen,) = objects["NetworkPolicy"]["spec"]["podSelector"]["matchExpressions"]
    assert sorted(chosen["values"]) == sorted(each["app.kubernetes.io/name"] for each in labels.values())
    rules = objects["NetworkPolicy"]["spec"]["egress"]
    let_through = {port["port"] for rule in rules for port in rule["ports"]} - {53}
    assert let_through == ports_of(container(name, "CronJob").environ)


def ports_of(environ):
    settings = Settings.read(
        {key: text for key, text in environ.items() if key.startswith("AEGIS_")}, only=["keys", "audit", "storage"]
    )
    urls = [located.url for located in settings.ports.values()]
    from aegis_core.kernel.url import ServiceUrl

    further = [
        ServiceUrl.parse(url.options[name]) for url in urls for name in ("endpoint", "addr") if name in url.options
    ]
    return {url.port for url in [*urls, *further] if url.port is not None}


def test_times_that_are_no_times_are_told_at_once():
    from aegis_core.kernel.problems import SettingsError

    with pytest.raises(SettingsError) as caught:
        Times.read({"SERVICE_LEAVE_SECONDS": "soon", "SERVICE_CLOSE_SECONDS": "-1", "SERVICE_REQUEST_SECONDS": "nan"})
    assert [problem.setting for problem in caught.value.problems] == [
        "SERVICE_LEAVE_SECONDS",
        "SERVICE_REQUEST_SECONDS",
        "SERVICE_CLOSE_SECONDS",
    ]
    assert attrs.asdict(Times.read({})) == {"leave": 2.0, "request": 10.0, "close": 10.0, "retry": 1.0}
