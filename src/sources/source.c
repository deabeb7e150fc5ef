// SPDX-License-Identifier: Apache-2.0
// What all live sources share: the capture thread, its life, and its statistics.
#include "sources/source_driver.h"

#include "util/backoff.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    RATE_FRAMES = 32,          // frames a second are told over the newest of these
    RATE_STALE_US = 5000000,   // no frame for this long: 0
    PLAYED_WELL_US = 10000000, // a play of this length forgets earlier failures
};

const char *const nj_source_kinds[] = {"file", "null", NULL};
const struct nj_source_driver *const nj_source_drivers[] = {&nj_source_file, &nj_source_null};

struct nj_source {
    struct nj_source_config config;
    const struct nj_source_driver *driver;
    void *state;
    struct nj_log *log;
    struct nj_cancel cancel;
    struct nj_rng rng;
    pthread_t thread;
    bool started;
    uint64_t sequence; // capture thread

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    // The following fields are protected by mutex.
    struct nj_source_stats stats;
    nj_us frame_times_us[RATE_FRAMES]; // monotonic, a ring
    size_t frame_next, frame_count;
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

static void set_state(struct nj_source *source, enum nj_source_state state, const char *reason)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.state = state;
    nj_text_copy(source->stats.reason, sizeof source->stats.reason, reason);
    pthread_mutex_unlock(&source->mutex);
}

void nj_source_hand_on(struct nj_source *source, struct nj_frame *frame)
{
    nj_us wall_us = nj_wall_us(source->config.clock);
    nj_us mono_us = nj_mono_us(source->config.clock);
    frame->captured_wall_us = wall_us;
    frame->captured_mono_us = mono_us;
    frame->sequence = ++source->sequence;
    pthread_mutex_lock(&source->mutex);
    struct nj_source_stats *stats = &source->stats;
    stats->state = NJ_SOURCE_ACTIVE;
    stats->reason[0] = '\0';
    stats->frames++;
    stats->last_frame_us = wall_us;
    stats->width = frame->width;
    stats->height = frame->height;
    source->frame_times_us[source->frame_next] = mono_us;
    source->frame_next = (source->frame_next + 1) % RATE_FRAMES;
    source->frame_count += source->frame_count < RATE_FRAMES;
    pthread_mutex_unlock(&source->mutex);
    source->config.sink.frame(source->config.sink.context, frame);
    nj_frame_unref(frame);
}

void nj_source_drop(struct nj_source *source)
{
    pthread_mutex_lock(&source->mutex);
    source->stats.dropped++;
    pthread_mutex_unlock(&source->mutex);
}

void nj_source_reset(struct nj_source *source)
{
    if (source->config.sink.reset)
        source->config.sink.reset(source->config.sink.context);
}

static void tell_failure(struct nj_source *source, const struct nj_error *err)
{
    set_state(source, NJ_SOURCE_ERROR, err->text);
    pthread_mutex_lock(&source->mutex);
    source->stats.restarts++;
    pthread_mutex_unlock(&source->mutex);
    nj_log_at(source->log, NJ_LOG_WARNING, "Live source failed, will try again",
              NJ_TEXT("camera_id", source->config.entry->id), NJ_TEXT("error", err->text));
}

static void capture(void *arg)
{
    static const struct nj_backoff backoff = {NJ_US_PER_S, (nj_us)30 * NJ_US_PER_S, 0.25};
    struct nj_source *source = arg;
    struct nj_error err = {0};
    for (unsigned attempt = 1;; attempt++) {
        nj_us began_us = nj_mono_us(source->config.clock);
        int rc = source->driver->play(source->state, source, &err);
        if (rc == 0 || nj_cancel_fired(&source->cancel)) {
            set_state(source, rc == 0 ? NJ_SOURCE_ENDED : NJ_SOURCE_STOPPED, "");
            return;
        }
        if (nj_mono_us(source->config.clock) - began_us >= PLAYED_WELL_US)
            attempt = 1;
        tell_failure(source, &err);
        if (!nj_source_wait(source, nj_backoff_delay(&backoff, attempt, &source->rng)))
            break;
        nj_source_reset(source);
    }
    set_state(source, NJ_SOURCE_STOPPED, "");
}

int nj_source_start(struct nj_source *source, struct nj_error *err)
{
    if (source->started)
        return 0;
    nj_cancel_init(&source->cancel, NULL);
    set_state(source, NJ_SOURCE_STARTING, "");
    int rc = nj_thread_start(&source->thread, "nj-capture", capture, source, err);
    source->started = rc == 0;
    if (rc != 0)
        set_state(source, NJ_SOURCE_STOPPED, "");
    return rc;
}

void nj_source_stop(struct nj_source *source)
{
    if (!source || !source->started)
        return;
    pthread_mutex_lock(&source->mutex);
    nj_cancel_fire(&source->cancel);
    pthread_cond_broadcast(&source->wake);
    pthread_mutex_unlock(&source->mutex);
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
