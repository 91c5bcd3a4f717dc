package com.example.windlass;

import dev.windlass.v1.AgentPool;
import dev.windlass.v1.ConfirmRunRequest;
import dev.windlass.v1.CreateAgentPoolRequest;
import dev.windlass.v1.CreateAgentTokenRequest;
import dev.windlass.v1.CreateRunRequest;
import dev.windlass.v1.CreateWorkspaceRequest;
import dev.windlass.v1.ExecutionMode;
import dev.windlass.v1.ListAgentPoolsRequest;
import dev.windlass.v1.ListAgentPoolsResponse;
import dev.windlass.v1.Run;
import dev.windlass.v1.RunPhase;
import dev.windlass.v1.RunState;
import dev.windlass.v1.StreamRunLogsRequest;
import dev.windlass.v1.WatchRunRequest;
import dev.windlass.v1.Workspace;
import io.grpc.StatusException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * From nothing to an applied run: {@code Walk FOLDER [NAME]}. Makes a pool, a token for an agent and a workspace, all called
 * NAME ("walk" if absent), uploads FOLDER, starts a run, waits for an agent of yours to plan it, confirms the plan and keeps
 * both logs.
 */
final class Walk {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private final Client client;
  private final String name;

  Walk(Client client, String name) {
    this.client = client;
    this.name = name;
  }

  public static void main(String[] args) throws Exception {
    try (Client client = Client.connect(System.getenv())) {
      Walk walk = new Walk(client, args.length > 1 ? args[1] : "walk");
      walk.createPool();
      walk.listPools();
      walk.createToken(Path.of("agent.token"));
      walk.createWorkspace();
      walk.upload(Path.of(args[0]));
      walk.planAndApply();
    } catch (StatusException error) {
      System.err.println("refused: " + Refusal.of(error));
      System.exit(1);
    }
  }

  void createPool() throws StatusException {
    // With a request_id a repeated call finds the pool that the first one made.
    client.pools.createAgentPool(CreateAgentPoolRequest.newBuilder().setName(name).setRequestId(newId()).build());
  }

  void listPools() throws StatusException {
    ListAgentPoolsRequest.Builder request = ListAgentPoolsRequest.newBuilder().setPageSize(2);
    int number = 0;
    do {
      ListAgentPoolsResponse page = client.pools.listAgentPools(request.build());
      String names = page.getAgentPoolsList().stream().map(AgentPool::getName).collect(Collectors.joining(" "));
      OUT.println("page " + ++number + ": " + names);
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
  }

  void createToken(Path path) throws StatusException, IOException {
    CreateAgentTokenRequest request =
        CreateAgentTokenRequest.newBuilder().setAgentPool(name).setRequestId(newId()).build();
    String secret = client.tokens.createAgentToken(request).getSecret();
    Files.deleteIfExists(path);
    Files.createFile(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(path, secret);
    OUT.println(path + " is ready for an agent");
  }

  void createWorkspace() throws StatusException {
    Workspace workspace = Workspace.newBuilder()
        .setName(name)
        .setExecutionMode(ExecutionMode.EXECUTION_MODE_AGENT)
        .setAgentPool(name)
        .build();
    client.workspaces.createWorkspace(
        CreateWorkspaceRequest.newBuilder().setWorkspace(workspace).setRequestId(newId()).build());
  }

  void upload(Path folder) throws Exception {
    long sizeBytes = Streams.upload(client, name, Streams.pack(folder)).getSizeBytes();
    OUT.println("uploaded " + sizeBytes + " bytes");
  }

  void planAndApply() throws StatusException, InterruptedException, IOException {
    String id = startRun();
    Run planned = watch(id, RunState.RUN_STATE_PLANNED);
    keepLog(id, RunPhase.RUN_PHASE_PLAN, Path.of("plan.log"));
    // Exactly the plan whose log was read is applied.
    client.runs.confirmRun(
        ConfirmRunRequest.newBuilder().setRunId(id).setPlanSha256(planned.getPlanSha256()).build());
    watch(id, RunState.RUN_STATE_APPLIED);
    keepLog(id, RunPhase.RUN_PHASE_APPLY, Path.of("apply.log"));
  }

  String startRun() throws StatusException {
    CreateRunRequest request = CreateRunRequest.newBuilder()
        .setWorkspace(name)
        .setMessage("Привет из Java")
        .setRequestId(newId())
        .build();
    Run run = client.runs.createRun(request).getRun();
    OUT.println(run.getId() + ": " + run.getMessage());
    return run.getId();
  }

  /** Says each change until the run is in the state that is wanted. One that ends in another is an error. */
  Run watch(String id, RunState wanted) throws StatusException, InterruptedException, IOException {
    Run[] seen = {Run.getDefaultInstance()};
    WatchRunRequest request = WatchRunRequest.newBuilder().setRunId(id).build();
    Streams.resumed(() -> client.runs.watchRun(request), answer -> {
      if (answer.getRun().getState() != seen[0].getState()) {
        OUT.println(id + " is " + answer.getRun().getState());
      }
      seen[0] = answer.getRun();
      return seen[0].getState() == wanted;
    });
    if (seen[0].getState() != wanted) {
      throw new IllegalStateException(id + " has ended: " + seen[0].getErrorMessage());
    }
    return seen[0];
  }

  /** Writes a log as the bytes that they are, to its end; after a break from where it was. */
  private void keepLog(String id, RunPhase phase, Path path)
      throws StatusException, InterruptedException, IOException {
    StreamRunLogsRequest.Builder request =
        StreamRunLogsRequest.newBuilder().setRunId(id).setPhase(phase).setFollow(true);
    long[] lost = {0};
    try (OutputStream file = Files.newOutputStream(path)) {
      Streams.resumed(() -> client.runs.streamRunLogs(request.build()), piece -> {
        piece.getChunk().writeTo(file);
        request.setOffset(piece.getOffset() + piece.getChunk().size());
        lost[0] = piece.getMissingBytes();
        return false;
      });
    }
    OUT.println(path + ": " + Files.size(path) + " bytes, " + lost[0] + " lost");
  }

  private static String newId() {
    return UUID.randomUUID().toString();
  }
}
