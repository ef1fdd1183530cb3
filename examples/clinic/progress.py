"""Say how far the work is: a bar on a terminal, plain lines elsewhere."""

from typing import TextIO

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock

_WIDTH = 32


class Progress:
    """Counts steps of one piece of work.

    Arguments:
        label: what is done, a constant.
        total: how many steps there are.
        out: where to print; a bar is drawn if it is a terminal.
    """

    def __init__(self, label: str, total: int, out: TextIO, /, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._label = label
        self._total = total
        self._out = out
        self._clock = clock
        self._done = 0
        self._noted = ""
        self._terminal = out.isatty()
        self._last = float("-inf")

    def step(self, note: str = "") -> None:
        """One more is done."""
        self._done += 1
        self._noted = ""
        self._show(note, last=self._done >= self._total)

    def note(self, note: str, /) -> None:
        """Say why nothing moves just now; said once until something moves."""
        if note != self._noted:
            self._noted = note
            self._show(note, last=False, force=True)

    def _show(self, note: str, *, last: bool, force: bool = False) -> None:
        now = self._clock.monotonic()
        # A terminal is redrawn ten times a second, a file gets a line every other second.
        if not last and not force and now - self._last < (0.1 if self._terminal else 2.0):
            return
        self._last = now
        share = self._done / self._total if self._total else 1.0
        text = f"{self._label:<10} {self._done:>5} of {self._total}"
        if self._terminal:
            bar = "█" * round(share * _WIDTH)
            print(f"\r{text} {bar:<{_WIDTH}} {note:<40}", end="\n" if last else "", file=self._out, flush=True)
        else:
            print(f"{text} {share:>5.0%} {note}".rstrip(), file=self._out, flush=True)
