"""Many clients at once, who keep what they were promised, and stop when the load balancer says so."""

import hashlib
import http.client
import json
import threading

from tests.pods.pod import Running


class Crowd:
    """Clients that file one document after the other. Each promise: document → SHA-256 of its text."""

    def __init__(self, running: Running, clients: int = 6, /) -> None:
        self.promised: dict[str, str] = {}
        self.others: list[str] = []  # what came instead of a promise
        self._running = running
        self._leave = threading.Event()
        self._threads = [threading.Thread(target=self._file, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _file(self, client: int) -> None:
        number = 0
        while not self._leave.is_set():
            number += 1
            text = f"report {number} of client {client}: {'x' * (number % 7 * 1000)}"
            try:
                status, content, _ = self._running.ask("/documents", json.dumps({"mrn": "HN-1", "text": text}).encode())
            except (OSError, http.client.HTTPException) as error:
                self.others.append(type(error).__name__)
                return
            if status == 201:
                self.promised[content["document"]] = hashlib.sha256(text.encode()).hexdigest()
            else:
                self.others.append(str(status))

    def leave(self) -> None:
        """No new requests; those that run are waited for."""
        self._leave.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
