"""A client of kv for Perjury: a JSON object a line in, a JSON object a line out."""
import json
import socket
import sys


def say(**words):
    print(json.dumps(words), flush=True)


def ask(question):
    """One question to the server; connects first if need be."""
    global server
    if server is None:
        link = socket.create_connection(where, timeout=2)
        server = link.makefile("rw")
    server.write(question + "\n")
    server.flush()
    answer = server.readline()
    if not answer.endswith("\n"):
        raise ConnectionError("the server closed the connection")
    return answer.split()


def run(f, value):
    """Does one operation, and returns what to say of it."""
    if f not in ("read", "write", "cas"):
        return {"type": "fail", "error": f"no operation {f}"}
    key, argument = value
    if f == "read":
        match ask(f"GET {key}"):
            case ["VALUE", found]:
                return {"type": "ok", "value": [key, int(found)]}
            case ["NONE"]:
                return {"type": "ok", "value": [key, None]}
    elif f == "write" and ask(f"SET {key} {argument}") == ["OK"]:
        return {"type": "ok"}
    elif f == "cas":
        match ask(f"CAS {key} {argument[0]} {argument[1]}"):
            case ["OK"]:
                return {"type": "ok"}
            case ["DIFFERS"]:
                return {"type": "fail", "error": "it has another value"}
    return {"type": "info", "error": "the server gave an odd answer"}


server = None
hello = json.loads(sys.stdin.readline())
where = (hello["node"]["address"], hello["ports"]["client"])
say(type="hello", protocol=1)
for line in sys.stdin:
    op = json.loads(line)
    try:
        outcome = run(op["f"], op["value"])
    except OSError as error:
        # Without a connection nothing was sent. Otherwise, only a read certainly did nothing.
        nothing = server is None or op["f"] == "read"
        outcome = {"type": "fail" if nothing else "info", "error": str(error)}
        server = None
    say(id=op["id"], **outcome)
