"""How the tests drive a browser, and what they ask axe, the checker of accessibility.

Tests get a browser from the fixture `chromium` (conftest.py), which gives them the mark `browser`.
"""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from unrolled.authoring import machine

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")  # for test_firefox.py alone
SWITCHES = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# What axe is asked: everything in light, and in dark again what colours and width can change.
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NAMES = {"label-content-name-mismatch": {"enabled": True}}  # WCAG 2.5.3, off by default
EVERYTHING = {"runOnly": WCAG, "rules": NAMES}
STRUCTURE = {"runOnly": WCAG, "rules": NAMES | {"color-contrast": {"enabled": False}}}
LAYOUT = {"runOnly": {"type": "rule", "values": ["target-size", "scrollable-region-focusable"]}}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
UNFOLD = """async () => {
  document.querySelectorAll("details").forEach((fold) => (fold.open = true));
  await new Promise((done) => setTimeout(done, 100));
  await Promise.all(document.getAnimations().map((animation) => animation.finished));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@contextmanager
def launched():
    """The browser of this machine, started."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.browser(), args=SWITCHES)
        yield browser
        browser.close()


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves files, keeps their names in `asked`, and makes the trouble it is told to make.

    trouble: {part of a name: "cut", "damaged" or "away", which is no answer at all}
    """

    def __init__(self, *arguments, trouble, asked, **options):
        self.trouble, self.asked = trouble, asked
        super().__init__(*arguments, **options)

    def do_GET(self):
        self.asked.append(self.path)
        kind = next((kind for part, kind in self.trouble.items() if part in self.path), None)
        if kind is None:
            super().do_GET()
            return
        if kind == "away":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "6" if kind == "damaged" else "600000")
        self.end_headers()
        self.wfile.write(b"spoilt")

    def log_message(self, *_):
        pass


@contextmanager
def served(folder, trouble=None, asked=None):
    """The address at which a folder is served while the context lasts, on this machine alone."""
    given = {"trouble": {} if trouble is None else trouble, "asked": [] if asked is None else asked}
    handler = functools.partial(Server, directory=folder, **given)
    server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def axe(page, options=EVERYTHING, within=None):
    """What axe finds, in one line each; "preload" would ask for style sheets at wrong addresses.

    within: a selector, where the rest of the page is another's
    """
    found = Axe().run(page, within, {**options, "preload": False}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for rule in found
        for node in rule["nodes"]
    ]
