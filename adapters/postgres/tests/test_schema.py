"""Our schema is made once, by whoever comes first, and never guessed at."""

import anyio
import attrs
import psycopg
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.testing.kits.audit import make_entries
from aegis_postgres import PostgresAudit, PostgresState, migrate
from aegis_postgres import schema as schemas

pytestmark = pytest.mark.anyio


async def code_of_opening(adapter) -> AegisError:
    with pytest.raises(AegisError) as caught:
        await adapter.open()
    return caught.value


async def test_many_that_open_an_empty_database_at_once_make_one_schema(place):
    adapters = [kind(place.address) for kind in (PostgresAudit, PostgresState) * 3]
    async with anyio.create_task_group() as group:
        for adapter in adapters:
            group.start_soon(adapter.open)
    with place.connect() as connection:
        rows = connection.execute(f"SELECT number FROM {place.address.schema}.migrations ORDER BY 1").fetchall()
    assert [number for (number,) in rows] == [number for number, _, _ in schemas.MIGRATIONS]
    for adapter in adapters:
        await adapter.aclose()


async def test_an_older_schema_is_brought_up_and_keeps_what_it_holds(place, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schemas, "MIGRATIONS", schemas.MIGRATIONS[:1])
        older.setattr(schemas, "VERSION", 1)
        sink = PostgresAudit(place.address)
        await sink.open()
        entries = make_entries(3)
        await sink.append(entries, expected_size=0)
        await sink.aclose()
    sink, state = PostgresAudit(place.address), PostgresState(attrs.evolve(place.address, erases=True))
    await sink.open()
    await state.open()
    assert list(await sink.read(0, 5)) == entries
    await state.put("a", b"1", expected=None)
    await sink.aclose()
    await state.aclose()


async def test_a_newer_schema_is_refused_by_its_number(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    await sink.aclose()
    with place.connect(autocommit=True) as connection:
        connection.execute(f"INSERT INTO {place.address.schema}.migrations VALUES (99, 'from the future')")
    for adapter in (PostgresAudit(place.address), PostgresState(place.address)):
        error = await code_of_opening(adapter)
        assert error.code is ErrorCode.PRECONDITION_FAILED
        assert "version 99" in error.message


async def test_a_schema_of_somebody_else_is_left_alone(place):
    with place.connect(autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {place.address.schema}")
        connection.execute(f"CREATE TABLE {place.address.schema}.entries (theirs int)")
    error = await code_of_opening(PostgresAudit(place.address))
    assert error.code is ErrorCode.PRECONDITION_FAILED
    assert "not ours" in error.message
    with place.connect() as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = %s", (place.address.schema,)
        ).fetchone()
    assert tables == (1,)


@pytest.fixture
def role(place):
    name = f"{place.address.schema}_role"
    with place.connect(autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    place.drop()
    with place.connect(autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


async def test_who_may_not_make_the_schema_is_told(place, role):
    error = await code_of_opening(PostgresAudit(attrs.evolve(place.address, user=role)))
    assert error.code is ErrorCode.PERMISSION_DENIED


async def test_the_rights_in_the_readme_are_enough(place, role):
    schema = place.address.schema
    with place.connect(autocommit=True) as connection:
        migrate(connection, schema)
        connection.execute(
            f"""
            GRANT USAGE ON SCHEMA {schema} TO {role};
            GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};
            GRANT INSERT ON {schema}.entries TO {role};
            GRANT INSERT, DELETE ON {schema}.joined TO {role};
            GRANT INSERT, UPDATE, DELETE ON {schema}.documents TO {role};
            GRANT USAGE ON SEQUENCE {schema}.revision TO {role};
            """
        )
    address = attrs.evolve(place.address, user=role)
    sink, state = PostgresAudit(address), PostgresState(address)
    await sink.open()
    await state.open()
    entries = make_entries(2)
    with psycopg.connect(place.url, user=role) as application:
        sink.join_sync(entries, application)
    assert list(await sink.append(await sink.joined(10), expected_size=0)) == [0, 1]
    assert list(await sink.append(entries, expected_size=0)) == [0, 1]
    revision = await state.put("a", b"1", expected=None)
    await state.put("a", b"2", expected=revision)
    await state.delete("a")
    await sink.aclose()
    await state.aclose()
    error = await code_of_opening(PostgresState(attrs.evolve(address, erases=True)))
    assert error.code is ErrorCode.PERMISSION_DENIED
    assert "truncate" in error.message


@pytest.mark.parametrize(
    "statement", ["UPDATE {}.entries SET body = ''", "DELETE FROM {}.entries", "TRUNCATE {}.entries"]
)
async def test_entries_are_never_changed_in_passing(place, statement):
    sink = PostgresAudit(place.address)
    await sink.open()
    await sink.append(make_entries(1), expected_size=0)
    with place.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.format(place.address.schema))
    assert await sink.size() == 1
    await sink.aclose()


async def test_an_entry_that_was_removed_all_the_same_is_an_integrity_error(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    await sink.append(make_entries(3), expected_size=0)
    with place.connect(autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {place.address.schema}.entries DISABLE TRIGGER USER")
        connection.execute(f"DELETE FROM {place.address.schema}.entries WHERE idx = 1")
    with pytest.raises(AegisError) as caught:
        await sink.read(0, 3)
    assert caught.value.code is ErrorCode.INTEGRITY
    await sink.aclose()


async def test_another_database_behind_the_same_address_is_noticed(place):
    sink = PostgresAudit(place.address)
    await sink.open()
    await sink.append(make_entries(1), expected_size=0)
    place.drop()
    with place.connect(autocommit=True) as connection:
        migrate(connection, place.address.schema)
        ours = "FROM pg_stat_activity WHERE application_name = 'aegis' AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid) {ours}")
        with anyio.fail_after(20):
            while connection.execute(f"SELECT count(*) {ours}").fetchone()[0]:
                await anyio.sleep(0)
    with pytest.raises(AegisError) as caught:
        await sink.append(make_entries(1), expected_size=0)
    assert caught.value.code is ErrorCode.PRECONDITION_FAILED
    assert "another database" in caught.value.message
    await sink.aclose()


@pytest.mark.parametrize("name", ['a"; DROP TABLE visits; --', "Clinic", "", "pg_own", "a.b", "x" * 64, "a\n"])
def test_only_a_plain_name_is_put_into_a_statement(place, name):
    with pytest.raises(AegisError) as caught:
        attrs.evolve(place.address, schema=name)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with place.connect() as connection, pytest.raises(AegisError, match="schema's name"):
        migrate(connection, name)
