"""A client of kv for Perjury: a JSON object a line in, a JSON object a line out."""
import json, socket, sys
server = None


class Failed(Exception):
    """It certainly did not happen, and never will."""


class Declined(Failed):
    """The database was there, and answered that it would not."""


def ask(question):
    """A line to the server, and one back; connects first if need be."""
    global server
    if server is None:
        try:
            server = socket.create_connection(where, timeout=2).makefile("rw")
        except OSError as error:
            raise Failed(f"nothing was sent: {error}")
    print(question, file=server, flush=True)
    answer = server.readline()
    if not answer.endswith("\n"):
        raise ConnectionError("the server closed the connection")
    return answer.split()


def run(f, value):
    """Does one operation and returns its value, with what was read in place of null."""
    if f not in ("read", "write", "cas"):
        raise Failed(f"there is no operation {f}")
    key, argument = value
    short = {"read": f"GET {key}", "write": f"SET {key} {argument}"}
    match ask(short.get(f) or f"CAS {key} {argument[0]} {argument[1]}"):
        case ["VALUE", found]:
            return [key, int(found)]
        case ["NONE"]:
            return [key, None]
        case ["OK"]:
            return value
        case ["DIFFERS"]:
            raise Declined("it has another value")
        case odd:
            raise ValueError(f"the server said {odd}")


hello = json.loads(sys.stdin.readline())
where = (hello["node"]["address"], hello["ports"]["client"])
print(json.dumps({"type": "hello", "protocol": 1}), flush=True)
for line in sys.stdin:
    op = json.loads(line)
    try:
        answer = {"type": "ok", "value": run(op["f"], op["value"])}
    except Failed as error:
        answer = {"type": "fail", "error": str(error), "declined": isinstance(error, Declined)}
    except Exception as error:  # Perhaps it happened. Perjury ends this process now.
        answer = {"type": "info", "error": repr(error), "unexpected": isinstance(error, ValueError)}
    print(json.dumps({"id": op["id"], **answer}), flush=True)
