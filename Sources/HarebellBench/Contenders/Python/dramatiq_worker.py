"""Dramatiq: one process with its usual 8 threads and its usual middleware; the actor reads its argument into a model."""

import os
import threading

from measuring import Handled, job, url

# Read when dramatiq is imported.
os.environ["dramatiq_queue_prefetch"] = str(job["window"])

import dramatiq  # noqa: E402
from dramatiq.brokers.rabbitmq import RabbitmqBroker  # noqa: E402
from events import PaidOut  # noqa: E402


class Broker(RabbitmqBroker):
    """Takes the queue as it is; the queues of delayed and dead messages are its own."""

    def _declare_queue(self, queue_name):
        return self.channel.queue_declare(queue=queue_name, passive=True)


finished = threading.Event()
handled = Handled(finished.set)
broker = Broker(url=url())
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="handle", queue_name=job["queue"])
def handle(event):
    handled.one(PaidOut.model_validate(event))


worker = dramatiq.Worker(broker, worker_threads=8)
worker.start()
finished.wait()
worker.stop()
broker.close()
handled.section.report()
