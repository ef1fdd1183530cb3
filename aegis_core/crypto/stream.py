"""Sealed streams: C2SP chunked-encryption v1, "Cobblestone-256" (SHA-512 and AES-256-GCM). No I/O.

Layout: ``salt(24) ‖ commitment(32) ‖ chunk ‖ chunk ‖ …``. The plaintext is cut into chunks of 16,384 bytes; the last
one is always shorter and may be empty, so a full last chunk betrays a cut.
"""

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import Final, NoReturn

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from aegis_core.crypto.model import KeyMaterial
from aegis_core.kernel.errors import AegisError, ErrorCode

KEY_SIZE: Final = 32
SALT_SIZE: Final = 24
COMMITMENT_SIZE: Final = 32
HEADER_SIZE: Final = SALT_SIZE + COMMITMENT_SIZE
TAG_SIZE: Final = 16
CHUNK_SIZE: Final = 16_384
SEALED_CHUNK_SIZE: Final = CHUNK_SIZE + TAG_SIZE
#: Chunks that one stream may have.
LARGEST_CHUNK_COUNT: Final = 1 << 38

_INFO: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_NONCE_SIZE: Final = 12
_BYTES: Final = tuple(bytes([value]) for value in range(256))

# So many chunks share one output buffer (a mebibyte): the work per batch vanishes beside the cipher. A stream begins
# with a smaller one, because most objects are short and a large buffer costs more than sealing them.
_BATCH: Final = 64
_FIRST_BATCH: Final = 4
_PLAIN_SLICES: Final = tuple(slice(k * CHUNK_SIZE, (k + 1) * CHUNK_SIZE) for k in range(_BATCH))
_SEALED_SLICES: Final = tuple(slice(k * SEALED_CHUNK_SIZE, (k + 1) * SEALED_CHUNK_SIZE) for k in range(_BATCH))

Buffer = bytes | bytearray | memoryview


def sealed_size(plain_size: int, /) -> int:
    """Bytes that a stream of ``plain_size`` bytes takes once sealed."""
    return HEADER_SIZE + plain_size + (plain_size // CHUNK_SIZE + 1) * TAG_SIZE


def plain_size(sealed_size: int, /) -> int:
    """Bytes of plaintext in a sealed stream of ``sealed_size`` bytes.

    Raises:
        AegisError: ``integrity`` if no stream has that length: it was cut.
    """
    body = sealed_size - HEADER_SIZE
    full, rest = divmod(body, SEALED_CHUNK_SIZE)
    if body < TAG_SIZE or rest < TAG_SIZE or full >= LARGEST_CHUNK_COUNT:
        _refuse("the sealed stream has an impossible length: it was cut or extended")
    return full * CHUNK_SIZE + rest - TAG_SIZE


@attrs.frozen
class Span:
    """Which stored bytes hold a range of plaintext. Offsets count from the first byte of the salt."""

    first_chunk: int
    last_chunk: int  #: inclusive
    stored_start: int
    stored_stop: int  #: exclusive
    skip: int  #: plaintext bytes of the first chunk that lie before the range
    length: int  #: plaintext bytes of the range

    @classmethod
    def of(cls, sealed_size: int, start: int = 0, stop: int | None = None, /) -> "Span":
        """Locate the half-open plaintext range from ``start`` to ``stop``; None, or beyond the end: to the end.

        A range that reaches the end takes in the last chunk even if it is empty, because only that chunk proves
        where the end is.

        Raises:
            AegisError: ``integrity`` for an impossible length; ``invalid_argument`` if ``start`` lies beyond the end
                or after ``stop``.
        """
        size = plain_size(sealed_size)
        end = size if stop is None else min(stop, size)
        if not 0 <= start <= size or (stop is not None and stop < start):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the range starts beyond the end, or ends before its start")
        last = size // CHUNK_SIZE
        first_wanted = start // CHUNK_SIZE
        last_wanted = last if end == size else max(first_wanted, (end - 1) // CHUNK_SIZE)
        stored_stop = HEADER_SIZE + (last_wanted + 1) * SEALED_CHUNK_SIZE
        return cls(
            first_chunk=first_wanted,
            last_chunk=last_wanted,
            stored_start=HEADER_SIZE + first_wanted * SEALED_CHUNK_SIZE,
            stored_stop=min(stored_stop, sealed_size),
            skip=start - first_wanted * CHUNK_SIZE,
            length=end - start,
        )


class Sealer:
    """Seals one stream. Used by one thread at a time; the thread may change between calls.

    Arguments:
        key: 32 uniformly random bytes, of this stream alone.
        context: what the stream is bound to; the reader must give the same.
        salt: 24 random bytes, never repeated for one key.
    """

    __slots__ = ("_held", "_index", "_nonces", "_out", "_pending", "_ready", "_seal", "_slots", "header")

    header: bytes  #: 56 bytes that stand in front of everything that `seal` gives

    def __init__(self, key: bytes, /, *, context: bytes, salt: bytes) -> None:
        material = KeyMaterial(key)
        del key  # a traceback shows locals
        if len(salt) != SALT_SIZE:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, f"a salt has {SALT_SIZE} bytes")
        cipher, self._nonces, commitment = _derive(material, salt, context)
        self.header = salt + commitment
        self._seal = cipher.encrypt_into
        self._index = 0
        self._slots: list[memoryview] = []
        self._out = memoryview(b"")
        self._allocate(_FIRST_BATCH)
        self._pending = memoryview(bytearray(CHUNK_SIZE))
        self._held = 0
        self._ready = True

    def seal(self, pieces: Iterable[Buffer], /, *, last: bool = False) -> Iterator[memoryview]:
        """Seal the next pieces, of any sizes.

        Must be iterated to its end before the next call. What is yielded is at most 1,049,600 bytes and lies in a
        buffer that the next step overwrites. Pieces of at least a chunk are not copied.

        Arguments:
            last: these pieces end the stream. ``seal((), last=True)`` ends it after the fact.

        Raises:
            AegisError: ``invalid_argument`` after the end, or after a call that was left early: going on would
                leave a gap in the plaintext.
        """
        if not self._ready:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "this stream has ended, or an earlier call was left early")
        self._ready = False
        filled = 0
        for piece in pieces:
            view = memoryview(piece).cast("B")
            at = 0
            if self._held:
                at = self._hold(view, 0)
                if self._held < CHUNK_SIZE:
                    continue
                self._seal_batch(self._pending, self._slots[filled : filled + 1])
                self._held = 0
                filled += 1
                if filled == len(self._slots):
                    yield self._out
                    filled = self._allocate(_BATCH)
            whole = (len(view) - at) // CHUNK_SIZE
            while whole:
                count = min(whole, len(self._slots) - filled)
                self._seal_batch(view[at : at + count * CHUNK_SIZE], self._slots[filled : filled + count])
                at += count * CHUNK_SIZE
                whole -= count
                filled += count
                if filled == len(self._slots):
                    yield self._out
                    filled = self._allocate(_BATCH)
            if at < len(view):
                self._hold(view, at)
        end = filled * SEALED_CHUNK_SIZE
        if last:
            # A chunk is sealed as soon as it is full, so what is held is short, and there is a free slot for it.
            size = self._held + TAG_SIZE
            nonce = self._nonces.of(self._index)
            self._seal(nonce, self._pending[: self._held], None, self._out[end : end + size])
            end += size
        if end:
            yield self._out[:end]
        self._ready = not last

    def _allocate(self, chunks: int) -> int:
        if len(self._slots) < chunks:
            self._out = memoryview(bytearray(chunks * SEALED_CHUNK_SIZE))
            self._slots = [self._out[place] for place in _SEALED_SLICES[:chunks]]
        return 0

    def _hold(self, view: memoryview, at: int) -> int:
        stop = min(len(view), at + CHUNK_SIZE - self._held)
        self._pending[self._held : self._held + stop - at] = view[at:stop]
        self._held += stop - at
        return stop

    def _seal_batch(self, plain: memoryview, slots: list[memoryview]) -> None:
        seal, first = self._seal, self._index
        self._index = first + len(slots)  # before sealing: whatever happens, no nonce is used twice
        for nonce, place, slot in zip(self._nonces.batch(first, len(slots)), _PLAIN_SLICES, slots, strict=False):
            seal(nonce, plain[place], None, slot)


class Opener:
    """Opens a sealed stream, or a range of its plaintext. Used by one thread at a time.

    The commitment is checked here, before any chunk. Feed `open` the stored bytes that `span` names, in order and in
    pieces of any size, then call `finish`.

    Arguments:
        key: the 32 bytes that the stream was sealed with.
        context: what the stream was bound to.
        header: the first 56 bytes of the stream.
        span: the range to open.
        sealed_size: bytes of the whole stream, as the store says.

    Raises:
        AegisError: ``integrity`` if key, context or header is not the one it was sealed with.
    """

    __slots__ = (
        "_fed",
        "_held",
        "_last_size",
        "_left",
        "_next",
        "_nonces",
        "_open",
        "_out",
        "_pending",
        "_ready",
        "_skip",
        "_slots",
        "span",
    )

    span: Span

    def __init__(self, key: bytes, /, *, context: bytes, header: Buffer, span: Span, sealed_size: int) -> None:
        material = KeyMaterial(key)
        del key  # a traceback shows locals
        head = bytes(header)
        if len(head) != HEADER_SIZE:
            _refuse("the sealed stream is shorter than its header")
        cipher, self._nonces, commitment = _derive(material, head[:SALT_SIZE], context)
        if not compare_digest(commitment, head[SALT_SIZE:]):
            del cipher
            _refuse("the sealed stream does not belong to this key and context")
        self.span = span
        self._open = cipher.decrypt_into
        # Only the stream's own last chunk may be short: its size follows from the whole, never from what arrives.
        last_start = HEADER_SIZE + span.last_chunk * SEALED_CHUNK_SIZE
        self._last_size = min(SEALED_CHUNK_SIZE, sealed_size - last_start)
        if self._last_size < TAG_SIZE or span.stored_stop != last_start + self._last_size:
            _refuse("the sealed stream is shorter than the range needs")
        self._next = span.first_chunk
        self._skip = span.skip
        self._left = span.length
        self._out = memoryview(bytearray(min(_BATCH, span.last_chunk - span.first_chunk + 1) * CHUNK_SIZE))
        self._slots = [self._out[place] for place in _PLAIN_SLICES[: len(self._out) // CHUNK_SIZE]]
        self._pending = memoryview(bytearray(SEALED_CHUNK_SIZE))
        self._held = 0
        self._fed = 0
        self._ready = True

    def open(self, pieces: Iterable[Buffer], /) -> Iterator[memoryview]:
        """Open the next stored pieces and give the plaintext of the range that they complete.

        Must be iterated to its end before the next call. What is yielded is authentic, at most 1,048,576 bytes, and
        lies in a buffer that the next step overwrites.

        Raises:
            AegisError: ``integrity`` for a changed, moved, repeated or surplus byte; from then on every call fails.
        """
        if not self._ready:
            _refuse("this stream failed before, or an earlier call was left early")
        self._ready = False
        filled = 0
        batch = len(self._slots)
        for piece in pieces:
            view = memoryview(piece).cast("B")
            self._fed += len(view)
            if self._fed > self.span.stored_stop - self.span.stored_start:
                _refuse("the sealed stream goes on after its end")
            at = 0
            while at < len(view):
                # Full chunks before the last one are opened straight from the piece.
                count = 0
                if not self._held:
                    whole = (len(view) - at) // SEALED_CHUNK_SIZE
                    count = min(whole, batch - filled, self.span.last_chunk - self._next)
                if count:
                    size = count * SEALED_CHUNK_SIZE
                    self._open_batch(view[at : at + size], self._slots[filled : filled + count])
                    at += size
                    filled += count
                else:
                    at = self._hold(view, at)
                    if self._held < (SEALED_CHUNK_SIZE if self._next < self.span.last_chunk else self._last_size):
                        continue
                    plain = self._held - TAG_SIZE
                    self._open_one(self._pending[: self._held], self._slots[filled][:plain])
                    self._held = 0
                    if plain < CHUNK_SIZE:
                        yield from self._release(filled * CHUNK_SIZE + plain)
                        filled = 0
                        continue
                    filled += 1
                if filled == batch:
                    yield from self._release(filled * CHUNK_SIZE)
                    filled = 0
        if filled:
            yield from self._release(filled * CHUNK_SIZE)
        self._ready = True

    def finish(self) -> None:
        """Make sure that all of the range was there.

        Raises:
            AegisError: ``integrity`` if stored bytes are missing.
        """
        if not self._ready or self._next <= self.span.last_chunk:
            self._ready = False
            _refuse("the sealed stream ends too early")

    def _release(self, size: int) -> Iterator[memoryview]:
        start = self._skip
        stop = min(size, start + self._left)
        self._skip = 0
        self._left -= stop - start
        if stop > start:
            yield self._out[start:stop]

    def _hold(self, view: memoryview, at: int) -> int:
        size = SEALED_CHUNK_SIZE if self._next < self.span.last_chunk else self._last_size
        stop = min(len(view), at + size - self._held)
        self._pending[self._held : self._held + stop - at] = view[at:stop]
        self._held += stop - at
        return stop

    def _open_batch(self, sealed: memoryview, slots: list[memoryview]) -> None:
        unseal, first = self._open, self._next
        try:
            for nonce, place, slot in zip(self._nonces.batch(first, len(slots)), _SEALED_SLICES, slots, strict=False):
                unseal(nonce, sealed[place], None, slot)
        except InvalidTag:
            self._wipe()
        self._next = first + len(slots)

    def _open_one(self, sealed: memoryview, slot: memoryview) -> None:
        try:
            self._open(self._nonces.of(self._next), sealed, None, slot)
        except InvalidTag:
            self._wipe()
        self._next += 1

    def _wipe(self) -> NoReturn:
        # The cipher leaves what it decrypted in the buffer although the tag is wrong: a view that was yielded earlier
        # would show unauthenticated bytes.
        self._out[:] = bytes(len(self._out))
        _refuse("a part of the sealed stream was changed, moved or repeated")


class _Nonces:
    """The nonce of chunk k is the base nonce XOR k, both as 12 bytes big-endian."""

    __slots__ = ("_base", "_last_bytes")

    def __init__(self, base: int) -> None:
        self._base = base
        self._last_bytes: list[bytes] = []

    def of(self, index: int) -> bytes:
        return (self._base ^ index).to_bytes(_NONCE_SIZE)

    def batch(self, first: int, count: int) -> list[bytes]:
        # Within 256 chunks only the last byte changes: adding it costs a third of XOR and conversion.
        at = first & 0xFF
        if count == 1 or at + count > len(_BYTES):
            return [self.of(index) for index in range(first, first + count)]
        if not self._last_bytes:
            lowest = self._base & 0xFF
            self._last_bytes = [_BYTES[lowest ^ k] for k in range(len(_BYTES))]
        prefix = self.of(first)[:-1]
        return [prefix + last for last in self._last_bytes[at : at + count]]


def _derive(key: KeyMaterial, salt: bytes, context: bytes) -> tuple[AESGCM, _Nonces, bytes]:
    size = len(key.octets)
    if size != KEY_SIZE:
        _refuse(f"a stream key has {KEY_SIZE} bytes, this one {size}")
    okm = HKDFExpand(SHA512(), KEY_SIZE + _NONCE_SIZE + COMMITMENT_SIZE, _INFO + salt + context).derive(key.octets)
    base = int.from_bytes(okm[KEY_SIZE : KEY_SIZE + _NONCE_SIZE])
    return AESGCM(okm[:KEY_SIZE]), _Nonces(base), okm[KEY_SIZE + _NONCE_SIZE :]


def _refuse(message: str) -> NoReturn:
    raise AegisError(ErrorCode.INTEGRITY, message) from None
