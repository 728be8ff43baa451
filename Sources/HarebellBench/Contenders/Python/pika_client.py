"""pika as fast as its documentation allows: SelectConnection, confirms by callback, acknowledgements of many."""

import pika
from measuring import Section, batch_size, job, tls_context

section = Section()
failure = []


class Publisher:
    """Keeps the window of missing confirms filled."""

    def __init__(self, connection, channel):
        self.connection, self.channel = connection, channel
        self.sent = self.confirmed = 0
        self.low = 1
        # Quorum queues confirm out of order.
        self.done = bytearray(job["messages"] + 1)
        self.body = bytes(job["bytes"])
        self.properties = pika.BasicProperties(content_type="application/json", delivery_mode=job["deliveryMode"])
        channel.confirm_delivery(self.on_confirm, callback=self.on_selected)

    def on_selected(self, _frame):
        section.begin()
        self.fill()

    def fill(self):
        publish, queue, body, properties = self.channel.basic_publish, job["queue"], self.body, self.properties
        while self.sent < job["messages"] and self.sent - self.confirmed < job["window"]:
            publish("", queue, body, properties)
            self.sent += 1

    def on_confirm(self, frame):
        method = frame.method
        if not isinstance(method, pika.spec.Basic.Ack):
            failure.append(f"unexpected {method}")
            self.connection.close()
            return
        tag = method.delivery_tag
        if method.multiple:
            self.confirmed += tag + 1 - self.low - sum(self.done[self.low : tag + 1])
            self.low = tag + 1
        else:
            self.done[tag] = 1
            self.confirmed += 1
        if self.confirmed == job["messages"]:
            section.end()
            self.connection.close()
        else:
            self.fill()


class Consumer:
    """One acknowledgement for many deliveries."""

    def __init__(self, connection, channel):
        self.connection, self.channel = connection, channel
        self.taken = 0
        self.batch = batch_size()
        channel.basic_qos(prefetch_count=max(1, job["window"] // job["consumers"]), callback=self.on_qos)

    def on_qos(self, _frame):
        section.begin()
        for _ in range(job["consumers"]):
            self.channel.basic_consume(job["queue"], self.on_message)

    def on_message(self, channel, method, _properties, _body):
        self.taken += 1
        if self.taken % self.batch == 0 or self.taken == job["messages"]:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if self.taken == job["messages"]:
            section.end()
            self.connection.close()


def on_open(connection):
    work = Consumer if job["case"].startswith("consume") else Publisher
    connection.channel(on_open_callback=lambda channel: work(connection, channel))


def on_open_error(connection, error):
    failure.append(str(error))
    connection.ioloop.stop()


context = tls_context()
connection = pika.SelectConnection(
    pika.ConnectionParameters(
        host=job["host"],
        port=job["port"],
        virtual_host=job["virtualHost"],
        credentials=pika.PlainCredentials(job["user"], job["password"]),
        ssl_options=pika.SSLOptions(context, job["host"]) if context else None,
    ),
    on_open_callback=on_open,
    on_open_error_callback=on_open_error,
    on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
)
connection.ioloop.start()
if failure:
    raise SystemExit(failure[0])
section.report()
