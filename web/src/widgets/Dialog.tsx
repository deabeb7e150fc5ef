// SPDX-License-Identifier: Apache-2.0
// The browser's own dialog: it keeps the focus inside and gives it back.
import { useEffect, useRef, type ReactNode } from "react";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
    const dialog = useRef<HTMLDialogElement>(null);
    useEffect(() => {
        const element = dialog.current;
        if (element !== null && !element.open) element.showModal();
        return () => element?.close();
    }, []);
    return (
        <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={onClose}>
            <h2 id="dialog-title">{title}</h2>
            {children}
        </dialog>
    );
}
