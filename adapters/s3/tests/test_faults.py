"""Servers that are away, slow, strange or closed to us: the right code in time, and recovery without restart."""

import socket
import threading
from contextlib import aclosing, contextmanager, suppress

import boto3.session
import pytest

from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.kernel.context import Context, using
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.storage.model import LARGEST_PIECE, ByteRange, Key
from aegis_core.testing.kits.storage_harness import a_body, get, put

KEY = Key("_/patient-4711")
MIB = 1 << 20


async def refusal(store, *codes):
    with pytest.raises(AegisError) as caught:
        await store.open()
    await store.aclose()
    assert caught.value.code in codes
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


@contextmanager
def answering(*pieces):
    """A server that says the same to everybody, after reading what there is to read."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                # Closing with something unread would reset the connection, and the client might never see the answer.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(2)
                    while connection.recv(65536):
                        pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.anyio
async def test_wrong_credentials_are_permission_denied_and_not_repeated(seaweedfs):
    facts = seaweedfs.running.endpoint.facts
    for key, secret in (("nobody-knows-me", "hunter2-hunter2"), (facts["access_key"], "hunter2-hunter2")):
        session = boto3.session.Session(key, secret, region_name="us-east-1")
        said = await refusal(seaweedfs.make(session=session), ErrorCode.PERMISSION_DENIED)
        assert "hunter2" not in said
        assert "nobody" not in said
    none = boto3.session.Session(region_name="us-east-1")
    assert "credentials" in await refusal(seaweedfs.make(session=none), ErrorCode.PERMISSION_DENIED)


@pytest.mark.anyio
@pytest.mark.instead_of("seaweedfs", "bucket")
async def test_a_missing_bucket_is_said_at_open(place):
    said = await refusal(place.make(bucket="never-was"), ErrorCode.PRECONDITION_FAILED)
    assert "no such bucket" in said


@pytest.mark.anyio
async def test_a_server_that_is_down_at_start_is_unavailable_and_can_be_opened_later(own_seaweedfs):
    place = own_seaweedfs
    place.running.kill()
    store = place.make()
    said = await refusal(store, ErrorCode.UNAVAILABLE)
    assert "cannot be reached" in said, "nobody was late: nobody was there"
    place.running.start()
    await store.open()
    await put(store, KEY, b"x")
    await store.aclose()


@pytest.mark.anyio
async def test_a_server_that_goes_away_in_the_middle_is_unavailable_and_nothing_is_lost(own_seaweedfs):
    place = own_seaweedfs
    body = a_body(48 * LARGEST_PIECE)  # more than sockets hold
    async with place.opened() as store:
        await put(store, KEY, body)
        reader = store.read(KEY)
        assert await reader.read(bytes) == body[:LARGEST_PIECE]
        place.running.kill()
        with pytest.raises(AegisError) as caught:
            for _ in range(48):
                await reader.read(bytes)
        assert caught.value.code is ErrorCode.UNAVAILABLE
        await reader.aclose()
        for attempt in (lambda: store.stat(KEY), lambda: put(store, KEY, b"new"), lambda: store.list("")):
            with pytest.raises(AegisError) as caught:
                await attempt()
            assert caught.value.code is ErrorCode.UNAVAILABLE
            assert caught.value.retryable
            assert caught.value.__context__ is None
            assert "4711" not in str(caught.value)
        place.running.start()
        assert await get(store, KEY) == body


@pytest.mark.anyio
async def test_a_server_that_stands_still_ends_with_the_deadline(own_seaweedfs):
    place = own_seaweedfs
    async with place.opened() as store:
        await put(store, KEY, b"x")
        place.running.pause()
        try:
            for attempt in (lambda: store.stat(KEY), lambda: put(store, KEY, b"new"), lambda: get(store, KEY)):
                started = SYSTEM_CLOCK.monotonic()
                with using(Context(expires_at=started + 0.4)), pytest.raises(AegisError) as caught:
                    await attempt()
                assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
                assert 0.3 < SYSTEM_CLOCK.monotonic() - started < 3
        finally:
            place.running.resume()
        assert await get(store, KEY) in (b"x", b"new")
        with using(Context(expires_at=SYSTEM_CLOCK.monotonic() - 1)), pytest.raises(AegisError) as caught:
            await store.stat(KEY)
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"\0\1\2garbage\r\n\r\n", ErrorCode.UNAVAILABLE),
        (b"220 mail.example ESMTP\r\n", ErrorCode.UNAVAILABLE),
        (b"", ErrorCode.UNAVAILABLE),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", ErrorCode.UNSUPPORTED),
        (b"HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", ErrorCode.UNAVAILABLE),
        (
            b"HTTP/1.1 503 Slow\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ErrorCode.UNAVAILABLE,
        ),
        (
            b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ErrorCode.PRECONDITION_FAILED,
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ErrorCode.INVALID_ARGUMENT,
        ),
        (b"HTTP/1.1 501 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ErrorCode.UNSUPPORTED),
    ],
)
async def test_what_no_s3_answers_has_a_code(seaweedfs, answer, code):
    with answering(answer) as endpoint:
        store = seaweedfs.make(endpoint=endpoint)
        with pytest.raises(AegisError) as caught:
            await store.open()
        assert caught.value.code is code
        assert "garbage" not in str(caught.value)
        if b"Retry-After" in answer:
            assert caught.value.retry_after == 7.0
        if b"region" in answer:
            assert "region=eu-west-1" in str(caught.value)
        await store.aclose()


@pytest.mark.anyio
async def test_a_list_that_is_none_is_unavailable(seaweedfs):
    for body in (
        b"<html>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"",
        b"<a><Contents><Key>x</Key></Contents></a>",
    ):
        head = b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 05:00:00 GMT\r\nConnection: close\r\n"
        with answering(head + b"Content-Length: %d\r\n\r\n" % len(body) + body) as endpoint:
            store = seaweedfs.make(endpoint=endpoint, conditional="none", sweep_after=None)
            await store.open()
            with pytest.raises(AegisError) as caught:
                await store.list("")
            assert caught.value.code is ErrorCode.UNAVAILABLE
            await store.aclose()


@pytest.mark.anyio
async def test_what_others_wrote_is_integrity_and_in_no_listing(place):
    async with place.opened() as store:
        await put(store, Key("_/b"), b"x")
        name = f"{place.prefix}_{'.' if place.is_seaweedfs else '/'}"
        for text, body in (("a", b"short"), ("c", bytes(100)), ("d e", bytes(100))):
            place.client.put_object(Bucket=place.bucket, Key=name + text, Body=body)
        for key in (Key("_/a"), Key("_/c")):
            with pytest.raises(AegisError) as caught:
                await get(store, key)
            assert caught.value.code is ErrorCode.INTEGRITY
        found, after = [], None
        while True:
            page = await store.list("", after=after, limit=1)
            found += [info.key for info in page.objects]
            after = page.next
            if after is None:
                break
        assert found == ["_/b", "_/c"]


@pytest.mark.anyio
async def test_a_range_at_the_end_needs_no_second_request(place):
    async with place.opened() as store:
        await put(store, KEY, b"0123456789")
        async with aclosing(store.read(KEY, range=ByteRange(10))) as reader:
            assert await reader.read(bytes) is None
            assert reader.info.stored_size == 10
        with pytest.raises(AegisError) as caught:
            await get(store, KEY, range=ByteRange(11))
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.anyio
async def test_a_server_that_lists_in_another_order_is_told_apart(seaweedfs):
    async with seaweedfs.opened(names="plain") as store:
        for key in ("_/a/b", "_/a-b"):
            await put(store, Key(key), b"x")
        with pytest.raises(AegisError) as caught:
            await store.list("")
        assert caught.value.code is ErrorCode.UNSUPPORTED
        assert "names=flat" in str(caught.value)
