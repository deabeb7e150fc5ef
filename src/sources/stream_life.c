// SPDX-License-Identifier: Apache-2.0
// The life of a shared stream: made, told of by its notice, left alone for a while, ended.
#include "sources/stream_priv.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

// How often the metrics are refreshed.
static const nj_us measure_every_us = NJ_US_PER_S;

struct nj_stream_view nj_stream_view_of(const struct nj_stream *stream)
{
    struct nj_stream_view view = {.address = stream->address, .users = stream->user_count};
    nj_source_get_stats(stream->source, &view.stats);
    return view;
}

void nj_stream_destroy(struct nj_stream *stream)
{
    nj_source_stop(stream->source);
    if (stream->source) {
        struct nj_stream_view view = nj_stream_view_of(stream);
        nj_stream_metrics_set(&stream->metrics, &view);
    }
    nj_stream_metrics_end(&stream->metrics);
    nj_source_destroy(stream->source);
    nj_timer_stop(&stream->grace);
    nj_list_remove(&stream->node);
    nj_frame_unref(stream->newest);
    if (stream->notice && atomic_load(&stream->notice->posted))
        stream->notice->stream = NULL; // it frees itself when it arrives
    else
        free(stream->notice);
    pthread_mutex_destroy(&stream->users_lock);
    pthread_mutex_destroy(&stream->frame_lock);
    nj_stream_rules_finish(stream->rules);
    nj_stream_entry_finish(&stream->entry);
    nj_buf_finish(&stream->key);
    free(stream);
}

static void handle_changed(void *context)
{
    struct nj_stream *stream = context;
    struct nj_stream_notice *notice = stream->notice;
    if (!atomic_exchange(&notice->posted, true))
        nj_loop_post(notice->loop, &notice->call);
}

static void handle_notice(struct nj_call *call)
{
    struct nj_stream_notice *notice = NJ_CONTAINER_OF(call, struct nj_stream_notice, call);
    struct nj_stream *stream = notice->stream;
    atomic_store(&notice->posted, false);
    if (!stream) {
        free(notice);
        return;
    }
    nj_stream_tell(stream);
    if (stream->dying && nj_source_finished(stream->source))
        nj_stream_destroy(stream);
}

// Its thread ends in its own time, and the last notice clears up.
static void let_die(struct nj_stream *stream)
{
    struct nj_streams *hub = stream->hub;
    hub->count -= 1;
    if (hub->count == 0)
        nj_timer_stop(&hub->measure);
    if (nj_source_finished(stream->source)) {
        nj_stream_destroy(stream);
        return;
    }
    stream->dying = true;
    nj_list_remove(&stream->node);
    nj_list_append(&hub->dying, &stream->node);
    nj_source_ask_stop(stream->source);
}

static void handle_grace(struct nj_timer *timer)
{
    let_die(NJ_CONTAINER_OF(timer, struct nj_stream, grace));
}

static int make_source(struct nj_stream *stream, struct nj_error *err)
{
    struct nj_source_config config = {
        .entry = &stream->entry.entry,
        .clock = nj_loop_clock(stream->hub->config.loop),
        .sink = nj_stream_users_sink(stream),
        .log = stream->hub->config.log,
    };
    config.sink.changed = handle_changed;
    return nj_source_create(&config, &stream->source, err);
}

static int make_notice(struct nj_stream *stream)
{
    struct nj_stream_notice *notice = calloc(1, sizeof *notice);
    if (!notice)
        return NJ_E_NOMEM;
    notice->call.fn = handle_notice;
    notice->loop = stream->hub->config.loop;
    notice->stream = stream;
    atomic_init(&notice->posted, false);
    stream->notice = notice;
    return 0;
}

// Two streams that differ in what is not shown of them have two lines in the metrics.
static unsigned find_number(const struct nj_streams *hub, const char *address)
{
    unsigned number = 1;
    const struct nj_list *at = hub->streams.next;
    while (at != &hub->streams) {
        const struct nj_stream *other = NJ_CONTAINER_OF(at, struct nj_stream, node);
        const bool taken = other->number == number && strcmp(other->address, address) == 0;
        number += taken;
        at = taken ? hub->streams.next : at->next; // the next number may stand before
    }
    return number;
}

int nj_stream_make(struct nj_streams *hub, struct nj_stream_entry *entry, struct nj_buf *key,
                   struct nj_stream **out, struct nj_error *err)
{
    struct nj_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        nj_stream_entry_finish(entry);
        nj_buf_finish(key);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a stream");
    }
    stream->hub = hub;
    stream->entry = *entry;
    stream->key = *key;
    nj_list_init(&stream->node);
    nj_list_init(&stream->users);
    nj_timer_init(&stream->grace, hub->config.loop, handle_grace);
    pthread_mutex_init(&stream->users_lock, NULL);
    pthread_mutex_init(&stream->frame_lock, NULL);
    nj_stream_entry_address(&stream->entry, stream->address, sizeof stream->address);
    stream->number = find_number(hub, stream->address);
    nj_stream_metrics_begin(&stream->metrics, hub->config.metrics, stream->address, stream->number);
    int rc = make_notice(stream);
    if (rc != 0)
        nj_error_set(err, rc, "no memory for a stream");
    else
        rc = make_source(stream, err);
    if (rc != 0) {
        nj_stream_destroy(stream);
        return rc;
    }
    nj_list_append(&hub->streams, &stream->node);
    hub->count += 1;
    if (!nj_timer_active(&hub->measure)) // without memory there are no fresh metrics for a while
        (void)nj_timer_start(&hub->measure, measure_every_us, measure_every_us);
    *out = stream;
    return 0;
}

void nj_stream_begin_grace(struct nj_stream *stream)
{
    // Without memory for the timer it stays until somebody joins and leaves once more.
    (void)nj_timer_start(&stream->grace, stream->hub->config.options->grace_us, 0);
}

int nj_stream_revive(struct nj_stream *stream, struct nj_error *err)
{
    struct nj_source_stats stats;
    nj_source_get_stats(stream->source, &stats);
    if (stats.state == NJ_SOURCE_ENDED && stream->user_count > 1)
        return 0;
    if (nj_source_finished(stream->source)) { // a failure is news again
        stream->told_state = NJ_SOURCE_STARTING;
        stream->told_reason[0] = '\0';
    }
    return nj_source_start(stream->source, err);
}
