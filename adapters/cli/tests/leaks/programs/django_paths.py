import logging
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

logging.basicConfig(level=logging.INFO)
urlpatterns: list[object] = []
settings.configure(
    # ADAPTER,
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
)
django.setup()
application = get_wsgi_application()
# FIX

if __name__ == "__main__":
    from django.test import Client

    Client().get(f"/patients/{sys.argv[1]}")
