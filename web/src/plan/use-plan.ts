import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import type { OutputChange, PlanSummary, ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";

/** A plan of a run: a run may be planned again. */
export interface PlanPlace {
  readonly runId: string;
  /** Another one for another plan. */
  readonly version: string;
}

/** A plan, as far as it has been read. */
export interface ReadPlan {
  readonly summary: PlanSummary | undefined;
  readonly changes: readonly ResourceChange[];
  readonly drift: readonly ResourceChange[];
  readonly outputs: readonly OutputChange[];
  /** Reads on; absent if there is no more, or it is being read. */
  readonly more: (() => void) | undefined;
  /** All of it has been read. */
  readonly isWhole: boolean;
  readonly error: unknown;
  readonly isLoading: boolean;
}

const rowsAtOnce = 1_000;
/** So many are read without being asked for: rows come in the plan's order, and what destroys may be the last. */
const readBySelf = 10_000;

/** Reads the plan of a run page by page. It stays as it is, whatever becomes of the run. */
export function usePlan({ runId, version }: PlanPlace): ReadPlan {
  const transport = useTransport();
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = useInfiniteQuery({
    queryKey: ["plan", runId, version],
    queryFn: ({ pageParam: pageToken, signal }) =>
      callUnaryMethod(transport, RunService.method.getRunPlan, { runId, pageSize: rowsAtOnce, pageToken }, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
    structuralSharing: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const read = useMemo(() => {
    const plans = data?.pages.flatMap(({ plan }) => plan ?? []) ?? [];
    return {
      summary: plans[0],
      changes: plans.flatMap(({ resourceChanges }) => resourceChanges),
      drift: plans.flatMap(({ resourceDrift }) => resourceDrift),
      outputs: plans.flatMap(({ outputChanges }) => outputChanges),
    };
  }, [data]);
  const rows = read.changes.length + read.drift.length;
  const readsOn = hasNextPage && !isFetchingNextPage && error === null && rows < readBySelf;
  useEffect(() => {
    if (readsOn) void fetchNextPage();
  }, [readsOn, fetchNextPage]);
  return {
    ...read,
    more: hasNextPage && !isFetchingNextPage && !readsOn ? () => void fetchNextPage() : undefined,
    isWhole: data !== undefined && !hasNextPage,
    error: error ?? undefined,
    isLoading: isPending,
  };
}
