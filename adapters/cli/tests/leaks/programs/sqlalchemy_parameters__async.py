import asyncio
import sys

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    "sqlite+aiosqlite://",
    # FIX,
)
# ADAPTER


async def main() -> None:
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT * FROM patient WHERE mrn = :mrn"), {"mrn": sys.argv[1]})
    except OperationalError as problem:
        print(problem)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
