import { describe, expect, test } from "vitest";
import { blobUrl } from "./blob-url.ts";

const { read, why, shown } = blobUrl();
const all = "it can have endpoint, region, path-style";

describe("the URL of objects", () => {
  test.each([
    "s3://objects",
    "s3://objects/windlass?endpoint=https://minio:9000&path-style=false",
    "s3://objects?region=eu-central-1",
  ])("%s is one", (url) => {
    expect(read(url)).toBe(url);
    expect(why?.(url)).toBeUndefined();
  });

  test.each([
    ["s3://objects/w?endpont=http://minio:9000", "endpont is not an option of this URL: did you mean endpoint?"],
    ["s3://objects?pathstyle=true", "pathstyle is not an option of this URL: did you mean path-style?"],
    ["s3://objects?profile=prod", `profile is not an option of this URL: ${all}`],
    ["s3://objects?hunter2%2Fx=1", `something is not an option of this URL: ${all}`],
    [
      "s3://objects?secret_key=hunter2",
      "secret_key is not an option of this URL: keys come from the environment, from ~/.aws or from the role of the machine",
    ],
    ["s3://objects?region=a&region=b", "region is given twice"],
    ["s3://objects?endpoint=minio:9000", "endpoint: expected an address such as https://minio:9000"],
    ["s3://objects?region=eu%20central", "region: expected a name such as eu-central-1"],
    ["s3://objects?path-style=yes", "path-style: expected true or false"],
  ])("of %s it is told which option is wrong", (url, problem) => {
    expect(read(url)).toBeUndefined();
    expect(why?.(url)).toBe(problem);
  });

  test.each([
    ["https://minio:9000/objects", "https://minio:9000/objects"],
    ["s3://key:hunter2@objects?endpont=x", "s3://…@objects?endpont=…"],
    ["s3://objects?endpont=https://me:hunter2@minio", "s3://objects?endpont=…"],
  ])("%s is none as a whole, and no secret of it is shown", (url, text) => {
    expect(read(url)).toBeUndefined();
    expect(why?.(url)).toBeUndefined();
    expect(shown?.(url)).toBe(text);
  });
});
