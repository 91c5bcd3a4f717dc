import { classes } from "./class-names.ts";

export type Tone = "quiet" | "busy" | "wait" | "good" | "bad";

const colours: Readonly<Record<Tone, string>> = {
  quiet: "text-base-content/70 [--dot:currentColor]",
  busy: "text-info [--dot:var(--color-info)]",
  wait: "text-warning [--dot:var(--color-warning)]",
  good: "text-success [--dot:var(--color-success)]",
  bad: "text-error [--dot:var(--color-error)]",
};

interface StatusBadgeProps {
  readonly tone: Tone;
  readonly text: string;
  readonly title?: string | undefined;
  readonly large?: boolean;
}

/** A state as a word beside a dot: the colour never says it alone. */
export function StatusBadge({ tone, text, title, large = false }: StatusBadgeProps) {
  return (
    <span
      title={title}
      className={classes(
        "inline-flex items-center gap-1.5 whitespace-nowrap font-medium",
        large ? "text-base" : "text-sm",
        colours[tone],
      )}
    >
      <span
        aria-hidden="true"
        className={classes("size-2 rounded-full bg-[var(--dot)]", tone === "busy" && "animate-pulse")}
      />
      {text}
    </span>
  );
}
