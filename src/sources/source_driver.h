// SPDX-License-Identifier: Apache-2.0
// For those who write a live source: one driver a kind, one capture thread a source.
#ifndef NJ_SOURCES_SOURCE_DRIVER_H
#define NJ_SOURCES_SOURCE_DRIVER_H

#include "loop/thread.h"
#include "net/url.h"
#include "sources/sources.h"

struct nj_source_driver {
    bool thins_out; // hands on `fps` frames a second of the entry by itself
    // Looks at the entry without beginning anything; says what is wrong with it. *out is the
    // driver's own.
    int (*create)(const struct nj_source_entry *entry, void **out, struct nj_error *err);
    void (*destroy)(void *state);
    // Plays until the end (0), until it is cancelled (NJ_E_CANCELLED), or until something fails: it
    // is then called again after a while. Called from: capture thread.
    int (*play)(void *state, struct nj_source *source, struct nj_error *err);
};

// By enum nj_source_kind.
extern const struct nj_source_driver *const nj_source_drivers[];

extern const struct nj_source_driver nj_source_file;
extern const struct nj_source_driver nj_source_rtsp;
extern const struct nj_source_driver nj_source_snapshot;
extern const struct nj_source_driver nj_source_null; // generated pictures, path "WxHxCOUNT"

// The entry's address with its login put in; checks the form alone. `schemes` ends with NULL.
// NJ_E_INVALID, also for an address of another kind of camera, NJ_E_DENIED; the error names the
// member.
int nj_source_entry_url(const struct nj_source_entry *entry, const char *const *schemes,
                        struct nj_url *out, struct nj_error *err);

// For use inside play.
const struct nj_source_entry *nj_source_entry_of(const struct nj_source *source);
const struct nj_address_rules *nj_source_rules(const struct nj_source *source); // may be NULL
const struct nj_clock *nj_source_clock(const struct nj_source *source);
const struct nj_cancel *nj_source_cancel(const struct nj_source *source);
// Waits real time; false when the source is to stop.
bool nj_source_wait(struct nj_source *source, nj_us wait_us);
// The same, but ends early when what is wanted has changed (nj_source_wake), also since the last
// such wait; *woken says so.
bool nj_source_rest(struct nj_source *source, nj_us wait_us, bool *woken);
nj_us nj_source_interval(const struct nj_source *source); // between two snapshots now
// What is needed now; cheap enough to be asked for each packet.
enum nj_source_demand nj_source_demand(struct nj_source *source);
// True when a frame of this moment would be taken: else it need not be made, and is counted with
// nj_source_skip, which also tells that the source is alive.
bool nj_source_wanted(struct nj_source *source, const struct nj_source_keys *keys);
void nj_source_skip(struct nj_source *source, int32_t width, int32_t height);
// Stamps the frame with time and number, hands it to the sink, and drops the caller's reference.
// The caller has the only one.
void nj_source_hand_on(struct nj_source *source, struct nj_frame *frame);
void nj_source_count_decoded(struct nj_source *source); // one picture, handed on or not
void nj_source_drop(struct nj_source *source); // counts a frame that came too late to be handed on
void nj_source_count_lost(struct nj_source *source, uint64_t packets); // that never came
void nj_source_reset(struct nj_source *source);                        // the picture starts anew

#endif
