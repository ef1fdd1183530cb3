"""Keys and sealing: sealed streams, envelopes, the keyring with subject keys, sealed fields and searchable tokens."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.crypto.columns import column_context as column_context
    from aegis_core.crypto.columns import column_token as column_token
    from aegis_core.crypto.columns import is_column_token as is_column_token
    from aegis_core.crypto.columns import is_sealed as is_sealed
    from aegis_core.crypto.columns import open_column as open_column
    from aegis_core.crypto.columns import seal_column as seal_column
    from aegis_core.crypto.columns import sealing_key as sealing_key
    from aegis_core.crypto.envelope import Envelope as Envelope
    from aegis_core.crypto.fields import open_field as open_field
    from aegis_core.crypto.fields import seal_field as seal_field
    from aegis_core.crypto.inventory import KeyRecord as KeyRecord
    from aegis_core.crypto.inventory import key_records as key_records
    from aegis_core.crypto.keyring import Keyring as Keyring
    from aegis_core.crypto.model import KeyPurpose as KeyPurpose
    from aegis_core.crypto.model import RingKey as RingKey
    from aegis_core.crypto.port import KeyVault as KeyVault
    from aegis_core.crypto.port import VaultCapabilities as VaultCapabilities
    from aegis_core.crypto.port import WrappedKey as WrappedKey
    from aegis_core.crypto.stream import Opener as Opener
    from aegis_core.crypto.stream import Sealer as Sealer
    from aegis_core.crypto.stream import Span as Span

__all__ = [
    "Envelope",
    "KeyPurpose",
    "KeyRecord",
    "KeyVault",
    "Keyring",
    "Opener",
    "RingKey",
    "Sealer",
    "Span",
    "VaultCapabilities",
    "WrappedKey",
    "column_context",
    "column_token",
    "is_column_token",
    "is_sealed",
    "key_records",
    "open_column",
    "open_field",
    "seal_column",
    "seal_field",
    "sealing_key",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "column_context": ".columns",
        "column_token": ".columns",
        "is_column_token": ".columns",
        "is_sealed": ".columns",
        "open_column": ".columns",
        "seal_column": ".columns",
        "sealing_key": ".columns",
        "key_records": ".inventory",
        "open_field": ".fields",
        "seal_field": ".fields",
        "KeyRecord": ".inventory",
        "Envelope": ".envelope",
        "KeyPurpose": ".model",
        "KeyVault": ".port",
        "Keyring": ".keyring",
        "Opener": ".stream",
        "RingKey": ".model",
        "Sealer": ".stream",
        "Span": ".stream",
        "VaultCapabilities": ".port",
        "WrappedKey": ".port",
    },
)
