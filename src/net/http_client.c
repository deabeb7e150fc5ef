// SPDX-License-Identifier: Apache-2.0
// Outgoing HTTP through libcurl: one easy handle per client, limits, cancelling, no redirects.
#include "net/http_client.h"

#include "net/url.h"
#include "util/text.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    NJ_CLIENT_URL_SHOWN_BYTES = 200, // of a URL in an error
    NJ_CLIENT_DNS_CACHE_S = 60,
};

struct nj_http_client {
    CURL *curl;
};

// What one call hands to the callbacks.
struct call_state {
    const struct nj_http_call *call;
    struct nj_buf *body;
    bool denied; // an address was against the rules:
    struct sockaddr_storage denied_address;
    struct nj_url url; // parsed when there are rules
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    // The handles are made one per thread, and the first may be made on any of them.
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int nj_http_client_create(struct nj_http_client **out, struct nj_error *err)
{
    pthread_once(&curl_once, init_curl);
    struct nj_http_client *client = calloc(1, sizeof(*client));
    if (!client)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an HTTP client");
    client->curl = curl_easy_init();
    if (!client->curl) {
        free(client);
        return nj_error_set(err, NJ_E_NOMEM, "libcurl gave no handle");
    }
    *out = client;
    return 0;
}

void nj_http_client_destroy(struct nj_http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct call_state *state = arg;
    nj_buf_append(state->body, bytes, size * count);
    return nj_buf_failed(state->body) ? 0 : size * count;
}

static int on_progress(void *arg, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    const struct call_state *state = arg;
    (void)total_down, (void)down, (void)total_up, (void)up;
    return state->call->cancel && nj_cancel_fired(state->call->cancel);
}

// The address that the name resolved to right now, whatever it meant when it was looked at.
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call_state *state = arg;
    (void)purpose;
    if (!nj_address_allowed_at(state->call->rules, state->url.host, &address->addr)) {
        size_t length = address->addrlen < sizeof state->denied_address
                            ? address->addrlen
                            : sizeof state->denied_address;
        state->denied = true;
        memcpy(&state->denied_address, &address->addr, length);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Scheme, host and path for messages: what stands before '@' and behind '?' may be secret.
static void show_url(const char *url, char out[NJ_CLIENT_URL_SHOWN_BYTES])
{
    const char *scheme_end = strstr(url, "://");
    const char *start = scheme_end ? scheme_end + 3 : url;
    size_t authority = strcspn(start, "/?#"), length = strcspn(start, "?#");
    const char *at = memrchr(start, '@', authority);
    size_t hidden = at ? (size_t)(at + 1 - start) : 0;
    size_t scheme = (size_t)(start - url), shown = length - hidden;
    if (scheme + shown >= NJ_CLIENT_URL_SHOWN_BYTES)
        shown = scheme < NJ_CLIENT_URL_SHOWN_BYTES ? NJ_CLIENT_URL_SHOWN_BYTES - 1 - scheme : 0;
    if (scheme >= NJ_CLIENT_URL_SHOWN_BYTES)
        scheme = 0;
    memcpy(out, url, scheme);
    memcpy(out + scheme, start + hidden, shown);
    out[scheme + shown] = '\0';
}

static struct curl_slist *make_headers(const struct nj_http_call *call, bool *failed)
{
    // No "Expect: 100-continue": it costs a round trip that local detectors never answer.
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    *failed = list == NULL;
    for (size_t i = 0; call->headers && call->headers[i] && !*failed; i++) {
        struct curl_slist *longer = curl_slist_append(list, call->headers[i]);
        *failed = longer == NULL;
        list = longer ? longer : list;
    }
    return list;
}

static int set_multipart(CURL *curl, const struct nj_http_part *part, curl_mime **out)
{
    curl_mime *mime = curl_mime_init(curl);
    curl_mimepart *field = mime ? curl_mime_addpart(mime) : NULL;
    *out = mime;
    if (!field || curl_mime_name(field, part->name) != CURLE_OK ||
        curl_mime_data(field, part->bytes, part->length) != CURLE_OK)
        return NJ_E_NOMEM;
    if (part->file_name && curl_mime_filename(field, part->file_name) != CURLE_OK)
        return NJ_E_NOMEM;
    if (part->content_type && curl_mime_type(field, part->content_type) != CURLE_OK)
        return NJ_E_NOMEM;
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    return 0;
}

static long to_ms(nj_us us)
{
    return us <= 0 ? 1 : (long)((us + NJ_US_PER_MS - 1) / NJ_US_PER_MS);
}

static void set_limits(CURL *curl, struct call_state *state)
{
    const struct nj_http_call *call = state->call;
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, to_ms(call->connect_timeout_us));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, to_ms(call->total_timeout_us));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, state);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, state);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); // other threads own the signals
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); // the environment must not divert pictures
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, (long)NJ_CLIENT_DNS_CACHE_S);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
}

static void set_access(CURL *curl, struct call_state *state)
{
    const struct nj_http_call *call = state->call;
    if (call->username) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
        curl_easy_setopt(curl, CURLOPT_USERNAME, call->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, call->password ? call->password : "");
    }
    if (call->any_certificate) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (call->rules) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, state);
    }
}

static void read_header(CURL *curl, const char *name, char out[NJ_HTTP_TAG_SIZE])
{
    struct curl_header *header = NULL;
    out[0] = '\0';
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
        !nj_text_copy(out, NJ_HTTP_TAG_SIZE, header->value))
        out[0] = '\0'; // half a tag is none
}

static void read_head(CURL *curl, struct nj_http_answer_head *head)
{
    const char *location = NULL;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    if (!nj_text_copy(head->location, sizeof head->location, location ? location : ""))
        head->location[0] = '\0';
    read_header(curl, "ETag", head->etag);
    read_header(curl, "Last-Modified", head->last_modified);
}

static void set_body(CURL *curl, const struct nj_http_call *call)
{
    const char *method = call->method ? call->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (call->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static int explain(CURLcode result, const struct call_state *state, struct nj_error *err)
{
    char url[NJ_CLIENT_URL_SHOWN_BYTES];
    const struct nj_http_call *call = state->call;
    show_url(call->url, url);
    if (state->denied)
        return nj_address_deny(state->url.host, (const struct sockaddr *)&state->denied_address,
                               err);
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return nj_error_set(err, NJ_E_TIMEOUT, "%s did not answer within %.1f s", url,
                            (double)call->total_timeout_us / NJ_US_PER_S);
    case CURLE_ABORTED_BY_CALLBACK:
        return nj_error_set(err, NJ_E_CANCELLED, "call of %s was cancelled", url);
    case CURLE_WRITE_ERROR:
        if (nj_buf_failed(state->body) == NJ_E_TOO_BIG)
            return nj_error_set(err, NJ_E_TOO_BIG, "the answer of %s is larger than %zu bytes", url,
                                call->max_response_bytes);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the answer of %s", url);
    case CURLE_OUT_OF_MEMORY:
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a call of %s", url);
    case CURLE_UNSUPPORTED_PROTOCOL: // the URL was looked at before, so it is the answer
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s: the answer is not HTTP", url);
    case CURLE_URL_MALFORMAT:
        return nj_error_set(err, NJ_E_INVALID, "%s is not an http or https URL", url);
    default:
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s: %s", url, curl_easy_strerror(result));
    }
}

static bool is_http_url(const char *url)
{
    return url && (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

static int finish_call(CURL *curl, const struct call_state *state, int *out_status,
                       struct nj_buf *out_body, struct nj_error *err)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    nj_buf_append(out_body, state->body->data, state->body->length);
    int code = nj_buf_failed(out_body);
    if (code)
        return nj_error_set(err, code, "no room for the answer");
    if (state->call->head)
        read_head(curl, state->call->head);
    *out_status = (int)status;
    return 0;
}

// The URL and the token, before anything is done.
static int check_call(struct call_state *state, struct nj_error *err)
{
    const struct nj_http_call *call = state->call;
    if (!is_http_url(call->url))
        return explain(CURLE_URL_MALFORMAT,
                       &(struct call_state){.call = &(struct nj_http_call){.url = ""}}, err);
    if (call->cancel && nj_cancel_fired(call->cancel))
        return explain(CURLE_ABORTED_BY_CALLBACK, state, err);
    return call->rules ? nj_url_parse(call->url, &state->url, err) : 0;
}

int nj_http_client_call(struct nj_http_client *client, const struct nj_http_call *call,
                        int *out_status, struct nj_buf *out_body, struct nj_error *err)
{
    CURL *curl = client->curl;
    struct nj_buf body;
    struct call_state state = {.call = call, .body = &body};
    int code = check_call(&state, err);
    if (code)
        return code;
    nj_buf_init(&body, call->max_response_bytes);
    curl_easy_reset(curl); // keeps the live connections
    bool failed;
    curl_mime *mime = NULL;
    struct curl_slist *headers = make_headers(call, &failed);
    CURLcode result = failed ? CURLE_OUT_OF_MEMORY : CURLE_OK;
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_limits(curl, &state);
    set_access(curl, &state);
    if (!call->part)
        set_body(curl, call);
    else if (set_multipart(curl, call->part, &mime) != 0)
        result = CURLE_OUT_OF_MEMORY;
    if (result == CURLE_OK)
        result = curl_easy_perform(curl);
    code = result == CURLE_OK ? finish_call(curl, &state, out_status, out_body, err)
                              : explain(result, &state, err);
    curl_easy_reset(curl); // it must not keep pointers of this call
    curl_mime_free(mime);
    curl_slist_free_all(headers);
    nj_buf_finish(&body);
    return code;
}
