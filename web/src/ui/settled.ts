import { useEffect, useState } from "react";

const typingMs = 200;

/** A text once typing pauses: what is asked for it is asked once. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), typingMs);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}
