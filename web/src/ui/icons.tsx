import type { ReactNode } from "react";

/** A line drawing of 16 by 16; what it means stands beside it, so readers of screens pass over it. */
function Icon({ children }: { readonly children: ReactNode }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      className="size-4 shrink-0"
    >
      {children}
    </svg>
  );
}

const drawn = (path: string) => () => (
  <Icon>
    <path d={path} />
  </Icon>
);

export const CopyIcon = drawn("M6 5.5h6.5v8H6zM3.5 10.500v-8H10");
export const CheckIcon = drawn("m3 8.500 3.200 3.200L13 4.800");
export const SearchIcon = drawn("M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.700 10.700 14 14");
export const MenuIcon = drawn("M2.500 4.500h11M2.500 8h11M2.500 11.500h11");
export const CloseIcon = drawn("m4 4 8 8M12 4l-8 8");
export const HomeIcon = drawn("M2.500 7.500 8 3l5.500 4.500V13h-4V9.500h-3V13h-4Z");
export const RunIcon = drawn("M5 3.500v9l7.500-4.500Z");
export const WorkspaceIcon = drawn(
  "M2.500 4.500 8 2l5.500 2.500v7L8 14l-5.500-2.500ZM2.500 4.500 8 7l5.500-2.500M8 7v7",
);
export const PoolIcon = drawn("M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z");
export const AgentIcon = drawn("M2.500 3h11v7h-11zM6 13h4M8 10v3M5 6.500h2");
export const AuditIcon = drawn("M4 2.500h8v11H4zM6 5.500h4M6 8h4M6 10.500h2");
export const SettingsIcon = drawn("M2.500 5h6M11.500 5h2M10 3.500v3M2.500 11h2M7.500 11h6M6 9.500v3");
export const LockIcon = drawn("M4 7.500h8v6H4zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500");
export const WaitIcon = drawn("M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 5v3.200l2 1.500");
export const AlertIcon = drawn("M8 2.500 14.500 13.500h-13ZM8 6.500v3.200M8 11.800v.01");
