"""Compares what the audit log says with what was done, step by step, and prints the table."""
import json
import time
import urllib.parse
import urllib.request


def events_of(base, token, since):
    query = urllib.parse.urlencode({"from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since - 2)), "format": "ndjson", "order": "asc"})
    request = urllib.request.Request(f"{base}/api/v1/auditlog?{query}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [json.loads(line) for line in answer.read().splitlines() if line.strip()]


def who(event):
    actor = event.get("actor") or {}
    if actor.get("type") == "service":
        return actor.get("name")
    return None if actor.get("type") in ("anonymous", None) and not actor.get("email") else actor.get("email") or actor.get("name")


def differences(expected, event):
    """What of an expectation an event does not meet."""
    details, org = event.get("details") or {}, event.get("org") or {}
    told = {
        "action": event.get("action"), "outcome": event.get("outcome"), "actor": who(event), "reason": event.get("reason"),
        "auth_method": details.get("auth_method"), "claimed": (details.get("claimed_actor") or {}).get("id"),
        "groups": org.get("groups"), "department": org.get("department"), "target": (event.get("target") or {}).get("id"),
    }
    return [f"{name}: {told[name]!r} instead of {wanted!r}" for name, wanted in expected.items() if wanted != told[name]]


def matching(events, step):
    """The events of a step's request, in the log's order: by path, status and time."""
    path = urllib.parse.urlsplit(step["target"]).path
    near = lambda event: abs(event_time(event) - step["time"]) < 30
    same = lambda event: (event.get("http") or {}).get("path") == path and event["http"].get("method") == step["method"] and event["http"].get("status") == step["status"]
    return [event for event in events if event.get("source") == "gateway" and same(event) and near(event)]


def event_time(event):
    whole, fraction = event["time"].rstrip("Z").split(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + fraction)


def compare(base, token, steps, folder):
    """Prints the table; 0 when every step is as it must be, nothing else is recorded, and no secret is written."""
    time.sleep(2)
    events = events_of(base, token, steps[0]["time"])
    taken, wrong = set(), 0
    for number, step in enumerate(steps):
        if step["expected"]["action"] is None:
            continue
        candidates = [event for event in matching(events, step) if event["id"] not in taken]
        event = min(candidates, key=lambda event: (len(differences(step["expected"], event)), event["time"]), default=None)
        problems = ["no event"] if event is None else differences(step["expected"], event)
        if event is not None:
            taken.add(event["id"])
        wrong += bool(problems)
        print(f"{number:3} {'ok ' if not problems else 'BAD'} {step['status']} {step['what']:45} {'; '.join(problems)}")
    others = [event for event in events if event.get("source") == "gateway" and event["id"] not in taken and not is_expected_beside(event)]
    for event in others:
        print(f"    not expected: {event['time']} {event['action']} {event['outcome']} {who(event)} {event['http']}")
    leaks = [f"{name} in {place}" for place, name in secrets_written(steps, events, folder)]
    expected = sum(step["expected"]["action"] is not None for step in steps)
    print(f"{expected - wrong} of {expected} steps as expected; other events: {len(others)}; secrets written: {len(leaks)} {leaks[:5]}")
    return 1 if wrong or leaks or others else 0


def is_expected_beside(event):
    """Second events of one request: confirming a second factor signs in."""
    return event["id"].endswith(".2") and event["action"] == "auth.login"


def secrets_written(steps, events, folder):
    """Tokens, keys, cookies and passwords that were sent or issued and stand in an event, our log, or our files."""
    places = {"an event": "\n".join(json.dumps(event, ensure_ascii=False) for event in events).encode()}
    files = [path for path in (folder / "audit").rglob("*") if path.is_file() and "keys" not in path.parts]
    for path in [folder / "gateway.log", *files]:
        places[str(path.relative_to(folder))] = path.read_bytes()
    for secret, name in secrets_of(steps).items():
        for place, content in places.items():
            if secret.encode() in content:
                yield place, name


def secrets_of(steps):
    secrets = {"oidc-test-secret": "client secret", "directory-admin": "directory's password", "scim-test-token": "provisioning token"}
    for step in steps:
        for name, value in step["request_headers"] + step["response_headers"]:
            if name.lower() in ("authorization", "x-api-key"):
                secrets[value.split(" ")[-1]] = f"{name} of {step['what']}"
            if name.lower() in ("cookie", "set-cookie"):
                pairs = value.split(";") if name.lower() == "cookie" else value.split(";")[:1]
                secrets.update({pair.split("=", 1)[-1].strip(' "'): f"{name} of {step['what']}" for pair in pairs})
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(step["target"]).query)
        secrets.update({value: f"{name} of {step['what']}" for name in ("code", "state") for value in query.get(name, [])})
        for body in (step["request_body"], step["response_body"]):
            if body.startswith("{"):
                members = json.loads(body)
                found = [members.get(name) for name in ("password", "token", "api_key", "challenge_token", "manual_key", "code")] + members.get("recovery_codes", [])
                secrets.update({str(value): f"body of {step['what']}" for value in found if value})
    return {secret: name for secret, name in secrets.items() if len(secret) > 7}
