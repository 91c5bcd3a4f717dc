import { useState } from "react";
import { useLocation } from "wouter";
import type { Organization } from "../../../../src/gen/windlass/v1/organization_pb.ts";
import { OrganizationService } from "../../../../src/gen/windlass/v1/organization_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { CheckField } from "../../ui/field.tsx";

/** Deletes an organization; what it still owns is named by the refusal. */
export function DeleteOrganization({ organization: { id, name } }: { readonly organization: Organization }) {
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const [isForced, setIsForced] = useState(false);
  const lack = useLack(Permission.ADMINISTER_SITE);
  const remove = useCall(OrganizationService.method.deleteOrganization, ["ListOrganizations", "WhoAmI"]);
  const act = async () => {
    await remove({ organization: id, force: isForced });
    navigate("/", { replace: true });
  };
  return (
    <Section
      title="Delete this organization"
      lead="One that owns nothing goes at once. Otherwise you are told what is left."
    >
      <ActionButton onClick={() => setAsks(true)} testId="delete-organization" disabledReason={lack}>
        Delete organization
      </ActionButton>
      {asks && (
        <ConfirmDialog
          title={`Delete ${name}?`}
          action="Delete organization"
          typed={{ what: "organization", name }}
          cli={`windlass org delete ${shellWord(name)}${isForced ? " --force" : ""}`}
          onConfirm={act}
          onClose={() => setAsks(false)}
          testId="delete-organization-dialog"
        >
          <p>This cannot be taken back.</p>
          <CheckField
            label="With all that it owns"
            hint="Its runs end where they stand, its agents are sent away, and its states are gone: nobody manages their resources then."
            isChecked={isForced}
            onChange={setIsForced}
            testId="force-delete"
          />
        </ConfirmDialog>
      )}
    </Section>
  );
}
