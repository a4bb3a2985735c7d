"""What a newcomer does: start it, look at the page, follow a dollar, kill it, start it again, stop it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.demo.demo import Demo, demo

pytestmark = pytest.mark.timeout(300)

MINE = """{ viewer { accounts(first: 1) { edges { node { id
  value { total { amount } }
  activity(first: 50) { edges { node { type transfers { asset amount debit { kind } credit { kind } } } } } } } } } }"""


def ask(running: Demo, query: str, token: str) -> Any:
    answer = httpx2.post(
        f"{running.url}/graphql",
        json={"query": query},
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
        trust_env=False,
    )
    return answer.json()["data"]


def session(running: Demo) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{running.url}/demo/session", trust_env=False).json()
    return found


def until_there_are_fills(running: Demo) -> None:
    token = session(running)["operatorToken"]
    deadline = time.monotonic() + 90
    query = "{ desk { marketOrders(first: 20) { edges { node { status } } } } }"
    while time.monotonic() < deadline:
        edges = ask(running, query, token)["desk"]["marketOrders"]["edges"]
        if any(edge["node"]["status"] == "FILLED" for edge in edges):
            return
        time.sleep(0.2)
    raise AssertionError("nothing was filled")


def replays(home: Path) -> str:
    """The replay command; it fails unless the log and every balance agree."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "replay"]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    found = subprocess.run(
        command, env=environment | {"WEALTHGRAPH_HOME": str(home)}, capture_output=True, text=True, check=True
    )
    return found.stdout


def test_it_starts_survives_and_stops(home: Path) -> None:
    with demo(home, 25) as running:
        until_there_are_fills(running)
        assert "agree" in replays(home)
        running.kill()
    assert "agree" in replays(home)
    with demo(home, 25) as running:
        until_there_are_fills(running)
        mine = ask(running, MINE, session(running)["investorToken"])["viewer"]["accounts"]["edges"]
        assert len(mine) == 1, "after a restart the investors find their accounts again"
        types = [edge["node"]["type"] for edge in mine[0]["node"]["activity"]["edges"]]
        assert types[-2:] == ["DEPOSIT", "ACCOUNT_OPENED"]
        assert types.count("ACCOUNT_OPENED") == 1
        printed = running.interrupt()
        assert running.process.returncode == 0
        assert printed.rstrip().endswith("goes on with the same data.")
        assert "Traceback" not in printed, printed
    assert "agree" in replays(home)


@contextmanager
def browser_page(url: str, errors: list[str]) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        assert os.environ.get("CI") != "true", "CI must have a Chromium"
        pytest.skip("no Chromium on this machine")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=[*flags, "--disable-sync", "--no-first-run"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("response", lambda got: errors.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        yield page
        browser.close()


def test_the_live_page_shows_fills_and_the_proof(home: Path) -> None:
    errors: list[str] = []
    with demo(home, 40) as running, browser_page(running.url, errors) as page:
        # Selectors only: a script of ours would have to be evaluated, which the page's own policy forbids.
        page.wait_for_selector("#fills-seen:not([value='0'])", timeout=90_000)
        page.wait_for_selector("html[data-proof='holds']", state="attached", timeout=30_000)
        page.wait_for_selector("#connection[data-state='live']", timeout=30_000)
        page.locator("[data-market-order]").first.click()
        page.wait_for_selector("dialog [data-holds='true']", timeout=30_000)
        assert page.locator("[data-holds='false']").count() == 0
        page.goto(f"{running.url}/graphiql")
        page.wait_for_selector(".graphiql-execute-button", timeout=30_000).click()
        page.locator(".result-window", has_text="buyingPower").wait_for(timeout=30_000)
    assert errors == []
