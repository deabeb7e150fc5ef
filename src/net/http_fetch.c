// SPDX-License-Identifier: Apache-2.0
// Fetching to a sink: each redirect is a request of its own, held against the rules.
#include "net/http_fetch.h"

#include "net/curl_priv.h"
#include "util/text.h"

#include <string.h>
#include <strings.h>

enum { HEADER_MAX = 512 };

// One transfer, the first or after a redirect.
struct transfer {
    const struct nj_http_fetch *fetch;
    CURL *handle;
    struct nj_http_answer answer;
    int64_t received;
    bool begun; // the sink knows the head
};

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

static void note_header(void *context, const char *bytes, size_t length)
{
    struct transfer *transfer = context;
    struct nj_http_answer *answer = &transfer->answer;
    char line[HEADER_MAX], value[HEADER_MAX];
    if (length >= sizeof line)
        return; // none of those that matter
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
}

static int fail_too_big(const struct transfer *transfer, struct nj_error *err)
{
    return nj_error_set(err, NJ_E_TOO_BIG, "the answer has more than %lld bytes",
                        (long long)transfer->fetch->max_bytes);
}

// The head is whole. Redirects and failures have no bytes for the sink.
static int begin(struct transfer *transfer, struct nj_error *err)
{
    struct nj_http_answer *answer = &transfer->answer;
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    answer->status = (int)status;
    answer->length = length;
    transfer->begun = true;
    if (is_redirect(answer->status))
        return 0;
    if (length > transfer->fetch->max_bytes)
        return fail_too_big(transfer, err);
    return transfer->fetch->sink.begin(transfer->fetch->sink.context, answer, err);
}

static int take(void *context, const void *bytes, size_t length, struct nj_error *err)
{
    struct transfer *transfer = context;
    const struct nj_http_fetch *fetch = transfer->fetch;
    int rc = transfer->begun ? 0 : begin(transfer, err);
    transfer->received += (int64_t)length;
    if (rc == 0 && transfer->received > fetch->max_bytes)
        rc = fail_too_big(transfer, err);
    if (rc == 0 && (transfer->answer.status == 200 || transfer->answer.status == 206))
        rc = fetch->sink.take(fetch->sink.context, bytes, length, err);
    return rc;
}

// Where a redirect points, or "".
static int read_location(const struct transfer *transfer, char next[NJ_URL_MAX],
                         struct nj_error *err)
{
    const char *location = NULL;
    next[0] = '\0';
    if (!is_redirect(transfer->answer.status) ||
        curl_easy_getinfo(transfer->handle, CURLINFO_REDIRECT_URL, &location) != CURLE_OK ||
        location == NULL || nj_text_copy(next, NJ_URL_MAX, location))
        return 0;
    return nj_error_set(err, NJ_E_UNAVAILABLE, "redirected to too long a URL");
}

static int perform(struct nj_curl *curl, struct transfer *transfer, struct nj_error *err)
{
    const nj_us idle_us = transfer->fetch->idle_us;
    curl_easy_setopt(curl->handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl->handle, CURLOPT_LOW_SPEED_TIME,
                     (long)((idle_us + NJ_US_PER_S - 1) / NJ_US_PER_S));
    int rc = nj_curl_perform(curl, err);
    return rc == 0 && !transfer->begun ? begin(transfer, err) : rc; // an empty body
}

// A fetch on its way from redirect to redirect.
struct journey {
    struct nj_curl curl;
    const struct nj_http_fetch *fetch;
    nj_us deadline_us;
    char url[NJ_URL_MAX]; // the next one; "" when there is none
};

// Checks one URL and fetches it; errors say which one it was.
static int step(struct journey *journey, struct nj_http_answer *answer, struct nj_error *err)
{
    static const char *const schemes[] = {"http", "https", NULL};
    const struct nj_http_fetch *fetch = journey->fetch;
    struct nj_curl *curl = &journey->curl;
    struct transfer transfer = {.fetch = fetch, .handle = curl->handle};
    const struct nj_curl_request request = {
        .url = journey->url,
        .headers = fetch->headers,
        .rules = fetch->rules,
        .connect_us = fetch->connect_us,
        .deadline_us = journey->deadline_us,
        .total_us = fetch->total_us,
        .cancel = fetch->cancel,
        .take = take,
        .header = note_header,
        .context = &transfer,
    };
    char next[NJ_URL_MAX] = "";
    reset_answer(&transfer.answer);
    int rc = nj_address_check_form(fetch->rules, journey->url, schemes, err);
    if (rc == 0)
        rc = nj_curl_begin(curl, &request, err);
    if (rc == 0)
        rc = perform(curl, &transfer, err);
    if (rc == 0)
        rc = read_location(&transfer, next, err);
    if (rc == 0 && strcmp(curl->url.scheme, "https") == 0 && strncasecmp(next, "http:", 5) == 0)
        rc = nj_error_set(err, NJ_E_DENIED, "redirected from https to http");
    nj_curl_end(curl);
    if (rc != 0)
        return nj_curl_blame(journey->url, rc, err);
    *answer = transfer.answer;
    memcpy(journey->url, next, sizeof next);
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
    int rc = nj_curl_init(&journey.curl, fetch->resolver, err);
    if (rc != 0)
        return rc;
    reset_answer(&answer);
    for (int i = 0; rc == 0 && journey.url[0] != '\0'; i++) {
        if (i > fetch->max_redirects)
            rc =
                nj_error_set(err, NJ_E_UNAVAILABLE, "more than %d redirects", fetch->max_redirects);
        else
            rc = step(&journey, &answer, err);
    }
    nj_curl_finish(&journey.curl);
    if (rc == 0 && is_redirect(answer.status))
        rc = nj_error_set(err, NJ_E_UNAVAILABLE, "redirected to nowhere");
    if (rc == 0)
        *out = answer;
    return rc;
}
