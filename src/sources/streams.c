// SPDX-License-Identifier: Apache-2.0
// The hub of shared streams.
//
// Two locks a stream: `users_lock` is held while users are called with a frame, so that leaving
// waits for a call that is under way and none comes after it; `frame_lock` guards the newest frames
// for whoever looks. The capture thread reaches the loop thread by one notice that is posted; it
// outlives the stream when it is still on its way.
#include "sources/streams.h"

#include "net/url.h"
#include "sources/source_driver.h"
#include "sources/stream_entry_priv.h"
#include "sources/stream_metrics_priv.h"
#include "util/list.h"
#include "util/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// How often the metrics are refreshed.
static const nj_us measure_every_us = NJ_US_PER_S;

struct nj_streams {
    struct nj_streams_config config;
    struct nj_timer measure;
    struct nj_list streams; // in use, or in their grace period
    struct nj_list dying;   // their threads are asked to end
    size_t count;           // of `streams`
};

struct stream;

struct notice {
    struct nj_call call;
    atomic_bool posted;
    struct nj_loop *loop;
    struct stream *stream; // loop thread; NULL: gone
};

struct stream {
    struct nj_streams *hub;
    struct nj_list node;
    struct nj_stream_entry entry;
    struct nj_buf key;
    char address[NJ_URL_MAX];
    struct nj_source *source;
    struct nj_timer grace;
    struct notice *notice;
    size_t user_count;
    enum nj_source_state told_state; // what the users know
    char told_reason[sizeof((struct nj_source_stats *)0)->reason];
    struct nj_list *telling; // the next user to be told, while telling
    bool dying;
    struct nj_stream_metrics metrics;

    pthread_mutex_t users_lock;
    struct nj_list users;          // changed by the loop thread alone,
    struct nj_stream_rules *rules; // as these

    pthread_mutex_t frame_lock;
    // The following fields are protected by frame_lock.
    struct nj_frame *newest;
    // and nj_stream_user.newest.
};

struct nj_stream_user {
    struct stream *stream;
    struct nj_list node;
    struct nj_stream_sink sink;
    nj_us step_us;     // between two frames; 0: all
    nj_us next_due_us; // capture thread
    bool may_skip;     // its entry allows keyframes only
    atomic_bool still;
    struct nj_frame *newest;
};

// Capture thread. A picture is due with some room for uneven times; a keyframe that is near takes
// its place, before or after, because it costs the decoder least.
static bool is_due(const struct nj_stream_user *user, nj_us mono_us,
                   const struct nj_source_keys *keys)
{
    if (user->step_us == 0)
        return true;
    const nj_us early_us = user->next_due_us - mono_us;
    const nj_us shorter_us = keys->every_us < user->step_us ? keys->every_us : user->step_us;
    if (keys->every_us > 0 && keys->next_us == 0 && early_us <= shorter_us / 2)
        return true;
    const bool awaited =
        keys->every_us > 0 && keys->next_us > 0 && keys->next_us - early_us <= shorter_us / 2;
    return !awaited && early_us <= user->step_us / 8;
}

// Rounds of pictures begin with a keyframe where several fit between two of them.
static void set_next_due(struct nj_stream_user *user, const struct nj_frame *frame)
{
    const nj_us mono_us = frame->captured_mono_us;
    user->next_due_us += user->step_us;
    if (user->next_due_us <= mono_us || frame->group_us > user->step_us)
        user->next_due_us = mono_us + user->step_us;
}

static void give(struct nj_stream_user *user, struct nj_frame *frame)
{
    struct stream *stream = user->stream;
    pthread_mutex_lock(&stream->frame_lock);
    struct nj_frame *old = user->newest;
    user->newest = nj_frame_ref(frame);
    pthread_mutex_unlock(&stream->frame_lock);
    nj_frame_unref(old);
    if (user->sink.frame)
        user->sink.frame(user->sink.context, frame);
}

static void handle_frame(void *context, struct nj_frame *frame)
{
    struct stream *stream = context;
    const struct nj_source_keys keys = {.every_us = frame->group_us};
    pthread_mutex_lock(&stream->frame_lock);
    struct nj_frame *old = stream->newest;
    stream->newest = nj_frame_ref(frame);
    pthread_mutex_unlock(&stream->frame_lock);
    nj_frame_unref(old);
    pthread_mutex_lock(&stream->users_lock);
    for (struct nj_list *at = stream->users.next; at != &stream->users; at = at->next) {
        struct nj_stream_user *user = NJ_CONTAINER_OF(at, struct nj_stream_user, node);
        if (!is_due(user, frame->captured_mono_us, &keys))
            continue;
        set_next_due(user, frame);
        give(user, frame);
    }
    pthread_mutex_unlock(&stream->users_lock);
}

static void handle_reset(void *context)
{
    struct stream *stream = context;
    pthread_mutex_lock(&stream->users_lock);
    for (struct nj_list *at = stream->users.next; at != &stream->users; at = at->next) {
        struct nj_stream_user *user = NJ_CONTAINER_OF(at, struct nj_stream_user, node);
        if (user->sink.reset)
            user->sink.reset(user->sink.context);
    }
    pthread_mutex_unlock(&stream->users_lock);
}

static enum nj_source_demand handle_demand(void *context)
{
    struct stream *stream = context;
    enum nj_source_demand demand = NJ_DEMAND_NONE;
    pthread_mutex_lock(&stream->users_lock);
    for (struct nj_list *at = stream->users.next; at != &stream->users; at = at->next) {
        struct nj_stream_user *user = NJ_CONTAINER_OF(at, struct nj_stream_user, node);
        demand = NJ_DEMAND_KEYFRAMES;
        if (!user->may_skip || !atomic_load(&user->still)) {
            demand = NJ_DEMAND_ALL;
            break;
        }
    }
    pthread_mutex_unlock(&stream->users_lock);
    return demand;
}

static bool handle_wanted(void *context, nj_us mono_us, const struct nj_source_keys *keys)
{
    struct stream *stream = context;
    bool wanted = false;
    pthread_mutex_lock(&stream->users_lock);
    for (struct nj_list *at = stream->users.next; at != &stream->users && !wanted; at = at->next)
        wanted = is_due(NJ_CONTAINER_OF(at, struct nj_stream_user, node), mono_us, keys);
    pthread_mutex_unlock(&stream->users_lock);
    return wanted;
}

static const struct nj_address_rules *handle_rules(void *context)
{
    struct stream *stream = context;
    pthread_mutex_lock(&stream->users_lock);
    const struct nj_stream_rules *rules = stream->rules;
    pthread_mutex_unlock(&stream->users_lock);
    return &rules->rules;
}

static void handle_changed(void *context)
{
    struct stream *stream = context;
    struct notice *notice = stream->notice;
    if (!atomic_exchange(&notice->posted, true))
        nj_loop_post(notice->loop, &notice->call);
}

static struct nj_stream_view view_of(const struct stream *stream)
{
    struct nj_stream_view view = {.address = stream->address, .users = stream->user_count};
    nj_source_get_stats(stream->source, &view.stats);
    return view;
}

static void handle_measure(struct nj_timer *timer)
{
    struct nj_streams *hub = NJ_CONTAINER_OF(timer, struct nj_streams, measure);
    for (struct nj_list *at = hub->streams.next; at != &hub->streams; at = at->next) {
        struct stream *stream = NJ_CONTAINER_OF(at, struct stream, node);
        struct nj_stream_view view = view_of(stream);
        nj_stream_metrics_set(&stream->metrics, &view);
    }
}

// Joins the thread. Nothing is posted from then on.
static void destroy_stream(struct stream *stream)
{
    nj_source_stop(stream->source);
    if (stream->source) {
        struct nj_stream_view view = view_of(stream);
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

// Users may leave, and others join, while they are told.
static void tell_users(struct stream *stream)
{
    struct nj_source_stats stats;
    nj_source_get_stats(stream->source, &stats);
    if (stats.state == stream->told_state && strcmp(stats.reason, stream->told_reason) == 0)
        return;
    stream->told_state = stats.state;
    nj_text_copy(stream->told_reason, sizeof stream->told_reason, stats.reason);
    stream->telling = stream->users.next;
    while (stream->telling != &stream->users) {
        struct nj_stream_user *user = NJ_CONTAINER_OF(stream->telling, struct nj_stream_user, node);
        stream->telling = stream->telling->next;
        if (user->sink.state)
            user->sink.state(user->sink.context, &stats);
    }
    stream->telling = NULL;
}

static void handle_notice(struct nj_call *call)
{
    struct notice *notice = NJ_CONTAINER_OF(call, struct notice, call);
    struct stream *stream = notice->stream;
    atomic_store(&notice->posted, false);
    if (!stream) {
        free(notice);
        return;
    }
    tell_users(stream);
    if (stream->dying && nj_source_finished(stream->source))
        destroy_stream(stream);
}

// Its thread ends in its own time, and the last notice clears up.
static void let_die(struct stream *stream)
{
    struct nj_streams *hub = stream->hub;
    hub->count -= 1;
    if (hub->count == 0)
        nj_timer_stop(&hub->measure);
    if (nj_source_finished(stream->source)) {
        destroy_stream(stream);
        return;
    }
    stream->dying = true;
    nj_list_remove(&stream->node);
    nj_list_append(&hub->dying, &stream->node);
    nj_source_ask_stop(stream->source);
}

static void handle_grace(struct nj_timer *timer)
{
    let_die(NJ_CONTAINER_OF(timer, struct stream, grace));
}

static int make_source(struct stream *stream, struct nj_error *err)
{
    const struct nj_source_config config = {
        .entry = &stream->entry.entry,
        .clock = nj_loop_clock(stream->hub->config.loop),
        .sink = {.frame = handle_frame,
                 .reset = handle_reset,
                 .changed = handle_changed,
                 .demand = handle_demand,
                 .wanted = handle_wanted,
                 .rules = handle_rules,
                 .context = stream},
        .log = stream->hub->config.log,
    };
    return nj_source_create(&config, &stream->source, err);
}

static int make_notice(struct stream *stream)
{
    struct notice *notice = calloc(1, sizeof *notice);
    if (!notice)
        return NJ_E_NOMEM;
    notice->call.fn = handle_notice;
    notice->loop = stream->hub->config.loop;
    notice->stream = stream;
    atomic_init(&notice->posted, false);
    stream->notice = notice;
    return 0;
}

// Takes `entry` and `key`, on failure too.
static int make_stream(struct nj_streams *hub, struct nj_stream_entry *entry, struct nj_buf *key,
                       struct stream **out, struct nj_error *err)
{
    struct stream *stream = calloc(1, sizeof *stream);
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
    nj_stream_metrics_begin(&stream->metrics, hub->config.metrics, stream->address);
    int rc = make_notice(stream);
    if (rc != 0)
        nj_error_set(err, rc, "no memory for a stream");
    else
        rc = make_source(stream, err);
    if (rc != 0) {
        destroy_stream(stream);
        return rc;
    }
    nj_list_append(&hub->streams, &stream->node);
    hub->count += 1;
    if (!nj_timer_active(&hub->measure)) // without memory there are no fresh metrics for a while
        (void)nj_timer_start(&hub->measure, measure_every_us, measure_every_us);
    *out = stream;
    return 0;
}

static struct stream *find_stream(const struct nj_streams *hub, const struct nj_buf *key,
                                  const struct nj_stream_request *request)
{
    for (struct nj_list *at = hub->streams.next; at != &hub->streams; at = at->next) {
        struct stream *stream = NJ_CONTAINER_OF(at, struct stream, node);
        if (stream->key.length == key->length &&
            memcmp(stream->key.data, key->data, key->length) == 0 &&
            nj_stream_rules_may_share(stream->rules, request->entry->url, request->rules))
            return stream;
    }
    return NULL;
}

static int find_or_make(struct nj_streams *hub, const struct nj_stream_request *request,
                        struct stream **out, struct nj_error *err)
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
    struct stream *stream = find_stream(hub, &key, request);
    bool full = !stream && hub->count >= (size_t)hub->config.options->max_streams;
    if (!stream && !full)
        return make_stream(hub, &entry, &key, out, err);
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

// Before its first connection, and never narrower.
static int widen_rules(struct stream *stream, const struct nj_address_rules *more,
                       struct nj_error *err)
{
    pthread_mutex_lock(&stream->users_lock);
    int rc = nj_stream_rules_widen(&stream->rules, more);
    pthread_mutex_unlock(&stream->users_lock);
    return rc == 0 ? 0 : nj_error_set(err, rc, "no room for the rules of a stream's address");
}

static struct nj_stream_user *make_user(struct stream *stream,
                                        const struct nj_stream_request *request)
{
    struct nj_stream_user *user = calloc(1, sizeof *user);
    if (!user)
        return NULL;
    const struct nj_source_entry *entry = request->entry;
    // Such a source thins out by itself.
    bool thinned = nj_source_drivers[entry->kind]->thins_out && request->fps >= entry->fps;
    user->stream = stream;
    user->sink = request->sink;
    user->may_skip = entry->keyframes_when_still;
    user->step_us = request->fps > 0 && !thinned ? (nj_us)(NJ_US_PER_S / request->fps) : 0;
    atomic_init(&user->still, false);
    pthread_mutex_lock(&stream->frame_lock);
    user->newest = stream->newest ? nj_frame_ref(stream->newest) : NULL;
    pthread_mutex_unlock(&stream->frame_lock);
    return user;
}

static void add_user(struct stream *stream, struct nj_stream_user *user)
{
    nj_timer_stop(&stream->grace);
    pthread_mutex_lock(&stream->users_lock);
    nj_list_append(&stream->users, &user->node);
    pthread_mutex_unlock(&stream->users_lock);
    stream->user_count += 1;
}

// Nobody uses the stream any more.
static void begin_grace(struct stream *stream)
{
    // Without memory for the timer it stays until somebody joins and leaves once more.
    (void)nj_timer_start(&stream->grace, stream->hub->config.options->grace_us, 0);
}

// Ended once, or gave up: runs again. A file that was played to its end stays so.
static int revive(struct stream *stream, struct nj_error *err)
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

int nj_streams_join(struct nj_streams *streams, const struct nj_stream_request *request,
                    struct nj_stream_user **out, struct nj_error *err)
{
    struct stream *stream = NULL;
    int rc = check_address(request, err);
    if (rc == 0)
        rc = find_or_make(streams, request, &stream, err);
    if (rc != 0)
        return rc;
    struct nj_stream_user *user = make_user(stream, request);
    if (!user) {
        if (stream->user_count == 0)
            begin_grace(stream);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a stream's user");
    }
    add_user(stream, user);
    rc = widen_rules(stream, request->rules, err);
    if (rc == 0)
        rc = revive(stream, err);
    if (rc == 0)
        *out = user;
    else
        nj_streams_leave(user);
    return rc;
}

void nj_streams_leave(struct nj_stream_user *user)
{
    if (!user)
        return;
    struct stream *stream = user->stream;
    if (stream->telling == &user->node)
        stream->telling = user->node.next;
    pthread_mutex_lock(&stream->users_lock); // waits for a frame that it is given now
    nj_list_remove(&user->node);
    pthread_mutex_unlock(&stream->users_lock);
    nj_frame_unref(user->newest);
    free(user);
    stream->user_count -= 1;
    if (stream->user_count == 0)
        begin_grace(stream);
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

static struct stream *first_of(struct nj_list *list)
{
    // A destroyed stream has left its list before, which the analyser does not see.
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    return nj_list_empty(list) ? NULL : NJ_CONTAINER_OF(list->next, struct stream, node);
}

void nj_streams_destroy(struct nj_streams *streams)
{
    struct stream *stream;
    if (!streams)
        return;
    nj_timer_stop(&streams->measure);
    // All are asked first, so that they end beside each other.
    for (struct nj_list *at = streams->streams.next; at != &streams->streams; at = at->next)
        nj_source_ask_stop(NJ_CONTAINER_OF(at, struct stream, node)->source);
    while ((stream = first_of(&streams->streams)) != NULL)
        destroy_stream(stream);
    while ((stream = first_of(&streams->dying)) != NULL)
        destroy_stream(stream);
    free(streams);
}

struct nj_frame *nj_stream_newest(struct nj_stream_user *user)
{
    pthread_mutex_lock(&user->stream->frame_lock);
    struct nj_frame *frame = user->newest ? nj_frame_ref(user->newest) : NULL;
    pthread_mutex_unlock(&user->stream->frame_lock);
    return frame;
}

void nj_stream_get_stats(const struct nj_stream_user *user, struct nj_source_stats *out)
{
    nj_source_get_stats(user->stream->source, out);
}

void nj_stream_set_still(struct nj_stream_user *user, bool still)
{
    atomic_store(&user->still, still);
}

void nj_streams_each(struct nj_streams *streams,
                     void (*see)(const struct nj_stream_view *view, void *arg), void *arg)
{
    for (struct nj_list *at = streams->streams.next; at != &streams->streams; at = at->next) {
        struct nj_stream_view view = view_of(NJ_CONTAINER_OF(at, struct stream, node));
        see(&view, arg);
    }
}
