import { useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { followedMethods, patchLists, refresh, staleMethods } from "./event-caches.ts";
import { followEvents } from "./event-stream.ts";
import type { LiveState } from "./keep-open.ts";

/** Events come in bursts: answers are read again once for all of a burst. */
const burstMs = 300;

/** Keeps the answers that pages show up to date, with one stream for the tab. */
export function useLiveEvents(organization: string): LiveState {
  const client = useQueryClient();
  const transport = useTransport();
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    const ending = new AbortController();
    let stale = new Set<string>();
    let timer: number | undefined;
    const flush = () => {
      timer = undefined;
      const methods = stale;
      stale = new Set();
      void refresh(client, methods);
    };
    const listener = {
      onState: setState,
      onBegin: () => void refresh(client, followedMethods),
      onGap: () => void client.invalidateQueries(),
      onEvents: (events: Parameters<typeof patchLists>[1]) => {
        patchLists(client, events);
        for (const method of staleMethods(events)) stale.add(method);
        timer ??= window.setTimeout(flush, burstMs);
      },
    };
    void followEvents(transport, organization, listener, ending.signal);
    return () => {
      ending.abort();
      window.clearTimeout(timer);
    };
  }, [client, transport, organization]);
  return state;
}
