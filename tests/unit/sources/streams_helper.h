// SPDX-License-Identifier: Apache-2.0
// Fixture of the tests of shared streams: a hub on its loop, and users that count what they get.
#ifndef NJ_STREAMS_HELPER_H
#define NJ_STREAMS_HELPER_H

#include "loop/thread.h"
#include "sources/streams.h"
#include "tests/fake/fake_clock.h"

struct nj_hub_bench {
    bool real_time;
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_metrics *metrics;
    struct nj_streams_options options;
    struct nj_streams *streams;
    const struct nj_address_rules *rules; // of those who join; NULL: none
};

void nj_hub_init(struct nj_hub_bench *bench, bool real_time);
void nj_hub_finish(struct nj_hub_bench *bench);

struct nj_hub_user {
    struct nj_stream_user *user;
    pthread_mutex_t mutex;
    int frames, resets;
    nj_us last_us; // monotonic, of the newest frame
    int32_t width, height;
    bool left, called_after; // a callback came after leaving
    // Loop thread alone:
    int states;
    struct nj_source_stats state; // told last
    struct nj_hub_user *leaves;   // leaves this one when it is told a state
};

void nj_hub_user_init(struct nj_hub_user *user);
void nj_hub_user_finish(struct nj_hub_user *user);
int nj_hub_join(struct nj_hub_bench *bench, const struct nj_source_entry *entry, double fps,
                struct nj_hub_user *user, struct nj_error *err);
void nj_hub_leave(struct nj_hub_user *user);
int nj_hub_user_frames(struct nj_hub_user *user);
int nj_hub_user_resets(struct nj_hub_user *user);

// Turns the loop until the condition holds, at most `timeout_ms` of real time; false then.
typedef bool (*nj_hub_condition)(struct nj_hub_user *user, int value);
bool nj_hub_until(struct nj_hub_bench *bench, nj_hub_condition condition, struct nj_hub_user *user,
                  int value, int timeout_ms);
bool nj_hub_has_frames(struct nj_hub_user *user, int value); // at least
bool nj_hub_has_state(struct nj_hub_user *user, int value);  // told it
bool nj_hub_is_state(struct nj_hub_user *user, int value);   // asked for it
bool nj_hub_has_width(struct nj_hub_user *user, int value);

size_t nj_hub_count(struct nj_hub_bench *bench); // streams

#endif
