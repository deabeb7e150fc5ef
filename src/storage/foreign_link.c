// SPDX-License-Identifier: Apache-2.0
// One connection to a foreign PostgreSQL server: libpq without blocking, in pipeline mode, every
// wait with a deadline and ended by the stop.
#include "storage/foreign_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { ANSWERS_MAX = 4 }; // at the end of a transaction

// The server ends a statement by itself; this much later it counts as silent.
static const nj_us grace_us = NJ_US_PER_S;

static nj_us now_us(void)
{
    return nj_mono_us(nj_clock_real());
}

static int poll_ms(nj_us timeout_us)
{
    const nj_us most = 3600 * (nj_us)NJ_US_PER_S;
    if (timeout_us <= 0)
        return 0;
    return (int)(((timeout_us < most ? timeout_us : most) + NJ_US_PER_MS - 1) / NJ_US_PER_MS);
}

int nj_foreign_pause(int stop_fd, nj_us timeout_us)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    return poll(&stop, 1, poll_ms(timeout_us)) > 0 ? NJ_E_CANCELLED : 0;
}

// Waits for the socket; 0, NJ_E_TIMEOUT or NJ_E_CANCELLED.
static int wait_for(const struct nj_foreign_link *link, short events, nj_us deadline_us)
{
    struct pollfd both[] = {{.fd = link->stop_fd, .events = POLLIN},
                            {.fd = PQsocket(link->conn), .events = events}};
    int count = poll(both, NJ_COUNT_OF(both), poll_ms(deadline_us - now_us()));
    if (both[0].revents != 0)
        return NJ_E_CANCELLED;
    if (count == 0 && now_us() >= deadline_us)
        return NJ_E_TIMEOUT;
    return 0; // also after a signal: the caller asks libpq, and comes back
}

void nj_foreign_link_close(struct nj_foreign_link *link)
{
    PQfinish(link->conn); // says goodbye without waiting
    link->conn = NULL;
}

// First line of libpq's words, which may have several.
static void copy_line(char *out, size_t size, const char *text)
{
    nj_text_copy(out, size, text);
    out[strcspn(out, "\r\n")] = '\0';
}

static int lose(struct nj_foreign_link *link, int code, const char *while_what,
                struct nj_error *err)
{
    char said[NJ_ERROR_TEXT_MAX / 2];
    copy_line(said, sizeof said, PQerrorMessage(link->conn));
    if (code == NJ_E_TIMEOUT)
        nj_error_set(err, code, "PostgreSQL %s did not answer in time while %s", link->shown,
                     while_what);
    else if (code == NJ_E_CANCELLED)
        nj_error_set(err, code, "PostgreSQL %s: given up while %s, the program stops", link->shown,
                     while_what);
    else
        nj_error_set(err, code, "PostgreSQL %s, while %s: %s", link->shown, while_what,
                     said[0] != '\0' ? said : "the connection broke");
    nj_foreign_link_close(link);
    return code;
}

static int await_connection(struct nj_foreign_link *link, nj_us deadline_us, struct nj_error *err)
{
    static const char connecting[] = "connecting";
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        int rc = wait_for(link, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us);
        if (rc != 0)
            return lose(link, rc, connecting, err);
        state = PQconnectPoll(link->conn);
        if (state == PGRES_POLLING_FAILED)
            return lose(link, NJ_E_UNAVAILABLE, connecting, err);
    }
    return 0;
}

static void hear_nothing(void *arg, const PGresult *result)
{
    (void)arg; // notices ("relation exists, skipping") would go to standard error
    (void)result;
}

static int begin_session(struct nj_foreign_link *link, struct nj_error *err)
{
    char timeout[NJ_FOREIGN_NUMBER_SIZE];
    PQsetNoticeReceiver(link->conn, hear_nothing, NULL);
    if (PQsetnonblocking(link->conn, 1) != 0 || PQenterPipelineMode(link->conn) != 1)
        return lose(link, NJ_E_UNAVAILABLE, "entering pipeline mode", err);
    snprintf(timeout, sizeof timeout, "%lld",
             (long long)(link->options->statement_us / NJ_US_PER_MS));
    if (nj_foreign_link_ask(link, "SELECT set_config('statement_timeout', $1, false)", timeout,
                            NULL, err) != NJ_FOREIGN_DONE) {
        nj_foreign_link_close(link);
        return NJ_E_UNAVAILABLE;
    }
    if (!link->abandoned)
        return 0;
    // What an earlier connection was asked must not happen after what this one will be asked. Who
    // may not send it away, or has a server without this, goes on.
    (void)nj_foreign_link_ask(link,
                              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                              " WHERE application_name = $1 AND pid <> pg_backend_pid()",
                              link->name, NULL, err);
    link->abandoned = link->conn == NULL;
    return link->conn != NULL ? 0 : NJ_E_UNAVAILABLE;
}

// An address of a host that is judged; "" of a trusted one.
static int find_address(const struct nj_foreign_link *link, char out[NJ_ADDRESS_TEXT_SIZE],
                        struct nj_error *err)
{
    const struct nj_resolve_request request = {.host = link->host,
                                               .rules = link->rules,
                                               .timeout_us = link->options->connect_us,
                                               .cancel = link->stop};
    struct nj_addresses found;
    struct nj_error why;
    out[0] = '\0';
    if (nj_address_is_trusted(link->rules))
        return 0;
    int rc = nj_resolve(link->resolver, &request, &found, &why);
    if (rc == 0)
        nj_addresses_text(&found, link->turn, out);
    return rc == 0 ? 0 : nj_error_set(err, rc, "PostgreSQL %s: %s", link->shown, why.text);
}

int nj_foreign_link_open(struct nj_foreign_link *link, struct nj_error *err)
{
    if (link->conn != NULL)
        return 0;
    const char *password = link->options->password;
    bool own = password != NULL && password[0] != '\0';
    const nj_us deadline_us = now_us() + link->options->connect_us; // of the lookup, too
    char address[NJ_ADDRESS_TEXT_SIZE];
    int rc = find_address(link, address, err);
    if (rc != 0)
        return rc;
    // Of two equal names the later one counts, and the URL is taken apart at its place. An empty
    // value counts as none.
    const char *const names[] = {"dbname",   "application_name",      "client_encoding",
                                 "hostaddr", own ? "password" : NULL, NULL};
    const char *const values[] = {link->options->url, link->name, "UTF8", address, password, NULL};
    link->conn = PQconnectStartParams(names, values, 1);
    if (link->conn == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory", link->shown);
    if (PQstatus(link->conn) == CONNECTION_BAD) {
        link->turn++;
        return lose(link, NJ_E_UNAVAILABLE, "connecting", err);
    }
    rc = await_connection(link, deadline_us, err);
    link->turn += rc != 0; // another of its addresses may answer
    return rc == 0 ? begin_session(link, err) : rc;
}

int nj_foreign_link_send(struct nj_foreign_link *link, const char *sql, int count,
                         const char *const *values, struct nj_error *err)
{
    if (PQsendQueryParams(link->conn, sql, count, NULL, values, NULL, NULL, 0) == 1)
        return 0;
    return lose(link, NJ_E_UNAVAILABLE, "sending a statement", err);
}

int nj_foreign_link_sync(struct nj_foreign_link *link, struct nj_error *err)
{
    if (PQpipelineSync(link->conn) == 1)
        return 0;
    link->abandoned = true;
    return lose(link, NJ_E_UNAVAILABLE, "ending a transaction", err);
}

// The next result or NULL as libpq has them.
static int next_result(struct nj_foreign_link *link, PGresult **out, struct nj_error *err)
{
    static const char waiting[] = "waiting for an answer";
    nj_us deadline = now_us() + link->options->statement_us + grace_us;
    for (;;) {
        int unsent = PQflush(link->conn);
        if (unsent < 0)
            break;
        if (!PQisBusy(link->conn)) {
            *out = PQgetResult(link->conn);
            if (PQstatus(link->conn) == CONNECTION_OK)
                return 0;
            PQclear(*out);
            break;
        }
        short events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
        int rc = wait_for(link, events, deadline);
        if (rc != 0) {
            link->abandoned = true;
            return lose(link, rc, waiting, err);
        }
        if (PQconsumeInput(link->conn) != 1)
            break;
    }
    link->abandoned = true;
    return lose(link, NJ_E_UNAVAILABLE, waiting, err);
}

int nj_foreign_link_result(struct nj_foreign_link *link, PGresult **out, struct nj_error *err)
{
    PGresult *result = NULL, *end = NULL;
    int rc = next_result(link, &result, err);
    if (rc == 0 && result != NULL)
        rc = next_result(link, &end, err);
    if (rc == 0 && (result == NULL || end != NULL))
        rc = lose(link, NJ_E_UNAVAILABLE, "reading answers that do not fit", err);
    PQclear(end);
    if (rc != 0)
        PQclear(result);
    else
        *out = result;
    return rc;
}

static void tell_error(const PGresult *result, const char *shown, struct nj_error *err)
{
    char said[NJ_ERROR_TEXT_MAX / 2];
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    enum nj_foreign_fate fate = nj_foreign_fate_of(state);
    int code = fate != NJ_FOREIGN_AGAIN ? NJ_E_INVALID : NJ_E_UNAVAILABLE;
    if (state != NULL && strcmp(state, "57014") == 0) // its statement_timeout
        code = NJ_E_TIMEOUT;
    copy_line(said, sizeof said, text != NULL ? text : PQresultErrorMessage(result));
    nj_error_set(err, code, "PostgreSQL %s: %s (%s)", shown, said, state != NULL ? state : "?");
}

enum nj_foreign_fate nj_foreign_link_fail(const struct nj_foreign_link *link,
                                          const PGresult *result, struct nj_error *err)
{
    tell_error(result, link->shown, err);
    return nj_foreign_fate_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
}

enum nj_foreign_fate nj_foreign_link_end(struct nj_foreign_link *link, struct nj_error *err)
{
    enum nj_foreign_fate fate = NJ_FOREIGN_DONE;
    for (int i = 0; i < ANSWERS_MAX; i++) {
        PGresult *result = NULL;
        if (next_result(link, &result, err) != 0)
            return NJ_FOREIGN_AGAIN;
        ExecStatusType status = PQresultStatus(result); // of NULL: an error without a state
        if (result != NULL && status == PGRES_FATAL_ERROR)
            fate = nj_foreign_link_fail(link, result, err);
        PQclear(result);
        if (result != NULL && status == PGRES_PIPELINE_SYNC)
            return fate;
    }
    (void)lose(link, NJ_E_UNAVAILABLE, "reading answers that do not fit", err);
    return NJ_FOREIGN_AGAIN;
}

enum nj_foreign_fate nj_foreign_link_ask(struct nj_foreign_link *link, const char *sql,
                                         const char *value, PGresult **out, struct nj_error *err)
{
    PGresult *result = NULL;
    const char *const values[] = {value};
    if (nj_foreign_link_send(link, sql, value != NULL, values, err) != 0 ||
        nj_foreign_link_sync(link, err) != 0 || nj_foreign_link_result(link, &result, err) != 0)
        return NJ_FOREIGN_AGAIN;
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    enum nj_foreign_fate fate = good ? NJ_FOREIGN_DONE : nj_foreign_link_fail(link, result, err);
    enum nj_foreign_fate end = nj_foreign_link_end(link, err);
    fate = fate != NJ_FOREIGN_DONE ? fate : end;
    if (fate == NJ_FOREIGN_DONE && out != NULL)
        *out = result;
    else
        PQclear(result);
    return fate;
}
