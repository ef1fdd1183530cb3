"""`Keyring` without an event loop."""

from collections.abc import Sequence

from aegis_core.blocking.facade import Facade
from aegis_core.crypto.keyring import Keyring as AsyncKeyring
from aegis_core.crypto.model import KeyPurpose, RingKey
from aegis_core.crypto.port import KeyVault
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.recorder import Recorder
from aegis_core.kernel.state import StateStore
from aegis_core.marks.classified import Classified


class Keyring(Facade[AsyncKeyring]):
    """`aegis_core.crypto.Keyring` for code without an event loop: the same names, parameters and values."""

    def __init__(
        self,
        vault: KeyVault,
        state: StateStore,
        /,
        *,
        subjects: StateStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(AsyncKeyring(vault, state, subjects=subjects, clock=clock, entropy=entropy))

    @property
    def state(self) -> StateStore:
        """See `aegis_core.crypto.Keyring.state`: a port, so async."""
        return self._service.state

    def report_to(self, recorder: Recorder, /) -> None:
        """See `aegis_core.crypto.Keyring.report_to`."""
        self._service.report_to(recorder)

    def active(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey:
        """See `aegis_core.crypto.Keyring.active`."""
        held = self._handing_out().active_at_hand(purpose, tenant=tenant)  # a hop to the loop costs more than the rest
        return held if held is not None else self._run(lambda service: service.active(purpose, tenant=tenant))

    def every(self, purpose: KeyPurpose, /, *, tenant: str = "") -> Sequence[RingKey]:
        """See `aegis_core.crypto.Keyring.every`."""
        return self._run(lambda service: service.every(purpose, tenant=tenant))

    def key(self, key_id: str, /) -> RingKey:
        """See `aegis_core.crypto.Keyring.key`."""
        held = self._handing_out().cached(key_id)
        return held if held is not None else self._run(lambda service: service.key(key_id))

    def cached(self, key_id: str, /) -> RingKey | None:
        """See `aegis_core.crypto.Keyring.cached`."""
        return self._open().cached(key_id)

    def active_at_hand(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey | None:
        """See `aegis_core.crypto.Keyring.active_at_hand`."""
        return self._open().active_at_hand(purpose, tenant=tenant)

    def subject_key_at_hand(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey | None:
        """See `aegis_core.crypto.Keyring.subject_key_at_hand`."""
        return self._open().subject_key_at_hand(subject, tenant=tenant)

    def rotate(self, purpose: KeyPurpose, /, *, tenant: str = "") -> RingKey:
        """See `aegis_core.crypto.Keyring.rotate`."""
        return self._run(lambda service: service.rotate(purpose, tenant=tenant))

    def rewrap(self) -> int:
        """See `aegis_core.crypto.Keyring.rewrap`."""
        return self._run(lambda service: service.rewrap())

    def subject_key(self, subject: Classified[str], /, *, tenant: str = "") -> RingKey:
        """See `aegis_core.crypto.Keyring.subject_key`."""
        held = self._handing_out().subject_key_at_hand(subject, tenant=tenant)
        return held if held is not None else self._run(lambda service: service.subject_key(subject, tenant=tenant))

    def shred(self, subject: Classified[str], /, *, tenant: str = "", reason: str) -> None:
        """See `aegis_core.crypto.Keyring.shred`."""
        return self._run(lambda service: service.shred(subject, tenant=tenant, reason=reason))
