package com.example.windlass;

import com.google.protobuf.ByteString;
import dev.windlass.v1.ConfigurationVersion;
import dev.windlass.v1.UploadConfigurationHeader;
import dev.windlass.v1.UploadConfigurationRequest;
import dev.windlass.v1.UploadConfigurationResponse;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Uploads, and streams that survive a restart of the server. */
final class Streams {
  /** Each piece of an upload holds at most 1 MiB. */
  private static final int PIECE_BYTES = 1 << 20;

  private Streams() {}

  /** Opens a stream. */
  interface Opening<A> {
    BlockingClientCall<?, A> open();
  }

  /** Takes an answer, and says whether it was enough. */
  interface Taking<A> {
    boolean take(A answer) throws IOException;
  }

  /** Hands each answer of a stream over until one was enough, and opens the stream again when the server was away. */
  static <A> void resumed(Opening<A> opening, Taking<A> taking)
      throws StatusException, InterruptedException, IOException {
    for (;;) {
      BlockingClientCall<?, A> call = opening.open();
      try {
        for (A answer = call.read(); answer != null; answer = call.read()) {
          if (taking.take(answer)) {
            return;
          }
        }
        return;
      } catch (StatusException error) {
        if (error.getStatus().getCode() != Status.Code.UNAVAILABLE) {
          throw error;
        }
        Refusal refusal = Refusal.of(error);
        System.err.println("the server is away, asking again: " + refusal);
        Thread.sleep(refusal.retryDelayMs());
      } finally {
        // Tells the server that nobody reads any more.
        call.cancel("read enough", null);
      }
    }
  }

  /** Stores an archive as the newest configuration of a workspace: a header, then the bytes. */
  static ConfigurationVersion upload(Client client, String workspace, byte[] archive)
      throws StatusException, InterruptedException, GeneralSecurityException {
    BlockingClientCall<UploadConfigurationRequest, UploadConfigurationResponse> call =
        client.configurations.uploadConfiguration();
    String sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(archive));
    call.write(UploadConfigurationRequest.newBuilder()
        .setHeader(UploadConfigurationHeader.newBuilder()
            .setWorkspace(workspace)
            .setSizeBytes(archive.length)
            .setSha256(sha256))
        .build());
    boolean taken = true;
    for (int at = 0; taken && at < archive.length; at += PIECE_BYTES) {
      ByteString piece = ByteString.copyFrom(archive, at, Math.min(PIECE_BYTES, archive.length - at));
      // False after a refusal: read says why.
      taken = call.write(UploadConfigurationRequest.newBuilder().setChunk(piece).build());
    }
    if (taken) {
      call.halfClose();
    }
    return call.read().getConfigurationVersion();
  }

  /** Makes a tar archive, packed with gzip, of the files of a folder. */
  static byte[] pack(Path folder) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (TarArchiveOutputStream archive = new TarArchiveOutputStream(new GZIPOutputStream(packed));
        Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        archive.putArchiveEntry(new TarArchiveEntry(file.toFile(), folder.relativize(file).toString()));
        Files.copy(file, archive);
        archive.closeArchiveEntry();
      }
    }
    return packed.toByteArray();
  }
}
