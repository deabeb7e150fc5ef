// SPDX-License-Identifier: Apache-2.0
// What stands where data would: nothing yet, nothing at all, or what went wrong.
import { useState, type ReactNode } from "react";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
    return (
        <div className="empty">
            <p className="empty-title">{title}</p>
            {children}
        </div>
    );
}

export function Skeleton({ rows = 4, label }: { rows?: number; label: string }) {
    return (
        <div className="skeletons" role="status" aria-label={label}>
            {Array.from({ length: rows }, (_, row) => (
                <span className="skeleton" key={row} />
            ))}
        </div>
    );
}

export function Copy({ text }: { text: string }) {
    const [said, setSaid] = useState("");
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
            setSaid("Copied");
        } catch {
            setSaid("Select it by hand");
        }
    };
    return (
        <span className="copy">
            <code>{text}</code>
            <button type="button" className="quiet" onClick={() => void copy()}>
                Copy
            </button>
            <span role="status">{said}</span>
        </span>
    );
}

export interface Failure {
    title: string;
    message: string;
    advice: string;
    code: string;
}

export function ErrorCard({ error, onRetry }: { error: Failure; onRetry?: () => void }) {
    return (
        <div className="error" role="alert">
            <p className="error-title">{error.title}</p>
            {error.message !== error.title && <p>{error.message}</p>}
            <p>{error.advice}</p>
            <Copy text={error.code} />
            {onRetry && (
                <button type="button" onClick={onRetry}>
                    Try again
                </button>
            )}
        </div>
    );
}
