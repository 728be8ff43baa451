"""FastStream: a subscriber with a typed argument, acknowledged after it has returned; uvloop and orjson, as it prefers."""

import asyncio

import uvloop
from events import PaidOut
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from measuring import Handled, job, url


async def main():
    finished = asyncio.Event()
    handled = Handled(finished.set)
    broker = RabbitBroker(url(), default_channel=Channel(prefetch_count=job["window"]), logger=None)

    @broker.subscriber(RabbitQueue(job["queue"], declare=False))
    async def handle(event: PaidOut):
        handled.one(event)

    await broker.start()
    await finished.wait()
    # Waits for the handlers that run, and so for their acknowledgements.
    await broker.stop()
    handled.section.report()


uvloop.run(main())
