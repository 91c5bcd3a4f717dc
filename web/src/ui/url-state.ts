import { useSearchParams } from "wouter";

/** A value that lives in the URL, so that reload and share keep it; empty is absent. Other filters go back to the first page. */
export function useUrlState(name: string): readonly [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = (value: string) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === "") next.delete(name);
        else next.set(name, value);
        if (name !== "page") next.delete("page");
        return next;
      },
      // Going through pages is a way that leads back; what is typed into a filter is not.
      { replace: name !== "page" },
    );
  return [params.get(name) ?? "", set];
}
