import { keyOfActor } from "../../control/core/audit.ts";
import type { Resource } from "../core/answers.ts";
import { toUser } from "./account.ts";

/** The people among actors, as records name them: each once. */
export const usersOf = (actors: readonly string[]): readonly Resource[] =>
  [...new Set(actors)].flatMap((actor) => {
    const id = keyOfActor(actor);
    return id === undefined ? [] : [toUser({ id, name: actor.slice(0, actor.lastIndexOf(" (")) })];
  });
