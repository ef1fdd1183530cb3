"""gunicorn as the applications use it, with its access log; protected by the line that `aegis leaks` prints."""

import os

from tests.corpus.case import IS_BARE

bind = f"fd://{os.environ['CORPUS_SOCKET']}"
accesslog = "-"
control_socket_disable = True
worker_tmp_dir = "/dev/shm"
if not IS_BARE:
    access_log_format = "%(t)s %(m)s %(s)s %(b)s %(D)s"
