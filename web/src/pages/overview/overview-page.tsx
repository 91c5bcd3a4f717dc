import { Page } from "../../app/page.tsx";

export function OverviewPage() {
  return (
    <Page title="Overview" cli="windlass status">
      <p>…</p>
    </Page>
  );
}
