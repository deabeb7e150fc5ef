// SPDX-License-Identifier: Apache-2.0
// A time of day, and an age that grows; the whole of it on hover.
import { useNow } from "../live/useNow";
import { agoOrDay, dayAndTime, wholeTime } from "./words";

export function Time({ at }: { at: string }) {
    return (
        <time dateTime={at} title={wholeTime(at)}>
            {dayAndTime(at)}
        </time>
    );
}

export function Age({ at }: { at: string }) {
    const now = useNow();
    const then = Date.parse(at);
    if (Number.isNaN(then)) return <span>never</span>;
    return (
        <time dateTime={at} title={wholeTime(at)}>
            {agoOrDay(at, now)}
        </time>
    );
}
