/**
 * What a name of an organization, agent pool or variable set looks like: as HCP Terraform has them, but for a first hyphen, which
 * would make it a flag.
 */
export const namePattern = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$";

/** The same for messages. */
export const nameShape = "1 to 63 letters, digits, hyphens and underscores, with no hyphen in front";
