import type { Plugin } from "rolldown";

/** In protovalidate's cel.js: every standard rule of a type of fields is compiled when the first field has a rule. */
const eager = "compiled: this.compileRule(rule),";
const late = "get compiled() { return (this.own ??= manager.compileRule(rule)); },";
const method = "compileRulesUncached(descMessage) {";

/**
 * Rules of messages are compiled when they are first needed. Most never are, because protovalidate has them as
 * functions, too; compiled at once they would be a third of a server's start.
 */
export const lateRules: Plugin = {
  name: "late rules",
  transform: {
    filter: { id: /@bufbuild\/protovalidate\/dist\/esm\/cel\.js$/ },
    handler(text) {
      const parts = text.split(eager);
      if (parts.length !== 3 || !text.includes(method)) throw new Error("protovalidate has changed: see late-rules.ts");
      return { code: parts.join(late).replace(method, `${method} const manager = this;`), map: null };
    },
  },
};
