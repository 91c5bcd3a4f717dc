import { useParams } from "wouter";
import { Page } from "../../app/page.tsx";

export function RunPage() {
  const { id } = useParams<{ readonly id: string }>();
  return (
    <Page title={id} cli={`windlass run get ${id}`}>
      <p>…</p>
    </Page>
  );
}
