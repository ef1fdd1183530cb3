"""Contexts with ids of their own: the ids that `uuid7` would make, and never the same twice, whoever forks."""

import itertools
import os
import re
import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.kernel.clock import SYSTEM_CLOCK, SystemClock
from aegis_core.kernel.context import Context
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, SeededEntropy, SystemEntropy
from aegis_core.kernel.fresh import fresh_contexts
from aegis_core.kernel.ids import uuid7


@given(wall_ns=st.integers(0, 2**63 - 1), octets=st.binary(min_size=24, max_size=24))
def test_the_request_id_is_what_uuid7_makes_of_the_same_time_and_chance(wall_ns, octets):
    clock, entropy = SystemClock(), SystemEntropy()
    clock.wall_ns, entropy.octets = lambda: wall_ns, lambda number: octets[:number]
    context = fresh_contexts(clock, entropy, at_once=1)()
    assert UUID(context.request_id) == uuid7(clock=clock, entropy=entropy)
    assert context.request_id == str(UUID(context.request_id))


def test_a_context_is_what_its_class_would_make():
    context = fresh_contexts(SYSTEM_CLOCK, SYSTEM_ENTROPY)()
    assert context == Context(
        request_id=context.request_id, correlation_id=context.request_id, trace_id=context.trace_id
    )


def test_a_trace_id_is_never_all_zero():
    entropy = SystemEntropy()
    entropy.octets = bytes
    fresh = fresh_contexts(SYSTEM_CLOCK, entropy, at_once=3)
    assert {fresh().trace_id for _ in range(6)} == {"0" * 31 + "1"}


def test_ids_are_well_formed_unique_and_in_order():
    clock, ticks = SystemClock(), itertools.count(1_700_000_000_000_000_000, 250)
    clock.wall_ns = lambda: next(ticks)
    fresh = fresh_contexts(clock, SYSTEM_ENTROPY)
    made = [fresh() for _ in range(1_000)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", context.trace_id) for context in made)
    assert len({context.trace_id for context in made}) == len({context.request_id for context in made}) == 1_000
    assert [context.request_id[:18] for context in made] == sorted(context.request_id[:18] for context in made)


def test_threads_never_share_an_id():
    fresh, made = fresh_contexts(SYSTEM_CLOCK, SYSTEM_ENTROPY), []
    threads = [threading.Thread(target=lambda: made.extend(fresh() for _ in range(2_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({context.trace_id for context in made}) == 16_000


@pytest.mark.parametrize("forks", [1, 2])
def test_a_forked_child_draws_its_own(forks):
    fresh = fresh_contexts(SYSTEM_CLOCK, SYSTEM_ENTROPY)
    fresh()  # there is a stock now, and every child inherits it
    told = []
    for _ in range(forks):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.write(write, "".join(fresh().trace_id for _ in range(64)).encode())
            os._exit(0)
        os.close(write)
        with open(read, "rb") as pipe:
            told.append(pipe.read().decode())
        assert os.waitpid(child, 0)[1] == 0
    told.append("".join(fresh().trace_id for _ in range(64)))
    ids = [text[at : at + 32] for text in told for at in range(0, len(text), 32)]
    assert len(set(ids)) == len(ids) == 64 * (forks + 1)


def test_seeded_chance_gives_the_same_ids():
    clock = SystemClock()
    clock.wall_ns = lambda: 1_700_000_000_000_000_000
    one, two = (fresh_contexts(clock, SeededEntropy(7)) for _ in range(2))
    assert [one() for _ in range(130)] == [two() for _ in range(130)]
