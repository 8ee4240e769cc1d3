"""Starts what a scenario needs, each on a free port of the loopback address, and stops it again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child with its log; `stop` ends it and what it started."""

    def __init__(self, name: str, command: list, log: Path, env: dict | None = None, cwd: Path | None = None):
        self.name, self.log = name, log
        self.command, self.env, self.cwd = [str(part) for part in command], env, cwd
        self.child: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.cwd,
                env={**os.environ, **(self.env or {})},
                start_new_session=True,
            )

    def wait_for(self, url: str, seconds: float) -> None:
        end = time.time() + seconds
        while time.time() < end:
            if self.child.poll() is not None:
                self.fail(f"{self.name} ended with status {self.child.returncode}")
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.3)
        self.fail(f"{self.name} did not answer {url} within {seconds:.0f} s")

    def fail(self, why: str) -> None:
        tail = self.log.read_text(errors="replace").splitlines()[-40:]
        sys.exit("\n".join([why, "its log ends:", *tail]))

    def stop(self, how: int = signal.SIGTERM, seconds: float = 30) -> None:
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(how)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
