// SPDX-License-Identifier: Apache-2.0
// Tells service_status when a live stream fails and when it works again.
#ifndef NJ_APP_STREAM_WATCH_PRIV_H
#define NJ_APP_STREAM_WATCH_PRIV_H

#include "bus/bus.h"
#include "sources/streams.h"

struct nj_stream_watch;

struct nj_stream_watch_config {
    struct nj_loop *loop;
    struct nj_streams *streams;
    struct nj_bus *bus;
    nj_us period_us; // streams that nobody speaks of are looked at this often
};

int nj_stream_watch_create(const struct nj_stream_watch_config *config,
                           struct nj_stream_watch **out, struct nj_error *err);
void nj_stream_watch_look(struct nj_stream_watch *watch); // now; accepts NULL
void nj_stream_watch_destroy(struct nj_stream_watch *watch);

#endif
