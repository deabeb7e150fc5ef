// SPDX-License-Identifier: Apache-2.0
// Starts the page.
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { retryConnections } from "./live/useWebSocket";
import { App } from "./views/App";

// A new key makes everything be read anew.
function Root() {
    const [round, setRound] = useState(0);
    return <App key={round} onKey={() => setRound((n) => n + 1)} />;
}

window.addEventListener("online", retryConnections);
document.addEventListener("visibilitychange", () => {
    if (!document.hidden) retryConnections();
});

const place = document.getElementById("page");
if (place !== null)
    createRoot(place).render(
        <StrictMode>
            <Root />
        </StrictMode>,
    );
