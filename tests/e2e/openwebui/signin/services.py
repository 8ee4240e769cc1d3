"""Starts what the sign-in scenario needs: a directory (slapd), an identity provider (oidc-provider), Open WebUI and,
when asked for, our gateway in front of it. Everything listens on loopback, on free ports, and keeps its files in one
temporary folder."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import typing
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[3]
SHARED = pathlib.Path(os.environ.get("OPENWEBUI_SHARED", REPO.parent / "shared" / "openwebui"))
SLAPD_CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
maxsize 10485760
suffix "dc=example,dc=test"
rootdn "cn=admin,dc=example,dc=test"
rootpw directory-admin
directory {folder}/db
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gateway(typing.NamedTuple):
    process: subprocess.Popen
    token: str


class Services:
    """Processes that end with the `with` block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            self.stop(process)

    def start(self, name, command, env=None, cwd=None):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True)
        self.running.append(process)
        return process

    def stop(self, process):
        if process in self.running:
            self.running.remove(process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.wait_for_group(process.pid)

    @staticmethod
    def wait_for_group(group, seconds=20):
        """A script may end before what it started."""
        until = time.time() + seconds
        try:
            while time.time() < until:
                os.killpg(group, 0)
                time.sleep(0.1)
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def directory(self, port):
        folder = self.folder / "ldap"
        (folder / "db").mkdir(parents=True)
        conf = folder / "slapd.conf"
        conf.write_text(SLAPD_CONF.format(folder=folder))
        subprocess.run(["slapadd", "-f", conf, "-l", HERE / "directory.ldif"], check=True, capture_output=True)
        process = self.start("slapd", ["slapd", "-h", f"ldap://127.0.0.1:{port}", "-f", conf, "-d", "0"])
        wait_for_port(port, process)
        return process

    def provider(self, port, redirect_uri):
        folder = self.folder / "provider"
        folder.mkdir()
        for name in ("provider.mjs", "package.json"):
            shutil.copy(HERE / name, folder)
        modules = os.environ.get("OIDC_NODE_MODULES")
        if modules:
            (folder / "node_modules").symlink_to(modules)
        else:
            subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--silent"], cwd=folder, check=True)
        process = self.start("provider", ["node", "provider.mjs", str(port), redirect_uri], cwd=folder)
        wait_for_port(port, process)

    def openwebui(self, port, mock_port, env):
        state = self.folder / "openwebui"
        state.mkdir(exist_ok=True)
        settings = {"OPENWEBUI_STATE": str(state), "OPENWEBUI_PORT": str(port), "MOCK_PORT": str(mock_port), **env}
        process = self.start("openwebui", ["bash", str(SHARED / "tools" / "start-openwebui.sh")], settings)
        wait_for_page(f"http://127.0.0.1:{port}/ready", process, 240)
        return process

    def gateway(self, binary, port, upstream, trusting=False):
        """trusting: loopback is a trusted proxy, which may sign people in by header."""
        data = self.folder / "audit"
        command = [str(pathlib.Path(binary).resolve()), "serve", "--data-dir", str(data), "--listen", f"127.0.0.1:{port}", "--upstream", upstream]
        env = {"SECUREAI_AUDIT_GATEWAY_DEPARTMENT_PREFIX": "dept:"}
        if trusting:
            env["SECUREAI_AUDIT_GATEWAY_TRUSTED_PROXIES"] = "127.0.0.0/8"
        process = self.start("gateway", command, env)
        wait_for_page(f"http://127.0.0.1:{port}/healthz", process, 60)
        return Gateway(process, (data / "keys" / "first-admin-token").read_text().strip())


def wait_for_port(port, process, seconds=30):
    until = time.time() + seconds
    while time.time() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{process.args[0]} did not start; see its log")


def wait_for_page(url, process, seconds):
    until = time.time() + seconds
    while time.time() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.25)
    raise SystemExit(f"{url} did not answer in {seconds} s; see the log")
