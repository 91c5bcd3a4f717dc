import { expect, test } from "vitest";
import { demandFreeName, isWorkspaceName } from "./names.ts";

const none = async () => undefined;
const naming = { resource: "agent pool", field: "agent_pool.name", find: none } as const;

test.each(["a", "A", "7", "_", "Prod_EU-1", "trailing-", `${"a".repeat(40)}`, "x".repeat(63)])(
  "%s can be a name",
  async (name) => {
    await demandFreeName(name, naming);
  },
);

test.each([
  "",
  "-a",
  "a.b",
  "a b",
  "ä",
  "x".repeat(64),
  "a\n",
  "run_01h455vb4pex5vsknk084sn02q",
  "apool_01h455vb4pex5vsknk084sn02q",
])("%j can be none", async (name) => {
  await expect(demandFreeName(name, naming)).rejects.toMatchObject({
    code: "validation",
    fields: [{ field: "agent_pool.name" }],
  });
});

test("a name that another one has is refused by the name that this has; one's own in other letters is not", async () => {
  const find = async () => ({ id: "apool_1", name: "Prod" });
  await expect(demandFreeName("prod", { ...naming, find })).rejects.toMatchObject({
    code: "name_taken",
    metadata: { resource: "agent pool", name: "Prod" },
  });
  await demandFreeName("PROD", { ...naming, find, self: "apool_1" });
});

test("a workspace is not called as an id is", () => {
  expect(["Net_1", "run_01h455vb4pex5vsknk084sn02q"].map(isWorkspaceName)).toEqual([true, false]);
});
