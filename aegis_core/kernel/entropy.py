"""Chance is injected: nothing else in the house reads ``random`` or ``os.urandom``."""

import os
import random
from collections.abc import Callable
from typing import Protocol


class Entropy(Protocol):
    """Where random bytes and jitter come from."""

    @property
    def octets(self) -> Callable[[int], bytes]:
        """That many random bytes."""
        ...

    @property
    def fraction(self) -> Callable[[], float]:
        """A float in [0, 1), for jitter and sampling; never for secrets."""
        ...

    @property
    def secure(self) -> bool:
        """Whether ``octets`` may make keys. False is refused in production."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def __init__(self) -> None:
        self.octets: Callable[[int], bytes] = os.urandom
        self.fraction: Callable[[], float] = random.random
        self.secure = True


class SeededEntropy:
    """Reproducible chance for tests and replays. Not secure: production refuses it."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)  # noqa: S311 - reproducible on purpose; `secure` says so
        self.seed = seed
        self.octets: Callable[[int], bytes] = source.randbytes
        self.fraction: Callable[[], float] = source.random
        self.secure = False


SYSTEM_ENTROPY = SystemEntropy()
