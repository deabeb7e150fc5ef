// SPDX-License-Identifier: Apache-2.0
// What the users of a shared stream get: frames that are due, the newest one, states.
#include "sources/source_driver.h"
#include "sources/stream_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

// Capture thread. A picture is due with some room for uneven times; a keyframe that is near takes
// its place, before or after, because it costs the decoder least.
static bool is_due(const struct nj_stream_user *user, nj_us mono_us,
                   const struct nj_source_keys *keys)
{
    // A source that polls no faster than that is paced by itself, uneven as its answers may come.
    if (user->step_us <= user->stream->interval_us)
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
    struct nj_stream *stream = user->stream;
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
    struct nj_stream *stream = context;
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
    struct nj_stream *stream = context;
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
    struct nj_stream *stream = context;
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
    struct nj_stream *stream = context;
    bool wanted = false;
    pthread_mutex_lock(&stream->users_lock);
    for (struct nj_list *at = stream->users.next; at != &stream->users && !wanted; at = at->next)
        wanted = is_due(NJ_CONTAINER_OF(at, struct nj_stream_user, node), mono_us, keys);
    pthread_mutex_unlock(&stream->users_lock);
    return wanted;
}

static nj_us handle_interval(void *context)
{
    struct nj_stream *stream = context;
    pthread_mutex_lock(&stream->users_lock);
    const nj_us interval_us = stream->interval_us;
    pthread_mutex_unlock(&stream->users_lock);
    return interval_us;
}

static const struct nj_address_rules *handle_rules(void *context)
{
    struct nj_stream *stream = context;
    pthread_mutex_lock(&stream->users_lock);
    const struct nj_stream_rules *rules = stream->rules;
    pthread_mutex_unlock(&stream->users_lock);
    return &rules->rules;
}

struct nj_source_sink nj_stream_users_sink(struct nj_stream *stream)
{
    return (struct nj_source_sink){.frame = handle_frame,
                                   .reset = handle_reset,
                                   .demand = handle_demand,
                                   .wanted = handle_wanted,
                                   .interval = handle_interval,
                                   .rules = handle_rules,
                                   .context = stream};
}

void nj_stream_tell(struct nj_stream *stream)
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

int nj_stream_widen(struct nj_stream *stream, const struct nj_address_rules *more,
                    struct nj_error *err)
{
    pthread_mutex_lock(&stream->users_lock);
    int rc = nj_stream_rules_widen(&stream->rules, more);
    pthread_mutex_unlock(&stream->users_lock);
    return rc == 0 ? 0 : nj_error_set(err, rc, "no room for the rules of a stream's address");
}

// The next frame is counted from the last one.
static void set_pace(struct nj_stream_user *user, nj_us interval_us)
{
    const nj_us before_us = user->step_us;
    user->interval_us = interval_us;
    user->step_us = user->rate_us > interval_us ? user->rate_us : interval_us;
    if (user->next_due_us > 0)
        user->next_due_us += user->step_us - before_us;
}

struct nj_stream_user *nj_stream_user_make(struct nj_stream *stream,
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
    user->rate_us = request->fps > 0 && !thinned ? (nj_us)(NJ_US_PER_S / request->fps) : 0;
    set_pace(user, entry->kind == NJ_SOURCE_SNAPSHOT ? entry->snapshot_interval_us : 0);
    atomic_init(&user->still, false);
    pthread_mutex_lock(&stream->frame_lock);
    user->newest = stream->newest ? nj_frame_ref(stream->newest) : NULL;
    pthread_mutex_unlock(&stream->frame_lock);
    return user;
}

// With users_lock. Without users the interval stays: nobody is waited for.
static void set_interval(struct nj_stream *stream)
{
    nj_us least_us = INT64_MAX;
    for (struct nj_list *at = stream->users.next; at != &stream->users; at = at->next) {
        const struct nj_stream_user *user = NJ_CONTAINER_OF(at, struct nj_stream_user, node);
        least_us = user->interval_us < least_us ? user->interval_us : least_us;
    }
    stream->interval_us = least_us < INT64_MAX ? least_us : stream->interval_us;
}

void nj_stream_user_add(struct nj_stream *stream, struct nj_stream_user *user)
{
    nj_timer_stop(&stream->grace);
    pthread_mutex_lock(&stream->users_lock);
    nj_list_append(&stream->users, &user->node);
    set_interval(stream);
    pthread_mutex_unlock(&stream->users_lock);
    nj_source_wake(stream->source);
    stream->user_count += 1;
}

void nj_streams_leave(struct nj_stream_user *user)
{
    if (!user)
        return;
    struct nj_stream *stream = user->stream;
    if (stream->telling == &user->node)
        stream->telling = user->node.next;
    pthread_mutex_lock(&stream->users_lock); // waits for a frame that it is given now
    nj_list_remove(&user->node);
    set_interval(stream);
    pthread_mutex_unlock(&stream->users_lock);
    nj_source_wake(stream->source);
    nj_frame_unref(user->newest);
    free(user);
    stream->user_count -= 1;
    if (stream->user_count == 0)
        nj_stream_begin_grace(stream);
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

void nj_stream_set_interval(struct nj_stream_user *user, nj_us interval_us)
{
    struct nj_stream *stream = user->stream;
    if (stream->entry.entry.kind != NJ_SOURCE_SNAPSHOT)
        return;
    pthread_mutex_lock(&stream->users_lock);
    set_pace(user, interval_us);
    set_interval(stream);
    pthread_mutex_unlock(&stream->users_lock);
    nj_source_wake(stream->source);
}

void nj_stream_set_still(struct nj_stream_user *user, bool still)
{
    atomic_store(&user->still, still);
}
