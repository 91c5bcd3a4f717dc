import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { refresh } from "./event-caches.ts";

/**
 * A call that changes something. Answers of the methods named in `stale` are read again: before it returns if it has succeeded, and also
 * if it has failed, since what is shown may be the reason. Events tell of runs, workspaces, pools, agents and tokens a moment later, and
 * of nothing else.
 */
export function useCall<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  stale: readonly string[] = [],
): (input: MessageInitShape<I>) => Promise<MessageShape<O>> {
  const transport = useTransport();
  const client = useQueryClient();
  const readAgain = () => refresh(client, new Set(stale));
  return async (input) => {
    try {
      const answer = await callUnaryMethod(transport, method, input);
      await readAgain();
      return answer;
    } catch (error) {
      void readAgain();
      throw error;
    }
  };
}
