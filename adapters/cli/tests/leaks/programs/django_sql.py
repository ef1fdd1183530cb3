import logging
import sys

import django
from django.conf import settings

settings.configure(
    # ADAPTER,
    DEBUG=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    LOGGING={
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django.db.backends": {"level": "DEBUG", "handlers": ["console"]}},
    },
)
django.setup()
# FIX

if __name__ == "__main__":
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [sys.argv[1]])
    assert logging
