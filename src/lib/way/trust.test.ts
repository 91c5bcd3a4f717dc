import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificate.ts";
import { systemClock } from "../clock.ts";
import { trustOf } from "./trust.ts";

const one = () => selfSigned(systemClock.now()).cert.trim();
const [first, second, third] = [one(), one(), one()];
let place = "";

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "windlass-trust-"));
  await writeFile(join(place, "bundle.pem"), `# some authorities\n${first}\n\n${second}\n`);
  await mkdir(join(place, "certs"));
  await writeFile(join(place, "certs", "second.pem"), second);
  await writeFile(join(place, "certs", "third.pem"), third);
  await writeFile(join(place, "certs", "README"), "no certificate");
  await symlink("third.pem", join(place, "certs", "0a1b2c3d.0"));
  await mkdir(join(place, "empty"));
});
afterAll(() => rm(place, { recursive: true }));

const trusted = async (environment: Record<string, string>) => {
  const { ca } = await trustOf(undefined, environment);
  return [first, second, third].map((certificate) => ca?.filter((found) => found === certificate).length ?? 0);
};

test("with --ca-file nobody else is trusted", async () => {
  expect(await trustOf(third, { SSL_CERT_FILE: join(place, "bundle.pem") })).toEqual({
    ca: [third],
    words: "the authorities of --ca-file",
  });
});

test("SSL_CERT_FILE and SSL_CERT_DIR name the system's authorities, each of which counts once", async () => {
  const SSL_CERT_FILE = join(place, "bundle.pem");
  const SSL_CERT_DIR = `${join(place, "empty")}:${join(place, "certs")}`;
  expect(await trusted({ SSL_CERT_FILE, SSL_CERT_DIR: join(place, "empty") })).toEqual([1, 1, 0]);
  expect(await trusted({ SSL_CERT_FILE, SSL_CERT_DIR })).toEqual([1, 1, 1]);
  expect(await trusted({ SSL_CERT_FILE: join(place, "none"), SSL_CERT_DIR })).toEqual([0, 1, 1]);
});

test("where no authority can be read, those of Node are trusted, and it is said what could not be read", async () => {
  const SSL_CERT_FILE = join(place, "none");
  expect(await trustOf(undefined, { SSL_CERT_FILE, SSL_CERT_DIR: join(place, "empty") })).toEqual({
    ca: undefined,
    words: `the authorities of SSL_CERT_FILE (${SSL_CERT_FILE}, which cannot be read) and SSL_CERT_DIR (${join(place, "empty")}), and those of Node`,
  });
});
