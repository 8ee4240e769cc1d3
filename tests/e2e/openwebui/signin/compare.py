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
    details = event.get("details") or {}
    told = {
        "action": event.get("action"), "outcome": event.get("outcome"), "actor": who(event), "reason": event.get("reason"),
        "auth_method": details.get("auth_method"), "claimed": (details.get("claimed_actor") or {}).get("id"),
        "groups": (event.get("org") or {}).get("groups"),
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


def compare(base, token, steps):
    """Prints the table; 0 when every step is as it must be and no secret is in the log."""
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
    leaks = secrets_in(events, steps)
    expected = sum(step["expected"]["action"] is not None for step in steps)
    print(f"{expected - wrong} of {expected} steps as expected; secrets in the log: {len(leaks)} {leaks[:3]}")
    return 1 if wrong or leaks else 0


def secrets_in(events, steps):
    """Tokens, keys, cookies and passwords that were sent or issued and stand in an event."""
    secrets = {"oidc-test-secret", "directory-admin", "scim-test-token"}
    for step in steps:
        for name, value in step["request_headers"] + step["response_headers"]:
            if name.lower() in ("authorization", "x-api-key"):
                secrets.add(value.split(" ")[-1])
            if name.lower() in ("cookie", "set-cookie"):
                secrets.update(part.split("=", 1)[-1].strip('"') for part in value.split(";")[:1])
        for body in (step["request_body"], step["response_body"]):
            if body.startswith("{"):
                members = json.loads(body)
                secrets.update(str(members[name]) for name in ("password", "token", "api_key", "challenge_token", "manual_key") if members.get(name))
    text = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    return sorted(secret[:6] + "..." for secret in secrets if len(secret) > 7 and secret in text)
