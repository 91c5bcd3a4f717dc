import type { Plugin } from "rolldown";

const others = /[^\0-\x7f]/g;
const rawOthers = /\.raw`[^`]*[^\0-\x7f]/;

/**
 * Writes letters that are not ASCII as escapes also where rolldown's `charset` does not, in templates and comments. One such letter,
 * and Node keeps the whole file in twice the memory and reads it slower.
 */
export const asciiTemplates: Plugin = {
  name: "ASCII templates",
  transform: {
    filter: { code: /[^\0-\x7f]/ },
    handler(text, path) {
      if (rawOthers.test(text))
        throw new Error(`${path}: String.raw would show the escapes of other letters than ASCII`);
      return {
        code: text.replace(others, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
        map: null,
      };
    },
  },
};
