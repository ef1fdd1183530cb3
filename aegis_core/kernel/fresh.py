"""Contexts with ids of their own, for requests that bring none: each request waits for its ids."""

import os
from collections.abc import Callable
from typing import Final, TypeAlias
from weakref import WeakSet

from aegis_core.kernel.clock import Clock
from aegis_core.kernel.context import EMPTY, Context
from aegis_core.kernel.entropy import Entropy

#: For how many requests one system call brings octets, 24 for each.
_AT_ONCE: Final = 64
#: 60 bits of time, and one before them: `hex` leaves no zero away then.
_SIXTEEN_DIGITS: Final = 1 << 60
_ZERO: Final = "0" * 32
_EMPTY: Final = dict(EMPTY.__dict__)
#: The last two groups of a request id, and a trace id.
_Digits: TypeAlias = tuple[str, str, str]


class _Stock(list[_Digits]):
    """What was drawn and not given yet."""

    __slots__ = ("__weakref__",)
    __hash__ = object.__hash__  # type: ignore[assignment]  # it is itself, whatever it holds


_stocks: Final[WeakSet[_Stock]] = WeakSet()


def fresh_contexts(clock: Clock, entropy: Entropy, /, *, at_once: int = _AT_ONCE) -> Callable[[], Context]:
    """What gives each request a context: a request id, which is a UUID version 7 and the correlation id too, and a
    trace id (RFC 9562 §5.7; W3C Trace Context §3.2.2.3).

    Safe to call from threads; a forked child draws anew.

    Arguments:
        at_once: for how many requests octets are drawn at once.
    """
    stock = _Stock()
    _stocks.add(stock)
    pop, wall_ns = stock.pop, clock.wall_ns
    new, empty = object.__new__, _EMPTY

    def fresh() -> Context:
        try:
            variant, node, trace_id = pop()
        except IndexError:
            (variant, node, trace_id), *more = _drawn(entropy.octets(24 * at_once))
            stock.extend(more)
        # As `uuid7` makes one, at a quarter of its price.
        stamp = hex((wall_ns() << 12) // 1_000_000 + _SIXTEEN_DIGITS)
        request_id = f"{stamp[3:11]}-{stamp[11:15]}-7{stamp[15:]}-{variant}-{node}"
        # As unpickling makes one: `Context()` costs four times that.
        made = new(Context)
        fields = made.__dict__
        fields |= empty
        fields["request_id"] = fields["correlation_id"] = request_id
        fields["trace_id"] = trace_id
        return made

    return fresh


def _drawn(octets: bytes) -> list[_Digits]:
    number = len(octets) // 24
    variants, nodes, traces = octets[: 2 * number], octets[2 * number : 8 * number], octets[8 * number :]
    mask, bits = int.from_bytes(b"\x3f\xff" * number), int.from_bytes(b"\x80\0" * number)  # RFC 9562 §4.1
    variants = (int.from_bytes(variants) & mask | bits).to_bytes(2 * number)
    trace_ids = traces.hex("-", 16).split("-")
    if _ZERO in trace_ids:
        trace_ids = [nonzero(trace_id) for trace_id in trace_ids]
    # `hex` puts its separators where the texts are cut: a loop over slices costs twice that.
    return list(zip(variants.hex("-", 2).split("-"), nodes.hex("-", 6).split("-"), trace_ids, strict=True))


def nonzero(digits: str, /) -> str:
    """Hexadecimal digits as the id of a trace or a span, which is never all zero (W3C Trace Context §3.2.2)."""
    return digits if digits.strip("0") else f"{digits[:-1]}1"


def _forget() -> None:
    for stock in _stocks:
        stock.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
