"""What the Python clients of harebell-bench share: their job, and the measured section."""

import json
import os
import resource
import ssl
import struct
import sys
import threading
import time
from urllib.parse import quote

# Of Job.swift, as JSON on standard input.
job = json.load(sys.stdin)

_counter = int(os.environ.get("HAREBELL_BENCH_CALL_COUNTER", "-1"))


def batch_size():
    """How many deliveries one acknowledgement settles: as in the C loop."""
    return 100 if job["window"] >= 200 else (job["window"] + 1) // 2


def tls_context():
    """Trusts the authority of the job; None for plain text."""
    return ssl.create_default_context(cafile=job["authority"]) if job.get("authority") else None


def url():
    """The broker's address, for clients that take nothing else."""
    user, password, virtual_host = (quote(job[key], safe="") for key in ("user", "password", "virtualHost"))
    return f"amqp://{user}:{password}@{job['host']}:{job['port']}/{virtual_host}"


def _calls():
    return struct.unpack("q", os.read(_counter, 8))[0] if _counter >= 0 else None


def _cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_rss():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Section:
    """From the first message to the last."""

    def begin(self):
        self.calls = _calls()
        self.cpu = _cpu()
        self.start = time.perf_counter()

    def end(self):
        seconds = time.perf_counter() - self.start
        outcome = {"seconds": seconds, "cpuSeconds": _cpu() - self.cpu, "peakRSSBytes": _peak_rss()}
        if self.calls is not None:
            outcome["calls"] = _calls() - self.calls
        self.outcome = outcome

    def report(self):
        json.dump(self.outcome, sys.stdout)


class Handled:
    """A section from the first event that is handled to the last one: how long a worker takes to start has no part in it."""

    def __init__(self, finished):
        self.section = Section()
        self.finished = finished
        self.count = 0
        self.lock = threading.Lock()

    def one(self, event):
        with self.lock:
            self.count += 1
            count = self.count
        if event.amount.minorUnits <= 0:
            raise ValueError("an event that nobody published")
        if count == 1:
            self.section.begin()
        if count == job["messages"]:
            self.section.end()
            self.finished()
