#!/usr/bin/env python3
"""Measures the gateway against a direct connection and against nginx, in one run, with the same upstream.

    cargo build --release && python3 benches/gateway.py [--binary target/release/secureai-audit] [--seconds 5]

Needs nginx and wrk. Everything runs on loopback, in a temporary directory, on free ports; prints a table.
"""

import argparse
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ANSWER = '{"status":true,"items":["' + "x" * 900 + '"]}'
PERSON = '{"id":"0a0e4a2c-0d8c-4b5f-9d7e-2f3c6a1b9d11","email":"ada@example.test","name":"Ada","role":"admin"}'
SESSION = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjBhMGU0YTJjLTBkOGMtNGI1Zi05ZDdlLTJmM2M2YTFiOWQxMSJ9.c2lnbmF0dXJl"
READ = "/api/version"
CHANGE = "/api/v1/folders/"
GIB = 1 << 30
PIECE = b"x" * (1 << 20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(400):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended at once")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on {port}")


class Nginx:
    """One nginx with this configuration of its http block."""

    def __init__(self, directory, name, port, http, workers):
        root = os.path.join(directory, name)
        os.makedirs(root)
        paths = " ".join(
            f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        with open(os.path.join(root, "nginx.conf"), "w") as file:
            file.write(
                f"daemon off; worker_processes {workers}; pid {root}/pid; error_log {root}/error.log;"
                f"events {{ worker_connections 4096; }} http {{ access_log off; {paths}"
                f" keepalive_requests 100000000; client_max_body_size 0; {http} }}"
            )
        command = ["nginx", "-p", root, "-c", os.path.join(root, "nginx.conf"), "-e", f"{root}/error.log"]
        self.process = subprocess.Popen(command)
        wait_for(port, self.process)


class Bulk(threading.Thread):
    """The upstream of what is large or slow: takes uploads, gives downloads, streams, and holds WebSockets."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.held = []

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        buffer = bytearray(1 << 20)
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                piece = connection.recv(65536)
                if not piece:
                    return
                rest += piece
            head, rest = rest.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            left = int(length[1]) - len(rest) if length else 0
            rest = b"" if length else rest
            while left > 0:
                left -= connection.recv_into(buffer, min(left, len(buffer)))
            target = head.split(b" ")[1]
            if target.startswith(b"/ws/"):
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                )
                # Kept by the list, not by a thread with its stack.
                self.held.append(connection)
                return
            if target.startswith(b"/download"):
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % GIB)
                for _ in range(GIB // len(PIECE)):
                    connection.sendall(PIECE)
            elif target.startswith(b"/stream"):
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    b"8\r\ndata: 1\n\r\n"
                )
                time.sleep(0.005)
                connection.sendall(b"0\r\n\r\n")
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def gateway(binary, directory, name, upstream):
    port = free_port()
    command = [binary, "serve", "--data-dir", os.path.join(directory, name), "--listen", f"127.0.0.1:{port}"]
    command += ["--upstream", f"http://127.0.0.1:{upstream}"]
    environment = dict(os.environ, SECUREAI_AUDIT_LOG_LEVEL="warn")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    wait_for(port, process)
    return port, process


def proxy_settings(port, upstream):
    return (
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 128; }} server {{ listen 127.0.0.1:{port} backlog=2048;"
        " location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection $up_connection;"
        " proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $http_host;"
        " proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $remote_addr;"
        " proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;"
        " proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_read_timeout 1h; } }"
        ' map $http_upgrade $up_connection { default upgrade; "" ""; }'
    )


def wrk(port, path, connections, seconds, script=None):
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script] if script else []
    text = subprocess.run(command + [f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True).stdout
    unit = {"us": 1, "ms": 1000, "s": 1_000_000}

    def latency(percent):
        number, of = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s)", text).groups()
        return float(number) * unit[of]

    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if failures or "Socket errors" in text:
        sys.exit(f"{path} on {port}: {text}")
    return latency(50), latency(99), float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def resident_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def peak_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def fdatasync_us(directory):
    times = []
    with open(os.path.join(directory, "sync"), "wb") as file:
        for _ in range(300):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


def download(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
    buffer, got = bytearray(1 << 20), 0
    began = time.perf_counter()
    while got <= GIB:
        length = connection.recv_into(buffer)
        assert length, f"cut off after {got} bytes"
        got += length
    return got / (time.perf_counter() - began) / 1e6


def upload(port):
    connection = socket.create_connection(("127.0.0.1", port))
    began = time.perf_counter()
    connection.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
    for _ in range(GIB // len(PIECE)):
        connection.sendall(PIECE)
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    return GIB / (time.perf_counter() - began) / 1e6


def first_byte_us(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = []
    for _ in range(300):
        began = time.perf_counter()
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        answer.read(1)
        times.append((time.perf_counter() - began) * 1e6)
        answer.read()
    return statistics.median(times)


def open_sockets(port, count):
    head = (
        b"GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: token=" + SESSION.encode() + b"\r\n\r\n"
    )
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        # One masked text frame: a ping of Engine.IO's.
        connection.sendall(b"\x81\x81\x00\x00\x00\x002")
        held.append(connection)
    time.sleep(1)
    return held


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.rows = []

    def row(self, what, direct, ours, nginx, note=""):
        self.rows.append((what, direct, ours, nginx, note))
        print("| " + " | ".join(str(cell) for cell in self.rows[-1]) + " |", flush=True)

    def small(self, ports, directory):
        """Small requests: `ports` are those of upstream, gateway and nginx."""
        seconds = self.arguments.seconds
        change = os.path.join(directory, "change.lua")
        with open(change, "w") as script:
            script.write(
                'wrk.method = "POST"\nwrk.body = \'{"name":"A folder"}\'\n'
                'wrk.headers["Content-Type"] = "application/json"\n'
                f'wrk.headers["Authorization"] = "Bearer {SESSION}"\n'
            )
        for name, path, script in (("read", READ, None), ("change, strict", CHANGE, change)):
            direct, ours, nginx = (wrk(port, path, 1, seconds, script) for port in ports)
            for at, percent in ((0, "p50"), (1, "p99")):
                added = f"+{ours[at] - direct[at]:.0f} µs"
                cells = (f"{one[at]:.0f} µs" for one in (direct, ours, nginx))
                self.row(f"{name}, 1 connection, {percent}", *cells, added)
        rates = [wrk(port, READ, 64, seconds)[2] for port in ports]
        share = f"{rates[1] / rates[2]:.0%} of nginx"
        self.row("reads, 64 connections", *(f"{rate:,.0f}/s" for rate in rates), share)

    def large(self, ports, process):
        for name, measure in (("1 GiB down", download), ("1 GiB up", upload)):
            direct, ours, nginx = (statistics.median(measure(port) for _ in range(3)) for port in ports)
            cells = (f"{rate:,.0f} MB/s" for rate in (direct, ours, nginx))
            self.row(name, *cells, f"{ours / nginx:.0%} of nginx; peak {peak_kib(process) >> 10} MiB")
        direct, ours, nginx = (first_byte_us(port) for port in ports)
        cells = (f"{time:.0f} µs" for time in (direct, ours, nginx))
        self.row("first byte of a stream, p50", *cells, f"+{ours - direct:.0f} µs")

    def sockets(self, port, process, nginx_port, count=1000):
        before = resident_kib(process)
        held = open_sockets(port, count)
        each = (resident_kib(process) - before) / count
        for connection in held:
            connection.close()
        self.row(f"{count} WebSockets, each", "–", f"{each:.1f} KiB", "–", f"{resident_kib(process) >> 10} MiB in all")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="target/release/secureai-audit")
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    for program in ("nginx", "wrk"):
        if not shutil.which(program):
            sys.exit(f"{program} is needed")
    directory = tempfile.mkdtemp(prefix="gateway-bench-", dir=os.environ.get("TMPDIR"))
    processes = []
    try:
        static, proxy, bulk_proxy = free_port(), free_port(), free_port()
        locations = (
            f"default_type application/json; server {{ listen 127.0.0.1:{static} backlog=2048;"
            f" location / {{ return 200 '{ANSWER}'; }} location /api/v1/auths/ {{ return 200 '{PERSON}'; }} }}"
        )
        processes.append(Nginx(directory, "static", static, locations, 1).process)
        processes.append(Nginx(directory, "proxy", proxy, proxy_settings(proxy, static), "auto").process)
        bulk = Bulk()
        bulk.start()
        settings = proxy_settings(bulk_proxy, bulk.port)
        processes.append(Nginx(directory, "bulk-proxy", bulk_proxy, settings, "auto").process)
        small_port, small = gateway(arguments.binary, directory, "small", static)
        bulk_port, large = gateway(arguments.binary, directory, "large", bulk.port)
        processes += [small, large]
        print(f"fdatasync of 4 KiB: {fdatasync_us(directory):.0f} µs; load {os.getloadavg()[0]:.1f}")
        print("| what | direct | gateway | nginx | gateway adds |\n|---|---|---|---|---|")
        run = Run(arguments)
        run.small((static, small_port, proxy), directory)
        run.sockets(bulk_port, large, bulk_proxy)
        run.large((bulk.port, bulk_port, bulk_proxy), large)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
