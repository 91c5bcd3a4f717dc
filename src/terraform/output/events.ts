/**
 * One line of `terraform … -json`. Unknown types pass as they are. Its numbers are terraform's own: values of a job are
 * read from the line again.
 */
export interface TerraformEvent {
  readonly type: string;
  readonly "@level": string;
  readonly "@message": string;
  readonly "@timestamp"?: string | undefined;
  /** The version of terraform; only in the event of type `version`. */
  readonly terraform?: string | undefined;
  readonly hook?: EventHook | undefined;
  readonly diagnostic?: Diagnostic | undefined;
  readonly changes?:
    | {
        readonly operation?: string | undefined;
        readonly import?: number | undefined;
        readonly forget?: number | undefined;
      }
    | undefined;
  /** Of what a plan would do to one object. */
  readonly change?: { readonly action?: string | undefined } | undefined;
  /** Only in the "Emergency state dump" of type `log`. */
  readonly state?: unknown;
}

export interface EventHook {
  /** Absent where an action of a provider is meant. */
  readonly resource?: { readonly addr: string; readonly implied_provider?: string | undefined } | undefined;
  /** create, update, …; of the events of an action, which one. */
  readonly action?: string | { readonly addr: string } | undefined;
  /** The resource that triggered an action; absent if the command line did. */
  readonly lifecycle?: { readonly resource: { readonly addr: string } } | undefined;
  readonly message?: string | undefined;
  readonly error?: string | undefined;
  readonly elapsed_seconds?: number | undefined;
  readonly provisioner?: string | undefined;
  readonly output?: string | undefined;
  readonly id_key?: string | undefined;
  readonly id_value?: string | undefined;
}

export interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail?: string | undefined;
  readonly address?: string | undefined;
  readonly range?: SourceRange | undefined;
  readonly snippet?: Snippet | undefined;
  /** OpenTofu's: both sides of a comparison. Values of a job: read from the line again, with their digits. */
  readonly difference?: unknown;
}

export interface SourceRange {
  readonly filename: string;
  readonly start: { readonly line: number; readonly column: number; readonly byte: number };
  readonly end: { readonly line: number; readonly column: number; readonly byte: number };
}

export interface Snippet {
  readonly context?: string | null | undefined;
  readonly code: string;
  readonly start_line: number;
  readonly values?: ReadonlyArray<{ readonly traversal: string; readonly statement: string }> | null | undefined;
  readonly function_call?:
    | {
        readonly called_as: string;
        readonly signature?:
          | {
              readonly params?: ReadonlyArray<{ readonly name: string }> | undefined;
              readonly variadic_param?: { readonly name: string } | undefined;
            }
          | undefined;
      }
    | null
    | undefined;
}

const emergencyMessage = "Emergency state dump";

/** The event on a line, or undefined when the line is none. */
export function parseEvent(line: string): TerraformEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isEvent = (value: unknown): value is TerraformEvent =>
  typeof value === "object" &&
  value !== null &&
  "@message" in value &&
  typeof value["@message"] === "string" &&
  "type" in value &&
  typeof value.type === "string";

/** True for the event in which terraform prints its whole state because it could not save it. */
export const isEmergencyDump = (event: TerraformEvent): boolean =>
  event.type === "log" && event["@message"] === emergencyMessage && event.state !== undefined;

/** True for a line that begins such an event, even when it was cut in the middle. */
export const beginsEmergencyDump = (line: string): boolean => {
  const head = line.slice(0, 500);
  return head.startsWith('{"@level"') && head.includes(`"@message":"${emergencyMessage}"`);
};
