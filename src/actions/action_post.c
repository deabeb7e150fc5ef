// SPDX-License-Identifier: Apache-2.0
// http_post: one thread with an HTTP client of its own, whose calls end soon after a cancel, also
// while they look up a name.
#include "actions/action_priv.h"

#include "net/http_client.h"

#include <stdlib.h>

enum {
    ANSWER_MAX = 65536, // bytes of an answer, which nobody reads
    STATUS_TIMEOUT = 408,
    STATUS_TOO_MANY = 429,
};

struct nj_action_poster {
    struct nj_loop *loop;
    const struct nj_action_options *options;
    struct nj_cancel cancel;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t wake;
    struct nj_list jobs; // that wait: their `turn`; as many as the runner takes
    bool closed;         // the thread ends
};

static int judge_status(int status, struct nj_error *err)
{
    if (status >= 200 && status < 300)
        return 0;
    const bool later = status >= 500 || status == STATUS_TIMEOUT || status == STATUS_TOO_MANY;
    return nj_error_set(err, later ? NJ_E_UNAVAILABLE : NJ_E_DENIED, "answered with status %d",
                        status);
}

static int post(const struct nj_action_poster *poster, const struct nj_action_job *job,
                struct nj_http_client *client, struct nj_error *err)
{
    const char *const headers[] = {job->text_is_json ? "Content-Type: application/json"
                                                     : "Content-Type: text/plain; charset=utf-8",
                                   NULL};
    const struct nj_http_call call = {.method = "POST",
                                      .url = job->channel,
                                      .headers = headers,
                                      .body = job->text,
                                      .body_length = job->text_length,
                                      .connect_timeout_us = poster->options->http_connect_us,
                                      .total_timeout_us = poster->options->http_total_us,
                                      .max_response_bytes = ANSWER_MAX,
                                      .cancel = &poster->cancel,
                                      .rules = &poster->options->rules};
    struct nj_buf answer;
    int status = 0;
    nj_buf_init(&answer, ANSWER_MAX);
    int rc = nj_http_client_call(client, &call, &status, &answer, err);
    rc = rc != 0 ? rc : judge_status(status, err);
    nj_buf_finish(&answer);
    return rc;
}

static void report_breaker(struct nj_breaker *breaker, uint64_t round, int rc)
{
    if (rc == 0 || rc == NJ_E_DENIED || rc == NJ_E_INVALID || rc == NJ_E_TOO_BIG)
        nj_breaker_success(breaker, round); // it answered, or was not asked
    else if (rc == NJ_E_CANCELLED)
        nj_breaker_cancelled(breaker, round);
    else
        nj_breaker_failure(breaker, round);
}

static void handle_posted(struct nj_call *call)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(call, struct nj_action_job, posted);
    const struct nj_error why = job->error;
    if (job->target != NULL)
        report_breaker(job->target->breaker, job->round, job->rc);
    nj_action_tried(job, job->rc, &why);
}

static void end_cancelled(struct nj_action_job *job)
{
    job->rc = nj_error_set(&job->error, NJ_E_CANCELLED, "stopping");
    handle_posted(&job->posted);
}

// NULL: closed, and the list is the stop's.
static struct nj_action_job *take(struct nj_action_poster *poster)
{
    pthread_mutex_lock(&poster->lock);
    while (!poster->closed && nj_list_empty(&poster->jobs))
        pthread_cond_wait(&poster->wake, &poster->lock);
    struct nj_list *node = poster->closed ? NULL : nj_list_pop(&poster->jobs);
    pthread_mutex_unlock(&poster->lock);
    return node != NULL ? NJ_CONTAINER_OF(node, struct nj_action_job, turn) : NULL;
}

static void post_main(void *arg)
{
    struct nj_action_poster *poster = arg;
    struct nj_http_client *client = NULL;
    struct nj_action_job *job;
    struct nj_error none = {0};
    const int ready = nj_http_client_create(&client, &none);
    while ((job = take(poster)) != NULL) {
        job->error = none;
        job->rc = ready != 0 ? ready : post(poster, job, client, &job->error);
        job->posted.fn = handle_posted;
        nj_loop_post(poster->loop, &job->posted);
    }
    nj_http_client_destroy(client);
}

void nj_action_try_post(struct nj_action_job *job)
{
    struct nj_action_poster *poster = job->runner->poster;
    struct nj_breaker *breaker = job->target != NULL ? job->target->breaker : NULL;
    struct nj_error why = {0};
    const int rc = breaker != NULL ? nj_breaker_enter(breaker, &job->round, &why) : 0;
    if (rc != 0) {
        nj_action_tried(job, rc, &why);
        return;
    }
    pthread_mutex_lock(&poster->lock);
    nj_list_append(&poster->jobs, &job->turn);
    pthread_cond_signal(&poster->wake);
    pthread_mutex_unlock(&poster->lock);
}

int nj_action_posts_start(struct nj_action_runner *runner, struct nj_error *err)
{
    struct nj_action_poster *poster = calloc(1, sizeof *poster);
    if (poster == NULL || pthread_mutex_init(&poster->lock, NULL) != 0) {
        free(poster);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for posts");
    }
    pthread_cond_init(&poster->wake, NULL);
    nj_list_init(&poster->jobs);
    nj_cancel_init(&poster->cancel, NULL);
    poster->loop = runner->config.loop;
    poster->options = runner->config.options;
    runner->poster = poster;
    const int rc = nj_thread_start(&poster->thread, "nj-actions", post_main, poster, err);
    poster->started = rc == 0;
    return rc;
}

void nj_action_posts_stop(struct nj_action_runner *runner)
{
    struct nj_action_poster *poster = runner->poster;
    struct nj_list *node;
    nj_cancel_fire(&poster->cancel);
    pthread_mutex_lock(&poster->lock);
    poster->closed = true;
    pthread_cond_signal(&poster->wake);
    pthread_mutex_unlock(&poster->lock);
    while ((node = nj_list_pop(&poster->jobs)) != NULL)
        end_cancelled(NJ_CONTAINER_OF(node, struct nj_action_job, turn));
}

void nj_action_posts_destroy(struct nj_action_runner *runner)
{
    struct nj_action_poster *poster = runner->poster;
    if (poster == NULL)
        return;
    nj_action_posts_stop(runner);
    if (poster->started)
        nj_thread_join(poster->thread);
    pthread_cond_destroy(&poster->wake);
    pthread_mutex_destroy(&poster->lock);
    free(poster);
    runner->poster = NULL;
}
