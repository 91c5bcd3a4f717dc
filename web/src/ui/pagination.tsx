interface PaginationProps {
  /** Of the page that is shown; empty is the first. */
  readonly token: string;
  readonly nextToken: string;
  readonly onChange: (token: string) => void;
}

/** Goes through the pages of a list. The way back is the browser's own; the first page is always at hand. */
export function Pagination({ token, nextToken, onChange }: PaginationProps) {
  if (token === "" && nextToken === "") return null;
  return (
    <nav aria-label="Pages" className="flex justify-end gap-2">
      {token !== "" && (
        <button type="button" className="btn btn-sm" onClick={() => onChange("")} data-testid="page-first">
          First page
        </button>
      )}
      {nextToken !== "" && (
        <button type="button" className="btn btn-sm" onClick={() => onChange(nextToken)} data-testid="page-next">
          Next page
        </button>
      )}
    </nav>
  );
}
