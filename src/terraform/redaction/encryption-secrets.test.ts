import { expect, test } from "vitest";
import { encryptionTexts } from "./encryption-secrets.ts";
import { secretTexts } from "./secret-texts.ts";

const hcl = `# ours
key_provider "pbkdf2" "k" {
  passphrase = "correct-horse-battery-staple"
  iterations = 600000
}
method "aes_gcm" "m" {
  keys = key_provider.pbkdf2.k
}
state {
  method   = method.aes_gcm.m
  enforced = true
  fallback {}
}
`;

test.each([
  ["HCL", hcl, ["correct-horse-battery-staple", "600000"]],
  ["a heredoc", 'key_provider "pbkdf2" "k" {\n  passphrase = <<EOT\none two\nthree\nEOT\n}\n', ["one two\nthree"]],
  ["on one line", 'key_provider "pbkdf2" "k" { passphrase = "a-secret-phrase" }', ["a-secret-phrase"]],
  [
    "JSON",
    JSON.stringify({
      key_provider: { pbkdf2: { k: { passphrase: "a-secret-phrase" } } },
      method: { aes_gcm: { m: { keys: `\${key_provider.pbkdf2.k}` } } },
    }),
    ["a-secret-phrase"],
  ],
])("the values of an encryption are secrets, its names are not: %s", (_, text, expected) => {
  expect(encryptionTexts(text)).toEqual(expected);
  expect(secretTexts([{ value: text, isHcl: false }])).toEqual(expected);
  expect(secretTexts([{ value: text, isHcl: true }])).toEqual(expected);
});

test.each([
  ["another text", "plan b is to say nothing"],
  ["another block", 'provider "aws" { secret_key = "hunter2-hunter2" }'],
  ["something behind the blocks", `${hcl}\nhunter2-hunter2`],
  ["a block that is not closed", 'state "x" { passphrase = "hunter2-hunter2"'],
  ["HCL that nobody can read", 'key_provider "pbkdf2 { passphrase = "hunter2-hunter2" }'],
  ["another document", '{"key_provider":{},"token":"hunter2-hunter2"}'],
  ["a document that nobody can read", '{"key_provider":'],
  ["nothing", ""],
])("is hidden as any other secret, as a whole: %s", (_, text) => {
  expect(encryptionTexts(text)).toBeUndefined();
  expect(secretTexts([{ value: text, isHcl: false }])).toContain(text);
});
