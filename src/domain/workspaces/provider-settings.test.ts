import { describe, expect, test } from "vitest";
import { effectiveProviders, type ProviderFacts, type ProviderSource } from "./provider-settings.ts";

type Facts = ProviderFacts<{ readonly host: string; readonly token: string }>;

const none: Facts = { sources: [], hosts: [], caCertificates: "" };
const source = (path: string): ProviderSource => ({ kind: "filesystem", path, include: [], exclude: [] });
const certificate = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

describe("what a job gets", () => {
  test("is the organization's where its pool says nothing, and nothing where nobody does", () => {
    const organization = { ...none, sources: [source("/a")], hosts: [{ host: "a", token: "1" }] };
    expect(effectiveProviders(organization, none)).toEqual(organization);
    expect(effectiveProviders(none, none)).toEqual(none);
  });

  test("are the pool's sources instead of the organization's, and never a mixture", () => {
    const organization = { ...none, sources: [source("/a"), source("/b")] };
    expect(effectiveProviders(organization, { ...none, sources: [source("/c")] }).sources).toEqual([source("/c")]);
  });

  test("are the hosts of both, by name, with the pool's token where both name one", () => {
    const organization = {
      ...none,
      hosts: [
        { host: "b", token: "organization" },
        { host: "c", token: "organization" },
      ],
    };
    const pool = {
      ...none,
      hosts: [
        { host: "a", token: "pool" },
        { host: "c", token: "pool" },
      ],
    };
    expect(effectiveProviders(organization, pool).hosts).toEqual([
      { host: "a", token: "pool" },
      { host: "b", token: "organization" },
      { host: "c", token: "pool" },
    ]);
  });

  test("are the certificates of both, each once", () => {
    const [first, second, third] = ["MQ==", "Mg==", "Mw=="].map(certificate);
    const merged = effectiveProviders(
      { ...none, caCertificates: `${first}${second}` },
      { ...none, caCertificates: `${second}${third}` },
    );
    expect(merged.caCertificates).toBe(`${first}${second}${third}`);
  });
});
