import type { NewPool } from "../../src/control/agents/pools.ts";
import type { NewSettings, NewWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { plainWorkspace } from "../../src/domain/workspaces/workspace.ts";

/** What a caller asks for, with the values that a test does not care about. */
export const newPool = (name: string, over: Partial<NewPool> = {}): NewPool => ({
  organization: "acme",
  name,
  description: "",
  isOrganizationScoped: true,
  grants: [],
  requestId: "",
  ...over,
});

export const newWorkspace = (
  name: string,
  settings: Partial<NewSettings> = {},
  over: Partial<NewWorkspace> = {},
): NewWorkspace => ({
  organization: "acme",
  settings: {
    name,
    description: "",
    executionMode: "remote",
    pool: "",
    engine: "terraform",
    engineVersion: "",
    workingDirectory: "",
    isAutoApply: false,
    tags: [],
    agentSelector: "",
    planTimeoutMs: 0,
    applyTimeoutMs: 0,
    initTimeoutMs: 0,
    sharesState: false,
    parallelism: 0,
    consumers: [],
    ...plainWorkspace,
    ...settings,
  },
  requestId: "",
  ...over,
});

/** How requests name something of the first organization. */
export const ref = (name: string, organization = "acme") => ({ organization, name });
