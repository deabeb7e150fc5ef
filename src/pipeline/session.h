// SPDX-License-Identifier: Apache-2.0
// The session of one subscription (a display's camera): when the pipeline runs, and when the same
// car must not be looked at again. A pure state machine; time is a parameter. Loop thread.
#ifndef NJ_PIPELINE_SESSION_H
#define NJ_PIPELINE_SESSION_H

#include "config/options.h"
#include "util/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_session_options {
    nj_us wait_us;                    // for a session id after a result; then idle again (30 s)
    nj_us cooldown_us;                // before a track whose run gave nothing is tried again
    nj_us lost_us;                    // a track not seen for this long has left
    struct nj_text_list quiet_stages; // progression stages without "abandoned": car_fueling, ...
};
extern const struct nj_option_group nj_session_option_group; // group "sessions"

enum nj_session_state {
    NJ_SESSION_IDLE,
    NJ_SESSION_RUNNING, // the pipeline is at work
    NJ_SESSION_WAITING, // imageDetection was sent, no session id yet
    NJ_SESSION_ACTIVE,  // a session id is set: only light tracking
    NJ_SESSION_HOLD     // the id was cleared, the same car is still there
};
const char *nj_session_state_name(enum nj_session_state state);

enum { NJ_SESSION_ID_SIZE = 64, NJ_SESSION_STAGE_SIZE = 64 };

struct nj_session { // in place
    const struct nj_session_options *options;
    enum nj_session_state state;
    int64_t track_id;            // the car's; 0 none
    char id[NJ_SESSION_ID_SIZE]; // "" none
    bool id_is_number;           // as it came, so that it goes back the same
    char stage[NJ_SESSION_STAGE_SIZE];
    nj_us since_us, seen_us; // monotonic: of the state; of the track
    int64_t failed_track;
    nj_us failed_us;
};

enum nj_session_effect {
    NJ_SESSION_NOTHING,
    NJ_SESSION_RUN,      // run the pipeline for `track_id` now
    NJ_SESSION_ABANDONED // tell the backend: imageDetection with detection null
};

void nj_session_init(struct nj_session *session, const struct nj_session_options *options,
                     nj_us now_us);
// A stable track that was not processed before. RUN: the state is RUNNING now.
enum nj_session_effect nj_session_stable(struct nj_session *session, int64_t track_id,
                                         nj_us now_us);
// The track of the session is still (or again) visible.
void nj_session_seen(struct nj_session *session, int64_t track_id, nj_us now_us);
// Time passes: time-outs, a car that left. After ABANDONED the session is IDLE, its id cleared; in
// a quiet stage an active session outlives its car until the id is cleared.
enum nj_session_effect nj_session_tick(struct nj_session *session, nj_us now_us);
// The run for `track_id` ended; `found`: it had a result.
void nj_session_ran(struct nj_session *session, int64_t track_id, bool found, nj_us now_us);
// setSessionId; NULL or "" clears: the same car is held until it left. An id without a car (after
// a restart of ours) belongs to the first car that is stable.
void nj_session_set_id(struct nj_session *session, const char *id, bool is_number, nj_us now_us);
// setProgressionStage; NULL resets.
void nj_session_set_stage(struct nj_session *session, const char *stage);

#endif
