import sys

import django
from django.conf import settings

settings.configure(
    EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend",  # OPEN
    # FIX,
    EMAIL_PORT=9,
)
django.setup()

if __name__ == "__main__":
    from django.core.mail import send_mail

    send_mail("Your result", f"of {sys.argv.pop()}", None, ["somebody@clinic.test"], fail_silently=True)
