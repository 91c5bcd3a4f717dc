import { s3OptionProblem, s3PlaceOf, withoutKeys } from "../lib/net/s3-url.ts";
import { parsed, type SettingSchema } from "../lib/setting-schemas.ts";

const expected =
  "a URL such as s3://bucket/prefix?region=eu-central-1 (of another store than AWS with &endpoint=https://…), without keys: " +
  "they come from the environment, from ~/.aws or from the role of the machine";

/** The URL of objects in S3. */
export const blobUrl = (): SettingSchema<string> => ({
  ...parsed(expected, (text) => (s3PlaceOf(text) === undefined ? undefined : text), "URL"),
  shown: withoutKeys,
  why: s3OptionProblem,
});
