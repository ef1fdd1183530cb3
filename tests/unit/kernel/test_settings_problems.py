"""Everything that is wrong is told at once, with what to do, and without a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.entropy import SeededEntropy, SystemEntropy
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import Registry, check_options, local_path, resolve
from aegis_core.kernel.settings import KNOWN, Settings, secrets_from
from aegis_core.kernel.url import ServiceUrl

DEVELOPMENT = {"AEGIS_ENV": "development"}
PRODUCTION = {
    "AEGIS_ENV": "production",
    "AEGIS_ORIGIN": "clinic.example/audit",
    "AEGIS_STORAGE": "s3://records?region=x",
    "AEGIS_AUDIT": "postgresql://audit:hunter2@db/aegis",
    "AEGIS_KEYS": "vault://transit/phi",
    "AEGIS_SUBJECT_KEYS": "postgresql://audit:hunter2@db/aegis",
    "AEGIS_EMAIL": "smtp+starttls://mail:587",
}


class Point:
    def __init__(self, name, make):
        self.name = name
        self._make = make
        self.loads = 0

    def load(self):
        self.loads += 1
        if isinstance(self._make, Exception):
            raise self._make
        return self._make


def registry(**groups):
    asked = []

    def discover(group):
        asked.append(group)
        return groups.get(group.removeprefix("aegis."), ())

    found = Registry(discover)
    found.asked = asked
    return found


def problems(environ, **options):
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ, **options)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    return {problem.setting: problem for problem in caught.value.problems}


def test_in_development_the_defaults_of_the_table_hold():
    settings = Settings.read(DEVELOPMENT)
    assert {kind: str(located.url) for kind, located in settings.ports.items()} == {
        "storage": "file:.aegis/storage",
        "audit": "file:.aegis/audit",
        "state": "file:.aegis/audit",
        "subject_keys": "sqlite:.aegis/subject-keys.db",
        "keys": "file:.aegis/keys",
        "email": "eml:.aegis/mail",
        "log": "console:",
    }
    assert (settings.log_level, settings.on_leak, settings.origin) == ("info", "refuse", "aegis.local/audit")
    assert settings.sources["AEGIS_ENV"] == "environment"
    assert settings.sources["AEGIS_STORAGE"] == "default"
    assert settings.ports["state"].source == "default: that of AEGIS_AUDIT"


def test_a_missing_environment_is_one_problem_of_its_own():
    assert set(problems({})) == {"AEGIS_ENV"}
    assert "no default" in problems({})["AEGIS_ENV"].hint


@pytest.mark.parametrize("environment", ["development", "production"])
def test_beside_a_trail_that_was_handed_over_the_state_is_no_other_trails(environment):
    environ = {"AEGIS_ENV": environment, "AEGIS_ORIGIN": "clinic.example/audit"}
    given = ("audit", "keys", "subject_keys")
    (problem,) = Settings.examine(environ, only=["audit"], given=given)[1]
    assert (problem.setting, problem.expected) == ("AEGIS_STATE", "is missing")
    assert "hand over state=" in problem.hint
    assert not Settings.examine(environ, only=["audit"], given=(*given, "state"))[1]
    assert not Settings.examine({**environ, "AEGIS_STATE": "file:///s"}, only=["audit"], given=given)[1]


def test_state_lies_beside_the_trail_unless_named():
    settings = Settings.read(DEVELOPMENT | {"AEGIS_AUDIT": "sqlite:a.db"})
    assert settings.ports["state"].url == ServiceUrl.parse("sqlite:a.db")
    settings = Settings.read(DEVELOPMENT | {"AEGIS_AUDIT": "sqlite:a.db", "AEGIS_STATE": "file:s"})
    assert settings.ports["state"].url == ServiceUrl.parse("file:s")


def test_production_needs_what_its_parts_need_and_nothing_else():
    found = problems({"AEGIS_ENV": "production"})
    assert set(found) == {
        "AEGIS_STORAGE", "AEGIS_AUDIT", "AEGIS_STATE", "AEGIS_KEYS", "AEGIS_SUBJECT_KEYS", "AEGIS_EMAIL",
        "AEGIS_ORIGIN",
    }  # fmt: skip
    assert set(problems({"AEGIS_ENV": "production"}, only=["storage"])) == {
        "AEGIS_STORAGE", "AEGIS_STATE", "AEGIS_KEYS",
    }  # fmt: skip
    assert Settings.read({"AEGIS_ENV": "production"}, only=["log"]).ports["log"].url.scheme == "console"
    settings = Settings.read(PRODUCTION)
    assert settings.ports["state"].url.scheme == "postgresql"


def test_a_port_given_as_an_instance_needs_no_variable():
    without = {name: value for name, value in PRODUCTION.items() if name not in {"AEGIS_STORAGE", "AEGIS_KEYS"}}
    assert set(problems(without)) == {"AEGIS_STORAGE", "AEGIS_KEYS"}
    settings = Settings.read(without, given=["storage", "keys"])
    assert "storage" not in settings.ports


def test_production_refuses_memory_bare_keys_and_insecure_chance():
    environ = PRODUCTION | {
        "AEGIS_STORAGE": "memory:",
        "AEGIS_KEYS": "file:keys",
        "AEGIS_STORAGE__IMAGES": "memory:",
        "AEGIS_STORAGE__TENANT_EU": "memory:",
    }
    found = problems(environ, entropy=SeededEntropy(1))
    assert set(found) == {
        "AEGIS_STORAGE", "AEGIS_KEYS", "AEGIS_STORAGE__IMAGES", "AEGIS_STORAGE__TENANT_EU", "entropy",
    }  # fmt: skip
    Settings.read(PRODUCTION | {"AEGIS_KEYS": "file:keys?passphrase=vault"}, entropy=SystemEntropy())
    Settings.read(DEVELOPMENT | {"AEGIS_STORAGE": "memory:"}, entropy=SeededEntropy(1))


def test_all_problems_come_at_once_each_with_its_source_and_hint():
    found = problems(
        DEVELOPMENT
        | {
            "AEGIS_STORGE": "file:x",
            "AEGIS_LOG_LEVEL": "warn",
            "AEGIS_ON_LEAK": "ignore",
            "AEGIS_AUDIT": "no url",
            "AEGIS_KEYS": "file://host/keys",
            "AEGIS_EMAIL": "",
        }
    )
    assert set(found) == {
        "AEGIS_STORGE", "AEGIS_LOG_LEVEL", "AEGIS_ON_LEAK", "AEGIS_AUDIT", "AEGIS_KEYS", "AEGIS_EMAIL",
    }  # fmt: skip
    assert found["AEGIS_STORGE"].hint == "did you mean AEGIS_STORAGE?"
    assert found["AEGIS_LOG_LEVEL"].hint == "did you mean warning?"
    assert found["AEGIS_LOG_LEVEL"].source == "environment"
    assert "debug, info, warning, error" in found["AEGIS_LOG_LEVEL"].expected
    assert "file:///folder" in found["AEGIS_KEYS"].hint


@given(
    st.dictionaries(
        st.sampled_from([*KNOWN, "AEGIS_STORAGE__X", "AEGIS_STORAGE__TENANT_Y", "AEGIS_STORAGE__", "AEGIS_NONE"]),
        st.sampled_from(["Xq7secretXq7", "s3://u:Xq7secretXq7@h/b", "Xq7secretXq7://x", "file://Xq7secretXq7/x",
                         "a:b#Xq7", "x://h:Xq7secretXq7", "s3://h/%00Xq7secretXq7", "development", "production",
                         "memory:"]),
    )
)  # fmt: skip
def test_no_error_repeats_a_value(environ):
    try:
        Settings.read(environ, registry=registry(storage=[Point("file", None)], audit=[Point("file", None)]))
    except SettingsError as error:
        text = f"{error} {error!r} {error.problems!r}"
    else:
        text = ""
    assert "xq7" not in text.lower()


def test_with_a_registry_unknown_schemes_are_told_with_what_is_installed():
    installed = registry(
        storage=[Point("s3", None), Point("file", None), Point("memory", None)],
        audit=[Point("file", None), Point("kafka", None)],
        state=[Point("file", None), Point("sqlite", None)],
        keys=[Point("file", None)],
        notification=[Point("eml", None)],
        log=[Point("console", None)],
    )
    found = problems(DEVELOPMENT | {"AEGIS_STORAGE": "s4://records", "AEGIS_AUDIT": "kafka://x"}, registry=installed)
    assert str(found["AEGIS_STORAGE"]) == (
        'AEGIS_STORAGE: no adapter for the scheme "s4" (did you mean s3? installed: file, memory, s3)'
        " [from the environment]"
    )
    assert "no state can lie" in found["AEGIS_STATE"].expected
    assert len(found) == 2


def test_a_scheme_of_ours_that_is_not_installed_is_told_with_its_distribution():
    installed = registry(
        storage=[Point("file", None)], audit=[Point("file", None)], state=[Point("file", None)],
        keys=[Point("file", None)], notification=[Point("eml", None)], log=[Point("console", None)],
    )  # fmt: skip
    found = problems(DEVELOPMENT | {"AEGIS_AUDIT": "postgresql://a@b/c", "AEGIS_STATE": "file:x"}, registry=installed)
    assert str(found["AEGIS_AUDIT"]) == (
        'AEGIS_AUDIT: no adapter for the scheme "postgresql" (pip install aegis-health-postgres; installed: file)'
        " [from the environment]"
    )


def test_named_stores_and_tenants():
    settings = Settings.read(
        DEVELOPMENT | {"AEGIS_STORAGE__IMAGES": "file:images", "AEGIS_STORAGE__TENANT_EU_NORTH": "file:eu"}
    )
    assert settings.named["images"].url.path == "images"
    assert settings.storage_of("eu-north").url.path == "eu"
    assert settings.storage_of("other").url.path == ".aegis/storage"
    found = problems(
        DEVELOPMENT
        | dict.fromkeys(["AEGIS_STORAGE__", "AEGIS_STORAGE__TENANT_", "AEGIS_STORAGE__a", "AEGIS_STORAGE__Ä"], "file:x")
    )
    assert len(found) == 4


# ------------------------------------------------------------------------------------------------------ registry


def test_entry_points_are_asked_for_on_demand_once_and_no_adapter_is_imported_to_list_them():
    point = Point("file", lambda url, deps: (url, deps))
    installed = registry(storage=[point])
    assert installed.asked == []
    assert installed.schemes("storage") == ["file"]
    assert installed.schemes("storage") == ["file"]
    assert installed.asked == ["aegis.storage"]
    assert point.loads == 0
    url, deps = ServiceUrl.parse("file:x"), AdapterDeps()
    assert installed.from_url("storage", url, deps) == (url, deps)
    assert point.loads == 1


def test_an_explicit_instance_wins():
    installed = registry(storage=[Point("file", lambda *_a: "made")])
    url, deps, mine = ServiceUrl.parse("file:x"), AdapterDeps(), object()
    assert resolve("storage", installed, url, deps, instance=mine) is mine
    assert resolve("storage", installed, url, deps) == "made"
    assert resolve("storage", installed, None, deps) is None


def test_an_adapter_that_cannot_be_imported_says_what_to_install():
    installed = registry(storage=[Point("s3", ModuleNotFoundError("No module named 'boto3'", name="boto3"))])
    with pytest.raises(SettingsError) as caught:
        installed.from_url("storage", ServiceUrl.parse("s3://b"), AdapterDeps(), setting="AEGIS_STORAGE")
    assert "boto3" in caught.value.problems[0].hint


def test_an_adapters_own_problems_bear_the_variables_name():
    def refuse(url, deps):
        raise SettingsError([Problem("s3", "has no region", hint="?region=")])

    installed = registry(storage=[Point("s3", refuse)])
    with pytest.raises(SettingsError) as caught:
        installed.from_url("storage", ServiceUrl.parse("s3://b"), AdapterDeps(), setting="AEGIS_STORAGE__EU")
    assert str(caught.value.problems[0]) == "AEGIS_STORAGE__EU: has no region (?region=)"


def test_paths_are_relative_or_absolute_and_a_host_is_an_error():
    assert str(local_path(ServiceUrl.parse("file:.aegis/x"))) == ".aegis/x"
    assert str(local_path(ServiceUrl.parse("file:///var/x"))) == "/var/x"
    assert str(local_path(ServiceUrl.parse("file:/var/a%20b"))) == "/var/a b"
    for text in ("file://host/x", "file:", "file://u@/x", "sqlite://host", "file:///"):
        with pytest.raises(SettingsError):
            local_path(ServiceUrl.parse(text))
    with pytest.raises(SettingsError) as caught:
        check_options(ServiceUrl.parse("file:x?syncc=1&b=2"), "sync")
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].hint == "did you mean sync?"


# ---------------------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    "text",
    ["", "x", "//h/p", "s3://h:port", "s3://h:70000", "s3://[x", "a:b?x=1&x=2", "a:b c", "a:b\n", "a:b#c", "a:b%0A", "ｓ3://h℀"],
)  # fmt: skip
def test_what_is_no_url_is_refused_without_repeating_it(text):
    with pytest.raises(ValueError, match=r".") as caught:
        ServiceUrl.parse(text)
    assert not text or text not in str(caught.value)


def test_a_url_shows_no_user_password_or_secret_option():
    url = ServiceUrl.parse("s3://Some:Hunter2%40@h:90/b/c?region=x&access_key=Hunter3&TOKEN=Hunter4")
    assert (url.user, url.password, url.host, url.port, url.path) == ("Some", "Hunter2@", "h", 90, "/b/c")
    for shown in (str(url), repr(url), f"{url}"):
        assert "unter" not in shown
        assert "Some" not in shown
        assert "region=x" in shown
    assert ServiceUrl.parse(str(ServiceUrl.parse("file:///var/a%20b%3F"))).path == "/var/a b?"


@given(
    scheme=st.from_regex(r"[a-z][a-z0-9+]{0,8}", fullmatch=True),
    path=st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=20),
)
def test_a_url_without_secrets_reads_back_from_its_text(scheme, path):
    url = ServiceUrl(scheme=scheme, path="/" + path.replace("//", "/").lstrip("/"))
    assert ServiceUrl.parse(str(url)) == url


# ------------------------------------------------------------------------------------------------------- secrets


def test_secrets_come_from_the_environment_or_a_mounted_file(tmp_path):
    (tmp_path / "audit_dsn").write_text("from the file\n")
    secret = secrets_from({"AEGIS_SECRET_VAULT": "from the environment"}, folder=tmp_path)
    assert secret("vault") == "from the environment"
    assert secret("audit_dsn") == "from the file"
    assert secret("none") is None
    assert secret("../" + tmp_path.name + "/audit_dsn") is None
    assert secrets_from({}, folder=None)("vault") is None
    Settings.read(DEVELOPMENT | {"AEGIS_SECRET_VAULT": "x"})
