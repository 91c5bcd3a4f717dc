import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Browser, filledIn } from "../support/browser.ts";
import { privatelySigned } from "../support/certificate.ts";
import { type Program, startProgram } from "../support/programs.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { describeWithTerraform, terraformPath } from "../support/terraform.ts";
import { storages } from "../support/terraform-stage.ts";

const longEnough = 120_000;

interface Place {
  readonly scene: Scene;
  /** `localhost:PORT`, as terraform names it. */
  readonly host: string;
  readonly browser: Browser;
  readonly adminKey: string;
  terraform(args: readonly string[], input?: string): Program;
  restart(): Promise<void>;
}

/** A server over TLS, whose authority terraform knows by `SSL_CERT_FILE`, and a terraform that finds no browser. */
async function openPlace(scene: Scene, engine: (typeof storages)[number] = "sqlite"): Promise<Place> {
  const { ca, cert, key } = privatelySigned(new Date());
  const path = (name: string) => join(scene.directory, name);
  for (const [name, text] of Object.entries({ "ca.pem": ca, "cert.pem": cert, "key.pem": key })) {
    await writeFile(path(name), text, { mode: 0o600 });
  }
  // terraform writes its credentials there, and does not always make it.
  await mkdir(path(".terraform.d"));
  const args = ["--tls-cert-file", path("cert.pem"), "--tls-key-file", path("key.pem")];
  const server = await scene.server({ engine, args, ca });
  const env = { HOME: scene.directory, PATH: "/nowhere", SSL_CERT_FILE: path("ca.pem"), CHECKPOINT_DISABLE: "1" };
  return {
    scene,
    host: `localhost:${new URL(server.url).port}`,
    browser: new Browser(ca),
    adminKey: (await readFile(server.adminTokenFile, "utf8")).trim(),
    terraform: (call, input = "") => {
      const cwd = scene.directory;
      return startProgram({ name: "terraform", command: terraformPath, args: call, env, cwd, input });
    },
    restart: async () => {
      await server.stop("SIGTERM");
      await server.start();
    },
  };
}

const tokenIn = async ({ scene, host }: Place): Promise<string> => {
  const file = join(scene.directory, ".terraform.d", "credentials.tfrc.json");
  return JSON.parse(await readFile(file, "utf8")).credentials[host].token;
};

describeWithTerraform("terraform itself", () => {
  const own = "its own request is answered, and the key it gets is its own";
  test.each(storages)(`logs in: ${own}, on %s`, { timeout: longEnough }, async (engine) => {
    await using scene = await openScene();
    const place = await openPlace(scene, engine);
    const { host, browser, adminKey } = place;
    await using login = place.terraform(["login", host], "yes\n");
    const [address = ""] = await login.says(/https:\/\/localhost:\d+\/oauth\/authorization\?\S+/);
    const signedIn = await browser.submit(await browser.send(address), { api_key: adminKey });
    const typed = { role: "owner", organization: "default", name: "terraform of a test", decision: "yes" };
    const given = await browser.submit(signedIn, typed);
    expect(given.status, given.text).toBe(303);
    // A code is kept nowhere: another start of the server takes it all the same.
    await place.restart();
    // terraform ends its own server when it has the code, at times before it has answered.
    const callback = await new Browser().send(given.headers.location ?? "").catch(() => undefined);
    expect([200, undefined]).toContain(callback?.status);
    expect((await login.ended).code, login.stderr()).toBe(0);
    expect(login.stdout()).toMatch(/Success!/);
    const token = await tokenIn(place);
    expect(token).toMatch(/^wdl_usr_/);
    expect(token).not.toBe(adminKey);
    const account = await browser.send(`https://${host}/api/v2/account/details`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(JSON.parse(account.text).data.attributes.username).toBe("terraform of a test");
    const code = new URL(given.headers.location ?? "").searchParams.get("code") ?? "";
    const again = await browser.post(`https://${host}/oauth/token`, {
      ...{ grant_type: "authorization_code", client_id: "terraform-cli", code, code_verifier: "x".repeat(43) },
      redirect_uri: `${new URL(given.headers.location ?? "").origin}/login`,
    });
    expect(JSON.parse(again.text).error).toBe("invalid_grant");
  });

  test("is told by the page's own key, and logs out again", { timeout: longEnough }, async () => {
    await using scene = await openScene();
    const place = await openPlace(scene);
    const { host, browser, adminKey } = place;
    const page = await browser.send(`https://${host}/app/settings/tokens?source=terraform-login`);
    const signedIn = await browser.submit(page, { api_key: adminKey });
    expect(filledIn(signedIn.text)).toMatchObject({ role: "site-admin" });
    const shown = await browser.submit(signedIn, { decision: "yes" });
    expect(shown.text).toMatch(/<output>wdl_usr_\w+<\/output>/);
    await using logout = place.terraform(["logout", host]);
    expect((await logout.ended).code).toBe(0);
  });
});
