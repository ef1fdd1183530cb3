"""The context follows the work, and says nothing where it must not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.carriers import (
    ContextExecutor,
    from_headers,
    is_valid_id,
    parse_traceparent,
    to_headers,
)
from aegis_core.kernel.context import Context, Principal, acting, current, remaining, using
from aegis_core.kernel.entropy import SeededEntropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks import PHI, Classified, Purpose

NURSE = Principal("u-17", "oidc:clinic", frozenset({"nurse"}), "eu")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_there_is_always_a_context_and_blocks_restore_it():
    assert current() == Context()
    with using(Context(tenant="a")), using(Context(tenant="b")):
        assert current().tenant == "b"
    with pytest.raises(ZeroDivisionError), using(Context(tenant="a")):
        raise ZeroDivisionError
    assert current() == Context()


def test_acting_sets_who_why_and_whose_and_keeps_the_ids():
    with using(Context(request_id="r1", tenant="old")), acting(NURSE, purpose=Purpose.TREATMENT, subject="MRN-4711"):
        context = current()
        assert (context.principal, context.purpose, context.tenant) == (NURSE, Purpose.TREATMENT, "eu")
        assert context.request_id == "r1"
        assert context.subject == Classified("MRN-4711", PHI.MRN)
        assert "4711" not in repr(context)
        with acting(NURSE, purpose=Purpose.TREATMENT, tenant="us"):
            assert current().subject is None
            assert current().tenant == "us"


def test_nobody_cannot_act():
    with pytest.raises(AegisError, match="sign in") as raised:
        acting(current().principal, purpose=Purpose.TREATMENT, subject="MRN-4711")
    assert raised.value.code is ErrorCode.PERMISSION_DENIED


def test_acting_needs_a_purpose():
    with pytest.raises(TypeError, match="Purpose"):
        acting(NURSE, purpose="TREAT")  # type: ignore[arg-type]


def test_a_context_cannot_be_changed_through_its_metadata():
    given_metadata = {"ward": "4B"}
    context = Context(metadata=given_metadata)
    given_metadata["ward"] = "5C"
    assert context.metadata == {"ward": "4B"}
    with pytest.raises(TypeError):
        context.metadata["ward"] = "x"  # type: ignore[index]
    assert hash(context) == hash(attrs.evolve(context))


@pytest.mark.anyio
async def test_tasks_and_worker_threads_inherit_and_do_not_leak_back():
    seen = {}

    async def child(name):
        with using(Context(tenant=name)):
            await anyio.lowlevel.checkpoint()
            seen[name] = (current().tenant, await anyio.to_thread.run_sync(lambda: current().tenant))

    with using(Context(tenant="outer")):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child, "a")
            tasks.start_soon(child, "b")
        assert current().tenant == "outer"
    assert seen == {"a": ("a", "a"), "b": ("b", "b")}


@pytest.mark.anyio
async def test_a_block_may_be_left_in_another_context_than_it_was_entered_in():
    block = using(Context(tenant="x"))
    thread = threading.Thread(target=block.__enter__)
    thread.start()
    thread.join()
    block.__exit__(None, None, None)
    assert current() == Context()


def test_context_executor_carries_the_context_and_a_plain_executor_loses_it():
    with using(Context(tenant="eu")):
        with ContextExecutor(1) as pool:
            assert pool.submit(lambda: current().tenant).result() == "eu"
            assert list(pool.map(lambda _n: current().tenant, range(2))) == ["eu", "eu"]
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: current().tenant).result() is None
    with ContextExecutor(1) as pool:
        with using(Context(tenant="first")):
            pool.submit(lambda: None).result()
        assert pool.submit(lambda: current().tenant).result() is None


def test_headers_carry_ids_and_never_subject_principal_or_role():
    with (
        using(Context(request_id="r1", correlation_id="c1", trace_id=TRACE, sampled=True)),
        acting(NURSE, purpose=Purpose.TREATMENT, subject="MRN-4711"),
    ):
        headers = to_headers(current(), entropy=SeededEntropy(1))
    assert headers["x-request-id"] == "r1"
    assert headers["x-correlation-id"] == "c1"
    assert parse_traceparent(headers["traceparent"]) == (TRACE, True)
    text = repr(headers)
    for word in ("4711", "u-17", "nurse", "phi"):
        assert word not in text


def test_a_trusted_peers_ids_are_taken_over_whatever_the_case_of_the_header():
    context = from_headers({"X-Request-ID": "r1", "X-CORRELATION-ID": "c1", "Traceparent": PARENT}, trusted=True)
    assert (context.request_id, context.correlation_id, context.trace_id, context.sampled) == ("r1", "c1", TRACE, True)


def test_untrusted_ids_are_replaced():
    context = from_headers({"x-request-id": "r1", "x-correlation-id": "c1", "traceparent": PARENT}, trusted=False)
    assert context.request_id not in {None, "r1"}
    assert context.correlation_id == context.request_id
    assert context.trace_id not in {None, TRACE}
    assert not context.sampled


@given(st.text(st.characters(exclude_categories=()), max_size=140))
def test_invalid_ids_never_come_in(text):
    context = from_headers({"x-request-id": text, "x-correlation-id": text}, trusted=True)
    for taken in (context.request_id, context.correlation_id):
        assert taken is not None
        assert is_valid_id(taken)
        if text.isascii() and text.isprintable() and " " not in text and 1 <= len(text) <= 128:
            assert taken == text
        else:
            assert taken != text


@pytest.mark.parametrize(
    "text",
    [
        "", PARENT.upper(), PARENT + "-", PARENT + "-00", "ff" + PARENT[2:], PARENT[:-1], PARENT + "\n", " " + PARENT,
        f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"0x-{TRACE}-00f067aa0ba902b7-01",
        f"01-{TRACE}-00f067aa0ba902b7-01x",
    ],
)  # fmt: skip
def test_a_malformed_traceparent_restarts_the_trace(text):
    assert parse_traceparent(text) is None
    assert from_headers({"traceparent": text}, trusted=True).trace_id != TRACE


def test_a_later_version_of_traceparent_may_append_fields():
    assert parse_traceparent(f"01-{TRACE}-00f067aa0ba902b7-00-future") == (TRACE, False)


def test_invalid_ids_in_a_context_are_not_sent():
    assert to_headers(Context(request_id="a b", correlation_id="x" * 129, trace_id="zz")) == {}


def test_remaining_counts_down_and_stops_at_zero():
    class Fixed:
        monotonic = staticmethod(lambda: 10.0)

    assert remaining(Fixed()) is None  # type: ignore[arg-type]
    with using(Context(expires_at=12.5)):
        assert remaining(Fixed()) == 2.5  # type: ignore[arg-type]
    with using(Context(expires_at=9.0)):
        assert remaining(Fixed()) == 0.0  # type: ignore[arg-type]
