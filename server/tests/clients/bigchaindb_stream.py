"""Follows a stream with PyPI's websockets and prints what comes, a line for each message; run by bigchaindb.test.mjs."""

import asyncio
import sys

import websockets


async def follow(url: str, talks: bool) -> None:
    async with websockets.connect(url) as stream:
        print("open", flush=True)
        if talks:
            await stream.send("hello")
            await stream.send(b"\x00\xff")
            await (await stream.ping())
            print("pong", flush=True)
        try:
            while True:
                print(await stream.recv(), flush=True)
        except websockets.ConnectionClosed as closed:
            print("closed", closed.rcvd.code, closed.rcvd.reason, flush=True)


asyncio.run(follow(sys.argv[1], "talk" in sys.argv[2:]))
