import type { NewPool } from "../../src/control/agent-pools.ts";
import type { WorkspaceSettings } from "../../src/control/workspace-settings.ts";
import type { NewWorkspace } from "../../src/control/workspaces.ts";

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
  settings: Partial<WorkspaceSettings> = {},
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
    ...settings,
  },
  requestId: "",
  ...over,
});

/** How requests name something of the first organization. */
export const ref = (name: string, organization = "acme") => ({ organization, name });
