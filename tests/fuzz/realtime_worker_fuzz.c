// SPDX-License-Identifier: Apache-2.0
// Messages of a backend, one a line: every one is answered by nothing or by JSON, and what was
// subscribed can be reported. Streams and archives are never there.
#include "pipeline/subscriptions_priv.h"
#include "realtime/worker_priv.h"
#include "util/json_reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 64 << 20, OWNERS = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nj_subscriptions *subscriptions;
static struct nj_worker *worker;
static struct nj_loop *loop;

static void check(int holds)
{
    if (!holds)
        abort();
}

static int join(struct nj_streams *streams, const struct nj_stream_request *request,
                struct nj_stream_user **out, struct nj_error *err)
{
    (void)streams;
    (void)request;
    (void)out;
    return nj_error_set(err, NJ_E_FULL, "no stream");
}

static int load(const struct nj_subscriptions_config *config, const struct nj_feed_wish *wish,
                struct nj_loaded_pipeline **out, struct nj_error *err)
{
    (void)config;
    (void)wish;
    (void)out;
    return nj_error_set(err, NJ_E_INVALID, "no archive");
}

static void unref(struct nj_loaded_pipeline *pipeline)
{
    check(pipeline == NULL);
}

static const struct nj_feed_parts parts = {
    .join = join,
    .load = load,
    .unref = unref,
};

static struct nj_subscriptions *subscriptions_of(void *context)
{
    (void)context;
    return subscriptions;
}

static void make(void)
{
    static const struct nj_subscription_options options = {
        .max_subscriptions = 8,
        .max_owners_each = OWNERS,
        .grace_us = NJ_US_PER_S,
        .fps = 5,
        .retry_us = 3600 * (nj_us)NJ_US_PER_S,
        .retry_max_us = 3600 * (nj_us)NJ_US_PER_S,
        .cache_bytes = 1 << 20,
        .cache_expire_us = 3600 * (nj_us)NJ_US_PER_S,
    };
    static const struct nj_session_options session = {.wait_us = NJ_US_PER_S};
    static const struct nj_worker_options protocol = {.report_us = 2 * NJ_US_PER_S,
                                                      .max_connections = 1,
                                                      .max_message_bytes = 1 << 20,
                                                      .max_queued_bytes = 1 << 20,
                                                      .messages_per_second = 1,
                                                      .patch_session = true};
    check(nj_loop_create(nj_clock_real(), &loop, NULL) == 0);
    const struct nj_worker_config config = {
        .options = &protocol, .loop = loop, .subscriptions = subscriptions_of};
    check(nj_worker_create(&config, &worker, NULL) == 0);
    const struct nj_subscriptions_config below = {
        .options = &options, .session = &session, .loop = loop, .sink = nj_worker_sink(worker)};
    check(nj_subscriptions_create_with(&below, &parts, &subscriptions, NULL) == 0);
}

static void on_answer(void *arg, const char *text, size_t length)
{
    json_t *root = NULL;
    (void)arg;
    check(nj_json_parse(text, length, ANSWER_MAX, &root, NULL) == 0);
    check(json_is_string(json_object_get(root, "type")));
    json_decref(root);
}

static void on_report(void *arg)
{
    struct nj_buf report;
    nj_buf_init(&report, ANSWER_MAX);
    nj_worker_write_report(worker, &report);
    check(nj_buf_failed(&report) == 0);
    on_answer(arg, report.data, report.length);
    nj_buf_finish(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char state[] = "{\"type\":\"requestState\"}",
                      none[] = "{\"type\":\"setSubscriptionList\",\"subscriptions\":[]}";
    const char *at = (const char *)data, *end = at + size;
    const struct nj_worker_answer to = {on_answer, on_report, NULL};
    uint64_t owner = 1;
    if (worker == NULL)
        make();
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((line != NULL ? line : end) - at);
        nj_worker_handle(worker, owner, at, length, to);
        owner = owner % OWNERS + 1;
        at += length + 1;
    }
    nj_loop_turn(loop);
    nj_worker_handle(worker, 1, state, sizeof state - 1, to);
    for (owner = 1; owner <= OWNERS; owner++)
        nj_worker_handle(worker, owner, none, sizeof none - 1, to);
    nj_loop_turn(loop);
    return 0;
}
