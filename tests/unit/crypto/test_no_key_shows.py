"""No key shows in what an error reporter sees: messages, reprs and the locals of our frames."""

from base64 import b64encode
from pathlib import Path
from uuid import UUID

import pytest

import aegis_core
from aegis_core.crypto.envelope import Envelope
from aegis_core.crypto.fields import index_token, open_field, seal_field
from aegis_core.crypto.keyring import Keyring
from aegis_core.crypto.model import KeyMaterial, KeyPurpose, RingKey
from aegis_core.crypto.stream import HEADER_SIZE, Opener, Sealer, Span
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState

OURS = str(Path(aegis_core.__file__).parent)
SECRET = bytes(range(65, 97))
WRAP = RingKey("k1", KeyPurpose.WRAP, "active", SECRET)
INDEX = RingKey("k2", KeyPurpose.INDEX, "active", SECRET)


def shown(error):
    """Everything that an error reporter would show of an error, the tests' own frames left out."""
    texts, seen = [], error
    while seen is not None:
        texts += [str(seen), repr(seen), repr(vars(seen))]
        frame = seen.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename.startswith(OURS):
                texts += [repr(value) for value in frame.tb_frame.f_locals.values()]
            frame = frame.tb_next
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def tells(text, secret):
    part = secret[8:20]
    return any(spelling in text for spelling in (repr(part)[2:-1], part.hex(), b64encode(secret[9:21]).decode()))


def opened(key):
    sealer = Sealer(SECRET, context=b"", salt=bytes(24))
    stream = sealer.header + b"".join(map(bytes, sealer.seal([b"x"], last=True)))
    return Opener(
        key, context=b"other", header=stream[:HEADER_SIZE], span=Span.of(len(stream)), sealed_size=len(stream)
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: Sealer(SECRET + b"x", context=b"", salt=bytes(24)),
        lambda: Sealer(SECRET, context=b"", salt=b""),
        lambda: opened(SECRET),
        lambda: opened(SECRET + b"x"),
        lambda: Opener(SECRET, context=b"", header=b"", span=Span.of(100), sealed_size=100),
        lambda: Envelope.make(SECRET + b"x", WRAP, object_id=UUID(int=1), key="k", nonce=bytes(12)),
        lambda: Envelope.make(SECRET, WRAP, object_id=UUID(int=1), key="k", nonce=b""),
        lambda: Envelope.make(SECRET, WRAP, object_id=UUID(int=1), key="k", nonce=bytes(12)).unwrap(WRAP, key="l"),
        lambda: seal_field(INDEX, SECRET, context=b"", nonce=bytes(12)),
        lambda: open_field(WRAP, seal_field(WRAP, SECRET, context=b"", nonce=bytes(12)), context=b"x"),
        lambda: index_token(WRAP, SECRET.decode()),
    ],
)
def test_an_error_of_ours_shows_no_key(call):
    with pytest.raises(AegisError) as caught:
        call()
    assert not tells(shown(caught.value), SECRET)


class Remembering:
    """Chance whose bytes a test can look for."""

    secure = True
    fraction = staticmethod(lambda: 0.5)

    def __init__(self):
        self.given = []

    def octets(self, count):
        self.given.append(bytes((count * 7 + len(self.given) * 31 + i) % 256 for i in range(count)))
        return self.given[-1]


class Full(MemoryState):
    async def put(self, name, body, /, *, expected):
        raise AegisError(ErrorCode.RESOURCE_EXHAUSTED, "the disk is full")


@pytest.mark.anyio
async def test_a_keyring_that_cannot_store_a_key_does_not_show_it():
    entropy = Remembering()
    async with Keyring(MemoryVault(entropy=entropy), Full(), entropy=entropy) as ring:
        with pytest.raises(AegisError) as caught:
            await ring.active(KeyPurpose.WRAP)
    secrets = [octets for octets in entropy.given if len(octets) == 32]
    assert len(secrets) == 2  # the vault's and the ring's
    text = shown(caught.value)
    assert not any(tells(text, secret) for secret in secrets)


def test_the_search_itself_finds_what_is_shown():
    def careless(key):
        raise AegisError(ErrorCode.INTERNAL, f"cannot use {key.hex()}")

    with pytest.raises(AegisError) as caught:
        careless(SECRET)
    assert tells(shown(caught.value), SECRET)
    assert tells(repr(SECRET), SECRET)


def test_a_repr_shows_no_key():
    for value in (WRAP, KeyMaterial(SECRET), Sealer(SECRET, context=b"", salt=bytes(24)), MemoryVault()):
        assert not tells(repr(value), SECRET)
