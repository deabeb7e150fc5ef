// SPDX-License-Identifier: Apache-2.0
// The keys of the page.
import { Dialog } from "../widgets/Dialog";

const keys: [string, string][] = [
    ["/", "search the events"],
    ["j  k", "next and previous entry of the list"],
    ["Enter", "open the entry"],
    ["r", "reviewed, or not, of the open event"],
    ["n  p", "newer and older event"],
    ["Esc", "back: closes the event or this help"],
    ["?", "this help"],
];

export function Help({ onClose }: { onClose: () => void }) {
    return (
        <Dialog title="Keys" onClose={onClose}>
            <dl className="keys">
                {keys.map(([key, what]) => (
                    <div key={key}>
                        <dt>
                            <kbd>{key}</kbd>
                        </dt>
                        <dd>{what}</dd>
                    </div>
                ))}
            </dl>
            <div className="buttons">
                <button type="button" onClick={onClose}>
                    Close
                </button>
            </div>
        </Dialog>
    );
}
