import { useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { ConfigurationVersion } from "../../../src/gen/windlass/v1/configuration_pb.ts";
import { refresh } from "../data/event-caches.ts";
import { bytesText } from "../ui/format.ts";

/** Where an upload stands. */
export type UploadState =
  | { readonly kind: "nothing" }
  | { readonly kind: "working"; readonly what: "Packing" | "Sending"; readonly bytes: number; readonly of: number }
  /** Not begun: what was chosen is of no use. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "done"; readonly version: ConfigurationVersion; readonly ignored: number };

export interface UploadPlace {
  readonly organization: string;
  readonly workspace: string;
  /** Where terraform runs in what is uploaded. */
  readonly workingDirectory: string;
  /** Greatest size of an archive. */
  readonly maxBytes: number;
  readonly onUploaded: (version: ConfigurationVersion) => void;
}

/** What was chosen: an archive, or all files of a folder. */
export type Chosen =
  | { readonly kind: "archive"; readonly file: File }
  | { readonly kind: "folder"; readonly files: readonly File[] };

interface Upload {
  readonly state: UploadState;
  /** Packs and sends it; whatever was on its way before ends. */
  readonly start: (chosen: Chosen) => void;
  readonly again: () => void;
  readonly cancel: () => void;
}

class Unusable extends Error {}

/** An upload to a workspace. It ends with the page that shows it. */
export function useUpload(place: UploadPlace): Upload {
  const transport = useTransport();
  const client = useQueryClient();
  const [state, setState] = useState<UploadState>({ kind: "nothing" });
  const current = useRef<{ readonly ending: AbortController; readonly chosen: Chosen }>(undefined);
  useEffect(() => () => current.current?.ending.abort(), []);
  const start = async (chosen: Chosen) => {
    current.current?.ending.abort();
    const ending = new AbortController();
    const { signal } = ending;
    current.current = { ending, chosen };
    const show = (next: UploadState) => {
      if (!signal.aborted) setState(next);
    };
    try {
      const { archive, ignored } = await archiveOf(chosen, place, { show, signal });
      const { sendConfiguration } = await import("./send.ts");
      const onSent = (bytes: number) => show({ kind: "working", what: "Sending", bytes, of: archive.size });
      const version = await sendConfiguration(transport, { ...place, archive, onSent }, signal);
      await refresh(client, new Set(["ListConfigurations"]));
      show({ kind: "done", version, ignored });
      if (!signal.aborted) place.onUploaded(version);
    } catch (error) {
      show(error instanceof Unusable ? { kind: "refused", why: error.message } : { kind: "failed", error });
    }
  };
  return {
    state,
    start: (chosen) => void start(chosen),
    again: () => {
      if (current.current !== undefined) void start(current.current.chosen);
    },
    cancel: () => {
      current.current?.ending.abort();
      setState({ kind: "nothing" });
    },
  };
}

interface Showing {
  readonly show: (state: UploadState) => void;
  readonly signal: AbortSignal;
}

interface Archive {
  readonly archive: Blob;
  readonly ignored: number;
}

async function archiveOf(chosen: Chosen, place: UploadPlace, showing: Showing): Promise<Archive> {
  if (chosen.kind === "folder") {
    return await packed(chosen.files, place, showing);
  }
  const { file } = chosen;
  if (file.size > place.maxBytes)
    throw new Unusable(
      `${file.name} has ${bytesText(file.size)}: at most ${bytesText(place.maxBytes)} are taken. Leave out what a run does not need.`,
    );
  return { archive: file, ignored: 0 };
}

async function packed(
  given: readonly File[],
  { workingDirectory, maxBytes }: UploadPlace,
  { show, signal }: Showing,
): Promise<Archive> {
  const { folderOf, whyUnusable } = await import("./folder.ts");
  const folder = await folderOf(given);
  const why = whyUnusable(folder, workingDirectory);
  if (why !== undefined) throw new Unusable(why);
  const of = folder.files.reduce((sum, { file }) => sum + file.size, 0);
  const onRead = (bytes: number) => show({ kind: "working", what: "Packing", bytes, of });
  onRead(0);
  const { packFiles, FolderTooLarge } = await import("./pack.ts");
  try {
    const archive = await packFiles(folder.files, { maxBytes, onRead }, signal);
    return { archive, ignored: folder.ignored };
  } catch (error) {
    if (!(error instanceof FolderTooLarge)) throw error;
    throw new Unusable(
      `Packed, ${folder.name} is larger than ${bytesText(maxBytes)}: name what a run does not need in .terraformignore.`,
    );
  }
}
