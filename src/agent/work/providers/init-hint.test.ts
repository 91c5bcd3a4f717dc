import { expect, test } from "vitest";
import { adviceFor } from "./init-hint.ts";

const unreachable = "a proxy with --pass-env";
const unknown = "name a place that has it";
const token = "wants a token";
const authority = "authority of that host is not trusted";

/** Printed by terraform 1.11.4 and tofu 1.12. */
test.each([
  [
    `Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/random: could not connect to registry.terraform.io: failed to
request discovery document: Get
"https://registry.terraform.io/.well-known/terraform.json": dial tcp: lookup
registry.terraform.io on 10.255.255.53:53: no such host`,
    unreachable,
  ],
  [
    `Error: Failed to resolve provider packages

Could not resolve provider hashicorp/random: could not connect to
registry.opentofu.org: failed to request discovery document: Get
"https://registry.opentofu.org/.well-known/terraform.json": dial tcp: connect: connection refused`,
    unreachable,
  ],
  [
    `│ Error: Failed to query available provider packages
│
│ Could not retrieve the list of available versions for provider acme/fake: provider registry
│ registry.acme.test does not have a provider named registry.acme.test/acme/fake`,
    unknown,
  ],
  [
    `Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/random: no available releases match the given constraints >= 99.0.0`,
    unknown,
  ],
  [
    `Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider acme/fake:
could not query provider registry for localhost:9443/acme/fake: host
localhost:9443 requires authentication: 401 Unauthorized`,
    token,
  ],
  [
    `Error: Failed to query available provider packages

could not connect to localhost:9443: failed to request discovery document: Get
"https://localhost:9443/.well-known/terraform.json": tls: failed to verify
certificate: x509: certificate signed by unknown authority`,
    authority,
  ],
  [
    `Error: Failed to install provider

Error while installing acme/fake v1.0.0: could not query provider registry: 502 Bad Gateway, request failed after 2 attempts`,
    unreachable,
  ],
])("%s", (output, advice) => expect(adviceFor(output)).toContain(advice));

test.each([
  "Error: Invalid block definition",
  "Error: Failed to download module\n\ncould not download: no such host",
  "Error: Failed to install provider\n\nthe local package doesn't match any of the checksums previously recorded in the dependency lock file",
  "",
])("%j is another failure", (output) => expect(adviceFor(output)).toBeUndefined());
