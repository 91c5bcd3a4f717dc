import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { BrowserSessionView } from "../../control/people/browser-session-ends.ts";
import type { BrowserSessionSchema } from "../../gen/windlass/v1/browser_session_pb.ts";

export const toBrowserSession = ({
  session,
  isCurrent,
}: BrowserSessionView): MessageInitShape<typeof BrowserSessionSchema> => ({
  id: session.id,
  apiKeyId: session.apiKeyId,
  createTime: timestampFromDate(session.createdAt),
  lastUseTime: timestampFromDate(session.lastUsedAt),
  lastUseAddress: session.lastUsedAddress,
  endTime: timestampFromDate(session.endsAt),
  userAgent: session.userAgent,
  current: isCurrent,
});
