import { useEffect, useRef, useState } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { AgentPoolMinute } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { durationText, msOf } from "../../ui/format.ts";
import { usageSummary, waitSummary } from "./usage-summary.ts";

interface Line {
  readonly label: string;
  /** Name of a colour of the theme. */
  readonly colour: string;
  readonly isDashed?: boolean;
  readonly values: readonly (number | null)[];
}

/** Two charts of a pool's last hour: what was queued and ran, and how long jobs waited. */
export function UsageCharts({ minutes }: { readonly minutes: readonly AgentPoolMinute[] }) {
  const times = minutes.map(({ startTime }) => Number(startTime?.seconds ?? 0n));
  const seconds = (ms: number | undefined) => (ms === undefined ? null : ms / 1000);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Chart
        title="Jobs"
        summary={usageSummary(minutes)}
        times={times}
        lines={[
          {
            label: "queued",
            colour: "--color-warning",
            isDashed: true,
            values: minutes.map(({ queuedJobs }) => queuedJobs),
          },
          { label: "running", colour: "--color-info", values: minutes.map(({ runningJobs }) => runningJobs) },
        ]}
        format={(value) => `${value}`}
      />
      <Chart
        title="Wait for an agent"
        summary={waitSummary(minutes)}
        times={times}
        lines={[
          {
            label: "p95",
            colour: "--color-warning",
            isDashed: true,
            values: minutes.map(({ waitP95 }) => seconds(msOf(waitP95))),
          },
          { label: "p50", colour: "--color-info", values: minutes.map(({ waitP50 }) => seconds(msOf(waitP50))) },
        ]}
        format={(value) => durationText(value * 1000)}
      />
    </div>
  );
}

interface ChartProps {
  readonly title: string;
  /** The same in words. */
  readonly summary: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

const height = 150;

function Chart({ title, summary, times, lines, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const isDark = useIsDark();
  // biome-ignore lint/correctness/useExhaustiveDependencies: values and colours make another chart
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const chart = new UPlot(
      optionsOf(element, lines, format),
      [[...times], ...lines.map(({ values }) => [...values])],
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [times.join(), lines.map(({ values }) => values.join()).join(";"), isDark]);
  return (
    <figure className="panel min-w-0 px-4 py-3" data-testid="chart">
      <figcaption className="mb-1 flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span className="font-medium">{title}</span>
        <span className="quiet flex gap-3 text-xs">
          {lines.map(({ label, isDashed }) => (
            <span key={label}>
              {isDashed === true ? "╌" : "─"} {label}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}: ${summary}`} />
      <p className="quiet mt-1 text-xs">{summary}</p>
    </figure>
  );
}

function optionsOf(element: HTMLElement, lines: readonly Line[], format: (value: number) => string): UPlot.Options {
  const style = getComputedStyle(element);
  const colourOf = (name: string) => style.getPropertyValue(name).trim();
  const grid = { stroke: colourOf("--color-base-300"), width: 1 };
  const axis = { stroke: style.color, font: `11px ${style.fontFamily}`, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 70,
        values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 1]],
      },
      {
        ...axis,
        grid,
        size: 56,
        space: 36,
        values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? (tick === 0 ? "0" : format(tick)) : "")),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour, isDashed, values }): UPlot.Series => {
        // What stands between minutes without a value is a point, not a line.
        const hasPoints = values.includes(null);
        const dash = isDashed === true ? { dash: [5, 4] } : {};
        return {
          label,
          stroke: colourOf(colour),
          width: 1.75,
          spanGaps: false,
          points: { show: hasPoints, size: 5 },
          ...dash,
        };
      }),
    ],
  };
}

/** Charts are painted: they have to hear of the colours. */
function useIsDark(): boolean {
  const [isDark, setIsDark] = useState(() => window.matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const look = () => setIsDark(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return isDark;
}
