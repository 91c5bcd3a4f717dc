/** Texts of the sensitive outputs of a state: strings and numbers anywhere in their values, each once. */
export function sensitiveTexts(state: string): readonly string[] {
  const texts = new Set<string>();
  for (const output of Object.values(outputsOf(state))) {
    if (isRecord(output) && output.sensitive === true) collect(output.value, texts);
  }
  return [...texts];
}

function outputsOf(state: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(state);
    return isRecord(content) && isRecord(content.outputs) ? content.outputs : {};
  } catch {
    return {};
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function collect(value: unknown, into: Set<string>): void {
  if (typeof value === "string") into.add(value);
  else if (typeof value === "number") into.add(String(value));
  else if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (isRecord(value)) for (const item of Object.values(value)) collect(item, into);
}
