// SPDX-License-Identifier: Apache-2.0
// What the metrics say of one stream, by its address without credentials, and a number where that
// is not its alone.
#ifndef NJ_SOURCES_STREAM_METRICS_PRIV_H
#define NJ_SOURCES_STREAM_METRICS_PRIV_H

#include "sources/streams.h"

struct nj_stream_metrics {
    struct nj_metric *state, *fps, *users, *frames, *decoded, *drops, *lost, *restarts, *error,
        *error_time; // NULL: none kept
    uint64_t frames_told, decoded_told, drops_told, lost_told, restarts_told;
};

// `metrics` may be NULL. A number above 1 stands behind the address.
void nj_stream_metrics_begin(struct nj_stream_metrics *stream, struct nj_metrics *metrics,
                             const char *address, unsigned number);
void nj_stream_metrics_set(struct nj_stream_metrics *stream, const struct nj_stream_view *view);
void nj_stream_metrics_end(struct nj_stream_metrics *stream); // the stream is gone

#endif
