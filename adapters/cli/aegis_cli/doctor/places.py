"""Looking at one place: does it open, how is it, how long does it take to answer, what can it do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from aegis_cli.doctor.model import Row, State
from aegis_cli.output import Json
from aegis_core import AegisError, ErrorCode
from aegis_core.kernel import SYSTEM_CLOCK, SYSTEM_ENTROPY, Health, Wrapping, filesystem_of
from aegis_core.survey import Place

_LOCAL: Final = {"file", "sqlite", "eml", "jsonl"}
_STATES: Final[Mapping[ErrorCode, State]] = {
    ErrorCode.NOT_FOUND: "missing",
    ErrorCode.UNAVAILABLE: "down",
    ErrorCode.DEADLINE_EXCEEDED: "down",
    ErrorCode.CANCELLED: "down",
    ErrorCode.INTEGRITY: "damaged",
}
#: A clock that is further away than this is told of: tokens, signatures and checkpoints have times.
_SKEW: Final = 5.0

_BARE: Final = (
    "it protects copies of the data made without it, and makes shredding possible; nothing from who reads this home"
)


def late(name: str, deadline: float, /, place: Place | None = None) -> Row:
    """A row for what did not answer in time."""
    return Row(name, "down", detail=f"no answer within {deadline:g} s{_advice(place)}", **_where(place))


def row_of_error(name: str, error: AegisError, /, place: Place | None = None) -> Row:
    """A row for what could not be looked at."""
    state: State = _STATES.get(error.code, "failed")
    detail = error.message + (_advice(place) if state == "down" else "")
    return Row(name, state, detail=detail, facts={"code": error.code.value}, **_where(place))


async def look_at_place(place: Place, /) -> Row:
    """One row for one place. Opens it, asks, closes it; a vault is also asked to wrap a made-up key, and unwrap it."""
    if place.kind == "log":
        return _log(place)
    try:
        async with place.opened() as adapter:
            began = SYSTEM_CLOCK.monotonic()
            health: Health = await adapter.health()
            latency = SYSTEM_CLOCK.monotonic() - began
            if place.kind == "keys" and health.state != "down":
                await _try_vault(adapter)
            return _row(place, adapter, health, latency)
    except AegisError as error:
        return row_of_error(place.name, error, place)


def _log(place: Place) -> Row:
    try:
        place.make().close(deadline=1.0)
    except AegisError as error:
        return row_of_error(place.name, error, place)
    return Row(place.name, "ok", shown=_file_system(place)[0], facts=_file_system(place)[1], **_where(place))


async def _try_vault(vault: Any) -> None:
    probe, context = SYSTEM_ENTROPY.octets(32), {"purpose": "doctor"}
    with Wrapping(vault, "keys.wrap"):
        unwrapped = await vault.unwrap(await vault.wrap(probe, context=context), context=context)
    if unwrapped != probe:
        raise AegisError(ErrorCode.INTEGRITY, "the vault unwrapped another key than it had wrapped", adapter=vault.name)


def _row(place: Place, adapter: Any, health: Health, latency: float) -> Row:
    capabilities = sorted(adapter.capabilities.offered())
    facts: dict[str, Json] = {
        "adapter": adapter.name,
        "capabilities": list(capabilities),
        "latency_ms": round(latency * 1000, 1),
        **health.facts,
    }
    shown = [" ".join(capabilities)] if capabilities else []
    if "tls" in health.facts:
        shown.append(str(health.facts["tls"]).replace("TLSv", "TLS "))
    fs_shown, fs_facts = _file_system(place)
    shown += fs_shown
    facts |= fs_facts
    shown.append(f"{latency * 1000:.0f} ms")
    state: State = "ok" if health.state == "up" else health.state
    details = [health.detail] if health.detail else []
    skew = health.facts.get("clock_ahead_s", 0.0)
    if isinstance(skew, int | float) and abs(skew) > _SKEW:
        side = "ahead of" if skew > 0 else "behind"
        details.append(f"its clock is {abs(skew):.0f} s {side} this host's: set both by NTP")
        state = "degraded" if state == "ok" else state
    if place.kind == "keys" and place.where.url.scheme == "file":
        details.append(_BARE)
        state = "note" if state == "ok" else state
    return Row(place.name, state, shown, "; ".join(details), facts=facts, **_where(place))


def _file_system(place: Place) -> tuple[list[str], dict[str, Json]]:
    if place.where.url.scheme not in _LOCAL:
        return [], {}
    under = filesystem_of(Path(place.where.url.path))
    return [under.name], {"file_system": under.name, "file_system_kind": under.kind}


def _advice(place: Place | None) -> str:
    is_elsewhere = place is not None and place.where.url.scheme not in _LOCAL
    return "; is it running, and may this host reach it?" if is_elsewhere else ""


class _Where(TypedDict, total=False):
    url: str
    variable: str


def _where(place: Place | None) -> _Where:
    return {} if place is None else {"url": str(place.where.url), "variable": place.where.variable}
