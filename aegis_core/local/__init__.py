"""Adapters that need this machine alone: nothing to install, nothing to start."""
