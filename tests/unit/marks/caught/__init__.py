"""What the marks catch, for each shape and place: cases that are executed, and the page that says how they ended."""
