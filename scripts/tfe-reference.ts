// Writes the table of the routes of the TFE API: docs/tfe-api.md below the directory that is given.
// Use: node scripts/tfe-reference.ts DIR
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiRoutes, openRoutes } from "../src/tfe/routes.ts";
import { type RouteGroup, type RouteLine, routeGroups, routeLines } from "./tfe-routes.ts";

const head = `# The TFE API

Made from \`scripts/tfe-routes.ts\` and \`src/tfe/routes.ts\` by \`npm run generate\`. This is what \`windlassd\` answers to the stock terraform program
(\`cloud {}\` and \`backend "remote"\`), to the \`hashicorp/tfe\` provider and to programs with go-tfe. How to move to it: [from-hcp-terraform.md](from-hcp-terraform.md).

It is another dialect of [the same API](api.md): the same objects, roles, limits and records. A route that is not in this table answers 404, and so does
what a key may not see or do. Documents are JSON:API (\`application/vnd.api+json\`), errors are its error documents. Ids are told by a hyphen and 16
letters and digits: \`run-h0pAB1r2FmdwkI2B\`. \`windlass\` takes these too, and the API takes its own (\`run_…\`). An organization's id is its name.

Each route names the lowest role whose keys it answers. *anybody* needs no key. *the URL* needs none either: who was given the URL has a secret in its
path, good for one object and one method, for 25 hours and as long as the key in whose name it was made.`;

function main([outDir]: readonly string[]): void {
  if (outDir === undefined) throw new Error("use: node scripts/tfe-reference.ts DIR");
  const missing = [...apiRoutes, ...openRoutes].map(({ pattern }) => pattern).filter((one) => !routeLines.has(one));
  if (missing.length > 0) throw new Error(`scripts/tfe-routes.ts has no line for ${missing.join(", ")}`);
  mkdirSync(join(outDir, "docs"), { recursive: true });
  writeFileSync(join(outDir, "docs", "tfe-api.md"), `${[head, ...routeGroups.map(section)].join("\n\n")}\n`);
}

const section = ({ title, routes }: RouteGroup): string =>
  [
    `## ${title}\n`,
    "| route | for | what | tested in |",
    "| --- | --- | --- | --- |",
    ...Object.entries(routes).map(([pattern, line]) => rowOf(pattern, line)),
  ].join("\n");

const below: ReadonlySet<string> = new Set(apiRoutes.map(({ pattern }) => pattern));

const rowOf = (pattern: string, { who, about, test }: RouteLine): string => {
  const [method = "", path = ""] = pattern.split(" ");
  const whole = `${method} ${below.has(pattern) ? "/api/v2" : ""}${path}`;
  return `| \`${whole}\` | ${who} | ${about} | \`test/tfe/${test}.test.ts\` |`;
};

main(process.argv.slice(2));
