"""Signs people in to the pages with a real identity provider (`oidc-provider` from npm), and tries what must not work.

    run.py --binary BINARY      (OIDC_NODE_MODULES: a folder with oidc-provider; else npm installs it)
"""
import argparse
import contextlib
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "openwebui" / "signin"))
from services import Services, free_port, wait_for_port  # noqa: E402

CONFIG = """\
[oidc]
issuer = "http://127.0.0.1:{provider}"
client_id = "{client}"
{secret}
public_url = "http://127.0.0.1:{port}"
department_claim = "department"
name = "the test provider"
roles = {{ "audit-admins" = "admin", "auditors" = "auditor", "heads" = "viewer@department", "desk-people" = "desk" }}
"""
PASSED = []


class Answer:
    def __init__(self, url, response):
        self.url, self.status, self.headers = url, response.status, response.headers
        self.text = response.read().decode("utf-8", "replace")

    @property
    def location(self):
        return urllib.parse.urljoin(self.url, self.headers["location"])


class Browser:
    """Keeps cookies and follows nothing by itself."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    def __init__(self):
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), self.Stay)

    def get(self, url, form=None, **headers):
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            return Answer(url, self.opener.open(urllib.request.Request(url, data, headers), timeout=30))
        except urllib.error.HTTPError as error:
            return Answer(url, error)


def check(name, is_so, seen=""):
    if not is_so:
        raise SystemExit(f"FAILED: {name}\n{seen}")
    PASSED.append(name)
    print(f"ok  {name}", flush=True)


def at_provider(location, email):
    """Signs in on the provider's pages; gives the address that it sends the browser back to."""
    browser = Browser()
    page = browser.get(location)
    for form in ({"prompt": "login", "login": email, "password": "any"}, {"prompt": "consent"}):
        while page.status in (302, 303) and "/callback" not in page.location:
            page = browser.get(page.location)
        if page.status in (302, 303):
            break
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text).group(1)
        page = browser.get(urllib.parse.urljoin(page.url, html.unescape(action)), form)
    while "/sign-in/provider/callback" not in page.location:
        page = browser.get(page.location)
    return page.location


def changed(address, **parameters):
    parts = urllib.parse.urlsplit(address)
    query = dict(urllib.parse.parse_qsl(parts.query))
    query.update(parameters)
    return parts._replace(query=urllib.parse.urlencode(query)).geturl()


def sign_in(base, email, outward=None, homeward=None, wait=0):
    """The whole way. `outward` and `homeward` alter the address to the provider and back."""
    browser = Browser()
    begun = browser.get(f"{base}/audit/sign-in/provider?next=%2Faudit%3Frange%3D7d")
    if begun.status != 303:
        return browser, begun
    back = at_provider(outward(begun.location) if outward else begun.location, email)
    time.sleep(wait)
    return browser, browser.get(homeward(back) if homeward else back)


def session(browser, base):
    answer = browser.get(f"{base}/api/v1/auditlog/session")
    return json.loads(answer.text) if answer.status == 200 else answer.status


class World:
    def __init__(self, services, binary):
        self.services, self.binary, self.folder = services, pathlib.Path(binary).resolve(), services.folder
        self.provider_port, self.port, self.public_port = free_port(), free_port(), free_port()
        self.provider_process = None

    def callback(self, port):
        return f"http://127.0.0.1:{port}/audit/sign-in/provider/callback"

    def provider(self):
        folder = self.folder / "provider"
        if not folder.exists():
            folder.mkdir()
            for name in ("provider.mjs", "package.json"):
                shutil.copy(HERE / name, folder)
            modules = os.environ.get("OIDC_NODE_MODULES")
            if modules:
                (folder / "node_modules").symlink_to(modules)
            else:
                subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--silent"], cwd=folder, check=True)
        command = ["node", "provider.mjs", str(self.provider_port), self.callback(self.port), self.callback(self.public_port)]
        self.provider_process = self.services.start("provider", command, cwd=folder)
        wait_for_port(self.provider_port, self.provider_process)

    def stop_provider(self):
        self.services.stop(self.provider_process)

    def audit(self, name, port, client, secret, provider=None):
        data, beside = self.folder / name, self.folder / f"{name}-set-up"
        beside.mkdir()
        (beside / "secret").write_text("secret: with/odd+characters%\n")
        line = f'client_secret_file = "{beside / "secret"}"' if secret else ""
        config = CONFIG.format(provider=provider or self.provider_port, client=client, secret=line, port=port)
        (beside / "config.toml").write_text(config)
        command = [str(self.binary), "serve", "--data-dir", str(data), "--config", str(beside / "config.toml"), "--listen", f"127.0.0.1:{port}"]
        process = self.services.start(name, command)
        wait_for_port(port, process)
        return f"http://127.0.0.1:{port}"


def run(world):
    world.provider()
    base = world.audit("audit", world.port, "audit", True)
    public = world.audit("public", world.public_port, "audit-public", False)

    browser, back = sign_in(base, "auditor.sales@example.test")
    check("an auditor comes back signed in, and goes on to the page they wanted", back.status == 200 and "url=/audit?range=7d" in back.text, back.text)
    check("the session is theirs", session(browser, base) == {**session(browser, base), "id": "auditor.sales@example.test", "role": "auditor"}, session(browser, base))
    page = browser.get(f"{base}/audit")
    check("the page says who they are", page.status == 200 and "auditor" in page.text, page.text[:500])
    check("only the form of signing out may lead to the provider", f"form-action 'self' http://127.0.0.1:{world.provider_port};" in page.headers["content-security-policy"])
    key = re.search(r'name="key" value="([^"]+)"', page.text).group(1)
    out = browser.get(f"{base}/audit/sign-out", {"key": key}, **{"Sec-Fetch-Site": "same-origin"})
    check("signing out goes on to the provider", "/session/end?" in out.location and "id_token_hint=" in out.location, out.location)
    check("which takes the statement of who signs out, and knows where to send them", Browser().get(out.location).status == 200)
    check("and the session here is over", session(browser, base) == 401)

    browser, _ = sign_in(base, "admin@example.test")
    check("an administrator is one", session(browser, base)["role"] == "admin", session(browser, base))
    events = json.loads(browser.get(f"{base}/api/v1/auditlog?action=audit.signed_in").text)["events"]
    check("signing in is on the record by name", any(e["actor"].get("email") == "auditor.sales@example.test" for e in events), events)
    browser, _ = sign_in(public, "auditor@example.test")
    check("a public client signs in without a secret", session(browser, public)["role"] == "auditor")
    browser, _ = sign_in(base, "head.sales@example.test")
    check("a head of department is a viewer", session(browser, base)["role"] == "viewer", session(browser, base))
    seen = json.loads(browser.get(f"{base}/api/v1/auditlog?limit=10").text)["events"]
    check("and sees no other department's events", all(e.get("org", {}).get("department") == "sales" for e in seen), seen)

    _, early = sign_in(base, "desk@example.test")
    check("a group whose role does not exist yet is let in nowhere", early.status == 403 and "none of your groups" in early.text, early.text)
    first = (world.folder / "audit" / "keys" / "first-admin-token").read_text().strip()
    role = json.dumps({"name": "desk", "permissions": ["usage.read"], "withheld": ["actor"]}).encode()
    headers = {"Authorization": f"Bearer {first}", "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{base}/api/v1/auditlog/roles", role, headers), timeout=30)
    browser, _ = sign_in(base, "desk@example.test")
    who = session(browser, base)
    check("a group has a role of one's own", (who["role"], who["permissions"]) == ("desk", ["usage.read"]), who)
    check("and may do what it allows, no more", [browser.get(f"{base}/audit{page}").status for page in ("/usage", "", "/users")] == [200, 403, 403])

    def refused(name, status, words, email="auditor@example.test", at=base, **how):
        browser, answer = sign_in(at, email, **how)
        while answer.status == 429 and status != 429:
            time.sleep(int(answer.headers["retry-after"]))
            browser, answer = sign_in(at, email, **how)
        check(name, answer.status == status and words in answer.text and session(browser, at) == 401, f"{answer.status} {answer.text}")

    refused("somebody without a role is told so", 403, "none of your groups may see the audit log", email="nobody@example.test")
    refused("a head of no department sees none", 403, "does not say which department", email="head@example.test")
    refused("a state that was altered", 400, "another sign-in", homeward=lambda back: changed(back, state="x" * 43))
    refused("a nonce that was altered", 403, "belongs to another sign-in", outward=lambda to: changed(to, nonce="x" * 43))
    refused("a challenge that was altered", 400, "no longer takes this sign-in", outward=lambda to: changed(to, code_challenge="x" * 43))
    refused("a code for another client (another audience)", 400, "no longer takes this sign-in", outward=lambda to: changed(to, client_id="other"))
    refused("a return that names another issuer", 403, "another identity provider", homeward=lambda back: changed(back, iss="https://evil.example"))
    refused("a code that has expired", 400, "no longer takes this sign-in", wait=4)
    refused("a code that was made up", 400, "no longer takes this sign-in", homeward=lambda back: changed(back, code="guess"))
    time.sleep(8)  # That was guessing: the address is slowed down.
    browser, _ = sign_in(base, "auditor@example.test")
    check("a good sign-in goes on after that", session(browser, base)["role"] == "auditor")
    back = None

    def keep(address):
        nonlocal back
        back = address
        return address

    browser, _ = sign_in(base, "auditor@example.test", homeward=keep)
    check("a return counts once", browser.get(back).status == 400)

    other = world.audit("other-issuer", free_port(), "audit", True, provider=f"{world.provider_port}/other")
    check("a provider that is not the configured issuer is none", Browser().get(f"{other}/audit/sign-in/provider").status == 502)

    world.stop_provider()
    world.provider()
    browser, _ = sign_in(base, "auditor@example.test")
    check("new keys of the provider are taken up at once", session(browser, base) != 401 and session(browser, base)["role"] == "auditor")

    browser = Browser()
    begun = browser.get(f"{base}/audit/sign-in/provider")
    home = at_provider(begun.location, "auditor@example.test")
    world.stop_provider()
    down = browser.get(home)
    check("a provider that is gone midway is said to be", down.status == 502 and "does not answer" in down.text, down.text)
    fresh = world.audit("fresh", free_port(), "audit", True)
    down = Browser().get(f"{fresh}/audit/sign-in/provider")
    check("a server that starts while the provider is down says so, and still takes tokens", down.status == 502 and 'name="token"' in down.text, down.text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Services(folder) as services:
        try:
            run(World(services, arguments.binary))
        except BaseException:
            for log in pathlib.Path(folder).glob("*.log"):
                with contextlib.suppress(OSError):
                    print(f"--- {log.name}\n{log.read_text()[-2000:]}", file=sys.stderr)
            raise
    print(f"{len(PASSED)} of {len(PASSED)} steps")


if __name__ == "__main__":
    main()
