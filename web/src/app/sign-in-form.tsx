import { type SubmitEvent, useState } from "react";
import { session } from "../data/session.ts";
import { Field } from "../ui/field.tsx";

/** Signs in with an API key. The key is sent once and kept nowhere in the browser; a cookie stands for it. */
export function SignInForm({ onSignedIn }: { readonly onSignedIn: () => void }) {
  const [key, setKey] = useState("");
  const [refusal, setRefusal] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (key.trim() === "") return setRefusal("Paste an API key first.");
    if (!key.trim().startsWith("wdl_usr_")) return setRefusal("This is no API key: one begins with wdl_usr_.");
    setIsBusy(true);
    const outcome = await session.signIn(key.trim());
    setIsBusy(false);
    if (outcome.kind === "refused") return setRefusal(outcome.message);
    setKey("");
    onSignedIn();
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <Field
        label="API key"
        type="password"
        value={key}
        onChange={(value) => {
          setKey(value);
          setRefusal(undefined);
        }}
        error={refusal}
        hint="Begins with wdl_usr_."
        autoComplete="off"
        testId="api-key"
        mono
      />
      <button type="submit" className="btn btn-primary w-full" aria-disabled={isBusy} data-testid="sign-in">
        {isBusy ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
