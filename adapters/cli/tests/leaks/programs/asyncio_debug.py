import asyncio
import logging
import sys
import time

# ENVIRONMENT PYTHONASYNCIODEBUG=1
# FIX


def admit(mrn: str) -> None:
    time.sleep(0.15)


async def main() -> None:
    asyncio.get_running_loop().call_soon(admit, sys.argv[1])
    await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main())
