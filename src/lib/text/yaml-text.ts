import { Document, visit } from "yaml";
import { escapedYaml, hasActing } from "./clean-text.ts";

/**
 * YAML in which a text stays a text for readers of YAML 1.1 (Python, Ruby), too: `1_000`, `1:30` and `on` get quotes.
 * What would act on a terminal stands escaped in double quotes.
 */
export function yamlText(value: unknown): string {
  const document = new Document(value, { compat: "yaml-1.1" });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && hasActing(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return escapedYaml(document.toString());
}
