import asyncio
import logging
import sys

import aiosqlite

logging.basicConfig(level=logging.DEBUG)
# FIX


async def main() -> None:
    async with aiosqlite.connect(":memory:") as database:
        await database.execute("SELECT ?", (sys.argv[1],))


if __name__ == "__main__":
    asyncio.run(main())
