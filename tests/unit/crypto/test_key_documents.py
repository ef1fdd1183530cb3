"""The keyring's documents read back as they were written, and whatever else is there is refused without a crash."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.crypto.documents import Ring, SubjectEntry, place_of, ring_name, tenant_of
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyMaterial, KeyPurpose
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI

GOLDEN = Path(__file__).parents[2] / "golden" / "keyring_v1.json"


@pytest.mark.anyio
async def test_golden_documents_are_read_by_every_release():
    golden = json.loads(GOLDEN.read_text())
    vault, state = MemoryVault(), MemoryState()
    vault._keys = {name: KeyMaterial(bytes.fromhex(key)) for name, key in golden["vault"].items()}
    vault._active = max(golden["vault"])
    for name, body in golden["documents"].items():
        await state.put(name, body.encode(), expected=None)
    async with Keyring(vault, state) as ring:
        for key_id, (purpose, key_state, secret) in golden["keys"].items():
            key = await ring.key(key_id)
            assert (key.purpose, key.state, key.secret.hex()) == (KeyPurpose(purpose), key_state, secret)
        subject = Classified(golden["subject"], PHI.MRN)
        key = await ring.subject_key(subject, tenant=golden["tenant"])
        assert key.secret.hex() == golden["keys"][key.id][2]
    for name, body in golden["documents"].items():
        if name.startswith("keyring/"):
            assert Ring.decode(body.encode(), tenant=tenant_of(name)).encode() == body.encode()
        else:
            assert SubjectEntry.decode(body.encode()).encode() == body.encode()


def golden_bodies():
    return list(json.loads(GOLDEN.read_text())["documents"].values())


def refused(decode, body):
    """Whether reading refuses, with the one code that it may refuse with."""
    try:
        decode(body)
    except AegisError as error:
        assert error.code is ErrorCode.INTEGRITY
        return True
    return False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("active") | st.just(1),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("version tenant keys id purpose state created vault_key wrapped check wrap_key".split()),
            inner,
            max_size=11,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100), json_values)
def test_whatever_stands_in_a_documents_place_is_refused_or_read_without_a_crash(octets, value):
    for body in (octets, json.dumps(value).encode(), json.dumps({"version": 1, "tenant": "", "keys": value}).encode()):
        for decode in (lambda body: Ring.decode(body, tenant=""), SubjectEntry.decode):
            if not refused(decode, body):
                decode(decode(body).encode())


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{}", b"null", b'{"version":2}', b"\xff"])
def test_malformed_documents_are_refused(body):
    assert refused(lambda body: Ring.decode(body, tenant=""), body)
    assert refused(SubjectEntry.decode, body)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_golden_document_with_a_changed_member_is_refused_or_read_without_a_crash(data):
    document = json.loads(data.draw(st.sampled_from(golden_bodies())))
    target = document
    if "keys" in document and data.draw(st.booleans()):
        target = data.draw(st.sampled_from(document["keys"]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(json_values)
    body = json.dumps(document).encode()
    refused(lambda body: Ring.decode(body, tenant=""), body)
    refused(SubjectEntry.decode, body)


@pytest.mark.parametrize(
    ("key_id", "tenant", "digest"),
    [
        ("k1", "", None),
        ("clinic-a/k12", "clinic-a", None),
        ("s:" + "a" * 32 + "." + "0" * 16, "", "a" * 32),
        ("clinic-a/s:" + "a" * 32 + "." + "0" * 16, "clinic-a", "a" * 32),
    ],
)
def test_a_key_id_says_where_its_key_lies(key_id, tenant, digest):
    place = place_of(key_id)
    assert place is not None
    assert (place.tenant, place.digest) == (tenant, digest)


def test_a_tenant_and_the_name_of_its_ring_belong_together():
    for tenant in ("", "clinic-a", "CLINIC_B", "x" * 128):
        assert tenant_of(ring_name(tenant)) == tenant
