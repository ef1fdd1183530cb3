"""What we send, checked by ourselves: test servers are lenient about signatures, checksums and conditions."""

import hashlib
import hmac
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from aegis_core.storage.model import Key, Match
from aegis_core.testing.kits.storage_harness import AWKWARD_KEYS, a_body, fitting, get, list_all, put
from aegis_s3.wire import Wire

KEY = Key("_/one")
MIB = 1 << 20


class Seen:
    """One request, as it left."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.body = method, target, body
        self.headers = {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def sent(monkeypatch):
    seen = []
    send = Wire.send

    def watch(self, method, target, /, *, headers, body=None, **rest):
        octets = b"" if body is None else bytes(body)
        seen.append(Seen(method, target, {"host": self.origin.partition("://")[2], **headers}, octets))
        return send(self, method, target, headers=headers, body=body, **rest)

    monkeypatch.setattr(Wire, "send", watch)
    return seen


def signature(request, *, key, secret):
    """Signature Version 4, written a second time from its description, for requests as they leave."""
    said = request.headers["authorization"]
    fields = dict(part.strip().split("=", 1) for part in said.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    named, day, region, service, end = fields["Credential"].split("/")
    assert (named, service, end) == (key, "s3", "aws4_request")
    parts = urlsplit(request.target)
    names = fields["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            request.method,
            parts.path,
            "&".join(sorted(parts.query.split("&"))),
            *[f"{name}:{' '.join(request.headers[name].split())}" for name in names],
            "",
            ";".join(names),
            request.headers["x-amz-content-sha256"],
        ]
    )
    stamp = request.headers["x-amz-date"]
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            stamp,
            f"{day}/{region}/s3/aws4_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    signing = b"AWS4" + secret.encode()
    for step in (day, region, "s3", "aws4_request"):
        signing = hmac.digest(signing, step.encode(), "sha256")
    assert stamp.startswith(day)
    return fields["Signature"], hmac.digest(signing, text.encode(), "sha256").hex(), names


@pytest.mark.anyio
@pytest.mark.instead_of("moto", "signature", "age")
@pytest.mark.parametrize("checksum", ["crc32", "sha256", "md5", "none"])
async def test_every_request_is_signed_with_all_that_matters_in_it(place, sent, checksum):
    facts = place.running.endpoint.facts
    async with place.opened(part_size=5 * MIB, checksum=checksum) as store:
        for key in fitting(place, AWKWARD_KEYS):
            await put(store, key, b"x")
            await get(store, key)
        await list_all(store, "_/", limit=7)
        await put(store, KEY, a_body(11 * MIB))
        info = await store.stat(KEY)
        await store.delete(KEY, only=Match(info.etag))
    assert len(sent) > 60
    for request in sent:
        signed_at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z")
        assert abs(datetime.now(UTC) - signed_at) < timedelta(minutes=5)
        given, expected, names = signature(request, key=facts["access_key"], secret=facts["secret_key"])
        assert hmac.compare_digest(given, expected)
        # Over a line that is not encrypted the body is signed too, and so is every condition and checksum.
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
        signed_too = {n for n in request.headers if n.startswith(("x-amz-", "if-", "content-md5"))}
        assert signed_too <= set(names)


_SUMS = {
    "crc32": ("x-amz-checksum-crc32", lambda body: zlib.crc32(body).to_bytes(4, "big")),
    "sha256": ("x-amz-checksum-sha256", lambda body: hashlib.sha256(body).digest()),
    "md5": ("content-md5", lambda body: hashlib.md5(body).digest()),
}


@pytest.mark.anyio
@pytest.mark.instead_of("moto", "checksum")
@pytest.mark.parametrize("checksum", [*_SUMS, "none"])
async def test_every_body_comes_with_its_checksum_and_none_other(place, sent, checksum):
    async with place.opened(part_size=5 * MIB, checksum=checksum) as store:
        sent.clear()
        await put(store, KEY, b"small")
        await put(store, KEY, a_body(11 * MIB))
    bodies = [request for request in sent if request.method == "PUT"]
    assert len(bodies) == 4
    for request in bodies:
        found = {name: request.headers[name] for name, _ in _SUMS.values() if name in request.headers}
        if checksum == "none":
            assert not found
        else:
            name, digest = _SUMS[checksum]
            assert found == {name: b64encode(digest(request.body)).decode()}
        assert "expect" not in request.headers
        assert "aws-chunked" not in request.headers.get("content-encoding", "")


@pytest.mark.anyio
@pytest.mark.instead_of("moto", "match-in-parts")
@pytest.mark.instead_of("seaweedfs", "race-in-parts")
async def test_conditions_are_sent_with_the_request_that_publishes(place, sent):
    large = a_body(6 * MIB)
    async with place.opened(part_size=5 * MIB) as store:
        sent.clear()
        for body in (b"small", large):
            info = await put(store, KEY, body, replace=False)
            assert sent[-1].headers["if-none-match"] == "*"
            await put(store, KEY, body, replace=Match(info.etag))
            assert sent[-1].headers["if-match"] == f'"{info.etag}"'
            await put(store, KEY, body, replace=True)
            assert not {"if-match", "if-none-match"} & set(sent[-1].headers)
            info = await store.stat(KEY)
            await store.delete(KEY, only=Match(info.etag))
            assert sent[-1].headers["if-match"] == f'"{info.etag}"'


@pytest.mark.anyio
async def test_a_small_object_is_one_request_each_way(place, sent):
    async with place.opened() as store:
        sent.clear()
        await put(store, KEY, b"small")
        await get(store, KEY)
    assert [request.method for request in sent] == ["PUT", "GET"]


@pytest.mark.anyio
async def test_every_release_reads_what_the_first_one_wrote(place):
    """An object as it lay in a bucket in the first release; neither its form nor its name changes."""
    body = b"aegis-object/1\n\0" + bytes(range(16)) + b"written by 0.1"
    name = {True: "_.lab.4711*a-pdf!2F", False: "_/lab/4711-a.pdf%2F"}[place.is_seaweedfs]
    place.client.put_object(Bucket=place.bucket, Key=place.prefix + name, Body=body)
    async with place.opened() as store:
        assert await get(store, Key("_/lab/4711-a.pdf%2F")) == b"written by 0.1"
        assert [info.key for info in await list_all(store)] == ["_/lab/4711-a.pdf%2F"]
