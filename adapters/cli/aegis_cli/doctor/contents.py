"""Looking at what lies in the places: the trail, the keyring, deliveries. Reads alone, and opens no value."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from aegis_cli.doctor.model import Row, State
from aegis_cli.doctor.places import row_of_error
from aegis_cli.figures import grouped
from aegis_cli.output import Json
from aegis_core import AegisError, KeyPurpose, Keyring
from aegis_core.audit import look_at
from aegis_core.crypto import key_records
from aegis_core.kernel import SYSTEM_CLOCK
from aegis_core.notifications import count_deliveries
from aegis_core.survey import Place

#: After so long without one, a trail that has grown since its checkpoint is told of: nobody publishes.
_STALE: Final = timedelta(minutes=5)


def now() -> datetime:
    """UTC."""
    return datetime.fromtimestamp(SYSTEM_CLOCK.wall_ns() / 1e9, UTC)


async def look_at_trail(places: Mapping[str, Place], origin: str, /) -> Row:
    """Its length, its last checkpoint, and whether both fit."""
    name = "trail"
    try:
        async with places["audit"].opened() as sink:
            keyring = Keyring(places["keys"].make(), places["state"].make())
            async with keyring:
                found = await look_at(sink, keyring, origin=origin)
    except AegisError as error:
        return row_of_error(name, error)
    if found.checkpoint is None:
        shown = [f"next {grouped(found.size)}", "nothing signed yet"]
        return Row(name, "ok", shown, facts={"next": found.size, "checkpoint": None})
    age = None if found.signed_at is None else now() - found.signed_at
    behind = found.size - found.checkpoint.size
    facts: dict[str, Json] = {
        "next": found.size,
        "checkpoint": found.checkpoint.size,
        "checkpoint_age_s": None if age is None else round(age.total_seconds(), 1),
        "root": found.checkpoint.root.hex(),
        "origin": found.checkpoint.origin,
        "verified": True,
    }
    shown = [f"next {grouped(found.size)}", f"checkpoint {ago(age)}", "verified"]
    state: State = "ok"
    detail = ""
    if behind and age is not None and age > _STALE:
        state = "degraded"
        detail = f"{grouped(behind)} entries are not covered by a checkpoint: does a process with this trail run?"
    return Row(name, state, shown, detail, facts=facts)


async def look_at_keyring(places: Mapping[str, Place], /) -> Row:
    """Active keys and their age, and those that only decrypt."""
    name = "keyring"
    try:
        async with places["state"].opened() as state:
            records = await key_records(state)
    except AegisError as error:
        return row_of_error(name, error)
    if not records:
        return Row(
            name, "missing", detail="no key was made yet: the application makes its keys when it first needs them"
        )
    shown: list[str] = []
    wrapping = [each for each in records if each.purpose is KeyPurpose.WRAP and not each.tenant]
    active = next((each for each in wrapping if each.state == "active"), None)
    if active is not None:
        shown.append(f"active {active.id} ({days(now() - active.created)})")
    former = [each.id for each in wrapping if each.state == "decrypt-only"]
    if former:
        shown.append(
            f"decrypt-only {' '.join(former[-3:])}" + (f" and {len(former) - 3} more" if len(former) > 3 else "")
        )
    tenants = {each.tenant for each in records if each.tenant}
    shown.append(f"{grouped(len(records))} keys" + (f" of {grouped(len(tenants) + 1)} rings" if tenants else ""))
    vault_keys = Counter(each.vault_key for each in records if each.state != "destroyed")
    facts: dict[str, Json] = {
        "keys": len(records),
        "tenants": len(tenants),
        "active": None if active is None else active.id,
        "active_age_days": None if active is None else (now() - active.created).days,
        "decrypt_only": [*former],
        "vault_keys": dict(vault_keys),
    }
    return Row(name, "ok", shown, facts=facts)


async def look_at_deliveries(places: Mapping[str, Place], /) -> Row:
    """How many are uncertain, and how many wait."""
    name = "deliveries"
    try:
        async with places["state"].opened() as state:
            count = await count_deliveries(state)
    except AegisError as error:
        return row_of_error(name, error)
    uncertain = count.by_status["uncertain"]
    shown = [f"{grouped(uncertain)} uncertain", f"{grouped(count.by_status['queued'])} waiting"]
    if not count.is_whole:
        shown.append("of the first 10 000")
    facts: dict[str, Json] = {
        **{str(status): each for status, each in count.by_status.items()},
        "is_whole": count.is_whole,
    }
    detail = ""
    if uncertain:
        detail = (
            "the reply was lost after these were handed over: they are never resent by themselves; ask the recipients"
        )
    return Row(name, "note" if uncertain else "ok", shown, detail, facts=facts)


def missing_places(needed: tuple[str, ...], rows: Mapping[str, Row]) -> str:
    """Why contents cannot be looked at: which of their places does not answer."""
    return ", ".join(name for name in needed if name not in rows or rows[name].state not in {"ok", "note", "degraded"})


def skipped(name: str, why: str, rows: Mapping[str, Row]) -> Row:
    """A row for contents whose places do not answer: told once, where they are."""
    first = rows.get(why.partition(", ")[0])
    if first is not None and first.state == "missing":
        return Row(name, "skipped", ["none yet"])
    return Row(name, "skipped", [f"not looked at: {why}"])


def ago(age: timedelta | None) -> str:
    """An age in its largest unit."""
    if age is None:
        return "without a time"
    seconds = max(int(age.total_seconds()), 0)
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def days(age: timedelta) -> str:
    """An age in days."""
    return "1 day" if age.days == 1 else f"{age.days} days"
