import { lstat, mkdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";

/** Terraform finds credentials helpers in the home of its user, and only there. */
export async function linkHelper(home: string, program: string): Promise<void> {
  const directory = join(home, ".terraform.d", "plugins");
  const link = join(directory, basename(program));
  const isThere = await lstat(link).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await symlink(program, link);
}
