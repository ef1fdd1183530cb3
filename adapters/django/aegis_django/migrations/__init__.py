"""Migrations of an application without tables: they make the permission to view the trail."""
