"""People, and the ways they sign in. Each request is noted with what an audit trail must say about it."""
import base64
import hashlib
import hmac
import json
import re
import struct
import time
import urllib.parse

import httpx

SECRET = "test-secret-key-for-recordings-only"


class Journal:
    """What was sent and answered, and what is expected of the audit log for it."""

    def __init__(self):
        self.steps = []

    def note(self, what, answer, action, outcome, actor, **expected):
        request = answer.request
        expected = {"action": action, "outcome": outcome, "actor": actor, **expected}
        self.steps.append({
            "what": what, "time": time.time(), "method": request.method, "target": request.url.raw_path.decode(),
            "status": answer.status_code, "expected": expected,
            "request_headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in request.headers.raw],
            "request_body": request.content.decode("utf-8", "replace"),
            "response_headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in answer.headers.raw],
            "response_body": answer.text if len(answer.content) < 20000 else "",
        })
        return answer


class Browser:
    """One person's browser: cookies of its own, no redirection followed by itself."""

    def __init__(self, base, journal, headers=None):
        self.base, self.journal, self.token = base, journal, None
        self.http = httpx.Client(base_url=base, timeout=60, headers=headers or {})

    def do(self, what, method, path, action, outcome, actor, expect=None, **kw):
        answer = self.http.request(method, path, **kw)
        self.journal.note(what, answer, action, outcome, actor, **(expect or {}))
        return answer

    def quiet(self, method, path, **kw):
        return self.http.request(method, path, **kw)

    def bearer(self):
        return {"Authorization": f"Bearer {self.token}"}

    def signed_in(self, answer):
        assert answer.status_code == 200, answer.text
        self.token = answer.json().get("token")
        return answer.json()


def jwt(claims, secret=SECRET):
    part = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=")
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(secret.encode(), signed, "sha256"))).decode()


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def totp(secret, steps=0):
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def by_password(admin, base, journal):
    person = {"name": "Pia Password", "email": "pia@example.test", "password": "P1a-pass!!", "role": "user"}
    made = admin.do("make an account", "POST", "/api/v1/auths/add", "user.created", "success", "root@example.test", headers=admin.bearer(), json=person)
    pia = Browser(base, journal)
    sign_in = {"email": "PIA@example.test", "password": person["password"]}
    pia.do("wrong password", "POST", "/api/v1/auths/signin", "auth.login_failed", "failure", "pia@example.test", {"reason": "invalid_credentials"}, json={**sign_in, "password": "no"})
    answer = pia.do("password", "POST", "/api/v1/auths/signin", "auth.login", "success", "pia@example.test", {"auth_method": "password"}, json=sign_in)
    pia.signed_in(answer)
    # Somebody else's cookie is still in the browser: the event names who signs in, not whose cookie it is.
    shared = Browser(base, journal)
    shared.http.cookies.set("token", admin.token)
    shared.do("password, with another's cookie", "POST", "/api/v1/auths/signin", "auth.login", "success", "pia@example.test", {"auth_method": "password"}, json=sign_in)
    both = Browser(base, journal)
    both.http.cookies.set("token", admin.token)
    both.do("cookie of one, bearer of another", "POST", "/api/v1/users/user/settings/update", "user.settings_updated", "success", "pia@example.test", headers=pia.bearer(), json={"ui": {}})
    return pia, made.json()["id"]


def refused(admin, pia, pia_id, base, journal):
    """Credentials that are not good: nobody is proven, whom they claim is kept apart."""
    stranger = Browser(base, journal)
    change = ("POST", "/api/v1/users/user/settings/update", "access.denied", "denied", None)
    send = lambda what, token, claimed, reason: stranger.do(what, *change, {"claimed": claimed, "reason": reason}, headers={"Authorization": f"Bearer {token}"}, json={"ui": {}})
    good = claims_of(pia.token)
    send("forged signature", jwt(good, "another-secret"), pia_id, "credential_invalid")
    send("expired", jwt({**good, "exp": int(time.time()) - 60}), pia_id, "credential_expired")
    send("no token at all", "garbage", None, "credential_invalid")
    send("an unknown key", "sk-" + "0" * 32, None, "credential_invalid")
    stranger.do("no credential", *change, json={"ui": {}})
    old = pia.token
    admin.do("revoke a person's sessions", "POST", f"/api/v1/users/{pia_id}/sessions/revoke", "auth.sessions_revoked", "success", "root@example.test", headers=admin.bearer())
    pia.token = old
    pia.http.cookies.clear()
    send("revoked", old, pia_id, "credential_revoked")
    answer = pia.do("password again", "POST", "/api/v1/auths/signin", "auth.login", "success", "pia@example.test", {"auth_method": "password"}, json={"email": "pia@example.test", "password": "P1a-pass!!"})
    pia.signed_in(answer)


def by_key(pia, base, journal):
    make = lambda what: pia.do(what, "POST", "/api/v1/auths/api_key", "auth.api_key.created", "success", "pia@example.test", headers=pia.bearer()).json()["api_key"]
    old = make("make a key")
    tool = Browser(base, journal)
    change = ("POST", "/api/v1/users/user/settings/update", "user.settings_updated", "success", "pia@example.test")
    tool.do("key as bearer", *change, headers={"Authorization": f"Bearer {old}"}, json={"ui": {}})
    tool.do("key in its own header", *change, headers={"x-api-key": old}, json={"ui": {}})
    tool.do("key as cookie", *change, headers={"Cookie": f"token={old}"}, json={"ui": {}})
    new = make("replace the key")
    denied = ("POST", "/api/v1/users/user/settings/update", "access.denied", "denied", None)
    tool.do("the replaced key", *denied, {"reason": "credential_revoked"}, headers={"x-api-key": old}, json={"ui": {}})
    tool.do("the new key", *change, headers={"x-api-key": new}, json={"ui": {}})
    pia.do("delete the key", "DELETE", "/api/v1/auths/api_key", "auth.api_key.deleted", "success", "pia@example.test", headers=pia.bearer())
    tool.do("the deleted key", *denied, {"reason": "credential_revoked"}, headers={"x-api-key": new}, json={"ui": {}})


def by_directory(base, journal):
    lena = Browser(base, journal)
    sign_in = lambda what, user, password, *expected, **expect: lena.do(what, "POST", "/api/v1/auths/ldap", *expected, {"auth_method": "ldap", **expect}, json={"user": user, "password": password})
    sign_in("directory, wrong password", "lena", "no", "auth.login_failed", "failure", "lena", reason="invalid_credentials")
    sign_in("directory, unknown person", "nobody", "no", "auth.login_failed", "failure", "nobody")
    sign_in("directory, no password", "lena", " ", "auth.login_failed", "failure", "lena")
    sign_in("directory, person without address", "nomail", "N0mail-pass!", "auth.login_failed", "failure", "nomail")
    lena.signed_in(sign_in("directory", "lena", "L3na-pass!", "auth.login", "success", "lena@example.test"))
    lena.do("sign out", "POST", "/api/v1/auths/signout", "auth.logout", "success", "lena@example.test", headers=lena.bearer())


def by_provider(base, journal, email, *, ending="success", tamper=None, action=None, **expected):
    """The whole dance: our redirect to the provider, its pages, and the redirect back."""
    person, back = to_provider_and_back(base, journal, email, ending)
    back = tamper(back) if tamper else back
    ok = ending == "success"
    action = action or ("auth.login" if ok else "auth.login_failed")
    outcome = "success" if ok or action == "auth.mfa.required" else "failure"
    answer = person.do(f"provider: back ({ending})", "GET", back, action, outcome, email if ok else None, {"auth_method": "oauth", **expected})
    person.token = person.http.cookies.get("token")
    return person, answer


def by_exchange(base, journal, email, token_endpoint):
    """A program that has the provider's token turns it into a session."""
    _, back = to_provider_and_back(base, journal, email, "for a token of its own")
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{base}/oauth/oidc/login/callback"}
    token = httpx.post(token_endpoint, data=form, auth=("open-webui", "oidc-test-secret")).json()["access_token"]
    program = Browser(base, journal)
    exchange = lambda what, token, *expected, **expect: program.do(what, "POST", "/api/v1/auths/oauth/oidc/token/exchange", *expected, {"auth_method": "oauth", **expect}, json={"token": token})
    exchange("a token that is none", "none", "auth.login_failed", "failure", None)
    program.signed_in(exchange("the provider's token", token, "auth.login", "success", email))
    program.do("with the session for it", "POST", "/api/v1/users/user/settings/update", "user.settings_updated", "success", email, headers=program.bearer(), json={"ui": {}})


def to_provider_and_back(base, journal, email, ending):
    person = Browser(base, journal)
    provider = httpx.Client(timeout=30)
    start = person.do(f"provider: to its page ({ending})", "GET", "/oauth/oidc/login", None, "success", None)
    page = provider.get(start.headers["location"])
    for form in ({"prompt": "login", "login": email, "password": "any"}, {"prompt": "consent"}):
        while page.is_redirect and not page.headers["location"].startswith(base):
            page = provider.get(urllib.parse.urljoin(str(page.url), page.headers["location"]))
        if page.is_redirect:
            break
        if ending == "aborted":
            page = provider.get(str(page.url) + "/abort")
        else:
            action = re.search(r'action="([^"]+)"', page.text).group(1)
            page = provider.post(urllib.parse.urljoin(str(page.url), action), data=form)
    while not page.headers["location"].startswith(base):
        page = provider.get(urllib.parse.urljoin(str(page.url), page.headers["location"]))
    return person, page.headers["location"][len(base):]


def by_second_factor(admin, pia, olga, base, journal):
    config = admin.do("read the settings", "GET", "/api/v1/auths/admin/config", "config.read", "success", "root@example.test", headers=admin.bearer()).json()
    admin.do("demand a second factor", "POST", "/api/v1/auths/admin/config", "config.updated", "success", "root@example.test", headers=admin.bearer(), json={**config, "ENABLE_MFA": True})
    secrets = {}
    by_provider(base, journal, "olga@example.test", ending="then a second factor", action="auth.mfa.required", target=olga)

    def owner(challenge_token):
        return challenge_token.split(".")[0]

    def enroll(person, email, password):
        person.http.cookies.clear()
        step = person.do("password, then enrol", "POST", "/api/v1/auths/signin", "auth.mfa.required", "success", email, {"target": claims_of(person.token)["id"]}, json={"email": email, "password": password}).json()
        assert step["next_step"] == "enroll", step
        secret = person.do("enrol: start", "POST", "/api/v1/auths/mfa/enroll/start", None, "success", None, json={"challenge_token": step["challenge_token"]}).json()["manual_key"]
        person.do("enrol: wrong code", "POST", "/api/v1/auths/mfa/enroll/confirm", "auth.mfa.failed", "failure", None, {"claimed": owner(step["challenge_token"]), "reason": "invalid_code"}, json={"challenge_token": step["challenge_token"], "code": "000000"})
        done = person.do("enrol: right code", "POST", "/api/v1/auths/mfa/enroll/confirm", "auth.mfa.enrolled", "success", email, json={"challenge_token": step["challenge_token"], "code": totp(secret, -1)})
        secrets[email] = (secret, person.signed_in(done)["recovery_codes"])

    enroll(pia, "pia@example.test", "P1a-pass!!")
    secret, codes = secrets["pia@example.test"]
    again = Browser(base, journal)
    challenge = lambda: again.do("password, then a code", "POST", "/api/v1/auths/signin", "auth.mfa.required", "success", "pia@example.test", json={"email": "pia@example.test", "password": "P1a-pass!!"}).json()["challenge_token"]
    verify = lambda what, action, outcome, actor="pia@example.test", expect=None, **form: again.do(what, "POST", "/api/v1/auths/mfa/verify", action, outcome, actor, expect, json=form)
    token = challenge()
    verify("wrong code", "auth.mfa.failed", "failure", None, {"claimed": owner(token), "reason": "invalid_code"}, challenge_token=token, code="000000")
    verify("right code", "auth.login", "success", challenge_token=token, code=totp(secret))
    verify("recovery code", "auth.login", "success", challenge_token=challenge(), code=codes[0], recovery=True)
    fresh = Browser(base, journal)
    fresh.token = admin.token
    enroll(fresh, "root@example.test", "R00t-pass!!")
    fresh.do("no second factor any more", "POST", "/api/v1/auths/admin/config", "config.updated", "success", "root@example.test", headers=fresh.bearer(), json={**config, "ENABLE_MFA": False})
    return fresh


def by_provisioning(base, journal, token):
    service = Browser(base, journal, {"Authorization": f"Bearer {token}"})
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": "sam@example.test", "displayName": "Sam Scim", "externalId": "ext-1", "active": True,
        "name": {"givenName": "Sam", "familyName": "Scim"}, "emails": [{"value": "sam@example.test", "primary": True}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Logistics"},
    }
    made = service.do("provision a user", "POST", "/api/v1/scim/v2/Users", "user.created", "success", "SCIM", json=user).json()
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "dept:Operations", "members": [{"value": made["id"]}]}
    service.do("provision a group", "POST", "/api/v1/scim/v2/Groups", "group.created", "success", "SCIM", json=group)
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    service.do("switch a user off", "PATCH", f"/api/v1/scim/v2/Users/{made['id']}", "user.updated", "success", "SCIM", json=patch)
    service.do("remove a user", "DELETE", f"/api/v1/scim/v2/Users/{made['id']}", "user.deleted", "success", "SCIM")
    forged = Browser(base, journal, {"Authorization": "Bearer not-the-token"})
    forged.do("a wrong provisioning token", "POST", "/api/v1/scim/v2/Users", "access.denied", "denied", None, json=user)


def by_trusted_header(base, journal, header, trusted):
    """trusted: whether our gateway lets the header through from here."""
    person = Browser(base, journal)
    answer = person.http.post("/api/v1/auths/signin", json={"email": "", "password": ""}, headers={header: "Hedda@example.test", "X-User-Name": "Hedda Header"})
    if trusted:
        journal.note("trusted header", answer, "auth.login", "success", "hedda@example.test", auth_method="trusted_header")
        person.signed_in(answer)
        person.do("a session and another's header", "POST", "/api/v1/users/user/status/update", "access.denied", "denied", "hedda@example.test", headers={**person.bearer(), header: "root@example.test"}, json={"status_message": "x"})
    else:
        journal.note("a stranger's trusted header", answer, "auth.login_failed", "failure", None)
    person.do("no header", "POST", "/api/v1/auths/signin", "auth.login_failed", "failure", "x@example.test", json={"email": "x@example.test", "password": "x"})
