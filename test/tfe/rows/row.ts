import type { Organization } from "../../../src/domain/people/organization.ts";
import type { Permission } from "../../../src/domain/people/principal.ts";
import type { TestTfe } from "../../support/tfe.ts";

/** What a call names and says, with things made for it alone. */
export interface TfeRequest {
  /** The values of the path's `:names`. */
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly query?: string | undefined;
  readonly body?: unknown;
}

/** Who may call a route of the TFE API. */
export interface TfeRow {
  readonly pattern: string;
  /** What a person's role must allow; `anybody` needs no credential. */
  readonly needs: Permission | "anybody";
  /** What those who may call it get. */
  readonly status: number;
  /** True for what belongs to no organization: those of another one get the same. */
  readonly isShared?: boolean | undefined;
  /** A request about an organization. Nothing by default, beside the organization itself. */
  readonly request?: ((tfe: TestTfe, organization: Organization) => Promise<TfeRequest>) | undefined;
}
