"""Looking at everything at once, each part on a thread of its own, so that one that hangs keeps nobody waiting."""

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

import anyio
import attrs

from aegis_cli.doctor import canary, contents
from aegis_cli.doctor.model import Report, Row, Setting
from aegis_cli.doctor.places import late, look_at_place
from aegis_core.kernel import SYSTEM_CLOCK, Context, using
from aegis_core.survey import Place, Survey, survey

#: Seconds that an answer may be late beyond the deadline: it is handed on, and takes its time to come back.
_GRACE = 0.5


def examine(deadline: float, progress: Callable[[int, int], None], /) -> Report:
    """Look at everything that the environment's settings name.

    Arguments:
        deadline: seconds for each part; all are looked at at the same time.
        progress: called with parts that answered, and parts in all.
    """
    found = survey()
    rows: Sequence[Row] = () if found.problems else _look(found, deadline, progress)
    return Report(
        environment=found.settings.environment,
        settings=_settings(found),
        secrets=found.secrets,
        installed=found.schemes,
        rows=rows,
        problems=tuple((each.setting, each.expected, each.source, each.hint) for each in found.problems),
        looked_at=contents.now(),
    )


def _look(found: Survey, deadline: float, progress: Callable[[int, int], None]) -> Sequence[Row]:
    places = {place.name: place for place in found.places}
    looks: dict[str, Callable[[], Awaitable[Row]]] = {name: _of_place(place) for name, place in places.items()}
    looks["trail"] = lambda: contents.look_at_trail(places, found.settings.origin)
    looks["keyring"] = lambda: contents.look_at_keyring(places)
    looks["deliveries"] = lambda: contents.look_at_deliveries(places)
    looks["privacy"] = _privacy
    rows = _at_once(looks, deadline, progress, {name: late(name, deadline, places.get(name)) for name in looks})
    for name, needed in (("trail", ("audit", "state", "keys")), ("keyring", ("state",)), ("deliveries", ("state",))):
        why = contents.missing_places(needed, rows)
        if why:
            rows[name] = contents.skipped(name, why, rows)
    return [rows[name] for name in looks]


def _of_place(place: Place) -> Callable[[], Awaitable[Row]]:
    return lambda: look_at_place(place)


async def _privacy() -> Row:
    sinks = await canary.fly()
    masked = sum(sinks.values())
    shown = [f"canary masked by {masked} of {len(sinks)} sinks"]
    leaking = [name for name, is_masked in sinks.items() if not is_masked]
    detail = f"a marked value came out of: {', '.join(leaking)}; do not start the application" if leaking else ""
    return Row("privacy", "damaged" if leaking else "ok", shown, detail, facts={"sinks": dict(sinks)})


def _at_once(
    looks: Mapping[str, Callable[[], Awaitable[Row]]],
    deadline: float,
    progress: Callable[[int, int], None],
    late_rows: Mapping[str, Row],
) -> dict[str, Row]:
    answers: SimpleQueue[Row] = SimpleQueue()
    until = SYSTEM_CLOCK.monotonic() + deadline
    rows = dict(late_rows)

    def answer(name: str) -> None:
        answers.put(_row_of(looks[name], until, late_rows[name]))

    for name in looks:
        # A daemon: a driver that hangs in the system's own resolver must not keep the program from ending.
        threading.Thread(target=answer, args=(name,), daemon=True).start()
    for done in range(len(looks)):
        progress(done, len(looks))
        try:
            row = answers.get(timeout=max(until + _GRACE - SYSTEM_CLOCK.monotonic(), 0.0))
        except Empty:
            break
        rows[row.name] = row
    return rows


def _row_of(look: Callable[[], Awaitable[Row]], until: float, late_row: Row) -> Row:
    async def within() -> Row:
        with using(Context(expires_at=until)), anyio.fail_after(until - SYSTEM_CLOCK.monotonic()):
            return await look()

    try:
        return anyio.run(within)
    except TimeoutError:
        return late_row
    except Exception as error:  # noqa: BLE001 - an adapter that breaks its word spoils its own row alone
        said = f"looking at it raised {type(error).__name__}: this is a bug of its adapter"
        return attrs.evolve(late_row, state="failed", detail=said)


def _settings(found: Survey) -> Sequence[Setting]:
    """Every variable that was read, with a value that may be shown: of URLs neither user nor secret."""
    settings = found.settings
    located = [
        *settings.ports.values(),
        *settings.named.values(),
        *settings.tenants.values(),
        *settings.copies.values(),
    ]
    shown = {each.variable: str(each.url) for each in located}
    shown |= {
        "AEGIS_ENV": settings.environment,
        "AEGIS_LOG_LEVEL": settings.log_level,
        "AEGIS_ON_LEAK": settings.on_leak,
        "AEGIS_ORIGIN": settings.origin,
    }
    return [Setting(name, source, shown.get(name, "")) for name, source in settings.sources.items()]
