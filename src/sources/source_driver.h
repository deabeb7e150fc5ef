// SPDX-License-Identifier: Apache-2.0
// For those who write a live source: one driver a kind, one capture thread a source.
#ifndef NJ_SOURCES_SOURCE_DRIVER_H
#define NJ_SOURCES_SOURCE_DRIVER_H

#include "loop/thread.h"
#include "sources/sources.h"

struct nj_source_driver {
    // Looks at the entry without beginning anything; says what is wrong with it. *out is the
    // driver's own.
    int (*create)(const struct nj_source_entry *entry, void **out, struct nj_error *err);
    void (*destroy)(void *state);
    // Plays until the end (0), until it is cancelled (NJ_E_CANCELLED), or until something fails: it
    // is then called again after a while. Called from: capture thread.
    int (*play)(void *state, struct nj_source *source, struct nj_error *err);
};

// By the entry's `kind`.
extern const struct nj_source_driver *const nj_source_drivers[];

extern const struct nj_source_driver nj_source_file;
extern const struct nj_source_driver nj_source_null; // generated pictures, path "WxHxCOUNT"

// For use inside play.
const struct nj_source_entry *nj_source_entry_of(const struct nj_source *source);
const struct nj_clock *nj_source_clock(const struct nj_source *source);
const struct nj_cancel *nj_source_cancel(const struct nj_source *source);
// Waits real time; false when the source is to stop.
bool nj_source_wait(struct nj_source *source, nj_us wait_us);
// Stamps the frame with time and number, hands it to the sink, and drops the caller's reference.
// The caller has the only one.
void nj_source_hand_on(struct nj_source *source, struct nj_frame *frame);
void nj_source_drop(struct nj_source *source);  // counts a frame that came too late to be handed on
void nj_source_reset(struct nj_source *source); // the picture starts anew

#endif
