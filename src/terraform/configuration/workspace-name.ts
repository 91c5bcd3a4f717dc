import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { workspaceNamePattern } from "../../lib/words/workspace-names.ts";
import { mentions } from "./mentions.ts";

/** The workspace of terraform that every directory has. */
const defaultName = "default";
const nameShape = new RegExp(workspaceNamePattern);

/** The name, if it can be one of terraform's workspaces: it becomes a part of a path. */
export const asWorkspaceName = (name: string | undefined): string | undefined =>
  name !== undefined && nameShape.test(name) ? name : undefined;

/** True if a configuration, or a module below it, may ask for the name. Modules from elsewhere are not here yet. */
export const mentionsWorkspace = (root: string): Promise<boolean> => mentions(root, /\bworkspace\b/, "deep");

/**
 * Makes `terraform.workspace` this name, as `terraform workspace select` does. TF_WORKSPACE would do it too, but
 * programs that a configuration starts would inherit it, and another terraform among them would look for its state
 * under that name.
 */
export async function selectWorkspace(workingDirectory: string, name: string): Promise<void> {
  await mkdir(join(workingDirectory, ".terraform"), { recursive: true });
  await writeFile(join(workingDirectory, ".terraform", "environment"), name);
}

/**
 * Where terraform looks for a workspace's state by itself, in its working directory. Without the directory, init knows
 * no such workspace.
 */
export const ownStatePath = (name = defaultName): string =>
  name === defaultName ? "terraform.tfstate" : join("terraform.tfstate.d", name, "terraform.tfstate");
