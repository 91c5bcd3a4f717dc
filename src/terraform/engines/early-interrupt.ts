/**
 * Terraform and tofu forget an interrupt that comes before they walk their graph: they say "Interrupt received", and go
 * on to the end. What they print once they walk, as regular expressions, and how long after its start a program is
 * waited for at most that prints nothing of the kind.
 */
export const walkOfApply = { until: '"type":"[a-z_]+_start"', atMostMs: 10_000 } as const;

/** A plan prints nothing before its end if it only makes objects; one that forgets its interrupt changes nothing. */
export const walkOfPlan = { until: ": [A-Z][a-z ]+\\.\\.\\.", atMostMs: 3_000 } as const;
