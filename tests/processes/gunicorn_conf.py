"""A worker's last words, after which it ends at once: nobody waits for them but the closing at exit."""


def worker_exit(server, worker):
    import wsgi_app

    for number in range(50):
        wsgi_app.file(f"{worker.pid} ends, {number}")
