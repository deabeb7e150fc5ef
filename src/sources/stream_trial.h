// SPDX-License-Identifier: Apache-2.0
// Tries a stream out before it becomes a camera: does a picture come? Loop thread only.
#ifndef NJ_SOURCES_STREAM_TRIAL_H
#define NJ_SOURCES_STREAM_TRIAL_H

#include "sources/streams.h"

struct nj_stream_trial_result { // borrowed during `done`
    int rc;                     // 0: a picture came; NJ_E_TIMEOUT, NJ_E_UNAVAILABLE, NJ_E_CANCELLED
    struct nj_error error;
    int32_t width, height;
    nj_us took_us;          // until the first picture
    struct nj_frame *frame; // the first picture, borrowed; NULL when none came
};

struct nj_stream_trial {
    struct nj_loop *loop;
    const struct nj_address_rules *rules; // of the address
    void (*done)(struct nj_stream_trial *trial, const struct nj_stream_trial_result *result);
    void *private;
};

// Joins the stream of the entry and waits for its first picture, at most `timeout_us`. The first
// error of the stream ends it too. `done` on the loop thread, once; not when this fails. `trial` is
// the caller's and stays valid until then.
int nj_stream_trial_start(struct nj_stream_trial *trial, struct nj_streams *streams,
                          const struct nj_source_entry *entry, nj_us timeout_us,
                          struct nj_error *err);
// `done` comes within the call, with NJ_E_CANCELLED. Harmless after `done`.
void nj_stream_trial_cancel(struct nj_stream_trial *trial);

#endif
