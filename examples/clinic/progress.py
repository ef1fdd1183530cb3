"""Say how far the work is: a bar on a terminal, plain lines elsewhere."""

import shutil
from types import TracebackType
from typing import Final, Self, TextIO

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock

_WIDTH: Final = 32


class Progress:
    """Counts the steps of one piece of work, for the block that it is entered for.

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
        self._note = ""
        self._said: set[str] = set()
        self._terminal = out.isatty()
        self._full = "█" if (out.encoding or "").lower().replace("-", "") == "utf8" else "#"
        self._last = float("-inf")
        self._shown = (-1, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show where it ended, also where it broke off: what is printed next starts on a line of its own."""
        self._show()
        if self._terminal:
            print(file=self._out, flush=True)

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._note = ""
        self._said.clear()
        # A terminal is redrawn ten times a second, a file gets a line every other second.
        if self._clock.monotonic() - self._last >= (0.1 if self._terminal else 2.0):
            self._show()

    def note(self, note: str, /) -> None:
        """Say why nothing moves just now; each reason is said once until something moves."""
        if note not in self._said:
            self._said.add(note)
            self._note = note
            self._show()

    def _show(self) -> None:
        if (self._done, self._note) == self._shown:
            return
        self._shown = (self._done, self._note)
        self._last = self._clock.monotonic()
        share = self._done / self._total if self._total else 1.0
        text = f"{self._label:<10} {self._done:>5} of {self._total}"
        if self._terminal:
            bar = f"{text} {self._full * round(share * _WIDTH):<{_WIDTH}} {self._note}"
            columns = shutil.get_terminal_size().columns - 1  # a full line may wrap, and would never be overwritten
            print(f"\r{bar[:columns]:<{columns}}", end="", file=self._out, flush=True)
        else:
            print(f"{text} {share:>5.0%}  {self._note}".rstrip(), file=self._out, flush=True)
