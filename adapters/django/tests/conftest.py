"""Django is set up once a process, and other tests have another one: the tests in `in_project` run in their own."""

import os

if "DJANGO_SETTINGS_MODULE" not in os.environ:
    collect_ignore = ["in_project"]
