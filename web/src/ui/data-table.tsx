import { type ReactNode, useRef } from "react";
import { Link } from "wouter";
import { classes } from "./class-names.ts";
import { useShortcuts } from "./shortcuts.ts";

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers stand at the right. */
  readonly align?: "right";
  /** Left out on narrow screens. */
  readonly wideOnly?: boolean;
  /** Takes the room that is left, and cuts what is longer. */
  readonly grows?: boolean;
}

interface DataTableProps<Row> {
  /** For readers of screens: "Runs". */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Where a row leads; its first cell is the link, and all of the row is its target. */
  readonly href?: ((row: Row) => string) | undefined;
  readonly empty: ReactNode;
  readonly testId: string;
}

/** Rows that j and k go through and Enter opens. */
export function DataTable<Row>({ label, columns, rows, rowKey, href, empty, testId }: DataTableProps<Row>) {
  const table = useRef<HTMLTableElement>(null);
  const step = (by: 1 | -1) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>("[data-row-link]") ?? [])];
    const at = links.findIndex((link) => link.matches(":focus"));
    links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  };
  useShortcuts(
    href === undefined
      ? []
      : [
          { keys: "j", label: "Next row", run: () => step(1) },
          { keys: "k", label: "Previous row", run: () => step(-1) },
        ],
  );
  if (rows.length === 0) return <div className="panel">{empty}</div>;
  return (
    // What scrolls must be reached by the keyboard, also where no row is a link.
    <div tabIndex={href === undefined ? 0 : undefined} className="panel overflow-x-auto">
      <table ref={table} aria-label={label} className="w-full border-collapse text-sm" data-testid={testId}>
        <thead>
          <tr className="border-base-300 border-b">
            {columns.map((column) => (
              <th key={column.header} scope="col" className={cellLook(column, "eyebrow py-2 text-left")}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <TableRow key={rowKey(row)} row={row} columns={columns} href={href?.(row)} testId={testId} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface TableRowProps<Row> {
  readonly row: Row;
  readonly columns: readonly Column<Row>[];
  readonly href: string | undefined;
  readonly testId: string;
}

function TableRow<Row>({ row, columns, href, testId }: TableRowProps<Row>) {
  return (
    <tr
      className="relative border-base-300 border-b last:border-b-0 has-[[data-row-link]:focus-visible]:bg-primary/8 has-[[data-row-link]]:hover:bg-base-200"
      data-testid={`${testId}-row`}
    >
      {columns.map((column, index) => (
        <td key={column.header} className={cellLook(column, "py-2.5")}>
          {index === 0 && href !== undefined ? (
            <Link
              href={href}
              data-row-link=""
              className="font-medium after:absolute after:inset-0 focus-visible:outline-none"
            >
              {column.cell(row)}
            </Link>
          ) : (
            column.cell(row)
          )}
        </td>
      ))}
    </tr>
  );
}

const cellLook = <Row,>({ align, wideOnly, grows }: Column<Row>, base: string): string =>
  classes(
    base,
    "px-3 align-middle first:pl-4 last:pr-4",
    align === "right" && "text-right",
    wideOnly === true && "hidden md:table-cell",
    grows === true ? "w-full min-w-28 max-w-0 truncate" : "whitespace-nowrap",
  );
