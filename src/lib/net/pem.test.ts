import { expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificate.ts";
import { pemProblem } from "./pem.ts";

const good = selfSigned(new Date());
const other = selfSigned(new Date());
const nonsense = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";

test("good files have no problem, alone or together", () => {
  expect(pemProblem({})).toBeUndefined();
  expect(pemProblem({ ca: `# ours\n${good.cert}\n${other.cert}`, ...good })).toBeUndefined();
});

test.each([
  [{ ca: "hello" }, "ca", "holds no certificate in PEM form"],
  [{ ca: `${good.cert}${nonsense}` }, "ca", "holds a certificate that cannot be read (number 2 of 2)"],
  [{ cert: good.key, key: good.key }, "cert", "holds no certificate in PEM form"],
  [{ cert: good.cert, key: good.cert }, "key", "holds no private key in PEM form (without a passphrase)"],
  [{ cert: good.cert, key: other.key }, "key", "holds a key that does not belong to the certificate"],
])("%j", (files, part, message) => {
  expect(pemProblem(files)).toEqual({ part, message });
});
