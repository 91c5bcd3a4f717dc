/**
 * The facts of an error in this program's words: `windlass.v1.AgentPool` is an agent pool, `RUN_STATE_APPLIED` is
 * applied.
 */
export const factWords = (facts: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, worded(name, value, facts)]));

const enumPrefix = /^(RUN_STATE|AGENT_STATUS|STATE_STATUS|VARIABLE_CATEGORY)_/;

function worded(name: string, value: string, { category }: Readonly<Record<string, string>>): string {
  if (name === "resource") return resourceWords(value, category);
  return enumPrefix.test(value) ? value.replace(enumPrefix, "").toLowerCase() : value;
}

/** Messages whose resource is called otherwise. */
const otherWords: Readonly<Record<string, string>> = {
  ApiKey: "API key",
  PlanSummary: "plan",
  ProviderSettings: "providers setting",
};

function resourceWords(type: string, category = ""): string {
  const [, message] = /^windlass\.v1\.(\w+)$/.exec(type) ?? [];
  if (message === undefined) return type;
  const words = otherWords[message] ?? message.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
  return category === "" ? words : `${category.replace(enumPrefix, "").toLowerCase()} ${words}`;
}
