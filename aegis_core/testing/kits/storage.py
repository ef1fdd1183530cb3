"""What every storage adapter must do: each sentence of `aegis_core.storage.port` is a case.

A harness says how to make adapters over one empty store, and how to look for what should not be there::

    class FolderHarness:
        capabilities = FileStorage.capabilities

        def __init__(self, root): self.root = root
        def make(self): return FileStorage(self.root)
        async def leftovers(self): return [p.name for p in (self.root / ".#writing").iterdir()]
"""

# Importing a file of cases adds them to the kit.
from aegis_core.testing.kits import storage_conditions, storage_crowds, storage_listings, storage_objects
from aegis_core.testing.kits.storage_harness import StorageHarness, storage_kit

__all__ = ["StorageHarness", "storage_kit"]

CASES = (storage_objects, storage_conditions, storage_listings, storage_crowds)
