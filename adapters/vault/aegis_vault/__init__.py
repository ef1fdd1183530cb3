"""Keys in the transit engine of OpenBao or Vault."""

from aegis_vault.keys import TransitVault, from_url

__all__ = ["TransitVault", "from_url"]
