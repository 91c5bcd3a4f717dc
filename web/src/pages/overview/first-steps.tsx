import { Link } from "wouter";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { CliLine } from "../../ui/cli-line.tsx";

const stepsOf = (path: ReturnType<typeof usePath>, org: string) => [
  {
    title: "Create an agent pool",
    text: "Agents of a pool run jobs inside your network.",
    href: path("pools"),
    cli: `windlass pool create vms${org}`,
  },
  {
    title: "Connect an agent",
    text: "A token of the pool admits it; the pool's page shows the line that starts it.",
    href: path("pools"),
    cli: `windlass token create --pool vms --name vm-1${org}`,
  },
  {
    title: "Create a workspace",
    text: "It keeps one state. Assign it to the pool.",
    href: path("ws"),
    cli: `windlass workspace create network${org}`,
  },
  {
    title: "Start a run",
    text: "Upload the configuration in a directory: here, or with the command. The run plans, somebody confirms, it applies.",
    href: path("ws"),
    cli: `windlass run start network --dir .${org}`,
  },
];

/** The way from nothing to the first apply. */
export function FirstSteps() {
  const steps = stepsOf(usePath(), useOrgFlag());
  return (
    <ol className="panel divide-y divide-base-300" data-testid="first-steps">
      {steps.map(({ title, text, href, cli }, index) => (
        <li key={title} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3.5">
          <span
            aria-hidden="true"
            className="flex size-6 shrink-0 items-center justify-center rounded-full bg-base-300 font-semibold text-xs"
          >
            {index + 1}
          </span>
          <div className="min-w-0 grow basis-60">
            <Link href={href} className="font-medium underline underline-offset-2">
              {title}
            </Link>
            <p className="quiet text-sm">{text}</p>
          </div>
          <CliLine command={cli} />
        </li>
      ))}
    </ol>
  );
}
