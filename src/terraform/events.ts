/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** One line of `terraform … -json`. Unknown types pass as they are. */
export interface TerraformEvent {
  readonly type: string;
  readonly "@level": string;
  readonly "@message": string;
  readonly hook?: EventHook;
  readonly diagnostic?: Diagnostic;
  readonly changes?: { readonly operation?: string; readonly import?: number };
  readonly outputs?: Readonly<Record<string, OutputValue>>;
  /** Only in the "Emergency state dump" of type `log`. */
  readonly state?: Json;
}

export interface EventHook {
  readonly resource: { readonly addr: string };
  readonly action?: string;
  readonly provisioner?: string;
  readonly output?: string;
  readonly id_key?: string;
  readonly id_value?: string;
}

/** An output of an apply; `value` is left out when it is sensitive. */
export interface OutputValue {
  readonly sensitive: boolean;
  readonly type?: Json;
  readonly value?: Json;
}

export interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail?: string;
  readonly address?: string;
  readonly range?: SourceRange;
  readonly snippet?: Snippet;
}

export interface SourceRange {
  readonly filename: string;
  readonly start: { readonly line: number; readonly column: number; readonly byte: number };
  readonly end: { readonly line: number; readonly column: number; readonly byte: number };
}

export interface Snippet {
  readonly context?: string | null;
  readonly code: string;
  readonly start_line: number;
  readonly values?: ReadonlyArray<{ readonly traversal: string; readonly statement: string }> | null;
  readonly function_call?: {
    readonly called_as: string;
    readonly signature?: {
      readonly params?: ReadonlyArray<{ readonly name: string }>;
      readonly variadic_param?: { readonly name: string };
    };
  } | null;
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
