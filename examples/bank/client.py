#!/usr/bin/env python3
"""A client of a bank on Perjury's demo database: docs/client-protocol.md tells the conversation."""
import json, socket, sys

link = None


class Failed(Exception):
    """It certainly did not happen, and never will."""


class Declined(Failed):
    """The database was there, and answered that it would not."""


def key(account):
    return json.dumps(["account", account], separators=(",", ":"))


def transact(operations):
    """One transaction of the database; returns what each operation read."""
    global link
    if link is None:
        try:
            link = socket.create_connection(where, timeout=2).makefile("rw")
        except OSError as error:
            raise Failed(f"nothing was sent: {error}")
    link.write(json.dumps({"execute": {"transaction": {"operations": operations}}}) + "\n")
    link.flush()
    line = link.readline()
    if not line.endswith("\n"):
        raise ConnectionError("the server closed the connection")
    outcome = json.loads(line)["executed"]
    if "Err" in outcome:
        kind = Failed if outcome["Err"]["definite"] else ConnectionError
        raise kind(outcome["Err"]["message"])
    if "declined" in outcome["Ok"]:
        raise Declined(outcome["Ok"]["declined"])
    return outcome["Ok"]["transaction"]


def add(account, amount, least):
    # An account that was never written holds the opening balance.
    step = {"key": key(account), "by": amount, "initial": opening, "least": least}
    return {"add_to_register": step}


def run(f, value):
    if f == "transfer":
        amount = value["amount"]
        transact([add(value["from"], -amount, 0), add(value["to"], amount, None)])
        return value
    if f == "read":
        held = transact([{"read_register": {"key": key(account)}} for account in range(accounts)])
        return {str(at): opening if found is None else found for at, found in enumerate(held)}
    raise Failed(f"there is no operation {f}")


hello = json.loads(sys.stdin.readline())
where = (hello["node"]["address"], hello["ports"]["client"])
accounts = int(hello["options"].get("accounts", 8))
opening = int(hello["options"].get("balance", 10))
print(json.dumps({"type": "hello", "protocol": 1}), flush=True)
for line in sys.stdin:
    op = json.loads(line)
    try:
        answer = {"type": "ok", "value": run(op["f"], op["value"])}
    except Failed as error:
        answer = {"type": "fail", "error": str(error), "declined": isinstance(error, Declined)}
    except Exception as error:  # Perhaps it happened. Perjury ends this process now.
        odd = isinstance(error, (ValueError, KeyError))  # It cannot be understood.
        answer = {"type": "info", "error": repr(error), "unexpected": odd}
    print(json.dumps({"id": op["id"], **answer}), flush=True)
