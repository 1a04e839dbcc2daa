"""A lab in Firefox, on machines that have it: conftest.py leaves this file out on others.

It is driven by WebDriver BiDi, over a socket. Firefox waits where Chromium does not: it asks the
reader whether a site may keep data.
"""

import itertools
import json
import re
import subprocess
import time
from contextlib import contextmanager, suppress

import lite
import pytest
import websocket
from browser import FIREFOX, served
from submissions import answers
from test_lite import LAB, MISTAKES, NOTEBOOK, errors, site  # noqa: F401

from unrolled import exercises

# the bar may still tell of what was kept before the last change
KEPT = """() => !window.jupyterapp.shell.currentWidget.context.model.dirty &&
  document.querySelector('#unrolled-bar p').innerText.includes('Kept in this browser')"""
SECONDS = lite.SECONDS / 1000


class Refused(Exception):
    """A command that failed, as one does while a page makes way for another."""


class Tab:
    """One tab of a Firefox that listens at an address."""

    def __init__(self, address):
        self.socket = websocket.create_connection(address, SECONDS, suppress_origin=True)
        self.numbers, self.asked = itertools.count(), set()
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["network.beforeRequestSent"])
        self.context = self.send("browsingContext.create", type="tab")["context"]

    def send(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("method") == "network.beforeRequestSent":
                self.asked.add(told["params"]["request"]["url"])
            if told.get("id") == number:
                if told["type"] != "success":
                    raise Refused(f"{method}: {told['message']}")
                return told["result"]

    def goto(self, address):
        self.send("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def evaluate(self, function, argument=None):
        """As Playwright's."""
        called = f"({function})({json.dumps(argument)})"
        told = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await {called}))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert told["type"] == "success", told["exceptionDetails"]["text"]
        return json.loads(told["result"].get("value", "null"))

    def wait_for(self, function):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with suppress(Refused):
                if self.evaluate(function):
                    return
            time.sleep(0.2)
        pytest.fail(f"{function} never came true")

    def open_lab(self, address):
        self.goto(f"{address}/lite/index.html?lab={NOTEBOOK}")
        self.wait_for("() => document.querySelector('#unrolled-bar[data-ready]') !== null")
        self.wait_for(lite.READY)


@contextmanager
def firefox(folder):
    """A tab of Firefox, its profile in a folder."""
    command = [FIREFOX, "--headless", "--no-remote", "--profile", folder]
    command += ["--remote-debugging-port", "0", "about:blank"]
    log = folder / "log"
    with log.open("w") as said:
        process = subprocess.Popen(command, stderr=said, stdout=said)
    try:
        end = time.monotonic() + SECONDS
        while not (listens := re.search(r"BiDi listening on (ws://\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield Tab(f"{listens[1]}/session")
    finally:
        process.terminate()
        process.wait()


@pytest.mark.browser
def test_a_lab_runs_names_mistakes_and_is_there_without_a_network(site, tmp_path):  # noqa: F811
    trouble = {}
    with served(site, trouble) as address, firefox(tmp_path) as tab:
        tab.open_lab(address)
        untouched = tab.evaluate(lite.RUN_ALL)
        assert not errors(untouched)
        assert "not attempted" in json.dumps(untouched[-1])
        tab.evaluate(lite.FILL, {name: cell.source for name, cell in answers(LAB).items()})
        assert not errors(tab.evaluate(lite.RUN_ALL))
        points = {name: [e.points] * 2 for name, e in exercises.load(LAB).exercises.items()}
        assert points.items() <= scores(tab).items()
        named = json.loads(tab.evaluate(lite.EXECUTE, MISTAKES)["text"])
        assert all(wanted == found for wanted, found in named.values())
        tab.wait_for(KEPT)
        trouble["/"] = "away"
        tab.open_lab(address)
        assert {cell.source for cell in answers(LAB).values()} <= set(tab.evaluate(lite.SOURCES))
        tab.evaluate(lite.RUN_ALL)
        assert points.items() <= scores(tab).items()
        assert all(url.startswith((address, "about:", "blob:", "data:")) for url in tab.asked)


def scores(tab):
    return json.loads(tab.evaluate(lite.EXECUTE, lite.SCORES)["text"])
