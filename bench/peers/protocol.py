"""protocol.mjs for engines in Python: a request a line on standard input, an answer a line on descriptor 3."""

import json
import os
import sys
import time


def serve(version: str, load) -> None:
    """`load()` gives a function for each kind of request, from the request to its answer; see protocol.mjs."""
    answers = os.fdopen(3, "w", buffering=1)

    def reply(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")

    began = time.perf_counter()
    measurements = load()
    reply({"seconds": time.perf_counter() - began, "version": version})
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["kind"] not in measurements:
                raise ValueError(f"{version} has no measurement '{message['kind']}' here")
            reply(measurements[message["kind"]](message))
        except Exception as error:  # what an engine cannot do is an answer
            reply({"error": f"{error}".strip().split("\n")[0] or type(error).__name__})


def seconds_of(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def timed_steps(step, steps: int) -> float | None:
    """Seconds a step, after one that is not counted; None for no steps."""
    if steps == 0:
        return None
    step()
    return seconds_of(lambda: [step() for _ in range(steps)]) / steps
