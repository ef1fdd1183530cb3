import smtplib
import socket
import sys

smtplib.SMTP.debuglevel = 1  # OPEN
# FIX

if __name__ == "__main__":
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    with smtplib.SMTP("127.0.0.1", port) as mail:
        mail.sendmail("ward@clinic.test", f"{sys.argv[1]}@clinic.test", "Subject: reminder\r\n\r\n")
    controller.stop()
