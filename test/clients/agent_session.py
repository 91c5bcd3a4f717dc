"""Does what it takes to have a job, and is the agent that runs it. Prints one JSON value for each thing it was told.

Arguments: host:port. Environment: API_KEY of a person who may do everything.
"""

import hashlib
import io
import json
import os
import queue
import sys
import tarfile
import uuid

import grpc

from list_pools import bearer, connect, pool_names
from windlass.agent.v1 import agent_gateway_service_pb2 as gateway
from windlass.agent.v1 import agent_gateway_service_pb2_grpc, job_artifact_service_pb2_grpc, job_pb2
from windlass.agent.v1 import job_artifact_service_pb2 as artifacts
from windlass.v1 import agent_pool_service_pb2, agent_pool_service_pb2_grpc
from windlass.v1 import agent_token_service_pb2, agent_token_service_pb2_grpc
from windlass.v1 import configuration_service_pb2, configuration_service_pb2_grpc
from windlass.v1 import run_pb2, run_service_pb2, run_service_pb2_grpc
from windlass.v1 import workspace_pb2, workspace_service_pb2, workspace_service_pb2_grpc

TIMEOUT = 60
LOG = "Grüße from Python\n".encode()


def say(**facts):
    print(json.dumps(facts), flush=True)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def hello_archive():
    content = b'output "greeting" {\n  value = "hello"\n}\n'
    entry = tarfile.TarInfo("main.tf")
    entry.size = len(content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class Person:
    """What a person does before an agent has something to do."""

    def __init__(self, channel, api_key):
        self.call = {"metadata": bearer(api_key), "timeout": TIMEOUT}
        self.pools = agent_pool_service_pb2_grpc.AgentPoolServiceStub(channel)
        self.tokens = agent_token_service_pb2_grpc.AgentTokenServiceStub(channel)
        self.workspaces = workspace_service_pb2_grpc.WorkspaceServiceStub(channel)
        self.configurations = configuration_service_pb2_grpc.ConfigurationServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)

    def create_pool(self):
        self.pools.CreateAgentPool(agent_pool_service_pb2.CreateAgentPoolRequest(name="py"), **self.call)
        request = agent_token_service_pb2.CreateAgentTokenRequest(agent_pool="py", description="a Python agent")
        return self.tokens.CreateAgentToken(request, **self.call).secret

    def start_run(self):
        workspace = workspace_pb2.Workspace(
            name="hello", execution_mode=workspace_pb2.EXECUTION_MODE_AGENT, agent_pool="py"
        )
        self.workspaces.CreateWorkspace(workspace_service_pb2.CreateWorkspaceRequest(workspace=workspace), **self.call)
        self.configurations.UploadConfiguration(self.pieces(hello_archive()), **self.call)
        return self.runs.CreateRun(run_service_pb2.CreateRunRequest(workspace="hello"), **self.call).run.id

    def pieces(self, archive):
        request = configuration_service_pb2.UploadConfigurationRequest
        header = configuration_service_pb2.UploadConfigurationHeader(
            workspace="hello", size_bytes=len(archive), sha256=sha256(archive)
        )
        yield request(header=header)
        yield request(chunk=archive)

    def read_run(self, run_id):
        run = self.runs.GetRun(run_service_pb2.GetRunRequest(run_id=run_id), **self.call).run
        request = run_service_pb2.StreamRunLogsRequest(run_id=run_id, phase=run_pb2.RUN_PHASE_PLAN, follow=True)
        log = b"".join(message.chunk for message in self.runs.StreamRunLogs(request, **self.call))
        say(run=run_pb2.RunState.Name(run.state), log=log.decode(), complete=run.plan.log_complete)


class Session:
    """The bidirectional stream of one agent."""

    def __init__(self, channel, token):
        self.outgoing = queue.Queue()
        stub = agent_gateway_service_pb2_grpc.AgentGatewayServiceStub(channel)
        self.incoming = stub.Session(iter(self.outgoing.get, None), metadata=bearer(token), timeout=TIMEOUT)
        self.unread = []

    def send(self, **message):
        self.outgoing.put(gateway.SessionRequest(**message))

    def receive(self, kind):
        """The next message of this kind; the others are kept for later."""
        for at, message in enumerate(self.unread):
            if message.WhichOneof("message") == kind:
                return getattr(self.unread.pop(at), kind)
        for message in self.incoming:
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)
            self.unread.append(message)
        raise RuntimeError(f"the stream ended before {kind} came")

    def end(self):
        self.outgoing.put(None)
        for _ in self.incoming:
            pass
        return self.incoming.code()


def register(channel, secret):
    identity = {"incarnation": str(uuid.uuid4()), "boot_id": str(uuid.uuid4())}
    request = gateway.RegisterRequest(
        name="snake", version="0.0.1", minimum_protocol=1, maximum_protocol=1, os="linux", concurrency=1, **identity
    )
    stub = agent_gateway_service_pb2_grpc.AgentGatewayServiceStub(channel)
    answer = stub.Register(request, metadata=bearer(secret), timeout=TIMEOUT)
    say(registered=answer.agent_id, pool=answer.agent_pool, protocol=answer.protocol)
    return identity, answer.session_token


def run_job(channel, session, incarnation):
    job = session.receive("offer").job
    say(offered=job.workspace, phase=job_pb2.JobPhase.Name(job.phase), epoch=job.claim.epoch)
    stub = job_artifact_service_pb2_grpc.JobArtifactServiceStub(channel)
    request = artifacts.DownloadConfigurationRequest()
    answers = stub.DownloadConfiguration(request, metadata=bearer(job.job_token), timeout=TIMEOUT)
    archive = b"".join(answer.chunk for answer in answers)
    say(archive_is_whole=sha256(archive) == job.configuration.sha256)

    session.send(start_request=gateway.StartRequest(claim=job.claim, incarnation=incarnation))
    say(granted=session.receive("start_decision").granted)
    session.send(log_chunk=gateway.LogChunk(claim=job.claim, offset=0, chunk=LOG))
    say(log_acknowledged=session.receive("log_ack").next_offset)
    result = gateway.JobResult(
        claim=job.claim, outcome=job_pb2.JOB_OUTCOME_FINISHED, log_bytes=len(LOG), log_sha256=sha256(LOG)
    )
    session.send(job_result=result)
    say(sealed=session.receive("result_ack").sealed)


def main(target, api_key):
    with connect(target) as channel:
        person = Person(channel, api_key)
        secret = person.create_pool()
        say(pools=pool_names(channel, api_key))
        identity, token = register(channel, secret)
        run_id = person.start_run()

        session = Session(channel, token)
        session.send(hello=gateway.Hello(**identity))
        say(welcomed=session.receive("welcome").session_epoch)
        session.send(heartbeat=gateway.Heartbeat(free_disk_bytes=1_000_000_000))
        say(next_heartbeat_s=session.receive("heartbeat_reply").next_interval.seconds)
        run_job(channel, session, identity["incarnation"])
        session.send(goodbye=gateway.Goodbye(reason="the test is over"))
        say(ended=str(session.end().name))
        person.read_run(run_id)


main(sys.argv[1], os.environ["API_KEY"])
