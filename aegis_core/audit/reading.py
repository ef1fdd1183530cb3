"""What a strict verification adds: every entry is read, none decrypted. Whole bundles at once, for speed."""

import re
from collections.abc import Sequence
from typing import Final

from aegis_core.audit.canonical import accelerator, decode, encode
from aegis_core.audit.entry import ID_PATTERN, TIME_FORM, TIME_PATTERN, check_entry, parse_time
from aegis_core.audit.findings import Findings
from aegis_core.audit.model import FindingKind
from aegis_core.kernel.errors import AegisError

#: An event may be recorded late (it was spooled, or a clock was set), but not by more than this.
LATEST_NS: Final = 24 * 3600 * 1_000_000_000

_TIME_IN_ENTRY: Final = re.compile(b'"t":"([^"]{30})"')


def _usual_spelling() -> re.Pattern[bytes]:
    """A pattern of entries as nearly all are: text without escapes, plain fields at most a list deep.

    What matches is an entry of version 1 if its groups ``data`` and ``sealed`` are canonical JSON. What does not match
    may still be one. Every repetition is possessive: an entry is read once, whatever it holds.
    """
    text = r'"[ !#-\[\]-~\x7f]*+"'
    any_text = r'"[ !#-\[\]-\xff]*+"'  # in ``data``, whose UTF-8 is checked afterwards
    scalar = rf"(?:{any_text}|-?+(?:0|[1-9][0-9]{{0,15}}+)|true|false|null)"
    plain = rf"(?:{scalar}|\[(?:{scalar}(?:,{scalar})*+)?+\])"
    box = rf'\{{"box":{text},"class":{text},"key":{text}\}}'

    def some(member: str, between: tuple[str, str]) -> str:
        return rf"\{between[0]}{member}(?:,{member})*+\{between[1]}"

    def maybe(name: str, value: str = text) -> str:
        return f'(?:"{name}":{value},)?+'

    parts = [
        r'\{"action":"[ !#-\[\]-~\x7f]++",',
        maybe("correlation"),
        maybe("data", f"(?P<data>{some(f'{text}:{plain}', ('{', '}'))})"),
        f'"id":"(?P<id>{ID_PATTERN})",',
        maybe("op"),
        '"outcome":"(?:success|refused|failed)",',
        *map(maybe, ("purpose", "request")),
        maybe("roles", some(text, ("[", "]"))),
        maybe("sealed", f"(?P<sealed>{some(f'{text}:{box}', ('{', '}'))})"),
        maybe("subject", rf'\{{"key":{text},"sealed":{text},"token":{text}\}}'),
        f'"t":"(?P<t>{TIME_PATTERN})",',
        *map(maybe, ("tenant", "trace")),
        rf'"v":1(?:,"verified_by":{text})?+(?:,"who":{text})?+\}}',
    ]
    return re.compile("".join(parts).encode("latin-1"))


_USUAL: Final = _usual_spelling()


class StrictReading:
    """Reads entries in order: canonical, of a known version, no id twice, no time far before an earlier one."""

    __slots__ = ("_findings", "_ids", "_latest")

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._ids: set[bytes] = set()
        self._latest = ""

    def entries(self, first: int, bodies: Sequence[bytes], /) -> None:
        """Read a bundle.

        Arguments:
            first: index of its first entry.
        """
        if not self._are_usual(bodies):
            self._one_by_one(first, bodies)

    def _are_usual(self, bodies: Sequence[bytes]) -> bool:
        """Take ids and times over if every entry is surely in order; False where that needs a closer look."""
        matches = [match for match in map(_USUAL.fullmatch, bodies) if match is not None]
        if len(matches) != len(bodies):
            return False
        plain, ids, sealed, times = zip(*[match.groups() for match in matches], strict=True)
        # Names in order, none twice, integers in bounds, UTF-8: one look at all the objects of the bundle.
        if not _is_canonical(b"[%b]" % b",".join([*filter(None, plain), *filter(None, sealed)])):
            return False
        fresh = set(ids)
        if len(fresh) != len(ids) or not fresh.isdisjoint(self._ids):
            return False
        try:
            for day in {time[:10] for time in times}:
                parse_time(f"{day.decode()}T00:00:00.000000000Z")
        except AegisError:
            return False
        latest = max(self._latest, max(times).decode())
        if parse_time(latest) - parse_time(min(times).decode()) > LATEST_NS:
            return False
        self._ids |= fresh
        self._latest = latest
        return True

    def _one_by_one(self, first: int, bodies: Sequence[bytes]) -> None:
        for index, body in enumerate(bodies, first):
            try:
                members = check_entry(decode(body))
                identity, stamp = str(members["id"]).encode(), str(members["t"])
                happened = parse_time(stamp)
            except AegisError as error:
                self._findings.add(FindingKind.CANONICAL, error.message, index=index, time=time_of(body))
                continue
            if identity in self._ids:
                told = "its event id was already recorded by an earlier entry"
                self._findings.add(FindingKind.DUPLICATE, told, index=index, time=stamp)
            self._ids.add(identity)
            if stamp >= self._latest:
                self._latest = stamp
            elif parse_time(self._latest) - happened > LATEST_NS:
                told = "it says that it happened more than a day before an entry that was recorded earlier"
                self._findings.add(FindingKind.ORDER, told, index=index, time=stamp)


def _is_canonical(text: bytes) -> bool:
    fast = accelerator()
    try:
        if fast is None:
            return encode(decode(text)) == text
        dumps, loads = fast
        return dumps(loads(text)) == text  # the pattern lets no float through
    except (ValueError, TypeError, AegisError):
        return False


def time_of(body: bytes, /) -> str | None:
    """When an entry says it happened, if that can still be read out of its bytes."""
    match = _TIME_IN_ENTRY.search(body)
    if match is None:
        return None
    text = match[1].decode("ascii", "replace")
    return text if TIME_FORM.fullmatch(text) else None
