"""Sends what Schemathesis makes of our OpenAPI document to the real program, as everybody who may come along: no answer may be
a server error, have a status, a content type or a body that the document does not describe.

    run.py --binary BINARY [--who NAME] [--examples N]     (SCHEMATHESIS: the program; else it is installed into --venv)
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
API = "/api/v1/auditlog"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED = 20261123
CUSTOM = ["events.read", "events.export", "usage.read", "people.read", "views.manage", "roles.manage", "looks.read"]
# Who comes along, and how much is tried of each operation, besides what covers each parameter's limits. For those who may do
# next to nothing that would be thousands of the same refusal.
PRINCIPALS = {"admin": 8, "auditor": 6, "custom": 6, "scoped": 4, "viewer": 4, "source": 10, "ingest": 10, "none": 6}
UNCOVERED = ("ingest", "none")


class Server:
    """The program on a data directory of its own, with a little of everything in it."""

    def __init__(self, binary, folder):
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder / "log", "wb")
        # Everybody asks faster than anybody may.
        unlimited = {f"SECUREAI_AUDIT_LIMITS_{whose}_PER_SECOND": "0" for whose in ("READS", "APPENDS", "ADDRESS")}
        environment = {**os.environ, **unlimited}
        command = [binary, "serve", "--json", "--listen", "127.0.0.1:0", "--data-dir", str(self.folder / "data")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the program does not start: {(self.folder / 'log').read_text()}")
        self.url = json.loads(line)["url"].rstrip("/") + API
        self.admin = (self.folder / "data/keys/first-admin-token").read_text().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()

    def ask(self, method, path, body=None, token=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.admin}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            return json.load(urllib.request.urlopen(request, timeout=60))
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None

    @staticmethod
    def wait(holds):
        for _ in range(300):
            if holds():
                return
            time.sleep(0.1)
        raise SystemExit("the program does not get ready")

    def furnish(self):
        """Events of two departments, and one of everything that can be made; what exists, by path parameter."""
        events = [event(number) for number in range(60)]
        self.ask("POST", "/events", events)
        self.wait(lambda: len(self.ask("GET", "/?limit=100&department=*")["events"]) == len(events))
        self.ask("POST", "/roles", {"name": "custom", "permissions": CUSTOM, "scope": "department:Sales", "withheld": ["actor"]})
        for name in ("spare", "other"):
            self.ask("POST", "/roles", {"name": name, "permissions": ["usage.read"]})
            self.ask("POST", "/tokens", {"name": name, "role": "auditor"})
        source = self.ask("PUT", "/sources/openwebui/chat")
        view = self.ask("POST", "/views", {"name": "Failures", "query": "outcome=failure"})
        exports = [self.ask("POST", f"/exports?format={of}") for of in ("json", "csv", "ndjson", "parquet")]
        verification = self.ask("POST", "/verifications")
        self.wait(lambda: self.ask("GET", "/checkpoints")["checkpoints"])
        size = self.ask("GET", "/checkpoints")["checkpoints"][0]["size"]
        return {
            "event": ["0", "7", "event-0", "event-3", "59"], "person": ["u-1", "person1@example.test"],
            "export": [one(export)["id"] for export in exports], "tile": ["0/000.p/1", "data/000", "0/000", "x"],
            "id": [one(verification)["id"]], "size": [str(size)], "token": ["spare"], "role": ["spare", "custom", "admin"],
            "name": ["chat"], "secret": [source["secret"]], "view": [one(view)["id"]],
        }, source["secret"]

    def token(self, who):
        if who == "none":
            return None
        new = {"name": f"as-{who}", "role": {"scoped": "viewer"}.get(who, who)}
        if who in ("viewer", "scoped"):
            new["scope"] = "department:Sales" if who == "scoped" else "category:*"
        return self.ask("POST", "/tokens", new)["secret"]


def one(answer):
    """What an answer is about, whatever it is called."""
    return answer if "id" in answer else next(value for value in answer.values() if isinstance(value, dict) and "id" in value)


def event(number):
    department = ("Sales", "Secret")[number % 2]
    return {
        "id": f"event-{number}", "time": f"2026-10-{number % 28 + 1:02}T08:{number:02}:00Z",
        "action": ("auth.login", "chat.created", "model.called", "file.uploaded")[number % 4],
        "outcome": ("success", "failure")[number % 3 == 0], "source": "api",
        "actor": {"type": "user", "id": f"u-{number % 5}", "name": f"Person {number % 5}", "email": f"person{number % 5}@example.test"},
        "org": {"department": department}, "client": {"ip": f"192.0.2.{number}"},
        "target": {"type": "chat", "id": f"c-{number}", "name": f"Chat {number} <b>\u202e"},
        "message": f"Something happened in {department}",
    }


def run(who, examples, arguments):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(arguments.binary, folder)
        try:
            existing, secret = server.furnish()
            token = secret if who == "source" else server.token(who)
            (server.folder / "existing.json").write_text(json.dumps(existing))
            return walk(who, token, examples, server, arguments)
        finally:
            server.stop()


def walk(who, token, examples, server, arguments):
    began = time.monotonic()
    command = [
        arguments.schemathesis, "--config-file", HERE / "schemathesis.toml", "run", f"{server.url}/openapi.json", "--url", server.url,
        "--checks", CHECKS, "--phases", "examples,fuzzing" if who in UNCOVERED else "examples,coverage,fuzzing", "--mode", "all", "--max-examples", examples,
        "--seed", SEED, "--generation-database", "none", "--no-color", "--warnings", "off", "--request-timeout", 30,
        "--continue-on-failure", "--no-shrink",
        "--suppress-health-check", "all", "--generation-with-security-parameters", "false",
    ]
    if who == "source":
        command += ["--include-path-regex", "^/sources/openwebui/.*", "--include-method", "POST"]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
                   "API_EXISTING": str(server.folder / "existing.json")}
    done = subprocess.run([str(part) for part in command], cwd=server.folder, env=environment, capture_output=True, text=True)
    log = (server.folder / "log").read_text()
    is_alive = server.process.poll() is None
    report = done.stdout + done.stderr
    is_good = done.returncode == 0 and is_alive and "panicked" not in log
    return who, is_good, report + ("" if is_good else f"\n--- the program's log\n{log[-3000:]}"), time.monotonic() - began


def tool(arguments):
    """Schemathesis, installed unless the environment names one."""
    given = os.environ.get("SCHEMATHESIS")
    if given:
        return given
    venv = pathlib.Path(arguments.venv)
    wanted = (HERE / "requirements.txt").read_text()
    installed = venv / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
        installed.write_text(wanted)
    return str(venv / "bin/schemathesis")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--who", choices=PRINCIPALS, action="append")
    parser.add_argument("--examples", type=int, help="how many of each operation, instead of what fits the principal")
    parser.add_argument("--venv", default="target/ci-tools/schemathesis")
    arguments = parser.parse_args()
    arguments.binary = str(pathlib.Path(arguments.binary).resolve())
    arguments.schemathesis = tool(arguments)
    wanted = [(who, arguments.examples or PRINCIPALS[who]) for who in arguments.who or PRINCIPALS]
    failed = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for who, is_good, report, seconds in pool.map(lambda one: run(*one, arguments), wanted):
            requests = next((line.strip() for line in report.splitlines() if " generated" in line), "")
            print(f"{'ok ' if is_good else 'FAILED'} {who}: {seconds:.0f} s, requests: {requests}", flush=True)
            if not is_good:
                failed.append(who)
                print(report, flush=True)
    print(f"{len(wanted) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
