import { expect, test } from "vitest";
import { describeOnBoth } from "../../../test/support/both-stores.ts";
import { at } from "../fixture-rows.ts";
import type { Upload, UploadPart } from "../ports.ts";

const upload = (change: Partial<Upload> = {}): Upload => ({
  ...{ id: "up_1", owner: "job_1/plan", organizationId: "org_1", isOfJob: true, sha256: "a".repeat(64) },
  ...{ bytes: 100, received: 0, createdAt: at(0), ...change },
});
const part = (start: number, bytes: number, uploadId = "up_1"): UploadPart => ({
  ...{ uploadId, start, bytes, blobKey: `${uploadId}-${start}` },
});
const ids = (rows: readonly Upload[]) => rows.map(({ id }) => id);

describeOnBoth("uploads in parts", (store) => {
  test("come back whole, as they were begun and as they went on, whoever their owner was", async () => {
    const large = upload({ bytes: 2 ** 53 - 1, received: 2 ** 40 });
    await store.write((tx) => tx.uploads.insert(large));
    expect(await store.read((q) => q.uploads.get("up_1"))).toStrictEqual(large);
    await store.write((tx) => tx.uploads.save({ ...large, received: 2 ** 53 - 1 }));
    expect(await store.read((q) => q.uploads.get("up_1"))).toStrictEqual({ ...large, received: 2 ** 53 - 1 });
    expect(await store.read((q) => q.uploads.get("up_2"))).toBeUndefined();
  });

  test("are found by their owner, sum and size together; the same object twice is one", async () => {
    await store.write(async (tx) => {
      await tx.uploads.insert(upload());
      await tx.uploads.insert(upload({ id: "up_2", owner: "job_2/plan" }));
      await tx.uploads.insert(upload({ id: "up_3", bytes: 101 }));
      await tx.uploads.insert(upload({ id: "up_4", sha256: "b".repeat(64) }));
    });
    const find = (owner: string, sha256: string, bytes: number) =>
      store.read(async (q) => (await q.uploads.find(owner, { sha256, bytes }))?.id);
    expect(await find("job_1/plan", "a".repeat(64), 100)).toBe("up_1");
    expect(await find("job_2/plan", "a".repeat(64), 100)).toBe("up_2");
    expect(await find("job_1/plan", "a".repeat(64), 101)).toBe("up_3");
    expect(await find("job_1/plan", "b".repeat(64), 100)).toBe("up_4");
    expect(await find("job_1", "a".repeat(64), 100)).toBeUndefined();
    const again = store.write((tx) => tx.uploads.insert(upload({ id: "up_5" })));
    await expect(again).rejects.toMatchObject({ code: "name_taken" });
  });

  test("of an owner are listed the oldest first, those of one moment by their ids", async () => {
    await store.write(async (tx) => {
      await tx.uploads.insert(upload({ id: "up_c", sha256: "1", createdAt: at(1) }));
      await tx.uploads.insert(upload({ id: "up_b", sha256: "2", createdAt: at(2) }));
      await tx.uploads.insert(upload({ id: "up_a", sha256: "3", createdAt: at(2) }));
      await tx.uploads.insert(upload({ id: "up_d", sha256: "4", owner: "job_1/plan2" }));
    });
    expect(ids(await store.read((q) => q.uploads.ofOwner("job_1/plan")))).toEqual(["up_c", "up_a", "up_b"]);
  });

  test("of the people of an organization are counted together, those of its jobs are not", async () => {
    const ofPeople = { isOfJob: false, bytes: 2 ** 52 };
    await store.write(async (tx) => {
      await tx.uploads.insert(upload({ ...ofPeople, sha256: "1" }));
      await tx.uploads.insert(upload({ ...ofPeople, id: "up_2", sha256: "2", bytes: 3 }));
      await tx.uploads.insert(upload({ id: "up_3", sha256: "3" }));
      await tx.uploads.insert(upload({ ...ofPeople, id: "up_4", sha256: "4", organizationId: "org_2" }));
    });
    await store.read(async (q) => {
      expect(await q.uploads.begunByPeople("org_1")).toEqual({ count: 2, bytes: 2 ** 52 + 3 });
      expect(await q.uploads.begunByPeople("org_3")).toEqual({ count: 0, bytes: 0 });
    });
  });

  test("that were begun before an instant are found page by page, by id", async () => {
    await store.write(async (tx) => {
      for (const [n, id] of ["up_b", "up_d", "up_a", "up_c"].entries())
        await tx.uploads.insert(upload({ id, sha256: id, createdAt: at(n) }));
    });
    const before = (seconds: number, after: string | null, limit: number) =>
      store.read(async (q) => ids(await q.uploads.begunBefore(at(seconds), { after, limit })));
    expect(await before(3, null, 9)).toEqual(["up_a", "up_b", "up_d"]);
    expect(await before(4, null, 2)).toEqual(["up_a", "up_b"]);
    expect(await before(4, "up_b", 2)).toEqual(["up_c", "up_d"]);
    expect(await before(4, "up_d", 2)).toEqual([]);
    expect(await before(0, null, 9)).toEqual([]);
  });

  test("know the part that holds a place and the next one behind it", async () => {
    await store.write(async (tx) => {
      await tx.uploads.insert(upload());
      await tx.uploads.insert(upload({ id: "up_2", owner: "other" }));
      for (const one of [part(60, 10), part(0, 10), part(20, 10), part(5, 1, "up_2")]) await tx.uploads.insertPart(one);
    });
    await store.read(async (q) => {
      const around = async (offset: number) => [
        (await q.uploads.partBefore("up_1", offset))?.start,
        (await q.uploads.partBehind("up_1", offset))?.start,
      ];
      expect(await around(-1)).toEqual([undefined, 0]);
      expect(await around(0)).toEqual([0, 20]);
      expect(await around(19)).toEqual([0, 20]);
      expect(await around(20)).toEqual([20, 60]);
      expect(await around(2 ** 53 - 1)).toEqual([60, undefined]);
      expect(await q.uploads.parts("up_1")).toStrictEqual([part(0, 10), part(20, 10), part(60, 10)]);
    });
  });

  test("take their parts with them, and only theirs; a part belongs to something, and is there once", async () => {
    await store.write(async (tx) => {
      await tx.uploads.insert(upload());
      await tx.uploads.insert(upload({ id: "up_2", owner: "other" }));
      await tx.uploads.insertPart(part(0, 10));
      await tx.uploads.insertPart(part(0, 10, "up_2"));
    });
    await expect(store.write((tx) => tx.uploads.insertPart(part(0, 5)))).rejects.toThrow();
    await store.write((tx) => tx.uploads.delete("up_1"));
    await store.read(async (q) => {
      expect([await q.uploads.parts("up_1"), (await q.uploads.parts("up_2")).length]).toEqual([[], 1]);
    });
    await expect(store.write((tx) => tx.uploads.insertPart(part(0, 10)))).rejects.toThrow();
  });
});
