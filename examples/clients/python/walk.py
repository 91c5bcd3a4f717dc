"""From nothing to an applied run: walk.py FOLDER [NAME]

Makes a pool, a token for an agent and a workspace, all called NAME (`walk` if absent), uploads FOLDER, starts a run, waits
for an agent of yours to plan it, confirms the plan and keeps both logs. What it needs to know: see windlass_client.py.
"""

import hashlib
import io
import os
import sys
import tarfile
import uuid
from pathlib import Path

import grpc
import protovalidate

from windlass.v1.agent_pool_service_pb2 import CreateAgentPoolRequest, ListAgentPoolsRequest
from windlass.v1.agent_pool_service_pb2_grpc import AgentPoolServiceStub
from windlass.v1.agent_token_service_pb2 import CreateAgentTokenRequest
from windlass.v1.agent_token_service_pb2_grpc import AgentTokenServiceStub
from windlass.v1.configuration_service_pb2 import UploadConfigurationHeader, UploadConfigurationRequest
from windlass.v1.configuration_service_pb2_grpc import ConfigurationServiceStub
from windlass.v1.run_pb2 import (
    RUN_PHASE_APPLY,
    RUN_PHASE_PLAN,
    RUN_STATE_APPLIED,
    RUN_STATE_PLANNED,
    RunState,
)
from windlass.v1.run_service_pb2 import (
    ConfirmRunRequest,
    CreateRunRequest,
    StreamRunLogsRequest,
    WatchRunRequest,
)
from windlass.v1.run_service_pb2_grpc import RunServiceStub
from windlass.v1.workspace_pb2 import EXECUTION_MODE_AGENT, Workspace
from windlass.v1.workspace_service_pb2 import CreateWorkspaceRequest
from windlass.v1.workspace_service_pb2_grpc import WorkspaceServiceStub
from windlass_client import api_key, bearer, connect, pages, refusal, resumed

PIECE_BYTES = 1024 * 1024


def pack(folder):
    """A configuration is uploaded as a tar archive, packed with gzip."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return packed.getvalue()


def pieces_of(archive, workspace):
    """An upload: what will come, then the bytes."""
    sha256 = hashlib.sha256(archive).hexdigest()
    header = UploadConfigurationHeader(workspace=workspace, size_bytes=len(archive), sha256=sha256)
    yield UploadConfigurationRequest(header=header)
    for at in range(0, len(archive), PIECE_BYTES):
        yield UploadConfigurationRequest(chunk=archive[at : at + PIECE_BYTES])


class Walk:
    def __init__(self, channel, name):
        self.name = name
        self.stream = {"metadata": bearer(api_key())}
        self.call = {**self.stream, "timeout": 60}
        self.pools = AgentPoolServiceStub(channel)
        self.tokens = AgentTokenServiceStub(channel)
        self.workspaces = WorkspaceServiceStub(channel)
        self.configurations = ConfigurationServiceStub(channel)
        self.runs = RunServiceStub(channel)

    def create_pool(self):
        # With a request_id a repeated call finds the pool that the first one made.
        request = CreateAgentPoolRequest(name=self.name, request_id=str(uuid.uuid4()))
        # The rules of the proto, before anything is sent; the server has the same.
        protovalidate.validate(request)
        self.pools.CreateAgentPool(request, **self.call)

    def list_pools(self):
        for number, page in enumerate(pages(self.pools.ListAgentPools, ListAgentPoolsRequest(page_size=2), **self.call), 1):
            print(f"page {number}: {' '.join(pool.name for pool in page.agent_pools)}")

    def create_token(self, path):
        answer = self.tokens.CreateAgentToken(CreateAgentTokenRequest(agent_pool=self.name), **self.call)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(answer.secret)
        print(f"{path} is ready for an agent")

    def create_workspace(self):
        workspace = Workspace(name=self.name, execution_mode=EXECUTION_MODE_AGENT, agent_pool=self.name)
        request = CreateWorkspaceRequest(workspace=workspace, request_id=str(uuid.uuid4()))
        self.workspaces.CreateWorkspace(request, **self.call)

    def upload(self, folder):
        archive = pack(folder)
        self.configurations.UploadConfiguration(pieces_of(archive, self.name), **self.call)
        print(f"uploaded {len(archive)} bytes")

    def start_run(self):
        request = CreateRunRequest(workspace=self.name, message="Привет из Python", request_id=str(uuid.uuid4()))
        run = self.runs.CreateRun(request, **self.call).run
        print(f"{run.id}: {run.message}")
        return run.id

    def watch(self, run_id, wanted):
        """Says each change until the run is in the state that is wanted. One that ends in another is an error."""
        seen = None
        for answer in resumed(lambda: self.runs.WatchRun(WatchRunRequest(run_id=run_id), **self.stream)):
            run = answer.run
            if run.state != seen:
                print(f"{run_id} is {RunState.Name(run.state)}")
            seen = run.state
            if seen == wanted:
                return run
        raise SystemExit(f"{run_id} has ended: {run.error_message}")

    def keep_log(self, run_id, phase, path):
        """Writes a log as the bytes that they are, to its end; after a break from where it was."""
        with open(path, "wb") as file:
            for piece in resumed(
                lambda: self.runs.StreamRunLogs(
                    StreamRunLogsRequest(run_id=run_id, phase=phase, offset=file.tell(), follow=True), **self.stream
                )
            ):
                file.write(piece.chunk)
            print(f"{path}: {file.tell()} bytes, {piece.missing_bytes} lost")


def broken_rules(error):
    """The fields that broke a rule of the proto, each with what the rule says."""
    for violation in error.violations:
        path = ".".join(element.field_name for element in violation.proto.field.elements)
        yield f"{path}: {violation.proto.message}"


def main(folder, name="walk"):
    with connect() as channel:
        walk = Walk(channel, name)
        walk.create_pool()
        walk.list_pools()
        walk.create_token(Path("agent.token"))
        walk.create_workspace()
        walk.upload(folder)
        run_id = walk.start_run()
        planned = walk.watch(run_id, RUN_STATE_PLANNED)
        walk.keep_log(run_id, RUN_PHASE_PLAN, Path("plan.log"))
        # Exactly the plan whose log was read is applied.
        walk.runs.ConfirmRun(ConfirmRunRequest(run_id=run_id, plan_sha256=planned.plan_sha256), **walk.call)
        walk.watch(run_id, RUN_STATE_APPLIED)
        walk.keep_log(run_id, RUN_PHASE_APPLY, Path("apply.log"))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(f"refused: {refusal(error)}")
    except protovalidate.ValidationError as error:
        sys.exit(f"not sent: {'; '.join(broken_rules(error))}")
