"""The applications, each set up as the guides say, or bare: a program a file."""
