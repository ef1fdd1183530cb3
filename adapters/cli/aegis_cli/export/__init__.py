"""``aegis export``: everything in open formats, so that a team can leave whenever it likes."""
