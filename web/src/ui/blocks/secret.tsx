import { CopyButton } from "../copy-button.tsx";

/** A secret that is shown once: it is nowhere but on this page, and gone with it. */
export function Secret({ secret, what }: { readonly secret: string; readonly what: string }) {
  return (
    <div className="space-y-1.5">
      <div className="flex items-center gap-2 rounded-field border border-base-300 bg-base-200 py-1.5 pr-1.5 pl-3">
        <code className="min-w-0 grow select-all break-all font-mono text-sm" data-testid="secret">
          {secret}
        </code>
        <CopyButton text={secret} what={what} testId="copy-secret" />
      </div>
      <p className="quiet text-xs">Copy it now: it is shown this once, and only a hash of it is kept.</p>
    </div>
  );
}
