"""A morning in a small clinic: reports are filed, results sent on, patients told, and everything is on record."""
