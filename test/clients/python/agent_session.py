"""Has a job made by the steps of the example's walk, and is the agent that runs it. Prints one JSON value for each thing it was
told, between what the steps say."""

import hashlib
import json
import queue
import tempfile
import uuid
from pathlib import Path

from walk import Walk
from windlass.agent.v1 import agent_gateway_service_pb2 as gateway
from windlass.agent.v1 import agent_gateway_service_pb2_grpc, job_artifact_service_pb2_grpc, job_pb2
from windlass.agent.v1 import job_artifact_service_pb2 as artifacts
from windlass.v1 import run_pb2, run_service_pb2
from windlass_client import bearer, connect

TIMEOUT = 60
LOG = "Grüße from Python\n".encode()


def say(**facts):
    print(json.dumps(facts), flush=True)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Person(Walk):
    """What a person does before an agent has something to do, and afterwards."""

    def prepare(self):
        """A pool, and the secret of a token of it."""
        self.create_pool()
        self.create_token(Path("session.token"))
        return Path("session.token").read_text()

    def start(self):
        self.create_workspace()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "main.tf").write_text('output "greeting" {\n  value = "hello"\n}\n')
            self.upload(folder)
        return self.start_run()

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


def main():
    with connect() as channel:
        person = Person(channel, "py")
        secret = person.prepare()
        identity, token = register(channel, secret)
        run_id = person.start()

        session = Session(channel, token)
        session.send(hello=gateway.Hello(**identity))
        say(welcomed=session.receive("welcome").session_epoch)
        session.send(heartbeat=gateway.Heartbeat(free_disk_bytes=1_000_000_000))
        say(next_heartbeat_s=session.receive("heartbeat_reply").next_interval.seconds)
        run_job(channel, session, identity["incarnation"])
        session.send(goodbye=gateway.Goodbye(reason="the test is over"))
        say(ended=str(session.end().name))
        person.read_run(run_id)


main()
