import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { ApiKeyService } from "../../../../src/gen/windlass/v1/api_key_service_pb.ts";
import { Role, SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field, SelectField } from "../../ui/field.tsx";
import { type Expiry, ExpiryField, expiryDuration, expiryFlag } from "../../ui/forms/expiry-field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { organizationRoles, roleText, roleWords } from "../../words/roles.ts";
import { KeyShown } from "./key-shown.tsx";

/** Makes a key, and shows its secret once. */
export function CreateApiKeyDialog({ onClose }: { readonly onClose: () => void }) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const attempt = useAttempt();
  const { data: caller } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  const createApiKey = useCall(ApiKeyService.method.createApiKey, ["ListApiKeys"]);
  const [name, setName] = useState("");
  const [flag, setFlag] = useState(roleWords(Role.OPERATOR).flag);
  const [expiry, setExpiry] = useState<Expiry>("90d");
  const [secret, setSecret] = useState<string>();
  const roles = caller?.role === Role.SITE_ADMIN ? [...organizationRoles, Role.SITE_ADMIN] : organizationRoles;
  const role = roles.find((one) => roleWords(one).flag === flag) ?? Role.OPERATOR;
  const create = () =>
    attempt.run(async () => {
      const answer = await createApiKey({
        organization: role === Role.SITE_ADMIN ? "" : organization,
        name,
        role,
        expiresIn: expiryDuration(expiry),
      });
      setSecret(answer.secret);
    });
  if (secret !== undefined) return <KeyShown name={name} secret={secret} onClose={onClose} />;
  return (
    <FormDialog
      title="Create API key"
      action="Create key"
      attempt={attempt}
      failed="The key was not created"
      onSubmit={() => void create()}
      onClose={onClose}
      cli={`windlass apikey create --name ${name === "" ? "NAME" : shellWord(name)} --role ${flag} ${expiryFlag(expiry)}${orgFlag}`}
      blocked={name === "" ? "It needs a name" : undefined}
      testId="create-key-dialog"
    >
      <Field
        label="Name"
        value={name}
        onChange={setName}
        error={violationOf(attempt.problem, "name")}
        hint="Whose it is, or what uses it. The audit log names it."
        testId="key-name"
      />
      <SelectField
        label="Role"
        options={roles.map((one) => ({ value: roleWords(one).flag, label: roleText(one) }))}
        value={flag}
        onChange={setFlag}
        hint={roleWords(role).about}
        error={violationOf(attempt.problem, "role")}
        testId="key-role"
      />
      <ExpiryField value={expiry} onChange={setExpiry} testId="key-expiry" />
    </FormDialog>
  );
}
