"""A connection to windlassd: address, key, authority, retries; and what every program needs of pages, streams and refusals.

The environment is that of the program `windlass`: WINDLASS_ADDRESS, WINDLASS_TOKEN_FILE and, for https with a private
authority, WINDLASS_CA_FILE.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Calls wait while the server is away, each until its own deadline, and are made again when it was not reached.
RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "waitForReady": True,
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.5s",
                "maxBackoff": "10s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

# A watch can be silent for hours: pings find out that the other end is gone.
OPTIONS = [("grpc.service_config", json.dumps(RETRIES)), ("grpc.keepalive_time_ms", 30_000)]


def connect():
    """A channel; it connects by itself, and again when the server was away."""
    address = urlsplit(os.environ.get("WINDLASS_ADDRESS", "http://127.0.0.1:7070"))
    if address.scheme != "https":
        return grpc.insecure_channel(address.netloc, OPTIONS)
    ca_file = os.environ.get("WINDLASS_CA_FILE")
    authorities = Path(ca_file).read_bytes() if ca_file else None
    return grpc.secure_channel(address.netloc, grpc.ssl_channel_credentials(authorities), OPTIONS)


def bearer(token):
    """The metadata of a call with this key."""
    return (("authorization", f"Bearer {token}"),)


def api_key():
    return Path(os.environ["WINDLASS_TOKEN_FILE"]).read_text().strip()


def pages(call, request, **how):
    """Every page of a list, from the first to the last."""
    while True:
        page = call(request, **how)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def resumed(open_stream):
    """The answers of a stream that is opened again when the server was away."""
    while True:
        stream = open_stream()
        try:
            yield from stream
            return
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            print(f"the server is away, asking again: {refusal(error)}", file=sys.stderr, flush=True)
        finally:
            stream.cancel()


def details(error):
    """The google.rpc details of a refusal, by the names of their messages."""
    status = rpc_status.from_call(error)
    found = {}
    for packed in status.details if status else ():
        detail = getattr(error_details_pb2, packed.TypeName().removeprefix("google.rpc."))()
        packed.Unpack(detail)
        found[type(detail).__name__] = detail
    return found


def refusal(error):
    """A refusal in a few lines: code, reason and facts, then the fields that broke a rule, else its sentence."""
    said = details(error)
    words = [error.code().name]
    if info := said.get("ErrorInfo"):
        words += [info.reason, *(f"{key}={value}" for key, value in sorted(info.metadata.items()))]
    if bad_request := said.get("BadRequest"):
        lines = [f"{violation.field}: {violation.description}" for violation in bad_request.field_violations]
    else:
        lines = [error.details()]
    return "\n  ".join([" ".join(words), *lines])
