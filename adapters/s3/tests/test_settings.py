"""URLs, names and codes: no server needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.registry import Registry
from aegis_core.kernel.url import ServiceUrl
from aegis_core.storage.model import Key
from aegis_core.testing.kits.storage_harness import AWKWARD_KEYS
from aegis_s3 import AwsKms, S3Storage
from aegis_s3.names import LONGEST_NAME, Names
from aegis_s3.reach import Reach, find
from aegis_s3.refusals import Refusal, refused
from aegis_s3.storage import from_url

SECRET = "hunter2-hunter2"


def made(text, **deps):
    return from_url(ServiceUrl.parse(text), AdapterDeps(**deps))


def test_the_schemes_are_found_by_name():
    deps = AdapterDeps()
    assert isinstance(Registry().from_url("storage", ServiceUrl.parse("s3://records"), deps), S3Storage)
    assert isinstance(Registry().from_url("keys", ServiceUrl.parse("awskms://alias/a"), deps), AwsKms)


def test_every_problem_comes_at_once_and_without_a_value():
    text = (
        f"s3://me:{SECRET}@No_Bucket/a%20b?rejion=x&endpoint=http://s3.example&names=tree&checksum=crc&conditional=some"
        "&part_mib=1&parallel=x&sweep_hours=soon&path_style=maybe&ca=/nowhere"
    )
    with pytest.raises(SettingsError) as caught:
        made(text, environment="production")
    assert len(caught.value.problems) == 13
    assert SECRET not in str(caught.value)
    assert "did you mean region?" in str(caught.value)


def test_plain_http_is_refused_in_production_wherever_it_is_written(monkeypatch):
    for text in ("s3://records?endpoint=http://s3.example",):
        with pytest.raises(SettingsError, match="TLS"):
            made(text, environment="production")
        assert made(text, environment="development").name == "s3"
    assert made("s3://records?endpoint=https://s3.example", environment="production").name == "s3"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.example")
    with pytest.raises(SettingsError, match="TLS"):
        made("s3://records", environment="production")


@pytest.mark.anyio
async def test_plain_http_of_a_shared_file_is_refused_in_production(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://s3.example\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    store = made("s3://records", environment="production")
    with pytest.raises(SettingsError, match="TLS"):
        await store.open()


def test_nothing_secret_stands_in_a_repr(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    found = find("s3", Reach(region="eu-west-1"), adapter="s3", bucket="records")
    assert found.base == "https://records.s3.eu-west-1.amazonaws.com"
    assert found.region == "eu-west-1"
    for shown in (repr(found), repr(made("s3://records/a")), repr(Reach())):
        assert SECRET not in shown
        assert "someone" not in shown


def test_a_profile_that_is_missing_is_an_invalid_argument():
    with pytest.raises(AegisError) as caught:
        find("s3", Reach(profile="nobody"), adapter="s3", bucket="records")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert "nobody" not in str(caught.value)


_SEGMENT = (
    st.lists(st.sampled_from((*"-.09AZ_az~", "%2F", "%E0", "k" * 120)), min_size=1, max_size=6)
    .map("".join)
    .filter(lambda text: text not in {".", ".."})
)
_KEYS = st.lists(_SEGMENT, min_size=1, max_size=4).map("/".join)


@given(_KEYS, _KEYS, st.sampled_from(["", "p/"]), st.sampled_from(["plain", "flat"]))
def test_names_lead_back_to_keys_and_sort_as_keys(one, two, prefix, spelling):
    names = Names(prefix, spelling)
    if max(len(one), len(two)) > names.longest:
        return
    first, second = names.name(Key(one)), names.name(Key(two))
    assert names.key(first) == one
    assert (first < second) == (one < two)
    assert max(len(first), len(second)) <= LONGEST_NAME
    for size in range(len(one)):
        assert first.startswith(names.beginning(one[:size]))
    if spelling == "flat":
        # Where names are folders and files, a folder is visited right after what sorts before its name: no file of
        # that folder may sort between the folder and what is in it.
        assert (first.split("/") < second.split("/")) == (one < two)
        assert all(1 <= len(part) <= 255 for part in first.split("/"))


def test_the_longest_key_fits_and_one_more_byte_does_not():
    for prefix in ("", "p/", "x" * 254 + "/"):
        for spelling in ("plain", "flat"):
            names = Names(prefix, spelling)
            assert len(names.name(Key("k" * names.longest))) <= LONGEST_NAME
            with pytest.raises(AegisError) as caught:
                names.name(Key("k" * (names.longest + 1)))
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    flat = Names("", "flat")
    assert len(flat.beginning("k" * (flat.longest + 1))) > LONGEST_NAME
    assert [flat.key(flat.name(key)) for key in AWKWARD_KEYS if len(key) <= flat.longest]


def test_names_of_others_are_no_keys():
    for name in ("p/", "p/a b", "p/a/../b", "q/a", "a", "p/" + "a" * 254 + "/b"):
        assert Names("p/", "flat").key(name) is None


@pytest.mark.parametrize(
    ("refusal", "code", "retryable", "retry_after"),
    [
        (Refusal(404, "NoSuchKey"), ErrorCode.NOT_FOUND, False, None),
        (Refusal(404, "NoSuchBucket"), ErrorCode.PRECONDITION_FAILED, False, None),
        (Refusal(403), ErrorCode.PERMISSION_DENIED, False, None),
        (Refusal(403, "InvalidAccessKeyId"), ErrorCode.PERMISSION_DENIED, False, None),
        (Refusal(403, "SignatureDoesNotMatch"), ErrorCode.PERMISSION_DENIED, False, None),
        (Refusal(403, "RequestTimeTooSkewed"), ErrorCode.PERMISSION_DENIED, False, None),
        (Refusal(503, "SlowDown"), ErrorCode.UNAVAILABLE, True, 1.0),
        (Refusal(503, "SlowDown", retry_after=4.0), ErrorCode.UNAVAILABLE, True, 4.0),
        (Refusal(500, "Whatever"), ErrorCode.UNAVAILABLE, True, None),
        (Refusal(400, "BadDigest"), ErrorCode.INTEGRITY, True, None),
        (Refusal(409, "ConditionalRequestConflict"), ErrorCode.CONFLICT, True, None),
        (Refusal(404, "NoSuchUpload"), ErrorCode.CONFLICT, True, None),
        (Refusal(412, "PreconditionFailed"), ErrorCode.PRECONDITION_FAILED, False, None),
        (Refusal(507), ErrorCode.RESOURCE_EXHAUSTED, False, None),
        (Refusal(400, "Whatever"), ErrorCode.INVALID_ARGUMENT, False, None),
    ],
)
def test_refusals_have_codes(refusal, code, retryable, retry_after):
    error = refused(refusal, adapter="s3")
    assert (error.code, error.retryable, error.retry_after) == (code, retryable, retry_after)
    assert "clock" in error.message or refusal.name != "RequestTimeTooSkewed"
