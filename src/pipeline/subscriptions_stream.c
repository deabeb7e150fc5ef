// SPDX-License-Identifier: Apache-2.0
// The stream of a subscription: joined, joined again when there was no room, left.
#include "pipeline/subscriptions_priv.h"
#include "util/text.h"

#include <string.h>

static void handle_frame(void *context, struct nj_frame *frame)
{
    struct nj_feed *feed = context;
    (void)frame; // it lies in the slot; what counts is that there is a new one
    if (!atomic_exchange(&feed->notified, true))
        nj_loop_post(feed->registry->config.loop, &feed->arrived);
}

static void handle_reset(void *context)
{
    struct nj_feed *feed = context;
    atomic_store(&feed->reset_wanted, true);
}

static void handle_state(void *context, const struct nj_source_stats *stats)
{
    struct nj_feed *feed = context;
    if (feed->ended || stats->state == feed->shown_state)
        return;
    feed->shown_state = stats->state;
    nj_feed_tell_state(feed, NJ_PART_STREAM);
}

static void handle_arrived(struct nj_call *call)
{
    struct nj_feed *feed = NJ_CONTAINER_OF(call, struct nj_feed, arrived);
    atomic_store(&feed->notified, false);
    if (feed->ended) {
        nj_feed_settle(feed);
        return;
    }
    feed->frames++;
    nj_feed_look(feed);
}

static nj_us interval_us(const struct nj_feed *feed)
{
    return feed->spec.snapshot_interval_us > 0
               ? feed->spec.snapshot_interval_us
               : feed->registry->config.options->snapshot_interval_us;
}

static int join(struct nj_feed *feed, struct nj_stream_user **out, struct nj_error *err)
{
    struct nj_subscriptions *registry = feed->registry;
    const struct nj_subscription_options *options = registry->config.options;
    bool snapshot;
    char id[NJ_CAMERA_ID_SIZE];
    const char *url = nj_subscription_stream_url(options, &feed->spec, &snapshot);
    if (!nj_text_to_id(feed->camera, id, sizeof id))
        nj_text_copy(id, sizeof id, "camera");
    const struct nj_source_entry entry = {
        .id = id,
        .name = feed->camera,
        .kind = snapshot ? NJ_SOURCE_SNAPSHOT : NJ_SOURCE_RTSP,
        .path = "",
        .url = url,
        .detect_url = "",
        .username = "",
        .password = "",
        .snapshot_interval_us = interval_us(feed),
        .tls_verify = options->tls_verify,
        .reconnect_us = options->reconnect_us,
        .max_retries = options->max_retries,
        .keyframes_when_still = options->keyframes_when_still,
        .paced = true,
    };
    const struct nj_stream_request request = {
        .entry = &entry,
        .rules = &options->rules,
        .fps = options->fps,
        .sink = {handle_frame, handle_reset, handle_state, feed},
    };
    return registry->parts->join(registry->config.streams, &request, out, err);
}

static void fail(struct nj_feed *feed, const struct nj_error *error)
{
    feed->stream_error = *error;
    if (feed->stream_error.text[0] == '\0')
        nj_text_copy(feed->stream_error.text, sizeof feed->stream_error.text,
                     nj_error_name(error->code));
    feed->join_failures++;
    if (nj_feed_may_pass(error->code)) {
        nj_us delay_us = nj_feed_retry_delay(feed->registry, feed->join_failures);
        (void)nj_timer_start(&feed->rejoin, delay_us, 0); // else asking again starts it
    }
    nj_log_at(feed->registry->config.log, NJ_LOG_WARNING, "A stream could not be joined",
              NJ_TEXT("subscription", feed->spec.id), NJ_TEXT("address", feed->address),
              NJ_TEXT("error", feed->stream_error.text));
    nj_feed_tell_state(feed, NJ_PART_STREAM);
}

void nj_feed_stream_start(struct nj_feed *feed)
{
    bool snapshot;
    struct nj_error error = {0};
    const char *url =
        nj_subscription_stream_url(feed->registry->config.options, &feed->spec, &snapshot);
    nj_timer_stop(&feed->rejoin);
    nj_address_redact(url, feed->address, sizeof feed->address);
    if (feed->user != NULL)
        return;
    int rc = join(feed, &feed->user, &error);
    if (rc != 0) {
        error.code = rc;
        fail(feed, &error);
        return;
    }
    feed->stream_error = (struct nj_error){0};
    feed->join_failures = 0;
    feed->looked_sequence = 0;
    nj_feed_tell_state(feed, NJ_PART_STREAM);
}

static void handle_rejoin(struct nj_timer *timer)
{
    nj_feed_stream_start(NJ_CONTAINER_OF(timer, struct nj_feed, rejoin));
}

void nj_feed_stream_init(struct nj_feed *feed)
{
    nj_timer_init(&feed->rejoin, feed->registry->config.loop, handle_rejoin);
    feed->arrived.fn = handle_arrived;
    atomic_init(&feed->notified, false);
    atomic_init(&feed->reset_wanted, false);
}

void nj_feed_stream_stop(struct nj_feed *feed)
{
    nj_timer_stop(&feed->rejoin);
    if (feed->user != NULL)
        feed->registry->parts->leave(feed->user);
    feed->user = NULL;
    feed->shown_state = NJ_SOURCE_STOPPED;
    feed->stream_error = (struct nj_error){0};
    feed->join_failures = 0;
}

void nj_feed_stream_pace(struct nj_feed *feed)
{
    if (feed->user != NULL)
        feed->registry->parts->set_interval(feed->user, interval_us(feed));
}

void nj_feed_stream_revive(struct nj_feed *feed)
{
    struct nj_stream_user *fresh = NULL;
    struct nj_error error = {0};
    if (join(feed, &fresh, &error) != 0)
        return; // it stays as it is, and says why
    feed->registry->parts->leave(feed->user);
    feed->user = fresh;
    feed->looked_sequence = 0;
}

void nj_feed_stream_stats(const struct nj_feed *feed, struct nj_source_stats *out)
{
    *out = (struct nj_source_stats){.state = NJ_SOURCE_STARTING};
    if (feed->user != NULL) {
        feed->registry->parts->stream_stats(feed->user, out);
        return;
    }
    if (feed->stream_error.code == 0)
        return;
    const bool again = nj_feed_may_pass(feed->stream_error.code);
    out->state = again ? NJ_SOURCE_ERROR : NJ_SOURCE_FAILED;
    nj_text_copy(out->reason, sizeof out->reason, feed->stream_error.text);
    out->code = feed->stream_error.code;
}
