import { useState } from "react";
import type { AgentToken } from "../../../../src/gen/windlass/v1/agent_token_pb.ts";
import { AgentTokenService } from "../../../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field } from "../../ui/field.tsx";
import { type Expiry, ExpiryField, expiryDuration, expiryFlag } from "../../ui/forms/expiry-field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { NewTokenShown } from "./new-token-shown.tsx";

interface NewTokenDialogProps {
  /** Name of the pool that it admits to. */
  readonly pool: string;
  readonly onClose: () => void;
}

/** Makes a token, shows its secret once, and waits for the first agent that comes with it. */
export function NewTokenDialog({ pool, onClose }: NewTokenDialogProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const attempt = useAttempt();
  const createAgentToken = useCall(AgentTokenService.method.createAgentToken, [
    "ListAgentTokens",
    "GetAgentPoolOverview",
  ]);
  const [description, setDescription] = useState("");
  const [expiry, setExpiry] = useState<Expiry>("90d");
  const [made, setMade] = useState<{ readonly token: AgentToken; readonly secret: string }>();
  const create = () =>
    attempt.run(async () => {
      const expiresIn = expiryDuration(expiry);
      const { agentToken, secret } = await createAgentToken({ organization, agentPool: pool, description, expiresIn });
      if (agentToken !== undefined) setMade({ token: agentToken, secret });
    });
  if (made !== undefined)
    return <NewTokenShown pool={pool} token={made.token} secret={made.secret} onClose={onClose} />;
  const nameFlag = description === "" ? "" : ` --name ${shellWord(description)}`;
  return (
    <FormDialog
      title={`New agent token for ${pool}`}
      action="Create token"
      attempt={attempt}
      failed="The token was not created"
      onSubmit={() => void create()}
      onClose={onClose}
      cli={`windlass token create --pool ${shellWord(pool)}${nameFlag} ${expiryFlag(expiry)}${orgFlag}`}
      testId="new-token-dialog"
    >
      <Field
        label="Description"
        value={description}
        onChange={setDescription}
        error={violationOf(attempt.problem, "description")}
        hint="Where it is used: a machine, a site, a cluster. A token of its own for each lets you revoke one alone."
        testId="token-description"
      />
      <ExpiryField value={expiry} onChange={setExpiry} testId="token-expiry" />
    </FormDialog>
  );
}
