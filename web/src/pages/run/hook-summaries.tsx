import { type Run, type RunHook, RunPhase } from "../../../../src/gen/windlass/v1/run_pb.ts";

/** What the hooks of its agents say of a run: as text, whatever they have written. */
export function HookSummaries({ run }: { readonly run: Run }) {
  const telling = run.hooks.filter(({ summary, exitCode }) => summary !== "" || exitCode !== 0);
  if (telling.length === 0) return null;
  return (
    <section className="space-y-2" data-testid="hook-summaries">
      {telling.map((hook) => (
        <HookSummary key={`${hook.phase} ${hook.name}`} hook={hook} />
      ))}
    </section>
  );
}

function HookSummary({ hook: { phase, name, exitCode, summary, sha256 } }: { readonly hook: RunHook }) {
  const result = exitCode === 0 ? "" : exitCode < 0 ? " · was ended" : ` · exit code ${exitCode}`;
  return (
    <details open className="rounded-box border border-base-300 px-4 py-3 text-sm">
      <summary className="cursor-pointer" title={sha256 === "" ? undefined : `SHA-256 ${sha256}`}>
        Hook <code className="font-mono text-xs">{name}</code>
        <span className="quiet">
          {phase === RunPhase.APPLY ? " · apply" : " · plan"}
          {result}
        </span>
      </summary>
      {summary !== "" && (
        <pre className="mt-2 max-h-96 overflow-auto whitespace-pre-wrap break-words font-mono text-xs">{summary}</pre>
      )}
    </details>
  );
}
