import type { ListedInstance } from "../../control/documents/questions.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Resource } from "../core/answers.ts";
import { toNamedId, toTfeId, toTime } from "../core/ids.ts";

/** An instance of a resource in a state. Clients have modules without the word before their names. */
export const toStateResource = (
  { address, module, type, name, provider }: ListedInstance,
  state: Pick<StateVersion, "id" | "createdAt">,
): Resource => ({
  type: "resources",
  id: toNamedId("wsr", state.id, address),
  attributes: {
    address: withoutWords(address),
    name,
    module: module === "" ? "root" : withoutWords(module),
    provider: provider.split("/").slice(-2).join("/"),
    "provider-type": type,
    "name-index": indexOf(address),
    "modified-by-state-version-id": toTfeId(state.id),
    "created-at": toTime(state.createdAt)?.slice(0, 10),
    "updated-at": toTime(state.createdAt)?.slice(0, 10),
  },
});

const withoutWords = (address: string): string => address.replace(/(^|\.)module\./g, "$1");

/** `0` of `aws_subnet.a[0]`; a key without its quotes. */
const indexOf = (address: string): string | null => {
  const [, index] = /\[("?)(.*)\1\](?: \(deposed [^)]*\))?$/.exec(address)?.slice(1) ?? [];
  return index ?? null;
};
