// SPDX-License-Identifier: Apache-2.0
// http_post: one thread with an HTTP client of its own, in front of it a bounded queue.
#include "actions/action_priv.h"

#include "net/http_client.h"

#include <string.h>

enum {
    ANSWER_MAX = 65536, // bytes of an answer, which nobody reads
    STATUS_TIMEOUT = 408,
    STATUS_TOO_MANY = 429,
};

static int judge_status(int status, struct nj_error *err)
{
    if (status >= 200 && status < 300)
        return 0;
    const bool later = status >= 500 || status == STATUS_TIMEOUT || status == STATUS_TOO_MANY;
    return nj_error_set(err, later ? NJ_E_UNAVAILABLE : NJ_E_DENIED, "answered with status %d",
                        status);
}

static int post(struct nj_action_job *job, struct nj_http_client *client, struct nj_error *err)
{
    static const char *const schemes[] = {"http", "https", NULL};
    const struct nj_action_runner *runner = job->runner;
    const struct nj_action_options *options = runner->config.options;
    const char *const headers[] = {job->text_is_json ? "Content-Type: application/json"
                                                     : "Content-Type: text/plain; charset=utf-8",
                                   NULL};
    const struct nj_http_call call = {.method = "POST",
                                      .url = job->channel,
                                      .headers = headers,
                                      .body = job->text,
                                      .body_length = job->text_length,
                                      .connect_timeout_us = options->http_connect_us,
                                      .total_timeout_us = options->http_total_us,
                                      .max_response_bytes = ANSWER_MAX,
                                      .cancel = &runner->post_cancel,
                                      .rules = &options->rules};
    struct nj_buf answer;
    int status = 0;
    nj_buf_init(&answer, ANSWER_MAX);
    int rc = nj_cancel_fired(&runner->post_cancel)
                 ? nj_error_set(err, NJ_E_CANCELLED, "stopping")
                 : nj_address_check_url(&options->rules, job->channel, schemes, err);
    rc = rc != 0 ? rc : nj_http_client_call(client, &call, &status, &answer, err);
    rc = rc != 0 ? rc : judge_status(status, err);
    nj_buf_finish(&answer);
    return rc;
}

static void report_breaker(struct nj_breaker *breaker, int rc)
{
    if (rc == 0 || rc == NJ_E_DENIED || rc == NJ_E_INVALID || rc == NJ_E_TOO_BIG)
        nj_breaker_success(breaker); // it answered, or was not asked
    else if (rc == NJ_E_CANCELLED)
        nj_breaker_cancelled(breaker);
    else
        nj_breaker_failure(breaker);
}

static void handle_posted(struct nj_call *call)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(call, struct nj_action_job, posted);
    const struct nj_error why = job->error;
    if (job->target != NULL)
        report_breaker(job->target->breaker, job->rc);
    nj_action_tried(job, job->rc, &why);
}

static void post_main(void *arg)
{
    struct nj_action_runner *runner = arg;
    struct nj_http_client *client = NULL;
    struct nj_error why = {0};
    const int ready = nj_http_client_create(&client, &why);
    void *item = NULL;
    while (nj_queue_pop(runner->posts, -1, &item) == 0) {
        struct nj_action_job *job = item;
        job->error = why;
        job->rc = ready != 0 ? ready : post(job, client, &job->error);
        job->posted.fn = handle_posted;
        nj_loop_post(runner->config.loop, &job->posted);
    }
    nj_http_client_destroy(client);
}

void nj_action_try_post(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_breaker *breaker = job->target != NULL ? job->target->breaker : NULL;
    struct nj_error why = {0};
    int rc = breaker != NULL ? nj_breaker_enter(breaker, &why) : 0;
    if (rc == 0) {
        rc = nj_queue_push(runner->posts, job, 0);
        if (rc != 0) {
            nj_error_set(&why, rc, "too many posts wait");
            if (breaker != NULL)
                nj_breaker_cancelled(breaker);
        }
    }
    if (rc != 0)
        nj_action_tried(job, rc, &why);
}

int nj_action_posts_start(struct nj_action_runner *runner, struct nj_error *err)
{
    const struct nj_queue_options options = {
        .max_items = 2 * (size_t)runner->config.options->max_waiting, .policy = NJ_QUEUE_REJECT};
    int rc = nj_queue_create(&options, &runner->posts);
    if (rc != 0)
        return nj_error_set(err, rc, "no memory for the queue of posts");
    nj_cancel_init(&runner->post_cancel, NULL);
    rc = nj_thread_start(&runner->post_thread, "nj-actions", post_main, runner, err);
    runner->post_started = rc == 0;
    return rc;
}

void nj_action_posts_stop(struct nj_action_runner *runner)
{
    nj_cancel_fire(&runner->post_cancel);
    if (runner->posts != NULL)
        nj_queue_close(runner->posts);
    if (runner->post_started)
        nj_thread_join(runner->post_thread);
    runner->post_started = false;
    nj_queue_destroy(runner->posts);
    runner->posts = NULL;
}
