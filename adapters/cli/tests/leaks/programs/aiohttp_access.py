import asyncio
import logging
import sys

from aiohttp import ClientSession, web

logging.basicConfig(level=logging.INFO)
# FIX


async def patient(request: web.Request) -> web.Response:
    return web.Response(text="ok")


application = web.Application()
application.router.add_get("/patients/{mrn}", patient)


async def main() -> None:
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as client:
        await client.get(f"http://127.0.0.1:{port}/patients/{sys.argv[1]}")
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
