import { defaultLimits } from "../control/core/control.ts";
import { integer } from "../lib/setting-schemas.ts";
import { setting } from "../lib/settings.ts";

/** How often callers may call, and how much they may leave waiting: settings of windlassd. */
export const callLimitSettings = {
  rateLimit: setting(
    {
      about: "calls a second of one API key, with bursts of twice that; 0 is no limit",
      flag: "rate-limit",
      env: "WINDLASS_RATE_LIMIT",
      schema: integer(0, 1_000_000),
    },
    defaultLimits.callsPerSecond,
  ),
  authFailureLimit: setting(
    {
      about: "credentials a minute that one address may have rejected before it is told to wait; 0 is no limit",
      flag: "auth-failure-limit",
      env: "WINDLASS_AUTH_FAILURE_LIMIT",
      schema: integer(0, 1_000_000),
    },
    defaultLimits.authFailuresPerMinute,
  ),
  maxQueuedRuns: setting(
    {
      about: "runs of one workspace that have not ended, at most; 0 is no limit",
      flag: "max-queued-runs",
      env: "WINDLASS_MAX_QUEUED_RUNS",
      schema: integer(0, 1_000_000),
    },
    defaultLimits.maxQueuedRuns,
  ),
  maxAgentsPerToken: setting(
    {
      about: "agents of one agent token, at most; those that are gone longest make room for new ones; 0 is no limit",
      flag: "max-agents-per-token",
      env: "WINDLASS_MAX_AGENTS_PER_TOKEN",
      schema: integer(0, 1_000_000),
    },
    defaultLimits.maxAgentsPerToken,
  ),
  registrationRate: setting(
    {
      about: "agents that one agent token may register for the first time within a minute; 0 is no limit",
      flag: "registration-rate",
      env: "WINDLASS_REGISTRATION_RATE",
      schema: integer(0, 1_000_000),
    },
    defaultLimits.registrationsPerMinute,
  ),
} as const;
