#!/usr/bin/env python3
"""Drives a real Open WebUI 0.12.4 through the gateway, by HTTP, Socket.IO and Chromium, and compares what was done with
what was recorded.

    run.py --binary target/release/secureai-audit [--scenario a] [--scenario b] [--browser] [--write docs/COVERAGE.md]

Needs: OPENWEBUI_VENV with open-webui==0.12.4; the drivers of ../shared/openwebui/tools; for --browser node, Chromium and
NODE_MODULES with playwright-core. Ends with status 1 when a step that the gateway can see is missing or wrong.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import compare  # noqa: E402
from signin.services import SHARED, Services, free_port, wait_for_page, wait_for_port  # noqa: E402

ADMIN = ("ada.admin@example.test", "Adm1n-pass!")
CONFIG = """\
[gateway]
upstream = "http://127.0.0.1:{owui}"
department_prefix = "dept:"

[models]
callers = "127.0.0.0/8"

[[models.provider]]
name = "mock"
url = "http://127.0.0.1:{mock}"
"""


class Stack:
    """Open WebUI with our gateway in front of it and behind it."""

    def __init__(self, services: Services, binary: str):
        self.services, self.binary = services, binary
        self.ports = {name: free_port() for name in ("gateway", "owui", "mock", "hook")}
        self.base = f"http://127.0.0.1:{self.ports['gateway']}"
        self.python = pathlib.Path(os.environ["OPENWEBUI_VENV"]) / "bin" / "python"
        self.data = services.folder / "audit"
        self.token = ""

    def start(self) -> None:
        services, ports = self.services, self.ports
        provided = services.folder / "provider.ndjson"
        mock = services.start("mock", [self.python, SHARED / "tools" / "mock_provider.py"],
                              {"MOCK_PORT": str(ports["mock"]), "MOCK_RECORD": str(provided)})  # fmt: skip
        hook = services.start("hook", [self.python, SHARED / "tools" / "hook_recorder.py"],
                              {"HOOK_PORT": str(ports["hook"]), "HOOK_FILE": str(services.folder / "hooks.ndjson")})  # fmt: skip
        wait_for_port(ports["mock"], mock)
        wait_for_port(ports["hook"], hook)
        self.start_gateway()
        webhook = self.make_source()
        # Open WebUI's starting script puts "/v1" behind what it takes for the provider's port.
        provider = {"START_MOCK": "0", "WEBHOOK_URL": webhook}
        services.openwebui(ports["owui"], f"{ports['gateway']}/llm/mock", provider)

    def start_gateway(self) -> None:
        config = self.services.folder / "config.toml"
        config.write_text(CONFIG.format(**self.ports))
        command = [self.binary, "serve", "--data-dir", self.data, "--config", config,
                   "--listen", f"127.0.0.1:{self.ports['gateway']}"]  # fmt: skip
        process = self.services.start("gateway", command)
        wait_for_page(f"{self.base}/api/v1/auditlog/healthz", process, 60)
        self.token = (self.data / "keys" / "first-admin-token").read_text().strip()

    def make_source(self) -> str:
        """The address that Open WebUI sends its events to, secret included."""
        made = self.call("PUT", "/sources/openwebui/main")
        return f"{self.base}{made['path']}?token={made['secret']}"

    def call(self, method: str, path: str) -> dict:
        request = urllib.request.Request(f"{self.base}/api/v1/auditlog{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def events(self) -> list[dict]:
        request = urllib.request.Request(f"{self.base}/api/v1/auditlog?format=ndjson&order=oldest_first")
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return [json.loads(line) for line in answer]

    def drive(self, script: pathlib.Path, name: str, env: dict) -> dict:
        out = self.services.folder / f"expected-{name}.json"
        command = [self.python, script]
        env = {**os.environ, "BASE": self.base, "OUT": str(out), **env}
        subprocess.run(command, check=True, env=env, cwd=script.parent)
        return json.loads(out.read_text())


def scenario_a(stack: Stack, browser: bool) -> dict:
    env = {
        "HOOK": f"http://127.0.0.1:{stack.ports['hook']}",
        "DIRECT": f"http://127.0.0.1:{stack.ports['gateway']}/llm/mock/v1",
    }
    if browser:
        folder = stack.services.folder / "browser"
        folder.mkdir()
        shutil.copy(SHARED / "tools" / "browser.mjs", folder)
        (folder / "node_modules").symlink_to(os.environ["NODE_MODULES"])
        env["BROWSER"] = str(folder)
    return stack.drive(SHARED / "tools" / "drive_a.py", "a", env)


def scenario_b(stack: Stack, after_a: bool) -> dict:
    env = {"ADMIN_EMAIL": ADMIN[0], "ADMIN_PASSWORD": ADMIN[1]}
    if not after_a:
        env["FIRST_ADMIN"] = "1"
    return stack.drive(HERE / "scenario_b.py", "b", env)


def model_calls(stack: Stack, events: list[dict]) -> list[str]:
    """What is wrong with the record of model calls: each call that the provider got is one event with its tokens."""
    calls = [json.loads(line) for line in (stack.services.folder / "provider.ndjson").read_text().splitlines()]
    calls = [call for call in calls if call["method"] == "POST" and call["path"].endswith(("/completions", "/embeddings"))]
    recorded = [event for event in events if event["source"] == "model_gateway"]
    sent = Counter()
    for call in calls:
        usage = call.get("usage_sent") or {}
        sent["calls"] += 1
        sent["input"] += usage.get("prompt_tokens") or 0
        sent["output"] += usage.get("completion_tokens") or 0
    seen = Counter(calls=len(recorded))
    for event in recorded:
        seen["input"] += event.get("usage", {}).get("input_tokens", 0)
        seen["output"] += event.get("usage", {}).get("output_tokens", 0)
    print(f"model calls: provider {dict(sent)}, recorded {dict(seen)}")
    return [] if sent == seen else [f"model calls: the provider counted {dict(sent)}, the log has {dict(seen)}"]


def doubles(events: list[dict]) -> list[str]:
    """Facts that both the gateway and another source recorded as events of their own."""
    first_hand = [event for event in events if event["source"] == "gateway"]
    found = []
    for event in events:
        if event["source"] not in ("webhook", "audit_file"):
            continue
        same = [
            other
            for other in first_hand
            if other["action"] == event["action"]
            and other["outcome"] == event["outcome"]
            and other.get("target", {}).get("id") == event.get("target", {}).get("id")
            and other.get("actor", {}).get("id") == event.get("actor", {}).get("id")
            and abs(compare.when(other) - compare.when(event)) <= 2
        ]
        if same:
            found.append(f"twice: {event['action']} {event.get('target')} by gateway and {event['source']}")
    return found


def admin_entry(stack: Stack) -> list[str]:
    """The way from Open WebUI's settings to our page, in Chromium: for an admin, and for nobody else."""
    folder = stack.services.folder / "browser"
    folder.mkdir(exist_ok=True)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(os.environ["NODE_MODULES"])
    shutil.copy(HERE / "admin_entry.mjs", folder)
    env = {**os.environ, "BASE": stack.base, "EMAIL": ADMIN[0], "PASSWORD": ADMIN[1],
           "OTHER_EMAIL": "ben.b@example.test", "OTHER_PASSWORD": "Passw0rd-b!", "GONE_EMAIL": "eve.b@example.test",
           "UPSTREAM": f"http://127.0.0.1:{stack.ports['owui']}"}  # fmt: skip
    done = subprocess.run(["node", "admin_entry.mjs"], cwd=folder, env=env, timeout=300)
    return [] if done.returncode == 0 else ["the entry in the admin panel"]


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--binary", required=True)
    options.add_argument("--scenario", action="append", choices=["a", "b"])
    options.add_argument("--browser", action="store_true")
    options.add_argument("--write")
    options.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = options.parse_args()
    folder = tempfile.mkdtemp(prefix="secureai-audit-e2e.")
    print(f"files are in {folder}")
    try:
        with Services(folder) as services:
            return run(options, services)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def run(options, services: Services) -> int:
    binary = str(pathlib.Path(options.binary).resolve())
    scenarios = options.scenario or ["a", "b"]
    stack = Stack(services, binary)
    stack.start()
    truth = {}
    if "a" in scenarios:
        truth["a"] = scenario_a(stack, options.browser)
    if "b" in scenarios:
        truth["b"] = scenario_b(stack, "a" in scenarios)
    wrong = admin_entry(stack) if options.browser and "b" in scenarios else []
    # Sightings of other sources are held for a while before they count as events of their own.
    time.sleep(15)
    events = stack.events()
    (services.folder / "events.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    categories = {event["action"]: event["category"] for event in events}
    tables = {}
    for name, expected in truth.items():
        people = expected.get("meta", {}).get("users", {})
        verdicts, _extra = compare.match(expected["steps"], events, people)
        tables[f"scenario {name.upper()}"] = compare.table(verdicts, categories)
        for verdict in verdicts:
            if not verdict.is_captured:
                wrong.append(describe(name, verdict))
    wrong += model_calls(stack, events) + doubles(events)
    text = compare.markdown(tables)
    print(text)
    print(Counter(f"{event['source']} {event['action']}" for event in events if event["action"] == "api.request"))
    subprocess.run([binary, "doctor", "--url", stack.base], env={**os.environ, "SECUREAI_AUDIT_TOKEN": stack.token})
    if options.write:
        pathlib.Path(options.write).write_text(document(text))
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


def describe(name: str, verdict: compare.Verdict) -> str:
    step = verdict.step
    what = f"{name}: {step['what']} ({step.get('method')} {step.get('path')} {step.get('status')})"
    if verdict.event is None:
        return f"{what}: no event; expected {step['expected_action']}"
    return f"{what}: {verdict.event['action']} {verdict.wrong}"


def document(table: str) -> str:
    return f"""# What is captured

Written by `tests/e2e/openwebui/run.py`: a real Open WebUI 0.12.4 was driven through the gateway by HTTP, Socket.IO and
Chromium, and each thing done was looked for among the recorded events. A step counts only when its event names the
action, the outcome, the actor, the target and the client's address rightly. Steps that an audit trail need not have
(reading the public configuration, listing one's own chats) are left out.

Scenario A is `drive_a.py` of the recordings; scenario B, what A leaves out, is `scenario_b.py`.

{table}"""


if __name__ == "__main__":
    sys.exit(main())
