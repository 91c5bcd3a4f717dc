/** Writes rows and logs as fast as it can until it is killed, and says on stdout what was acknowledged. */

import { openLogStore } from "../src/store/open.ts";
import { openSqliteFixture } from "./support/store/schema.ts";

const [folder = "", round = ""] = process.argv.slice(2);
const rows = openSqliteFixture(`${folder}/rows.db`);
const logs = await openLogStore({ url: `sqlite:${folder}/logs.db` });

async function writePairs(caller: number): Promise<never> {
  for (let i = 0; ; i += 1) {
    const id = `${round}-${caller}-${i}`;
    await rows.write(async (tx) => {
      for (const side of ["a", "b"]) {
        await tx.accounts.put({
          id: `${id}-${side}`,
          balance: 1,
          isOpen: null,
          openedAt: null,
          picture: null,
          notes: null,
        });
      }
    });
    process.stdout.write(`row ${id}\n`);
  }
}

async function appendLines(caller: number): Promise<never> {
  const stream = `${round}/${caller}`;
  for (let offset = 0; ; ) {
    const result = await logs.append(stream, offset, new TextEncoder().encode(`${offset}\n`.padStart(100, ".")));
    offset = result.nextOffset;
    process.stdout.write(`log ${stream} ${offset}\n`);
  }
}

process.stdout.write("ready\n");
await Promise.race(Array.from({ length: 25 }, (_, caller) => [writePairs(caller), appendLines(caller)]).flat());
