// SPDX-License-Identifier: Apache-2.0
// The hub of shared streams: which stream a user joins, and all of them at once.
#include "sources/streams.h"

#include "net/url.h"
#include "sources/source_driver.h"
#include "sources/stream_priv.h"

#include <stdlib.h>
#include <string.h>

static void handle_measure(struct nj_timer *timer)
{
    struct nj_streams *hub = NJ_CONTAINER_OF(timer, struct nj_streams, measure);
    for (struct nj_list *at = hub->streams.next; at != &hub->streams; at = at->next) {
        struct nj_stream *stream = NJ_CONTAINER_OF(at, struct nj_stream, node);
        struct nj_stream_view view = nj_stream_view_of(stream);
        nj_stream_metrics_set(&stream->metrics, &view);
    }
}

static struct nj_stream *find_stream(const struct nj_streams *hub, const struct nj_buf *key,
                                     const struct nj_stream_request *request)
{
    for (struct nj_list *at = hub->streams.next; at != &hub->streams; at = at->next) {
        struct nj_stream *stream = NJ_CONTAINER_OF(at, struct nj_stream, node);
        if (stream->key.length == key->length &&
            memcmp(stream->key.data, key->data, key->length) == 0 &&
            nj_stream_rules_may_share(stream->rules, request->entry->url, request->rules))
            return stream;
    }
    return NULL;
}

static int find_or_make(struct nj_streams *hub, const struct nj_stream_request *request,
                        struct nj_stream **out, struct nj_error *err)
{
    struct nj_stream_entry entry;
    struct nj_buf key;
    size_t kinds = 0;
    while (nj_source_kinds[kinds])
        kinds++;
    if (request->entry->kind < 0 || (size_t)request->entry->kind >= kinds)
        return nj_error_set(err, NJ_E_INVALID, "source \"%s\": unknown kind", request->entry->id);
    if (nj_stream_entry_init(&entry, request->entry) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a stream");
    nj_stream_entry_key(&entry, &key);
    if (nj_buf_failed(&key)) {
        int rc = nj_error_set(err, nj_buf_failed(&key), "stream \"%s\": too long an address",
                              entry.entry.id);
        nj_stream_entry_finish(&entry);
        nj_buf_finish(&key);
        return rc;
    }
    struct nj_stream *stream = find_stream(hub, &key, request);
    bool full = !stream && hub->count >= (size_t)hub->config.options->max_streams;
    if (!stream && !full)
        return nj_stream_make(hub, &entry, &key, out, err);
    nj_stream_entry_finish(&entry);
    nj_buf_finish(&key);
    if (full)
        return nj_error_set(err, NJ_E_FULL,
                            "%zu streams are open, as many as streams.max_streams allows",
                            hub->count);
    *out = stream;
    return 0;
}

static int check_address(const struct nj_stream_request *request, struct nj_error *err)
{
    static const char *const schemes[] = {"rtsp", "rtsps", "http", "https", NULL};
    const struct nj_source_entry *entry = request->entry;
    if (entry->kind != NJ_SOURCE_RTSP && entry->kind != NJ_SOURCE_SNAPSHOT)
        return 0;
    int rc = nj_address_check_form(request->rules, entry->url ? entry->url : "", schemes, err);
    return rc == 0 ? 0 : nj_error_prefix(err, "source \"%s\": url", entry->id);
}

int nj_streams_join(struct nj_streams *streams, const struct nj_stream_request *request,
                    struct nj_stream_user **out, struct nj_error *err)
{
    struct nj_stream *stream = NULL;
    int rc = check_address(request, err);
    if (rc == 0)
        rc = find_or_make(streams, request, &stream, err);
    if (rc != 0)
        return rc;
    struct nj_stream_user *user = nj_stream_user_make(stream, request);
    if (!user) {
        if (stream->user_count == 0)
            nj_stream_begin_grace(stream);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a stream's user");
    }
    nj_stream_user_add(stream, user);
    rc = nj_stream_widen(stream, request->rules, err);
    if (rc == 0)
        rc = nj_stream_revive(stream, err);
    if (rc == 0)
        *out = user;
    else
        nj_streams_leave(user);
    return rc;
}

int nj_streams_create(const struct nj_streams_config *config, struct nj_streams **out,
                      struct nj_error *err)
{
    struct nj_streams *streams = calloc(1, sizeof *streams);
    if (!streams)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the streams");
    streams->config = *config;
    nj_list_init(&streams->streams);
    nj_list_init(&streams->dying);
    nj_timer_init(&streams->measure, config->loop, handle_measure);
    *out = streams;
    return 0;
}

static struct nj_stream *first_of(struct nj_list *list)
{
    // A destroyed stream has left its list before, which the analyser does not see.
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    return nj_list_empty(list) ? NULL : NJ_CONTAINER_OF(list->next, struct nj_stream, node);
}

void nj_streams_destroy(struct nj_streams *streams)
{
    struct nj_stream *stream;
    if (!streams)
        return;
    nj_timer_stop(&streams->measure);
    // All are asked first, so that they end beside each other.
    for (struct nj_list *at = streams->streams.next; at != &streams->streams; at = at->next)
        nj_source_ask_stop(NJ_CONTAINER_OF(at, struct nj_stream, node)->source);
    while ((stream = first_of(&streams->streams)) != NULL)
        nj_stream_destroy(stream);
    while ((stream = first_of(&streams->dying)) != NULL)
        nj_stream_destroy(stream);
    free(streams);
}

void nj_streams_each(struct nj_streams *streams,
                     void (*see)(const struct nj_stream_view *view, void *arg), void *arg)
{
    for (struct nj_list *at = streams->streams.next; at != &streams->streams; at = at->next) {
        struct nj_stream_view view = nj_stream_view_of(NJ_CONTAINER_OF(at, struct nj_stream, node));
        see(&view, arg);
    }
}
