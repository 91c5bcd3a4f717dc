import { createHash, randomBytes } from "node:crypto";
import { computed, optional, type Resource } from "./kinds.ts";
import { number } from "./values.ts";

const sensitive = { isSensitive: true };

const fromResult = (result: string) => ({
  id: "none",
  result,
  bcrypt_hash: createHash("sha256").update(result).digest("hex"),
});

/** A random secret, kept in the state: random_password without its many settings. */
export const password: Resource = {
  attributes: [
    optional("length", "number"),
    optional("keepers", ["map", "string"]),
    computed("id"),
    computed("result", "string", sensitive),
    computed("bcrypt_hash", "string", sensitive),
  ],
  replacedBy: ["length", "keepers"],
  create: (_context, { length }) => {
    const size = number(length) || 16;
    return fromResult(randomBytes(size).toString("base64url").slice(0, size));
  },
  importById: (_context, id) => ({ length: id.length, ...fromResult(id) }),
};
