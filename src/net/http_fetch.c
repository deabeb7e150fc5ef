// SPDX-License-Identifier: Apache-2.0
// Fetching to a sink through libcurl. Each socket is opened under the address rules, so that a name
// cannot mean another host between the check and the connection.
#include "net/http_fetch.h"

#include "net/url.h"
#include "util/text.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    SHOWN_BYTES = 200,
    HEADER_MAX = 512,
    TIMER_SLACK_US = 20 * NJ_US_PER_MS, // libcurl's timers may be early by some milliseconds
};

static const char *const schemes[] = {"http", "https", NULL};

// One transfer, the first or after a redirect.
struct transfer {
    const struct nj_http_fetch *fetch;
    const char *host; // of this URL
    struct nj_http_answer answer;
    struct nj_error *err;
    int64_t received;
    int rc;     // of sink and limits
    bool begun; // the sink knows the head
    bool denied;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT); // counts its callers
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void reset_answer(struct nj_http_answer *answer)
{
    *answer = (struct nj_http_answer){.length = -1, .range_start = -1};
}

// The value of a header line when its name is `name`, without blanks around it; false else.
static bool value_of(const char *line, const char *name, char *out, size_t size)
{
    const size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    const char *value = line + length + 1 + strspn(line + length + 1, " \t");
    if (!nj_text_copy(out, size, value))
        out[0] = '\0'; // cut, it would mean something else
    return true;
}

static void take_range(struct nj_http_answer *answer, const char *range)
{
    char digits[24];
    int64_t start = -1;
    if (strncasecmp(range, "bytes ", 6) != 0)
        return;
    range += 6;
    const size_t length = strspn(range, "0123456789");
    if (length == 0 || length >= sizeof digits || range[length] != '-')
        return;
    memcpy(digits, range, length);
    digits[length] = '\0';
    if (nj_text_to_int(digits, &start) == 0)
        answer->range_start = start;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct nj_http_answer *answer = &transfer->answer;
    char line[HEADER_MAX], value[HEADER_MAX];
    size_t length = size * count;
    if (length >= sizeof line)
        return length; // none of those that matter
    memcpy(line, bytes, length);
    while (length > 0 && strchr("\r\n \t", bytes[length - 1]) != NULL)
        length--;
    line[length] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0)
        reset_answer(answer); // a final answer after an interim one
    else if (value_of(line, "Content-Range", value, sizeof value))
        take_range(answer, value);
    else if (!value_of(line, "ETag", answer->etag, sizeof answer->etag))
        value_of(line, "Last-Modified", answer->last_modified, sizeof answer->last_modified);
    return size * count;
}

static int fail_too_big(struct transfer *transfer)
{
    return nj_error_set(transfer->err, NJ_E_TOO_BIG, "the answer has more than %lld bytes",
                        (long long)transfer->fetch->max_bytes);
}

// The head is whole. Redirects and failures have no bytes for the sink.
static int begin(struct transfer *transfer, CURL *curl)
{
    struct nj_http_answer *answer = &transfer->answer;
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    answer->status = (int)status;
    answer->length = length;
    transfer->begun = true;
    if (is_redirect(answer->status))
        return 0;
    if (length > transfer->fetch->max_bytes)
        return fail_too_big(transfer);
    return transfer->fetch->sink.begin(transfer->fetch->sink.context, answer, transfer->err);
}

struct body_arg {
    struct transfer *transfer;
    CURL *curl;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    const struct body_arg *body = arg;
    struct transfer *transfer = body->transfer;
    const struct nj_http_fetch *fetch = transfer->fetch;
    const size_t length = size * count;
    if (!transfer->begun)
        transfer->rc = begin(transfer, body->curl);
    transfer->received += (int64_t)length;
    if (transfer->rc == 0 && transfer->received > fetch->max_bytes)
        transfer->rc = fail_too_big(transfer);
    if (transfer->rc == 0 && (transfer->answer.status == 200 || transfer->answer.status == 206))
        transfer->rc = fetch->sink.take(fetch->sink.context, bytes, length, transfer->err);
    return transfer->rc == 0 ? length : 0;
}

static int on_progress(void *arg, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    const struct transfer *transfer = arg;
    (void)total_down, (void)down, (void)total_up, (void)up;
    return transfer->fetch->cancel != NULL && nj_cancel_fired(transfer->fetch->cancel);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    (void)purpose;
    if (!nj_address_allowed_at(transfer->fetch->rules, transfer->host, &address->addr)) {
        transfer->denied = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static long to_ms(nj_us us)
{
    return us <= 0 ? 1 : (long)((us + NJ_US_PER_MS - 1) / NJ_US_PER_MS);
}

static void set_up(CURL *curl, struct transfer *transfer, const struct body_arg *body,
                   nj_us left_us)
{
    const struct nj_http_fetch *fetch = transfer->fetch;
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, to_ms(fetch->connect_us));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, to_ms(left_us));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (to_ms(fetch->idle_us) + 999) / 1000);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); // other threads own the signals
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); // a proxy would connect past the rules
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

static int explain(CURLcode result, const struct transfer *transfer, bool late)
{
    struct nj_error *err = transfer->err;
    const struct nj_http_fetch *fetch = transfer->fetch;
    if (transfer->rc != 0)
        return transfer->rc; // says itself why
    if (transfer->denied)
        return nj_error_set(err, NJ_E_DENIED, "host %s: its address is not allowed",
                            transfer->host);
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        if (late)
            return nj_error_set(err, NJ_E_TIMEOUT, "not whole within %.1f s",
                                (double)fetch->total_us / NJ_US_PER_S);
        return nj_error_set(err, NJ_E_TIMEOUT, "no connection or no byte for too long");
    case CURLE_ABORTED_BY_CALLBACK:
        return nj_error_set(err, NJ_E_CANCELLED, "cancelled");
    case CURLE_OUT_OF_MEMORY:
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    case CURLE_UNSUPPORTED_PROTOCOL:
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the answer is not HTTP");
    default:
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s", curl_easy_strerror(result));
    }
}

static struct curl_slist *make_headers(const struct nj_http_fetch *fetch, bool *failed)
{
    struct curl_slist *list = NULL;
    *failed = false;
    for (size_t i = 0; fetch->headers && fetch->headers[i] && !*failed; i++) {
        struct curl_slist *longer = curl_slist_append(list, fetch->headers[i]);
        *failed = longer == NULL;
        list = longer ? longer : list;
    }
    return list;
}

// One answer. `next` gets where a redirect points, or "".
static int perform(CURL *curl, struct transfer *transfer, const char *url, nj_us deadline_us,
                   char next[NJ_URL_MAX])
{
    const struct body_arg body = {transfer, curl};
    const nj_us left_us = deadline_us - nj_mono_us(nj_clock_real());
    bool failed = false;
    reset_answer(&transfer->answer);
    if (left_us <= 0)
        return explain(CURLE_OPERATION_TIMEDOUT, transfer, true);
    curl_easy_reset(curl); // keeps the live connections
    struct curl_slist *headers = make_headers(transfer->fetch, &failed);
    set_up(curl, transfer, &body, left_us);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    const CURLcode result = failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(curl);
    if (result == CURLE_OK && !transfer->begun) // an empty body
        transfer->rc = begin(transfer, curl);
    next[0] = '\0';
    const char *location = NULL;
    if (is_redirect(transfer->answer.status) &&
        curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location) == CURLE_OK && location != NULL &&
        !nj_text_copy(next, NJ_URL_MAX, location))
        transfer->rc =
            nj_error_set(transfer->err, NJ_E_UNAVAILABLE, "redirected to too long a URL");
    curl_slist_free_all(headers);
    if (result == CURLE_OK && transfer->rc == 0)
        return 0;
    return explain(result, transfer, nj_mono_us(nj_clock_real()) + TIMER_SLACK_US >= deadline_us);
}

// A fetch on its way from redirect to redirect.
struct journey {
    CURL *curl;
    const struct nj_http_fetch *fetch;
    nj_us deadline_us;
    char url[NJ_URL_MAX]; // the next one; "" when there is none
};

// Checks one URL and fetches it; errors say which one it was.
static int step(struct journey *journey, struct nj_http_answer *answer, struct nj_error *err)
{
    const struct nj_http_fetch *fetch = journey->fetch;
    char *url = journey->url;
    struct nj_url parsed;
    char next[NJ_URL_MAX] = "", shown[SHOWN_BYTES];
    struct transfer transfer = {.fetch = fetch, .host = parsed.host, .err = err};
    int rc = nj_address_check_url(fetch->rules, url, schemes, err);
    if (rc == 0)
        rc = nj_url_parse(url, &parsed, err);
    if (rc == 0)
        rc = perform(journey->curl, &transfer, url, journey->deadline_us, next);
    if (rc == 0 && strcmp(parsed.scheme, "https") == 0 && strncasecmp(next, "http:", 5) == 0)
        rc = nj_error_set(err, NJ_E_DENIED, "redirected from https to http");
    if (rc != 0) {
        nj_address_redact(url, shown, sizeof shown);
        nj_error_prefix(err, "%s", shown);
        return rc;
    }
    *answer = transfer.answer;
    memcpy(url, next, NJ_URL_MAX);
    return 0;
}

int nj_http_fetch(const struct nj_http_fetch *fetch, struct nj_http_answer *out,
                  struct nj_error *err)
{
    struct nj_http_answer answer;
    struct journey journey = {.fetch = fetch,
                              .deadline_us = nj_mono_us(nj_clock_real()) + fetch->total_us};
    if (!nj_text_copy(journey.url, sizeof journey.url, fetch->url))
        return nj_error_set(err, NJ_E_INVALID, "the URL is longer than %d bytes", NJ_URL_MAX - 1);
    if (fetch->cancel != NULL && nj_cancel_fired(fetch->cancel))
        return nj_error_set(err, NJ_E_CANCELLED, "cancelled");
    pthread_once(&curl_once, init_curl);
    journey.curl = curl_easy_init();
    if (journey.curl == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "libcurl gave no handle");
    int rc = 0;
    reset_answer(&answer);
    for (int i = 0; rc == 0 && journey.url[0] != '\0'; i++) {
        if (i > fetch->max_redirects)
            rc =
                nj_error_set(err, NJ_E_UNAVAILABLE, "more than %d redirects", fetch->max_redirects);
        else
            rc = step(&journey, &answer, err);
    }
    curl_easy_cleanup(journey.curl);
    if (rc == 0 && is_redirect(answer.status))
        rc = nj_error_set(err, NJ_E_UNAVAILABLE, "redirected to nowhere");
    if (rc == 0)
        *out = answer;
    return rc;
}
