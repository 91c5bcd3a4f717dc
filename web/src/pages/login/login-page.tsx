import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLocation, useSearchParams } from "wouter";
import { SignInForm } from "../../app/sign-in-form.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { safeNext } from "./safe-next.ts";

export function LoginPage() {
  const [, navigate] = useLocation();
  const [params] = useSearchParams();
  const client = useQueryClient();
  const form = useRef<HTMLDivElement>(null);
  useEffect(() => {
    document.title = "Sign in · Windlass";
    form.current?.querySelector("input")?.focus();
  }, []);
  const onSignedIn = () => {
    client.clear();
    navigate(safeNext(params.get("next")), { replace: true });
  };
  return (
    <main className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center gap-6 px-4 py-10">
      <div className="flex flex-col items-center gap-3 text-center">
        <img src="/icons/idle.svg" alt="" className="size-11" />
        <h1 className="font-semibold text-xl tracking-tight">Sign in to Windlass</h1>
      </div>
      <div className="panel p-6" ref={form}>
        <SignInForm onSignedIn={onSignedIn} />
      </div>
      <div className="quiet space-y-2 text-sm">
        <p>No key yet? An owner of your organization makes one:</p>
        <div className="rounded-field border border-base-300 bg-base-100 px-3 py-1.5">
          <CliLine command="windlass apikey create --name me --role operator" />
        </div>
        <p>The first key of a new server is in the file admin-token of its data directory.</p>
      </div>
    </main>
  );
}
