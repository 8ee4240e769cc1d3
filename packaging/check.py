#!/usr/bin/env python3
"""Runs the program as the packages run it, and says whether it works there.

    packaging/check.py BINARY        (as root)

What the unit and the container promise is built from parts: another user, no capability, none to be had, a root file system that cannot
be written, the unit's system calls and no memory that is both written and executed. In there the server has to start, record, answer, be
ready and stop in order. The unit itself is read by systemd-analyze. What only a booted systemd or a container engine does is not tried.
"""

import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE / "secureai-audit.service"
USER = 65532
EPERM = 1
# systemd's exposure, in tenths, that the unit may have at most.
MOST_EXPOSED = 15


def settings(key):
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M)


def analyze(binary, directory):
    """The unit is well formed, and closes as much as it says."""
    unit = directory / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/secureai-audit", str(binary)))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    complaints = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert verified.returncode == 0 and not complaints, verified.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    print("systemd-analyze:", judged.stdout.strip().splitlines()[-1].lstrip("→ "))


def calls(group):
    """The system calls of a group, those of the groups in it too."""
    shown = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = set()
    for line in shown.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            names |= calls(name)
        elif name and not name.startswith("#"):
            names.add(name)
    return names


def allowed():
    names = calls("@default")
    for value in settings("SystemCallFilter"):
        groups = value.lstrip("~").split()
        named = set().union(*(calls(group) for group in groups))
        names = names - named if value.startswith("~") else names | named
    return sorted(names)


class Compared(ctypes.Structure):
    """struct scmp_arg_cmp: argument number, operator, and two values."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def close_system_calls(names):
    """As SystemCallFilter= and MemoryDenyWriteExecute= do."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    allow, deny, masked_equal = 0x7FFF0000, 0x00050000 | EPERM, 7
    write, execute = 2, 4
    context = ctypes.c_void_p(seccomp.seccomp_init(deny))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue
        rules = {
            "mmap": [Compared(2, masked_equal, write, 0), Compared(2, masked_equal, execute, 0)],
            "mprotect": [Compared(2, masked_equal, execute, 0)],
            "pkey_mprotect": [Compared(2, masked_equal, execute, 0)],
        }.get(name)
        if rules is None:
            assert seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(allow), number, 0, None) == 0, name
            continue
        # Allowed as soon as one of the two bits is not asked for.
        for rule in rules:
            one = (Compared * 1)(rule)
            assert seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(allow), number, 1, one) == 0, name
    assert seccomp.seccomp_load(context) == 0


def enter(names):
    """Becomes what the packages run; between fork and exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    drop_from_bounding_set, last = 24, int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        assert libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) == 0
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    no_new_privileges = 38
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    close_system_calls(names)


def ask(url, path, token, body=None):
    request = urllib.request.Request(f"{url}/api/v1/auditlog{path}", data=body, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def run(binary, directory):
    """Everything that a day of the server has, in small."""
    data = directory / "data"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"uid={USER},gid={USER},mode=0755,size=600m", "tmpfs", data], check=True)
    environment = {"SECUREAI_AUDIT_DATA_DIR": str(data / "audit"), "SECUREAI_AUDIT_LISTEN": "127.0.0.1:0", "SECUREAI_AUDIT_LEDGER_MIN_FREE_MIB": "16"}
    names = allowed()
    server = subprocess.Popen(
        [binary, "serve", "--json"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", preexec_fn=lambda: enter(names)
    )
    line = server.stdout.readline()
    if not line:
        sys.exit(f"the server did not start: {server.stderr.read()}")
    ready = json.loads(line)
    state = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    for wanted in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}"]:
        assert wanted in state, f"{wanted!r} is not in\n{state}"
    token = pathlib.Path(ready["first_admin_token_file"]).read_text().strip()
    url = ready["url"]
    recorded = json.loads(ask(url, "/events", token, b'{"action":"auth.login","source":"api","actor":{"type":"user","id":"u1"}}'))
    assert recorded["recorded"] == 1, recorded
    found = json.loads(ask(url, "/?limit=1&action=auth.login", token))
    assert json.loads(ask(url, "/readyz", token))["ledger"] == "accepting" and found
    probe = subprocess.run(
        [binary, "ready"], env={**environment, "SECUREAI_AUDIT_LISTEN": url.removeprefix("http://")}, capture_output=True, text=True, preexec_fn=lambda: enter(names)
    )
    assert (probe.returncode, probe.stdout) == (0, "ready\n"), probe
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=60) == 0, server.stderr.read()
    probe = subprocess.run([binary, "ready"], env={**environment, "SECUREAI_AUDIT_LISTEN": url.removeprefix("http://")}, capture_output=True, text=True)
    assert probe.returncode == 1, probe
    owners = {path.stat().st_uid for path in (data / "audit").rglob("*")}
    modes = {oct(path.stat().st_mode & 0o077) for path in (data / "audit").rglob("*") if path.is_file()}
    assert owners == {USER}, owners
    subprocess.run(["umount", data], check=True)
    print(f"ran as {USER}, without capabilities, on a read-only root, with {len(names)} system calls; files for others: {modes}")


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    if os.environ.get("PACKAGING_CHECK_INSIDE"):
        directory = pathlib.Path(os.environ["PACKAGING_CHECK_INSIDE"])
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", "/"], check=True)
        try:
            pathlib.Path("/written").touch()
            sys.exit("the root file system can be written")
        except OSError:
            pass
        run(binary, directory)
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        (directory / "data").mkdir()
        analyze(binary, directory)
        mounted = subprocess.run(
            ["unshare", "--mount", sys.executable, __file__, binary], env={**os.environ, "PACKAGING_CHECK_INSIDE": name}
        )
        sys.exit(mounted.returncode)


main()
