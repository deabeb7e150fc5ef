// SPDX-License-Identifier: Apache-2.0
// A bound on what clients that do not read hold together.
#ifndef NJ_REALTIME_BACKLOG_PRIV_H
#define NJ_REALTIME_BACKLOG_PRIV_H

#include "net/websocket.h"
#include "util/list.h"

// Closes the slowest of `clients` (1008) as long as all of them hold more than `max_bytes`;
// `socket_of` gives the socket of a node. No socket is freed within the call. Loop thread.
void nj_backlog_bound(const struct nj_list *clients,
                      struct nj_websocket *(*socket_of)(struct nj_list *node), size_t max_bytes);

#endif
