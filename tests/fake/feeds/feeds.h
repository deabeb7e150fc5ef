// SPDX-License-Identifier: Apache-2.0
// Subscriptions on a clock that stands still, over streams, archives and runs that a test plays
// itself. The model and its classes are real.
#ifndef NJ_FAKE_FEEDS_H
#define NJ_FAKE_FEEDS_H

#include "pipeline/subscriptions_priv.h"
#include "tests/fake/fake_clock.h"

enum { FEEDS_OPEN_MAX = 8, FEEDS_USERS_MAX = 512, FEEDS_TOLD_MAX = 64 };

struct nj_stream_user { // as the streams would have it
    bool used;
    char url[NJ_SUBSCRIPTION_URL_SIZE];
    nj_us interval_us; // between two snapshots
    struct nj_stream_sink sink;
    struct nj_frame *newest;
    struct nj_source_stats stats;
};

struct feeds_told {
    char id[NJ_SUBSCRIPTION_ID_SIZE];
    char text[256]; // detection, state or failure
    char session[NJ_SESSION_ID_SIZE];
};

struct feeds {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_detector *detector;
    struct nj_spec *spec;
    struct nj_subscription_options options;
    struct nj_session_options session;
    struct nj_validator_options validator;
    struct nj_track_options track;
    struct nj_subscription_sink sink; // set before feeds_start; else told below
    struct nj_subscriptions *subscriptions;
    struct nj_stream_user users[FEEDS_USERS_MAX];
    int joins, leaves, active_streams;
    uint64_t sequence;
    // Answers of the parts.
    int join_rc;
    _Atomic int load_rc;
    _Atomic int loads, pipelines;                    // made; alive
    struct nj_detect_job *open_jobs[FEEDS_OPEN_MAX]; // under way
    size_t open_job_count;
    int jobs;
    struct nj_run *open_runs[FEEDS_OPEN_MAX]; // under way, oldest first
    size_t open_run_count;
    int runs, cancels;
    struct feeds_told detected[FEEDS_TOLD_MAX], states[FEEDS_TOLD_MAX], failures[FEEDS_TOLD_MAX];
    size_t detected_count, state_count, failure_count;
};

int feeds_setup(void **state);
int feeds_teardown(void **state);
void feeds_start(struct feeds *feeds); // after the test changed options; setup has not started

// "display;camera" of a stream "rtsp://cameras/<camera>" with archive "file:///a.mpta".
struct nj_subscription_spec feeds_spec(const char *id);
void feeds_settle(struct feeds *feeds); // lets threads and posted calls end
void feeds_advance(struct feeds *feeds, nj_us us);

// One frame for everybody who watches this address; 0.2 s pass before it.
void feeds_frame(struct feeds *feeds, const char *camera);
// All inferences under way end with a car at this place (w 0: nothing seen).
void feeds_see(struct feeds *feeds, struct nj_rect car);
// Frame and answer, `count` times.
void feeds_watch(struct feeds *feeds, const char *camera, struct nj_rect car, int count);
// The oldest run under way ends.
void feeds_end_run(struct feeds *feeds, bool found, const char *detection);
struct nj_stream_user *feeds_user(struct feeds *feeds, const char *camera); // first one

#endif
