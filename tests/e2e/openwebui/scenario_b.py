#!/usr/bin/env python3
"""Scenario B: what scenario A leaves out. Channels, notes, folders, memories, calendars, feedback, evaluation, skills,
versions, settings of sign-in, SCIM provisioning, other people's chats, exports, odd paths, forged headers, large and
unicode bodies. Writes the ground truth as it acts.

Environment: BASE (the gateway), OUT (the ground truth), ADMIN_PASSWORD and ADMIN_EMAIL of an admin that exists or is the
first to sign up, SCIM_TOKEN.
"""

import json
import os
import sys
import time

import httpx

BASE = os.environ["BASE"]
OUT = os.environ["OUT"]
SCIM_TOKEN = os.environ.get("SCIM_TOKEN", "scim-test-token")
STEPS: list[dict] = []
SURPRISES: list[str] = []
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Person:
    """Somebody with an address of their own on the loopback network."""

    def __init__(self, email: str | None, ip: str):
        self.email, self.ip, self.id, self.token = email, ip, None, None
        transport = httpx.HTTPTransport(local_address=ip)
        self.http = httpx.Client(base_url=BASE, transport=transport, timeout=60, headers={"User-Agent": BROWSER})

    def sign_in(self, password: str) -> None:
        answer = act(self, "sign in", "auth.login", "POST", "/api/v1/auths/signin", signed=False,
                     json={"email": self.email, "password": password}, target="user:id")  # fmt: skip
        self.id, self.token = answer["id"], answer["token"]


def act(person, what, action, method, path, *, target=None, fails=False, signed=True, actor="", headers=None, ip=None, quiet=False, **kw):
    """Sends a request and notes what an audit trail must say of it. `target` is `type:member` of the answer, or
    `type=id`. `actor` is whom it must name (default: the person; None: nobody)."""
    sent = dict(headers or {})
    if signed and person.token:
        sent.setdefault("Authorization", f"Bearer {person.token}")
    started = time.time()
    raw = kw.pop("raw_target", None)
    extensions = {"target": raw.encode()} if raw else None
    answer = person.http.request(method, path, headers=sent, extensions=extensions, **kw)
    try:
        body = answer.json()
    except ValueError:
        body = None
    if (answer.status_code >= 400) != fails and not quiet:
        SURPRISES.append(f"{what}: {method} {path} {answer.status_code} {answer.text[:200]}")
    kind, found = None, None
    if target and "=" in target:
        kind, found = target.split("=", 1)
    elif target and isinstance(body, dict):
        kind, member = target.split(":", 1)
        found = body.get(member)
    STEPS.append({
        "time": started, "what": what, "expected_action": action, "method": method, "path": raw or path,
        "status": answer.status_code, "outcome": "failure" if fails else "success",
        "actor": person.email if actor == "" else actor, "ip": ip or person.ip,
        "target": {"type": kind, "id": found} if found else None,
    })  # fmt: skip
    return body if isinstance(body, dict) else {"list": body}


ada = Person(os.environ["ADMIN_EMAIL"], "127.0.0.41")
ben = Person("ben.b@example.test", "127.0.0.42")
eve = Person("eve.b@example.test", "127.0.0.43")
stranger = Person(None, "127.0.0.49")
robot = Person(None, "127.0.0.50")

# People
if os.environ.get("FIRST_ADMIN"):
    first = {"name": "Ada B", "email": ada.email, "password": os.environ["ADMIN_PASSWORD"]}
    act(ada, "first sign-up", "auth.signup", "POST", "/api/v1/auths/signup", signed=False, json=first, target="user:id")
ada.sign_in(os.environ["ADMIN_PASSWORD"])
for who, name in ((ben, "Ben Österreich 工具"), (eve, "Eve <script>")):
    new = {"name": name, "email": who.email, "password": "Passw0rd-b!", "role": "user"}
    act(ada, f"add {who.email}", "user.created", "POST", "/api/v1/auths/add", json=new, target="user:id")
    who.sign_in("Passw0rd-b!")
act(ben, "change the time zone", "user.updated", "POST", "/api/v1/auths/update/timezone", json={"timezone": "Europe/Vienna"}, target=f"user={ben.id}")
act(ben, "set a status", "user.status_updated", "POST", "/api/v1/users/user/status/update", json={"status_message": "at the bench"}, target=f"user={ben.id}")
act(ben, "set variables", "user.settings_updated", "POST", "/api/v1/users/user/variables/update", json={"variables": {"bench": "4"}}, target=f"user={ben.id}")
act(ada, "export the list of users", "user.exported", "GET", "/api/v1/users/all")

# Folders
folder = act(ben, "create a folder", "folder.created", "POST", "/api/v1/folders/", json={"name": "Brakes"}, target="folder:id")
f = folder["id"]
act(ben, "rename the folder", "folder.updated", "POST", f"/api/v1/folders/{f}/update", json={"name": "Brakes and discs"}, target=f"folder={f}")
inner = act(ben, "create a folder inside", "folder.created", "POST", "/api/v1/folders/", json={"name": "Rotors", "parent_id": f}, target="folder:id")["id"]
act(ben, "move it to the top", "folder.parent_updated", "POST", f"/api/v1/folders/{inner}/update/parent", json={"parent_id": None}, target=f"folder={inner}")

# Chats of one's own, and those of others
message = {"id": "m1", "role": "user", "content": "torque of the caliper bolts?", "childrenIds": [], "parentId": None}
chat = {"title": "Torque", "models": ["mock-small"], "history": {"currentId": "m1", "messages": {"m1": message}}, "messages": [message]}
c = act(ben, "create a chat", "chat.created", "POST", "/api/v1/chats/new", json={"chat": chat}, target="chat:id")["id"]
act(ben, "move it into a folder", "chat.folder_updated", "POST", f"/api/v1/chats/{c}/folder", json={"folder_id": f}, target=f"chat={c}")
act(ben, "tag it", "chat.tag_added", "POST", f"/api/v1/chats/{c}/tags", json={"name": "brakes"}, target=f"chat={c}")
act(ben, "take the tag off", "chat.tag_removed", "DELETE", f"/api/v1/chats/{c}/tags", json={"name": "brakes"}, target=f"chat={c}")
act(ben, "fork it", "chat.cloned", "POST", f"/api/v1/chats/{c}/fork", json={"message_id": "m1"}, target=f"chat={c}")
act(ben, "share it", "chat.shared", "POST", f"/api/v1/chats/{c}/share", target=f"chat={c}")
act(eve, "another user opens the chat", "chat.read", "GET", f"/api/v1/chats/{c}", fails=True)
act(eve, "another user deletes the chat", "chat.deleted", "DELETE", f"/api/v1/chats/{c}", fails=True)
act(ada, "the admin lists the user's chats", "chat.read", "GET", f"/api/v1/chats/list/user/{ben.id}", target=f"user={ben.id}")
act(ben, "change a message", "message.updated", "POST", f"/api/v1/chats/{c}/messages/m1", json={"content": "torque of the front caliper bolts?"}, target="message=m1")
act(ben, "delete the message", "message.deleted", "DELETE", f"/api/v1/chats/{c}/messages/m1", target="message=m1")
act(ben, "archive it", "chat.archived", "POST", f"/api/v1/chats/{c}/archive", target=f"chat={c}")
act(ben, "take all out of the archive", "chat.unarchived", "POST", "/api/v1/chats/unarchive/all", target=f"user={ben.id}")
act(ben, "unshare all", "chat.unshared", "DELETE", "/api/v1/chats/share/all", target=f"user={ben.id}")
act(ben, "download all chats", "chat.exported", "GET", "/api/v1/chats/all")
act(ada, "download everybody's chats", "chat.exported_all", "GET", "/api/v1/chats/all/db")

# Notes, memories, feedback, calendars
n = act(ben, "create a note", "note.created", "POST", "/api/v1/notes/create", json={"title": "Shift notes"}, target="note:id")["id"]
act(ben, "change the note", "note.updated", "POST", f"/api/v1/notes/{n}/update", json={"title": "Shift notes 2"}, target=f"note={n}")
act(ben, "pin the note", "note.pinned", "POST", f"/api/v1/notes/{n}/pin", target=f"note={n}")
act(ben, "share the note", "note.access_updated", "POST", f"/api/v1/notes/{n}/access/update", json={"access_grants": []}, target=f"note={n}")
act(ben, "delete the note", "note.deleted", "DELETE", f"/api/v1/notes/{n}/delete", target=f"note={n}")
m = act(ben, "add a memory", "memory.created", "POST", "/api/v1/memories/add", json={"content": "prefers metric units"}, target="memory:id").get("id")
act(ben, "change the memory", "memory.updated", "POST", f"/api/v1/memories/{m}/update", json={"content": "prefers SI units"}, target=f"memory={m}")
act(ben, "delete the memory", "memory.deleted", "DELETE", f"/api/v1/memories/{m}", target=f"memory={m}")
act(ben, "forget everything", "memory.deleted", "DELETE", "/api/v1/memories/delete/user", target=f"user={ben.id}")
rating = {"type": "rating", "data": {"rating": 1, "model_id": "mock-small"}, "meta": {"chat_id": c}}
fb = act(ben, "rate an answer", "feedback.created", "POST", "/api/v1/evaluations/feedback", json=rating, target="feedback:id").get("id")
act(ben, "change the rating", "feedback.updated", "POST", f"/api/v1/evaluations/feedback/{fb}", json=rating, target=f"feedback={fb}")
act(ada, "export all feedback", "feedback.exported", "GET", "/api/v1/evaluations/feedbacks/all/export")
act(ben, "delete the rating", "feedback.deleted", "DELETE", f"/api/v1/evaluations/feedback/{fb}", target=f"feedback={fb}")
k = act(ben, "create a calendar", "calendar.created", "POST", "/api/v1/calendars/create", json={"name": "Bench"}, target="calendar:id").get("id")
start = int(time.time() * 1e9)
ke = act(ben, "add an appointment", "calendar.event.created", "POST", "/api/v1/calendars/events/create", json={"calendar_id": k, "title": "Inspection", "start_at": start}, target="calendar.event:id").get("id")
act(ben, "delete the appointment", "calendar.event.deleted", "DELETE", f"/api/v1/calendars/events/{ke}/delete", target=f"calendar.event={ke}")
act(ben, "delete the calendar", "calendar.deleted", "DELETE", f"/api/v1/calendars/{k}/delete", target=f"calendar={k}")

# Channels
ch = act(ada, "create a channel", "channel.created", "POST", "/api/v1/channels/create", json={"name": "workshop", "type": "group", "user_ids": [ben.id], "is_private": False}, target="channel:id")["id"]
act(ada, "describe the channel", "channel.updated", "POST", f"/api/v1/channels/{ch}/update", json={"name": "workshop", "description": "all benches"}, target=f"channel={ch}")
act(ada, "add a member", "channel.member_added", "POST", f"/api/v1/channels/{ch}/update/members/add", json={"user_ids": [eve.id]}, target=f"channel={ch}")
post = act(ada, "write to the channel", "channel.message", "POST", f"/api/v1/channels/{ch}/messages/post", json={"content": "Welcome"}, target=f"channel={ch}").get("id")
act(ada, "react", "message.reaction_added", "POST", f"/api/v1/channels/{ch}/messages/{post}/reactions/add", json={"name": "thumbsup"}, target=f"message={post}")
act(ada, "pin the message", "message.pinned", "POST", f"/api/v1/channels/{ch}/messages/{post}/pin", json={"is_pinned": True}, target=f"message={post}")
act(ada, "change the message", "message.updated", "POST", f"/api/v1/channels/{ch}/messages/{post}/update", json={"content": "Welcome all"}, target=f"message={post}")
act(ada, "delete the message", "message.deleted", "DELETE", f"/api/v1/channels/{ch}/messages/{post}/delete", target=f"message={post}")
act(ada, "remove a member", "channel.member_removed", "POST", f"/api/v1/channels/{ch}/update/members/remove", json={"user_ids": [eve.id]}, target=f"channel={ch}")
hook = act(ada, "create a webhook of the channel", "channel.webhook.created", "POST", f"/api/v1/channels/{ch}/webhooks/create", json={"name": "press"}, target="channel.webhook:id")
secret_path = f"/api/v1/channels/webhooks/{hook.get('id')}/{hook.get('token')}"
posted = act(robot, "a machine posts through it", "channel.message", "POST", secret_path, signed=False, actor=None, json={"content": "press 4 idle"}, target=f"channel.webhook={hook.get('id')}")
STEPS[-1]["path"] = f"/api/v1/channels/webhooks/{hook.get('id')}/***"
act(ada, "delete the webhook", "channel.webhook.deleted", "DELETE", f"/api/v1/channels/{ch}/webhooks/{hook.get('id')}/delete", target=f"channel.webhook={hook.get('id')}")
act(ada, "delete the channel", "channel.deleted", "DELETE", f"/api/v1/channels/{ch}/delete", target=f"channel={ch}")

# Prompts, tools, skills, models: switches and versions
prompt = {"command": "torque_b", "name": "Torque", "content": "Torque of {{part}}?"}
p = act(ada, "create a prompt", "prompt.created", "POST", "/api/v1/prompts/create", json=prompt, target="prompt:id").get("id")
act(ada, "switch the prompt off", "prompt.disabled", "POST", f"/api/v1/prompts/id/{p}/toggle", target=f"prompt={p}")
act(ada, "rename the prompt", "prompt.updated", "POST", f"/api/v1/prompts/id/{p}/update/meta", json={"name": "Torque values", "command": "torque_b"}, target=f"prompt={p}")
act(ada, "let everybody use the prompt", "prompt.access_updated", "POST", f"/api/v1/prompts/id/{p}/access/update", json={"access_grants": []}, target=f"prompt={p}")
act(ada, "delete the prompt", "prompt.deleted", "DELETE", f"/api/v1/prompts/id/{p}/delete", target=f"prompt={p}")
skill = {"id": "torque_skill", "name": "Torque skill", "description": "torque tables", "content": "Use the table.", "meta": {}}
act(ada, "create a skill", "skill.created", "POST", "/api/v1/skills/create", json=skill, target="skill=torque_skill")
act(ada, "switch the skill off", "skill.disabled", "POST", "/api/v1/skills/id/torque_skill/toggle", target="skill=torque_skill")
act(ada, "delete the skill", "skill.deleted", "DELETE", "/api/v1/skills/id/torque_skill/delete", target="skill=torque_skill")
model = {"id": "bench-model", "name": "Bench", "base_model_id": "mock-small", "meta": {}, "params": {}}
act(ada, "create a model", "model.created", "POST", "/api/v1/models/create", json=model, target="model=bench-model")
act(ada, "change the model", "model.updated", "POST", "/api/v1/models/model/update", json={**model, "name": "Bench 2"}, target="model=bench-model")
act(ada, "let everybody use the model", "model.access_updated", "POST", "/api/v1/models/model/access/update", json={"id": "bench-model", "access_grants": []}, target="model=bench-model")
act(ada, "delete the model", "model.deleted", "POST", "/api/v1/models/model/delete", json={"id": "bench-model"}, target="model=bench-model")

# Knowledge and retrieval
act(ben, "process a text", "retrieval.content.processed", "POST", "/api/v1/retrieval/process/text", json={"name": "note", "content": "M10 bolts: 34 Nm"}, quiet=True)
if STEPS[-1]["status"] >= 400:
    STEPS[-1]["outcome"] = "failure"
kb = act(ada, "create a knowledge base", "knowledge.created", "POST", "/api/v1/knowledge/create", json={"name": "Manuals", "description": "all"}, target="knowledge:id")["id"]
act(ada, "empty the knowledge base", "knowledge.reset", "POST", f"/api/v1/knowledge/{kb}/reset", target=f"knowledge={kb}")
act(ada, "delete the knowledge base", "knowledge.deleted", "DELETE", f"/api/v1/knowledge/{kb}/delete", target=f"knowledge={kb}")

# Settings of sign-in; what they hold must never be recorded
ldap = {"label": "corp", "host": "ldap.example.test", "port": 636, "app_dn": "cn=reader", "app_dn_password": "LDAP-s3cret-b", "search_base": "dc=example", "use_tls": False, "attribute_for_mail": "mail", "attribute_for_username": "uid"}
act(ada, "set the LDAP server", "config.updated", "POST", "/api/v1/auths/admin/config/ldap/server", json=ldap, target="config=auth.ldap")
act(ada, "switch LDAP off", "config.updated", "POST", "/api/v1/auths/admin/config/ldap", json={"enable_ldap": False}, target="config=auth.ldap")
tasks = act(ada, "look at the task settings", "none", "GET", "/api/v1/tasks/config")
act(ada, "change the task settings", "config.updated", "POST", "/api/v1/tasks/config/update", json={**tasks, "ENABLE_TAGS_GENERATION": False})
act(ada, "change them back", "config.updated", "POST", "/api/v1/tasks/config/update", json=tasks)
act(ada, "arena models", "config.updated", "POST", "/api/v1/evaluations/config", json={"ENABLE_EVALUATION_ARENA_MODELS": True, "EVALUATION_ARENA_MODELS": []})
act(ben, "a user changes the task settings", "access.denied", "POST", "/api/v1/tasks/config/update", json=tasks, fails=True)

# Provisioning
scim = {"Authorization": f"Bearer {SCIM_TOKEN}"}
user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "sam.b@example.test", "displayName": "Sam B", "emails": [{"value": "sam.b@example.test", "primary": True}], "active": True, "externalId": "ext-sam-b"}
s = act(robot, "SCIM creates a user", "user.created", "POST", "/api/v1/scim/v2/Users", headers=scim, actor=None, json=user, target="user:id").get("id")
off = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": False}]}
act(robot, "SCIM switches the user off", "user.updated", "PATCH", f"/api/v1/scim/v2/Users/{s}", headers=scim, actor=None, json=off, target=f"user={s}")
group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "dept: Quality", "members": [{"value": ben.id}]}
g = act(robot, "SCIM creates a group", "group.created", "POST", "/api/v1/scim/v2/Groups", headers=scim, actor=None, json=group, target="group:id").get("id")
act(robot, "SCIM deletes the group", "group.deleted", "DELETE", f"/api/v1/scim/v2/Groups/{g}", headers=scim, actor=None, target=f"group={g}")
act(robot, "SCIM deletes the user", "user.deleted", "DELETE", f"/api/v1/scim/v2/Users/{s}", headers=scim, actor=None, target=f"user={s}")
act(robot, "SCIM with a wrong token", "access.denied", "GET", "/api/v1/scim/v2/Users", headers={"Authorization": "Bearer wrong"}, actor=None, fails=True)

# Odd requests
act(stranger, "an encoded slash in a path", "none", "GET", "/", raw_target="/api/v1/files/x%2F..%2Fy/content", signed=False, actor=None, quiet=True)
act(ben, "an encoded letter is the same path", "chat.deleted", "DELETE", "/", raw_target=f"/api/v1/ch%61ts/{c}", target=f"chat={c}")
act(ben, "another letter case is another path", "none", "DELETE", f"/API/v1/chats/{c}", fails=True)
act(ben, "a double slash is another path", "none", "POST", "/", raw_target="//api/v1/notes/create", json={"title": "x"}, fails=True)
act(stranger, "forged X-Forwarded-For at sign-in", "auth.login_failed", "POST", "/api/v1/auths/signin", headers={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}, json={"email": "Ben.B@example.test", "password": "wrong"}, actor="ben.b@example.test", fails=True, signed=False)
act(stranger, "malformed JSON at sign-in", "auth.login_failed", "POST", "/api/v1/auths/signin", content=b'{"email": ', headers={"Content-Type": "application/json"}, actor=None, fails=True, signed=False)
act(ben, "a note of a megabyte", "note.created", "POST", "/api/v1/notes/create", json={"title": "großer Text", "data": {"content": {"md": "ä工" * 250_000}}}, target="note:id")
act(ben, "a forged forwarded user changes nothing", "note.created", "POST", "/api/v1/notes/create", headers={"X-OpenWebUI-User-Email": ada.email, "X-OpenWebUI-User-Id": ada.id or ""}, json={"title": "mine"}, target="note:id")
act(ben, "sign out", "auth.logout", "POST", "/api/v1/auths/signout")
act(ada, "delete a user", "user.deleted", "DELETE", f"/api/v1/users/{eve.id}", target=f"user={eve.id}")
act(eve, "a deleted user's session is used", "access.denied", "GET", "/api/v1/chats/?page=1", actor=None, fails=True)
STEPS[-1]["claimed_actor"] = eve.id

time.sleep(2)
with open(OUT, "w") as out:
    json.dump({"scenario": "B", "steps": STEPS}, out, indent=1, ensure_ascii=False)
print(f"scenario B: {len(STEPS)} steps")
if SURPRISES:
    sys.exit("\n".join(["Open WebUI did not do what the scenario expects:", *SURPRISES]))
