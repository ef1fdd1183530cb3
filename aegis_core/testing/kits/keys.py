"""What every key vault must do: each sentence of `aegis_core.crypto.port` is a case.

A harness says how to make adapters over one vault, and how a new key becomes the active one there::

    class FolderHarness:
        capabilities = FileVault.capabilities

        def __init__(self, folder): self.folder = folder
        def make(self): return FileVault(self.folder)
        async def rotate(self, vault): await vault.rotate()
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Protocol

import anyio

from aegis_core.crypto.port import KeyVault, VaultCapabilities, WrappedKey
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.testing.kit import Kit, expect, expect_error

CONTEXT: Mapping[str, str] = {"tenant": "clinic-a", "purpose": "wrap", "key": "clinic-a/k1"}

#: Keys that are recognised wherever they turn up.
KEY = bytes(range(64, 96))
OTHER_KEY = bytes(range(160, 192))


class KeysHarness(Protocol):
    """Makes adapters over one vault."""

    @property
    def capabilities(self) -> VaultCapabilities:
        """What they declare."""
        ...

    def make(self) -> KeyVault:
        """A new adapter, not open yet, over the same vault each time."""
        ...

    async def rotate(self, vault: KeyVault, /) -> None:
        """Make a new key the active one, the way the vault's owner does it."""
        ...


keys_kit: Kit[KeysHarness] = Kit("keys/1", VaultCapabilities)


@asynccontextmanager
async def _opened(h: KeysHarness) -> AsyncGenerator[KeyVault]:
    vault = h.make()
    await vault.open()
    try:
        yield vault
    finally:
        await vault.aclose()


async def _refusal(call: Callable[[], Awaitable[object]], *codes: ErrorCode) -> AegisError:
    with expect_error(*codes) as caught:
        await call()
    return caught[0]


@keys_kit.case
async def case_gives_back_what_it_wrapped(h: KeysHarness) -> None:
    """`unwrap` gives back the very key that was wrapped, 16 to 4,096 bytes of it."""
    keys = [KEY, OTHER_KEY, bytes(16), bytes(range(256)) * 16]
    async with _opened(h) as vault:
        wrapped = [await vault.wrap(key, context=CONTEXT) for key in keys]
        for key, each in zip(keys, wrapped, strict=True):
            expect(await vault.unwrap(each, context=CONTEXT) == key, "each wrapped key opens to itself")
            expect(key not in each.blob, "the key does not lie open in the blob")
            expect(each.key_id == await vault.active(), "the active key wraps")


@keys_kit.case
async def case_another_adapter_opens_it(h: KeysHarness) -> None:
    """What one adapter wrapped another one over the same vault opens, also after the first was closed."""
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        async with _opened(h) as second:
            expect(await second.unwrap(wrapped, context=CONTEXT) == KEY, "a second adapter opens it")
            expect(await second.active() == await vault.active(), "both name the same active key")
    async with _opened(h) as later:
        expect(await later.unwrap(wrapped, context=CONTEXT) == KEY, "an adapter opened later opens it")


@keys_kit.case
async def case_refuses_keys_of_other_lengths(h: KeysHarness) -> None:
    """A key of fewer than 16 or more than 4,096 bytes is an invalid argument."""
    async with _opened(h) as vault:
        for size in (0, 15, 4097):
            await _refusal(partial(vault.wrap, bytes(size), context=CONTEXT), ErrorCode.INVALID_ARGUMENT)


@keys_kit.case
async def case_refuses_another_context(h: KeysHarness) -> None:
    """Another context is refused as `integrity`; the order of its members does not matter."""
    others: list[dict[str, str]] = [
        {},
        {**CONTEXT, "tenant": "clinic-b"},
        {**CONTEXT, "more": ""},
        {name: CONTEXT[name] for name in ("tenant", "purpose")},
        {"tenant": CONTEXT["purpose"], "purpose": CONTEXT["tenant"], "key": CONTEXT["key"]},
    ]
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        for other in others:
            await _refusal(partial(vault.unwrap, wrapped, context=other), ErrorCode.INTEGRITY)
        backwards = {name: CONTEXT[name] for name in reversed(list(CONTEXT))}
        expect(await vault.unwrap(wrapped, context=backwards) == KEY, "the order of the context's members is free")
        bare = await vault.wrap(KEY, context={})
        expect(await vault.unwrap(bare, context={}) == KEY, "an empty context is a context")
        await _refusal(lambda: vault.unwrap(bare, context=CONTEXT), ErrorCode.INTEGRITY)


@keys_kit.case
async def case_refuses_a_changed_blob(h: KeysHarness) -> None:
    """A changed, cut or extended blob is refused as `integrity`."""
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        blob = wrapped.blob
        changed = [b"", blob[:-1], blob + b"\x00", blob[1:], blob[:1]]
        for place in {0, 1, len(blob) // 2, len(blob) - 1}:
            flipped = bytearray(blob)
            flipped[place] ^= 0x10
            changed.append(bytes(flipped))
        for other in changed:
            broken = WrappedKey(wrapped.key_id, other)
            await _refusal(partial(vault.unwrap, broken, context=CONTEXT), ErrorCode.INTEGRITY)


@keys_kit.case
async def case_refuses_another_key(h: KeysHarness) -> None:
    """A blob that another key wrapped is refused as `integrity`, and a key that never was as `not_found`."""
    async with _opened(h) as vault:
        first = await vault.wrap(KEY, context=CONTEXT)
        await h.rotate(vault)
        second = await vault.wrap(OTHER_KEY, context=CONTEXT)
        expect(second.key_id != first.key_id, "a new active key has a new id")
        for broken in (WrappedKey(second.key_id, first.blob), WrappedKey(first.key_id, second.blob)):
            await _refusal(partial(vault.unwrap, broken, context=CONTEXT), ErrorCode.INTEGRITY)
        for key_id in ("no-such-key", "", "../active", "f0", "\ud800"):
            broken = WrappedKey(key_id, first.blob)
            await _refusal(partial(vault.unwrap, broken, context=CONTEXT), ErrorCode.NOT_FOUND)


@keys_kit.case
async def case_refuses_alike(h: KeysHarness) -> None:
    """The error's text is alike for another key, another context and a changed blob."""
    async with _opened(h) as vault:
        first = await vault.wrap(KEY, context=CONTEXT)
        await h.rotate(vault)
        second = await vault.wrap(KEY, context=CONTEXT)
        changed = WrappedKey(first.key_id, first.blob[:-1] + bytes([first.blob[-1] ^ 1]))
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: vault.unwrap(WrappedKey(second.key_id, first.blob), context=CONTEXT),
            lambda: vault.unwrap(first, context={**CONTEXT, "key": "clinic-a/k2"}),
            lambda: vault.unwrap(changed, context=CONTEXT),
        ]
        texts = {str(await _refusal(call, ErrorCode.INTEGRITY)) for call in calls}
        expect(len(texts) == 1, "one text for three reasons")


@keys_kit.case
async def case_former_keys_still_unwrap(h: KeysHarness) -> None:
    """After another key became active the former one still opens what it wrapped."""
    async with _opened(h) as vault:
        before = await vault.active()
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        await h.rotate(vault)
        expect(await vault.active() != before, "another key is active")
        expect(await vault.unwrap(wrapped, context=CONTEXT) == KEY, "the former key still unwraps")
        expect((await vault.wrap(KEY, context=CONTEXT)).key_id == await vault.active(), "the new key wraps")


@keys_kit.case
async def case_context_is_ascii(h: KeysHarness) -> None:
    """A context that is not ASCII is an invalid argument, and its text is not repeated."""
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        for context in ({"tenant": "Zürich"}, {"ténant": "a"}, {"tenant": "\ud800"}):
            for call in (
                partial(vault.wrap, KEY, context=context),
                partial(vault.unwrap, wrapped, context=context),
            ):
                error = await _refusal(call, ErrorCode.INVALID_ARGUMENT)
                expect("rich" not in str(error), "the context is not repeated in the error")


@keys_kit.case(needs="destroy")
async def case_destroyed_is_gone_for_ever(h: KeysHarness) -> None:
    """After `destroy`, `unwrap` is `not_found`: at once, for another adapter, after another rotation, and for ever."""
    async with _opened(h) as vault, _opened(h) as second:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        expect(await second.unwrap(wrapped, context=CONTEXT) == KEY, "a second adapter has used the key")
        await h.rotate(vault)
        kept = await vault.wrap(OTHER_KEY, context=CONTEXT)
        await vault.destroy(wrapped.key_id)
        for _ in range(2):
            for each in (vault, second):
                await _refusal(partial(each.unwrap, wrapped, context=CONTEXT), ErrorCode.NOT_FOUND)
            await h.rotate(vault)
            expect(await vault.active() != wrapped.key_id, "a destroyed key's id is not used again")
        await vault.destroy(wrapped.key_id)
        expect(await vault.unwrap(kept, context=CONTEXT) == OTHER_KEY, "the other keys stay")
        await _refusal(lambda: vault.destroy("no-such-key"), ErrorCode.NOT_FOUND)
    async with _opened(h) as later:
        await _refusal(lambda: later.unwrap(wrapped, context=CONTEXT), ErrorCode.NOT_FOUND)


@keys_kit.case(needs="destroy")
async def case_the_active_key_is_not_destroyed(h: KeysHarness) -> None:
    """Destroying the active key is refused as `precondition_failed`, and it goes on working."""
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        await _refusal(lambda: vault.destroy(wrapped.key_id), ErrorCode.PRECONDITION_FAILED)
        expect(await vault.unwrap(wrapped, context=CONTEXT) == KEY, "the active key still unwraps")


@keys_kit.case(without="destroy")
async def case_destroy_is_refused_where_it_is_not_declared(h: KeysHarness) -> None:
    """A vault that cannot destroy keys says so."""
    async with _opened(h) as vault:
        error = await _refusal(lambda: vault.destroy("any"), ErrorCode.UNSUPPORTED)
        expect(isinstance(error, UnsupportedCapability), "the error names the capability")


@keys_kit.case
async def case_shows_no_key(h: KeysHarness) -> None:
    """No key stands in a `repr`, an error, or the locals of a traceback of ours."""
    async with _opened(h) as vault:
        wrapped = await vault.wrap(KEY, context=CONTEXT)
        unwrapped = await vault.unwrap(wrapped, context=CONTEXT)
        expect(unwrapped == KEY, "the key opens")
        seen = [repr(vault), str(vault), repr(wrapped), repr(await vault.health()), repr(vars_of(vault))]
        expect(not any(_shows(text) for text in seen), "no key in a repr")
        await h.rotate(vault)
        other = await vault.active()
        long = KEY * 129  # 4,128 bytes: refused, and the key is at hand
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: vault.wrap(long, context=CONTEXT),
            lambda: vault.wrap(KEY, context={"tenant": "ü"}),
            lambda: vault.unwrap(wrapped, context={**CONTEXT, "key": "x"}),
            lambda: vault.unwrap(WrappedKey(other, wrapped.blob), context=CONTEXT),
            lambda: vault.unwrap(WrappedKey("no-such-key", wrapped.blob), context=CONTEXT),
        ]
        for call in calls:
            error = await _refusal(call, *ErrorCode)
            expect(not _shows(f"{error} {error!r} {error.args!r} {error.__dict__!r}"), "no key in an error")
            expect(not any(_shows(text) for text in _locals_of(error.__traceback__)), "no key in a traceback's locals")


@keys_kit.case
async def case_serves_many_tasks_at_once(h: KeysHarness) -> None:
    """Many tasks wrap and unwrap at once, and each gets its own key back."""
    async with _opened(h) as vault:
        right: list[bool] = []

        async def one(number: int) -> None:
            key, context = bytes([number]) * 32, {"key": f"k{number}"}
            wrapped = await vault.wrap(key, context=context)
            right.append(await vault.unwrap(wrapped, context=context) == key)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(one, number)
        expect(right == [True] * 20, "each task gets its own key back")


@keys_kit.case
async def case_opens_and_closes_again_and_again(h: KeysHarness) -> None:
    """`open` and `aclose` are idempotent, and `aclose` works on what was never opened."""
    vault = h.make()
    await vault.aclose()
    await vault.open()
    await vault.open()
    wrapped = await vault.wrap(KEY, context=CONTEXT)
    await vault.aclose()
    await vault.aclose()
    await vault.open()
    expect(await vault.unwrap(wrapped, context=CONTEXT) == KEY, "a vault that was closed and opened again unwraps")
    expect(bool(vault.name) and vault.backends <= {"asyncio", "trio"}, "it has a name and known backends")
    expect((await vault.health()).state in {"up", "degraded"}, "an open vault is up, or says what is weak")
    expect(vault.classify(RuntimeError()) is None, "another's exception is not classified")
    await vault.aclose()


def vars_of(vault: KeyVault, /) -> object:
    """An adapter's attributes, as an error reporter would show them."""
    slots: list[str] = [slot for kind in type(vault).__mro__ for slot in getattr(kind, "__slots__", ())]
    return {**getattr(vault, "__dict__", {}), **{slot: getattr(vault, slot, None) for slot in slots}}


def _shows(text: str) -> bool:
    # Eight bytes of the key are enough to call it shown.
    part = KEY[8:16]
    spellings = (repr(part)[2:-1], part.hex(), part.decode("latin-1"), b64encode(KEY[6:18]).decode())
    return any(spelling in text for spelling in spellings) or str(list(part))[1:-1] in text


def _locals_of(traceback: TracebackType | None) -> list[str]:
    found: list[str] = []
    while traceback is not None:
        frame = traceback.tb_frame
        # The kit's own frames hold the key on purpose.
        if frame.f_code.co_filename != __file__:
            found += [_safe_repr(value) for value in frame.f_locals.values()]
        traceback = traceback.tb_next
    return found


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a repr that fails shows nothing
        return ""
