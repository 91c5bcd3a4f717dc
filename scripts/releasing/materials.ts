import { createHash } from "node:crypto";
import { usedPackages } from "./licences.ts";

/** What is in a release besides its own code: a CycloneDX 1.6 bill of materials, as JSON. The same for the same commit. */
export async function billOfMaterials(
  root: string,
  { version, epochSeconds }: { readonly version: string; readonly epochSeconds: number },
): Promise<string> {
  const components = [
    component({ name: "node", version: process.versions.node, license: "MIT", purl: "pkg:generic/node" }),
    ...(await usedPackages(root)).map(({ name, version, license }) =>
      component({ name, version, license, purl: `pkg:npm/${name.replace("@", "%40")}` }),
    ),
  ];
  const unique = new Map(components.map((part) => [part["bom-ref"], part]));
  const own = { type: "application", name: "windlass", version, "bom-ref": `windlass@${version}` };
  const digest = createHash("sha256")
    .update(JSON.stringify([...unique.keys(), version]))
    .digest("hex");
  const serial = [8, 12, 16, 20, 32].map((end, at, ends) => digest.slice(ends[at - 1] ?? 0, end)).join("-");
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${serial}`,
    version: 1,
    metadata: { timestamp: new Date(epochSeconds * 1_000).toISOString(), component: own },
    components: [...unique.values()],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component(part: { name: string; version: string; license: string; purl: string }) {
  const purl = `${part.purl}@${part.version}`;
  const license = / (OR|AND|WITH) /.test(part.license)
    ? { expression: part.license }
    : { license: { id: part.license } };
  return {
    type: "library",
    "bom-ref": purl,
    name: part.name,
    version: part.version,
    ...(part.license === "" ? {} : { licenses: [license] }),
    purl,
  };
}
