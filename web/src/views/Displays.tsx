// SPDX-License-Identifier: Apache-2.0
// The detector worker: what displays look at, what came of it, and the trees of their archives.
import { useCallback, useState } from "react";
import type { ModelNode, ModelPage, Subscription, SubscriptionPage } from "../api/types";
import { branchesOf, factsOf, pictureOf, sessionWord, tracksOf, type DisplayPicture, type Fact } from "../live/displays";
import { useRequest } from "../live/useRequest";
import { Picture } from "../widgets/Picture";
import { ErrorCard } from "../widgets/States";
import { Age } from "../widgets/Time";
import { count, milliseconds, number } from "../widgets/words";
import { GradeMark } from "./System";

const LOOK_EVERY_MS = 1000;
const TREE_EVERY_MS = 3000;

function Facts({ facts, label }: { facts: readonly Fact[]; label: string }) {
    if (facts.length === 0) return null;
    return (
        <dl className="numbers" aria-label={label}>
            {facts.map(({ name, value }) => (
                <div className="fact" key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}

function Result({ one }: { one: Subscription }) {
    const result = one.newest_result;
    if (result === null) return <p className="small">No result yet: the pipeline runs when something stands still.</p>;
    return (
        <>
            <p className="small">
                Newest result {result.timestamp && <Age at={result.timestamp} />}, track #{result.track_id}, {milliseconds(result.duration_ms)}
            </p>
            {result.detection === null ? <p>It left before anybody asked for it.</p> : <Facts facts={factsOf(result.detection)} label="Result" />}
            <Facts facts={branchesOf(result.branch_results)} label="Branches" />
        </>
    );
}

// Boxes change together with the picture they belong to.
function Look({ one }: { one: Subscription }) {
    const wanted = pictureOf(one);
    const [current, setCurrent] = useState<DisplayPicture | null>(null);
    const src = wanted?.src;
    // eslint-disable-next-line react-hooks/exhaustive-deps
    const onShown = useCallback(() => setCurrent(wanted), [src]);
    if (wanted === null) return <p className="small">No picture yet.</p>;
    return (
        <div className="tile-picture">
            <Picture
                src={wanted.src}
                alt={`${one.id}: ${current?.boxes.map((box) => box.label).join(", ") || "nothing recognised"}`}
                width={current?.width || undefined}
                height={current?.height || undefined}
                boxes={current?.boxes}
                onShown={onShown}
            />
        </div>
    );
}

function trouble(one: Subscription): string {
    if (one.model.state === "error") return `Archive: ${one.model.error ?? "could not be loaded"}`;
    return one.problem ?? (one.online ? "" : (one.stream.reason ?? ""));
}

function DisplayCard({ one }: { one: Subscription }) {
    const why = trouble(one);
    const grade = one.model.state === "error" || one.stream.state === "failed" ? "bad" : one.online ? "good" : "warn";
    return (
        <article className="card source" data-subscription={one.id} aria-label={`Display ${one.display_id}, camera ${one.camera_id}`}>
            <h3>
                <GradeMark grade={grade} /> {one.display_id} · {one.camera_id} <span className="small">{one.stream.state}</span>
            </h3>
            {why && <p className="trouble">{why}</p>}
            <Look one={one} />
            <p>{sessionWord(one)}</p>
            <Facts facts={tracksOf(one)} label="Tracks" />
            <Result one={one} />
            <p className="small">
                {one.model.name} ({one.model.state}) · {number(one.stream.fps, 1)} pictures per second, {number(one.stream.frames_dropped)} dropped · {count(one.runs, "run")} ·{" "}
                {one.stream.address}
            </p>
            {one.stream.last_error !== null && one.stream.last_error_at !== null && (
                <p className="small">
                    Last error of the stream, <Age at={one.stream.last_error_at} />: {one.stream.last_error}
                </p>
            )}
        </article>
    );
}

function Timing({ node }: { node: ModelNode }) {
    const { runs, skipped, failed, timeouts, ms_avg, ms_p95 } = node.timing;
    const bad = [failed > 0 && `${number(failed)} failed`, timeouts > 0 && `${number(timeouts)} too late`].filter(Boolean).join(", ");
    return (
        <span className="small">
            {runs === 0 ? "not run yet" : `${count(runs, "run")}, ${milliseconds(ms_avg)} on average, 95 % below ${milliseconds(ms_p95)}`}
            {skipped > 0 && `, ${number(skipped)} not triggered`}
            {bad && <strong className="bad-news">, {bad}</strong>}
        </span>
    );
}

function Tree({ node }: { node: ModelNode }) {
    return (
        <li>
            <strong>{node.model_id}</strong> <code>{node.model}</code>
            {node.actions > 0 && <span className="small"> · {count(node.actions, "action")}</span>}
            <br />
            <Timing node={node} />
            {node.branches.length > 0 && (
                <ul className="tree">
                    {node.branches.map((branch) => (
                        <Tree key={branch.model_id} node={branch} />
                    ))}
                </ul>
            )}
        </li>
    );
}

function Trees() {
    const { data } = useRequest<ModelPage>("/api/models", { everyMs: TREE_EVERY_MS });
    if (data === null || data.pipelines.length === 0) return null;
    return (
        <>
            <h2>Model archives</h2>
            <p className="small">
                {count(data.cache.models, "model")} loaded, {number(data.cache.bytes / 1e6)} of {number(data.cache.budget_bytes / 1e6)} MB
            </p>
            <div className="cards wide">
                {data.pipelines.map((pipeline) => (
                    <article className="card" key={pipeline.archive} aria-label={`Archive of ${pipeline.subscriptions.join(", ")}`}>
                        <h3>{pipeline.subscriptions.join(", ")}</h3>
                        <ul className="tree" aria-label="Models">
                            <Tree node={pipeline.root} />
                        </ul>
                        {pipeline.warnings.map((warning) => (
                            <p className="small" key={warning}>
                                {warning}
                            </p>
                        ))}
                    </article>
                ))}
            </div>
        </>
    );
}

// Shown where a backend has subscribed; others need not know that it exists.
export function Displays() {
    const { data, error, reload } = useRequest<SubscriptionPage>("/api/subscriptions", { everyMs: LOOK_EVERY_MS });
    if (error && data === null && error.status !== 503) return <ErrorCard error={error} onRetry={reload} />;
    if (data === null || data.items.length === 0) return null;
    return (
        <section className="system" aria-labelledby="displays-title">
            <h2 id="displays-title">Displays of the detector worker</h2>
            <div className="cards wide">
                {data.items.map((one) => (
                    <DisplayCard key={one.id} one={one} />
                ))}
            </div>
            <Trees />
        </section>
    );
}
