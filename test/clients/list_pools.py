"""Lists the agent pools. Arguments: host:port. Environment: API_KEY, CA_FILE (for TLS). Prints one JSON value."""

import json
import os
import sys

import grpc

from windlass.v1 import agent_pool_service_pb2, agent_pool_service_pb2_grpc


def connect(target):
    ca_file = os.environ.get("CA_FILE")
    if ca_file is None:
        return grpc.insecure_channel(target)
    with open(ca_file, "rb") as file:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()))


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


def pool_names(channel, api_key):
    pools = agent_pool_service_pb2_grpc.AgentPoolServiceStub(channel)
    answer = pools.ListAgentPools(agent_pool_service_pb2.ListAgentPoolsRequest(), metadata=bearer(api_key), timeout=60)
    return [pool.name for pool in answer.agent_pools]


if __name__ == "__main__":
    with connect(sys.argv[1]) as channel:
        print(json.dumps({"pools": pool_names(channel, os.environ["API_KEY"])}))
