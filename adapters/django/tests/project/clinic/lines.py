"""A handler that keeps what it would write, as a sink of JSON lines would: extras as well."""

import logging

KEPT: list[str] = []


class Kept(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        extras = {name: value for name, value in vars(record).items() if name not in ("args", "msg")}
        KEPT.append(f"{self.format(record)} {extras}")
