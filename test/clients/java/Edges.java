package com.example.windlass;

import dev.windlass.v1.CreateAgentPoolRequest;
import dev.windlass.v1.GetServerInfoRequest;
import dev.windlass.v1.RunState;
import dev.windlass.v1.SystemServiceGrpc;
import dev.windlass.v1.SystemServiceGrpc.SystemServiceBlockingV2Stub;
import dev.windlass.v1.WatchRunRequest;
import dev.windlass.v1.WatchRunResponse;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.StatusException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.BlockingClientCall;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Calls that do not go well, each as the client sees it. The run that it starts waits until somebody cancels it. */
final class Edges {
  private static final Map<String, String> ENVIRONMENT = System.getenv();
  private static final URI ADDRESS = URI.create(ENVIRONMENT.get("WINDLASS_ADDRESS"));

  private final Client client;

  private Edges(Client client) {
    this.client = client;
  }

  public static void main(String[] args) throws Exception {
    try (Client client = Client.connect(ENVIRONMENT)) {
      Edges edges = new Edges(client);
      edges.refused();
      edges.mistrusted();
      Walk walk = new Walk(client, "edges");
      walk.createPool();
      walk.createWorkspace();
      walk.upload(Path.of(args[0]));
      String id = walk.startRun();
      edges.late(id);
      edges.canceled(id);
      edges.watchOverRestart(walk, id);
    }
  }

  /** The server's rules, by a client that does not know them. */
  private void refused() {
    try {
      client.pools.createAgentPool(
          CreateAgentPoolRequest.newBuilder().setName("A B").setDescription("!".repeat(2000)).build());
    } catch (StatusException error) {
      System.out.println("refused: " + Refusal.of(error));
    }
  }

  /** Without knowledge of the private authority. */
  private void mistrusted() throws InterruptedException {
    ManagedChannel channel = Grpc.newChannelBuilder(ADDRESS.getAuthority(), TlsChannelCredentials.create()).build();
    try {
      SystemServiceGrpc.newBlockingV2Stub(channel).getServerInfo(GetServerInfoRequest.getDefaultInstance());
    } catch (StatusException error) {
      System.out.println("with another authority: " + error.getStatus().getCode());
    } finally {
      close(channel);
    }
  }

  private void late(String id) throws InterruptedException {
    BlockingClientCall<?, WatchRunResponse> call =
        client.runs.withDeadlineAfter(1, TimeUnit.SECONDS).watchRun(request(id));
    try {
      while (call.read() != null) {}
    } catch (StatusException error) {
      System.out.println("late: " + error.getStatus().getCode());
    }
  }

  private void canceled(String id) throws InterruptedException, StatusException {
    BlockingClientCall<?, WatchRunResponse> call = client.runs.watchRun(request(id));
    call.read();
    call.cancel("seen enough", null);
    try {
      while (call.read() != null) {}
    } catch (StatusException error) {
      System.out.println("canceled: " + error.getStatus().getCode());
    }
  }

  /** Watches the run and makes other calls all the time: those of the client, and some without its policy for retries. */
  private void watchOverRestart(Walk walk, String id) throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    ManagedChannel bare =
        Grpc.newChannelBuilder(ADDRESS.getAuthority(), Client.credentials(ADDRESS, ENVIRONMENT)).build();
    CompletableFuture<Integer> with =
        CompletableFuture.supplyAsync(() -> failures(SystemServiceGrpc.newBlockingV2Stub(client.channel), isOver));
    CompletableFuture<Integer> without =
        CompletableFuture.supplyAsync(() -> failures(SystemServiceGrpc.newBlockingV2Stub(bare), isOver));
    try {
      walk.watch(id, RunState.RUN_STATE_CANCELED);
    } finally {
      isOver.set(true);
    }
    System.out.println("failed with retries: " + with.get());
    System.out.println("some failed without: " + (without.get() > 0));
    close(bare);
  }

  /** Makes one call after the other until it is over, and counts those that failed. */
  private static int failures(SystemServiceBlockingV2Stub system, AtomicBoolean isOver) {
    int failed = 0;
    while (!isOver.get()) {
      try {
        system.getServerInfo(GetServerInfoRequest.getDefaultInstance());
        Thread.sleep(10);
      } catch (StatusException error) {
        failed++;
      } catch (InterruptedException stop) {
        return failed;
      }
    }
    return failed;
  }

  private static WatchRunRequest request(String id) {
    return WatchRunRequest.newBuilder().setRunId(id).build();
  }

  private static void close(ManagedChannel channel) throws InterruptedException {
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
  }
}
