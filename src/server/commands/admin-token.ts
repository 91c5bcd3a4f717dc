import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeAdminKey, revokeReplaced } from "../../control/people/admin-key.ts";
import { openStore } from "../../store/open.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { demandDataDir, storePlaces } from "../data-dir.ts";
import { writeSecret } from "../secrets.ts";
import { dataDirOf } from "../settings.ts";

/** Says where the admin's API key is, and makes another in its place. */
export const adminTokenCommand: ServerCommand = {
  name: "admin-token",
  usage: "[--rotate]",
  summary: "where the admin's API key is; --rotate makes a new one",
  about:
    "Prints the path of the admin's API key; --rotate writes a new one there and revokes every site admin's key named \"admin\".",
  examples: [
    "windlassd admin-token",
    "windlassd admin-token --rotate && windlass login --token-stdin < $(windlassd admin-token)",
  ],
  flags: [{ name: "rotate", about: "make a new key, and revoke the old one; works while the server runs" }],
  words: { min: 0, max: 0 },
  heeds: ["adminTokenFile"],
  async run(call) {
    const { settings, environment, own } = call;
    const dataDir = dataDirOf(settings, environment);
    demandDataDir(dataDir);
    const file = settings.adminTokenFile ?? join(dataDir, "admin-token");
    if (own.rotate !== undefined) await rotate(call, { dataDir, file });
    else if (!existsSync(file))
      call.note("windlassd: the file is not there: it was moved, or --rotate makes a new key\n");
    call.say(`${file}\n`);
    return 0;
  },
};

async function rotate(
  { settings, log, clock, random, note }: CommandCall,
  { dataDir, file }: { readonly dataDir: string; readonly file: string },
): Promise<void> {
  // The server may run meanwhile: it has upgraded the schema, and both engines take a second writer.
  await using store = await openStore({ ...storePlaces(settings, dataDir).store, log, migrate: "check" });
  const control = { store, clock, random };
  const made = await makeAdminKey(control);
  await writeSecret(file, `${made.secret}\n`);
  // Only now: a rotation that is cut off leaves a key that works.
  await revokeReplaced(control, made);
  note(
    `windlassd: made the API key ${made.key.id}, and revoked ${made.old.map(({ id }) => id).join(", ") || "none"}\n`,
  );
}
