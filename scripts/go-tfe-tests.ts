/** A test function of go-tfe, or one of its subtests. */
export interface GoTest {
  readonly name: string;
  /** Behind a feature switch of the client. */
  readonly isBeta?: boolean | undefined;
  /** Needs an agent of ours in the place of a download. */
  readonly needsAgent?: boolean | undefined;
  /** Subtests of what this server has no noun for, and why. */
  readonly without?: Readonly<Record<string, string>> | undefined;
}

const projects = "there is one project an organization";
const scopes = "pools have no scope beyond workspaces";

/** The integration tests of go-tfe that speak of what this server has, by noun. */
export const goTests: Readonly<Record<string, readonly GoTest[]>> = {
  "agent-pools": [
    { name: "TestAgentPoolsList", without: { with_allowed_projects_name_filter: projects } },
    {
      name: "TestAgentPoolsCreate",
      without: { "with_allowed-projects_options": projects, "with_excluded-workspaces_options": scopes },
    },
    { name: "TestAgentPoolsRead" },
    { name: "TestAgentPoolsReadCreatedAt" },
    {
      name: "TestAgentPoolsUpdate",
      without: {
        when_updating_only_the_name: projects,
        "when_updating_allowed-projects": projects,
        "when_updating_excluded-workspaces": scopes,
      },
    },
    { name: "TestAgentPoolsUpdateAllowedWorkspaces" },
    { name: "TestAgentPoolsDelete" },
  ],
  "agent-tokens": [
    { name: "TestAgentTokensList" },
    { name: "TestAgentTokensCreate" },
    { name: "TestAgentTokensRead" },
    { name: "TestAgentTokensReadCreatedBy" },
    { name: "TestAgentTokensDelete" },
  ],
  agents: [
    { name: "TestAgentsRead", needsAgent: true },
    { name: "TestAgentsList", needsAgent: true },
  ],
  applies: [{ name: "TestAppliesRead_RunDependent" }, { name: "TestAppliesLogs_RunDependent" }],
  comments: [{ name: "TestCommentsList_RunDependent" }],
  "configuration-versions": [
    { name: "TestConfigurationVersionsList" },
    { name: "TestConfigurationVersionsCreate" },
    { name: "TestConfigurationVersionsRead" },
    { name: "TestConfigurationVersionsUpload" },
    { name: "TestConfigurationVersionsUploadTarGzip" },
    { name: "TestConfigurationVersionsArchive" },
    { name: "TestConfigurationVersionsDownload" },
  ],
  entitlements: [
    { name: "TestOrganizationsReadEntitlements/when_the_org_does_not_exist" },
    { name: "TestOrganizationsReadEntitlements/with_invalid_name" },
  ],
  "organization-tags": [
    { name: "TestOrganizationTagsList" },
    { name: "TestOrganizationTagsDelete" },
    { name: "TestOrganizationTagsAddWorkspace" },
  ],
  organizations: [
    { name: "TestOrganizationsList" },
    { name: "TestOrganizationsCreate" },
    {
      name: "TestOrganizationsRead",
      without: { "when_the_org_exists/timestamps_are_populated": "it is of the vendor's plans" },
    },
    {
      name: "TestOrganizationsUpdate",
      without: { with_new_UserTokensEnabled_option: "API keys are all that there is" },
    },
    { name: "TestOrganizationsDelete" },
    { name: "TestOrganizationsAllowForceDeleteSetting" },
  ],
  plans: [
    { name: "TestPlansRead_RunDependent" },
    { name: "TestPlansLogs_RunDependent" },
    { name: "TestPlansJSONOutput_RunDependent" },
  ],
  "run-events": [{ name: "TestRunEventsList_RunDependent" }, { name: "TestRunEventsRead_RunDependent" }],
  runs: [
    { name: "TestRunsList_RunDependent" },
    { name: "TestRunsListQueryParams_RunDependent" },
    { name: "TestRunsCreate_RunDependent" },
    { name: "TestRunsReadWithOptions_RunDependent" },
    { name: "TestRunsConfirmedBy_RunDependent" },
    { name: "TestRunsCanceledAt_RunDependent" },
    { name: "TestRunsRunEvents" },
    { name: "TestRunsTriggerReason" },
    { name: "TestRunsApply_RunDependent" },
    { name: "TestRunsCancel_RunDependent" },
    { name: "TestRunsForceCancel_RunDependent" },
    { name: "TestRunsForceExecute_RunDependent" },
    { name: "TestRunsDiscard_RunDependent" },
    { name: "TestRunCreateOptions_Marshal" },
    { name: "TestRunsListForOrganization_RunDependent" },
  ],
  "state-versions": [
    { name: "TestStateVersionsList" },
    { name: "TestStateVersionsUpload" },
    { name: "TestStateVersionsCreate_RunDependent" },
    { name: "TestStateVersionsReadWithOptions" },
    { name: "TestStateVersionsCurrent" },
    { name: "TestStateVersionsCurrentWithOptions" },
    { name: "TestStateVersionsDownload" },
    { name: "TestStateVersionOutputs" },
    { name: "TestStateVersionOutputsRead" },
  ],
  users: [{ name: "TestUsersReadCurrent" }],
  "variable-set-variables": [
    { name: "TestVariableSetVariablesList" },
    { name: "TestVariableSetVariablesCreate" },
    { name: "TestVariableSetVariablesRead" },
    { name: "TestVariableSetVariablesUpdate" },
    { name: "TestVariableSetVariablesDelete" },
  ],
  "variable-sets": [
    { name: "TestVariableSetsList" },
    { name: "TestVariableSetsListForWorkspace" },
    { name: "TestVariableSetsCreate" },
    { name: "TestVariableSetsRead" },
    { name: "TestVariableSetsRead/with_parent_relationship", isBeta: true },
    { name: "TestVariableSetsUpdate" },
    { name: "TestVariableSetsDelete" },
    { name: "TestVariableSetsApplyToAndRemoveFromWorkspaces" },
    { name: "TestVariableSetsUpdateWorkspaces" },
  ],
  variables: [
    { name: "TestVariablesList" },
    { name: "TestVariablesCreate" },
    { name: "TestVariablesRead" },
    { name: "TestVariablesUpdate" },
    { name: "TestVariablesDelete" },
  ],
  workspaces: [
    {
      name: "TestWorkspacesList_RunDependent",
      without: {
        when_using_project_id_filter_and_project_contains_workspaces: projects,
        when_using_project_id_filter_but_project_contains_no_workspaces: projects,
      },
    },
    { name: "TestWorkspacesList_RunDependent/when_using_a_tags_filter", isBeta: true },
    { name: "TestWorkspacesCreate" },
    { name: "TestWorkspacesCreate/with_valid_project_option", isBeta: true },
    { name: "TestWorkspacesRead" },
    { name: "TestWorkspacesReadSource" },
    { name: "TestWorkspacesReadWithOptions" },
    { name: "TestWorkspacesReadWithHistory_RunDependent" },
    { name: "TestWorkspacesReadByID" },
    { name: "TestWorkspacesAddTagBindings", isBeta: true },
    { name: "TestWorkspaces_DeleteAllTagBindings", isBeta: true },
    { name: "TestWorkspacesUpdate" },
    { name: "TestWorkspacesUpdateByID" },
    { name: "TestWorkspacesUpdateWithDefaultExecutionMode" },
    { name: "TestWorkspacesDelete" },
    { name: "TestWorkspacesDeleteByID" },
    { name: "TestCanForceDeletePermission" },
    { name: "TestWorkspacesSafeDelete" },
    { name: "TestWorkspacesSafeDeleteByID" },
    { name: "TestWorkspacesLock" },
    {
      name: "TestWorkspacesUnlock_RunDependent",
      without: { when_a_workspace_is_locked_by_a_team: "there are no teams" },
    },
    { name: "TestWorkspacesForceUnlock" },
    { name: "TestWorkspaces_AddRemoteStateConsumers" },
    { name: "TestWorkspaces_RemoveRemoteStateConsumers" },
    { name: "TestWorkspaces_UpdateRemoteStateConsumers" },
    { name: "TestWorkspaces_AddTags" },
    { name: "TestWorkspaces_RemoveTags" },
    { name: "TestWorkspacesProjects", isBeta: true },
    { name: "TestWorkspaceResourcesList" },
  ],
};
