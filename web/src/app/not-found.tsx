import { Link } from "wouter";

/** Of an address that leads nowhere. */
export function NotFound() {
  return (
    <div className="panel space-y-2 px-6 py-10 text-center" data-testid="not-found">
      <h1 className="font-semibold text-lg">There is no such page</h1>
      <p className="quiet">The address may be misspelt, or from another version of Windlass.</p>
      <Link href="/" className="btn btn-sm">
        To the start page
      </Link>
    </div>
  );
}
