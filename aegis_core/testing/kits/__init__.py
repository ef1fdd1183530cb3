"""One conformance kit a port, in the module of the port's name."""
