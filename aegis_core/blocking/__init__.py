"""The same services for code without an event loop: one class a service, the same names, the same values."""
