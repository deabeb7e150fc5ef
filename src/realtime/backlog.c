// SPDX-License-Identifier: Apache-2.0
// Who holds the most of what clients have not read has to go first.
#include "realtime/backlog_priv.h"

static struct nj_websocket *find_slowest(const struct nj_list *clients,
                                         struct nj_websocket *(*socket_of)(struct nj_list *node),
                                         size_t *out_sum)
{
    struct nj_websocket *slowest = NULL;
    size_t most = 0;
    *out_sum = 0;
    for (struct nj_list *at = clients->next; at != clients; at = at->next) {
        struct nj_websocket *socket = socket_of(at);
        const size_t queued = nj_websocket_queued_bytes(socket);
        *out_sum += queued;
        if (queued > most) {
            most = queued;
            slowest = socket;
        }
    }
    return slowest;
}

void nj_backlog_bound(const struct nj_list *clients,
                      struct nj_websocket *(*socket_of)(struct nj_list *node), size_t max_bytes)
{
    struct nj_websocket *slowest;
    size_t sum;
    // Ends: whoever is closing already holds nothing after the next call.
    while ((slowest = find_slowest(clients, socket_of, &sum)) != NULL && sum > max_bytes)
        nj_websocket_drop(slowest, NJ_WEBSOCKET_POLICY, "too slow");
}
