import { useQuery } from "@connectrpc/connect-query";
import { ApiKeyService } from "../../../../src/gen/windlass/v1/api_key_service_pb.ts";
import type { BrowserSession } from "../../../../src/gen/windlass/v1/browser_session_pb.ts";
import { SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";

/** The browsers that are signed in with the caller's own key. */
export function BrowserSessions() {
  const attempt = useAttempt();
  const { data: caller } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  const { data, error, refetch } = useQuery(ApiKeyService.method.listBrowserSessions, {});
  const end = useCall(ApiKeyService.method.endBrowserSession, ["ListBrowserSessions"]);
  const others = data?.browserSessions.filter(({ current }) => !current) ?? [];
  const endOthers = () => attempt.run(() => Promise.all(others.map(({ id }) => end({ browserSessionId: id }))));
  return (
    <Section
      title="Your browsers"
      lead="Signed in with your key. One that you do not know should be ended, and your key rotated."
      actions={
        <ActionButton
          onClick={() => void endOthers()}
          testId="end-other-sessions"
          isBusy={attempt.isBusy}
          disabledReason={others.length === 0 ? "There is no other" : undefined}
        >
          Sign out all others
        </ActionButton>
      }
    >
      {error !== null && (
        <ErrorNote error={error} what="Your browsers could not be read" retry={() => void refetch()} />
      )}
      {attempt.failure !== undefined && (
        <ErrorNote error={attempt.failure.error} what="Not every browser was signed out" />
      )}
      {data !== undefined && (
        <ul className="panel divide-y divide-base-300 text-sm" data-testid="sessions">
          {data.browserSessions.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              onEnd={() => void attempt.run(() => end({ browserSessionId: session.id }))}
            />
          ))}
          {data.browserSessions.length === 0 && <li className="quiet px-4 py-3">None: you came without a session.</li>}
        </ul>
      )}
      {caller !== undefined && <CliLine command={`windlass apikey sessions ${shellWord(caller.id)}`} />}
    </Section>
  );
}

function SessionRow({ session, onEnd }: { readonly session: BrowserSession; readonly onEnd: () => void }) {
  const { userAgent, lastUseAddress, lastUseTime, createTime, endTime, current } = session;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-2.5">
      <div className="min-w-0 grow">
        <p className="truncate" title={userAgent}>
          {current && <span className="font-medium text-success">This browser · </span>}
          {userAgent || "no name"}
        </p>
        <p className="quiet text-xs">
          Signed in <RelativeTime time={createTime} />, last used <RelativeTime time={lastUseTime} />
          {lastUseAddress !== "" && ` from ${lastUseAddress}`}, ends <RelativeTime time={endTime} />
        </p>
      </div>
      <ActionButton
        size="xs"
        onClick={onEnd}
        testId="end-session"
        disabledReason={current ? "Use Sign out for this browser" : undefined}
      >
        Sign out
      </ActionButton>
    </li>
  );
}
