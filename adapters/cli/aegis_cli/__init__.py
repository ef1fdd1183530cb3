"""The ``aegis`` command. It drives the core through its public front doors, and shows nobody's data unasked."""
