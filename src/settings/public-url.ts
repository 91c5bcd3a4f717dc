import { parsed, type SettingSchema } from "../lib/setting-schemas.ts";

/** `https://windlass.example.com`: scheme, host and perhaps a port. */
export const publicUrl = (): SettingSchema<string> =>
  parsed("a URL without a path such as https://windlass.example.com", originIn, "URL");

function originIn(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, href } = new URL(text);
  return href === `${origin}/` ? origin : undefined;
}
