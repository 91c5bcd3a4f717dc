import { join } from "node:path";
import type { Chromium, Visitor } from "../../test/support/chromium.ts";
import type { TestServer } from "../../test/support/scene.ts";
import type { ShownOrganization } from "./organization.ts";

/** A page of which a picture is made. */
interface Shot {
  readonly name: string;
  readonly path: string;
  /** By its test id: the page is complete once it is there. */
  readonly awaits: string;
  readonly heightPx: number;
}

const shotsOf = ({ planned, pool }: ShownOrganization): readonly Shot[] => [
  { name: "start", path: "/o/default", awaits: "failed", heightPx: 860 },
  { name: "run", path: `/o/default/runs/${planned.id}/changes`, awaits: "plan-resource", heightPx: 916 },
  { name: "log", path: `/o/default/runs/${planned.id}/plan-log`, awaits: "log", heightPx: 900 },
  { name: "pool", path: `/o/default/pools/${pool}`, awaits: "agents-row", heightPx: 560 },
];

export const colorSchemes = ["light", "dark"] as const;

const widthPx = 1280;

/** Writes a picture of each page in each colour scheme, and answers their files. */
export async function takePictures(
  chromium: Chromium,
  server: TestServer,
  { organization, directory }: { readonly organization: ShownOrganization; readonly directory: string },
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const colorScheme of colorSchemes) {
    const viewport = { width: widthPx, height: 800 };
    await using somebody = await chromium.admin(server, { colorScheme, viewport, reducedMotion: "reduce" });
    for (const { name, path, awaits, heightPx } of shotsOf(organization)) {
      const file = join(directory, `${name}-${colorScheme}.png`);
      await somebody.page.setViewportSize({ width: widthPx, height: heightPx });
      await somebody.open(path);
      await somebody.page.getByTestId(awaits).first().waitFor();
      if (awaits === "log") await showLog(somebody.page);
      await somebody.page.screenshot({ path: file, animations: "disabled", caret: "hide" });
      files.push(file);
    }
  }
  return files;
}

/** The whole pane, once the log is complete. */
async function showLog(page: Visitor["page"]): Promise<void> {
  await page.locator("[data-testid=log][data-state=ended]").waitFor();
  await page.evaluate("window.scrollTo(0, document.body.scrollHeight)");
}
