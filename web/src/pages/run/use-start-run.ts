import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useRef } from "react";
import { useLocation } from "wouter";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { useOrganization, usePath } from "../../app/organization.ts";
import { useAttempt } from "../../ui/attempt.ts";
import { optionsOf, priorities, type RunForm } from "./run-options.ts";

/** A run that is being asked for. */
interface StartingRun {
  /** Asks for it; the page of the run is shown once there is one. Asked for twice it is still one run. */
  start(form: RunForm, configurationId: string): Promise<void>;
  readonly failure: { readonly error: unknown } | undefined;
  readonly isBusy: boolean;
}

export function useStartRun(workspace: string, onStarted: () => void): StartingRun {
  const organization = useOrganization();
  const path = usePath();
  const transport = useTransport();
  const [, navigate] = useLocation();
  const { run: attempt, failure, isBusy } = useAttempt();
  const requestIdOf = useRequestId();
  const start = (form: RunForm, configurationId: string) => {
    const request = {
      ...{ organization, workspace, configurationVersionId: configurationId, message: form.message },
      ...{
        options: optionsOf(form),
        priority: priorities[form.priority],
        requestId: requestIdOf([form, configurationId]),
      },
    };
    const create = async () => {
      const { run } = await createClient(RunService, transport).createRun(request);
      if (run !== undefined) navigate(path("runs", run.id));
    };
    return attempt(create, onStarted);
  };
  return { start, failure, isBusy };
}

/** One id for one request, however often it is sent; another one for another request. */
function useRequestId(): (request: unknown) => string {
  const asked = useRef<{ readonly text: string; readonly id: string }>(undefined);
  return (request) => {
    const text = JSON.stringify(request);
    if (asked.current?.text !== text) asked.current = { text, id: crypto.randomUUID() };
    return asked.current.id;
  };
}
