#!/usr/bin/env python3
"""A small key-value server: lines over TCP, one file on disk, nothing but Python.

GET key         -> VALUE v | NONE
SET key v       -> OK
CAS key old new -> OK | DIFFERS
"""
import argparse
import os
import socketserver
import threading
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("--listen", default="127.0.0.1:7700", metavar="HOST:PORT")
arguments.add_argument("--data", required=True, metavar="FOLDER")
arguments.add_argument("--stale", action="store_true", help="read from a copy that lags behind")
arguments = arguments.parse_args()

values = {}
copy = {}
lock = threading.Lock()
log = open(os.path.join(arguments.data, "log"), "a+b")


def load():
    log.seek(0)
    whole = 0
    for line in log:
        if not line.endswith(b"\n"):
            break  # Cut off by a crash, so that it was never acknowledged.
        key, value = line.decode().split()
        values[key] = value
        whole += len(line)
    log.truncate(whole)
    copy.update(values)


def store(key, value):
    log.write(f"{key} {value}\n".encode())
    log.flush()
    os.fsync(log.fileno())
    values[key] = value


def answer(words):
    match words:
        case ["GET", key]:
            value = (copy if arguments.stale else values).get(key)
            return "NONE" if value is None else f"VALUE {value}"
        case ["SET", key, value]:
            store(key, value)
            return "OK"
        case ["CAS", key, old, new]:
            if values.get(key) != old:
                return "DIFFERS"
            store(key, new)
            return "OK"
    return "WHAT?"


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        for line in self.rfile:
            with lock:
                text = answer(line.decode(errors="replace").split())
            self.wfile.write(f"{text}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def lag():
    while True:
        time.sleep(0.5)
        with lock:
            copy.update(values)


load()
threading.Thread(target=lag, daemon=True).start()
host, port = arguments.listen.rsplit(":", 1)
server = Server((host, int(port)), Connection)
print(f"{len(values)} keys; listening at port {server.server_address[1]}", flush=True)
server.serve_forever()
