"""Celery: one process that runs its tasks itself (solo), typed arguments, acknowledged late, no results, few broadcasts."""

import warnings

from celery import Celery
from celery.worker import state
from celery.worker.consumer.delayed_delivery import DelayedDelivery
from events import PaidOut
from kombu import Queue
from kombu.asynchronous import get_event_loop
from measuring import Handled, job, url


def stop():
    # Its event loop looks only after an event; otherwise it would wait for one.
    get_event_loop().call_later(0.05, lambda: None)
    # Between two messages, so the last one is acknowledged before.
    state.should_stop = 0


# In a container or in CI the user may be root, about which Celery warns.
warnings.filterwarnings("ignore", module="celery.platforms")
app = Celery("bench", broker=url())
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=job["window"],
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    # Its arguments tell Celery to set the prefetch for the consumer, as quorum queues want.
    task_queues=[Queue(job["queue"], no_declare=True, queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue=job["queue"],
)
# No task here has a time to wait for: this would leave 28 queues behind.
DelayedDelivery.include_if = lambda self, consumer: False
handled = Handled(stop)


@app.task(name="handle", pydantic=True)
def handle(event: PaidOut):
    handled.one(event)


worker = app.Worker(
    pool="solo",
    concurrency=1,
    loglevel="WARNING",
    quiet=True,
    without_gossip=True,
    without_mingle=True,
    without_heartbeat=True,
)
worker.start()
handled.section.report()
