// What a budget spent, as this page has seen it since it was opened.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface Samples {
  at: number[];  // seconds since 1970
  spent: number[];
}

const MOST = 2000;

/** Keeps one more sample; every second one of the older half goes when there are too many. */
export function keep(samples: Samples, at: number, spent: number): void {
  const last = samples.at.length - 1;
  if (last >= 0 && samples.at[last] === at) return;
  samples.at.push(at);
  samples.spent.push(spent);
  if (samples.at.length <= MOST) return;
  const thin = (list: number[]): number[] => list.filter((_, i) => i >= MOST / 2 || i % 2 === 0);
  samples.at = thin(samples.at);
  samples.spent = thin(samples.spent);
}

export function Curve({ samples, limit, version, title }: { samples: Samples; limit: number; version: string; title: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const ink = getComputedStyle(element).color;
    const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,0.2)" } };
    plot.current = new uPlot(
      {
        width: element.clientWidth || 320,
        height: 180,
        series: [{}, { label: "spent", stroke: "#1976d2", width: 2 }, { label: "limit", stroke: "#c62828", dash: [5, 4] }],
        axes: [axis, { ...axis, size: 64 }],
        legend: { show: false },
        cursor: { drag: { x: true, y: false } },
      },
      [[], [], []],
      element,
    );
    const resize = (): void => plot.current?.setSize({ width: element.clientWidth, height: 180 });
    window.addEventListener("resize", resize);
    return () => {
      window.removeEventListener("resize", resize);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => {
    plot.current?.setData([samples.at, samples.spent, samples.at.map(() => limit)]);
  }, [samples, limit, version]);
  return <div class="curve" ref={place} role="img" aria-label={title} />;
}
