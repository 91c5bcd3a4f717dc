import * as z from "zod";
import { certificateProblem, holdsPrivateKey } from "../../lib/net/pem.ts";
import {
  type Checked,
  checkHost,
  checkMirrorPath,
  checkMirrorUrl,
  checkPattern,
} from "../../lib/words/provider-names.ts";

/** A text in the form in which the server stores it; the rules are the server's. */
const checked = (check: (text: string) => Checked) =>
  z.string().transform((text, context) => {
    const found = check(text);
    if (found.kind === "good") return found.value;
    context.addIssue(found.why);
    return z.NEVER;
  });

const patterns = z.array(checked(checkPattern)).max(50);

const source = z
  .strictObject({
    filesystemMirror: checked(checkMirrorPath).optional(),
    networkMirror: checked(checkMirrorUrl).optional(),
    direct: z.literal(true).optional(),
    include: patterns.optional(),
    exclude: patterns.optional(),
  })
  .refine(
    ({ filesystemMirror, networkMirror, direct }) =>
      [filesystemMirror, networkMirror, direct].filter((one) => one !== undefined).length === 1,
    { error: "expected exactly one of filesystemMirror: PATH, networkMirror: URL and direct: true" },
  );

const registry = z.strictObject({
  host: checked(checkHost),
  /** Where its token comes from: manifests never hold one. Left out, the token that is there stays. */
  tokenFrom: z
    .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })])
    .optional(),
});

const certificates = z.string().superRefine((text, context) => {
  if (text.trim() === "") return;
  if (holdsPrivateKey(text)) context.addIssue("that holds a private key: give the certificates only");
  const problem = certificateProblem(text);
  if (problem !== undefined) context.addIssue(`the text ${problem}`);
});

/** What a manifest may say of where jobs take providers from; what is left out stays. */
export const providersSpec = z.strictObject({
  sources: z.array(source).max(20).optional(),
  registries: z
    .array(registry)
    .max(30)
    .refine((all) => new Set(all.map(({ host }) => host)).size === all.length, {
      error: "a host is given twice",
    })
    .optional(),
  caCertificates: certificates.optional(),
});

export type ProvidersSpec = z.infer<typeof providersSpec>;
export type SourceEntry = z.infer<typeof source>;
export type RegistryEntry = z.infer<typeof registry>;
