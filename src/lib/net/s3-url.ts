import { didYouMean } from "../did-you-mean.ts";

/** Where objects lie in a store that speaks S3. */
export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  /** Of another store than AWS. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** The bucket stands in the path and not in the name of the host. */
  readonly isPathStyle: boolean;
}

const options = ["endpoint", "region", "path-style"];

/**
 * `s3://bucket/prefix?endpoint=https://…&region=…&path-style=true`. Undefined for anything else, and for a URL with keys in
 * it: they belong where the SDK looks for them.
 */
export function s3PlaceOf(text: string): S3Place | undefined {
  if (!text.startsWith("s3://") || !URL.canParse(text)) return undefined;
  const { username, password, hostname, port, pathname, searchParams, hash } = new URL(text);
  if (username !== "" || password !== "" || port !== "" || hash !== "") return undefined;
  if (!/^[A-Za-z0-9][\w.-]{1,253}[A-Za-z0-9]$/.test(hostname)) return undefined;
  const names = [...searchParams.keys()];
  if (names.some((name) => !options.includes(name)) || new Set(names).size < names.length) return undefined;
  const prefix = pathname.replace(/^\/|\/$/g, "");
  if (!/^[\w!.*'()-]+(\/[\w!.*'()-]+)*$|^$/.test(prefix)) return undefined;
  const endpoint = searchParams.get("endpoint") ?? undefined;
  const region = searchParams.get("region") ?? undefined;
  const pathStyle = searchParams.get("path-style") ?? (endpoint === undefined ? "false" : "true");
  if (endpoint !== undefined && !isEndpoint(endpoint)) return undefined;
  if (region !== undefined && !isRegion(region)) return undefined;
  if (!isSwitch(pathStyle)) return undefined;
  return {
    bucket: hostname,
    prefix: prefix === "" ? "" : `${prefix}/`,
    endpoint,
    region,
    isPathStyle: pathStyle === "true",
  };
}

/** Which option of such a URL is wrong, if that is all that is wrong; shows no value, and no name that may be something else. */
export function s3OptionProblem(text: string): string | undefined {
  if (!/^s3:\/\/[^?#@]*\?[^#@]*$/.test(text) || !URL.canParse(text)) return undefined;
  const { searchParams } = new URL(text);
  const seen = new Set<string>();
  for (const [name, value] of searchParams) {
    if (!options.includes(name)) return unknownOption(name);
    if (seen.has(name)) return `${name} is given twice`;
    seen.add(name);
    if (name === "endpoint" && !isEndpoint(value)) return "endpoint: expected an address such as https://minio:9000";
    if (name === "region" && !isRegion(value)) return "region: expected a name such as eu-central-1";
    if (name === "path-style" && !isSwitch(value)) return "path-style: expected true or false";
  }
  return undefined;
}

function unknownOption(name: string): string {
  if (!/^[A-Za-z][\w-]{0,29}$/.test(name)) return `something is not an option of this URL: it can have ${listed}`;
  if (/key|secret|token|password/i.test(name))
    return `${name} is not an option of this URL: keys come from the environment, from ~/.aws or from the role of the machine`;
  const near = didYouMean(name, options);
  return `${name} is not an option of this URL${near === "" ? `: it can have ${listed}` : near}`;
}

const listed = options.join(", ");
const isRegion = (text: string): boolean => /^[\w-]+$/.test(text);
const isSwitch = (text: string): boolean => text === "true" || text === "false";

function isEndpoint(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === "" && password === "" && search === "" && hash === "";
}

/** What of such a text may be shown: names in it that are not ours may stand before a key. */
export const withoutKeys = (text: string): string =>
  text
    .replace(/\/\/[^/?#]*@/g, "//…@")
    .replace(/([?&])([^=&#]*)=([^&#]*)/g, (all, mark: string, name: string) =>
      options.includes(name) && !all.includes("@") ? all : `${mark}${name}=…`,
    );
