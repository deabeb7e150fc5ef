// SPDX-License-Identifier: Apache-2.0
// What all live sources share: the capture thread, its life, and its statistics.
#include "sources/source_driver.h"

#include "util/backoff.h"
#include "util/mem.h"
#include "util/text.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE_FRAMES = 32,        // frames a second are told over the newest of these
    RATE_STALE_US = 5000000, // no frame for this long: 0
    DELAY_GROWTH = 64,       // of the wait after the first failure
};
static const double DELAY_JITTER = 0.25; // so that cameras behind one switch do not come as one

const char *const nj_source_kinds[] = {"file", "rtsp", "snapshot", "null", NULL};
const struct nj_source_driver *const nj_source_drivers[] = {
    [NJ_SOURCE_FILE] = &nj_source_file,
    [NJ_SOURCE_RTSP] = &nj_source_rtsp,
    [NJ_SOURCE_SNAPSHOT] = &nj_source_snapshot,
    [NJ_SOURCE_NULL] = &nj_source_null,
};

struct nj_source {
    struct nj_source_config config;
    const struct nj_source_driver *driver;
    void *state;
    struct nj_log *log;
    struct nj_cancel cancel;
    struct nj_rng rng;
    pthread_t thread;
    bool started;
    atomic_bool finished; // the thread is about to end; it only told so
    // The following fields belong to the capture thread.
    uint64_t sequence;
    int64_t failures; // in a row, since the last frame

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    // The following fields are protected by mutex.
    struct nj_source_stats stats;
    nj_us frame_times_us[RATE_FRAMES]; // monotonic, a ring
    size_t frame_next, frame_count;
    bool woken; // since the last rest
    // End of protected fields.
};

static int check_entry(const struct nj_source_entry *entry, struct nj_error *err)
{
    size_t length = strlen(entry->id);
    if (length == 0 || length >= NJ_CAMERA_ID_SIZE ||
        strspn(entry->id, "abcdefghijklmnopqrstuvwxyz0123456789_") != length)
        return nj_error_set(err, NJ_E_INVALID,
                            "source \"%s\": an id has 1 to %d characters of a-z, 0-9 and _",
                            entry->id, NJ_CAMERA_ID_SIZE - 1);
    if (entry->kind < 0 || (size_t)entry->kind >= NJ_COUNT_OF(nj_source_drivers))
        return nj_error_set(err, NJ_E_INVALID, "source \"%s\": unknown kind", entry->id);
    return 0;
}

int nj_source_create(const struct nj_source_config *config, struct nj_source **out,
                     struct nj_error *err)
{
    const struct nj_source_entry *entry = config->entry;
    int rc = check_entry(entry, err);
    if (rc != 0)
        return rc;
    struct nj_source *source = calloc(1, sizeof *source);
    if (!source)
        return nj_error_set(err, NJ_E_NOMEM, "source \"%s\": no memory", entry->id);
    source->config = *config;
    source->driver = nj_source_drivers[entry->kind];
    nj_cancel_init(&source->cancel, NULL);
    nj_rng_seed(&source->rng, (uint64_t)nj_mono_us(config->clock));
    pthread_mutex_init(&source->mutex, NULL);
    rc = nj_cond_init(&source->wake);
    if (rc == 0)
        rc = nj_log_child(config->log, "source", &source->log);
    if (rc != 0)
        nj_error_set(err, rc, "no memory");
    else
        rc = source->driver->create(entry, &source->state, err);
    if (rc != 0) {
        nj_error_prefix(err, "source \"%s\"", entry->id);
        nj_source_destroy(source);
        return rc;
    }
    *out = source;
    return 0;
}

const struct nj_source_entry *nj_source_entry_of(const struct nj_source *source)
{
    return source->config.entry;
}

const struct nj_address_rules *nj_source_rules(const struct nj_source *source)
{
    const struct nj_source_sink *sink = &source->config.sink;
    return sink->rules ? sink->rules(sink->context) : source->config.rules;
}

const struct nj_clock *nj_source_clock(const struct nj_source *source)
{
    return source->config.clock;
}

const struct nj_cancel *nj_source_cancel(const struct nj_source *source)
{
    return &source->cancel;
}

bool nj_source_wait(struct nj_source *source, nj_us wait_us)
{
    const struct nj_clock *clock = nj_clock_real();
    nj_us until_us = nj_mono_us(clock) + wait_us;
    pthread_mutex_lock(&source->mutex);
    for (nj_us left_us = wait_us; left_us > 0 && !nj_cancel_fired(&source->cancel);
         left_us = until_us - nj_mono_us(clock))
        nj_cond_wait(&source->wake, &source->mutex, left_us);
    pthread_mutex_unlock(&source->mutex);
    return !nj_cancel_fired(&source->cancel);
}

bool nj_source_rest(struct nj_source *source, nj_us wait_us, bool *woken)
{
    const struct nj_clock *clock = nj_clock_real();
    const nj_us until_us = nj_mono_us(clock) + wait_us;
    pthread_mutex_lock(&source->mutex);
    for (nj_us left_us = wait_us;
         left_us > 0 && !source->woken && !nj_cancel_fired(&source->cancel);
         left_us = until_us - nj_mono_us(clock))
        nj_cond_wait(&source->wake, &source->mutex, left_us);
    *woken = source->woken;
    source->woken = false;
    pthread_mutex_unlock(&source->mutex);
    return !nj_cancel_fired(&source->cancel);
}

void nj_source_wake(struct nj_source *source)
{
    pthread_mutex_lock(&source->mutex);
    source->woken = true;
    pthread_cond_broadcast(&source->wake);
    pthread_mutex_unlock(&source->mutex);
}

nj_us nj_source_interval(const struct nj_source *source)
{
    const struct nj_source_sink *sink = &source->config.sink;
    return sink->interval ? sink->interval(sink->context)
                          : source->config.entry->snapshot_interval_us;
}

static void tell_change(struct nj_source *source)
{
    if (source->config.sink.changed)
        source->config.sink.changed(source->config.sink.context);
}

static void set_state(struct nj_source *source, enum nj_source_state state, const char *reason)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.state = state;
    nj_text_copy(source->stats.reason, sizeof source->stats.reason, reason);
    source->stats.code = 0;
    pthread_mutex_unlock(&source->mutex);
}

enum nj_source_demand nj_source_demand(struct nj_source *source)
{
    const struct nj_source_sink *sink = &source->config.sink;
    return sink->demand ? sink->demand(sink->context) : NJ_DEMAND_ALL;
}

bool nj_source_wanted(struct nj_source *source, const struct nj_source_keys *keys)
{
    const struct nj_source_sink *sink = &source->config.sink;
    return !sink->wanted || sink->wanted(sink->context, nj_mono_us(source->config.clock), keys);
}

static void count_frame(struct nj_source *source, const struct nj_frame *seen)
{
    pthread_mutex_lock(&source->mutex);
    struct nj_source_stats *stats = &source->stats;
    bool changed = stats->state != NJ_SOURCE_ACTIVE;
    stats->state = NJ_SOURCE_ACTIVE;
    stats->reason[0] = '\0';
    stats->code = 0;
    stats->frames++;
    stats->last_frame_us = seen->captured_wall_us;
    stats->width = seen->width;
    stats->height = seen->height;
    source->frame_times_us[source->frame_next] = seen->captured_mono_us;
    source->frame_next = (source->frame_next + 1) % RATE_FRAMES;
    source->frame_count += source->frame_count < RATE_FRAMES;
    pthread_mutex_unlock(&source->mutex);
    source->failures = 0;
    if (changed)
        tell_change(source);
}

void nj_source_skip(struct nj_source *source, int32_t width, int32_t height)
{
    const struct nj_frame seen = {
        .width = width,
        .height = height,
        .captured_wall_us = nj_wall_us(source->config.clock),
        .captured_mono_us = nj_mono_us(source->config.clock),
    };
    count_frame(source, &seen);
}

void nj_source_hand_on(struct nj_source *source, struct nj_frame *frame)
{
    frame->captured_wall_us = nj_wall_us(source->config.clock);
    frame->captured_mono_us = nj_mono_us(source->config.clock);
    frame->sequence = ++source->sequence;
    count_frame(source, frame);
    source->config.sink.frame(source->config.sink.context, frame);
    nj_frame_unref(frame);
}

void nj_source_count_decoded(struct nj_source *source)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.decoded++;
    pthread_mutex_unlock(&source->mutex);
}

void nj_source_drop(struct nj_source *source)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.dropped++;
    pthread_mutex_unlock(&source->mutex);
}

void nj_source_count_lost(struct nj_source *source, uint64_t packets)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.packets_lost += packets;
    pthread_mutex_unlock(&source->mutex);
}

void nj_source_reset(struct nj_source *source)
{
    if (source->config.sink.reset)
        source->config.sink.reset(source->config.sink.context);
}

// True when it is to be tried again.
static bool note_failure(struct nj_source *source, const struct nj_error *err)
{
    int64_t most = source->config.entry->max_retries;
    bool again = most < 0 || source->failures < most;
    source->failures++;
    pthread_mutex_lock(&source->mutex);
    source->stats.state = again ? NJ_SOURCE_ERROR : NJ_SOURCE_FAILED;
    nj_text_copy(source->stats.reason, sizeof source->stats.reason, err->text);
    source->stats.code = err->code;
    nj_text_copy(source->stats.last_error, sizeof source->stats.last_error, err->text);
    source->stats.last_error_code = err->code;
    source->stats.last_error_us = nj_wall_us(source->config.clock);
    source->stats.restarts += again;
    if (!again) // whoever sees that it gave up may start it again
        atomic_store(&source->finished, true);
    pthread_mutex_unlock(&source->mutex);
    nj_log_at(source->log, NJ_LOG_WARNING,
              again ? "Live source failed, will try again" : "Live source failed, gave up",
              NJ_TEXT("camera_id", source->config.entry->id), NJ_TEXT("error", err->text),
              NJ_INT("failures", source->failures));
    tell_change(source);
    return again;
}

static nj_us delay_of(struct nj_source *source)
{
    nj_us base_us = source->config.entry->reconnect_us;
    base_us = base_us > 0 ? base_us : NJ_US_PER_S;
    const struct nj_backoff backoff = {base_us, base_us * DELAY_GROWTH, DELAY_JITTER};
    int64_t attempt = source->failures < DELAY_GROWTH ? source->failures : DELAY_GROWTH;
    return nj_backoff_delay(&backoff, (unsigned)attempt, &source->rng);
}

static void finish(struct nj_source *source)
{
    // Freed pictures lie between what is in use; a camera of many pixels would leave half of what
    // it took here.
    (void)malloc_trim(0);
    atomic_store(&source->finished, true);
    tell_change(source);
}

static void capture(void *arg)
{
    struct nj_source *source = arg;
    source->failures = 0;
    for (;;) {
        struct nj_error err = {0};
        int rc = source->driver->play(source->state, source, &err);
        if (rc == 0 || nj_cancel_fired(&source->cancel)) {
            set_state(source, rc == 0 ? NJ_SOURCE_ENDED : NJ_SOURCE_STOPPED, "");
            break;
        }
        if (!note_failure(source, &err))
            break;
        if (!nj_source_wait(source, delay_of(source))) {
            set_state(source, NJ_SOURCE_STOPPED, "");
            break;
        }
        nj_source_reset(source);
    }
    finish(source);
}

int nj_source_start(struct nj_source *source, struct nj_error *err)
{
    if (source->started && !nj_source_finished(source))
        return 0;
    if (source->started)
        nj_thread_join(source->thread);
    nj_cancel_init(&source->cancel, NULL);
    atomic_store(&source->finished, false);
    set_state(source, NJ_SOURCE_STARTING, "");
    int rc = nj_thread_start(&source->thread, "nj-capture", capture, source, err);
    source->started = rc == 0;
    if (rc != 0)
        set_state(source, NJ_SOURCE_STOPPED, "");
    return rc;
}

void nj_source_ask_stop(struct nj_source *source)
{
    pthread_mutex_lock(&source->mutex);
    nj_cancel_fire(&source->cancel);
    pthread_cond_broadcast(&source->wake);
    pthread_mutex_unlock(&source->mutex);
}

bool nj_source_finished(struct nj_source *source)
{
    return !source->started || atomic_load(&source->finished);
}

void nj_source_stop(struct nj_source *source)
{
    if (!source || !source->started)
        return;
    nj_source_ask_stop(source);
    nj_thread_join(source->thread);
    source->started = false;
}

void nj_source_destroy(struct nj_source *source)
{
    if (!source)
        return;
    nj_source_stop(source);
    if (source->state)
        source->driver->destroy(source->state);
    nj_log_destroy(source->log);
    pthread_cond_destroy(&source->wake);
    pthread_mutex_destroy(&source->mutex);
    free(source);
}

static double rate_locked(const struct nj_source *source)
{
    if (source->frame_count < 2)
        return 0;
    size_t oldest = (source->frame_next + RATE_FRAMES - source->frame_count) % RATE_FRAMES;
    size_t newest = (source->frame_next + RATE_FRAMES - 1) % RATE_FRAMES;
    nj_us span_us = source->frame_times_us[newest] - source->frame_times_us[oldest];
    nj_us age_us = nj_mono_us(source->config.clock) - source->frame_times_us[newest];
    if (span_us <= 0 || age_us > RATE_STALE_US)
        return 0;
    return (double)(source->frame_count - 1) * NJ_US_PER_S / (double)span_us;
}

void nj_source_get_stats(struct nj_source *source, struct nj_source_stats *out)
{
    pthread_mutex_lock(&source->mutex);
    *out = source->stats;
    out->fps = rate_locked(source);
    pthread_mutex_unlock(&source->mutex);
}

const char *nj_source_state_name(enum nj_source_state state)
{
    static const char *const names[] = {
        [NJ_SOURCE_STOPPED] = "stopped", [NJ_SOURCE_STARTING] = "starting",
        [NJ_SOURCE_ACTIVE] = "active",   [NJ_SOURCE_ERROR] = "error",
        [NJ_SOURCE_ENDED] = "ended",     [NJ_SOURCE_FAILED] = "failed",
    };
    return (size_t)state < NJ_COUNT_OF(names) ? names[state] : "unknown";
}
