// SPDX-License-Identifier: Apache-2.0
// Backends that are connected: who they are, what they may send, and what they are sent.
#include "realtime/worker.h"

#include "net/problem.h"
#include "realtime/worker_priv.h"
#include "util/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKET_LIMIT_TIMES = 4, BURST_SECONDS = 10 };

// All changes of a moment are one report.
static const nj_us soon_us = 20 * (nj_us)NJ_US_PER_MS;
// Who sends too much is told so, but not more often.
static const nj_us refused_every_us = NJ_US_PER_S;

static const double delay_bounds[] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1};

static const struct nj_metric_spec connections_spec = {
    .type = NJ_GAUGE,
    .name = "worker_connections",
    .help = "Backends connected to the detector worker.",
};
static const struct nj_metric_spec messages_spec = {
    .type = NJ_COUNTER,
    .name = "worker_messages_total",
    .help = "Messages of backends, by type.",
    .label = "type",
};
static const struct nj_metric_spec patches_spec = {
    .type = NJ_COUNTER,
    .name = "worker_patch_results_total",
    .help = "Answers of backends to patchSession, by success.",
    .label = "success",
};
static const struct nj_metric_spec delay_spec = {
    .type = NJ_HISTOGRAM,
    .name = "worker_report_delay_seconds",
    .help = "How late stateReports were.",
    .bounds = delay_bounds,
    .bound_count = NJ_COUNT_OF(delay_bounds),
};

static void send_error(struct nj_worker *worker, enum nj_worker_code code, const char *message,
                       const char *subscription)
{
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_worker_write_error(worker, code, message, subscription, &buf);
    nj_worker_send(worker, subscription, &buf);
    nj_buf_finish(&buf);
}

// What belongs to no subscription is told when it begins.
static void tell_vitals(struct nj_worker *worker)
{
    const struct nj_worker_config *config = &worker->config;
    struct nj_worker_vitals now = {-1, -1, -1, -1, -1, -1, 0};
    if (config->vitals == NULL)
        return;
    config->vitals(config->context, &now);
    const struct nj_worker_vitals before = worker->told;
    const bool first = !worker->has_told;
    worker->told = now;
    worker->has_told = true;
    if (now.database == 0 && (first || before.database != 0))
        send_error(worker, NJ_WORKER_DATABASE_UNAVAILABLE, "the database does not answer", NULL);
    if (now.redis == 0 && (first || before.redis != 0))
        send_error(worker, NJ_WORKER_REDIS_UNAVAILABLE, "Redis does not answer", NULL);
    if (!first && now.actions_failed > before.actions_failed) {
        char text[96];
        snprintf(text, sizeof text, "%" PRIu64 " actions failed since the last report",
                 now.actions_failed - before.actions_failed);
        send_error(worker, NJ_WORKER_ACTION_ERROR, text, NULL);
    }
}

static void handle_report(struct nj_timer *timer)
{
    struct nj_worker *worker = NJ_CONTAINER_OF(timer, struct nj_worker, report);
    const nj_us late_us = nj_worker_now_us(worker) - worker->report_due_us;
    const nj_us period_us = worker->config.options->report_us;
    if (worker->metric_delay != NULL)
        nj_metric_observe(worker->metric_delay, (double)(late_us > 0 ? late_us : 0) / NJ_US_PER_S);
    // Beats that a busy loop missed are skipped, by the timer and here.
    worker->report_due_us += (late_us / period_us + 1) * period_us;
    nj_worker_report_now(worker, true);
    tell_vitals(worker);
}

// A backend whose machine or network is gone says nothing of it: its subscriptions would go on
// until the kernel gives up, a quarter of an hour later.
static void handle_ping(struct nj_timer *timer)
{
    struct nj_worker *worker = NJ_CONTAINER_OF(timer, struct nj_worker, ping);
    struct nj_list *node = worker->connections.next;
    while (node != &worker->connections) { // closing is never done within the call
        struct nj_worker_connection *connection = nj_worker_connection_of(node);
        struct nj_websocket *socket = connection->socket;
        node = node->next;
        if (nj_websocket_last_received_us(socket) < connection->pinged_us) {
            nj_websocket_drop(socket, NJ_WEBSOCKET_POLICY, "no answer to a ping");
        } else {
            connection->pinged_us = nj_worker_now_us(worker);
            (void)nj_websocket_ping(socket);
        }
    }
}

static void on_detected(void *context, const struct nj_subscription_view *view,
                        const struct nj_subscription_result *result)
{
    struct nj_worker *worker = context;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_worker_write_detection(worker, view, result, &buf);
    nj_worker_send(worker, view->spec->id, &buf);
    nj_buf_finish(&buf);
}

static void on_state(void *context, const struct nj_subscription_view *view,
                     enum nj_subscription_part part)
{
    struct nj_worker *worker = context;
    const struct nj_source_stats *stream = &view->stream;
    worker->changed = true;
    nj_worker_report_soon(worker, soon_us);
    if (part == NJ_PART_MODEL && view->model_rc != 0)
        send_error(worker, nj_worker_code_of_model(view->model_rc), view->model_error,
                   view->spec->id);
    if (part == NJ_PART_CROP && view->problem[0] != '\0')
        send_error(worker, NJ_WORKER_CROP_OUTSIDE, view->problem, view->spec->id);
    if (part == NJ_PART_STREAM &&
        (stream->state == NJ_SOURCE_ERROR || stream->state == NJ_SOURCE_FAILED))
        send_error(worker, nj_worker_code_of_stream(stream), stream->reason, view->spec->id);
}

static void on_failed(void *context, const struct nj_subscription_view *view,
                      enum nj_subscription_failure what, const char *text)
{
    static const enum nj_worker_code codes[] = {
        [NJ_FAILURE_INFERENCE] = NJ_WORKER_MODEL_ERROR,
        [NJ_FAILURE_PIPELINE] = NJ_WORKER_PIPELINE_ERROR,
        [NJ_FAILURE_BRANCH] = NJ_WORKER_BRANCH_ERROR,
    };
    send_error(context, codes[what], text, view->spec->id);
}

struct nj_subscription_sink nj_worker_sink(struct nj_worker *worker)
{
    return (struct nj_subscription_sink){on_detected, on_state, on_failed, worker};
}

static void make_metrics(struct nj_worker *worker)
{
    struct nj_metrics *metrics = worker->config.metrics;
    if (metrics == NULL)
        return;
    worker->metric_connections = nj_metrics_get(metrics, &connections_spec, NULL);
    worker->metric_delay = nj_metrics_get(metrics, &delay_spec, NULL);
    worker->metric_patches[0] = nj_metrics_get(metrics, &patches_spec, "false");
    worker->metric_patches[1] = nj_metrics_get(metrics, &patches_spec, "true");
    for (size_t i = 0; nj_worker_type(i) != NULL; i++)
        worker->metric_messages[i] = nj_metrics_get(metrics, &messages_spec, nj_worker_type(i));
    worker->metric_messages[NJ_WORKER_TYPES] = nj_metrics_get(metrics, &messages_spec, "unknown");
}

static int start_timers(struct nj_worker *worker)
{
    const struct nj_worker_options *options = worker->config.options;
    int rc = nj_timer_start(&worker->report, options->report_us, options->report_us);
    if (rc == 0 && options->ping_us > 0)
        rc = nj_timer_start(&worker->ping, options->ping_us, options->ping_us);
    if (rc != 0)
        nj_timer_stop(&worker->report);
    return rc;
}

int nj_worker_create(const struct nj_worker_config *config, struct nj_worker **out,
                     struct nj_error *err)
{
    struct nj_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the worker's protocol");
    worker->config = *config;
    worker->next_owner = 1;
    nj_list_init(&worker->connections);
    nj_timer_init(&worker->report, config->loop, handle_report);
    nj_timer_init(&worker->soon, config->loop, nj_worker_handle_soon);
    nj_timer_init(&worker->ping, config->loop, handle_ping);
    make_metrics(worker);
    for (size_t i = 0; i < NJ_WORKER_CODES; i++)
        nj_worker_lines_begin(&worker->lines[i], nj_worker_now_us(worker));
    worker->report_due_us = nj_worker_now_us(worker) + config->options->report_us;
    if (start_timers(worker) != 0) {
        free(worker);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the worker's protocol");
    }
    *out = worker;
    return 0;
}

void nj_worker_stop(struct nj_worker *worker)
{
    if (worker == NULL || worker->stopped)
        return;
    worker->stopped = true;
    nj_timer_stop(&worker->report);
    nj_timer_stop(&worker->soon);
    nj_timer_stop(&worker->ping);
    struct nj_list *node = worker->connections.next;
    while (node != &worker->connections) { // closing is never done within the call
        struct nj_worker_connection *connection = nj_worker_connection_of(node);
        node = node->next;
        nj_websocket_close(connection->socket, NJ_WEBSOCKET_GOING_AWAY, "server is stopping");
    }
}

void nj_worker_destroy(struct nj_worker *worker)
{
    struct nj_list *node;
    if (worker == NULL)
        return;
    nj_worker_stop(worker);
    while ((node = nj_list_pop(&worker->connections)) != NULL)
        nj_worker_connection_of(node)->worker = NULL; // freed when its socket is gone
    free(worker);
}

size_t nj_worker_connections(const struct nj_worker *worker)
{
    return worker->count;
}

static void answer_socket(void *arg, const char *text, size_t length)
{
    struct nj_worker_connection *connection = arg;
    nj_websocket_send(connection->socket, text, length);
    nj_worker_bound_queues(connection->worker);
}

static void answer_report(void *arg)
{
    struct nj_worker_connection *connection = arg;
    connection->wants_report = true;
    nj_worker_report_soon(connection->worker, 0);
}

bool nj_worker_spend(struct nj_worker_allowance *allowance, double per_second, double most,
                     nj_us now_us)
{
    const double filled =
        allowance->left + (double)(now_us - allowance->filled_us) / NJ_US_PER_S * per_second;
    allowance->filled_us = now_us;
    allowance->left = filled > most ? most : filled;
    if (allowance->left < 1)
        return false;
    allowance->left -= 1;
    return true;
}

static bool may_send(struct nj_worker_connection *connection)
{
    const double rate = connection->worker->config.options->messages_per_second;
    const double most = rate * BURST_SECONDS > 1 ? rate * BURST_SECONDS : 1;
    return nj_worker_spend(&connection->messages, rate, most, nj_worker_now_us(connection->worker));
}

static void refuse_rate(struct nj_worker_connection *connection)
{
    struct nj_worker *worker = connection->worker;
    const nj_us at_us = nj_worker_now_us(worker);
    if (connection->refused_us > 0 && at_us - connection->refused_us < refused_every_us)
        return;
    connection->refused_us = at_us;
    const struct nj_worker_turn turn = {
        worker, connection->owner, {answer_socket, answer_report, connection}};
    nj_worker_refuse(&turn, NJ_WORKER_RATE_LIMITED, "too many messages; this one was not read",
                     NULL);
}

static void on_message(struct nj_websocket *socket, const char *text, size_t length, void *arg)
{
    struct nj_worker_connection *connection = arg;
    struct nj_worker *worker = connection->worker;
    (void)socket;
    if (worker == NULL || worker->stopped)
        return;
    if (may_send(connection))
        nj_worker_handle(worker, connection->owner, text, length,
                         (struct nj_worker_answer){answer_socket, answer_report, connection});
    else
        refuse_rate(connection);
}

static void count_connections(struct nj_worker *worker)
{
    if (worker->metric_connections != NULL)
        nj_metric_set(worker->metric_connections, (double)worker->count);
}

static void on_closed(struct nj_websocket *socket, int code, void *arg)
{
    struct nj_worker_connection *connection = arg;
    struct nj_worker *worker = connection->worker;
    (void)socket;
    if (worker != NULL) {
        struct nj_subscriptions *subscriptions = nj_worker_subscriptions(worker);
        nj_list_remove(&connection->node);
        worker->count--;
        count_connections(worker);
        if (subscriptions != NULL)
            nj_subscriptions_owner_gone(subscriptions, connection->owner);
        nj_log_at(worker->config.log, NJ_LOG_INFO, "A backend disconnected",
                  NJ_INT("connection", (int64_t)connection->owner), NJ_INT("code", code));
    }
    free(connection);
}

static bool refuse_unserved(struct nj_worker *worker, struct nj_http_request *request)
{
    static const struct nj_http_field retry = {"Retry-After", "5"};
    const bool full = worker->count >= (size_t)worker->config.options->max_connections;
    if (!worker->stopped && !full)
        return false;
    nj_problem_reply_full(
        request, &(struct nj_problem){
                     .status = 503,
                     .detail = full ? "too many backends are connected" : "the worker is stopping",
                     .headers = &retry,
                     .header_count = 1,
                 });
    return true;
}

void nj_worker_accept(struct nj_worker *worker, struct nj_http_request *request,
                      const char *subprotocol)
{
    if (refuse_unserved(worker, request))
        return;
    struct nj_worker_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        nj_problem_reply(request, 500, NULL, NULL, NULL);
        return;
    }
    const struct nj_websocket_options options = {
        .max_message_bytes = SOCKET_LIMIT_TIMES * (size_t)worker->config.options->max_message_bytes,
        .max_queued_bytes = (size_t)worker->config.options->max_queued_bytes,
        .subprotocol = subprotocol,
        .binary_as_text = true,
    };
    const struct nj_websocket_handlers handlers = {on_message, on_closed, connection};
    connection->worker = worker;
    connection->owner = worker->next_owner++;
    connection->messages = (struct nj_worker_allowance){
        .left = worker->config.options->messages_per_second * BURST_SECONDS,
        .filled_us = nj_worker_now_us(worker),
    };
    nj_worker_lines_begin(&connection->lines, nj_worker_now_us(worker));
    if (nj_websocket_accept(request, &options, &handlers, &connection->socket, NULL) != 0) {
        free(connection);
        return;
    }
    nj_list_append(&worker->connections, &connection->node);
    worker->count++;
    count_connections(worker);
    nj_log_at(worker->config.log, NJ_LOG_INFO, "A backend connected",
              NJ_INT("connection", (int64_t)connection->owner));
    answer_report(connection);
}
