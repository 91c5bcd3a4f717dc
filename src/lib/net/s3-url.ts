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
  if (region !== undefined && !/^[\w-]+$/.test(region)) return undefined;
  if (pathStyle !== "true" && pathStyle !== "false") return undefined;
  return {
    bucket: hostname,
    prefix: prefix === "" ? "" : `${prefix}/`,
    endpoint,
    region,
    isPathStyle: pathStyle === "true",
  };
}

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
