"""Servers for people: ``python -m aegis_core.testing.servers list`` and ``… up NAME``, which stays until Ctrl-C."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence

from aegis_core.testing.servers.catalogue import CATALOGUE
from aegis_core.testing.servers.pool import known
from aegis_core.testing.servers.server import Missing, NotReady, Running


def list_servers(write: Callable[[str], object]) -> int:
    """Say which can run here, and what the others need."""
    for name, server in CATALOGUE.items():
        reason = server.missing()
        what = reason or f"{server.product()} · {server.source}"
        write(f"{name:<10} {'missing' if reason else 'ready':<8} {what}\n")
    return 0


def up(names: Sequence[str], write: Callable[[str], object], wait: Callable[[], object]) -> int:
    """Start servers, say where they answer, and end them when the waiting is over.

    Returns:
        0; 1: one did not start; 2: one is not known or not installed.
    """
    try:
        servers = [known(name) for name in names]
        for server in servers:
            if reason := server.missing():
                write(f"{server.name}: {reason}\n")
                return 2
        with contextlib.ExitStack() as stack:
            for server in servers:
                running = stack.enter_context(Running(server))
                write(f"{server.name}: {running.endpoint.url}\n")
                for fact, value in running.endpoint.facts.items():
                    write(f"  {fact}: {value}\n")
                write(f"  folder: {running.folder}\n  log: {running.folder / 'server.log'}\n")
            write("Ctrl-C ends and removes all of it.\n")
            wait()
    except KeyboardInterrupt:
        return 0
    except ValueError as error:
        write(f"{error}\n")
        return 2
    except (Missing, NotReady, OSError) as error:
        write(f"{error}\n")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m aegis_core.testing.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="which can run here, and what the others need")
    started = commands.add_parser("up", help="start servers and print where they answer, until Ctrl-C")
    started.add_argument("names", nargs="+", metavar="NAME", help=", ".join(CATALOGUE))
    chosen = parser.parse_args(arguments)

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    if chosen.command == "list":
        return list_servers(write)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return up(chosen.names, write, signal.pause)


if __name__ == "__main__":
    sys.exit(main())
