// SPDX-License-Identifier: Apache-2.0
// How backends are sent something: bytes made once for all, reports not more often than they are of
// use, and a bound on what slow readers leave.
#include "realtime/backlog_priv.h"
#include "realtime/worker_priv.h"

// A report of many subscriptions to many backends costs the loop milliseconds: all of them together
// take a twentieth of its time, whoever asks for them. Small ones are answers that hardly wait.
static const nj_us gap_min_us = 10 * (nj_us)NJ_US_PER_MS, gap_max_us = 100 * (nj_us)NJ_US_PER_MS;
enum { GAP_TIMES = 20 }; // what the newest one took

static void log_unmade(struct nj_worker *worker, int rc)
{
    nj_log_at(worker->config.log, NJ_LOG_ERROR, "A message to backends was not made",
              NJ_TEXT("error", nj_error_name(rc)));
}

// NULL: without memory, which was logged.
static struct nj_websocket_message *encode(struct nj_worker *worker, const struct nj_buf *text)
{
    struct nj_websocket_message *message = NULL;
    const int rc = nj_buf_failed(text);
    if (rc == 0)
        message = nj_websocket_message_create(text->data, text->length);
    if (message == NULL)
        log_unmade(worker, rc != 0 ? rc : NJ_E_NOMEM);
    return message;
}

static struct nj_websocket *socket_of(struct nj_list *node)
{
    return nj_worker_connection_of(node)->socket;
}

void nj_worker_bound_queues(struct nj_worker *worker)
{
    nj_backlog_bound(&worker->connections, socket_of,
                     (size_t)worker->config.options->max_queued_bytes);
}

void nj_worker_send(struct nj_worker *worker, const char *subscription, const struct nj_buf *text)
{
    const struct nj_subscriptions *subscriptions = nj_worker_subscriptions(worker);
    struct nj_websocket_message *message = encode(worker, text);
    if (message == NULL)
        return;
    for (struct nj_list *at = worker->connections.next; at != &worker->connections; at = at->next) {
        struct nj_worker_connection *connection = nj_worker_connection_of(at);
        if (subscription == NULL ||
            (subscriptions != NULL &&
             nj_subscriptions_owns(subscriptions, connection->owner, subscription)))
            nj_websocket_send_message(connection->socket, message); // or it is closing
    }
    nj_websocket_message_unref(message);
    nj_worker_bound_queues(worker);
}

// Whoever has not read as much as a whole report yet gets a newer one later instead.
static void hand_out(struct nj_worker *worker, struct nj_websocket_message *report, bool to_all)
{
    const size_t bytes = nj_websocket_message_bytes(report);
    for (struct nj_list *at = worker->connections.next; at != &worker->connections; at = at->next) {
        struct nj_worker_connection *connection = nj_worker_connection_of(at);
        connection->wants_report |= to_all;
        if (!connection->wants_report || nj_websocket_queued_bytes(connection->socket) >= bytes)
            continue;
        connection->wants_report = false;
        nj_websocket_send_message(connection->socket, report); // or it is closing
    }
    nj_worker_bound_queues(worker);
}

void nj_worker_report_now(struct nj_worker *worker, bool to_all)
{
    const nj_us began_us = nj_worker_now_us(worker);
    struct nj_websocket_message *report = NULL;
    struct nj_buf buf;
    nj_timer_stop(&worker->soon);
    worker->changed = false;
    worker->next_report_us = began_us + gap_min_us;
    if (worker->count == 0)
        return;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_worker_write_report(worker, &buf);
    report = encode(worker, &buf);
    if (report != NULL)
        hand_out(worker, report, to_all);
    nj_websocket_message_unref(report);
    nj_buf_finish(&buf);
    const nj_us now_us = nj_worker_now_us(worker), gap_us = (now_us - began_us) * GAP_TIMES;
    worker->next_report_us = now_us + (gap_us < gap_min_us   ? gap_min_us
                                       : gap_us > gap_max_us ? gap_max_us
                                                             : gap_us);
}

void nj_worker_handle_soon(struct nj_timer *timer)
{
    struct nj_worker *worker = NJ_CONTAINER_OF(timer, struct nj_worker, soon);
    nj_worker_report_now(worker, worker->changed);
}

void nj_worker_report_soon(struct nj_worker *worker, nj_us pause_us)
{
    const nj_us gap_us = worker->next_report_us - nj_worker_now_us(worker);
    // Without memory for the timer the next beat tells it.
    if (!worker->stopped && !nj_timer_active(&worker->soon))
        (void)nj_timer_start(&worker->soon, gap_us > pause_us ? gap_us : pause_us, 0);
}
