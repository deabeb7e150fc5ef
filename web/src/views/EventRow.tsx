// SPDX-License-Identifier: Apache-2.0
// One event in a list: when, where, what, how bad; a link of its own.
import { memo, type MouseEvent } from "react";
import type { Event } from "../api/types";
import { formatRoute, navigate, useRoute } from "../live/route";
import { Picture } from "../widgets/Picture";
import { Risk } from "../widgets/Risk";
import { Time } from "../widgets/Time";

interface RowProps {
    event: Event;
    cameraName: string;
}

export function EventRow({ event, cameraName }: RowProps) {
    const route = useRoute();
    const open = (click: MouseEvent) => {
        if (click.metaKey || click.ctrlKey || click.shiftKey) return; // a tab of its own
        click.preventDefault();
        navigate({ event: event.id });
    };
    return (
        <a
            className={event.reviewed ? "row reviewed" : "row"}
            href={formatRoute({ ...route, event: event.id })}
            aria-current={route.event === event.id ? "true" : undefined}
            data-row=""
            data-event={event.id}
            onClick={open}
        >
            <RowPicture id={event.best_detection_id} />
            <span className="row-text">
                <span className="row-summary">{event.summary}</span>
                <span className="row-where">
                    <Time at={event.started_at} /> · {cameraName}
                    {event.reviewed && " · reviewed"}
                </span>
            </span>
            <Risk level={event.risk_level} score={event.risk_score} />
        </a>
    );
}

const RowPicture = memo(function RowPicture({ id }: { id: number }) {
    if (id <= 0) return <span className="picture thumb" />;
    return <Picture className="thumb" src={`/api/detections/${id}/thumbnail`} alt="" lazy />;
});
