import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Context, computed, Failure, optional, type Resource, required } from "./kinds.ts";
import { text, type Value, type Values } from "./values.ts";

const pathOf = (context: Context, folder: string, name: Value | undefined) =>
  join(context.directory(), folder, `${text(name)}.json`);

function store(context: Context, folder: string, values: Values): void {
  mkdirSync(join(context.directory(), folder), { recursive: true });
  writeFileSync(pathOf(context, folder, values.name), JSON.stringify(values));
}

function stored(context: Context, folder: string, name: Value | undefined): Values | undefined {
  const path = pathOf(context, folder, name);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

function imported(context: Context, folder: string, id: string): Values {
  const found = stored(context, folder, id);
  if (found === undefined) throw new Failure("Cannot import", `There is no ${id} in ${folder}.`);
  return { id, ...found };
}

/** A database is a file in `databases`: dropped by hand and made again, it has the same attributes as before. */
export const database: Resource = {
  attributes: [required("name"), optional("owner"), computed("id")],
  replacedBy: ["name"],
  create: (context, { name, owner = null }) => {
    store(context, "databases", { name: name ?? null, owner });
    return { id: text(name) };
  },
  read: (context, state) => {
    const found = stored(context, "databases", state.name);
    return found === undefined ? null : { ...state, ...found };
  },
  update: (context, { name, owner = null }) => {
    store(context, "databases", { name: name ?? null, owner });
    return {};
  },
  remove: (context, state) => rmSync(pathOf(context, "databases", state.name), { force: true }),
  importById: (context, id) => imported(context, "databases", id),
};

/**
 * A role is a file in `roles`. On terraform's first SDK as many are: no list is read back as an empty one, which is
 * drift without a meaning.
 */
export const role: Resource = {
  attributes: [
    required("name"),
    optional("login", "bool"),
    optional("connection_limit", "number"),
    optional("roles", ["list", "string"]),
    optional("password_wo", "string", { isWriteOnly: true }),
    optional("password_wo_version", "number"),
    computed("id"),
  ],
  replacedBy: ["name"],
  isLegacy: true,
  plan: (wanted, before) => (wanted.roles === null && isEmpty(before?.roles) ? { ...wanted, roles: [] } : wanted),
  create: (context, wanted, config) => {
    store(context, "roles", { ...settings(wanted), password: config.password_wo ?? null });
    return { id: text(wanted.name) };
  },
  read: (context, state) => {
    const found = stored(context, "roles", state.name);
    if (found === undefined) return null;
    const { login = null, connection_limit = null, roles = null } = found;
    return { ...state, login, connection_limit, roles: roles ?? [] };
  },
  update: (context, wanted, config, before) => {
    const isNewPassword = wanted.password_wo_version !== before.password_wo_version;
    const password = isNewPassword ? config.password_wo : stored(context, "roles", wanted.name)?.password;
    store(context, "roles", { ...settings(wanted), password: password ?? null });
    return {};
  },
  remove: (context, state) => rmSync(pathOf(context, "roles", state.name), { force: true }),
  importById: (context, id) => {
    const { password: _hidden, ...found } = imported(context, "roles", id);
    return found;
  },
};

const settings = ({ name = null, login = null, connection_limit = null, roles = null }: Values) => ({
  name,
  login,
  connection_limit,
  roles,
});

const isEmpty = (list: Value | undefined) => Array.isArray(list) && list.length === 0;
