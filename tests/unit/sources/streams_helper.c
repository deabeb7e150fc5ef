// SPDX-License-Identifier: Apache-2.0
// Fixture of the tests of shared streams.
#include "tests/unit/sources/streams_helper.h"

#include "tests/fake/await.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

void nj_hub_init(struct nj_hub_bench *bench, bool real_time)
{
    *bench = (struct nj_hub_bench){.real_time = real_time};
    nj_fake_clock_init(&bench->clock, 1000000 * (nj_us)NJ_US_PER_S);
    bench->options = (struct nj_streams_options){.grace_us = 10 * NJ_US_PER_S, .max_streams = 8};
    const struct nj_clock *clock = real_time ? nj_clock_real() : &bench->clock.clock;
    assert_int_equal(nj_loop_create(clock, &bench->loop, NULL), 0);
    bench->metrics = nj_metrics_create();
    assert_non_null(bench->metrics);
    const struct nj_streams_config config = {
        .options = &bench->options, .loop = bench->loop, .metrics = bench->metrics};
    assert_int_equal(nj_streams_create(&config, &bench->streams, NULL), 0);
}

void nj_hub_finish(struct nj_hub_bench *bench)
{
    nj_streams_destroy(bench->streams);
    nj_loop_destroy(bench->loop);
    nj_metrics_destroy(bench->metrics);
}

static void see_frame(void *context, struct nj_frame *frame)
{
    struct nj_hub_user *user = context;
    pthread_mutex_lock(&user->mutex);
    user->frames++;
    user->last_us = frame->captured_mono_us;
    user->width = frame->width;
    user->height = frame->height;
    user->called_after |= user->left;
    pthread_mutex_unlock(&user->mutex);
}

static void see_reset(void *context)
{
    struct nj_hub_user *user = context;
    pthread_mutex_lock(&user->mutex);
    user->resets++;
    user->called_after |= user->left;
    pthread_mutex_unlock(&user->mutex);
}

static void see_state(void *context, const struct nj_source_stats *stats)
{
    struct nj_hub_user *user = context;
    user->states++;
    user->state = *stats;
    pthread_mutex_lock(&user->mutex);
    user->called_after |= user->left;
    pthread_mutex_unlock(&user->mutex);
    if (user->leaves)
        nj_hub_leave(user->leaves);
}

void nj_hub_user_init(struct nj_hub_user *user)
{
    *user = (struct nj_hub_user){.frames = 0};
    pthread_mutex_init(&user->mutex, NULL);
}

void nj_hub_user_finish(struct nj_hub_user *user)
{
    nj_hub_leave(user);
    assert_false(user->called_after);
    pthread_mutex_destroy(&user->mutex);
}

int nj_hub_join(struct nj_hub_bench *bench, const struct nj_source_entry *entry, double fps,
                struct nj_hub_user *user, struct nj_error *err)
{
    const struct nj_stream_request request = {
        .entry = entry,
        .rules = bench->rules,
        .fps = fps,
        .sink = {.frame = see_frame, .reset = see_reset, .state = see_state, .context = user},
    };
    pthread_mutex_lock(&user->mutex);
    user->left = false;
    pthread_mutex_unlock(&user->mutex);
    return nj_streams_join(bench->streams, &request, &user->user, err);
}

void nj_hub_leave(struct nj_hub_user *user)
{
    if (!user->user)
        return;
    nj_streams_leave(user->user);
    user->user = NULL;
    pthread_mutex_lock(&user->mutex);
    user->left = true;
    pthread_mutex_unlock(&user->mutex);
}

int nj_hub_user_frames(struct nj_hub_user *user)
{
    pthread_mutex_lock(&user->mutex);
    int frames = user->frames;
    pthread_mutex_unlock(&user->mutex);
    return frames;
}

int nj_hub_user_resets(struct nj_hub_user *user)
{
    pthread_mutex_lock(&user->mutex);
    int resets = user->resets;
    pthread_mutex_unlock(&user->mutex);
    return resets;
}

struct wish {
    struct nj_hub_bench *bench;
    nj_hub_condition condition;
    struct nj_hub_user *user;
    int value;
};

// Asks when nothing is ready any more.
static bool is_fulfilled(void *arg)
{
    const struct wish *wish = arg;
    while (nj_loop_turn(wish->bench->loop) > 0) {
    }
    return wish->condition(wish->user, wish->value);
}

bool nj_hub_until(struct nj_hub_bench *bench, nj_hub_condition condition, struct nj_hub_user *user,
                  int value, int timeout_ms)
{
    struct wish wish = {bench, condition, user, value};
    return nj_loop_until(bench->loop, is_fulfilled, &wish, timeout_ms * (nj_us)NJ_US_PER_MS);
}

bool nj_hub_has_frames(struct nj_hub_user *user, int value)
{
    return nj_hub_user_frames(user) >= value;
}

bool nj_hub_has_state(struct nj_hub_user *user, int value)
{
    return user->states > 0 && (int)user->state.state == value;
}

bool nj_hub_is_state(struct nj_hub_user *user, int value)
{
    struct nj_source_stats stats;
    nj_stream_get_stats(user->user, &stats);
    return (int)stats.state == value;
}

bool nj_hub_has_width(struct nj_hub_user *user, int value)
{
    pthread_mutex_lock(&user->mutex);
    bool has = user->width == value;
    pthread_mutex_unlock(&user->mutex);
    return has;
}

static void count_view(const struct nj_stream_view *view, void *arg)
{
    (void)view;
    ++*(size_t *)arg;
}

size_t nj_hub_count(struct nj_hub_bench *bench)
{
    size_t count = 0;
    nj_streams_each(bench->streams, count_view, &count);
    return count;
}
