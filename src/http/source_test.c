// SPDX-License-Identifier: Apache-2.0
// POST /api/sources/test: whether a picture comes from an address, before it becomes a camera.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "sources/stream_trial.h"

#include <stdlib.h>

enum { TRIALS_MAX = 4 }; // each opens a connection somebody named

struct nj_source_test {
    struct nj_list link;
    struct nj_stream_trial trial;
    struct nj_exchange *exchange;
    struct nj_live_entry entry;
};

static void free_test(struct nj_source_test *test)
{
    nj_live_entry_finish(&test->entry);
    free(test);
}

static void reply(struct nj_stream_trial *trial, const struct nj_stream_trial_result *result)
{
    struct nj_source_test *test = NJ_CONTAINER_OF(trial, struct nj_source_test, trial);
    struct nj_exchange *exchange = test->exchange;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_bool(&answer.writer, "ok", result->rc == 0);
    nj_json_text(&answer.writer, "error", result->rc == 0 ? NULL : result->error.text);
    nj_json_int(&answer.writer, "width", result->width);
    nj_json_int(&answer.writer, "height", result->height);
    nj_json_fixed(&answer.writer, "seconds", (double)result->took_us / NJ_US_PER_S, 3);
    nj_list_remove(&test->link);
    exchange->api->source_test_count -= 1;
    nj_json_answer_send(&answer, exchange, NULL);
    free_test(test);
}

// Whoever asked is gone: the place is for others.
static void handle_left(void *arg)
{
    struct nj_source_test *test = arg;
    nj_stream_trial_cancel(&test->trial);
}

void nj_source_tests_cancel(struct nj_api *api)
{
    while (!nj_list_empty(&api->source_tests))
        nj_stream_trial_cancel(
            &NJ_CONTAINER_OF(api->source_tests.next, struct nj_source_test, link)->trial);
}

// A test of a camera that exists may leave its password out.
static const struct nj_source_entry *existing(struct nj_exchange *exchange)
{
    struct nj_live_camera camera;
    json_t *root = NULL;
    const struct nj_source_entry *entry = NULL;
    if (nj_json_parse(exchange->body, exchange->body_length, NJ_SOURCE_ENTRY_SIZE, &root, NULL) !=
        0)
        return NULL; // told by the reader of the entry
    const char *id = json_string_value(json_object_get(root, "id"));
    if (id != NULL && nj_live_set_get(exchange->api->context->live, id, &camera))
        entry = camera.entry;
    json_decref(root);
    return entry;
}

static int start_test(struct nj_exchange *exchange, struct nj_source_test *test,
                      struct nj_error *err)
{
    const struct nj_api_context *context = exchange->api->context;
    const struct nj_live_entry_input input = {.json = exchange->body,
                                              .length = exchange->body_length,
                                              .old = existing(exchange),
                                              .id = "test"};
    int rc = nj_live_entry_parse(&input, &test->entry, err);
    if (rc != 0)
        return rc;
    test->exchange = exchange;
    test->trial.done = reply;
    test->trial.loop = context->loop;
    test->trial.rules = context->source_rules;
    return nj_stream_trial_start(&test->trial, context->streams,
                                 nj_config_object_values(test->entry.object),
                                 exchange->api->source_test_us, err);
}

void nj_route_source_test(struct nj_exchange *exchange)
{
    struct nj_api *api = exchange->api;
    struct nj_error err = {0};
    if (api->context->streams == NULL || api->context->live == NULL) {
        nj_exchange_missing(exchange, "the live cameras");
        return;
    }
    struct nj_source_test *test =
        api->source_test_count < TRIALS_MAX ? calloc(1, sizeof *test) : NULL;
    if (test == NULL) {
        nj_exchange_problem(exchange, 503, "too many cameras are being tested; try again");
        return;
    }
    int rc = start_test(exchange, test, &err);
    if (rc != 0) {
        free_test(test);
        nj_exchange_error(exchange, rc, &err);
        return;
    }
    api->source_test_count += 1;
    nj_list_append(&api->source_tests, &test->link);
    nj_http_on_left(exchange->request, handle_left, test);
}
