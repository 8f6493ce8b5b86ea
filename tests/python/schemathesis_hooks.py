"""What schemathesis cannot know: which tickets, people and sites there are, and bodies that make sense for them.

Requests that keep to the document get such values most of the time, so that handlers are reached and not only their
first refusals; requests that break it are sent as they were made up. How the server answered is counted and written to
`ECLUSE_TALLY` at the end: `answers` by operation and status, and `fair`, how many requests kept to the document and were
for this role (`asked`), and how many of those were answered 2xx (`well`).

`ECLUSE_KNOWN` names a JSON file: `ids` by name of the path or query parameter, `bodies` by operation, `role` of the asker,
`seed` for the dice.
"""

import atexit
import collections
import json
import os
import pathlib
import random

import schemathesis

known = json.loads(pathlib.Path(os.environ["ECLUSE_KNOWN"]).read_text())
ids, bodies = known["ids"], known["bodies"]
dice = random.Random(known["seed"])
tally = collections.defaultdict(collections.Counter)
fair = collections.Counter(asked=0, well=0)


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def learn(name, value):
    """An identifier an answer told: later requests use it."""
    values = ids.setdefault(name, [])
    if value not in values:
        values.append(value)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive or dice.random() < 0.2:
        return
    for parameters in (case.path_parameters, case.query):
        for name in list(parameters or {}):
            if ids.get(name):
                # The newest most of the time: what is old has been decided, closed, left.
                values = ids[name]
                parameters[name] = values[-1] if dice.random() < 0.5 else dice.choice(values)
    fitting = bodies.get(case.operation.definition.raw.get("operationId"))
    if fitting:
        case.body = dice.choice(fitting)


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw.get("operationId", case.operation.label)
    tally[operation][str(response.status_code)] += 1
    roles = case.operation.definition.raw.get("x-roles")
    if case.meta is not None and case.meta.generation.mode.is_positive and (roles is None or known["role"] in roles):
        fair["asked"] += 1
        fair["well"] += 200 <= response.status_code < 300
    if response.status_code not in (200, 201) or "json" not in response.headers.get("content-type", [""])[0]:
        return
    try:
        body = response.json()
    except ValueError:
        return
    for name, plural in (("ticket", "tickets"), ("session", "sessions"), ("alert", "alerts"), ("mail", "mails")):
        for item in body.get(plural) or []:
            learn(name, item["id"])
    if operation == "fileTicket":
        learn("ticket", body["id"])
    if operation == "openViewing":
        learn("viewing", body["viewing"])
    if operation == "raiseAlert":
        learn("alert", body["alert"])


@schemathesis.hook
def after_network_error(context, case, request):
    tally[case.operation.definition.raw.get("operationId", case.operation.label)]["none"] += 1


@atexit.register
def write():
    pathlib.Path(os.environ["ECLUSE_TALLY"]).write_text(json.dumps({"answers": tally, "fair": fair}))
