// SPDX-License-Identifier: Apache-2.0
// Which names this server answers to, and which pages may call it: the guard against names that
// are made to point here (DNS rebinding) and against calls from foreign pages.
#include "http/http_priv.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_SIZE = 256 };

static bool is_port(const char *text)
{
    return *text == '\0' || (*text == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

// Lower case, without a dot at the end.
static bool copy_name(const char *from, size_t length, char name[NAME_SIZE])
{
    if (length == 0 || length >= NAME_SIZE)
        return false;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i]);
    if (length > 1 && name[length - 1] == '.')
        length--;
    name[length] = '\0';
    return true;
}

// The name of "name", "name:port", "[v6]" or "[v6]:port" without brackets. False when malformed.
static bool split_authority(const char *authority, char name[NAME_SIZE])
{
    bool bracketed = authority[0] == '[';
    const char *from = authority + bracketed;
    size_t length = strcspn(from, bracketed ? "]" : ":");
    if (bracketed && from[length] != ']')
        return false;
    return is_port(from + length + bracketed) && copy_name(from, length, name);
}

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

bool nj_host_is_loopback(const char *name)
{
    struct in_addr v4;
    size_t length = strlen(name);
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "::1") == 0 ||
        (length > 10 && strcasecmp(name + length - 10, ".localhost") == 0))
        return true;
    return inet_pton(AF_INET, name, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

static bool is_any_address(const char *name)
{
    return strcmp(name, "0.0.0.0") == 0 || strcmp(name, "::") == 0 || name[0] == '\0';
}

int nj_hosts_init(struct nj_api *api, const struct nj_api_options *options, const char *bound,
                  struct nj_error *err)
{
    const struct nj_text_list *list = &options->allowed_hosts;
    api->bound_host = nj_strdup(bound);
    api->hosts = calloc(list->count + 1, sizeof *api->hosts);
    if (api->bound_host == NULL || api->hosts == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the allowed hosts");
    for (size_t i = 0; i < list->count; i++) {
        api->hosts[i] = nj_strdup(list->items[i]);
        if (api->hosts[i] == NULL)
            return nj_error_set(err, NJ_E_NOMEM, "no memory for the allowed hosts");
        api->host_count++;
    }
    return 0;
}

void nj_hosts_finish(struct nj_api *api)
{
    for (size_t i = 0; i < api->host_count; i++)
        free(api->hosts[i]);
    free(api->hosts);
    free(api->bound_host);
}

// An entry is "name" (any port) or "name:port".
static bool is_listed(const struct nj_api *api, const char *authority, const char *name)
{
    for (size_t i = 0; i < api->host_count; i++) {
        if (strcasecmp(api->hosts[i], name) == 0 || strcasecmp(api->hosts[i], authority) == 0)
            return true;
    }
    return false;
}

bool nj_host_allowed(const struct nj_api *api, const struct nj_http_request *request)
{
    const char *host = nj_http_header(request, "Host");
    char name[NAME_SIZE];
    if (host == NULL)
        return true; // HTTP/1.0, which no browser speaks
    if (!split_authority(host, name))
        return false;
    // An address cannot be rebound: when we listen on all of them, each is ours.
    return nj_host_is_loopback(name) || strcasecmp(name, api->bound_host) == 0 ||
           (is_any_address(api->bound_host) && is_address(name)) || is_listed(api, host, name);
}

bool nj_origin_allowed(const struct nj_api *api, const struct nj_http_request *request)
{
    const char *origin = nj_http_header(request, "Origin");
    const char *host = nj_http_header(request, "Host");
    char name[NAME_SIZE];
    if (origin == NULL)
        return true; // no page
    const char *authority = strstr(origin, "://");
    if (authority == NULL || !split_authority(authority + 3, name))
        return false; // "null" too
    return (host != NULL && strcasecmp(authority + 3, host) == 0) ||
           is_listed(api, authority + 3, name);
}
