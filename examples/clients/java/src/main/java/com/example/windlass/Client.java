package com.example.windlass;

import dev.windlass.v1.AgentPoolServiceGrpc;
import dev.windlass.v1.AgentPoolServiceGrpc.AgentPoolServiceBlockingV2Stub;
import dev.windlass.v1.AgentTokenServiceGrpc;
import dev.windlass.v1.AgentTokenServiceGrpc.AgentTokenServiceBlockingV2Stub;
import dev.windlass.v1.ConfigurationServiceGrpc;
import dev.windlass.v1.ConfigurationServiceGrpc.ConfigurationServiceBlockingV2Stub;
import dev.windlass.v1.RunServiceGrpc;
import dev.windlass.v1.RunServiceGrpc.RunServiceBlockingV2Stub;
import dev.windlass.v1.WorkspaceServiceGrpc;
import dev.windlass.v1.WorkspaceServiceGrpc.WorkspaceServiceBlockingV2Stub;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A connection to windlassd, with a stub for each service that the example uses. Its environment is that of the program
 * {@code windlass}: WINDLASS_ADDRESS, WINDLASS_TOKEN_FILE and, for https with a private authority, WINDLASS_CA_FILE.
 */
final class Client implements AutoCloseable {
  /**
   * Calls wait while the server is away, and are made again when it goes away meanwhile. That is safe for what only reads and
   * for what carries a request_id; another change that had happened already, such as a confirmation, is refused the second
   * time. Unary calls have 30 s, streams as long as they last: one that breaks off is opened again by hand (see Streams).
   */
  private static final Map<String, ?> SERVICE_CONFIG = Map.of("methodConfig", List.of(
      Map.of(
          "name", List.of(Map.of()),
          "timeout", "30s",
          "waitForReady", true,
          "retryPolicy", Map.of(
              "maxAttempts", 5.0,
              "initialBackoff", "0.5s",
              "maxBackoff", "5s",
              "backoffMultiplier", 2.0,
              "retryableStatusCodes", List.of("UNAVAILABLE"))),
      Map.of(
          "name", List.of(
              Map.of("service", "windlass.v1.RunService", "method", "WatchRun"),
              Map.of("service", "windlass.v1.RunService", "method", "StreamRunLogs"),
              Map.of("service", "windlass.v1.ConfigurationService", "method", "UploadConfiguration")),
          "waitForReady", true)));

  final ManagedChannel channel;
  final AgentPoolServiceBlockingV2Stub pools;
  final AgentTokenServiceBlockingV2Stub tokens;
  final WorkspaceServiceBlockingV2Stub workspaces;
  final ConfigurationServiceBlockingV2Stub configurations;
  final RunServiceBlockingV2Stub runs;

  private Client(ManagedChannel channel, String token) {
    this.channel = channel;
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    Channel withToken = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    pools = AgentPoolServiceGrpc.newBlockingV2Stub(withToken);
    tokens = AgentTokenServiceGrpc.newBlockingV2Stub(withToken);
    workspaces = WorkspaceServiceGrpc.newBlockingV2Stub(withToken);
    configurations = ConfigurationServiceGrpc.newBlockingV2Stub(withToken);
    runs = RunServiceGrpc.newBlockingV2Stub(withToken);
  }

  /** Makes a client. It does not wait for the server: the first call does. */
  static Client connect(Map<String, String> environment) throws IOException {
    URI address = URI.create(environment.getOrDefault("WINDLASS_ADDRESS", "http://127.0.0.1:7070"));
    ManagedChannel channel = Grpc.newChannelBuilder(address.getAuthority(), credentials(address, environment))
        .defaultServiceConfig(SERVICE_CONFIG)
        // Finds out that the network is gone while a watch waits.
        .keepAliveTime(30, TimeUnit.SECONDS)
        .build();
    return new Client(channel, Files.readString(Path.of(environment.get("WINDLASS_TOKEN_FILE"))).strip());
  }

  static ChannelCredentials credentials(URI address, Map<String, String> environment) throws IOException {
    String caFile = environment.getOrDefault("WINDLASS_CA_FILE", "");
    if (!address.getScheme().equals("https")) {
      return InsecureChannelCredentials.create();
    }
    if (caFile.isEmpty()) {
      return TlsChannelCredentials.create();
    }
    return TlsChannelCredentials.newBuilder().trustManager(new File(caFile)).build();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
