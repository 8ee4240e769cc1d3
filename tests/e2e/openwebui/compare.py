"""What was done against what was recorded: each step of a scenario's ground truth is looked for among the events.

A step is a dict as the drivers write it: `expected_action`, `outcome`, `actor` (e-mail or null), `target`, `method`,
`path`, `status`, `ip`, `time`; `flow` is `server` for what no request shows.
"""

from __future__ import annotations

import urllib.parse
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

FIELDS = ("action", "outcome", "actor", "target", "client")
# A request's event has the time at which its head arrived; the driver's clock starts a little earlier.
EARLIER, LATER = 0.5, 3.0


@dataclass
class Verdict:
    """One step, and what is wrong with its event (nothing: it agrees)."""

    step: dict
    event: dict | None
    wrong: dict[str, tuple] = field(default_factory=dict)

    @property
    def is_captured(self) -> bool:
        return self.event is not None and not self.wrong


def when(event: dict) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def path_of(target: str) -> str:
    return urllib.parse.unquote(target.split("?")[0]).rstrip("/")


def match(steps: list[dict], events: list[dict], ids: dict[str, str] | None = None) -> tuple[list[Verdict], list[dict]]:
    """A verdict for every step that an audit trail must have, and the gateway's events that belong to no step. `ids` are
    the ids of people by their e-mail: a credential that is no longer accepted claims an id."""
    by_request = defaultdict(list)
    for event in events:
        http = event.get("http", {})
        if event["source"] == "gateway" and http.get("path"):
            by_request[http.get("method"), path_of(http["path"])].append(event)
    used: set[str] = set()
    verdicts = []
    for step in sorted(steps, key=lambda step: step["time"]):
        event = find_request(step, by_request, used) if step.get("method") else None
        if event is not None:
            used.add(event["id"])
        if step["expected_action"] == "none":
            continue
        if event is None and not step.get("method"):
            event = find_deed(step, events, used)
            if event is not None:
                used.add(event["id"])
        verdicts.append(judge(step, event, events, ids or {}))
    extra = [event for event in events if event["source"] == "gateway" and event["id"] not in used]
    return verdicts, extra


def find_request(step: dict, by_request: dict, used: set[str]) -> dict | None:
    """The unused event of the same request that is nearest in time."""
    candidates = [
        event
        for event in by_request[step["method"], path_of(step["path"])]
        if event["id"] not in used
        and -EARLIER <= when(event) - step["time"] <= LATER
        and (not step.get("ip") or event.get("client", {}).get("ip") == step["ip"])
    ]
    return min(candidates, key=lambda event: abs(when(event) - step["time"]), default=None)


def find_deed(step: dict, events: list[dict], used: set[str]) -> dict | None:
    """The event of what is known only as a deed: what the server did on its own, what was done in the browser."""
    target = (step.get("target") or {}).get("id")
    candidates = [
        event
        for event in events
        if event["id"] not in used
        and event["action"] == step["expected_action"]
        and (target is None or target in ids_of(event))
        and abs(when(event) - step["time"]) < 30
    ]
    return min(candidates, key=lambda event: abs(when(event) - step["time"]), default=None)


def ids_of(event: dict) -> tuple:
    return event.get("target", {}).get("id"), event.get("details", {}).get("chat_id")


def judge(step: dict, event: dict | None, events: list[dict], ids: dict[str, str]) -> Verdict:
    verdict = Verdict(step, event)
    if event is None:
        return verdict
    found = {
        "action": event["action"],
        "outcome": outcome(step, event, events),
        "actor": event.get("actor", {}).get("email"),
        "target": event.get("target", {}).get("id"),
        "client": event.get("client", {}).get("ip"),
    }
    expected = {"action": step["expected_action"], "outcome": step["outcome"], "actor": step["actor"]}
    if (step.get("target") or {}).get("id") and step["outcome"] == "success":
        expected["target"] = step["target"]["id"]
    if step.get("ip") and step.get("flow") != "server":
        expected["client"] = step["ip"]
    for name, value in expected.items():
        if found[name] != value:
            verdict.wrong[name] = (value, found[name])
    claimed = step.get("claimed_actor")
    claim = event.get("details", {}).get("claimed_actor", {}).get("id")
    if claimed and claim != ids.get(claimed, claimed):
        verdict.wrong["claimed"] = (claimed, claim)
    return verdict


def outcome(step: dict, event: dict, events: list[dict]) -> str:
    """The ground truth knows success and failure. How a chat of the web UI ends is known later, by another event."""
    told = event["outcome"]
    if step["expected_action"] == "chat.completion" and told == "unknown":
        chat = event.get("target", {}).get("id")
        after = [
            later
            for later in events
            if later["action"] in ("chat.finished", "chat.failed", "model.called")
            and chat in ids_of(later)
            and later.get("details", {}).get("task") is None
            and -EARLIER <= when(later) - when(event) <= 30
        ]
        failed = any(later["action"] == "chat.failed" or later["outcome"] == "failure" for later in after)
        told = "failure" if failed else "success" if after else "unknown"
    return {"denied": "failure"}.get(told, told)


def table(verdicts: list[Verdict], category_of: dict[str, str]) -> list[tuple[str, int, int]]:
    """Category, steps, captured with every field right; the last row is the sum."""
    rows = defaultdict(lambda: [0, 0])
    for verdict in verdicts:
        action = verdict.step["expected_action"]
        category = verdict.event["category"] if verdict.event else category_of.get(action, "?")
        rows[category][0] += 1
        rows[category][1] += verdict.is_captured
    table = [(category, *counts) for category, counts in sorted(rows.items())]
    return [*table, ("all", len(verdicts), sum(verdict.is_captured for verdict in verdicts))]


def markdown(tables: dict[str, list[tuple[str, int, int]]]) -> str:
    names = list(tables)
    categories = sorted({row[0] for rows in tables.values() for row in rows} - {"all"})
    lines = ["| category | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for category in [*categories, "all"]:
        cells = []
        for name in names:
            row = next((row for row in tables[name] if row[0] == category), None)
            cells.append(f"{row[2]} of {row[1]}" if row else "–")
        lines.append(f"| {category} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
