"""A client of NAME for Perjury: a JSON object a line in, a JSON object a line out.

docs/client-protocol.md tells the whole protocol, and `perjury client-check` tries this program.
"""
import json
import sys


def say(**words):
    print(json.dumps(words), flush=True)


class Failed(Exception):
    """It certainly did not happen, and never will. All else that is raised means: perhaps."""


class Declined(Failed):
    """The database was there, and answered that it would not."""


def run(f, value):
    """Does one operation and returns its value, with what was read in place of each null."""
    raise Failed(f"{f} is not written yet")
    # key, argument = value
    # if f == "read":
    #     return [key, database.get(key)]
    # if f == "write":
    #     database.set(key, argument)
    #     return value
    # if f == "cas":
    #     old, new = argument
    #     if not database.compare_and_set(key, old, new):
    #         raise Declined("it has another value")
    #     return value
    # raise Failed(f"there is no operation {f}")


hello = json.loads(sys.stdin.readline())
where = (hello["node"]["address"], hello["ports"]["client"])
say(type="hello", protocol=1)
for line in sys.stdin:
    op = json.loads(line)
    try:
        say(id=op["id"], type="ok", value=run(op["f"], op["value"]))
    except Failed as error:
        declined = isinstance(error, Declined)
        say(id=op["id"], type="fail", error=str(error), declined=declined)
    except Exception as error:
        # Perjury ends this process now and starts another: there is nothing to clean up.
        say(id=op["id"], type="info", error=repr(error))
