/** The state of what a page shows, seen without opening its tab. */
export type Favicon = "idle" | "running" | "waiting" | "good" | "bad";

export function setFavicon(state: Favicon): void {
  document.querySelector("link[rel=icon]")?.setAttribute("href", `/icons/${state}.svg`);
}
