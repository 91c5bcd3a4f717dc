"""Calls that do not go well, each as the client sees it. The run that it starts waits until somebody cancels it."""

import sys

import grpc

from walk import Walk
from windlass.v1.agent_pool_service_pb2 import CreateAgentPoolRequest
from windlass.v1.run_pb2 import RUN_STATE_CANCELED
from windlass.v1.run_service_pb2 import WatchRunRequest
from windlass_client import connect, refusal


def refused(walk):
    """The server's rules, by a client that does not know them."""
    try:
        walk.pools.CreateAgentPool(CreateAgentPoolRequest(name="A B", description="!" * 2000), **walk.call)
    except grpc.RpcError as error:
        print(f"refused: {refusal(error)}")


def late(walk, run_id):
    watching = walk.runs.WatchRun(WatchRunRequest(run_id=run_id), **walk.stream, timeout=1)
    try:
        print(f"late: read {sum(1 for _ in watching)}")
    except grpc.RpcError as error:
        print(f"late: {error.code().name}")


def canceled(walk, run_id):
    watching = walk.runs.WatchRun(WatchRunRequest(run_id=run_id), **walk.stream)
    next(watching)
    watching.cancel()
    try:
        next(watching)
    except grpc.RpcError as error:
        print(f"canceled: {error.code().name}")


def main(folder):
    with connect() as channel:
        walk = Walk(channel, "edges")
        refused(walk)
        walk.create_pool()
        walk.create_workspace()
        walk.upload(folder)
        run_id = walk.start_run()
        late(walk, run_id)
        canceled(walk, run_id)
        walk.watch(run_id, RUN_STATE_CANCELED)


sys.stdout.reconfigure(line_buffering=True)
main(*sys.argv[1:])
