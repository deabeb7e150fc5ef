// SPDX-License-Identifier: Apache-2.0
// Whether a tracked thing stands still where it was expected (a car at the pump) or only passes by.
// A pure state machine over tracks; time comes with the frames. One validator belongs to one
// subscription and one thread.
#ifndef NJ_TRACK_VALIDATOR_H
#define NJ_TRACK_VALIDATOR_H

#include "config/options.h"
#include "track/track.h"

struct nj_validator_options {
    nj_us min_stable_us;          // 3 s
    int64_t min_stable_frames;    // 10
    double position_deviation_px; // 25: standard deviation of the centre over the window
    double velocity_px;           // 5 per frame: above it, moving
    double min_confidence;        // 0.7: mean of the newest scores
    double entering_zone_ratio;   // 0.3 of the picture's width at its edges, towards the middle
    double leaving_zone_ratio;    // 0.3, away from the middle
    nj_us forget_us;              // a track not seen for this long is forgotten
    int64_t max_tracks; // followed at once, those unseen included; the longest unseen goes
};
extern const struct nj_option_group nj_validator_option_group; // group "validator"

enum nj_validator_state {
    NJ_VALIDATOR_UNKNOWN,
    NJ_VALIDATOR_ENTERING,
    NJ_VALIDATOR_STABLE,
    NJ_VALIDATOR_LEAVING,
    NJ_VALIDATOR_PASSING_BY
};
const char *nj_validator_state_name(enum nj_validator_state state); // "passing_by"

struct nj_validator_result {
    int64_t track_id;
    enum nj_validator_state state;
    double confidence; // 0..1, of the state
    bool valid;        // stable, and seen often enough in a row
    bool process;      // valid, and not processed before
    char reason[96];
};

struct nj_validator;

// `stability_threshold`: frames in a row in which the track must be matched (an archive's
// "stabilityThreshold"); 0: min_stable_frames alone counts.
int nj_validator_create(const struct nj_validator_options *options, int64_t stability_threshold,
                        struct nj_validator **out, struct nj_error *err);
void nj_validator_destroy(struct nj_validator *validator);

// After each update of the tracker, all of its tracks, in a picture of `width` x `height`. *out
// borrows one result a confirmed or lost track, valid until the next call. NJ_E_TOO_BIG beyond
// max_tracks tracks, NJ_E_INVALID for a time that goes back or a picture without a size; nothing
// is changed then.
struct nj_validator_input {
    const struct nj_track *tracks;
    size_t count;
    int32_t width, height;
    nj_us time_us; // monotonic
};
int nj_validator_update(struct nj_validator *validator, const struct nj_validator_input *input,
                        const struct nj_validator_result **out, size_t *out_count);
// The track was worked on: its results no longer say `process` as long as it is followed.
void nj_validator_mark_processed(struct nj_validator *validator, int64_t track_id);
void nj_validator_reset(struct nj_validator *validator); // reconnect: forget the past

#endif
