import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useEffect } from "react";
import type { OutputChange, PlanSummary, ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";

/** A plan, as far as it has been read. */
export interface ReadPlan {
  readonly summary: PlanSummary | undefined;
  readonly changes: readonly ResourceChange[];
  readonly drift: readonly ResourceChange[];
  readonly outputs: readonly OutputChange[];
  /** Reads on; absent if there is no more, or it is being read. */
  readonly more: (() => void) | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
}

const rowsAtOnce = 500;
/** So many are read without being asked for. */
const readBySelf = 2_000;

/** Reads the plan of a run page by page. */
export function usePlan(runId: string): ReadPlan {
  const query = useInfiniteQuery(
    RunService.method.getRunPlan,
    { runId, pageSize: rowsAtOnce, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      staleTime: 60_000,
    },
  );
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = query;
  const plans = data?.pages.flatMap(({ plan }) => plan ?? []) ?? [];
  const rows = plans.reduce((sum, plan) => sum + plan.resourceChanges.length + plan.resourceDrift.length, 0);
  const readsOn = hasNextPage && !isFetchingNextPage && error === null && rows < readBySelf;
  useEffect(() => {
    if (readsOn) void fetchNextPage();
  }, [readsOn, fetchNextPage]);
  return {
    summary: plans[0],
    changes: plans.flatMap(({ resourceChanges }) => resourceChanges),
    drift: plans.flatMap(({ resourceDrift }) => resourceDrift),
    outputs: plans.flatMap(({ outputChanges }) => outputChanges),
    more: hasNextPage && !isFetchingNextPage && !readsOn ? () => void fetchNextPage() : undefined,
    error: error ?? undefined,
    isLoading: isPending,
  };
}
