// SPDX-License-Identifier: Apache-2.0
// Adds or changes a live camera; it can be tried out before it is kept.
import { useState, type ReactNode } from "react";
import { ApiError, change } from "../api/client";
import type { Source, SourceTest } from "../api/types";
import { emptyForm, entryOf, formOf, idOf, type SourceForm as Form } from "../live/sources";
import { Dialog } from "../widgets/Dialog";
import { ErrorCard } from "../widgets/States";

function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
    return (
        <label>
            <span>{label}</span>
            {children}
            {hint && <span className="small">{hint}</span>}
        </label>
    );
}

function Tested({ result, busy }: { result: SourceTest | null; busy: boolean }) {
    if (busy) return <p role="status">Waiting for a picture …</p>;
    if (result === null) return null;
    return result.ok ? (
        <p role="status" className="good-news">
            A picture of {result.width} × {result.height} came after {result.seconds.toFixed(1)} s.
        </p>
    ) : (
        <p role="alert" className="trouble">
            No picture: {result.error}
        </p>
    );
}

function useForm(source: Source | null, onDone: () => void) {
    const [form, setForm] = useState<Form>(source ? formOf(source.entry) : emptyForm);
    const [error, setError] = useState<ApiError | null>(null);
    const [result, setResult] = useState<SourceTest | null>(null);
    const [busy, setBusy] = useState<"" | "test" | "save">("");
    const entry = () => entryOf(form, source ? source.entry : null);
    const put = (more: Partial<Form>) => setForm((old) => ({ ...old, ...more }));
    const run = async (what: "test" | "save", act: () => Promise<void>) => {
        setBusy(what);
        setError(null);
        try {
            await act();
        } catch (cause) {
            if (cause instanceof ApiError) setError(cause);
            else throw cause;
        } finally {
            setBusy("");
        }
    };
    const test = () =>
        run("test", async () => {
            setResult(null);
            setResult(await change<SourceTest>("POST", "/api/sources/test", entry()));
        });
    const save = () =>
        run("save", async () => {
            if (source) await change("PUT", `/api/sources/${encodeURIComponent(source.id)}`, entry());
            else await change("POST", "/api/sources", entry());
            onDone();
        });
    return { form, put, error, result, busy, test, save };
}

type Put = (more: Partial<Form>) => void;

function AddressFields({ form, put }: { form: Form; put: Put }) {
    const rtsp = form.kind === "rtsp";
    return (
        <>
            <Field label="Kind">
                <select value={form.kind} onChange={(event) => put({ kind: event.target.value as Form["kind"] })}>
                    <option value="rtsp">Video stream (RTSP)</option>
                    <option value="snapshot">Single pictures (HTTP)</option>
                </select>
            </Field>
            <Field label="Address" hint={rtsp ? "rtsp://192.168.1.20:554/stream1" : "http://192.168.1.20/snapshot.jpg"}>
                <input required value={form.url} spellCheck={false} onChange={(event) => put({ url: event.target.value })} />
            </Field>
            {rtsp && (
                <Field label="Sub-stream for detection" hint="A smaller stream of the same camera saves most of the work; empty: the one above.">
                    <input value={form.detect_url} spellCheck={false} onChange={(event) => put({ detect_url: event.target.value })} />
                </Field>
            )}
        </>
    );
}

function LoginFields({ form, put, known }: { form: Form; put: Put; known: boolean }) {
    return (
        <div className="pair">
            <Field label="User">
                <input value={form.username} autoComplete="off" placeholder={known ? "unchanged" : ""} onChange={(event) => put({ username: event.target.value })} />
            </Field>
            <Field label="Password">
                <input type="password" value={form.password} autoComplete="new-password" placeholder={known ? "unchanged" : ""} onChange={(event) => put({ password: event.target.value })} />
            </Field>
        </div>
    );
}

function PaceFields({ form, put }: { form: Form; put: Put }) {
    return form.kind === "snapshot" ? (
        <Field label="Seconds between pictures">
            <input type="number" min="0.2" step="0.1" value={form.snapshot_interval_seconds} onChange={(event) => put({ snapshot_interval_seconds: event.target.value })} />
        </Field>
    ) : (
        <>
            <Field label="Pictures looked at per second" hint="0 looks at all of them.">
                <input type="number" min="0" max="60" step="1" value={form.fps} onChange={(event) => put({ fps: event.target.value })} />
            </Field>
            <label className="check">
                <input type="checkbox" checked={form.keyframes_when_still} onChange={(event) => put({ keyframes_when_still: event.target.checked })} />
                <span>Decode less while nothing moves</span>
            </label>
        </>
    );
}

export function SourceForm({ source, onClose, onSaved }: { source: Source | null; onClose: () => void; onSaved: () => void }) {
    const { form, put, error, result, busy, test, save } = useForm(source, onSaved);
    return (
        <Dialog title={source ? `Change ${source.entry.name || source.id}` : "Add a camera"} onClose={onClose}>
            <form
                className="form"
                onSubmit={(event) => {
                    event.preventDefault();
                    void save();
                }}
            >
                <Field label="Name" hint={source ? `Its id stays ${source.id}.` : form.name ? `Its id becomes ${idOf(form.name)}.` : undefined}>
                    <input required autoFocus value={form.name} onChange={(event) => put({ name: event.target.value })} />
                </Field>
                <AddressFields form={form} put={put} />
                <LoginFields form={form} put={put} known={source !== null} />
                <PaceFields form={form} put={put} />
                <Tested result={result} busy={busy === "test"} />
                {error && <ErrorCard error={error} />}
                <div className="buttons">
                    <button type="button" className="quiet" onClick={onClose}>
                        Cancel
                    </button>
                    <button type="button" className="toggle" disabled={busy !== "" || form.url === ""} onClick={() => void test()}>
                        Try it
                    </button>
                    <button type="submit" disabled={busy !== ""}>
                        {source ? "Keep the change" : "Add"}
                    </button>
                </div>
            </form>
        </Dialog>
    );
}
