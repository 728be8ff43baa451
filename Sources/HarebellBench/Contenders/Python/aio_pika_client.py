"""aio-pika as fast as its documentation allows: many publishes awaited at once, consumers by callback."""

import asyncio

import aio_pika
from measuring import Section, batch_size, job, tls_context

section = Section()


async def publish(channel):
    exchange = channel.default_exchange
    message = aio_pika.Message(
        bytes(job["bytes"]), content_type="application/json", delivery_mode=job["deliveryMode"]
    )

    async def one():
        await exchange.publish(message, routing_key=job["queue"], mandatory=False)

    async def batches(share, size):
        while share > 0:
            count = min(share, size)
            await asyncio.gather(*(one() for _ in range(count)))
            share -= count

    async def each(share):
        for _ in range(share):
            await one()

    in_batches = job["case"] == "publish-batch"
    workers = min(4 if in_batches else 64, job["window"])
    size = max(1, job["window"] // workers)
    shares = [job["messages"] // workers + (index < job["messages"] % workers) for index in range(workers)]
    section.begin()
    await asyncio.gather(*(batches(share, size) if in_batches else each(share) for share in shares))
    section.end()


async def consume(channel):
    await channel.set_qos(prefetch_count=max(1, job["window"] // job["consumers"]))
    queue = await channel.get_queue(job["queue"], ensure=False)
    batch = batch_size() if job["case"] == "consume-batch" else 1
    finished = asyncio.get_running_loop().create_future()
    taken = settled = 0

    async def on_message(message):
        nonlocal taken, settled
        taken += 1
        mine = taken
        if mine % batch == 0 or mine == job["messages"]:
            await message.ack(multiple=batch > 1)
        settled += 1
        if settled == job["messages"]:
            section.end()
            finished.set_result(None)

    section.begin()
    for _ in range(job["consumers"]):
        await queue.consume(on_message)
    await finished


async def main():
    context = tls_context()
    connection = await aio_pika.connect(
        host=job["host"],
        port=job["port"],
        login=job["user"],
        password=job["password"],
        virtualhost=job["virtualHost"],
        ssl=context is not None,
        ssl_context=context,
    )
    channel = await connection.channel(publisher_confirms=True)
    await (consume if job["case"].startswith("consume") else publish)(channel)
    await connection.close()


asyncio.run(main())
section.report()
