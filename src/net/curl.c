// SPDX-License-Identifier: Apache-2.0
// One request through libcurl, which connects to the addresses that were looked up and judged here
// and to no others.
#include "net/curl_priv.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    URL_SHOWN_BYTES = 200,
    NAME_FRESH_US = 60 * NJ_US_PER_S,   // servers that are asked often; not every time their name
    TIMER_SLACK_US = 20 * NJ_US_PER_MS, // libcurl's timers may be early by some milliseconds
    PLACES_SIZE = 16 + NJ_ADDRESSES_MAX * (NJ_ADDRESS_TEXT_SIZE + 3),
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    // The handles are made one per thread, and the first may be made on any of them.
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int nj_curl_init(struct nj_curl *curl, struct nj_resolver *resolver, struct nj_error *err)
{
    pthread_once(&curl_once, init_curl);
    *curl = (struct nj_curl){.handle = curl_easy_init()};
    if (curl->handle == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "libcurl gave no handle");
    if (resolver != NULL) {
        curl->resolver = nj_resolver_ref(resolver);
        return 0;
    }
    int rc = nj_resolver_create(&curl->resolver, err);
    if (rc != 0)
        nj_curl_finish(curl);
    return rc;
}

void nj_curl_finish(struct nj_curl *curl)
{
    curl_easy_cleanup(curl->handle);
    nj_resolver_destroy(curl->resolver);
    *curl = (struct nj_curl){.handle = NULL};
}

int nj_curl_blame(const char *url, int code, struct nj_error *err)
{
    char shown[URL_SHOWN_BYTES];
    nj_address_redact(url, shown, sizeof shown);
    (void)nj_error_prefix(err, "%s", shown);
    return code;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct nj_curl *curl = arg;
    curl->rc = curl->request.take(curl->request.context, bytes, size * count, curl->err);
    return curl->rc == 0 ? size * count : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct nj_curl *curl = arg;
    const size_t length = size * count;
    if (length > 5 && strncmp(bytes, "HTTP/", 5) == 0)
        curl->is_head = true; // and not when trailers come
    else if (length > 0 && (bytes[0] == '\r' || bytes[0] == '\n'))
        curl->is_head = false;
    if (curl->request.header != NULL)
        curl->request.header(curl->request.context, bytes, length);
    return length;
}

// libcurl sends again what a kept connection took along, whatever the server did with it.
static int on_send(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct nj_curl *curl = arg;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    curl->sent++;
    return curl->request.once && curl->sent > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int on_progress(void *arg, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    const struct nj_curl *curl = arg;
    (void)total_down, (void)down, (void)total_up, (void)up;
    return curl->request.cancel != NULL && nj_cancel_fired(curl->request.cancel);
}

// Whether both are the same but for the port. Digits that libcurl was given know no scope, which a
// link-local address needs: it is put in.
static bool matches(const struct sockaddr_storage *item, struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)item;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)item;
    if (item->ss_family != address->sa_family)
        return false;
    if (address->sa_family == AF_INET)
        return ((struct sockaddr_in *)address)->sin_addr.s_addr == v4->sin_addr.s_addr;
    struct sockaddr_in6 *to = (struct sockaddr_in6 *)address;
    if (memcmp(&to->sin6_addr, &v6->sin6_addr, sizeof v6->sin6_addr) != 0)
        return false;
    to->sin6_scope_id = v6->sin6_scope_id;
    return true;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct nj_curl *curl = arg;
    (void)purpose;
    for (size_t i = 0; i < curl->addresses.count; i++)
        if (matches(&curl->addresses.items[i], &address->addr))
            return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return CURL_SOCKET_BAD;
}

static bool add(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    *list = longer != NULL ? longer : *list;
    return longer != NULL;
}

// Whatever name libcurl reads out of the URL, these are its addresses.
static bool add_places(struct nj_curl *curl)
{
    char text[PLACES_SIZE], digits[NJ_ADDRESS_TEXT_SIZE];
    size_t used = (size_t)snprintf(text, sizeof text, "*:%d", nj_url_port(&curl->url));
    for (unsigned i = 0; i < curl->addresses.count; i++) {
        nj_addresses_text(&curl->addresses, i, digits);
        digits[strcspn(digits, "%")] = '\0'; // the scope
        bool v6 = strchr(digits, ':') != NULL;
        used += (size_t)snprintf(text + used, sizeof text - used, "%c%s%s%s", i == 0 ? ':' : ',',
                                 v6 ? "[" : "", digits, v6 ? "]" : "");
    }
    return add(&curl->places, text);
}

static bool add_headers(struct nj_curl *curl)
{
    const char *const *headers = curl->request.headers;
    // No "Expect: 100-continue": it costs a round trip that local servers never answer.
    bool added = add(&curl->headers, "Expect:");
    for (size_t i = 0; headers != NULL && headers[i] != NULL && added; i++)
        added = add(&curl->headers, headers[i]);
    return added;
}

static long to_ms(nj_us us)
{
    return us <= 0 ? 1 : (long)((us + NJ_US_PER_MS - 1) / NJ_US_PER_MS);
}

static void set_options(struct nj_curl *curl, nj_us connect_us, nj_us left_us)
{
    CURL *handle = curl->handle;
    curl_easy_setopt(handle, CURLOPT_URL, curl->request.url);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, curl->headers);
    curl_easy_setopt(handle, CURLOPT_RESOLVE, curl->places);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, to_ms(connect_us));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, to_ms(left_us));
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, curl);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, curl);
    curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, curl);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, curl);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, curl);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L); // other threads own the signals
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_PROXY, ""); // it would connect past the rules
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
}

static int check(struct nj_curl *curl, struct nj_error *err)
{
    const struct nj_curl_request *request = &curl->request;
    if (request->cancel != NULL && nj_cancel_fired(request->cancel))
        return nj_error_set(err, NJ_E_CANCELLED, "cancelled");
    int rc = nj_url_parse(request->url, &curl->url, err);
    if (rc == 0 && strcmp(curl->url.scheme, "http") != 0 && strcmp(curl->url.scheme, "https") != 0)
        return nj_error_set(err, NJ_E_INVALID, "it is no http or https address");
    return rc;
}

static nj_us least(nj_us a, nj_us b)
{
    return a < b ? a : b;
}

int nj_curl_begin(struct nj_curl *curl, const struct nj_curl_request *request, struct nj_error *err)
{
    curl->request = *request;
    curl->rc = curl->sent = 0;
    curl->is_head = false;
    int rc = check(curl, err);
    if (rc != 0)
        return rc;
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    const struct nj_resolve_request name = {
        .host = curl->url.host,
        .rules = request->rules,
        .timeout_us = least(request->connect_us, request->deadline_us - begun_us),
        .fresh_us = NAME_FRESH_US,
        .cancel = request->cancel,
    };
    rc = nj_resolve(curl->resolver, &name, &curl->addresses, err);
    if (rc != 0)
        return rc;
    const nj_us now_us = nj_mono_us(nj_clock_real());
    if (!add_headers(curl) || !add_places(curl))
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a request");
    set_options(curl, request->connect_us - (now_us - begun_us), request->deadline_us - now_us);
    return 0;
}

static int explain_connecting(const struct nj_curl *curl, struct nj_error *err)
{
    char text[64];
    long number = 0;
    (void)curl_easy_getinfo(curl->handle, CURLINFO_OS_ERRNO, &number);
    if (number == 0)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "no connection");
    return nj_error_set(err, NJ_E_UNAVAILABLE, "no connection: %s",
                        strerror_r((int)number, text, sizeof text));
}

static int explain(CURLcode result, const struct nj_curl *curl, struct nj_error *err)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        if (nj_mono_us(nj_clock_real()) + TIMER_SLACK_US >= curl->request.deadline_us)
            return nj_error_set(err, NJ_E_TIMEOUT, "no whole answer within %.1f s",
                                (double)curl->request.total_us / NJ_US_PER_S);
        return nj_error_set(err, NJ_E_TIMEOUT, "no connection or no byte for too long");
    case CURLE_ABORTED_BY_CALLBACK:
        if (curl->request.once && curl->sent > 1)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "the connection ended without an answer");
        return nj_error_set(err, NJ_E_CANCELLED, "cancelled");
    case CURLE_OUT_OF_MEMORY:
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    case CURLE_COULDNT_CONNECT:
        return explain_connecting(curl, err);
    case CURLE_UNSUPPORTED_PROTOCOL: // the URL was looked at before, so it is the answer
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the answer is not HTTP");
    default:
        return nj_error_set(err, NJ_E_UNAVAILABLE, "%s", curl_easy_strerror(result));
    }
}

int nj_curl_perform(struct nj_curl *curl, struct nj_error *err)
{
    curl->err = err;
    const CURLcode result = curl_easy_perform(curl->handle);
    if (curl->rc != 0)
        return curl->rc;
    if (result != CURLE_OK)
        return explain(result, curl, err);
    if (curl->is_head) // libcurl is content with an answer that ends there
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the answer broke off");
    return 0;
}

void nj_curl_end(struct nj_curl *curl)
{
    curl_easy_reset(curl->handle);
    curl_slist_free_all(curl->headers);
    curl_slist_free_all(curl->places);
    curl->headers = curl->places = NULL;
}
