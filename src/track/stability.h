// SPDX-License-Identifier: Apache-2.0
// When a track of a live source becomes a detection row, when that row changes, and when it ends.
// A pure state machine over what the tracker returns; time comes with the frames. One validator
// belongs to one source and one thread.
#ifndef NJ_TRACK_STABILITY_H
#define NJ_TRACK_STABILITY_H

#include "config/options.h"
#include "track/track.h"
#include "util/clock.h"
#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

struct nj_stability_options {
    int64_t min_hits;      // matches before a track becomes a row
    nj_us min_age_us;      // and time from its first to its newest match
    nj_us update_us;       // least time between two actions on one row, but for its end
    double picture_factor; // a picture is better when score times area grew by this factor, > 1
    int64_t max_tracks;    // as in nj_track_options
};

extern const struct nj_option_group nj_stability_option_group; // group "stability", struct above

enum nj_stability_kind {
    NJ_STABILITY_BORN,   // write a row; this frame's picture is its first
    NJ_STABILITY_UPDATE, // change the row: see `changed`
    NJ_STABILITY_END     // the track is gone; the row gets its last time
};

enum nj_stability_change {
    NJ_STABILITY_PICTURE = 1 << 0, // this frame's picture is better than the row's
    NJ_STABILITY_CLASS = 1 << 1,   // the class that most matches voted for is another one now
    NJ_STABILITY_ZONE = 1 << 2     // the caller's zone of the track is another one now
};

struct nj_stability_action {
    enum nj_stability_kind kind;
    unsigned changed; // of UPDATE: nj_stability_change bits; BORN has NJ_STABILITY_PICTURE
    int64_t track_id;
    int32_t class_id;        // by majority; of equal votes the one that the row has
    int32_t zone;            // as the caller gave it last; 0 without zones
    float score;             // best so far of the class
    float x, y, w, h;        // newest box, px; of END the last one that was matched
    int32_t input;           // index of the matched input of this frame; -1 for END
    nj_us first_us, last_us; // first and newest match
    int64_t hits;
};

struct nj_stability;

// All memory is had here. NJ_E_INVALID, NJ_E_NOMEM.
int nj_stability_create(const struct nj_stability_options *options, struct nj_stability **out,
                        struct nj_error *err);
void nj_stability_destroy(struct nj_stability *stability);

// The tracks that nj_tracker_update returned, every one of them.
struct nj_stability_tracks {
    const struct nj_track *items;
    const int32_t *zones; // each track's zone, or NULL
    size_t count;
};

// After each update of the tracker. `tracks` is only read here. *out borrows the actions, valid
// until the next call; in the order of their tracks, ends last. A track that is not in the array
// any more has ended; one that ends before it was stable leaves no action. NJ_E_TOO_BIG beyond
// max_tracks tracks, with nothing changed.
int nj_stability_update(struct nj_stability *stability, const struct nj_stability_tracks *tracks,
                        const struct nj_stability_action **out, size_t *out_count);

// The source stops or was reconnected: ends every row. As nj_stability_update without tracks.
void nj_stability_flush(struct nj_stability *stability, const struct nj_stability_action **out,
                        size_t *out_count);

#endif
