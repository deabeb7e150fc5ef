// SPDX-License-Identifier: Apache-2.0
// Is everything working: one line of words, then numbers, then plots; trouble offers its action.
import { useState } from "react";
import { ApiError, change, getEvenIfUnwell } from "../api/client";
import type { Breaker, HealthFull, PipelineLatency, Queue, Service } from "../api/types";
import { gradeOf, verdictOf, type Grade } from "../live/health";
import { useLive } from "../live/useLive";
import { useRequest } from "../live/useRequest";
import { useSystemStatus } from "../live/useSystemStatus";
import { Dialog } from "../widgets/Dialog";
import { Plot } from "../widgets/Plot";
import { Empty, ErrorCard, Skeleton } from "../widgets/States";
import { Age } from "../widgets/Time";
import { count, duration, milliseconds, number, percent, title } from "../widgets/words";

const READ_EVERY_MS = 5000;

const gradeWords: Record<Grade, string> = { good: "●", warn: "▲", bad: "■", unknown: "○" };

export function GradeMark({ grade }: { grade: Grade }) {
    return (
        <span className={`grade grade-${grade}`} aria-hidden="true">
            {gradeWords[grade]}
        </span>
    );
}

function useAction(after: () => void) {
    const [error, setError] = useState<ApiError | null>(null);
    const [busy, setBusy] = useState(false);
    const run = async (method: "POST" | "DELETE", path: string) => {
        setBusy(true);
        try {
            await change(method, path);
            setError(null);
        } catch (cause) {
            if (cause instanceof ApiError) setError(cause);
        }
        setBusy(false);
        after();
    };
    return { run, busy, error };
}

function Letters({ queue, overflow, amount, after }: { queue: string; overflow: boolean; amount: number; after: () => void }) {
    const { run, busy, error } = useAction(after);
    const [asking, setAsking] = useState(false);
    const name = `dlq:${overflow ? "overflow:" : ""}${queue}`;
    if (amount === 0) return null;
    const why = overflow ? "did not fit into the full queue" : "failed for good";
    return (
        <div className="trouble">
            <p>
                {count(amount, "job")} {why}. They are kept; put them back when the cause is gone.
            </p>
            <button type="button" disabled={busy} onClick={() => void run("POST", `/api/dlq/requeue-all/${encodeURIComponent(name)}`)}>
                Put all back
            </button>
            <button type="button" className="quiet danger" disabled={busy} onClick={() => setAsking(true)}>
                Throw away …
            </button>
            {error && <ErrorCard error={error} />}
            {asking && (
                <Dialog title={`Throw ${count(amount, "job")} away?`} onClose={() => setAsking(false)}>
                    <p>
                        The jobs of {title(queue)} that {why} are lost for ever with their history. The pictures they speak of stay where they
                        are.
                    </p>
                    <div className="buttons">
                        <button type="button" onClick={() => setAsking(false)}>
                            Keep them
                        </button>
                        <button
                            type="button"
                            className="danger"
                            onClick={() => {
                                setAsking(false);
                                void run("DELETE", `/api/dlq/${encodeURIComponent(name)}`);
                            }}
                        >
                            Throw away
                        </button>
                    </div>
                </Dialog>
            )}
        </div>
    );
}

function QueueCard({ queue, after }: { queue: Queue; after: () => void }) {
    const grade = gradeOf(queue.status);
    return (
        <article className="card" aria-label={title(queue.name)}>
            <h3>
                <GradeMark grade={grade} /> {title(queue.name)}
            </h3>
            <dl className="numbers">
                <dt>Waiting</dt>
                <dd>{number(queue.depth)}</dd>
                <dt>Running</dt>
                <dd>{number(queue.running)}</dd>
                <dt>Per minute</dt>
                <dd>{number(queue.throughput_per_minute, 1)}</dd>
                <dt>Oldest waits</dt>
                <dd>{queue.depth > 0 ? duration(queue.oldest_wait_seconds * 1000) : "–"}</dd>
                <dt>Full to</dt>
                <dd>
                    {percent(queue.fill_ratio)} of {number(queue.max_size)}
                </dd>
                <dt>Done / failed</dt>
                <dd>
                    {number(queue.completed)} / {number(queue.failed)}
                </dd>
            </dl>
            {grade !== "good" && <p className="trouble">{grade === "bad" ? "The queue is full: new work waits at its source." : "The queue fills up: work comes faster than it is done."}</p>}
            <Letters queue={queue.name} overflow={false} amount={queue.dead_letters} after={after} />
            <Letters queue={queue.name} overflow amount={queue.overflow_letters} after={after} />
        </article>
    );
}

function BreakerCard({ name, breaker, after }: { name: string; breaker: Breaker; after: () => void }) {
    const { run, busy, error } = useAction(after);
    const closed = breaker.state === "closed";
    return (
        <article className="card" aria-label={`Breaker ${name}`}>
            <h3>
                <GradeMark grade={gradeOf(breaker.state)} /> {title(name)}
            </h3>
            <p>
                {closed
                    ? `Closed: calls go through (${number(breaker.total_calls)} so far).`
                    : breaker.state === "open"
                      ? `Open after ${count(breaker.failure_count, "failure")} in a row: calls are held back, the next try comes in ${duration(breaker.retry_in_seconds * 1000)}.`
                      : "Half open: a few calls try whether it works again."}
            </p>
            {!closed && (
                <button type="button" disabled={busy} onClick={() => void run("POST", `/api/system/circuit-breakers/${encodeURIComponent(name)}/reset`)}>
                    Try now (reset)
                </button>
            )}
            {error && <ErrorCard error={error} />}
        </article>
    );
}

function Services({ services }: { services: Record<string, Service> }) {
    return (
        <ul className="services" aria-label="Services">
            {Object.entries(services).map(([name, service]) => (
                <li key={name}>
                    <GradeMark grade={gradeOf(service.status)} />
                    <span className="service-name">{title(name)}</span>
                    <span className="service-status">{service.status}</span>
                    {service.message && <span className="service-message">{service.message}</span>}
                </li>
            ))}
        </ul>
    );
}

type StageName = Exclude<keyof PipelineLatency, "timestamp">;

const stageWords: Record<StageName, string> = {
    watch_to_detect: "File seen to detection begun",
    detect: "Detection",
    detect_to_batch: "Detection to batch",
    batch_to_analyze: "Batch to analysis",
    analyze: "Analysis",
    total_pipeline: "Whole way",
};

function Latency() {
    const { data } = useRequest<PipelineLatency>("/api/system/pipeline-latency", { everyMs: READ_EVERY_MS });
    if (data === null) return <Skeleton rows={3} label="Reading the latency" />;
    return (
        <div className="scroll">
            <table>
                <caption className="hidden">Latency of the stages</caption>
                <thead>
                    <tr>
                        <th scope="col">Stage</th>
                        <th scope="col">Half below</th>
                        <th scope="col">95 %</th>
                        <th scope="col">99 %</th>
                        <th scope="col">Samples</th>
                    </tr>
                </thead>
                <tbody>
                    {(Object.keys(stageWords) as StageName[]).map((name) => {
                        const stage = data[name];
                        const none = stage.sample_count === 0;
                        return (
                            <tr key={name}>
                                <th scope="row">{stageWords[name]}</th>
                                <td>{none ? "–" : milliseconds(stage.p50_ms)}</td>
                                <td>{none ? "–" : milliseconds(stage.p95_ms)}</td>
                                <td>{none ? "–" : milliseconds(stage.p99_ms)}</td>
                                <td>{none ? "0" : number(stage.sample_count)}</td>
                            </tr>
                        );
                    })}
                </tbody>
            </table>
        </div>
    );
}

function Plots() {
    const history = useLive((state) => state.history);
    const queues = ["queues.detection_queue", "queues.analysis_queue"];
    const last = history[history.length - 1];
    return (
        <Plot
            times={history.map((sample) => sample.at)}
            values={queues.map((path) => history.map((sample) => sample.values[path] ?? null))}
            names={["detection", "analysis"]}
            summary={
                last
                    ? `Jobs in the queues since this page is open; now ${number(last.values[queues[0] as string] ?? 0)} for detection and ${number(last.values[queues[1] as string] ?? 0)} for analysis.`
                    : "Waiting for the first figures."
            }
        />
    );
}

interface Host {
    cpu_percent: number;
    ram_used_gb: number;
    ram_total_gb: number;
    disk_used_gb: number;
    disk_total_gb: number;
}

function HostCard() {
    const host = useLive((state) => state.performance?.host as Host | null | undefined);
    const models = useLive((state) => state.performance?.ai_models as Record<string, { model: string; device: string }> | undefined);
    if (!host) return null;
    const detector = models?.yolo26;
    return (
        <article className="card" aria-label="Machine">
            <h3>Machine</h3>
            <dl className="numbers">
                <dt>Processor</dt>
                <dd>{number(host.cpu_percent, 0)} %</dd>
                <dt>Memory</dt>
                <dd>
                    {number(host.ram_used_gb, 1)} of {number(host.ram_total_gb, 1)} GB
                </dd>
                <dt>Disk</dt>
                <dd>
                    {number(host.disk_used_gb, 1)} of {number(host.disk_total_gb, 1)} GB
                </dd>
                {detector && (
                    <>
                        <dt>Detector</dt>
                        <dd>
                            {detector.model} on {detector.device}
                        </dd>
                    </>
                )}
            </dl>
        </article>
    );
}

export function System() {
    const { status } = useSystemStatus();
    const changes = useLive((state) => state.serviceChanges);
    const connection = useLive((state) => state.system);
    const { data, error, reload, at } = useRequest<HealthFull>("/api/system/health/full", { everyMs: READ_EVERY_MS, read: getEvenIfUnwell });
    // The API's answer has the reasons, the socket the counts.
    const whole = data ? { ...status, services: data.services } : status;
    const verdict = verdictOf(whole, connection, changes);
    return (
        <section className="system" aria-labelledby="system-title">
            <h2 id="system-title">System</h2>
            <p className="verdict" role="status">
                <GradeMark grade={verdict.grade} /> {verdict.words}
            </p>
            {error && <ErrorCard error={error} onRetry={reload} />}
            {data === null && !error && <Skeleton rows={6} label="Reading the state of the system" />}
            {data && (
                <>
                    <div className="cards">
                        {data.queues.map((queue) => (
                            <QueueCard key={queue.name} queue={queue} after={reload} />
                        ))}
                        {Object.entries(data.circuit_breakers).map(([name, breaker]) => (
                            <BreakerCard key={name} name={name} breaker={breaker} after={reload} />
                        ))}
                        <HostCard />
                    </div>
                    <h3>Services</h3>
                    {Object.keys(data.services).length > 0 ? <Services services={data.services} /> : <Empty title="No service has registered" />}
                    <h3>Latency</h3>
                    <Latency />
                    <h3>Queues over time</h3>
                    <Plots />
                    <p className="small">
                        {data.build} · read <Age at={new Date(at).toISOString()} />
                        {typeof data.websocket?.events_clients === "number" && ` · ${count(data.websocket.events_clients, "page")} open`}
                    </p>
                </>
            )}
        </section>
    );
}
