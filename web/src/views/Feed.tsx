// SPDX-License-Identifier: Apache-2.0
// The newest events as they come. They wait behind a pill while the list is not at its top.
import { useEffect, useRef, useState } from "react";
import type { Event } from "../api/types";
import { useEventStream } from "../live/useEventStream";
import { Empty, Skeleton } from "../widgets/States";
import { count } from "../widgets/words";
import { EventRow } from "./EventRow";

const AT_TOP_PX = 8;

// The list on the screen: it follows the newest one only while nobody reads further down.
function useHeldList(events: readonly Event[], held: boolean) {
    const [shown, setShown] = useState<readonly Event[]>(events);
    useEffect(() => {
        if (!held) setShown(events);
    }, [events, held]);
    const known = new Set(shown.map((event) => event.id));
    const waiting = held ? events.filter((event) => !known.has(event.id)).length : 0;
    // What changed about a shown event shows at once: it moves nothing.
    const byId = new Map(events.map((event) => [event.id, event]));
    return { list: held ? shown.map((event) => byId.get(event.id) ?? event) : events, waiting };
}

export function Feed({ nameOf }: { nameOf: (camera: string) => string }) {
    const { events, isLoaded } = useEventStream();
    const box = useRef<HTMLDivElement>(null);
    const [away, setAway] = useState(false);
    const { list, waiting } = useHeldList(events, away);
    const look = () => setAway((box.current?.scrollTop ?? 0) > AT_TOP_PX);
    const toTop = () => {
        box.current?.scrollTo({ top: 0 });
        setAway(false);
    };
    return (
        <section className="feed" aria-labelledby="feed-title">
            <header>
                <h2 id="feed-title">Activity</h2>
                {waiting > 0 && (
                    <button type="button" className="pill" onClick={toTop}>
                        {waiting} new
                    </button>
                )}
            </header>
            <div className="feed-list" ref={box} onScroll={look}>
                {!isLoaded && events.length === 0 && <Skeleton rows={6} label="Reading the newest events" />}
                {isLoaded && events.length === 0 && (
                    <Empty title="Nothing has happened yet">
                        <p>
                            Put a picture into <code>cameras/front_door/</code>, or let a camera play: what is seen appears here by
                            itself.
                        </p>
                    </Empty>
                )}
                <ul aria-label={`Newest events, ${count(list.length, "entry", "entries")}`}>
                    {list.map((event) => (
                        <li key={event.id}>
                            <EventRow event={event} cameraName={nameOf(event.camera_id)} />
                        </li>
                    ))}
                </ul>
            </div>
        </section>
    );
}
