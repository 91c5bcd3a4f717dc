package com.example.windlass;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * What a refused call says. Programs branch on the code and on the reason of ErrorInfo, one of
 * windlass/v1/error_reason.proto; the text is for people.
 */
record Refusal(Status status, ErrorInfo info, BadRequest badRequest, RetryInfo retryInfo) {
  static Refusal of(StatusException error) {
    List<Any> details = StatusProto.fromThrowable(error).getDetailsList();
    return new Refusal(
        error.getStatus(),
        detail(details, ErrorInfo.getDefaultInstance()),
        detail(details, BadRequest.getDefaultInstance()),
        detail(details, RetryInfo.getDefaultInstance()));
  }

  /** How long the server asks to wait, or a second. */
  long retryDelayMs() {
    Duration asked = retryInfo.getRetryDelay();
    return retryInfo.hasRetryDelay() ? asked.getSeconds() * 1000 + asked.getNanos() / 1_000_000 : 1000;
  }

  /** Code, reason and facts, then the sentence or, if there are any, the fields that broke a rule. */
  @Override
  public String toString() {
    StringBuilder first = new StringBuilder(status.getCode() + " " + info.getReason());
    new TreeMap<>(info.getMetadataMap()).forEach((key, value) -> first.append(" " + key + "=" + value));
    List<String> lines = new ArrayList<>(List.of(first.toString()));
    badRequest.getFieldViolationsList().forEach(broken -> lines.add(broken.getField() + ": " + broken.getDescription()));
    if (lines.size() == 1) {
      lines.add(String.valueOf(status.getDescription()));
    }
    return String.join("\n  ", lines);
  }

  @SuppressWarnings("unchecked")
  private static <T extends Message> T detail(List<Any> details, T absent) {
    for (Any detail : details) {
      if (detail.is(absent.getClass())) {
        try {
          return (T) detail.unpack(absent.getClass());
        } catch (InvalidProtocolBufferException broken) {
          return absent;
        }
      }
    }
    return absent;
  }
}
