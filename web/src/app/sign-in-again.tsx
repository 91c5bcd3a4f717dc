import { useQueryClient } from "@tanstack/react-query";
import { tryNow } from "../data/keep-open.ts";
import { session } from "../data/session.ts";
import { Dialog } from "../ui/dialog.tsx";
import { SignInForm } from "./sign-in-form.tsx";

/** Asks for the key again over the page, so that nothing that was typed there is lost. */
export function SignInAgain() {
  const client = useQueryClient();
  return (
    <Dialog title="Your session has ended" onClose={() => void session.signOut()} testId="sign-in-again">
      <p className="quiet text-sm">Sign in again to go on where you are. Closing this signs you out.</p>
      <SignInForm
        onSignedIn={() => {
          tryNow();
          void client.invalidateQueries();
        }}
      />
    </Dialog>
  );
}
