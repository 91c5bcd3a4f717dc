import { isAbsolute } from "node:path";
import { didYouMean } from "../../../lib/did-you-mean.ts";
import type { CliItem, CliValue } from "./cli-syntax.ts";
import { attributeIn, type Findings, textIn } from "./findings.ts";

/** What may stand in `provider_installation`, and what is wrong with one that does. */
const methods: Readonly<Record<string, (method: CliItem, findings: Findings) => readonly string[]>> = {
  direct: () => [],
  filesystem_mirror: filesystemMirror,
  network_mirror: networkMirror,
  oci_mirror: ociMirror,
  dev_overrides: overrides,
};

/** What is wrong with one method; what it names is added to the findings. */
export function problemsOfMethod(method: CliItem, findings: Findings): readonly string[] {
  const { name } = method;
  const read = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (read === undefined) return [`${name} is no way to install providers${didYouMean(name, Object.keys(methods))}`];
  if (name === "dev_overrides") return read(method, findings);
  if (method.kind !== "block" || method.labels.length > 0) return [`expected ${name} { … }`];
  const patterns = ["include", "exclude"].filter((one) => !isPatterns(attributeIn(method, one)));
  return [...patterns.map((one) => `${name}: expected ${one} = ["…"]`), ...read(method, findings)];
}

const isPatterns = (value: CliValue | undefined): boolean =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === "string"));

function filesystemMirror(method: CliItem, { paths }: Findings): readonly string[] {
  const path = textIn(method, "path");
  if (path === undefined) return ['filesystem_mirror: expected path = "/…"'];
  if (!isAbsolute(path)) return [`filesystem_mirror: expected an absolute path, got ${JSON.stringify(path)}`];
  paths.push({ path, what: "filesystem_mirror" });
  return [];
}

function networkMirror(method: CliItem, { secrets }: Findings): readonly string[] {
  const url = textIn(method, "url") ?? "";
  const read = URL.parse(url);
  if (read?.protocol !== "https:") return ['network_mirror: expected url = "https://…/", terraform takes no other'];
  if (read.password !== "") secrets.push(read.password);
  return url.endsWith("/") ? [] : ["network_mirror: the url must end in /, or terraform leaves its last part out"];
}

function ociMirror({ line }: CliItem, { warnings }: Findings): readonly string[] {
  warnings.push(`line ${line}: oci_mirror is for tofu only: terraform refuses the whole file`);
  return [];
}

function overrides(method: CliItem, { paths }: Findings): readonly string[] {
  return overridesIn(method).flatMap(([name, path]) => {
    if (typeof path !== "string" || !isAbsolute(path))
      return [`dev_overrides: expected an absolute path for ${JSON.stringify(name)}`];
    paths.push({ path, what: "dev_overrides" });
    return [];
  });
}

function overridesIn(method: CliItem): readonly (readonly [string, CliValue])[] {
  if (method.kind === "block")
    return method.items.flatMap((item) => (item.kind === "attribute" ? [[item.name, item.value] as const] : []));
  return typeof method.value === "object" && !Array.isArray(method.value) ? Object.entries(method.value) : [];
}
