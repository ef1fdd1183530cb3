"""``aegis new``: start an adapter or a room from what is known to work."""
