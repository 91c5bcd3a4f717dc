import { describe, expect, test } from "vitest";
import { type DatabaseAddress, readDatabaseUrl } from "./database-url.ts";

function addressOf(url: string): DatabaseAddress {
  const read = readDatabaseUrl(url);
  if (read.kind === "problem") throw new Error(read.problem ?? "no URL");
  return read.address;
}

const problemOf = (url: string) => {
  const read = readDatabaseUrl(url);
  return read.kind === "problem" ? (read.problem ?? "no URL") : undefined;
};

const plain = addressOf("postgres://db");

describe("the URL of a database is read as psql reads it:", () => {
  test("with nothing but a host", () => {
    expect(plain).toEqual({
      ...{ hosts: [{ host: "db", port: 5432 }], user: undefined, password: undefined, database: undefined },
      tls: {
        ...{ mode: "disable", isDirect: false },
        ...{ rootCert: undefined, cert: undefined, key: undefined, keyPassword: undefined },
      },
      ...{ passFile: undefined, options: undefined, applicationName: undefined },
      ...{ connectTimeoutMs: 10_000, keepAliveAfterMs: 10_000, isWritable: false },
    });
  });

  test.each<readonly [url: string, change: Partial<DatabaseAddress>]>([
    [
      "postgresql://me:a%23b%40c%2Fd%25@db.example.com:5433/net",
      {
        hosts: [{ host: "db.example.com", port: 5433 }],
        ...{ user: "me", password: "a#b@c/d%", database: "net" },
      },
    ],
    ["postgres://me:p@ss@db", { user: "me", password: "p@ss" }],
    ["postgres://me:p:s@db", { user: "me", password: "p:s" }],
    ["postgres:///net?host=/run/pg", { hosts: [{ host: "/run/pg", port: 5432 }], database: "net" }],
    ["postgres://%2Frun%2Fpg:5433/net", { hosts: [{ host: "/run/pg", port: 5433 }], database: "net" }],
    ["postgres://[::1]:5433", { hosts: [{ host: "::1", port: 5433 }] }],
    ["postgres://", { hosts: [{ host: undefined, port: 5432 }] }],
    [
      "postgres://a:1,b,[::1]:3/net",
      {
        hosts: [
          { host: "a", port: 1 },
          { host: "b", port: 5432 },
          { host: "::1", port: 3 },
        ],
        ...{ database: "net", isWritable: true },
      },
    ],
    [
      "postgres:///?host=a,b&port=1,2&target_session_attrs=read-write",
      {
        hosts: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
        ],
        isWritable: true,
      },
    ],
    [
      "postgres://a,b?port=6432",
      {
        hosts: [
          { host: "a", port: 6432 },
          { host: "b", port: 6432 },
        ],
        isWritable: true,
      },
    ],
    ["postgres://db?target_session_attrs=primary", { isWritable: true }],
    ["postgres://db?target_session_attrs=any", {}],
    ["postgres://db?sslmode=verify-full", { tls: { ...plain.tls, mode: "verify-full" } }],
    ["postgres://db?sslrootcert=system", { tls: { ...plain.tls, mode: "verify-full", rootCert: "system" } }],
    [
      "postgres://db?sslmode=verify-ca&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem&sslpassword=x",
      {
        tls: {
          ...{ mode: "verify-ca", isDirect: false },
          ...{ rootCert: "/ca.pem", cert: "/c.pem", key: "/k.pem", keyPassword: "x" },
        },
      },
    ],
    ["postgres://db?sslmode=require&sslnegotiation=direct", { tls: { ...plain.tls, mode: "require", isDirect: true } }],
    [
      "postgres://db?user=me&password=x&dbname=net&passfile=/p&options=-c%20a%3D1&application_name=w",
      {
        ...{ user: "me", password: "x", database: "net", passFile: "/p", options: "-c a=1", applicationName: "w" },
      },
    ],
    ["postgres://db?connect_timeout=3&keepalives_idle=60", { connectTimeoutMs: 3_000, keepAliveAfterMs: 60_000 }],
    ["postgres://db?connect_timeout=0", {}],
    ["postgres://db?keepalives=0", { keepAliveAfterMs: 0 }],
    ["postgres://db?channel_binding=prefer&gssencmode=disable&client_encoding=UTF8&load_balance_hosts=disable", {}],
  ])("%s", (url, change) => expect(addressOf(url)).toEqual({ ...plain, ...change }));
});

describe("what cannot be meant is refused:", () => {
  test.each([
    ["mysql://db", "no URL"],
    ["db.example.com", "no URL"],
    ["postgres://me:1#x@db", "no URL"],
    ["postgres://me:12/ss@db/net", "no URL"],
    ["postgres://me:12?ss@db/net", "no URL"],
    ["postgres://me:100%@db/net", "no URL"],
    ["postgres://db:port", "no URL"],
    ["postgres://db:0", "no URL"],
    ["postgres://db:70000", "no URL"],
    ["postgres://db?port=x", "port: expected numbers from 1 to 65535"],
    ["postgres://a,b,c?port=1,2", "port: expected one port, or one for each of the 3 hosts, got 2"],
    [
      "postgres://db?sslmode=verify",
      'sslmode: expected disable, prefer, require, verify-ca, verify-full, got "verify"',
    ],
    ["postgres://db?sslmod=require", "sslmod is not an option of this URL: did you mean sslmode?"],
    [
      "postgres://db?ssl=true",
      "ssl is not an option of this URL: say sslmode=verify-full, or sslmode=require for TLS that trusts any certificate",
    ],
    ["postgres://db?pgbouncer=true", "pgbouncer is not an option of this URL: say --database-pooling transaction"],
    [
      "postgres://db?sslrootcert=/ca.pem",
      "sslrootcert, sslcert and sslkey need a sslmode, such as sslmode=verify-full",
    ],
    ["postgres://db?sslmode=require&sslcert=/c.pem", "sslcert and sslkey go together"],
    ["postgres://db?sslmode=verify-ca", "sslmode=verify-ca needs sslrootcert, the file of the authority"],
    ["postgres://db?sslmode=require&sslrootcert=system", "sslrootcert=system needs sslmode=verify-full"],
    ["postgres://db?sslmode=prefer&sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require or stricter"],
    ["postgres://db?connect_timeout=soon", 'connect_timeout: expected whole seconds, got "soon"'],
    [
      "postgres://db?target_session_attrs=standby",
      'target_session_attrs: expected any, read-write, primary, got "standby" (windlassd writes)',
    ],
    [
      "postgres://a,b?target_session_attrs=any",
      "target_session_attrs=any: with several hosts windlassd needs read-write, since it writes",
    ],
    [
      "postgres://db?channel_binding=require",
      'channel_binding: expected disable, prefer, got "require" (it cannot be insisted on)',
    ],
    ["postgres://db?client_encoding=latin1", 'client_encoding: expected utf8, auto, got "latin1"'],
  ])("%s", (url, problem) => expect(problemOf(url)).toBe(problem));

  test("an option whose name may be part of a password is not repeated", () => {
    expect(problemOf("postgres://db?hunter2%26x=1")).toMatch(/^something is not an option of this URL: it can have /);
  });
});
