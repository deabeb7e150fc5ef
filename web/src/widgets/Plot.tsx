// SPDX-License-Identifier: Apache-2.0
// A series over time. The numbers are told in words too: a canvas says nothing to a screen reader.
import { useEffect, useRef } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface PlotProps {
    times: readonly number[]; // seconds
    values: ReadonlyArray<readonly (number | null)[]>;
    names: readonly string[];
    summary: string;
    height?: number;
    max?: number; // of the scale; else as high as the data
    steps?: boolean;
}

const colours = ["--plot-1", "--plot-2", "--plot-3"];

function style(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function optionsOf(props: PlotProps, width: number): UPlot.Options {
    const ink = style("--ink-2");
    const grid = { stroke: style("--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const paths = props.steps ? UPlot.paths.stepped?.({ align: 1 }) : undefined;
    return {
        width,
        height: props.height ?? 140,
        legend: { show: props.names.length > 1 },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_plot, _low, high) => [0, props.max ?? Math.max(1, (high ?? 1) * 1.1)] } },
        axes: [
            { ...axis, size: 28, values: "{HH}:{mm}" },
            { ...axis, size: 40 },
        ],
        series: [
            {},
            ...props.names.map((label, index) => ({
                label,
                stroke: style(colours[index % colours.length] as string),
                width: 2,
                points: { show: props.steps ?? false, size: 5 }, // a lone hour is a point
                paths,
                spanGaps: false,
            })),
        ],
    };
}

function dataOf(props: PlotProps): UPlot.AlignedData {
    return [props.times as number[], ...props.values.map((series) => series as (number | null)[])];
}

export function Plot(props: PlotProps) {
    const box = useRef<HTMLDivElement>(null);
    const plot = useRef<UPlot | null>(null);
    const newest = useRef(props);
    newest.current = props;
    useEffect(() => {
        const element = box.current;
        if (element === null) return undefined;
        const draw = () => {
            plot.current?.destroy();
            plot.current = new UPlot(optionsOf(newest.current, element.clientWidth), dataOf(newest.current), element);
        };
        draw();
        const scheme = matchMedia("(prefers-color-scheme: dark)");
        scheme.addEventListener("change", draw);
        const observer = new ResizeObserver(() =>
            plot.current?.setSize({ width: element.clientWidth, height: newest.current.height ?? 140 }),
        );
        observer.observe(element);
        return () => {
            scheme.removeEventListener("change", draw);
            observer.disconnect();
            plot.current?.destroy();
            plot.current = null;
        };
    }, []);
    useEffect(() => {
        plot.current?.setData(dataOf(props));
    });
    return (
        <figure className="plot">
            <div ref={box} aria-hidden="true" />
            <figcaption>{props.summary}</figcaption>
        </figure>
    );
}
