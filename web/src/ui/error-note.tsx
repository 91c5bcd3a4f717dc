import type { ReactNode } from "react";
import { problemOf } from "../data/problem.ts";
import { CopyButton } from "./copy-button.tsx";
import { AlertIcon } from "./icons.tsx";

interface ErrorNoteProps {
  readonly error: unknown;
  /** What failed: "The runs could not be read". */
  readonly what: string;
  readonly retry?: (() => void) | undefined;
}

/** A failed call beside what it concerns: the reason, what to do, and the id that finds it in the server's log. */
export function ErrorNote({ error, what, retry }: ErrorNoteProps) {
  const { message, reason, requestId, advice, violations } = problemOf(error);
  return (
    <div
      role="alert"
      className="flex gap-3 rounded-box border border-error/40 bg-error/5 px-4 py-3"
      data-testid="error"
    >
      <span className="mt-0.5 text-error">
        <AlertIcon />
      </span>
      <div className="min-w-0 grow space-y-1">
        <p className="font-medium">{what}</p>
        <p className="break-words">{message}</p>
        {violations.map(({ field, message: said }) => (
          <p key={`${field} ${said}`} className="break-words">
            <code className="font-mono text-xs">{field}</code> {said}
          </p>
        ))}
        {advice !== "" && <p className="quiet">{advice}</p>}
        <Particulars reason={reason} requestId={requestId} />
      </div>
      {retry !== undefined && (
        <button type="button" className="btn btn-sm shrink-0" onClick={retry} data-testid="retry">
          Try again
        </button>
      )}
    </div>
  );
}

function Particulars({ reason, requestId }: { readonly reason: string; readonly requestId: string }): ReactNode {
  if (reason === "" && requestId === "") return null;
  return (
    <p className="quiet flex flex-wrap items-center gap-x-3 font-mono text-xs">
      {reason !== "" && <span>{reason}</span>}
      {requestId !== "" && (
        <span className="inline-flex items-center gap-1">
          request {requestId}
          <CopyButton text={requestId} what="request id" />
        </span>
      )}
    </p>
  );
}
