import { asPerson, notFound } from "../../control/core/access.ts";
import { personOfKey } from "../../control/people/authentication.ts";
import type { Person } from "../../domain/people/principal.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { TfeAnswer } from "../core/answers.ts";
import { type OpenCall, openRoute, param } from "../core/call.ts";
import { type ObjectKind, objectsPath, type SignedObject } from "../core/object-urls.ts";
import type { ObjectAccess } from "../core/objects.ts";
import { configurationObject } from "./configuration-versions.ts";
import { logAccess } from "./logs.ts";
import { jsonStateObject, stateObject } from "./state-uploads.ts";

/** How the objects of each kind are read and written. */
const objects: Readonly<Record<ObjectKind, ObjectAccess>> = {
  configuration: configurationObject,
  state: stateObject,
  "json-state": jsonStateObject,
  log: logAccess,
};

/** Reads or writes what a URL names that carries its own secret. */
async function answerObject(call: OpenCall): Promise<TfeAnswer> {
  const named = call.urls.open(param(call, "object"), call.request.method ?? "GET");
  const who = await holderOf(call, named);
  call.recognize();
  const access = objects[named.kind];
  const answer = named.method === "GET" ? access.read : access.write;
  if (answer === undefined) throw notFound("object", named.kind);
  return answer({ ...call, who: asPerson(who), id: named.id });
}

/** Whoever has the key in whose name the URL was made. A key that is over takes its URLs with it. */
async function holderOf({ control, address }: OpenCall, { keyId, kind }: SignedObject): Promise<Person> {
  try {
    return await personOfKey(control, { keyId, address });
  } catch (error) {
    const isOver = (["token_invalid", "token_expired", "token_revoked"] as const).some((code) =>
      isWindlassError(error, code),
    );
    throw isOver ? notFound("object", kind) : error;
  }
}

export const objectRoutes = [
  openRoute(`GET ${objectsPath}/:object`, answerObject),
  openRoute(`PUT ${objectsPath}/:object`, answerObject),
];
