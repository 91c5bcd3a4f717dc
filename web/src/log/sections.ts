/** A part of a log that folds. */
export type SectionName = "Setup" | "Refresh" | "Plan" | "Apply" | "Output" | "Error";

interface Rule {
  readonly name: SectionName;
  readonly begins: RegExp;
  /** Of these sections only. */
  readonly after?: readonly SectionName[];
}

const rules: readonly Rule[] = [
  { name: "Error", begins: /^(?:╷|Error: )/ },
  { name: "Setup", begins: /^(?:Windlass: |Initializing )/, after: ["Setup"] },
  {
    name: "Refresh",
    begins: /: (?:Refreshing state\.\.\.|Reading\.\.\.|Read complete after )/,
    after: ["Setup", "Plan"],
  },
  {
    name: "Apply",
    begins:
      /: (?:Creating|Modifying|Destroying|Provisioning with .*)\.\.\.|: (?:Creation|Modifications|Destruction) complete/,
    after: ["Setup", "Refresh", "Plan"],
  },
  {
    name: "Plan",
    begins:
      /^(?:(?:Terraform|OpenTofu) (?:used the selected providers|will perform|detected|planned)|No changes\.|Note: Objects have changed)/,
    after: ["Setup", "Refresh"],
  },
  {
    name: "Output",
    begins: /^(?:Outputs:|Apply complete!|Destroy complete!)/,
    after: ["Setup", "Refresh", "Apply", "Error"],
  },
];

/** The section that a line of plain text stands in, behind a line of another. */
export function sectionOf(text: string, before: SectionName): SectionName {
  const rule = rules.find(({ begins, after }) => after?.includes(before) !== false && begins.test(text));
  if (rule !== undefined) return rule.name;
  // The box of a diagnostic ends; what comes then belongs to what was at work.
  return before;
}

/** True for the first line of a diagnostic: within terraform's box, or without it. */
export const beginsError = (text: string): boolean => /^(?:│ )?Error: /.test(text);

/** True for lines that the agent itself has written. */
export const isOfAgent = (text: string): boolean => text.startsWith("Windlass: ");
