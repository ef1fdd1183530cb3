"""What a log sink implements. It is sync: lines come before a loop runs and after it has ended."""

from typing import Final, Protocol

PORT: Final = "log/1"


class LogSink(Protocol):
    """Takes whole lines. Safe to call from any thread."""

    def write(self, line: bytes, /) -> None:
        """Take one whole line, redacted, ending in a newline. Never raises; one write call a line."""
        ...

    def close(self, *, deadline: float) -> int:
        """Flush within ``deadline`` seconds and close; idempotent.

        Returns:
            How many lines were lost: 0 unless the medium failed.
        """
        ...
