"""Adapters over folders and files of this machine."""
