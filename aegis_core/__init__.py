"""Aegis Core: the dozen things that a health service needs before it may touch a patient's record."""
