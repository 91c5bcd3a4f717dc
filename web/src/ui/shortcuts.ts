import { useEffect, useRef } from "react";

/** Keys that do something on the page that is shown: one, or two after each other ("g r"). */
export interface Shortcut {
  readonly keys: string;
  readonly label: string;
  readonly run: () => void;
}

const sets: Set<{ readonly current: readonly Shortcut[] }> = new Set();
const sequenceMs = 1200;
let before: { readonly key: string; readonly at: number } | undefined;

/** Every shortcut that works right now, each once. */
export function activeShortcuts(): readonly Shortcut[] {
  const all = [...sets].flatMap(({ current }) => current);
  return [...new Map(all.map((shortcut) => [shortcut.keys, shortcut])).values()];
}

/** Makes keys work while the component is mounted; the last that was mounted wins. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    sets.add(latest);
    return () => void sets.delete(latest);
  }, []);
}

const takesText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Listens for keys; one for the page. */
export function listenForShortcuts(): () => void {
  const listener = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || takesText(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    const sequence =
      before !== undefined && event.timeStamp - before.at < sequenceMs ? `${before.key} ${event.key}` : undefined;
    before = { key: event.key, at: event.timeStamp };
    const active = activeShortcuts();
    const found = active.find(({ keys }) => keys === sequence) ?? active.find(({ keys }) => keys === event.key);
    if (found === undefined) return;
    before = undefined;
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", listener);
  return () => window.removeEventListener("keydown", listener);
}
