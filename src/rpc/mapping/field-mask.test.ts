import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { fromMask, type UpdatableFields } from "./field-mask.ts";

interface Message {
  readonly name: string;
  readonly isOpen: boolean;
}

const fields: UpdatableFields<Message, { readonly title: string; readonly isOpen: boolean }> = {
  name: ({ name }) => ({ title: name }),
  is_open: ({ isOpen }) => ({ isOpen }),
};
const message: Message = { name: "new", isOpen: false };
const changes = (paths: readonly string[], from: Message | undefined = message) =>
  fromMask(create(FieldMaskSchema, { paths: [...paths] }), from, fields);

test("only what the mask names is changed, to its empty value too, and twice is once", () => {
  expect(changes(["name"])).toEqual({ title: "new" });
  expect(changes(["is_open"])).toEqual({ isOpen: false });
  expect(changes(["is_open", "name", "is_open"])).toEqual({ title: "new", isOpen: false });
});

test("an update that names nothing is refused with what it may name", () => {
  const refusal = { code: "validation", message: "update_mask: name at least one field to change: name, is_open" };
  expect(() => changes([])).toThrow(expect.objectContaining(refusal));
  expect(() => fromMask(undefined, message, fields)).toThrow(expect.objectContaining(refusal));
});

test.each(["*", "", "title", "isOpen", "Name", "name.x", "constructor", "__proto__", "toString"])(
  "a mask that names %j is refused, also beside one that may be named",
  (path) => {
    const description = `${JSON.stringify(path)} cannot be changed: expected some of name, is_open`;
    expect(() => changes(["name", path])).toThrow(
      expect.objectContaining({ code: "validation", fields: [{ field: "update_mask", description }] }),
    );
  },
);

test("a mask without what it is about is refused", () => {
  expect(() => fromMask(create(FieldMaskSchema, { paths: ["name"] }), undefined, fields)).toThrow(
    expect.objectContaining({ fields: [{ field: "changes", description: "is required" }] }),
  );
});
