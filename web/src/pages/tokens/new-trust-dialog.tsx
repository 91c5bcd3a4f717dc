import { useState } from "react";
import { AgentTokenService } from "../../../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field } from "../../ui/field.tsx";
import { type Expiry, ExpiryField, expiryDuration, expiryFlag } from "../../ui/forms/expiry-field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { claimsIn, linesIn } from "./trust-text.ts";

interface NewTrustDialogProps {
  /** Name of the pool that it admits to. */
  readonly pool: string;
  readonly onClose: () => void;
}

/** Lets identities of an issuer register agents of a pool. */
export function NewTrustDialog({ pool, onClose }: NewTrustDialogProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const attempt = useAttempt();
  const createIdentityTrust = useCall(AgentTokenService.method.createIdentityTrust, [
    "ListAgentTokens",
    "GetAgentPoolOverview",
  ]);
  const [description, setDescription] = useState("");
  const [issuer, setIssuer] = useState("");
  const [subjects, setSubjects] = useState("");
  const [audience, setAudience] = useState("");
  const [claims, setClaims] = useState("");
  const [jwks, setJwks] = useState("");
  const [expiry, setExpiry] = useState<Expiry>("never");
  const read = claimsIn(claims);
  const create = () =>
    attempt.run(async () => {
      if (read.kind === "mistake") return;
      const trust = { issuer: issuer.trim(), audience: audience.trim(), subjects: [...linesIn(subjects)], jwks };
      await createIdentityTrust({
        ...{ organization, agentPool: pool, description, expiresIn: expiryDuration(expiry) },
        trust: { ...trust, claims: { ...read.claims } },
      });
      onClose();
    });
  const wrong = (field: string) => violationOf(attempt.problem, `trust.${field}`);
  const flags = [
    `--issuer ${shellWord(issuer.trim() || "URL")}`,
    ...linesIn(subjects).map((subject) => `--subject ${shellWord(subject)}`),
    ...(audience.trim() === "" ? [] : [`--audience ${shellWord(audience.trim())}`]),
    ...linesIn(claims).map((claim) => `--claim ${shellWord(claim)}`),
    ...(jwks === "" ? [] : ["--jwks-file keys.json"]),
    ...(description === "" ? [] : [`--name ${shellWord(description)}`]),
    ...(expiry === "never" ? [] : [expiryFlag(expiry)]),
  ];
  return (
    <FormDialog
      title={`New trust for ${pool}`}
      action="Create trust"
      attempt={attempt}
      failed="The trust was not created"
      onSubmit={() => void create()}
      onClose={onClose}
      cli={`windlass trust create --pool ${shellWord(pool)} ${flags.join(" ")}${orgFlag}`}
      testId="new-trust-dialog"
    >
      <Field
        label="Issuer"
        value={issuer}
        onChange={setIssuer}
        error={wrong("issuer")}
        hint="Its URL, as its tokens have it in iss."
        placeholder="https://oidc.example.com/id/7"
        testId="trust-issuer"
        mono
        required
      />
      <Field
        label="Subjects"
        value={subjects}
        onChange={setSubjects}
        error={wrong("subjects")}
        hint="One of these has to fit sub, one a line. A * is anything but a colon, and at the end anything."
        placeholder="system:serviceaccount:windlass:windlass-agent"
        rows={3}
        testId="trust-subjects"
        mono
        required
      />
      <Field
        label="Audience"
        value={audience}
        onChange={setAudience}
        error={wrong("audience")}
        hint="For whom its tokens are meant (aud). Empty is the public URL of this server."
        testId="trust-audience"
        mono
      />
      <Field
        label="Claims"
        value={claims}
        onChange={setClaims}
        error={read.kind === "mistake" ? read.why : wrong("claims")}
        hint="NAME=VALUE, one a line: all of them have to be so. A name may be a path such as /kubernetes.io/namespace."
        rows={2}
        testId="trust-claims"
        mono
      />
      <Field
        label="Keys"
        value={jwks}
        onChange={setJwks}
        error={wrong("jwks")}
        hint="The issuer's public keys (JWKS), where this server cannot ask it. Empty: it is asked."
        rows={2}
        testId="trust-jwks"
        mono
      />
      <Field
        label="Description"
        value={description}
        onChange={setDescription}
        error={violationOf(attempt.problem, "description")}
        hint="Whose identities they are: a cluster, a CI system."
        testId="trust-description"
      />
      <ExpiryField value={expiry} onChange={setExpiry} testId="trust-expiry" />
    </FormDialog>
  );
}
