// SPDX-License-Identifier: Apache-2.0
// Every view, filter and selection is an address: /?view=events&risk=high&event=12.
import { useSyncExternalStore } from "react";

export const viewNames = ["live", "events", "cameras", "system"] as const;
export type ViewName = (typeof viewNames)[number];

export interface Route {
    view: ViewName;
    event: number | null; // open beside the list
    camera: string;
    risk: string;
    object: string;
    reviewed: string; // "", "yes", "no"
    from: string; // a local day
    to: string;
    q: string;
}

export const emptyRoute: Route = {
    view: "live",
    event: null,
    camera: "",
    risk: "",
    object: "",
    reviewed: "",
    from: "",
    to: "",
    q: "",
};

const textMembers = ["camera", "risk", "object", "reviewed", "from", "to", "q"] as const;

export function parseRoute(search: string): Route {
    const params = new URLSearchParams(search);
    const route: Route = { ...emptyRoute };
    const view = params.get("view");
    for (const name of viewNames) if (name === view) route.view = name;
    const event = Number(params.get("event"));
    if (Number.isInteger(event) && event > 0) route.event = event;
    for (const name of textMembers) route[name] = params.get(name) ?? "";
    return route;
}

export function formatRoute(route: Route): string {
    const params = new URLSearchParams();
    if (route.view !== "live") params.set("view", route.view);
    for (const name of textMembers) if (route[name] !== "") params.set(name, route[name]);
    if (route.event !== null) params.set("event", String(route.event));
    const text = params.toString();
    return text ? `/?${text}` : "/";
}

// The filters as the API wants them; days become instants of this browser's zone.
export function eventQuery(route: Route): Record<string, string | undefined> {
    return {
        camera_id: route.camera || undefined,
        risk_level: route.risk || undefined,
        object_type: route.object || undefined,
        reviewed: route.reviewed === "" ? undefined : String(route.reviewed === "yes"),
        start_date: instantOf(route.from, 0),
        end_date: instantOf(route.to, 1),
        q: route.q || undefined,
    };
}

function instantOf(day: string, addDays: number): string | undefined {
    const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
    if (parts === null) return undefined;
    const date = new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + addDays);
    return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

let current: Route | null = null;
let currentSearch = "";
const listeners = new Set<() => void>();

function read(): Route {
    if (current === null || currentSearch !== location.search) {
        currentSearch = location.search;
        current = parseRoute(currentSearch);
    }
    return current;
}

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    window.addEventListener("popstate", listener);
    return () => {
        listeners.delete(listener);
        window.removeEventListener("popstate", listener);
    };
}

export function navigate(change: Partial<Route>, replace = false): void {
    const address = formatRoute({ ...read(), ...change });
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    for (const listener of listeners) listener();
}

export function useRoute(): Route {
    return useSyncExternalStore(subscribe, read);
}
