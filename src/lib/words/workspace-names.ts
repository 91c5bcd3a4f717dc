/** What a name of a workspace looks like: as HCP Terraform has them, but for a first hyphen, which would make it a flag. */
export const workspaceNamePattern = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,89}$";

/** The same for messages. */
export const workspaceNameShape = "1 to 90 letters, digits, hyphens and underscores, with no hyphen in front";
