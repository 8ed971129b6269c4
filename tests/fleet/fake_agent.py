"""A program that speaks the agent's protocol and misbehaves on command. Its verbs:

``echo`` answers its arguments, ``raw`` writes the text ``line`` (``ID`` in it becomes the request's number), ``long``
answers with ``bytes`` characters, ``ignore`` says nothing, ``half`` writes half an answer and ends, ``quit`` ends with
``status`` after saying ``last``, ``mute`` closes the output and goes on, ``deaf`` reads no more until it is killed,
``stubborn`` goes on when the input closes, ``event`` pushes ``message``.
"""

import json
import os
import signal
import sys
import time

OUT = 1
stubborn = False


def write(text: str) -> None:
    data = text.encode("latin-1")
    while data:
        data = data[os.write(OUT, data) :]


def answer(number: object, result: object) -> None:
    write(json.dumps({"id": number, "ok": True, "result": result}) + "\n")


def main() -> None:
    global stubborn
    for line in sys.stdin.buffer:
        request = json.loads(line)
        number, verb, args = request["id"], request["verb"], request["args"]
        if verb == "raw":
            write(args["line"].replace("ID", str(number)))
        elif verb == "long":
            answer(number, {"text": "x" * args["bytes"]})
        elif verb == "half":
            write(f'{{"id": {number}, "ok": tr')
            return
        elif verb == "quit":
            sys.stderr.write(args.get("last", "") + "\n")
            sys.stderr.flush()
            os._exit(args["status"])
        elif verb == "mute":
            os.close(OUT)
        elif verb == "deaf":
            answer(number, {})
            signal.pause()
        elif verb == "event":
            write(json.dumps(args["message"]) + "\n")
            answer(number, {})
        elif verb == "stubborn":
            stubborn = True
            answer(number, {})
        elif verb != "ignore":
            answer(number, args)


main()
while stubborn:
    time.sleep(60)
