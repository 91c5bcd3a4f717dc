/** Only a path of ours: never another server, which `//host` would be. Browsers leave tabs and ends of lines out of addresses. */
export const safeNext = (next: string | null): string =>
  next !== null && /^\/(?![/\\])/.test(next) && !/\p{Cc}/u.test(next) ? next : "/";
